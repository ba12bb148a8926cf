//! What may stand after a flag and is not of the configuration's language: listening addresses, close codes,
//! log targets, permissions, requests.
//!
//! Each parser turns text into the type that the gateway takes, and its error says only what would be right:
//! clap names the flag and repeats the text in front of it.

pub(crate) mod ask;
pub(crate) mod close_code;
pub(crate) mod listen;
pub(crate) mod log_target;
pub(crate) mod mode;

//! What may stand after a flag: sizes, durations, addresses, close codes, as types.
//!
//! Each parser turns text into the type that the gateway takes, and its error says only what would be right:
//! clap names the flag and repeats the text in front of it.

pub(crate) mod ask;
pub(crate) mod byte_size;
pub(crate) mod close_code;
pub(crate) mod duration;
pub(crate) mod listen;
pub(crate) mod log_target;
pub(crate) mod upstream;

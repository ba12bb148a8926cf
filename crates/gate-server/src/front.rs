//! The side of the gateway that clients see: sockets, and their opening handshakes.

pub(crate) mod fields;
pub(crate) mod handshake;
pub(crate) mod listener;
pub(crate) mod refusal;

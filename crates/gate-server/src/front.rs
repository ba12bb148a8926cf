//! The side of the gateway that clients see: sockets, HTTP, and opening handshakes.

mod agents;
pub(crate) mod arrival;
pub(crate) mod body;
mod builtin;
mod client;
pub(crate) mod conversation;
pub(crate) mod course;
pub(crate) mod fields;
pub(crate) mod listener;
mod logged;
mod proxy;
pub(crate) mod refusal;
mod request;
mod request_line;
mod sip;
mod token;
mod traced;
mod upgrade;

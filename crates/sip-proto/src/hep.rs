//! HEP, by which capture servers such as Homer are told what passed: packets of version 3 are
//! written, those of versions 1 to 3 are read.
//!
//! Not here: what is told of an event, how packets travel, and payloads that are compressed.

mod chunk;
mod decode;
mod encode;
pub mod fuzz;
#[cfg(test)]
mod tests;

pub use decode::{HepError, Packet, Version, packet_len};
pub use encode::{Agent, Ends, HEAD_MAX, Stamp, Template, Told};

/// Whether all of a payload has gone into a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It has.
    Whole,
    /// Its end has not.
    Short,
}

/// The number of TCP in chunks of the IP protocol.
pub const TCP: u8 = 6;

/// The number of UDP there.
pub const UDP: u8 = 17;

/// What OpenSIPS writes there for TLS.
pub const OPENSIPS_TLS: u8 = 22;

/// And for WebSocket, be it over TLS or not.
pub const OPENSIPS_WS: u8 = 50;

/// The type of a payload that is a SIP message.
pub const SIP: u8 = 1;

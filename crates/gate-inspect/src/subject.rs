//! A message as it is judged.

use gate_core::Side;

/// What a message is to the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text message: UTF-8.
    Text,
    /// A binary message: anything, text among it.
    Binary,
    /// The payload of a ping or pong, or the reason of a Close: seen by detectors and patterns only.
    Control,
}

/// A whole message, unmasked and inflated.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Who sent it.
    pub from: Side,
    /// What it is.
    pub kind: Kind,
    /// What it says.
    pub payload: &'a [u8],
}

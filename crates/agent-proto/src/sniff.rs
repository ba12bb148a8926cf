//! Which version a client speaks, told from the first bytes of its stream.

/// Bytes that are needed to tell.
pub const SNIFF_LENGTH: usize = 5;

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// One question, one answer, in order.
    V1,
    /// A handshake, then types and correlation ids.
    V2,
}

/// Tells the version; `None` while there are less than [`SNIFF_LENGTH`] bytes.
///
/// Behind the length a client of version 2 has the type of its handshake, 1, with which no JSON
/// begins.
#[must_use]
pub fn sniff(beginning: &[u8]) -> Option<Version> {
    let first = beginning.get(SNIFF_LENGTH - 1)?;
    Some(if *first == 1 { Version::V2 } else { Version::V1 })
}

//! Frames as bytes (RFC 6455 §5.2), legal or not: made and read back without the code
//! under test.

use gate_core::Side;

/// The key of every frame that a client sends here, unless a test says otherwise. A peer
/// may use one key for ever (§5.3 only says that it should not).
pub const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// FIN and text.
pub const TEXT: u8 = 0x81;
/// FIN and binary.
pub const BINARY: u8 = 0x82;
/// FIN and Close.
pub const CLOSE: u8 = 0x88;
/// FIN and ping.
pub const PING: u8 = 0x89;
/// FIN and pong.
pub const PONG: u8 = 0x8a;

/// How a header tells the length of the payload.
#[derive(Clone, Copy, Debug)]
pub enum Length {
    /// In the fewest bytes, as it must be.
    Fewest(u64),
    /// In two bytes, be it right or not.
    Two(u16),
    /// In eight bytes, be it right or not.
    Eight(u64),
}

/// A frame of `from`, masked if that is the client. `first` holds FIN, RSV1 to RSV3 and
/// the opcode.
#[must_use]
pub fn frame(from: Side, first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, mask_of(from), Length::Fewest(length(payload)));
    push_payload(&mut bytes, payload, mask_of(from));
    bytes
}

/// A client's frame with a key of its own.
#[must_use]
pub fn masked_with(key: [u8; 4], first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, Some(key), Length::Fewest(length(payload)));
    push_payload(&mut bytes, payload, Some(key));
    bytes
}

/// A binary frame with a payload so large that masking it would take its time: the key
/// of a client is all zeros, which is legal.
#[must_use]
pub fn large(from: Side, payload: &[u8]) -> Vec<u8> {
    match from {
        Side::Client => masked_with([0; 4], BINARY, payload),
        Side::Upstream => frame(from, BINARY, payload),
    }
}

/// A frame that is masked where it must not be, or not masked where it must be.
#[must_use]
pub fn wrongly_masked(from: Side, first: u8, payload: &[u8]) -> Vec<u8> {
    frame(from.other(), first, payload)
}

/// A Close frame of `from`.
#[must_use]
pub fn close(from: Side, code: u16, reason: &str) -> Vec<u8> {
    frame(from, CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// A header alone, and whatever it declares.
#[must_use]
pub fn header(first: u8, mask: Option<[u8; 4]>, length: Length) -> Vec<u8> {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match length {
        Length::Fewest(length) => match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short @ 0..=125), _) => bytes.push(masked | short),
            (_, Ok(medium)) => return header(first, mask, Length::Two(medium)),
            (_, Err(_)) => return header(first, mask, Length::Eight(length)),
        },
        Length::Two(length) => {
            bytes.push(masked | 126);
            bytes.extend(length.to_be_bytes());
        }
        Length::Eight(length) => {
            bytes.push(masked | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend(mask.unwrap_or_default().iter().take(if mask.is_some() { 4 } else { 0 }));
    bytes
}

/// The mask that frames of `from` have here.
#[must_use]
pub fn mask_of(from: Side) -> Option<[u8; 4]> {
    match from {
        Side::Client => Some(MASK),
        Side::Upstream => None,
    }
}

fn push_payload(bytes: &mut Vec<u8>, payload: &[u8], mask: Option<[u8; 4]>) {
    match mask {
        // A key of zeros changes nothing, and is what large payloads get for speed.
        None | Some([0, 0, 0, 0]) => bytes.extend_from_slice(payload),
        Some(key) => bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key)),
    }
}

fn length(payload: &[u8]) -> u64 {
    u64::try_from(payload.len()).expect("memory is less than 2^64")
}

/// A frame as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// FIN, RSV1 to RSV3 and the opcode.
    pub first: u8,
    /// The key, if it was masked.
    pub mask: Option<[u8; 4]>,
    /// The payload, unmasked.
    pub payload: Vec<u8>,
}

impl Frame {
    /// The frame that `bytes` begin with, and its length; `None` until it is whole.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let [first, second, rest @ ..] = bytes else { return None };
        let (payload_len, rest) = match (second & 0x7f, rest) {
            (126, [a, b, rest @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), rest),
            (127, rest) => {
                let (length, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*length), rest)
            }
            (126, _) => return None,
            (short, rest) => (u64::from(short), rest),
        };
        let (mask, rest) = if second & 0x80 == 0 {
            (None, rest)
        } else {
            let (key, rest) = rest.split_first_chunk::<4>()?;
            (Some(*key), rest)
        };
        let (payload, rest) = rest.split_at_checked(usize::try_from(payload_len).ok()?)?;
        let mut unmasked = Vec::with_capacity(payload.len());
        push_payload(&mut unmasked, payload, mask);
        Some((Self { first: *first, mask, payload: unmasked }, bytes.len() - rest.len()))
    }

    /// The code and the reason of a Close frame with a body.
    #[must_use]
    pub fn close(&self) -> Option<(u16, &str)> {
        match (self.first, self.payload.as_slice()) {
            (CLOSE, [high, low, reason @ ..]) => {
                Some((u16::from_be_bytes([*high, *low]), str::from_utf8(reason).ok()?))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_read_back_at_every_length_form() {
        for side in Side::BOTH {
            for size in [0, 1, 125, 126, 65_535, 65_536] {
                let payload = vec![7; size];
                let mut bytes = frame(side, BINARY, &payload);
                let whole = bytes.len();
                assert_eq!(Frame::parse(&bytes[..whole - 1]), None);
                bytes.push(0);
                let expected = Frame { first: BINARY, mask: mask_of(side), payload };
                assert_eq!(Frame::parse(&bytes), Some((expected, whole)));
            }
        }
    }

    #[test]
    fn the_example_of_rfc_6455_5_7_comes_out() {
        let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(frame(Side::Client, TEXT, b"Hello"), hello);
    }
}

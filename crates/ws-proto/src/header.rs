//! The header of a frame (RFC 6455 §5.2), strictly: everything that can be judged
//! without knowing what came before is judged here.

use crate::error::FrameError;
use crate::mask::MaskKey;
use crate::opcode::Opcode;

/// Which end sends the frames: it decides about masks (RFC 6455 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// Its frames must be masked.
    Client,
    /// Its frames must not be masked.
    Server,
}

/// A complete frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// The frame ends its message.
    pub fin: bool,
    /// The message is compressed, where permessage-deflate is in use.
    pub rsv1: bool,
    /// What the frame carries.
    pub opcode: Opcode,
    /// The key of a client's frame.
    pub mask: Option<MaskKey>,
    /// Bytes of payload that follow, at most 2^63 - 1.
    pub payload_len: u64,
}

/// The longest header: two bytes, an eight-byte length, a key.
pub const MAX_HEADER_LEN: usize = 14;

impl FrameHeader {
    /// Reads the header at the start of `bytes` and says how long it is; `None` while
    /// it is incomplete. A fault is reported as soon as the byte that shows it is there.
    ///
    /// # Errors
    /// Reserved bits and opcodes, a mask where none may be or none where one must,
    /// fragmented or oversized control frames, lengths that are not minimal or above
    /// 2^63 - 1.
    pub fn parse(bytes: &[u8], sender: Sender) -> Result<Option<(Self, usize)>, FrameError> {
        let [first, rest @ ..] = bytes else { return Ok(None) };
        if first & 0x30 != 0 {
            return Err(FrameError::ReservedBit);
        }
        let opcode = Opcode::from_bits(*first).ok_or_else(|| FrameError::ReservedOpcode(first & 0x0f))?;
        let fin = first & 0x80 != 0;
        let rsv1 = first & 0x40 != 0;
        if opcode.is_control() {
            if !fin {
                return Err(FrameError::FragmentedControl);
            }
            if rsv1 {
                return Err(FrameError::UnexpectedRsv1);
            }
        }
        let [second, rest @ ..] = rest else { return Ok(None) };
        match (sender, second & 0x80 != 0) {
            (Sender::Client, false) => return Err(FrameError::Unmasked),
            (Sender::Server, true) => return Err(FrameError::Masked),
            (Sender::Client, true) | (Sender::Server, false) => {}
        }
        let short = second & 0x7f;
        if opcode.is_control() && short > 125 {
            return Err(FrameError::OversizedControl);
        }
        let Some((payload_len, rest)) = parse_length(short, rest)? else { return Ok(None) };
        let (mask, rest) = match (sender, rest) {
            (Sender::Server, rest) => (None, rest),
            (Sender::Client, [a, b, c, d, rest @ ..]) => (Some([*a, *b, *c, *d]), rest),
            (Sender::Client, _) => return Ok(None),
        };
        let header = Self { fin, rsv1, opcode, mask, payload_len };
        Ok(Some((header, bytes.len() - rest.len())))
    }
}

fn parse_length(short: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, FrameError> {
    match (short, rest) {
        (126, [a, b, rest @ ..]) => match u16::from_be_bytes([*a, *b]) {
            0..126 => Err(FrameError::NonMinimalLength),
            length => Ok(Some((u64::from(length), rest))),
        },
        (127, [a, b, c, d, e, f, g, h, rest @ ..]) => {
            match u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]) {
                0..0x1_0000 => Err(FrameError::NonMinimalLength),
                0x8000_0000_0000_0000.. => Err(FrameError::LengthOverflow),
                length => Ok(Some((length, rest))),
            }
        }
        (127, [high, ..]) if high & 0x80 != 0 => Err(FrameError::LengthOverflow),
        (126 | 127, _) => Ok(None),
        (length, rest) => Ok(Some((u64::from(length), rest))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(bytes: &[u8]) -> Result<Option<(FrameHeader, usize)>, FrameError> {
        FrameHeader::parse(bytes, Sender::Client)
    }

    fn server(bytes: &[u8]) -> Result<Option<(FrameHeader, usize)>, FrameError> {
        FrameHeader::parse(bytes, Sender::Server)
    }

    #[test]
    fn lengths_of_all_three_forms_are_read() {
        let cases: [(&[u8], u64, usize); 5] = [
            (&[0x82, 0], 0, 2),
            (&[0x82, 125], 125, 2),
            (&[0x82, 126, 0, 126], 126, 4),
            (&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0], 65_536, 10),
            (&[0x82, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255], u64::MAX >> 1, 10),
        ];
        for (bytes, payload_len, header_len) in cases {
            let (header, length) = server(bytes).unwrap().unwrap();
            assert_eq!((header.payload_len, length), (payload_len, header_len));
            for cut in 0..bytes.len() {
                assert_eq!(server(&bytes[..cut]), Ok(None), "{bytes:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn row_24_and_25_masks_are_where_they_must_be() {
        assert_eq!(client(&[0x81, 0x05]), Err(FrameError::Unmasked));
        assert_eq!(server(&[0x81, 0x85]), Err(FrameError::Masked));
        let (header, length) = client(&[0x81, 0x85, 1, 2, 3, 4]).unwrap().unwrap();
        assert_eq!((header.mask, length), (Some([1, 2, 3, 4]), 6));
        assert_eq!(client(&[0x81, 0x85, 1, 2, 3]), Ok(None));
    }

    #[test]
    fn row_27_and_28_a_length_with_its_top_bit_set_is_refused_at_its_first_byte() {
        assert_eq!(server(&[0x82, 127, 0x80]), Err(FrameError::LengthOverflow));
        assert_eq!(
            server(&[0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255]),
            Err(FrameError::LengthOverflow)
        );
    }

    #[test]
    fn row_29_lengths_must_be_minimal() {
        assert_eq!(server(&[0x82, 126, 0, 125]), Err(FrameError::NonMinimalLength));
        assert_eq!(server(&[0x82, 127, 0, 0, 0, 0, 0, 0, 255, 255]), Err(FrameError::NonMinimalLength));
    }

    #[test]
    fn row_31_and_32_reserved_bits_are_refused() {
        assert_eq!(server(&[0xa1]), Err(FrameError::ReservedBit));
        assert_eq!(server(&[0x91]), Err(FrameError::ReservedBit));
        assert_eq!(server(&[0xc9]), Err(FrameError::UnexpectedRsv1));
    }

    #[test]
    fn row_33_reserved_opcodes_are_refused_at_the_first_byte() {
        for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
            assert_eq!(server(&[0x80 | opcode]), Err(FrameError::ReservedOpcode(opcode)));
        }
    }

    #[test]
    fn row_34_control_frames_are_whole_and_small() {
        for opcode in [8, 9, 10] {
            assert_eq!(server(&[opcode]), Err(FrameError::FragmentedControl));
            assert_eq!(server(&[0x80 | opcode, 126]), Err(FrameError::OversizedControl));
            assert!(server(&[0x80 | opcode, 125]).unwrap().is_some());
        }
    }
}

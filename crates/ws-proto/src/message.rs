//! Data messages made here: in the place of one that came, or from an inspector's rewriting.

use crate::mask::{self, MaskKey};
use crate::opcode::Opcode;

/// One unfragmented, uncompressed frame (RFC 6455 §5.2), masked if it goes to a server.
#[must_use]
pub fn encode(opcode: Opcode, payload: &[u8], mask: Option<MaskKey>) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_into(&mut frame, opcode, payload, mask);
    frame
}

/// The same, behind what there is in `frame`.
pub fn encode_into(frame: &mut Vec<u8>, opcode: Opcode, payload: &[u8], mask: Option<MaskKey>) {
    frame.reserve(crate::header::MAX_HEADER_LEN + payload.len());
    frame.push(FIN | opcode.bits());
    let masked = if mask.is_some() { MASKED } else { 0 };
    if let Some(length) = u8::try_from(payload.len()).ok().filter(|length| *length < 126) {
        frame.push(masked | length);
    } else if let Ok(length) = u16::try_from(payload.len()) {
        frame.push(masked | 126);
        frame.extend_from_slice(&length.to_be_bytes());
    } else {
        let length = u64::try_from(payload.len()).unwrap_or(u64::MAX);
        frame.push(masked | 127);
        frame.extend_from_slice(&length.to_be_bytes());
    }
    let Some(key) = mask else {
        frame.extend_from_slice(payload);
        return;
    };
    frame.extend_from_slice(&key);
    let start = frame.len();
    frame.extend_from_slice(payload);
    mask::apply(frame.get_mut(start..).unwrap_or_default(), key, 0);
}

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::{FrameHeader, Sender};

    #[test]
    fn a_message_goes_behind_what_there_is() {
        let mut bytes = b"before".to_vec();
        encode_into(&mut bytes, Opcode::Text, b"a", Some([1, 0, 0, 0]));
        assert_eq!(bytes, b"before\x81\x81\x01\x00\x00\x00`");
    }

    #[test]
    fn a_message_is_read_back_as_one_frame_of_every_length() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            let payload: Vec<u8> = (0..=255).cycle().take(length).collect();
            for (mask, sender) in [(None, Sender::Server), (Some([1, 2, 3, 0xff]), Sender::Client)] {
                let mut frame = encode(Opcode::Binary, &payload, mask);
                let (header, at) = FrameHeader::parse(&frame, sender).unwrap().unwrap();
                let expected = FrameHeader {
                    fin: true,
                    rsv1: false,
                    opcode: Opcode::Binary,
                    mask,
                    payload_len: u64::try_from(length).unwrap(),
                };
                assert_eq!(header, expected);
                let body = &mut frame[at..];
                mask::apply(body, mask.unwrap_or_default(), 0);
                assert!(*body == payload, "{length} bytes");
            }
        }
    }
}

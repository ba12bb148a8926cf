//! Control frames as they are put on the wire by the gateway itself.

use crate::close_code::CloseCode;
use crate::mask::{self, MaskKey};
use crate::opcode::Opcode;

/// An encoded control frame: header, key and at most 125 bytes of payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlFrame {
    bytes: [u8; MAX_CONTROL_LEN],
    length: usize,
}

/// Two bytes of header, a key, 125 bytes of payload.
pub const MAX_CONTROL_LEN: usize = 131;

const MAX_PAYLOAD: usize = 125;

impl ControlFrame {
    /// A Close frame with a code and a reason (RFC 6455 §5.5.1). A reason above 123
    /// bytes is cut at a character. Frames to a server need a fresh random `mask`.
    #[must_use]
    pub fn close(code: CloseCode, reason: &str, mask: Option<MaskKey>) -> Self {
        let mut payload = Vec::with_capacity(MAX_PAYLOAD);
        payload.extend_from_slice(&code.get().to_be_bytes());
        payload.extend_from_slice(cut_at_character(reason, MAX_PAYLOAD - 2).as_bytes());
        Self::encode(Opcode::Close, &payload, mask)
    }

    /// A Close frame that says nothing, which is what answers another such (RFC 6455 §5.5.1).
    /// Frames to a server need a fresh random `mask`.
    #[must_use]
    pub fn empty_close(mask: Option<MaskKey>) -> Self {
        Self::encode(Opcode::Close, &[], mask)
    }

    /// A Ping frame (RFC 6455 §5.5.2). A payload above 125 bytes is cut. Frames to a server
    /// need a fresh random `mask`.
    #[must_use]
    pub fn ping(payload: &[u8], mask: Option<MaskKey>) -> Self {
        Self::encode(Opcode::Ping, cut(payload), mask)
    }

    /// A Pong frame (RFC 6455 §5.5.3), which says what the Ping said. A payload above 125 bytes is
    /// cut. Frames to a server need a fresh random `mask`.
    #[must_use]
    pub fn pong(payload: &[u8], mask: Option<MaskKey>) -> Self {
        Self::encode(Opcode::Pong, cut(payload), mask)
    }

    /// The frame's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// `payload` is at most 125 bytes; the callers above see to it.
    fn encode(opcode: Opcode, payload: &[u8], mask: Option<MaskKey>) -> Self {
        debug_assert!(payload.len() <= MAX_PAYLOAD, "a control frame carries at most 125 bytes");
        let length = u8::try_from(payload.len()).unwrap_or(125);
        let mut frame = Self { bytes: [0; MAX_CONTROL_LEN], length: 0 };
        frame.push(&[0x80 | opcode.bits(), length | if mask.is_some() { 0x80 } else { 0 }]);
        match mask {
            None => frame.push(payload),
            Some(key) => {
                frame.push(&key);
                let start = frame.length;
                frame.push(payload);
                let masked = frame.bytes.get_mut(start..).unwrap_or_default();
                mask::apply(masked.get_mut(..payload.len()).unwrap_or_default(), key, 0);
            }
        }
        frame
    }

    fn push(&mut self, part: &[u8]) {
        let end = self.length + part.len();
        if let Some(slot) = self.bytes.get_mut(self.length..end) {
            slot.copy_from_slice(part);
            self.length = end;
        }
    }
}

fn cut(payload: &[u8]) -> &[u8] {
    payload.get(..payload.len().min(MAX_PAYLOAD)).unwrap_or_default()
}

fn cut_at_character(text: &str, longest: usize) -> &str {
    text.get(..text.floor_char_boundary(longest)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::{FrameHeader, Sender};

    #[test]
    fn a_close_to_a_client_is_not_masked() {
        let frame = ControlFrame::close(CloseCode::GOING_AWAY, "bye", None);
        assert_eq!(frame.as_bytes(), b"\x88\x05\x03\xe9bye");
    }

    #[test]
    fn a_close_to_a_server_is_masked_with_the_given_key() {
        let frame = ControlFrame::close(CloseCode::NORMAL, "", Some([1, 2, 3, 4]));
        assert_eq!(frame.as_bytes(), [0x88, 0x82, 1, 2, 3, 4, 0x03 ^ 1, 0xe8 ^ 2]);
    }

    #[test]
    fn a_ping_says_what_it_is_given() {
        assert_eq!(ControlFrame::ping(b"tag", None).as_bytes(), b"\x89\x03tag");
        let masked = ControlFrame::ping(b"ab", Some([1, 2, 3, 4]));
        assert_eq!(masked.as_bytes(), [0x89, 0x82, 1, 2, 3, 4, b'a' ^ 1, b'b' ^ 2]);
        assert_eq!(ControlFrame::ping(&[7; 200], None).as_bytes().len(), 127);
    }

    #[test]
    fn a_pong_says_what_it_is_given() {
        assert_eq!(ControlFrame::pong(b"tag", None).as_bytes(), b"\x8a\x03tag");
        let masked = ControlFrame::pong(b"", Some([1, 2, 3, 4]));
        assert_eq!(masked.as_bytes(), [0x8a, 0x80, 1, 2, 3, 4], "an empty frame is masked all the same");
    }

    #[test]
    fn a_close_may_say_nothing() {
        assert_eq!(ControlFrame::empty_close(None).as_bytes(), b"\x88\x00");
        assert_eq!(ControlFrame::empty_close(Some([1, 2, 3, 4])).as_bytes(), [0x88, 0x80, 1, 2, 3, 4]);
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let frame = ControlFrame::close(CloseCode::NORMAL, &"é".repeat(100), None);
        let (header, length) = FrameHeader::parse(frame.as_bytes(), Sender::Server).unwrap().unwrap();
        assert_eq!(header.payload_len, 124);
        assert!(std::str::from_utf8(&frame.as_bytes()[length + 2..]).is_ok());
    }
}

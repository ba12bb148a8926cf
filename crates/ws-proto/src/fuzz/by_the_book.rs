//! A reader of frames that is nothing but RFC 6455 §5.2 to §5.5 read aloud: all bytes at
//! once, one at a time, with no regard for speed or memory. Tests judge the walker by it.
//!
//! It shares with the walker the types of the answer and the check of a Close's body.

use std::iter;

use crate::close;
use crate::error::FrameError;
use crate::header::Sender;
use crate::mask::MaskKey;
use crate::opcode::Opcode;
use crate::walk::{End, Limits, Message};

/// What all the bytes of one direction mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The frames that are whole and legal, in order, the closing one included.
    pub frames: Vec<Frame>,
    /// The messages that are whole and legal.
    pub messages: Vec<Message>,
    /// The first Close or fault; nothing behind it is read.
    pub end: Option<End>,
    /// Where the frame begins that is cut short or at fault: the end of the last good one.
    pub tail: usize,
    /// The header of that frame has all come, and names a frame that may be forwarded
    /// before it is whole: its payload begins here.
    pub tail_payload: Option<usize>,
    /// Where the first byte lies that no valid text can have at its place.
    pub bad_text_at: Option<usize>,
}

/// A whole frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it carries.
    pub opcode: Opcode,
    /// Bytes of payload.
    pub payload_len: u64,
    /// Where the next frame begins.
    pub end: usize,
}

/// What is read, and by which rules.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Who sends.
    pub sender: Sender,
    /// permessage-deflate was agreed.
    pub deflate: bool,
    /// The limits.
    pub limits: &'a Limits,
}

impl Reading {
    /// Reads `bytes` from the first frame on.
    #[must_use]
    pub fn of(bytes: &[u8], rules: Rules<'_>) -> Self {
        let mut reading = Self::default();
        let mut unfinished = Unfinished::default();
        while let Some(frame) = bytes.get(reading.tail..)
            && !frame.is_empty()
            && reading.end.is_none()
        {
            match reading.next_frame(frame, &mut unfinished, rules) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => reading.end = Some(End::Violation(error)),
            }
        }
        reading
    }

    /// How many bytes a relay passes on that was given all of them at once.
    #[must_use]
    pub fn forwardable(&self, given: usize) -> usize {
        match (self.end, self.tail_payload) {
            (None, Some(_)) => given,
            _ => self.tail,
        }
    }

    /// Whether a frame of the gateway may follow on the first `offset` bytes.
    #[must_use]
    pub fn is_boundary(&self, offset: usize) -> bool {
        offset == 0 || self.frames.iter().any(|frame| frame.end == offset)
    }

    /// Whether a Close was the last.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.end, Some(End::Close(_)))
    }

    /// Reads the frame at the tail; whether there may be another behind it.
    fn next_frame(
        &mut self,
        bytes: &[u8],
        unfinished: &mut Unfinished,
        rules: Rules<'_>,
    ) -> Result<bool, FrameError> {
        self.tail_payload = None;
        let Some(head) = Head::read(bytes, rules.sender)? else { return Ok(false) };
        if !head.opcode.is_control() {
            unfinished.begin_frame(&head, rules)?;
        }
        let payload_at = self.tail + head.length;
        let (payload, is_whole) = head.payload(bytes);
        if head.opcode == Opcode::Close {
            if !is_whole {
                return Ok(false);
            }
            self.end = Some(End::Close(close::parse_body(&payload)?.code));
        } else {
            self.tail_payload = Some(payload_at);
        }
        if unfinished.is_text(&head) && rules.limits.validate_utf8 {
            let text_before = unfinished.text.len();
            unfinished.text.extend_from_slice(&payload);
            if let Some(at) = first_impossible(&unfinished.text) {
                self.bad_text_at = Some(payload_at + at - text_before);
                return Err(FrameError::InvalidUtf8);
            }
        }
        if !is_whole {
            return Ok(false);
        }
        let end = payload_at + payload.len();
        if head.fin
            && !head.opcode.is_control()
            && let Some(message) = unfinished.message.take()
        {
            let text = std::mem::take(&mut unfinished.text);
            if std::str::from_utf8(&text).is_err() {
                self.bad_text_at = Some(end - 1);
                return Err(FrameError::InvalidUtf8);
            }
            self.messages.push(message);
        }
        self.frames.push(Frame { opcode: head.opcode, payload_len: head.payload_len, end });
        self.tail = end;
        self.tail_payload = None;
        Ok(self.end.is_none())
    }
}

/// The message whose last frame has not come, and its text where that is checked.
#[derive(Default)]
struct Unfinished {
    message: Option<Message>,
    text: Vec<u8>,
}

impl Unfinished {
    fn begin_frame(&mut self, head: &Head, rules: Rules<'_>) -> Result<(), FrameError> {
        let continues = head.opcode == Opcode::Continuation;
        if continues && self.message.is_none() {
            return Err(FrameError::UnexpectedContinuation);
        }
        if !continues && self.message.is_some() {
            return Err(FrameError::InterruptedMessage);
        }
        if head.rsv1 && (continues || !rules.deflate) {
            return Err(FrameError::UnexpectedRsv1);
        }
        let first = Message { opcode: head.opcode, compressed: head.rsv1, size: 0, fragments: 0 };
        let message = self.message.get_or_insert(first);
        message.size = message.size.saturating_add(head.payload_len);
        message.fragments += 1;
        let limits = rules.limits;
        if limits.frame_size_max > 0 && head.payload_len > limits.frame_size_max {
            Err(FrameError::FrameTooLarge { max: limits.frame_size_max })
        } else if limits.message_size_max > 0 && message.size > limits.message_size_max {
            Err(FrameError::MessageTooLarge { max: limits.message_size_max })
        } else if limits.fragments_max > 0 && message.fragments > limits.fragments_max {
            Err(FrameError::TooManyFragments { max: limits.fragments_max })
        } else {
            Ok(())
        }
    }

    fn is_text(&self, head: &Head) -> bool {
        let of_text = |message: Message| message.opcode == Opcode::Text && !message.compressed;
        !head.opcode.is_control() && self.message.is_some_and(of_text)
    }
}

/// A frame header.
struct Head {
    fin: bool,
    rsv1: bool,
    opcode: Opcode,
    key: MaskKey,
    payload_len: u64,
    /// Bytes of the header itself.
    length: usize,
}

impl Head {
    fn read(bytes: &[u8], sender: Sender) -> Result<Option<Self>, FrameError> {
        let mut rest = bytes.iter().copied();
        let Some(first) = rest.next() else { return Ok(None) };
        if first & 0b0011_0000 != 0 {
            return Err(FrameError::ReservedBit);
        }
        let bits = first & 0b1111;
        let opcode = Opcode::from_bits(bits).ok_or(FrameError::ReservedOpcode(bits))?;
        let (fin, rsv1) = (first & 0b1000_0000 != 0, first & 0b0100_0000 != 0);
        if opcode.is_control() && !fin {
            return Err(FrameError::FragmentedControl);
        }
        if opcode.is_control() && rsv1 {
            return Err(FrameError::UnexpectedRsv1);
        }
        let Some(second) = rest.next() else { return Ok(None) };
        match (sender, second & 0b1000_0000 == 0) {
            (Sender::Client, true) => return Err(FrameError::Unmasked),
            (Sender::Server, false) => return Err(FrameError::Masked),
            (Sender::Client, false) | (Sender::Server, true) => {}
        }
        let short = second & 0b0111_1111;
        if opcode.is_control() && short > 125 {
            return Err(FrameError::OversizedControl);
        }
        let (bytes_of_length, least) = match short {
            126 => (2, 126),
            127 => (8, 0x1_0000),
            _ => (0, 0),
        };
        let mut payload_len = if bytes_of_length == 0 { u64::from(short) } else { 0 };
        for position in 0..bytes_of_length {
            let Some(byte) = rest.next() else { return Ok(None) };
            if bytes_of_length == 8 && position == 0 && byte >= 0x80 {
                return Err(FrameError::LengthOverflow);
            }
            payload_len = payload_len * 0x100 + u64::from(byte);
        }
        if payload_len < least {
            return Err(FrameError::NonMinimalLength);
        }
        let mut key = MaskKey::default();
        if sender == Sender::Client {
            for slot in &mut key {
                let Some(byte) = rest.next() else { return Ok(None) };
                *slot = byte;
            }
        }
        Ok(Some(Self { fin, rsv1, opcode, key, payload_len, length: bytes.len() - rest.len() }))
    }

    /// The plain payload of the frame that `bytes` begin with, and whether it is all there.
    fn payload(&self, bytes: &[u8]) -> (Vec<u8>, bool) {
        let payload_len = usize::try_from(self.payload_len).unwrap_or(usize::MAX);
        let masked = bytes.iter().skip(self.length).take(payload_len);
        let plain: Vec<u8> = masked.zip(self.key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        let is_whole = plain.len() == payload_len;
        (plain, is_whole)
    }
}

/// The frame that a peer would send: `first` is the first byte, the rest follows from it.
/// The other way round than [`Reading::of`].
#[must_use]
pub fn frame(first: u8, payload: &[u8], key: Option<MaskKey>) -> Vec<u8> {
    let masked = if key.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ 0..126), _) => bytes.push(masked | length),
        (_, Ok(length)) => {
            bytes.push(masked | 126);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
        (_, Err(_)) => {
            let length = u64::try_from(payload.len()).unwrap_or(u64::MAX);
            bytes.push(masked | 127);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
    }
    bytes.extend(key.iter().flatten());
    let key = key.unwrap_or_default();
    bytes.extend(iter::zip(payload, key.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// Where the first byte lies that no continuation could make good.
fn first_impossible(text: &[u8]) -> Option<usize> {
    let is_hopeless = |text: &[u8]| std::str::from_utf8(text).is_err_and(|error| error.error_len().is_some());
    if !is_hopeless(text) {
        return None;
    }
    let valid = std::str::from_utf8(text).map_or_else(|error| error.valid_up_to(), str::len);
    (valid..text.len()).find(|at| text.get(..=*at).is_some_and(is_hopeless))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::close_code::CloseCode;

    fn read(bytes: &[u8]) -> Reading {
        let rules = Rules { sender: Sender::Server, deflate: false, limits: &Limits::default() };
        Reading::of(bytes, rules)
    }

    #[test]
    fn frames_are_read_as_they_were_written() {
        for length in [0, 1, 125, 126, 0xffff, 0x1_0000] {
            let payload = vec![7; length];
            let plain = frame(0x82, &payload, None);
            let masked = frame(0x82, &payload, Some([1, 2, 3, 4]));
            assert_eq!(read(&plain).tail, plain.len());
            let rules = Rules { sender: Sender::Client, deflate: false, limits: &Limits::default() };
            let reading = Reading::of(&masked, rules);
            assert_eq!(
                reading.frames,
                [Frame {
                    opcode: Opcode::Binary,
                    payload_len: u64::try_from(length).unwrap(),
                    end: masked.len()
                }]
            );
        }
    }

    #[test]
    fn the_tail_is_what_could_not_be_read() {
        let good = frame(0x82, b"good", None);
        let cut = [&good[..], b"\x82\x05ab"].concat();
        let reading = read(&cut);
        assert_eq!((reading.tail, reading.tail_payload), (6, Some(8)));
        assert_eq!(reading.forwardable(cut.len()), 10);
        let held = [&good[..], b"\x82"].concat();
        assert_eq!(read(&held).forwardable(held.len()), 6);
        let closed = [&good[..], b"\x88\x02\x03\xe8junk"].concat();
        assert_eq!(read(&closed).end, Some(End::Close(Some(CloseCode::NORMAL))));
        assert_eq!(read(&closed).forwardable(closed.len()), 10);
    }

    #[test]
    fn the_byte_that_shows_that_a_text_is_bad_is_found() {
        for (text, at) in
            [(&b"ab\xff"[..], 2), (b"\xe2\x82(", 2), (b"\xf4\x90", 1), (b"\xc0\xaf", 0), (b"ab\xce", 2)]
        {
            let reading = read(&frame(0x81, text, None));
            assert_eq!(reading.end, Some(End::Violation(FrameError::InvalidUtf8)));
            assert_eq!(reading.bad_text_at, Some(at + 2), "{text:x?}");
        }
    }
}

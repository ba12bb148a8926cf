//! What one peer sent against what of it went on: all of it, but for whole frames that the
//! session said it withheld.

use std::ops::Range;

use ws_proto::fuzz::by_the_book::{Frame, Reading};
use ws_proto::walk::End;
use ws_proto::{FrameError, FrameHeader, Opcode, Sender, mask};

use super::pair::Observed;
use crate::session::{PingPayload, Withheld};

/// One direction, as far as it has come.
pub(super) struct Stream<'a> {
    /// What was read and is done with.
    pub(super) bytes: &'a [u8],
    /// Where in `bytes` lies what went on.
    pub(super) passed: &'a [Range<usize>],
    /// What `bytes` mean.
    pub(super) reading: Reading,
    /// What the gateway's own pings to the peer said.
    pub(super) pings: &'a [PingPayload],
    /// Nothing has ended, so that all that is legal must have gone on.
    pub(super) is_alive: bool,
}

/// What came of the check.
pub(super) struct Seen {
    /// Bytes that went on.
    pub(super) bytes: usize,
    /// A frame at fault had begun to go and was left unfinished.
    pub(super) is_cut: bool,
}

impl Stream<'_> {
    /// Panics where a byte went on that must not, or did not that must. `observed` is of this
    /// direction.
    pub(super) fn check(&self, observed: &Observed) -> Seen {
        let end = self.passed.last().map_or(0, |last| last.end);
        let withheld = observed.withheld.iter().map(|(_, what)| *what);
        let mut withheld = withheld.filter(|what| *what != Withheld::Delayed);
        let (mut frames, mut messages) = (Vec::new(), Vec::new());
        let (mut start, mut skips_message) = (0, false);
        for frame in &self.reading.frames {
            let place = start..frame.end;
            start = frame.end;
            if place.start >= end && !self.is_alive {
                break;
            }
            let is_whole = self.has_passed(&place);
            if !is_whole && place.end > end && !self.is_alive {
                break;
            }
            let is_first = matches!(frame.opcode, Opcode::Text | Opcode::Binary);
            if is_whole {
                assert!(!self.is_answer(&place, frame), "answers to the gateway do not go on");
                frames.push((frame.opcode, frame.payload_len));
            } else {
                assert!(self.has_passed_nothing(&place), "frames are withheld as a whole");
            }
            if frame.opcode == Opcode::Continuation {
                assert_eq!(is_whole, !skips_message, "messages are withheld as a whole");
            } else if !is_whole {
                self.check_withheld(&place, frame, withheld.next());
            }
            if is_first {
                skips_message = !is_whole;
                messages.push(is_whole);
            }
        }
        assert!(observed.frames.iter().map(|(_, opcode, length)| (*opcode, *length)).eq(frames));
        if self.is_alive {
            self.check_tail(end, withheld.next());
            assert_eq!(withheld.next(), None, "what is withheld is withheld");
            let passed = self.reading.messages.iter().zip(&messages).filter(|(_, is_whole)| **is_whole);
            let seen = observed.messages.iter().map(|(_, message)| message);
            assert!(seen.eq(passed.map(|(message, _)| message)), "messages are told of once");
        }
        Seen { bytes: self.passed.iter().map(ExactSizeIterator::len).sum(), is_cut: self.is_cut(end) }
    }

    fn check_withheld(&self, place: &Range<usize>, frame: &Frame, told: Option<Withheld>) {
        let expected = match frame.opcode {
            Opcode::Continuation | Opcode::Close => None,
            Opcode::Text | Opcode::Binary => Some(Withheld::Message),
            Opcode::Pong if self.is_answer(place, frame) => Some(Withheld::OwnPong),
            Opcode::Ping | Opcode::Pong => Some(Withheld::Control),
        };
        assert!(told.is_some() && told == expected, "{told:?} was told of a {:?}", frame.opcode);
    }

    /// The frame that has not ended has gone on as far as it has come, or is held back, or is
    /// withheld.
    fn check_tail(&self, end: usize, withheld: Option<Withheld>) {
        let tail = self.reading.tail..self.bytes.len();
        let Some(_) = self.reading.tail_payload else {
            assert!(end <= tail.start, "what is not legal is not forwarded");
            return assert_eq!(withheld, None);
        };
        if !self.has_passed(&tail) {
            assert!(self.has_passed_nothing(&tail), "frames are withheld as a whole");
            let header = self.bytes.get(tail).and_then(Self::header);
            let header = header.expect("the payload has begun");
            let is_told = match withheld {
                Some(Withheld::Message | Withheld::Control) => true,
                // It is looked into once it is whole.
                None => header.opcode == Opcode::Continuation || header.payload_len == 12,
                Some(Withheld::OwnPong | Withheld::Delayed | Withheld::Judged) => false,
            };
            assert!(is_told, "{withheld:?} was told of a {:?}", header.opcode);
        }
    }

    /// Bad text whose frame had begun to go cannot be taken back.
    fn is_cut(&self, end: usize) -> bool {
        let tail = self.reading.tail;
        if self.reading.end == Some(End::Violation(FrameError::InvalidUtf8)) {
            return end > tail;
        }
        assert!(end <= self.reading.forwardable(self.bytes.len()), "what is not legal is not forwarded");
        false
    }

    fn has_passed(&self, place: &Range<usize>) -> bool {
        place.is_empty()
            || self.passed.iter().any(|range| range.start <= place.start && place.end <= range.end)
    }

    fn has_passed_nothing(&self, place: &Range<usize>) -> bool {
        self.passed.iter().all(|range| range.end <= place.start || place.end <= range.start)
    }

    /// Whether a frame is a pong that says what a ping of the gateway's said.
    fn is_answer(&self, place: &Range<usize>, frame: &Frame) -> bool {
        let Some(bytes) = self.bytes.get(place.clone()).filter(|_| frame.opcode == Opcode::Pong) else {
            return false;
        };
        let key = Self::header(bytes).and_then(|header| header.mask);
        bytes.last_chunk().is_some_and(|payload: &PingPayload| {
            let mut payload = *payload;
            mask::apply(&mut payload, key.unwrap_or_default(), 0);
            frame.payload_len == 12 && self.pings.contains(&payload)
        })
    }

    /// The header of a frame, whoever sends it.
    fn header(bytes: &[u8]) -> Option<FrameHeader> {
        let sender = if bytes.get(1)? & 0x80 != 0 { Sender::Client } else { Sender::Server };
        FrameHeader::parse(bytes, sender).ok()?.map(|(header, _)| header)
    }
}

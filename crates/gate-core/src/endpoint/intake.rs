//! From the peer's bytes to whole messages: the walk over its frames, a frame at a time, and what
//! is kept of a message until its rest has come.

use std::borrow::Cow;
use std::mem;
use std::ops::Range;
use std::time::Instant;

use ws_proto::walk::{self, Admission, End, Extent, Limits, Observer, Walker};
use ws_proto::{CloseCode, FrameHeader, Opcode, Sender, mask};

use super::pace::Pace;
use super::{EndpointPolicy, Frame, Kind, Message};
use crate::session::{Pings, Withheld};

/// See the module.
#[derive(Debug)]
pub(super) struct Intake {
    walker: Walker,
    /// What has come of the message that is coming, unmasked; none of it while all that has come
    /// is in one read.
    kept: Vec<u8>,
    /// Reads in a row that have left what is coming incomplete.
    chunks: u32,
}

/// What a step has taken of its input.
#[derive(Debug, Default)]
pub(super) struct Took {
    pub(super) consumed: usize,
    /// Bytes of frames whose header is whole and legal.
    pub(super) passed: u64,
    /// Of a data frame.
    pub(super) is_data: bool,
    /// A pong has come.
    pub(super) is_pong: bool,
    pub(super) frame: Option<Frame>,
    /// The message that has ended with the frame.
    pub(super) message: Option<Ended>,
    /// What a ping says that has come.
    pub(super) ping: Option<Box<[u8]>>,
    /// By a rate.
    pub(super) withheld: Option<Withheld>,
    /// With the reason of a Close.
    pub(super) end: Option<(End, Box<str>)>,
}

/// A message that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    kind: Kind,
    /// Where all of it lies in the input; `None`: it has been put together.
    place: Option<Range<usize>>,
}

impl Intake {
    pub(super) fn new(sender: Sender) -> Self {
        Self { walker: Walker::new(sender, false), kept: Vec::new(), chunks: 0 }
    }

    /// Goes over the next frame, or what there is of it.
    pub(super) fn take(&mut self, bytes: &mut [u8], limits: &Limits, toll: Tollgate<'_>) -> Took {
        let mut glance = Glance::at(toll);
        let walked = self.walker.walk(bytes, Extent::Frame, limits, &mut glance);
        let Glance { chunk, frame, message, ping, reason, withheld, .. } = glance;
        let consumed = walked.consumed;
        let mut took = Took {
            consumed,
            passed: length(walked.held.as_bytes().len()) + length(walked.forward.len()),
            is_data: chunk.is_some(),
            is_pong: frame.is_some_and(|frame| frame.header.opcode == Opcode::Pong),
            frame,
            message: None,
            ping,
            withheld,
            end: walked.end.map(|end| (end, reason)),
        };
        if took.end.is_some() {
            return took;
        }
        let ends_alone = frame.is_some() && self.walker.message().is_none();
        if ends_alone {
            self.chunks = 0;
        }
        let Some(chunk) = chunk else { return took };
        // A walk over one frame ends with the payload that it has seen.
        let place = consumed - chunk.length..consumed;
        let payload = bytes.get_mut(place.clone()).unwrap_or_default();
        if let Some(key) = chunk.header.mask {
            mask::apply(payload, key, chunk.at);
        }
        let is_alone = message.is_some_and(|message| {
            message.fragments == 1 && chunk.at == 0 && chunk.header.payload_len == message.size
        });
        if !is_alone {
            self.kept.extend_from_slice(payload);
        }
        took.message = message.map(|message| Ended {
            kind: if message.opcode == Opcode::Text { Kind::Text } else { Kind::Binary },
            place: is_alone.then_some(place),
        });
        took
    }

    /// The message that has ended with the last step over `bytes`.
    pub(super) fn message<'a>(&mut self, ended: Ended, bytes: &'a [u8]) -> Message<'a> {
        let payload = match ended.place {
            Some(place) => Cow::Borrowed(bytes.get(place).unwrap_or_default()),
            None => Cow::Owned(mem::take(&mut self.kept)),
        };
        Message { kind: ended.kind, payload }
    }

    /// A read is over; whether it is the last one that may leave something incomplete.
    pub(super) fn is_cut_too_often(&mut self, policy: &EndpointPolicy) -> bool {
        if policy.chunks_max == 0 || !(self.is_within_message() || self.is_within_frame()) {
            return false;
        }
        self.chunks = self.chunks.saturating_add(1);
        self.chunks >= policy.chunks_max
    }

    /// What has come of a message will not be whole.
    pub(super) fn abandon(&mut self) {
        self.kept = Vec::new();
    }

    pub(super) fn is_within_frame(&self) -> bool {
        self.walker.is_within_frame()
    }

    pub(super) fn is_within_message(&self) -> bool {
        self.walker.message().is_some()
    }

    pub(super) fn buffered(&self) -> usize {
        self.kept.capacity()
    }
}

/// Who decides whether frames may pass.
pub(super) struct Tollgate<'a> {
    /// `None`: all may.
    pub(super) pace: Option<&'a mut Pace>,
    /// The gateway's own, whose answers are not counted.
    pub(super) pings: Option<&'a Pings>,
    pub(super) now: Instant,
}

/// What a walk over one frame has seen.
struct Glance<'a> {
    toll: Tollgate<'a>,
    chunk: Option<Chunk>,
    frame: Option<Frame>,
    message: Option<walk::Message>,
    ping: Option<Box<[u8]>>,
    reason: Box<str>,
    withheld: Option<Withheld>,
}

impl<'a> Glance<'a> {
    fn at(toll: Tollgate<'a>) -> Self {
        Self {
            toll,
            chunk: None,
            frame: None,
            message: None,
            ping: None,
            reason: Box::default(),
            withheld: None,
        }
    }

    fn may_be_own_pong(&self, header: &FrameHeader) -> bool {
        header.opcode == Opcode::Pong
            && self.toll.pings.is_some_and(|pings| pings.may_be_answered_by(header.payload_len))
    }
}

/// Payload of a data frame.
struct Chunk {
    header: FrameHeader,
    /// Counted from the frame's first byte.
    at: u64,
    length: usize,
}

impl Observer for Glance<'_> {
    fn frame(&mut self, header: &FrameHeader, message: Option<&walk::Message>) {
        self.frame = Some(Frame { header: *header, message: message.copied() });
    }

    fn message(&mut self, message: &walk::Message) {
        self.message = Some(*message);
    }

    fn payload(&mut self, header: &FrameHeader, bytes: &[u8], passed: Range<u64>) {
        if let Some(pace) = &self.toll.pace {
            pace.charge_rest(&passed, self.toll.now);
        }
        self.chunk = Some(Chunk { header: *header, at: passed.start, length: bytes.len() });
    }

    fn close(&mut self, _code: Option<CloseCode>, reason: &str) {
        self.reason = reason.into();
    }

    fn admit(&mut self, header: &FrameHeader, _message: Option<&walk::Message>) -> Admission {
        let is_free = header.opcode == Opcode::Close;
        let may_be_own_pong = self.may_be_own_pong(header);
        let admission = match &mut self.toll.pace {
            None => Admission::Pass,
            Some(_) if is_free => Admission::Pass,
            Some(_) if may_be_own_pong => return Admission::Whole,
            Some(pace) => {
                let (admission, withheld) = pace.admit(header, self.toll.now);
                self.withheld = withheld;
                admission
            }
        };
        let is_ping = header.opcode == Opcode::Ping;
        if is_ping && admission == Admission::Pass { Admission::Whole } else { admission }
    }

    fn admit_whole(&mut self, header: &FrameHeader, payload: &[u8]) -> Admission {
        let is_answer = || self.toll.pings.is_some_and(|pings| pings.are_answered_by(payload));
        if header.opcode == Opcode::Ping {
            self.ping = Some(payload.into());
        } else if header.opcode == Opcode::Pong
            && !is_answer()
            && let Some(pace) = &self.toll.pace
        {
            let (admission, withheld) = pace.admit_whole(header, self.toll.now);
            self.withheld = withheld;
            return admission;
        }
        Admission::Pass
    }
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

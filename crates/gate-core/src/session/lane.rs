//! The messages of an inspected direction: the one that is coming, and those that wait for
//! their verdicts. Nothing of a message is on the wire before its verdict, but for messages so
//! large that they go on piece by piece.

use std::collections::VecDeque;
use std::mem;
use std::time::Instant;

use ws_proto::walk::Message;
use ws_proto::{FrameHeader, Opcode, mask};

use super::verdict::{Ruling, Verdict};
use crate::policy::Inspection;
use crate::rate::{Bucket, Rate};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// The frames of the message that is coming, as they came.
    raw: Vec<u8>,
    /// Its payload, unmasked.
    payload: Vec<u8>,
    /// Data messages that have come whole.
    pub(super) messages: u64,
    /// Those that wait, in order.
    queue: VecDeque<Held>,
    /// What those take, in bytes.
    queued: u64,
    /// What may go and has not been asked for yet.
    ready: VecDeque<Ready>,
    /// The next message has to wait for room, or a Close for those before it.
    pub(super) is_stopped: bool,
    /// A control frame that is seen whole has been let in by its header.
    pub(super) is_paid: bool,
    /// What its messages may be inflated to; from the first that is compressed on.
    inflating: Option<Bucket>,
    /// How much of the message that is coming has gone.
    streaming: Streaming,
}

/// What of a message that is coming is on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Streaming {
    /// Nothing.
    #[default]
    No,
    /// A part of it, which ends between two frames.
    ToBoundary,
    /// A part of it, which ends within a frame.
    WithinFrame,
}

/// A message that waits for its verdict, or for those before it.
#[derive(Debug)]
struct Held {
    index: u64,
    raw: Vec<u8>,
    opcode: Opcode,
    ruling: Option<Ruling>,
    /// Bytes of what it says or of what came, whichever are more: whoever is asked keeps the one,
    /// this the other.
    size: u64,
}

/// What goes to the other side.
#[derive(Debug)]
pub(super) enum Ready {
    /// Frames as they came.
    Raw(Vec<u8>),
    /// A message in the place of one that came.
    Rewritten(Opcode, Vec<u8>),
}

/// Where a piece of a large message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PieceEnd {
    /// Within a frame.
    WithinFrame,
    /// With a frame that is not the last.
    Frame,
    /// With the message.
    Message,
}

/// What became of the messages at the front of the queue.
#[derive(Debug, Default)]
pub(super) struct Released {
    /// Bytes that go on as they came.
    pub(super) bytes: u64,
    /// Messages that go nowhere.
    pub(super) dropped: u64,
    /// A verdict that ends the session.
    pub(super) close: Option<Ruling>,
}

/// How much of what has gone is judged again with what follows, for what a cut would hide.
const OVERLAP: usize = 1024;

/// Bytes of a large message that are judged together.
const PIECE: usize = 32 * 1024;

impl Lane {
    /// Bytes of a data frame's payload have come, `at` from its first.
    pub(super) fn take_payload(&mut self, header: &FrameHeader, masked: &[u8], at: u64) {
        match header.mask {
            None => self.payload.extend_from_slice(masked),
            Some(key) => {
                let start = self.payload.len();
                self.payload.resize(start + masked.len(), 0);
                mask::copy(masked, self.payload.get_mut(start..).unwrap_or_default(), key, at);
            }
        }
    }

    /// Bytes of data frames have come.
    pub(super) fn take_raw(&mut self, pieces: [&[u8]; 2]) {
        for piece in pieces {
            self.raw.extend_from_slice(piece);
        }
    }

    /// The payload of the message that is coming.
    pub(super) fn take_message(&mut self) -> Vec<u8> {
        mem::take(&mut self.payload)
    }

    /// A message has been inflated to so many bytes; whether that was within the rate.
    pub(super) fn charge_inflated(&mut self, bytes: u64, policy: &Inspection, now: Instant) -> bool {
        if policy.inflate_rate_max == 0 {
            return true;
        }
        let rate = Rate::per_second(policy.inflate_rate_max);
        self.inflating.get_or_insert_with(|| Bucket::new(rate, now)).take(bytes, now).is_ok()
    }

    /// Whether all that came before has gone, but for the message that is coming.
    pub(super) fn is_settled(&self) -> bool {
        self.queue.is_empty() && self.ready.is_empty()
    }

    /// Whether nothing of the message that is coming is kept.
    pub(super) fn has_no_raw(&self) -> bool {
        self.raw.is_empty()
    }

    /// Whether another message has to wait before it is read.
    pub(super) fn is_full(&self, policy: &Inspection) -> bool {
        let count = u64::try_from(self.queue.len()).unwrap_or(u64::MAX);
        !self.queue.is_empty()
            && (count >= u64::from(policy.in_flight_max) || self.queued >= policy.in_flight_bytes_max)
    }

    /// Whether another frame may be put on the wire.
    pub(super) fn is_at_boundary(&self) -> bool {
        self.streaming != Streaming::WithinFrame
    }

    /// Whether a part of the message that is coming has gone.
    pub(super) fn is_streaming(&self) -> bool {
        self.streaming != Streaming::No
    }

    /// Whether so much of a large message has come that it is to be judged by itself.
    pub(super) fn has_piece(&self, message: &Message, policy: &Inspection) -> bool {
        let enough = match (self.streaming, policy.stream_above) {
            (_, None) => return false,
            (Streaming::No, Some(above)) => usize::try_from(above).unwrap_or(usize::MAX).max(PIECE),
            (Streaming::ToBoundary | Streaming::WithinFrame, Some(_)) => OVERLAP + PIECE,
        };
        !message.compressed && self.payload.len() > enough
    }

    /// What of a large message is to be judged next.
    pub(super) fn piece(&self) -> &[u8] {
        &self.payload
    }

    /// That may go; how many bytes that is.
    pub(super) fn release_piece(&mut self, end: PieceEnd) -> u64 {
        let raw = mem::take(&mut self.raw);
        let bytes = length(&raw);
        self.ready.push_back(Ready::Raw(raw));
        self.streaming = match end {
            PieceEnd::WithinFrame => Streaming::WithinFrame,
            PieceEnd::Frame => Streaming::ToBoundary,
            PieceEnd::Message => Streaming::No,
        };
        if end == PieceEnd::Message {
            self.payload = Vec::new();
            self.messages += 1;
        } else {
            let judged = self.payload.len().saturating_sub(OVERLAP);
            self.payload.drain(..judged);
        }
        bytes
    }

    /// A message has come whole, which says `payload`; `ruling`: its verdict, if there is one already.
    pub(super) fn push(&mut self, opcode: Opcode, payload: &[u8], ruling: Option<Ruling>) {
        let raw = mem::take(&mut self.raw);
        let size = length(&raw).max(length(payload));
        self.queued += size;
        self.queue.push_back(Held { index: self.messages, raw, opcode, ruling, size });
        self.messages += 1;
    }

    /// A verdict has come.
    pub(super) fn rule(&mut self, index: u64, ruling: Ruling) {
        if let Some(held) = self.queue.iter_mut().find(|held| held.index == index) {
            held.ruling.get_or_insert(ruling);
        }
    }

    /// Lets go what has its verdict and nothing before it that has none.
    pub(super) fn release(&mut self) -> Released {
        let mut released = Released::default();
        while let Some(Held { ruling: Some(_), .. }) = self.queue.front() {
            let Some(Held { raw, opcode, ruling: Some(ruling), size, .. }) = self.queue.pop_front() else {
                break;
            };
            self.queued -= size;
            match ruling.verdict {
                Verdict::Allow => {
                    released.bytes += length(&raw);
                    self.ready.push_back(Ready::Raw(raw));
                }
                Verdict::Drop => released.dropped += 1,
                Verdict::Rewrite(payload) => {
                    released.bytes += length(&payload);
                    self.ready.push_back(Ready::Rewritten(opcode, payload));
                }
                Verdict::Close { .. } => {
                    released.close = Some(ruling);
                    break;
                }
            }
        }
        released
    }

    /// What goes to the other side next.
    pub(super) fn pop_ready(&mut self) -> Option<Ready> {
        self.ready.pop_front()
    }

    /// The message that is coming will not be whole.
    pub(super) fn abandon_message(&mut self) {
        self.raw = Vec::new();
        self.payload = Vec::new();
    }

    /// Nothing that is not let go yet will go.
    pub(super) fn abandon(&mut self) {
        self.abandon_message();
        self.abandon_queue();
    }

    /// What has no verdict yet will not go, whatever it is.
    pub(super) fn abandon_queue(&mut self) {
        self.queue.clear();
        self.queued = 0;
        self.is_stopped = false;
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

//! Counters of one worker. Only its thread writes them, so adding is a load and a store
//! without a locked instruction; a scrape reads them from another thread.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use gate_core::{Observe, Side};
use ws_proto::walk::Message;
use ws_proto::{FrameHeader, Opcode};

/// A number that only grows, written by one thread.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        self.0.store(self.get().wrapping_add(more), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counters by name, for events that happen at most once per connection. All names are
/// string literals, so there are only so many.
#[derive(Debug, Default)]
pub(crate) struct ByLabels(Mutex<BTreeMap<Labels, u64>>);

/// The values of two labels; the second may be empty.
pub(crate) type Labels = (&'static str, &'static str);

impl ByLabels {
    pub(crate) fn count(&self, labels: Labels) {
        let mut map = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *map.entry(labels).or_default() += 1;
    }

    pub(crate) fn add_to(&self, sums: &mut BTreeMap<Labels, u64>) {
        let map = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (labels, count) in map.iter() {
            *sums.entry(*labels).or_default() += count;
        }
    }
}

/// What one worker has counted. Aligned so that no two workers write to one cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct WorkerCounters {
    /// Connections accepted.
    pub(crate) accepted: Counter,
    /// Failed calls of accept(2).
    pub(crate) accept_errors: Counter,
    /// Connections whose opening handshake has begun and not ended: begun, ended.
    pub(crate) handshakes_begun: Counter,
    pub(crate) handshakes_ended: Counter,
    /// Opening handshakes that gave no session, by reason.
    pub(crate) handshake_failures: ByLabels,
    pub(crate) sessions_opened: Counter,
    pub(crate) sessions_closed: Counter,
    /// Sessions that ended, by reason and by whose doing it was.
    pub(crate) closes: ByLabels,
    /// Seconds that ended sessions had lived, in nanoseconds.
    pub(crate) session_nanoseconds: Counter,
    /// By the side they came from.
    pub(crate) directions: [DirectionCounters; 2],
}

/// What came from the peers on one side and was passed on.
#[derive(Debug, Default)]
pub(crate) struct DirectionCounters {
    /// Bytes on the wire, frame headers included.
    pub(crate) bytes: Counter,
    /// Frames by [`Opcode::index`].
    pub(crate) frames: [Counter; 6],
    /// Payload bytes of those frames.
    pub(crate) payload_bytes: [Counter; 6],
    pub(crate) text_messages: Counter,
    pub(crate) binary_messages: Counter,
    /// Reads that were put off because the other side took no more bytes.
    pub(crate) pauses: Counter,
}

impl WorkerCounters {
    pub(crate) fn direction(&self, from: Side) -> &DirectionCounters {
        let [client, upstream] = &self.directions;
        match from {
            Side::Client => client,
            Side::Upstream => upstream,
        }
    }
}

/// The observer of the sessions of a worker.
pub(crate) struct Count<'a>(pub(crate) &'a WorkerCounters);

impl Observe for Count<'_> {
    fn frame(&mut self, from: Side, header: &FrameHeader) {
        let direction = self.0.direction(from);
        let index = header.opcode.index();
        if let (Some(frames), Some(bytes)) = (direction.frames.get(index), direction.payload_bytes.get(index))
        {
            frames.add(1);
            bytes.add(header.payload_len);
        }
    }

    fn message(&mut self, from: Side, message: &Message) {
        let direction = self.0.direction(from);
        let counter = match message.opcode {
            Opcode::Text => &direction.text_messages,
            Opcode::Binary | Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong => {
                &direction.binary_messages
            }
        };
        counter.add(1);
    }
}

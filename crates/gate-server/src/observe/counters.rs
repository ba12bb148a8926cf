//! Counters of one worker. Only its thread writes them, so adding is a load and a store
//! without a locked instruction; a scrape reads them from another thread.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gate_core::session::{Death, Withheld};
use gate_core::{Observe, Side};
use http::StatusCode;
use ws_proto::walk::Message;
use ws_proto::{CloseCode, FrameHeader, Opcode};

use crate::observe::agents::ByAgent;
use crate::observe::findings::Findings;
use crate::observe::lifetimes::Lifetimes;
use crate::observe::sip::SipCounters;
use crate::observe::webhooks::ByHook;

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
        *lock(&self.0).entry(labels).or_default() += 1;
    }

    pub(crate) fn add_to(&self, sums: &mut BTreeMap<Labels, u64>) {
        for (labels, count) in lock(&self.0).iter() {
            *sums.entry(*labels).or_default() += count;
        }
    }
}

/// Counters by a name of the configuration, of which there are only so many either.
#[derive(Debug, Default)]
pub(crate) struct ByName(Mutex<BTreeMap<Arc<str>, u64>>);

impl ByName {
    pub(crate) fn count(&self, name: &Arc<str>) {
        *lock(&self.0).entry(Arc::clone(name)).or_default() += 1;
    }

    pub(crate) fn add_to(&self, sums: &mut BTreeMap<Arc<str>, u64>) {
        for (name, count) in lock(&self.0).iter() {
            *sums.entry(Arc::clone(name)).or_default() += count;
        }
    }
}

/// Requests by the name of their route, if one fits, and the class of their status.
#[derive(Debug, Default)]
pub(crate) struct ByRoute(Mutex<BTreeMap<Option<Arc<str>>, ByClass>>);

/// Requests by class of status, in the order of [`CLASSES`].
pub(crate) type ByClass = [u64; CLASSES.len()];

/// The classes of status; `none` is no answer, because the client was gone before it.
pub(crate) const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

impl ByRoute {
    pub(crate) fn count(&self, route: Option<&Arc<str>>, status: Option<StatusCode>) {
        let class = usize::from(status.map_or(0, |status| status.as_u16() / 100));
        let mut map = lock(&self.0);
        // Beyond 599 there is no class; RFC 9110 §15 has such a status treated as 5xx.
        let counts = map.entry(route.cloned()).or_default();
        if let Some(count) = counts.get_mut(class.min(CLASSES.len() - 1)) {
            *count += 1;
        }
    }

    pub(crate) fn add_to(&self, sums: &mut BTreeMap<Option<Arc<str>>, ByClass>) {
        for (route, counts) in lock(&self.0).iter() {
            let sums = sums.entry(route.clone()).or_default();
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += count;
            }
        }
    }
}

/// Sessions by the name of their route. A name that a later configuration does not have keeps its
/// counts, so that they never go back.
#[derive(Debug, Default)]
pub(crate) struct SessionsByRoute(Mutex<BTreeMap<Arc<str>, Sessions>>);

/// Sessions of one route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sessions {
    pub(crate) opened: u64,
    pub(crate) closed: u64,
}

impl Sessions {
    /// Those that are open.
    pub(crate) fn active(&self) -> u64 {
        self.opened.saturating_sub(self.closed)
    }
}

impl SessionsByRoute {
    fn change(&self, route: &Arc<str>, by: impl FnOnce(&mut Sessions)) {
        by(lock(&self.0).entry(Arc::clone(route)).or_default());
    }

    pub(crate) fn add_to(&self, sums: &mut BTreeMap<Arc<str>, Sessions>) {
        for (route, sessions) in lock(&self.0).iter() {
            let sum = sums.entry(Arc::clone(route)).or_default();
            sum.opened += sessions.opened;
            sum.closed += sessions.closed;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// TLS handshakes with clients that failed, by reason.
    pub(crate) tls_handshake_failures: ByLabels,
    /// Plain requests that are over; opening handshakes are counted where they end.
    pub(crate) requests: ByRoute,
    /// Requests and messages that passed an agent which could not be asked, by agent.
    pub(crate) fail_open: ByName,
    /// Calls to agents.
    pub(crate) agents: ByAgent,
    /// Findings, and messages that were stopped or changed.
    pub(crate) findings: Findings,
    /// Calls to webhooks.
    pub(crate) webhooks: ByHook,
    /// Messages of SIP.
    pub(crate) sip: SipCounters,
    pub(crate) sessions_opened: Counter,
    pub(crate) sessions_closed: Counter,
    /// Sessions that ended, by reason and by whose doing it was.
    pub(crate) closes: ByLabels,
    /// How long those had lived.
    pub(crate) lifetimes: Lifetimes,
    /// Sessions by their route.
    pub(crate) sessions: SessionsByRoute,
    /// By the side they came from.
    pub(crate) directions: [DirectionCounters; 2],
}

/// What came from the peers on one side.
#[derive(Debug, Default)]
pub(crate) struct DirectionCounters {
    /// Bytes on the wire that were passed on, frame headers included.
    pub(crate) bytes: Counter,
    /// Frames by [`Opcode::index`] that came whole and within their limits, as messages did. What a verdict
    /// is to be spoken on is counted before that.
    pub(crate) frames: [Counter; 6],
    /// Payload bytes of those frames.
    pub(crate) payload_bytes: [Counter; 6],
    pub(crate) text_messages: Counter,
    pub(crate) binary_messages: Counter,
    /// Reads that were put off because the other side took no more bytes.
    pub(crate) pauses: Counter,
    /// Messages, and pings and pongs, that went nowhere because they were too many.
    pub(crate) dropped_messages: Counter,
    pub(crate) dropped_control_frames: Counter,
    /// Frames that had to wait because they came too fast.
    pub(crate) delays: Counter,
    /// The gateway's pings to that side, and the pongs for them.
    pub(crate) pings: Counter,
    pub(crate) own_pongs: Counter,
}

impl WorkerCounters {
    /// A session of `route` begins.
    pub(crate) fn session_opened(&self, route: &Arc<str>) {
        self.sessions_opened.add(1);
        self.sessions.change(route, |sessions| sessions.opened += 1);
    }

    /// A session of `route` has ended after `lived`.
    pub(crate) fn session_closed(&self, route: &Arc<str>, death: Death, lived: Duration) {
        self.lifetimes.record(lived);
        self.closes.count((death.cause.reason(), death.by.name()));
        self.sessions.change(route, |sessions| sessions.closed += 1);
        self.sessions_closed.add(1);
    }

    /// A data frame or control frame came from that side and was taken.
    pub(crate) fn frame(&self, from: Side, header: &FrameHeader) {
        Count(self).frame(from, header, None);
    }

    /// A message of SIP came from a client over WebSocket.
    pub(crate) fn sip_came(&self, opcode: Opcode) {
        self.direction(Side::Client).count_message(opcode);
    }

    /// A message of SIP went to a client over WebSocket, in one frame of so many bytes. For the client it came
    /// from upstream, however the server speaks.
    pub(crate) fn sip_went(&self, opcode: Opcode, payload: usize, frame: usize) {
        let direction = self.direction(Side::Upstream);
        direction.count_message(opcode);
        let length = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        direction.count_frame(opcode, length(payload));
        direction.bytes.add(length(frame));
    }

    /// A frame that came from that side goes nowhere, or not at once.
    pub(crate) fn withheld(&self, from: Side, what: Withheld) {
        Count(self).withheld(from, what);
    }

    pub(crate) fn direction(&self, from: Side) -> &DirectionCounters {
        let [client, upstream] = &self.directions;
        match from {
            Side::Client => client,
            Side::Upstream => upstream,
        }
    }
}

impl DirectionCounters {
    fn count_frame(&self, opcode: Opcode, payload: u64) {
        let index = opcode.index();
        if let (Some(frames), Some(bytes)) = (self.frames.get(index), self.payload_bytes.get(index)) {
            frames.add(1);
            bytes.add(payload);
        }
    }

    fn count_message(&self, opcode: Opcode) {
        let counter = match opcode {
            Opcode::Text => &self.text_messages,
            Opcode::Binary | Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong => {
                &self.binary_messages
            }
        };
        counter.add(1);
    }
}

/// The observer of the sessions of a worker.
pub(crate) struct Count<'a>(pub(crate) &'a WorkerCounters);

impl Observe for Count<'_> {
    fn frame(&mut self, from: Side, header: &FrameHeader, _message: Option<&Message>) {
        self.0.direction(from).count_frame(header.opcode, header.payload_len);
    }

    fn message(&mut self, from: Side, message: &Message) {
        self.0.direction(from).count_message(message.opcode);
    }

    fn close(&mut self, _from: Side, _code: Option<CloseCode>, _reason: &str) {}

    fn withheld(&mut self, from: Side, what: Withheld) {
        let direction = self.0.direction(from);
        let counter = match what {
            Withheld::OwnPong => &direction.own_pongs,
            Withheld::Message => &direction.dropped_messages,
            Withheld::Control => &direction.dropped_control_frames,
            Withheld::Delayed => &direction.delays,
            // Counted by whoever has judged.
            Withheld::Judged => return,
        };
        counter.add(1);
    }
}

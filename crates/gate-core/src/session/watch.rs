//! What a session looks after where its policy asks for it: its age, when it was last used,
//! whether its peers are there and how fast they send. A session without all that has none.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::time::{Duration, Instant};

use ws_proto::walk::Admission;
use ws_proto::{FrameHeader, Opcode};

use super::meters::{self, Verdict};
use super::pings::Pings;
use super::{Start, Withheld};
use crate::policy::{Age, Policy};
use crate::rate::Meter;
use crate::side::Side;

/// See the module.
#[derive(Debug)]
pub(super) struct Watch {
    /// The time of the last event.
    pub(super) now: Instant,
    /// When the session is too old.
    pub(super) age_at: Option<Instant>,
    /// What counts against the idle timeout went either way then.
    pub(super) used_at: Instant,
    meters: Box<[Meter]>,
    client: Watched,
    upstream: Watched,
}

/// What is looked after in one peer.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) pings: Option<Pings>,
    pub(super) turn: Turn,
}

/// When a peer's next frame may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Once it is judged.
    Open,
    /// It is paid for, but its time has not come; the peer is not read until then.
    Waits(Instant),
    /// At once: it has waited.
    Come,
}

impl Watch {
    /// `None`: there is nothing to look after.
    pub(super) fn new(policy: &Policy, start: Start) -> Option<Box<Self>> {
        let Start { deflate: _, now, random, meters } = start;
        let pings_to =
            |side: Side| !policy.keepalive.interval.is_zero() && policy.keepalive.to.includes(side);
        let has_limits = !policy.age.max.is_zero() || !policy.timeouts.idle.is_zero();
        if !has_limits && meters.is_empty() && !Side::BOTH.into_iter().any(pings_to) {
            return None;
        }
        let watched = |side: Side| Watched {
            pings: pings_to(side).then(|| Pings::new(draw(random, side.name()), now)),
            turn: Turn::Open,
        };
        Some(Box::new(Self {
            now,
            age_at: age_at(&policy.age, random, now),
            used_at: now,
            meters,
            client: watched(Side::Client),
            upstream: watched(Side::Upstream),
        }))
    }

    pub(super) fn peer(&self, side: Side) -> &Watched {
        match side {
            Side::Client => &self.client,
            Side::Upstream => &self.upstream,
        }
    }

    pub(super) fn peer_mut(&mut self, side: Side) -> &mut Watched {
        match side {
            Side::Client => &mut self.client,
            Side::Upstream => &mut self.upstream,
        }
    }

    /// Bytes came from a peer.
    pub(super) fn heard(&mut self, from: Side, now: Instant) {
        self.now = now;
        if let Some(pings) = &mut self.peer_mut(from).pings {
            pings.restart(now);
        }
    }

    /// The next frame of a peer has waited long enough.
    pub(super) fn end_delay(&mut self, from: Side, now: Instant) {
        self.peer_mut(from).turn = Turn::Come;
        self.used_at = now;
        // The other peer was read all the time.
        self.heard(from, now);
    }

    /// Bytes go to a peer again that took none, so that the other was not read.
    pub(super) fn resume(&mut self, now: Instant) {
        self.used_at = now;
        for side in Side::BOTH {
            self.heard(side, now);
        }
    }

    /// Whether a frame may pass, by its header; and what is to be told if it may not.
    pub(super) fn admit(&mut self, from: Side, header: &FrameHeader) -> (Admission, Option<Withheld>) {
        let now = self.now;
        if header.opcode == Opcode::Pong
            && let Some(pings) = &mut self.peer_mut(from).pings
        {
            pings.answered(now);
            if pings.may_be_answered_by(header.payload_len) {
                return self.admit_answer(from, header);
            }
        }
        if self.meters.is_empty() {
            return (Admission::Pass, None);
        }
        let verdict = match self.peer(from).turn {
            Turn::Waits(until) if until > now => return (Admission::Wait, None),
            Turn::Waits(_) | Turn::Come => Verdict::Pass,
            Turn::Open => meters::judge(&self.meters, from, header, now),
        };
        self.peer_mut(from).turn = match verdict {
            Verdict::Wait(until) => Turn::Waits(until),
            Verdict::Pass | Verdict::Drop | Verdict::Close => Turn::Open,
        };
        match verdict {
            Verdict::Pass => (Admission::Pass, None),
            Verdict::Wait(_) => (Admission::Wait, Some(Withheld::Delayed)),
            Verdict::Drop => (Admission::Skip, Some(Withheld::of(header))),
            Verdict::Close => (Admission::Refuse, None),
        }
    }

    /// The same for a pong that may be the gateway's: it may have to wait, but is not
    /// counted unless it turns out to be another's.
    fn admit_answer(&mut self, from: Side, header: &FrameHeader) -> (Admission, Option<Withheld>) {
        let now = self.now;
        match self.peer(from).turn {
            Turn::Waits(until) if until > now => return (Admission::Wait, None),
            Turn::Waits(_) | Turn::Come => {
                self.peer_mut(from).turn = Turn::Come;
                return (Admission::Whole, None);
            }
            Turn::Open => {}
        }
        match meters::delay(&self.meters, from, header, now) {
            Some(until) => {
                self.peer_mut(from).turn = Turn::Waits(until);
                (Admission::Wait, Some(Withheld::Delayed))
            }
            None => (Admission::Whole, None),
        }
    }

    /// Payload of a frame that may pass has come, counted from its first byte.
    pub(super) fn charge_rest(&self, from: Side, passed: &Range<u64>) {
        meters::charge_rest(&self.meters, from, passed, self.now);
    }

    /// Whether a pong may pass, by what it says.
    pub(super) fn admit_whole(
        &mut self,
        from: Side,
        header: &FrameHeader,
        payload: &[u8],
    ) -> (Admission, Option<Withheld>) {
        let now = self.now;
        let turn = std::mem::replace(&mut self.peer_mut(from).turn, Turn::Open);
        if self.peer(from).pings.as_ref().is_some_and(|pings| pings.are_answered_by(payload)) {
            return (Admission::Skip, Some(Withheld::OwnPong));
        }
        let verdict = match turn {
            Turn::Waits(_) | Turn::Come => Verdict::Pass,
            Turn::Open => meters::judge(&self.meters, from, header, now),
        };
        match verdict {
            // All of it is here: what others have taken meanwhile is owed.
            Verdict::Pass | Verdict::Wait(_) => (Admission::Pass, None),
            Verdict::Drop => (Admission::Skip, Some(Withheld::of(header))),
            Verdict::Close => (Admission::Refuse, None),
        }
    }
}

/// When a session is too old that begins now.
pub(crate) fn age_at(age: &Age, random: u64, now: Instant) -> Option<Instant> {
    if age.max.is_zero() {
        return None;
    }
    let share = age.jitter.as_nanos().saturating_mul(u128::from(draw(random, "age"))) >> u64::BITS;
    let earlier = Duration::from_nanos(u64::try_from(share).unwrap_or(u64::MAX));
    now.checked_add(age.max.saturating_sub(earlier))
}

/// A number that cannot be told from another that is drawn of the same random number.
pub(crate) fn draw(random: u64, purpose: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (random, purpose).hash(&mut hasher);
    hasher.finish()
}

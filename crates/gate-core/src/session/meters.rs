//! How fast a peer may send: what its next frame costs in each bucket, and what becomes of
//! it where there is nothing left.
//!
//! Either all buckets are charged or none: whether one has nothing left is looked at before
//! any is charged. Where sessions on several threads share a bucket, each may find its last
//! token; what they take too much is owed, and so the rate is kept.
//!
//! A header may announce more than ever comes. So it is charged for payload no more than the
//! bucket holds, and what goes beyond that when it has come: nobody can use up with a few
//! bytes, in a bucket that others share, what they will need for years.

use std::ops::Range;
use std::time::Instant;

use ws_proto::{FrameHeader, Opcode};

use crate::rate::{Meter, Metered, OnExceed};
use crate::side::Side;

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes on.
    Pass,
    /// It is paid for and goes on then.
    Wait(Instant),
    /// It goes nowhere, with all others of its message.
    Drop,
    /// It ends the session.
    Close,
}

/// Judges a frame at its header, and charges it if it goes on.
pub(crate) fn judge(meters: &[Meter], from: Side, header: &FrameHeader, now: Instant) -> Verdict {
    let costs = || {
        let of_side = meters.iter().filter(move |meter| meter.from == from);
        of_side.filter_map(|meter| Some((meter, cost(meter, header)?)))
    };
    let mut drops = false;
    for (meter, _) in costs() {
        match on_exceed(meter, header) {
            Some(OnExceed::Close) if is_exceeded(meter, now) => return Verdict::Close,
            Some(OnExceed::Drop) => drops |= is_exceeded(meter, now),
            Some(OnExceed::Close | OnExceed::Delay) | None => {}
        }
    }
    if drops {
        return Verdict::Drop;
    }
    let mut turn = None;
    for (meter, cost) in costs() {
        match on_exceed(meter, header) {
            Some(OnExceed::Delay) => turn = turn.max(meter.bucket.reserve(cost, now)),
            Some(OnExceed::Close | OnExceed::Drop) | None => meter.bucket.charge(cost, now),
        }
    }
    turn.map_or(Verdict::Pass, Verdict::Wait)
}

/// Charges a frame that has to wait by what makes it wait alone. `None`: it need not.
pub(super) fn delay(meters: &[Meter], from: Side, header: &FrameHeader, now: Instant) -> Option<Instant> {
    let makes_wait = |meter: &&Meter| {
        meter.from == from && meter.on_exceed == OnExceed::Delay && cost(meter, header).is_some()
    };
    let delays = || meters.iter().filter(makes_wait);
    if !delays().any(|meter| is_exceeded(meter, now)) {
        return None;
    }
    let turns = delays().map(|meter| meter.bucket.reserve(cost(meter, header).unwrap_or_default(), now));
    turns.max().flatten()
}

/// Charges for payload that has passed, counted from the first byte of its frame, what its
/// header was not charged for.
pub(crate) fn charge_rest(meters: &[Meter], from: Side, passed: &Range<u64>, now: Instant) {
    for meter in meters.iter().filter(|meter| meter.from == from && meter.of == Metered::Bytes) {
        let rest = passed.end.saturating_sub(passed.start.max(meter.bucket.rate().burst));
        if rest > 0 {
            meter.bucket.charge(rest, now);
        }
    }
}

/// What a frame costs at its header; `None` where it is not counted. A Close frame never is.
fn cost(meter: &Meter, header: &FrameHeader) -> Option<u64> {
    match (meter.of, header.opcode) {
        (Metered::Messages, Opcode::Text | Opcode::Binary) => Some(1),
        (Metered::Frames, Opcode::Text | Opcode::Binary | Opcode::Continuation) => Some(1),
        (Metered::Bytes, Opcode::Text | Opcode::Binary | Opcode::Continuation) => {
            Some(header.payload_len.min(meter.bucket.rate().burst)).filter(|bytes| *bytes > 0)
        }
        (Metered::ControlFrames, Opcode::Ping | Opcode::Pong) => Some(1),
        (Metered::Messages, Opcode::Continuation)
        | (Metered::Messages | Metered::Frames | Metered::Bytes, Opcode::Ping | Opcode::Pong)
        | (Metered::ControlFrames, Opcode::Text | Opcode::Binary | Opcode::Continuation)
        | (_, Opcode::Close) => None,
    }
}

/// What becomes of a frame for which a meter has nothing left; `None`: it goes on.
fn on_exceed(meter: &Meter, header: &FrameHeader) -> Option<OnExceed> {
    match (meter.on_exceed, header.opcode) {
        // Of a message that has begun to pass nothing can be left out.
        (OnExceed::Drop, Opcode::Continuation) => None,
        (on_exceed, _) => Some(on_exceed),
    }
}

fn is_exceeded(meter: &Meter, now: Instant) -> bool {
    meter.bucket.check(now).is_err()
}

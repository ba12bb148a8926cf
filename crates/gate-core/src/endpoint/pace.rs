//! How fast the peer may send, on a connection whose frames are counted.

use std::ops::Range;
use std::time::Instant;

use ws_proto::FrameHeader;
use ws_proto::walk::Admission;

use crate::rate::Meter;
use crate::session::{Toll, Withheld, charge, charge_rest};
use crate::side::Side;

/// See the module.
#[derive(Debug)]
pub(super) struct Pace {
    meters: Box<[Meter]>,
    from: Side,
    turn: Turn,
}

/// When the next frame may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Once it is judged.
    Open,
    /// It is paid for, but its time has not come.
    Waits(Instant),
    /// At once: it has waited.
    Come,
}

impl Pace {
    /// `None`: nothing is counted.
    pub(super) fn new(meters: Box<[Meter]>, from: Side) -> Option<Box<Self>> {
        (!meters.is_empty()).then(|| Box::new(Self { meters, from, turn: Turn::Open }))
    }

    /// When the frame that waits may pass.
    pub(super) fn until(&self) -> Option<Instant> {
        match self.turn {
            Turn::Waits(until) => Some(until),
            Turn::Open | Turn::Come => None,
        }
    }

    /// The frame that waits may pass.
    pub(super) fn end_wait(&mut self) {
        self.turn = Turn::Come;
    }

    /// Whether a frame may pass, by its header; and what is to be told if it may not.
    pub(super) fn admit(&mut self, header: &FrameHeader, now: Instant) -> (Admission, Option<Withheld>) {
        let toll = match self.turn {
            Turn::Waits(until) if until > now => return (Admission::Wait, None),
            Turn::Waits(_) | Turn::Come => Toll::Pass,
            Turn::Open => charge(&self.meters, self.from, header, now),
        };
        self.turn = match toll {
            Toll::Wait(until) => Turn::Waits(until),
            Toll::Pass | Toll::Drop | Toll::Close => Turn::Open,
        };
        match toll {
            Toll::Pass => (Admission::Pass, None),
            Toll::Wait(_) => (Admission::Wait, Some(Withheld::Delayed)),
            Toll::Drop => (Admission::Skip, Some(Withheld::of(header))),
            Toll::Close => (Admission::Refuse, None),
        }
    }

    /// The same for a frame of which all has come, so that it cannot wait: what it takes too much is
    /// owed.
    pub(super) fn admit_whole(&self, header: &FrameHeader, now: Instant) -> (Admission, Option<Withheld>) {
        match charge(&self.meters, self.from, header, now) {
            Toll::Pass | Toll::Wait(_) => (Admission::Pass, None),
            Toll::Drop => (Admission::Skip, Some(Withheld::of(header))),
            Toll::Close => (Admission::Refuse, None),
        }
    }

    /// Payload of a frame that may pass has come, counted from its first byte.
    pub(super) fn charge_rest(&self, passed: &Range<u64>, now: Instant) {
        charge_rest(&self.meters, self.from, passed, now);
    }
}

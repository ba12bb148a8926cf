//! What ends a session, or goes on in it, because time has passed.

use std::time::{Duration, Instant};

use ws_proto::CloseCode;

use super::leg::{Receiving, Sending};
use super::pings::State;
use super::watch::Turn;
use super::{Cause, Closing, Party, Session, told_of};
use crate::side::Side;

impl Session {
    /// The time of [`Session::poll_timeout`] has come. Hand in first what can be read: it may
    /// be what is waited for.
    pub fn handle_timeout(&mut self, now: Instant) {
        let timeouts = self.policy.timeouts;
        for side in Side::BOTH {
            let leg = self.leg_mut(side);
            if is_over(deadline(leg.blocked_since, timeouts.send), now) {
                leg.blocked_since = None;
                self.give_up(side, Cause::SendTimeout, now);
            }
            if is_over(self.leg(side).held_until(), now) {
                self.leg_mut(side).release_close();
                // An offender waits for no verdict.
                if let Some(lane) = &mut self.leg_mut(side.other()).lane {
                    lane.abandon_queue();
                }
            }
            if is_over(self.frame_deadline(side), now) {
                self.die(Cause::FrameTimeout, Party::Peer(side));
                let said = (CloseCode::POLICY_VIOLATION, Cause::FrameTimeout.reason().into());
                self.refuse(side, said, told_of(side), now);
            }
        }
        self.watch_clocks(now);
        if is_over(self.closing_deadline(), now) {
            self.abort_what_is_left();
        }
    }

    /// When to call [`Session::handle_timeout`], if ever.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.is_undisturbed() {
            return None;
        }
        let timeouts = &self.policy.timeouts;
        let legs = [&self.client, &self.upstream].into_iter();
        let legs = legs.flat_map(|leg| [deadline(leg.blocked_since, timeouts.send), leg.held_until()]);
        let frames = Side::BOTH.into_iter().map(|side| self.frame_deadline(side));
        let turns = Side::BOTH.into_iter().map(|side| self.delayed_until(side));
        let pings = Side::BOTH.into_iter().map(|side| self.ping_deadline(side));
        let session = [self.closing_deadline(), self.age_deadline(), self.idle_deadline()];
        legs.chain(frames).chain(turns).chain(pings).chain(session).flatten().min()
    }

    /// Nothing has a deadline: how a session is found after nearly every read.
    fn is_undisturbed(&self) -> bool {
        self.closing == Closing::No
            && !self.is_blocked()
            && self.policy.timeouts.frame.is_zero()
            && self.watch.is_none()
    }

    /// What is looked after where the policy asks for it.
    fn watch_clocks(&mut self, now: Instant) {
        let Some(watch) = &mut self.watch else { return };
        watch.now = now;
        for side in Side::BOTH {
            if is_over(self.delayed_until(side), now) {
                self.end_delay(side, now);
            }
            if is_over(self.ping_deadline(side), now) {
                self.miss(side, now);
            }
        }
        if is_over(self.age_deadline(), now) {
            self.die(Cause::MaxAge, Party::Gateway);
            let age = self.policy.age.clone();
            self.close(Side::Client, age.code, age.reason.as_ref().to_owned(), now);
            self.close(Side::Upstream, CloseCode::GOING_AWAY, "", now);
        }
        if is_over(self.idle_deadline(), now) {
            self.die(Cause::IdleTimeout, Party::Gateway);
            for side in Side::BOTH {
                self.close(side, CloseCode::GOING_AWAY, Cause::IdleTimeout.reason(), now);
            }
        }
    }

    /// The next frame of a side has waited long enough.
    fn end_delay(&mut self, from: Side, now: Instant) {
        if let Some(watch) = &mut self.watch {
            watch.end_delay(from, now);
        }
        let leg = self.leg_mut(from);
        if leg.frame_since.is_some() {
            leg.frame_since = Some(now);
        }
        self.restart_half_close(now);
    }

    /// A message has waited for a verdict: nobody was idle meanwhile. `was_stopped`: nor was its
    /// sender silent, as it was not read.
    pub(super) fn end_wait(&mut self, from: Side, was_stopped: bool, now: Instant) {
        if let Some(watch) = &mut self.watch {
            watch.used_at = now;
            if was_stopped {
                watch.heard(from, now);
            }
        }
        let leg = self.leg_mut(from);
        if was_stopped && leg.frame_since.is_some() {
            leg.frame_since = Some(now);
        }
        self.restart_half_close(now);
    }

    /// Bytes go to a peer again that took none: nobody was silent meanwhile.
    pub(super) fn resume(&mut self, now: Instant) {
        self.restart_half_close(now);
        if let Some(watch) = &mut self.watch {
            watch.resume(now);
        }
    }

    fn restart_half_close(&mut self, now: Instant) {
        if let Closing::HalfClosed { last_heard } = &mut self.closing {
            *last_heard = now;
        }
    }

    /// A side was silent for the interval, or did not answer a ping in time.
    fn miss(&mut self, side: Side, now: Instant) {
        let Some(pings) = self.watch.as_mut().and_then(|watch| watch.peer_mut(side).pings.as_mut()) else {
            return;
        };
        match pings.state() {
            State::Quiet(_) => pings.fall_due(),
            State::Due => {}
            State::Asked(_) => self.give_up(side, Cause::PingTimeout, now),
        }
    }

    /// Cuts off a side that is not there.
    fn give_up(&mut self, side: Side, cause: Cause, now: Instant) {
        self.leg_mut(side).order_abort();
        self.die(cause, Party::Peer(side));
        self.close(side.other(), CloseCode::GOING_AWAY, "", now);
    }

    /// When what is left is aborted, however far the end has come.
    fn closing_deadline(&self) -> Option<Instant> {
        let timeouts = &self.policy.timeouts;
        match self.closing {
            Closing::No => None,
            // A peer that is not read is not silent.
            Closing::HalfClosed { .. } if self.is_held_up() => None,
            Closing::HalfClosed { last_heard } => deadline(Some(last_heard), timeouts.half_close),
            Closing::Relayed { since } | Closing::Ours { since } => deadline(Some(since), timeouts.close),
        }
    }

    /// When the unfinished frame of a side has taken too long. The time stands still while
    /// that side is not read.
    fn frame_deadline(&self, from: Side) -> Option<Instant> {
        let leg = self.leg(from);
        let is_read = leg.receiving == Receiving::Open && self.wants_read(from);
        deadline(leg.frame_since.filter(|_| is_read), self.policy.timeouts.frame)
    }

    /// Until when the next frame of a side has to wait, unless it goes nowhere.
    pub(super) fn delayed_until(&self, from: Side) -> Option<Instant> {
        match self.watch.as_ref()?.peer(from).turn {
            Turn::Open | Turn::Come => None,
            Turn::Waits(until) => {
                let goes_on =
                    self.leg(from).receiving == Receiving::Open && self.leg(from.other()).takes_frames();
                goes_on.then_some(until)
            }
        }
    }

    /// When a side is to be asked whether it is there, or has not answered in time. What is
    /// not read of it cannot be an answer, and what it has not taken can be no question.
    fn ping_deadline(&self, side: Side) -> Option<Instant> {
        let pings = self.watch.as_ref()?.peer(side).pings.as_ref()?;
        let leg = self.leg(side);
        if self.closing != Closing::No || leg.blocked_since.is_some() || !self.wants_read(side) {
            return None;
        }
        let keepalive = &self.policy.keepalive;
        match pings.state() {
            State::Quiet(since) => deadline(Some(since), keepalive.interval),
            State::Due => None,
            State::Asked(since) => deadline(Some(since), keepalive.timeout),
        }
    }

    /// Whether a ping is to go to a side between the next two frames.
    pub(super) fn owes_ping(&self, to: Side) -> bool {
        let Some(watch) = &self.watch else { return false };
        let is_due = watch.peer(to).pings.as_ref().is_some_and(|pings| pings.state() == State::Due);
        let leg = self.leg(to);
        is_due && self.closing == Closing::No && leg.sending == Sending::Open && leg.blocked_since.is_none()
    }

    fn age_deadline(&self) -> Option<Instant> {
        match self.closing {
            Closing::No | Closing::HalfClosed { .. } => self.watch.as_ref()?.age_at,
            Closing::Relayed { .. } | Closing::Ours { .. } => None,
        }
    }

    /// When nothing has gone either way for too long. Bytes that wait are not nothing.
    fn idle_deadline(&self) -> Option<Instant> {
        let used_at = self.watch.as_ref()?.used_at;
        let is_idle = self.closing == Closing::No && !self.is_held_up();
        deadline(Some(used_at).filter(|_| is_idle), self.policy.timeouts.idle)
    }

    /// Bytes wait for a side, for their time, or for a verdict.
    fn is_held_up(&self) -> bool {
        let waits = |side| self.is_delayed(side) || self.awaits_verdict(side);
        self.is_blocked() || Side::BOTH.into_iter().any(waits)
    }
}

/// So long after that; `None` where there is no limit.
pub(crate) fn deadline(since: Option<Instant>, limit: Duration) -> Option<Instant> {
    since.filter(|_| !limit.is_zero()).and_then(|since| since.checked_add(limit))
}

pub(crate) fn is_over(deadline: Option<Instant>, now: Instant) -> bool {
    deadline.is_some_and(|at| at <= now)
}

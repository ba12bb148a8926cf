//! What ends a connection, or goes on in it, because time has passed.

use std::time::Instant;

use ws_proto::CloseCode;

use super::{Endpoint, Role};
use crate::session::{Cause, Death, Party, PingState, deadline, is_over};

impl Endpoint {
    /// The time of [`Endpoint::poll_timeout`] has come. Hand in first what can be read: it may be
    /// what is waited for.
    pub fn handle_timeout(&mut self, now: Instant) {
        if is_over(deadline(self.blocked_since, self.policy.timeouts.send), now) {
            self.give_up(Cause::SendTimeout, now);
        }
        if is_over(self.delayed_until(), now)
            && let Some(pace) = &mut self.pace
        {
            pace.end_wait();
            self.restart(now);
            if self.frame_since.is_some() {
                self.frame_since = Some(now);
            }
        }
        if is_over(self.frame_deadline(), now) {
            self.refuse(Cause::FrameTimeout, CloseCode::POLICY_VIOLATION, now);
        }
        if is_over(self.ping_deadline(), now) {
            self.miss(now);
        }
        if is_over(self.age_deadline(), now) {
            let death = Death { cause: Cause::MaxAge, by: Party::Gateway };
            match self.role {
                Role::Server => {
                    let (code, reason) = (self.policy.age.code, self.policy.age.reason.as_ref().to_owned());
                    self.close(death, code, reason, now);
                }
                Role::Client => self.close(death, CloseCode::GOING_AWAY, "", now),
            }
        }
        if is_over(self.idle_deadline(), now) {
            let death = Death { cause: Cause::IdleTimeout, by: Party::Gateway };
            self.close(death, CloseCode::GOING_AWAY, Cause::IdleTimeout.reason(), now);
        }
        if is_over(self.closing_deadline(), now) {
            self.abort_what_is_left(now);
        }
    }

    /// When to call [`Endpoint::handle_timeout`], if ever.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = [
            deadline(self.blocked_since, self.policy.timeouts.send),
            self.delayed_until().filter(|_| self.is_delayed()),
            self.frame_deadline(),
            self.ping_deadline(),
            self.age_deadline(),
            self.idle_deadline(),
            self.closing_deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// The peer was silent for the interval, or did not answer a ping in time.
    fn miss(&mut self, now: Instant) {
        let Some(pings) = &mut self.pings else { return };
        match pings.state() {
            PingState::Quiet(_) => pings.fall_due(),
            PingState::Due => {}
            PingState::Asked(_) => self.give_up(Cause::PingTimeout, now),
        }
    }

    /// When the unfinished frame of the peer has taken too long. The time stands still while the
    /// peer is not read.
    fn frame_deadline(&self) -> Option<Instant> {
        deadline(self.frame_since.filter(|_| !self.is_unread()), self.policy.timeouts.frame)
    }

    /// When the peer is to be asked whether it is there, or has not answered in time. What is not
    /// read of it cannot be an answer, and what it has not taken can be no question.
    fn ping_deadline(&self) -> Option<Instant> {
        let pings = self.pings.as_ref()?;
        if self.ending.is_some() || self.blocked_since.is_some() || self.is_unread() {
            return None;
        }
        let keepalive = &self.policy.keepalive;
        match pings.state() {
            PingState::Quiet(since) => deadline(Some(since), keepalive.interval),
            PingState::Due => None,
            PingState::Asked(since) => deadline(Some(since), keepalive.timeout),
        }
    }

    fn age_deadline(&self) -> Option<Instant> {
        self.age_at.filter(|_| self.ending.is_none())
    }

    /// When nothing has gone either way for too long. Bytes that wait are not nothing.
    fn idle_deadline(&self) -> Option<Instant> {
        let is_idle = self.ending.is_none() && self.blocked_since.is_none() && !self.is_unread();
        deadline(Some(self.used_at).filter(|_| is_idle), self.policy.timeouts.idle)
    }

    /// When what is left is aborted, however far the end has come.
    fn closing_deadline(&self) -> Option<Instant> {
        let since = self.ending.as_ref().map(|ending| ending.since);
        deadline(since.filter(|_| !self.is_over()), self.policy.timeouts.close)
    }
}

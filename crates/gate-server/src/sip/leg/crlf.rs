//! Keepalives of a stream towards a server (RFC 5626 §4.4.1): silence is broken by CRLFCRLF, which
//! must be answered by CRLF.

use std::time::{Duration, Instant};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crlf {
    /// Zero: nobody is asked.
    interval: Duration,
    /// Something came then, or a ping went.
    since: Instant,
    is_asked: bool,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    Ping,
    /// The answer has not come.
    Dead,
}

/// How long the answer may take.
const ANSWER: Duration = Duration::from_secs(10);

impl Crlf {
    pub(crate) fn every(interval: Duration, now: Instant) -> Self {
        Self { interval, since: now, is_asked: false }
    }

    /// Something came.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.since = now;
        self.is_asked = false;
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let wait = if self.is_asked { ANSWER } else { self.interval };
        (!self.interval.is_zero()).then(|| self.since + wait)
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Due {
        if self.poll_timeout().is_none_or(|at| at > now) {
            return Due::Nothing;
        }
        if self.is_asked {
            return Due::Dead;
        }
        self.is_asked = true;
        self.since = now;
        Due::Ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn a_silent_server_is_asked_and_given_up_when_it_does_not_answer() {
        let start = clock::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut crlf = Crlf::every(Duration::from_secs(90), start);
        assert_eq!(crlf.handle_timeout(at(89)), Due::Nothing);
        assert_eq!(crlf.handle_timeout(at(90)), Due::Ping);
        assert_eq!(crlf.handle_timeout(at(99)), Due::Nothing);
        crlf.heard(at(99));
        assert_eq!(crlf.poll_timeout(), Some(at(189)));
        assert_eq!(crlf.handle_timeout(at(189)), Due::Ping);
        assert_eq!(crlf.handle_timeout(at(199)), Due::Dead);
    }

    #[test]
    fn without_an_interval_nobody_is_asked() {
        let mut crlf = Crlf::every(Duration::ZERO, clock::now());
        assert_eq!(crlf.poll_timeout(), None);
        assert_eq!(crlf.handle_timeout(clock::now() + Duration::from_secs(1000)), Due::Nothing);
    }
}

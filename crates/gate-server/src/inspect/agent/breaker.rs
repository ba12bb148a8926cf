//! The circuit breaker of one agent on one worker. Pure: the caller passes `now`.
//!
//! ```text
//!            failures on end          its time is over
//!   Closed ------------------> Open ------------------> HalfOpen
//!      ^                        ^                         |  |
//!      |                        +------- a failure -------+  |
//!      +------------------ answers on end -------------------+
//! ```

use std::time::Instant;

use gate_config::model::CircuitBreaker;

use crate::observe::agents::BreakerState;

/// See the module.
#[derive(Debug)]
pub(super) struct Breaker {
    settings: CircuitBreaker,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen { trials: u32, answered: u32 },
}

/// Leave for one call. What has come of it is told with it, or that it was given up.
#[derive(Debug)]
#[must_use]
pub(super) enum Leave {
    Call,
    Trial,
}

impl Breaker {
    pub(super) fn new(settings: CircuitBreaker) -> Self {
        Self { settings, state: State::Closed { failures: 0 } }
    }

    pub(super) fn state(&self) -> BreakerState {
        match self.state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Whether nobody need wait to make a call, as none may be made.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        matches!(self.state, State::Open { until } if now < until)
    }

    /// Whether a call may be made; `None`: it may not.
    pub(super) fn leave(&mut self, now: Instant) -> Option<Leave> {
        match &mut self.state {
            State::Closed { .. } => Some(Leave::Call),
            State::Open { until } if now < *until => None,
            State::Open { .. } => {
                self.state = State::HalfOpen { trials: 1, answered: 0 };
                Some(Leave::Trial)
            }
            State::HalfOpen { trials, .. } if *trials < self.settings.trials_max => {
                *trials += 1;
                Some(Leave::Trial)
            }
            State::HalfOpen { .. } => None,
        }
    }

    /// The agent has answered.
    pub(super) fn answered(&mut self, leave: &Leave) {
        match (&mut self.state, leave) {
            (State::Closed { failures }, _) => *failures = 0,
            (State::HalfOpen { trials, answered }, Leave::Trial) => {
                *trials = trials.saturating_sub(1);
                *answered += 1;
                if *answered >= self.settings.success_threshold {
                    self.state = State::Closed { failures: 0 };
                }
            }
            // A call from before it opened says nothing about now.
            (State::Open { .. }, _) | (State::HalfOpen { .. }, Leave::Call) => {}
        }
    }

    /// The agent has not answered, or not as it must.
    pub(super) fn failed(&mut self, leave: &Leave, now: Instant) {
        match (&mut self.state, leave) {
            (State::Closed { failures }, _) => {
                *failures = failures.saturating_add(1);
                if self.settings.failure_threshold > 0 && *failures >= self.settings.failure_threshold {
                    self.open(now);
                }
            }
            (State::HalfOpen { .. }, Leave::Trial) => self.open(now),
            (State::Open { .. }, _) | (State::HalfOpen { .. }, Leave::Call) => {}
        }
    }

    /// Nothing can be said about the agent: whoever asked has gone, or it was not reached.
    pub(super) fn given_up(&mut self, leave: &Leave) {
        if let (State::HalfOpen { trials, .. }, Leave::Trial) = (&mut self.state, leave) {
            *trials = trials.saturating_sub(1);
        }
    }

    fn open(&mut self, now: Instant) {
        self.state = State::Open { until: now + self.settings.open_for };
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock;

    fn breaker(failure_threshold: u32, success_threshold: u32, trials_max: u32) -> Breaker {
        let open_for = Duration::from_secs(30);
        Breaker::new(CircuitBreaker { failure_threshold, success_threshold, open_for, trials_max })
    }

    fn fail(breaker: &mut Breaker, now: Instant) {
        let leave = breaker.leave(now).expect("leave");
        breaker.failed(&leave, now);
    }

    #[test]
    fn it_opens_after_failures_on_end_and_not_after_others() {
        let now = clock::now();
        let mut breaker = breaker(3, 1, 1);
        for _ in 0..2 {
            fail(&mut breaker, now);
        }
        let leave = breaker.leave(now).expect("leave");
        breaker.answered(&leave);
        for _ in 0..2 {
            fail(&mut breaker, now);
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        fail(&mut breaker, now);
        assert_eq!(breaker.state(), BreakerState::Open);
        assert!(breaker.leave(now + Duration::from_secs(29)).is_none());
    }

    #[test]
    fn once_its_time_is_over_so_many_trials_are_made_and_answers_close_it() {
        let now = clock::now();
        let mut breaker = breaker(1, 2, 2);
        fail(&mut breaker, now);
        let later = now + Duration::from_secs(30);
        let (one, two) = (breaker.leave(later).expect("a trial"), breaker.leave(later).expect("a trial"));
        assert!(breaker.leave(later).is_none(), "two at a time");
        breaker.answered(&one);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        breaker.answered(&two);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn a_trial_that_fails_opens_it_again_and_one_given_up_makes_room() {
        let now = clock::now();
        let mut breaker = breaker(1, 1, 1);
        fail(&mut breaker, now);
        let later = now + Duration::from_secs(30);
        let leave = breaker.leave(later).expect("a trial");
        breaker.given_up(&leave);
        let leave = breaker.leave(later).expect("another");
        breaker.failed(&leave, later);
        assert!(breaker.leave(later + Duration::from_secs(29)).is_none());
        assert!(breaker.leave(later + Duration::from_secs(30)).is_some());
    }

    #[test]
    fn without_a_threshold_it_never_opens_and_old_calls_do_not_count_for_trials() {
        let now = clock::now();
        let mut never = breaker(0, 1, 1);
        for _ in 0..1000 {
            fail(&mut never, now);
        }
        assert_eq!(never.state(), BreakerState::Closed);
        let mut breaker = breaker(1, 1, 1);
        let old = breaker.leave(now).expect("leave");
        fail(&mut breaker, now);
        let _trial = breaker.leave(now + Duration::from_secs(30)).expect("a trial");
        breaker.answered(&old);
        breaker.failed(&old, now);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
    }
}

//! Whether a target is well: what checks of it found, and what became of the requests it
//! was given.
//!
//! Pure: the caller passes `now`. Two judges look at a target, each with a power of its
//! own. *Checks* are the operator's word: a target that they find unhealthy gets nothing,
//! and where that is true of all there is nobody to ask. *Ejection* is a guess from failed
//! requests, so it only puts a target behind the others for a while: where no other is
//! left it is used all the same, and a fault that all targets share ejects nobody.
//! Not here: making checks, and choosing among targets ([`crate::balance`]).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::balance::Share;

/// What the targets of one upstream are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Checks passed in a row that make a target healthy; 0 counts as 1.
    pub healthy_threshold: u32,
    /// Checks failed in a row that make it unhealthy; 0 counts as 1.
    pub unhealthy_threshold: u32,
    /// Failed requests within `window` that eject a target; 0 switches that off.
    pub max_fails: u32,
    /// How long a failure counts; zero is for ever.
    pub window: Duration,
    /// How long the first ejection lasts. Each that follows soon lasts twice as long, up to
    /// [`EJECTION_MAX`]. Zero switches ejection off.
    pub ejection: Duration,
    /// How long a target that is healthy again, or back from an ejection, takes to get all
    /// of its weight. It begins with a tenth.
    pub slow_start: Duration,
}

/// No ejection lasts longer, unless the first one does.
pub const EJECTION_MAX: Duration = Duration::from_secs(300);

/// How something went: a check, or a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The target answered as it should.
    Passed,
    /// It did not.
    Failed,
}

/// What a target is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It takes requests.
    Up(Share),
    /// It takes those that no other target can take.
    Ejected(Share),
    /// It takes none.
    Down,
}

/// Something worth a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Checks find it healthy again.
    Healthy,
    /// Checks find it unhealthy.
    Unhealthy,
    /// Too many requests failed.
    Ejected {
        /// For so long.
        lasting: Duration,
    },
}

/// One target. It is well until something says otherwise.
#[derive(Clone, Debug, Default)]
pub struct Health {
    checked: Checked,
    trust: Trust,
    /// The last ejection.
    ejection: Option<Ejection>,
    /// Since when it has been getting more and more of its weight.
    rising_since: Option<Instant>,
}

/// What checks say.
#[derive(Clone, Copy, Debug)]
enum Checked {
    /// Well; so many checks in a row have failed.
    Well { failures: u32 },
    /// Unwell; so many checks in a row have passed.
    Unwell { passes: u32 },
}

impl Default for Checked {
    fn default() -> Self {
        Self::Well { failures: 0 }
    }
}

/// What requests say.
#[derive(Clone, Debug)]
enum Trust {
    /// Requests failed at these times, each within the window of the last, oldest first;
    /// fewer than `max_fails`.
    Trusted { failures: VecDeque<Instant> },
    /// Too many did.
    Ejected { until: Instant },
}

impl Default for Trust {
    fn default() -> Self {
        Self::Trusted { failures: VecDeque::new() }
    }
}

#[derive(Clone, Copy, Debug)]
struct Ejection {
    until: Instant,
    lasted: Duration,
}

impl Health {
    /// What the target is good for at `now`.
    #[must_use]
    pub fn standing(&self, rules: &Rules, now: Instant) -> Standing {
        match (self.checked, &self.trust) {
            (Checked::Unwell { .. }, _) => Standing::Down,
            (Checked::Well { .. }, Trust::Ejected { until }) if now < *until => {
                Standing::Ejected(self.share(rules, now))
            }
            (Checked::Well { .. }, Trust::Ejected { .. } | Trust::Trusted { .. }) => {
                Standing::Up(self.share(rules, now))
            }
        }
    }

    /// Whether a request that passes would change nothing.
    #[must_use]
    pub fn is_spotless(&self) -> bool {
        match &self.trust {
            Trust::Trusted { failures } => failures.is_empty(),
            Trust::Ejected { .. } => false,
        }
    }

    /// A check has been made.
    pub fn check(&mut self, outcome: Outcome, rules: &Rules, now: Instant) -> Option<Change> {
        match (&mut self.checked, outcome) {
            (Checked::Well { failures }, Outcome::Passed) => {
                *failures = 0;
                None
            }
            (Checked::Unwell { passes }, Outcome::Failed) => {
                *passes = 0;
                None
            }
            (Checked::Well { failures }, Outcome::Failed) => {
                *failures = failures.saturating_add(1);
                if *failures < rules.unhealthy_threshold {
                    return None;
                }
                self.checked = Checked::Unwell { passes: 0 };
                Some(Change::Unhealthy)
            }
            (Checked::Unwell { passes }, Outcome::Passed) => {
                *passes = passes.saturating_add(1);
                if *passes < rules.healthy_threshold {
                    return None;
                }
                // What failed before is explained by what the checks had found.
                *self = Self { rising_since: Some(now), ..Self::default() };
                Some(Change::Healthy)
            }
        }
    }

    /// A request has been answered, or has failed. One that passes makes up for the oldest
    /// failure: only where failures are the rule is a target ejected.
    pub fn request(&mut self, outcome: Outcome, rules: &Rules, now: Instant) -> Option<Change> {
        if rules.max_fails == 0 || rules.ejection.is_zero() {
            return None;
        }
        if let Trust::Ejected { until } = self.trust {
            if now < until {
                return None;
            }
            self.trust = Trust::default();
        }
        let Trust::Trusted { failures } = &mut self.trust else { return None };
        match outcome {
            Outcome::Passed => {
                failures.pop_front();
                return None;
            }
            Outcome::Failed => failures.push_back(now),
        }
        if !rules.window.is_zero() {
            while failures.front().is_some_and(|at| now.saturating_duration_since(*at) >= rules.window) {
                failures.pop_front();
            }
        }
        let are_too_many = u32::try_from(failures.len()).map_or(true, |count| count >= rules.max_fails);
        are_too_many.then(|| self.eject(rules, now))
    }

    fn eject(&mut self, rules: &Rules, now: Instant) -> Change {
        // One that comes within the length of the last one since its end goes on from there.
        let recent = self.ejection.filter(|last| now.saturating_duration_since(last.until) < last.lasted);
        let longest = rules.ejection.max(EJECTION_MAX);
        let lasting = recent.map_or(rules.ejection, |last| last.lasted.saturating_mul(2)).min(longest);
        let until = now + lasting;
        self.trust = Trust::Ejected { until };
        self.ejection = Some(Ejection { until, lasted: lasting });
        self.rising_since = Some(until);
        Change::Ejected { lasting }
    }

    /// From a tenth at the start of the rise to all at its end.
    fn share(&self, rules: &Rules, now: Instant) -> Share {
        let Some(since) = self.rising_since else { return Share::FULL };
        let risen = now.saturating_duration_since(since);
        if rules.slow_start.is_zero() || risen >= rules.slow_start {
            return Share::FULL;
        }
        let part = risen.as_nanos().saturating_mul(900) / rules.slow_start.as_nanos();
        Share::thousandths(u16::try_from(100 + part).unwrap_or(1000))
    }
}

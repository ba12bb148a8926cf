//! What a service manager is told (sd_notify(3)). Without one nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Service {
    /// How often it wants to hear that all is well.
    watchdog: Option<Duration>,
}

impl Service {
    pub(super) fn from_environment() -> Self {
        Self { watchdog: sd_notify::watchdog_enabled() }
    }

    /// The gateway accepts; after a take-over this process is the one that counts.
    pub(super) fn ready(&self, is_successor: bool) {
        let mut state = vec![NotifyState::Ready, NotifyState::Status("accepting connections")];
        if is_successor {
            state.push(NotifyState::MainPid(std::process::id()));
        }
        tell(&state);
    }

    /// A reload begins; [`reloaded`](Self::reloaded) must follow.
    pub(super) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(_) => tell(&[NotifyState::Reloading]),
        }
    }

    /// A reload is over; how it went.
    pub(super) fn reloaded(&self, how: &str) {
        tell(&[NotifyState::Ready, NotifyState::Status(how)]);
    }

    pub(super) fn stopping(&self) {
        tell(&[NotifyState::Stopping, NotifyState::Status("closing all sessions")]);
    }

    /// All is well.
    pub(super) fn alive(&self) {
        tell(&[NotifyState::Watchdog]);
    }

    /// Ticks when [`alive`](Self::alive) is due; `None`: nobody wants to hear it.
    pub(super) fn ticks(&self) -> Option<Interval> {
        // Half of it, as sd_watchdog_enabled(3) advises.
        let mut ticks = interval((self.watchdog? / 2).max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Some(ticks)
    }
}

fn tell(state: &[NotifyState<'_>]) {
    // A manager that does not listen has no use for it.
    let _unheard = sd_notify::notify(state);
}

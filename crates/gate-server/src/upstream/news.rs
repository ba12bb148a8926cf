//! What becomes of targets, for whoever writes records and closes sessions.

use std::time::Duration;

use crate::upstream::target::TargetKey;

/// Is told of changes, on whatever thread they are found. Must not wait.
pub(crate) trait Watch: Send + Sync {
    /// A target's health has changed.
    fn tell(&self, news: &News<'_>);
}

/// A change of one target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct News<'a> {
    /// The upstream's name.
    pub(crate) upstream: &'a str,
    /// The target's address as it was configured.
    pub(crate) target: &'a str,
    pub(crate) key: TargetKey,
    pub(crate) event: Event,
    /// What the last check or request failed with; empty where it did not.
    pub(crate) why: &'a str,
}

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Checks find it healthy again.
    Healthy,
    /// Checks find it unhealthy.
    Unhealthy {
        /// `on-unhealthy "close"`: its sessions are to be closed with 1012.
        closes_sessions: bool,
    },
    /// Requests to it fail; it is left alone for so long, unless no other target is left.
    Ejected {
        /// For so long.
        lasting: Duration,
    },
    /// Its name cannot be resolved any more; the addresses of before stay in use.
    Unresolved,
}

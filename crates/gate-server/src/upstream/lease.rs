//! One request or session on a target.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::upstream::cluster::Cluster;
use crate::upstream::target::{Failure, Target, TargetKey};

/// Counts on its target until it is dropped. Whoever holds it tells what became of the
/// request, so that a target that fails is noticed.
pub(crate) struct Lease {
    cluster: Arc<Cluster>,
    target: Arc<Target>,
}

impl Lease {
    pub(super) fn new(cluster: Arc<Cluster>, target: &Arc<Target>) -> Self {
        target.account().in_flight.fetch_add(1, Ordering::Relaxed);
        target.account().attempts.fetch_add(1, Ordering::Relaxed);
        Self { cluster, target: Arc::clone(target) }
    }

    pub(crate) fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    pub(crate) fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// The target's name for the life of the process.
    pub(crate) fn key(&self) -> TargetKey {
        self.target.key()
    }

    /// The target's address as it was configured.
    pub(crate) fn text(&self) -> &Arc<str> {
        self.target.text()
    }

    /// The target has answered.
    pub(crate) fn succeeded(&self) {
        self.cluster.report_success(&self.target);
    }

    /// The target has failed.
    pub(crate) fn failed(&self, failure: Failure) {
        self.cluster.report_failure(&self.target, failure);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.target.account().in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lease").field(&self.target.text()).finish()
    }
}

//! Which target is tried next when one has failed, and for how long that goes on.

use std::sync::Arc;
use std::time::Instant;

use crate::clock;
use crate::upstream::cluster::Cluster;
use crate::upstream::lease::Lease;
use crate::upstream::wish::Wish;

/// The targets that one request tries.
pub(super) struct Attempts<'a> {
    cluster: &'a Arc<Cluster>,
    wish: Wish,
    tried: Vec<usize>,
    /// How many more there may be.
    left: u32,
    begun: Instant,
}

/// What is worth trying behind an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// Nothing was sent, or not a byte of an answer came to what may be sent again: another
    /// target may do better.
    Elsewhere,
    /// Nothing.
    Never,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(cluster: &'a Arc<Cluster>, wish: Wish) -> Self {
        let left = cluster.upstream().retries;
        Self { cluster, wish, tried: Vec::new(), left, begun: clock::now() }
    }

    /// The target to begin with; `None` when checks find all of them unhealthy.
    pub(super) fn first(&self) -> Option<Lease> {
        self.cluster.choose(&self.wish, &self.tried)
    }

    /// The target to go on with after `lease` has failed, if it is worth trying; never one
    /// that has been tried.
    pub(super) fn next(&mut self, lease: &Lease, retry: Retry) -> Option<Lease> {
        match retry {
            Retry::Elsewhere => {}
            Retry::Never => return None,
        }
        self.left = self.left.checked_sub(1)?;
        self.tried.push(lease.target().index());
        if self.is_late() || self.tried.len() >= self.cluster.targets().len() {
            return None;
        }
        self.cluster.choose(&self.wish, &self.tried)
    }

    /// Twice the time for one connection has gone: the client has waited long enough.
    fn is_late(&self) -> bool {
        let limit = self.cluster.upstream().timeouts.connect.saturating_mul(2);
        !limit.is_zero() && clock::now().saturating_duration_since(self.begun) >= limit
    }
}

//! Which target is tried next when one has failed, and for how long that goes on.

use std::sync::Arc;
use std::time::Instant;

use gate_config::model::Upstream;

use crate::clock;
use crate::upstream::cluster::Cluster;
use crate::upstream::lease::Lease;
use crate::upstream::wish::Wish;

/// The targets that one request tries.
pub(super) struct Attempts<'a> {
    cluster: &'a Arc<Cluster>,
    wish: Wish,
    tried: Vec<usize>,
    budget: Budget,
}

/// How many other targets one request may try, and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    left: u32,
    /// Then the client has waited long enough.
    until: Option<Instant>,
}

impl Budget {
    /// From here on: as many as `retries` says, within twice the time for one connection.
    pub(crate) fn of(upstream: &Upstream) -> Self {
        let limit = upstream.timeouts.connect.saturating_mul(2);
        Self { left: upstream.retries, until: (!limit.is_zero()).then(|| clock::now() + limit) }
    }

    /// Whether another target may be tried, which is one less then.
    pub(crate) fn take(&mut self) -> bool {
        let left = self.left.checked_sub(1);
        self.left = left.unwrap_or(0);
        left.is_some() && self.until.is_none_or(|until| clock::now() < until)
    }
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
        Self { cluster, wish, tried: Vec::new(), budget: Budget::of(cluster.upstream()) }
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
        self.tried.push(lease.target().index());
        let has_more = self.tried.len() < self.cluster.targets().len();
        if self.budget.take() && has_more { self.cluster.choose(&self.wish, &self.tried) } else { None }
    }
}

//! One search for the route of a request: the best that was found so far.

use super::index::is_without_host;
use super::{Conditions, Request};

/// The place of a route in the order of preference, from 0.
pub(super) type Rank = usize;

/// A search under way.
pub(super) struct Search<'a> {
    pub(super) request: Request<'a>,
    /// The conditions of all routes, by rank.
    routes: &'a [Conditions],
    /// Only routes before this one are of interest; all are at first.
    end: Rank,
}

impl<'a> Search<'a> {
    pub(super) fn new(request: Request<'a>, routes: &'a [Conditions]) -> Self {
        Self { request, routes, end: routes.len() }
    }

    /// Tries routes that the index proposes; `ranks` ascend.
    pub(super) fn try_each(&mut self, ranks: &[Rank]) {
        let of_interest = ranks.iter().copied().take_while(|rank| *rank < self.end);
        self.end = of_interest.into_iter().find(|rank| self.fits(*rank)).unwrap_or(self.end);
    }

    fn fits(&self, rank: Rank) -> bool {
        self.routes.get(rank).is_some_and(|conditions| {
            (!is_without_host(conditions) || conditions.fits_host(self.request.host))
                && conditions.misfit_of_fields(&self.request).is_none()
        })
    }

    /// Whether routes of which this is the first may hold a better one than was found.
    pub(super) fn wants(&self, first: Option<Rank>) -> bool {
        first.is_some_and(|first| first < self.end)
    }

    /// The best route that was found.
    pub(super) fn found(&self) -> Option<Rank> {
        (self.end < self.routes.len()).then_some(self.end)
    }
}

//! What the frames of sessions are counted by: the buckets of each `rate-limit` of a route, whoever
//! they are shared with. A session gets them once, at its opening; counting a frame takes no lock.

use std::sync::Arc;
use std::time::Instant;

use gate_config::model::{RateKey, RateLimit};
use gate_core::rate::{Bucket, Meter, Rate};

use super::buckets::Buckets;
use super::key::Printer;
use crate::upstream::wish::Ask;

/// The `rate-limit` blocks of a route.
#[derive(Debug)]
pub(super) struct RouteMeters(Vec<Arc<Metered>>);

/// One block, and the buckets that sessions share.
#[derive(Debug)]
struct Metered {
    limit: RateLimit,
    printer: Printer,
    /// In each set a bucket for each rate of each side. All sessions of the route share one set
    /// where that is what the block says: they have the same key.
    shared: Buckets,
}

impl RouteMeters {
    /// Meters for these blocks, with the buckets of those that `previous` has too.
    pub(super) fn new(limits: &[RateLimit], previous: Option<&Self>, now: Instant) -> Self {
        let mut before: Vec<_> = previous.iter().flat_map(|previous| &previous.0).collect();
        let metered = |limit: &RateLimit| match before.iter().position(|metered| metered.limit == *limit) {
            // Of two that are alike each keeps its own.
            Some(index) => Arc::clone(before.remove(index)),
            None => Arc::new(Metered {
                limit: limit.clone(),
                printer: Printer::default(),
                shared: Buckets::new(rates(limit), now),
            }),
        };
        Self(limits.iter().map(metered).collect())
    }

    /// Those of a session that begins with this handshake.
    pub(super) fn of(&self, ask: &Ask<'_>, now: Instant) -> Box<[Meter]> {
        self.0.iter().flat_map(|metered| metered.of(ask, now)).collect()
    }
}

impl Metered {
    fn of(&self, ask: &Ask<'_>, now: Instant) -> Vec<Meter> {
        let limit = &self.limit;
        let buckets: Vec<Arc<Bucket>> = match limit.per {
            RateKey::Connection => {
                self.shared.rates().iter().map(|rate| Arc::new(Bucket::new(*rate, now))).collect()
            }
            RateKey::Address
            | RateKey::Route
            | RateKey::Header(_)
            | RateKey::Query(_)
            | RateKey::Cookie(_) => self.shared.of(self.printer.key(&limit.per, ask), now).to_vec(),
        };
        let kinds = limit.from.sides().iter().flat_map(|from| limit.rates.iter().map(|(of, _)| (*of, *from)));
        let meter = |((of, from), bucket)| Meter { of, from, on_exceed: limit.on_exceed, bucket };
        kinds.zip(buckets).map(meter).collect()
    }
}

/// The rates of a set, in the order of its buckets.
fn rates(limit: &RateLimit) -> Box<[Rate]> {
    limit.from.sides().iter().flat_map(|_| limit.rates.iter().map(|(_, rate)| *rate)).collect()
}

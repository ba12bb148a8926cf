//! Buckets by what clients have in common: one set of buckets for each key, made when the key is
//! first seen.
//!
//! A set that nobody uses and that is full again is as good as a fresh one, so it is dropped: a
//! piece of the table is swept when it has doubled. A flood of keys cannot make the table grow
//! without end: past a bound, keys without a set share a single one, so that all of them together
//! get what one would.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gate_core::rate::{Bucket, Rate};

use super::key::Key;
use super::shards::{PIECES, Shards};

/// The buckets of one key, in the order of the rates.
pub(super) type Set = Arc<[Arc<Bucket>]>;

/// See the module.
#[derive(Debug)]
pub(super) struct Buckets {
    rates: Box<[Rate]>,
    table: Shards<Piece>,
    /// Sets that may be kept, in each piece, for nobody who uses them.
    idle_max: usize,
    /// Of all keys that come when there is no room.
    common: Set,
}

/// A piece of the table.
#[derive(Debug, Default)]
struct Piece {
    sets: HashMap<Key, Set>,
    /// Sets at which it is swept before there are more.
    sweep_at: usize,
    /// It had no room when it was swept, and is not swept again before this.
    full_until: Option<Instant>,
}

impl Buckets {
    /// Buckets of these rates for each key.
    pub(super) fn new(rates: Box<[Rate]>, now: Instant) -> Self {
        Self::bounded(rates, IDLE_MAX / PIECES, now)
    }

    fn bounded(rates: Box<[Rate]>, idle_max: usize, now: Instant) -> Self {
        let common = set(&rates, now);
        Self { rates, table: Shards::new(), idle_max, common }
    }

    pub(super) fn rates(&self) -> &[Rate] {
        &self.rates
    }

    /// The set of `key`, for as long as it is held.
    pub(super) fn of(&self, key: Key, now: Instant) -> Set {
        let mut piece = self.table.of(&key);
        if let Some(set) = piece.sets.get(&key) {
            return Arc::clone(set);
        }
        if !piece.has_room(self.idle_max, now) {
            return Arc::clone(&self.common);
        }
        Arc::clone(piece.sets.entry(key).or_insert_with(|| set(&self.rates, now)))
    }

    /// The set of `key`, if there is one already.
    pub(super) fn known(&self, key: Key) -> Option<Set> {
        self.table.of(&key).sets.get(&key).cloned()
    }

    /// Sets that are kept.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.table.sum(|piece| piece.sets.len())
    }
}

impl Piece {
    /// Makes room for another set, if there can be.
    fn has_room(&mut self, idle_max: usize, now: Instant) -> bool {
        if self.sets.len() < self.sweep_at {
            return true;
        }
        if self.full_until.is_some_and(|until| now < until) {
            return false;
        }
        let mut idle = 0;
        self.sets.retain(|_, set| {
            let is_used = is_used(set);
            let is_kept = is_used || !set.iter().all(|bucket| bucket.is_full(now));
            idle += usize::from(is_kept && !is_used);
            is_kept
        });
        let is_full = idle >= idle_max;
        self.full_until = is_full.then(|| now + SWEEP_PAUSE);
        // As many again as there are, so that a sweep costs each of them no more than a look.
        let more = self.sets.len().clamp(SWEEP_MIN.min(idle_max), idle_max);
        self.sweep_at = if is_full { 0 } else { self.sets.len() + more };
        self.sets.shrink_to(self.sweep_at);
        !is_full
    }
}

fn set(rates: &[Rate], now: Instant) -> Set {
    rates.iter().map(|rate| Arc::new(Bucket::new(*rate, now))).collect()
}

/// Whether anybody but the table has it, or one of its buckets. Nobody can come to have it while the
/// table's lock is held.
fn is_used(set: &Set) -> bool {
    Arc::strong_count(set) > 1 || set.iter().any(|bucket| Arc::strong_count(bucket) > 1)
}

/// Sets of a table that may be kept for nobody who uses them before it is full: some 300 bytes each.
const IDLE_MAX: usize = 65_536;

/// Sets of a piece that are never worth a sweep.
const SWEEP_MIN: usize = 64;

/// Between two sweeps of a piece that has no room, each of which is a look at all of it.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const SECOND: Duration = Duration::from_secs(1);

    fn buckets(tokens: u64, idle_max: usize, now: Instant) -> Buckets {
        Buckets::bounded([Rate::per_second(tokens)].into(), idle_max, now)
    }

    fn take(buckets: &Buckets, key: u128, now: Instant) -> bool {
        buckets.of(Key::Value(key), now)[0].take(1, now).is_ok()
    }

    #[test]
    fn each_key_has_a_bucket_of_its_own_that_all_its_users_share() {
        let now = clock::now();
        let buckets = buckets(2, 100, now);
        for key in 0..10 {
            assert_eq!((0..5).filter(|_| take(&buckets, key, now)).count(), 2, "{key}");
        }
        assert!(buckets.known(Key::Value(3)).is_some_and(|set| set[0].check(now).is_err()));
        assert!(buckets.known(Key::Value(10)).is_none());
    }

    #[test]
    fn sets_that_are_full_again_and_not_used_are_dropped() {
        let mut now = clock::now();
        let buckets = buckets(10, 10_000, now);
        let used: Vec<_> = (0..50).map(|key| buckets.of(Key::Value(key), now)).collect();
        for key in 1_000..100_000 {
            assert!(take(&buckets, key, now));
            now += SECOND / 1_000;
        }
        // Those of the last 100 ms are not full; of the rest as many again may stay until the next sweep.
        assert!(buckets.len() < 50 + 2 * PIECES * SWEEP_MIN, "{} are kept", buckets.len());
        for (key, set) in (0..50).zip(&used) {
            assert!(Arc::ptr_eq(&buckets.of(Key::Value(key), now), set), "{key} is in use");
        }
    }

    #[test]
    fn a_set_of_which_one_bucket_is_used_is_kept() {
        let mut now = clock::now();
        let buckets = Buckets::bounded([Rate::per_second(1), Rate::per_second(2)].into(), 1_000, now);
        let second = Arc::clone(&buckets.of(Key::Nothing, now)[1]);
        for key in 0..10_000 {
            now += SECOND;
            let _dropped = buckets.of(Key::Value(key), now);
        }
        assert!(Arc::ptr_eq(&buckets.of(Key::Nothing, now)[1], &second));
    }

    #[test]
    fn a_flood_of_keys_shares_one_bucket_and_takes_no_more_memory() {
        let now = clock::now();
        let idle_max = 20;
        let buckets = buckets(2, idle_max, now);
        let passed =
            (0..100_000).filter(|key| take(&buckets, *key, now) && take(&buckets, *key, now)).count();
        let kept = buckets.len();
        assert!(kept <= 2 * PIECES * idle_max, "{kept} are kept");
        // Each that is kept, and the one for all others.
        assert_eq!(passed, kept + 1);
        // The first who came are not touched by that, and when all is over there is room again.
        let later = now + 2 * SECOND;
        assert_eq!((200_000..200_100).filter(|key| take(&buckets, *key, later)).count(), 100);
    }

    #[test]
    fn sets_in_use_do_not_count_against_the_bound() {
        let now = clock::now();
        let buckets = buckets(1, 20, now);
        let sets: Vec<_> = (0..10_000).map(|key| buckets.of(Key::Value(key), now)).collect();
        assert!(sets.iter().all(|set| set[0].take(1, now).is_ok()));
    }
}

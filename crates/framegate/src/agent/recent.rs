//! Something for each of the connections that were heard of of late.
//!
//! Nobody says when a connection has ended, so what has not been asked for in a while is forgotten: entries are
//! young when they are used, become old all together, and are gone when that happens a second time. So at most
//! twice [`YOUNG_MAX`] are kept, and none for longer than twice [`AGE`] without being used. The cost of a use is
//! that of a look into two tables.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::time::{Duration, Instant};

/// Entries that may be young at a time.
const YOUNG_MAX: usize = 32_768;

/// How long they may be so.
const AGE: Duration = Duration::from_secs(600);

/// See the module. Keys are kept as hashes with secret parameters: a long key costs no more than a short one, and
/// nobody can make two that collide.
#[derive(Debug)]
pub(super) struct Recent<T> {
    hasher: RandomState,
    young: HashMap<u64, T>,
    old: HashMap<u64, T>,
    turned: Instant,
}

impl<T> Recent<T> {
    pub(super) fn new(now: Instant) -> Self {
        Self { hasher: RandomState::new(), young: HashMap::new(), old: HashMap::new(), turned: now }
    }

    /// The entry of `key`, made if there is none.
    pub(super) fn entry(&mut self, key: impl Hash, now: Instant, make: impl FnOnce() -> T) -> &mut T {
        let key = self.hasher.hash_one(key);
        self.turn(now);
        let old = &mut self.old;
        self.young.entry(key).or_insert_with(|| old.remove(&key).unwrap_or_else(make))
    }

    /// Takes the entry of `key` out.
    pub(super) fn take(&mut self, key: impl Hash) -> Option<T> {
        let key = self.hasher.hash_one(key);
        self.young.remove(&key).or_else(|| self.old.remove(&key))
    }

    /// Puts an entry in the place of whatever `key` has.
    pub(super) fn put(&mut self, key: impl Hash, value: T, now: Instant) {
        let key = self.hasher.hash_one(key);
        self.turn(now);
        self.old.remove(&key);
        self.young.insert(key, value);
    }

    /// All entries.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.young.values().chain(self.old.values())
    }

    /// Makes the young old, and forgets the old, if it is time.
    fn turn(&mut self, now: Instant) {
        if self.young.len() < YOUNG_MAX && now.saturating_duration_since(self.turned) < AGE {
            return;
        }
        self.old = std::mem::take(&mut self.young);
        self.turned = now;
    }
}

#[cfg(test)]
mod tests {
    use super::{AGE, Recent, YOUNG_MAX};
    use std::time::{Duration, Instant};

    #[expect(clippy::disallowed_methods, reason = "virtual time begins somewhere; it passes by hand")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn what_is_used_stays_and_what_is_not_is_forgotten() {
        let mut now = start();
        let mut recent = Recent::new(now);
        *recent.entry("used", now, || 0) = 1;
        *recent.entry("unused", now, || 0) = 2;
        for _ in 0..3 {
            now += AGE;
            assert_eq!(*recent.entry("used", now, || 0), 1);
        }
        assert_eq!(*recent.entry("unused", now, || 0), 0);
    }

    #[test]
    fn no_more_than_so_many_are_kept() {
        let now = start();
        let mut recent = Recent::new(now);
        for key in 0..YOUNG_MAX * 3 {
            recent.put(key, key, now);
        }
        assert!(recent.values().count() <= YOUNG_MAX * 2);
        assert_eq!(recent.take(YOUNG_MAX * 3 - 1), Some(YOUNG_MAX * 3 - 1));
        assert_eq!(recent.take(0), None);
    }

    #[test]
    fn an_entry_is_in_one_place_only() {
        let mut now = start();
        let mut recent = Recent::new(now);
        recent.put("a", 1, now);
        now += AGE;
        recent.put("b", 1, now);
        recent.put("a", 2, now + Duration::from_secs(1));
        assert_eq!((recent.values().count(), recent.take("a"), recent.take("a")), (2, Some(2), None));
    }
}

//! Something that many threads write to, cut into pieces with a lock each: in a storm of clients
//! all workers are at it at once.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// See the module. Which piece a key belongs to no client can know.
#[derive(Debug)]
pub(super) struct Shards<T> {
    hasher: RandomState,
    pieces: [Mutex<T>; PIECES],
}

/// Pieces of each.
pub(super) const PIECES: usize = 16;

impl<T: Default> Shards<T> {
    pub(super) fn new() -> Self {
        Self { hasher: RandomState::new(), pieces: std::array::from_fn(|_| Mutex::default()) }
    }

    /// The piece that `key` belongs to.
    pub(super) fn of(&self, key: &impl Hash) -> MutexGuard<'_, T> {
        let [first, ..] = &self.pieces;
        let index = usize::try_from(self.hasher.hash_one(key) >> 32).unwrap_or_default() % PIECES;
        lock(self.pieces.get(index).unwrap_or(first))
    }

    /// What `measure` says of all pieces together.
    #[cfg(test)]
    pub(super) fn sum(&self, measure: impl Fn(&T) -> usize) -> usize {
        self.pieces.iter().map(|piece| measure(&lock(piece))).sum()
    }
}

/// Whoever panicked with the lock held left nothing half done: each change is one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

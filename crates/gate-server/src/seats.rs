//! `max-connections`: seats for sessions, counted over the whole process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The seats there are and those taken.
#[derive(Debug)]
pub(crate) struct Seats {
    taken: AtomicU64,
    /// 0: no limit.
    limit: u64,
}

/// A session's seat; free again when dropped.
#[derive(Debug)]
pub(crate) struct Seat(Arc<Seats>);

impl Seats {
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { taken: AtomicU64::new(0), limit })
    }

    /// Takes a seat; `None` when there is none left. Never more than the limit are out.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Seat> {
        let free = |taken: u64| (self.limit == 0 || taken < self.limit).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, free).ok()?;
        Some(Seat(Arc::clone(self)))
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_free_again_once_dropped_and_the_limit_is_never_passed() {
        let seats = Seats::new(2);
        let first = seats.take();
        let second = seats.take();
        assert!(first.is_some() && second.is_some());
        assert!(seats.take().is_none());
        drop(first);
        assert!(seats.take().is_some());
    }

    #[test]
    fn many_threads_never_hold_more_seats_than_there_are() {
        let seats = Seats::new(3);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        let seat = seats.take();
                        assert!(seats.taken.load(Ordering::Relaxed) <= 3);
                        drop(seat);
                    }
                });
            }
        });
        assert_eq!(seats.taken.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn zero_is_no_limit() {
        let seats = Seats::new(0);
        let taken: Vec<_> = (0..1000).map(|_| seats.take()).collect();
        assert!(taken.iter().all(Option::is_some));
    }
}

//! Seats for sessions, counted over all workers: all of a scope, and those of each client address.
//!
//! Whoever takes a seat says how many there are, so the limit is always that of the configuration
//! which he sees, and the count is one for all of them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::shards::Shards;

/// The seats that are taken.
#[derive(Debug, Default)]
pub(super) struct Seats(AtomicU64);

/// A session's seat; free again when dropped.
#[derive(Debug)]
pub(super) struct Seat(Arc<Seats>);

impl Seats {
    /// Takes one of `limit` seats (0: as many as there are takers); `None` when there is none left.
    /// Never more than the limit are out.
    pub(super) fn take(self: &Arc<Self>, limit: u64) -> Option<Seat> {
        let free = |taken: u64| (limit == 0 || taken < limit).then_some(taken + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, free).ok()?;
        Some(Seat(Arc::clone(self)))
    }

    /// Whether the next would find none.
    pub(super) fn are_taken(&self, limit: u64) -> bool {
        limit > 0 && self.taken() >= limit
    }

    pub(super) fn taken(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Seats by client network: as many for each.
#[derive(Debug)]
pub(super) struct SeatsPerAddress {
    /// Networks that have sessions, and how many. An entry is gone with its last session, so there
    /// are never more than there are sessions.
    taken: Shards<HashMap<IpAddr, u64>>,
}

/// A session's seat among those of its network; free again when dropped.
#[derive(Debug)]
pub(super) struct AddressSeat {
    seats: Arc<SeatsPerAddress>,
    network: IpAddr,
}

impl SeatsPerAddress {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { taken: Shards::new() })
    }

    /// Takes one of `limit` seats, which is not 0; `None` when the network has no more.
    pub(super) fn take(self: &Arc<Self>, network: IpAddr, limit: u64) -> Option<AddressSeat> {
        let mut taken = self.taken.of(&network);
        match taken.entry(network) {
            Entry::Vacant(entry) => {
                entry.insert(1);
            }
            Entry::Occupied(entry) if *entry.get() >= limit => return None,
            Entry::Occupied(mut entry) => *entry.get_mut() += 1,
        }
        drop(taken);
        Some(AddressSeat { seats: Arc::clone(self), network })
    }

    /// Networks that hold a seat.
    #[cfg(test)]
    pub(super) fn networks(&self) -> usize {
        self.taken.sum(HashMap::len)
    }
}

impl Drop for AddressSeat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.of(&self.network);
        if let Entry::Occupied(mut entry) = taken.entry(self.network) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_free_again_once_dropped_and_the_limit_is_never_passed() {
        let seats = Arc::new(Seats::default());
        let first = seats.take(2);
        let second = seats.take(2);
        assert!(first.is_some() && second.is_some());
        assert!(seats.are_taken(2) && seats.take(2).is_none());
        drop(first);
        assert!(!seats.are_taken(2) && seats.take(2).is_some());
    }

    #[test]
    fn zero_is_no_limit() {
        let seats = Arc::new(Seats::default());
        let taken: Vec<_> = (0..1000).map(|_| seats.take(0)).collect();
        assert!(taken.iter().all(Option::is_some) && !seats.are_taken(0));
        assert_eq!(seats.taken(), 1000);
    }

    #[test]
    fn a_limit_that_changes_is_held_against_the_same_count() {
        let seats = Arc::new(Seats::default());
        let held: Vec<_> = (0..5).map_while(|_| seats.take(5)).collect();
        assert_eq!(held.len(), 5);
        assert!(seats.take(3).is_none(), "more are out than there are seats");
        let more = seats.take(6);
        assert!(more.is_some() && seats.take(6).is_none());
        drop((held, more));
        assert_eq!((0..9).map_while(|_| seats.take(3)).collect::<Vec<_>>().len(), 3);
    }

    #[test]
    fn each_network_has_seats_of_its_own_and_leaves_nothing_behind() {
        let seats = SeatsPerAddress::new();
        let take = |text: &str| seats.take(text.parse().unwrap(), 2);
        let held = [take("10.0.0.1"), take("10.0.0.1"), take("2001:db8::"), take("10.0.0.2")];
        assert!(held.iter().all(Option::is_some));
        assert!(take("10.0.0.1").is_none());
        assert_eq!(seats.networks(), 3);
        drop(held);
        assert_eq!(seats.networks(), 0);
        assert!(take("10.0.0.1").is_some());
    }
}

//! Seats for sessions, counted over all workers: `max-connections` of the process and of a
//! route, and `max-connections-per-ip`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

/// Seats by client address: as many for each. An address is an IPv4 address or an IPv6
/// network of 64 bits, since a host has all of that.
#[derive(Debug)]
pub(crate) struct SeatsPerAddress {
    /// Addresses that have sessions, and how many. An entry is gone with its last session.
    taken: Mutex<HashMap<IpAddr, u64>>,
    limit: u64,
}

/// A session's seat among those of its address; free again when dropped.
#[derive(Debug)]
pub(crate) struct AddressSeat {
    seats: Arc<SeatsPerAddress>,
    address: IpAddr,
}

impl SeatsPerAddress {
    /// `limit` seats for each address, at least 1.
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { taken: Mutex::default(), limit })
    }

    /// Takes a seat; `None` when the address has no more.
    pub(crate) fn take(self: &Arc<Self>, address: IpAddr) -> Option<AddressSeat> {
        let address = network(address);
        let mut taken = self.lock();
        match taken.entry(address) {
            Entry::Vacant(entry) => {
                entry.insert(1);
            }
            Entry::Occupied(entry) if *entry.get() >= self.limit => return None,
            Entry::Occupied(mut entry) => *entry.get_mut() += 1,
        }
        drop(taken);
        Some(AddressSeat { seats: Arc::clone(self), address })
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, u64>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AddressSeat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        if let Entry::Occupied(mut entry) = taken.entry(self.address) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

/// What of an address counts as one client.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
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

    #[test]
    fn each_address_has_seats_of_its_own_and_leaves_nothing_behind() {
        let seats = SeatsPerAddress::new(2);
        let take = |text: &str| seats.take(text.parse().unwrap());
        let held =
            [take("10.0.0.1"), take("::ffff:10.0.0.1"), take("2001:db8::1"), take("2001:db8::2:0:0:1")];
        assert!(held.iter().all(Option::is_some));
        assert!(take("10.0.0.1").is_none(), "IPv4 in either spelling is one client");
        assert!(take("2001:db8::ffff").is_none(), "a /64 is one client");
        assert!(take("2001:db8:0:1::1").is_some(), "the next /64 is another");
        drop(held);
        assert!(seats.lock().is_empty());
        assert!(take("10.0.0.1").is_some());
    }
}

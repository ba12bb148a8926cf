//! What is remembered of clients' transactions and calls for a while. There is room for so many, and for
//! so many of one client, which therefore does not take the room of the others.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sip_proto::token::Flow;

/// See the module.
#[derive(Debug)]
pub(super) struct Remembered<V> {
    bounds: Bounds,
    known: HashMap<Key, (V, Instant)>,
    /// How many of them each client has.
    of_client: HashMap<Flow, usize>,
    /// Those that are over are not looked for before then.
    next_sweep: Option<Instant>,
}

/// A client, and a hash of what names its transaction or call.
pub(super) type Key = (Flow, u64);

/// How much is remembered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) all: usize,
    pub(super) of_client: usize,
    /// For how long since it was last remembered.
    pub(super) lasting: Duration,
}

impl<V: Copy> Remembered<V> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, known: HashMap::new(), of_client: HashMap::new(), next_sweep: None }
    }

    /// What is remembered of it.
    pub(super) fn recall(&self, key: &Key, now: Instant) -> Option<V> {
        self.known.get(key).filter(|(_, until)| *until > now).map(|(value, _)| *value)
    }

    /// Remembers it anew; whether there was room.
    pub(super) fn remember(&mut self, key: Key, value: V, now: Instant) -> bool {
        let (client, _) = key;
        let until = now + self.bounds.lasting;
        if let Some(known) = self.known.get_mut(&key) {
            *known = (value, until);
            return true;
        }
        if self.is_full(&client) && self.next_sweep.is_none_or(|at| at <= now) {
            self.next_sweep = Some(now + SWEEP_EVERY);
            self.sweep(now);
        }
        let has_room = !self.is_full(&client);
        if has_room {
            self.known.insert(key, (value, until));
            *self.of_client.entry(client).or_default() += 1;
        }
        has_room
    }

    fn is_full(&self, client: &Flow) -> bool {
        let of_client = self.of_client.get(client).copied().unwrap_or_default();
        self.known.len() >= self.bounds.all || of_client >= self.bounds.of_client
    }

    fn sweep(&mut self, now: Instant) {
        self.known.retain(|_, (_, until)| *until > now);
        self.of_client.clear();
        for (client, _) in self.known.keys() {
            *self.of_client.entry(*client).or_default() += 1;
        }
    }
}

/// Between two looks for what is over, while there is no room.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const BOUNDS: Bounds = Bounds { all: 6, of_client: 4, lasting: Duration::from_secs(200) };

    fn key(client: u64, of: u64) -> Key {
        (Flow { process: 0, worker: 0, id: client, peer: None }, of)
    }

    #[test]
    fn what_is_remembered_is_known_for_its_time_and_longer_when_it_is_remembered_again() {
        let (mut remembered, now) = (Remembered::new(BOUNDS), clock::now());
        assert!(remembered.remember(key(1, 1), 'a', now));
        assert_eq!(remembered.recall(&key(1, 1), now), Some('a'));
        assert_eq!(remembered.recall(&key(2, 1), now), None, "another client's");
        assert_eq!(remembered.recall(&key(1, 1), now + BOUNDS.lasting), None);
        assert!(remembered.remember(key(1, 1), 'b', now + BOUNDS.lasting / 2));
        assert_eq!(remembered.recall(&key(1, 1), now + BOUNDS.lasting), Some('b'));
    }

    #[test]
    fn one_client_does_not_take_the_room_of_others() {
        let (mut remembered, now) = (Remembered::new(BOUNDS), clock::now());
        for of in 0..4 {
            assert!(remembered.remember(key(1, of), (), now), "{of}");
        }
        assert!(!remembered.remember(key(1, 4), (), now));
        assert!(remembered.remember(key(1, 0), (), now), "it is known already");
        assert!(remembered.remember(key(2, 0), (), now));
        assert!(!remembered.remember(key(1, 4), (), now + BOUNDS.lasting / 2));
        assert!(remembered.remember(key(1, 4), (), now + BOUNDS.lasting));
    }

    #[test]
    fn what_is_over_is_looked_for_once_a_second() {
        let (mut remembered, now) = (Remembered::new(BOUNDS), clock::now());
        for client in 0..6 {
            assert!(remembered.remember(key(client, 0), (), now));
        }
        let almost = now + BOUNDS.lasting - SWEEP_EVERY / 2;
        for (at, has_room) in [(almost, false), (now + BOUNDS.lasting, false), (almost + SWEEP_EVERY, true)] {
            assert_eq!(remembered.remember(key(7, 0), (), at), has_room, "{:?}", at - now);
        }
    }
}

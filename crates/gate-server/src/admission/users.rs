//! Buckets of users of SIP, one for each, that all workers share.

use std::sync::Arc;
use std::time::Instant;

use gate_core::rate::Rate;

use super::buckets::Buckets;
use super::key::Printer;

/// See the module. Of how many users are remembered, and what becomes of more, [`Buckets`] tells.
#[derive(Debug)]
pub(crate) struct UserRate {
    buckets: Buckets,
    printer: Printer,
}

impl UserRate {
    /// With the buckets of `before`, if that has the same rate.
    pub(crate) fn after(before: Option<&Arc<Self>>, rate: Rate, now: Instant) -> Arc<Self> {
        let same = before.filter(|before| before.buckets.rates() == [rate]);
        let fresh =
            || Arc::new(Self { buckets: Buckets::new([rate].into(), now), printer: Printer::default() });
        same.cloned().unwrap_or_else(fresh)
    }

    /// Takes one message of a user, if there is room for it in the bucket of that.
    pub(crate) fn take(&self, user: &[u8], now: Instant) -> bool {
        let set = self.buckets.of(self.printer.key_of(user), now);
        set.first().is_none_or(|bucket| bucket.take(1, now).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn a_user_has_one_bucket_on_all_threads() {
        let now = clock::now();
        let rate = UserRate::after(None, Rate::per_second(50), now);
        let count = |user: &'static [u8]| {
            let rate = Arc::clone(&rate);
            std::thread::spawn(move || (0..100).filter(|_| rate.take(user, now)).count())
        };
        let alice: Vec<_> = (0..4).map(|_| count(b"sip:alice@example.org")).collect();
        let bob = count(b"sip:bob@example.org");
        assert_eq!(alice.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>(), 50);
        assert_eq!(bob.join().unwrap(), 50);
    }

    #[test]
    fn a_rate_that_is_the_same_goes_on_and_another_begins_anew() {
        let now = clock::now();
        let before = UserRate::after(None, Rate::per_second(1), now);
        assert!(before.take(b"a", now) && !before.take(b"a", now));
        assert!(!UserRate::after(Some(&before), Rate::per_second(1), now).take(b"a", now));
        assert!(UserRate::after(Some(&before), Rate::per_second(2), now).take(b"a", now));
    }
}

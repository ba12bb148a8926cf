//! Messages and bytes per second of each connection.
//!
//! Token buckets, so that a rate cannot be exceeded around the turn of a second. A bucket of messages holds
//! those of a second and the burst; one of bytes holds those of a second and lets the last frame be larger than
//! what is left, which is owed.

use std::time::Instant;

use gate_core::rate::{Bucket, Rate};

use super::recent::Recent;

/// What each connection may send; 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) messages: u64,
    pub(super) bytes: u64,
    /// Messages at once beside those of a second.
    pub(super) burst: u64,
}

/// What there was too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exceeded {
    Messages,
    Bytes,
}

/// The buckets of the connections.
#[derive(Debug)]
pub(super) struct Rates {
    limits: Limits,
    buckets: Recent<Buckets>,
}

#[derive(Debug)]
struct Buckets {
    messages: Bucket,
    bytes: Bucket,
}

impl Rates {
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
        Self { limits, buckets: Recent::new(now) }
    }

    pub(super) const fn limits(&self) -> Limits {
        self.limits
    }

    /// Counts a frame of a connection. `messages` is 0 for one that is not the first of its message. What is
    /// refused costs nothing.
    pub(super) fn count(
        &mut self,
        id: &str,
        messages: u64,
        bytes: u64,
        now: Instant,
    ) -> Result<(), Exceeded> {
        let limits = self.limits;
        if limits.messages == 0 && limits.bytes == 0 {
            return Ok(());
        }
        let Buckets { messages: of_messages, bytes: of_bytes } = self.buckets.entry(id, now, || Buckets {
            messages: bucket(limits.messages, limits.burst, now),
            bytes: bucket(limits.bytes, 0, now),
        });
        // Both are looked at before either is charged.
        if limits.messages > 0 && messages > 0 && of_messages.check(now).is_err() {
            return Err(Exceeded::Messages);
        }
        if limits.bytes > 0 && bytes > 0 && of_bytes.check(now).is_err() {
            return Err(Exceeded::Bytes);
        }
        of_messages.charge(messages, now);
        of_bytes.charge(bytes, now);
        Ok(())
    }

    /// The connection has ended.
    pub(super) fn forget(&mut self, id: &str) {
        self.buckets.take(id);
    }
}

fn bucket(per_second: u64, burst: u64, now: Instant) -> Bucket {
    let rate = Rate::per_second(per_second.max(1));
    Bucket::new(Rate { burst: rate.burst.saturating_add(burst), ..rate }, now)
}

#[cfg(test)]
mod tests {
    use super::{Exceeded, Limits, Rates};
    use std::time::{Duration, Instant};

    #[expect(clippy::disallowed_methods, reason = "virtual time begins somewhere; it passes by hand")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn as_many_messages_as_of_a_second_and_the_burst_pass_at_once() {
        let now = start();
        let mut rates = Rates::new(Limits { messages: 100, bytes: 0, burst: 10 }, now);
        let passed = (0..200).take_while(|_| rates.count("c", 1, 5, now).is_ok()).count();
        assert_eq!(passed, 110);
        assert_eq!(rates.count("c", 1, 5, now), Err(Exceeded::Messages));
        assert_eq!(rates.count("c", 0, 5, now), Ok(()), "more of a message is none");
        assert_eq!(rates.count("other", 1, 5, now), Ok(()));
        assert_eq!(rates.count("c", 1, 5, now + Duration::from_millis(10)), Ok(()), "one more in its time");
        rates.forget("c");
        assert_eq!(rates.count("c", 1, 5, now), Ok(()));
    }

    #[test]
    fn bytes_are_counted_and_what_is_above_is_owed() {
        let now = start();
        let mut rates = Rates::new(Limits { messages: 0, bytes: 1000, burst: 10 }, now);
        assert_eq!(rates.count("c", 1, 999, now), Ok(()));
        assert_eq!(rates.count("c", 1, 1001, now), Ok(()));
        assert_eq!(rates.count("c", 1, 1, now + Duration::from_millis(900)), Err(Exceeded::Bytes));
        assert_eq!(rates.count("c", 1, 1, now + Duration::from_millis(1100)), Ok(()));
    }

    #[test]
    fn without_limits_nothing_is_kept() {
        let now = start();
        let mut rates = Rates::new(Limits { messages: 0, bytes: 0, burst: 0 }, now);
        for key in 0..10 {
            assert_eq!(rates.count(&key.to_string(), 1, u64::MAX, now), Ok(()));
        }
        assert_eq!(rates.buckets.values().count(), 0);
    }
}

//! Rates: token buckets that many sessions, on several threads, may share without a lock.
//!
//! A bucket is one number: the time at which it would be full again (the generic cell rate
//! algorithm of ITU-T I.371). Taking tokens moves that time on; it may be moved on from as
//! long as it is not further ahead than the bucket is deep.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::side::Side;

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Tokens that come in each `per`, at least 1.
    pub tokens: u64,
    /// The time in which they come; not zero.
    pub per: Duration,
    /// What the bucket holds, and so what may be taken at once; at least 1.
    pub burst: u64,
}

impl Rate {
    /// `tokens` in each second, and as many at once.
    #[must_use]
    pub const fn per_second(tokens: u64) -> Self {
        Self { tokens, per: Duration::from_secs(1), burst: tokens }
    }

    /// The time in which `tokens` come, in nanoseconds.
    fn time_of(&self, tokens: u64) -> u64 {
        let time = self.per.as_nanos().saturating_mul(u128::from(tokens));
        u64::try_from(time.div_ceil(u128::from(self.tokens.max(1)))).unwrap_or(u64::MAX)
    }
}

/// A bucket of tokens, full to begin with.
#[derive(Debug)]
pub struct Bucket {
    rate: Rate,
    origin: Instant,
    /// When it is full again, in nanoseconds from the origin.
    full_at: AtomicU64,
    /// How far ahead that may lie for something to be taken: all the bucket holds but one.
    slack: u64,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub fn new(rate: Rate, now: Instant) -> Self {
        let slack = rate.time_of(rate.burst.max(1) - 1);
        Self { rate, origin: now, full_at: AtomicU64::new(0), slack }
    }

    /// Its rate.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes `cost` tokens if there is at least one; what is missing is owed, so that
    /// something larger than the bucket can pass, but nothing does until that is repaid.
    ///
    /// # Errors
    /// There is none: the time at which there will be one.
    pub fn take(&self, cost: u64, now: Instant) -> Result<(), Instant> {
        let at = self.since_origin(now);
        let price = self.rate.time_of(cost);
        let taken = |full_at: u64| {
            let is_there = full_at <= at.saturating_add(self.slack);
            is_there.then(|| full_at.max(at).saturating_add(price))
        };
        match self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken) {
            Ok(_) => Ok(()),
            Err(full_at) => {
                let wait = Duration::from_nanos(full_at.saturating_sub(self.slack));
                Err(self.origin.checked_add(wait).unwrap_or(now + FAR))
            }
        }
    }

    /// Takes `cost` tokens, be they there or owed.
    pub fn charge(&self, cost: u64, now: Instant) {
        let at = self.since_origin(now);
        let price = self.rate.time_of(cost);
        let _always_some = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
            Some(full_at.max(at).saturating_add(price))
        });
    }

    /// Whether it holds all that it can, so that a fresh one would do as well.
    #[must_use]
    pub fn is_full(&self, now: Instant) -> bool {
        self.full_at.load(Ordering::Relaxed) <= self.since_origin(now)
    }

    fn since_origin(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.origin).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Where no time can be told.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// What a bucket counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metered {
    /// Data messages, each when its first frame begins.
    Messages,
    /// Data frames, fragments included.
    Frames,
    /// Payload bytes of data frames, as they are on the wire.
    Bytes,
    /// Pings and pongs.
    ControlFrames,
}

/// What becomes of a frame for which there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnExceed {
    /// Both sides are closed with 1008.
    #[default]
    Close,
    /// The message, or the control frame, goes nowhere. A message that has begun goes on.
    Drop,
    /// It waits until there is one, and whoever sends it is not read meanwhile.
    Delay,
}

/// A bucket as one session uses it.
#[derive(Clone, Debug)]
pub struct Meter {
    /// What is counted.
    pub of: Metered,
    /// Whose frames are counted.
    pub from: Side,
    /// What becomes of what is too much.
    pub on_exceed: OnExceed,
    /// The bucket, which others may use too.
    pub bucket: Arc<Bucket>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rate(tokens: u64, burst: u64) -> Rate {
        Rate { tokens, per: SECOND, burst }
    }

    #[test]
    fn a_full_bucket_gives_its_burst_at_once_and_then_its_rate() {
        let start = Instant::now();
        let bucket = Bucket::new(rate(10, 3), start);
        assert!((0..3).all(|_| bucket.take(1, start).is_ok()));
        let at = bucket.take(1, start).unwrap_err();
        assert_eq!(at, start + SECOND / 10);
        assert!(bucket.take(1, at - Duration::from_nanos(1)).is_err());
        assert!(bucket.take(1, at).is_ok());
        assert!(bucket.take(1, at).is_err());
    }

    #[test]
    fn a_pause_fills_no_more_than_the_burst() {
        let start = Instant::now();
        let bucket = Bucket::new(rate(10, 3), start);
        assert!(bucket.take(1, start).is_ok());
        let later = start + 100 * SECOND;
        assert!(bucket.is_full(later));
        assert_eq!((0..9).filter(|_| bucket.take(1, later).is_ok()).count(), 3);
    }

    #[test]
    fn what_is_larger_than_the_bucket_passes_and_is_repaid() {
        let start = Instant::now();
        let bucket = Bucket::new(rate(1000, 1000), start);
        assert!(bucket.take(5000, start).is_ok());
        let at = bucket.take(1, start).unwrap_err();
        assert_eq!(at, start + 4 * SECOND + SECOND / 1000);
        assert!(bucket.take(1, at).is_ok());
    }

    #[test]
    fn a_megabyte_a_second_is_counted_to_the_byte() {
        let start = Instant::now();
        let bucket = Bucket::new(Rate::per_second(1 << 20), start);
        for step in 1..=1000_u32 {
            bucket.charge(1 << 20, start + step * SECOND);
        }
        assert!(!bucket.is_full(start + 1000 * SECOND + SECOND / 2));
        assert!(bucket.is_full(start + 1001 * SECOND));
    }

    #[test]
    fn many_threads_take_no_more_than_there_is() {
        let start = Instant::now();
        let bucket = Bucket::new(rate(1, 500), start);
        let taken = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..200).filter(|_| bucket.take(1, start).is_ok()).count()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        assert_eq!(taken, 500);
    }
}

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
        // As many times the price of one, which is rounded up, as fit into a full bucket.
        let slack = rate.time_of(1).saturating_mul(rate.burst.max(1) - 1);
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
            Err(full_at) => Err(self.one_at(full_at, now)),
        }
    }

    /// When there will be a token in a bucket that is full at `full_at`.
    fn one_at(&self, full_at: u64, now: Instant) -> Instant {
        let wait = Duration::from_nanos(full_at.saturating_sub(self.slack));
        self.origin.checked_add(wait).unwrap_or(now + FAR)
    }

    /// Whether there is a token.
    ///
    /// # Errors
    /// There is none: the time at which there will be one.
    pub fn check(&self, now: Instant) -> Result<(), Instant> {
        let full_at = self.full_at.load(Ordering::Relaxed);
        let is_there = full_at <= self.since_origin(now).saturating_add(self.slack);
        if is_there { Ok(()) } else { Err(self.one_at(full_at, now)) }
    }

    /// Takes `cost` tokens, be they there or owed.
    pub fn charge(&self, cost: u64, now: Instant) {
        self.spend(cost, now);
    }

    /// Takes `cost` tokens, be they there or owed. Where there is none, answers when there
    /// would have been one: whoever waits until then keeps to the rate, and several who
    /// wait have their turns one after the other.
    #[must_use]
    pub fn reserve(&self, cost: u64, now: Instant) -> Option<Instant> {
        let full_at = self.spend(cost, now);
        let is_there = full_at <= self.since_origin(now).saturating_add(self.slack);
        (!is_there).then(|| self.one_at(full_at, now))
    }

    /// Puts back what was taken for something that then came to nothing. What is above the
    /// bucket's depth is lost.
    pub fn give_back(&self, tokens: u64) {
        let price = self.rate.time_of(tokens);
        let _always_some = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
            Some(full_at.saturating_sub(price))
        });
    }

    /// Whether it holds all that it can, so that a fresh one would do as well.
    #[must_use]
    pub fn is_full(&self, now: Instant) -> bool {
        self.full_at.load(Ordering::Relaxed) <= self.since_origin(now)
    }

    /// Takes `cost` tokens and answers when it was full again before.
    fn spend(&self, cost: u64, now: Instant) -> u64 {
        let at = self.since_origin(now);
        let price = self.rate.time_of(cost);
        let spent = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
            Some(full_at.max(at).saturating_add(price))
        });
        match spent {
            Ok(full_at) | Err(full_at) => full_at,
        }
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
    /// Compressed messages must not refer to those before them (RFC 7692 §7.1.1).
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

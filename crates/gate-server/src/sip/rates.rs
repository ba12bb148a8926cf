//! How fast clients may send: buckets of connections, and of users, which all connections of a worker
//! share.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use gate_config::model::{SipOnExceed, SipRate, SipRateKey};
use gate_core::rate::Bucket;
use sip_proto::Message;

use crate::sip::plan::Plan;

/// The buckets of one connection, in the order of its plan's rates; `None` for those of users.
pub(crate) type Buckets = Box<[Option<Bucket>]>;

/// The buckets of users.
#[derive(Default)]
pub(crate) struct Users {
    buckets: RefCell<HashMap<u64, Bucket>>,
    /// What makes a number of a plan's name, the place of the rate in it, and the user: such that nobody
    /// can choose a user with the number of another.
    keys: RandomState,
    swept_at: Cell<Option<Instant>>,
}

/// Buckets of a connection that begins.
pub(crate) fn buckets(rates: &[SipRate], now: Instant) -> Buckets {
    let bucket = |rate: &SipRate| match rate.per {
        SipRateKey::Connection => Some(Bucket::new(rate.rate, now)),
        SipRateKey::User => None,
    };
    rates.iter().map(bucket).collect()
}

impl Users {
    /// Takes a message of a connection from all buckets that it counts in. Answers what becomes of it
    /// where one of them is empty.
    pub(crate) fn take(
        &self,
        plan: &Plan,
        own: &Buckets,
        message: &[u8],
        now: Instant,
    ) -> Option<SipOnExceed> {
        let mut exceeded = None;
        for ((rate, own), place) in plan.settings.rates.iter().zip(own).zip(0..) {
            let taken = match own {
                Some(bucket) => bucket.take(1, now).is_ok(),
                None => self.take_of_user(plan, (place, rate), message, now),
            };
            if !taken {
                exceeded = exceeded.or(Some(rate.on_exceed));
            }
        }
        exceeded
    }

    fn take_of_user(
        &self,
        plan: &Plan,
        (place, rate): (usize, &SipRate),
        message: &[u8],
        now: Instant,
    ) -> bool {
        // What cannot be read is refused behind this.
        let Ok(parsed) = Message::parse(message, &plan.limits) else { return true };
        let (Some(_), Some(user)) = (parsed.method(), parsed.from_uri()) else { return true };
        let mut users = self.buckets.borrow_mut();
        if users.len() >= USERS_MAX {
            let is_due =
                self.swept_at.get().is_none_or(|at| now.saturating_duration_since(at) >= SWEEP_EVERY);
            if is_due {
                self.swept_at.set(Some(now));
                users.retain(|_, bucket| !bucket.is_full(now));
            }
            if users.len() >= USERS_MAX {
                return false;
            }
        }
        let key = self.keys.hash_one((&*plan.name, place, user));
        users.entry(key).or_insert_with(|| Bucket::new(rate.rate, now)).take(1, now).is_ok()
    }
}

/// Between two looks for users whose buckets are full again.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Users with less than a full bucket that are remembered by a worker; beyond, all wait.
const USERS_MAX: usize = 65_536;

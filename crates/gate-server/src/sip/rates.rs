//! How fast clients may send: buckets of connections, and of users, which all workers share.

use std::sync::Arc;
use std::time::Instant;

use gate_config::model::{SipOnExceed, SipRate, SipRateKey};
use gate_core::rate::Bucket;
use sip_proto::Message;

use crate::admission::UserRate;
use crate::sip::plan::Plan;

/// The buckets of one connection, in the order of its plan's rates; `None` for those of users.
pub(crate) type Buckets = Box<[Option<Bucket>]>;

/// The buckets of users, in the order of a plan's rates; `None` for those of connections.
pub(crate) type Users = Box<[Option<Arc<UserRate>>]>;

/// Buckets of a connection that begins.
pub(crate) fn buckets(rates: &[SipRate], now: Instant) -> Buckets {
    let bucket = |rate: &SipRate| match rate.per {
        SipRateKey::Connection => Some(Bucket::new(rate.rate, now)),
        SipRateKey::User => None,
    };
    rates.iter().map(bucket).collect()
}

/// Buckets of users for these rates, of which those go on that stood `before` at the same place and are
/// the same.
pub(super) fn users(rates: &[SipRate], before: Option<&Users>, now: Instant) -> Users {
    let users = |(rate, place): (&SipRate, usize)| match rate.per {
        SipRateKey::Connection => None,
        SipRateKey::User => {
            let before = before.and_then(|before| before.get(place)?.as_ref());
            Some(UserRate::after(before, rate.rate, now))
        }
    };
    rates.iter().zip(0..).map(users).collect()
}

/// Takes a message of a connection from all buckets that it counts in; of a datagram, which has no
/// connection, from those of users. Answers what becomes of it where one of them is empty.
pub(crate) fn take(plan: &Plan, own: &[Option<Bucket>], message: &[u8], now: Instant) -> Option<SipOnExceed> {
    let mut exceeded = None;
    for ((rate, users), place) in plan.settings.rates.iter().zip(&plan.users).zip(0..) {
        let taken = match (users, own.get(place)) {
            (Some(users), _) => take_of_user(plan, users, message, now),
            (None, Some(Some(bucket))) => bucket.take(1, now).is_ok(),
            (None, Some(None) | None) => true,
        };
        if !taken {
            exceeded = exceeded.or(Some(rate.on_exceed));
        }
    }
    exceeded
}

fn take_of_user(plan: &Plan, users: &UserRate, message: &[u8], now: Instant) -> bool {
    // What cannot be read is refused behind this.
    let Ok(parsed) = Message::parse(message, &plan.limits) else { return true };
    match (parsed.method(), parsed.from_uri()) {
        (Some(_), Some(user)) => users.take(user, now),
        // Responses are not counted.
        (None, _) | (_, None) => true,
    }
}

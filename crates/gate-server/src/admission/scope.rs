//! The limits of one area - the process, a listener or a route - and taking what a session needs of
//! several of them: of all, or of none.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use gate_config::model::ConnectionLimits;
use gate_core::rate::Bucket;

use super::buckets::Buckets;
use super::full::{Area, Full, Reached};
use super::key::Key;
use super::seats::{AddressSeat, Seat, Seats, SeatsPerAddress};

/// See the module.
#[derive(Debug)]
pub(super) struct Scope {
    area: Area,
    limits: ConnectionLimits,
    /// Sessions are counted even where there is no limit: there may be one after a reload.
    seats: Arc<Seats>,
    /// `None` where there never was a limit: such a count is not free.
    per_address: Option<Arc<SeatsPerAddress>>,
    rate: Option<Arc<Bucket>>,
    rate_per_address: Option<Arc<Buckets>>,
}

/// All the seats that one session takes; free again when dropped.
#[derive(Debug, Default)]
pub(crate) struct Seated {
    _seats: [Option<Seat>; 3],
    /// Boxed: most routes have no such limits, and the session is the smaller for it.
    _per_address: Option<Box<[Option<AddressSeat>; 3]>>,
}

impl Scope {
    /// A scope with the counts of `previous`, and with its buckets where their rate has not changed.
    pub(super) fn new(area: Area, limits: ConnectionLimits, previous: Option<&Self>, now: Instant) -> Self {
        let seats = previous.map(|previous| Arc::clone(&previous.seats)).unwrap_or_default();
        let per_address = previous.and_then(|previous| previous.per_address.clone());
        let per_address = per_address.or_else(|| (limits.per_address > 0).then(SeatsPerAddress::new));
        let rate = limits.rate.map(|rate| {
            let kept = previous.and_then(|previous| previous.rate.clone());
            kept.filter(|bucket| bucket.rate() == rate).unwrap_or_else(|| Arc::new(Bucket::new(rate, now)))
        });
        let rate_per_address = limits.rate_per_address.map(|rate| {
            let kept = previous.and_then(|previous| previous.rate_per_address.clone());
            let fresh = || Arc::new(Buckets::new([rate].into(), now));
            kept.filter(|buckets| buckets.rates() == [rate]).unwrap_or_else(fresh)
        });
        Self { area, limits, seats, per_address, rate, rate_per_address }
    }

    /// Looks without taking, so that whoever is refused never held, not even for a moment, what
    /// another could have had.
    fn look(&self, client: Option<IpAddr>, now: Instant) -> Result<(), Full> {
        if self.seats.are_taken(self.limits.all) {
            return Err(self.full(Reached::Connections(self.limits.all)));
        }
        if let Some(bucket) = &self.rate {
            bucket.check(now).map_err(|at| self.rate_reached(at, now))?;
        }
        if let (Some(buckets), Some(client)) = (&self.rate_per_address, client)
            && let Some(set) = buckets.known(Key::Network(client))
            && let Some(bucket) = set.first()
        {
            bucket.check(now).map_err(|at| self.rate_per_address_reached(at, now))?;
        }
        Ok(())
    }

    fn seat(&self) -> Result<Seat, Full> {
        let limit = self.limits.all;
        self.seats.take(limit).ok_or_else(|| self.full(Reached::Connections(limit)))
    }

    /// `None`: there is no limit, or nobody to count.
    fn address_seat(&self, client: Option<IpAddr>) -> Result<Option<AddressSeat>, Full> {
        let limit = self.limits.per_address;
        let (Some(seats), Some(client), 1..) = (&self.per_address, client, limit) else { return Ok(None) };
        match seats.take(client, limit) {
            Some(seat) => Ok(Some(seat)),
            None => Err(self.full(Reached::ConnectionsPerAddress(limit))),
        }
    }

    fn token(&self, now: Instant) -> Result<Option<Token>, Full> {
        let Some(bucket) = &self.rate else { return Ok(None) };
        Token::take(bucket, now).map(Some).map_err(|at| self.rate_reached(at, now))
    }

    fn address_token(&self, client: Option<IpAddr>, now: Instant) -> Result<Option<Token>, Full> {
        let (Some(buckets), Some(client)) = (&self.rate_per_address, client) else { return Ok(None) };
        let set = buckets.of(Key::Network(client), now);
        let taken = set.first().map(|bucket| Token::take(bucket, now));
        taken.transpose().map_err(|at| self.rate_per_address_reached(at, now))
    }

    fn rate_reached(&self, at: Instant, now: Instant) -> Full {
        self.full(Reached::Rate(at.saturating_duration_since(now)))
    }

    fn rate_per_address_reached(&self, at: Instant, now: Instant) -> Full {
        self.full(Reached::RatePerAddress(at.saturating_duration_since(now)))
    }

    const fn full(&self, reached: Reached) -> Full {
        Full { area: self.area, reached }
    }
}

/// A token that goes back to its bucket when it is dropped before it is used.
struct Token {
    bucket: Option<Arc<Bucket>>,
}

impl Token {
    fn take(bucket: &Arc<Bucket>, now: Instant) -> Result<Self, Instant> {
        bucket.take(1, now)?;
        Ok(Self { bucket: Some(Arc::clone(bucket)) })
    }

    fn use_up(mut self) {
        self.bucket = None;
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if let Some(bucket) = &self.bucket {
            bucket.give_back(1);
        }
    }
}

/// Takes all that a session needs of these scopes.
///
/// # Errors
/// The limit that is reached. Then nothing is taken, and no token used.
pub(super) fn take_all(
    scopes: [Option<&Scope>; 3],
    client: Option<IpAddr>,
    now: Instant,
) -> Result<Seated, Full> {
    for scope in scopes.into_iter().flatten() {
        scope.look(client, now)?;
    }
    let mut per_address = [const { None }; 3];
    for (seat, scope) in per_address.iter_mut().zip(scopes) {
        *seat = scope.map(|scope| scope.address_seat(client)).transpose()?.flatten();
    }
    let mut seats = [const { None }; 3];
    for (seat, scope) in seats.iter_mut().zip(scopes) {
        *seat = scope.map(Scope::seat).transpose()?;
    }
    let mut tokens = [const { None }; 6];
    for (pair, scope) in tokens.chunks_mut(2).zip(scopes) {
        let (Some(scope), [of_address, of_all]) = (scope, pair) else { continue };
        *of_address = scope.address_token(client, now)?;
        *of_all = scope.token(now)?;
    }
    tokens.into_iter().flatten().for_each(Token::use_up);
    let per_address = per_address.iter().any(Option::is_some).then(|| Box::new(per_address));
    Ok(Seated { _seats: seats, _per_address: per_address })
}

#[cfg(test)]
impl Scope {
    /// Seats that are taken, and networks that hold one.
    pub(super) fn taken(&self) -> (u64, usize) {
        (self.seats.taken(), self.per_address.as_ref().map_or(0, |seats| seats.networks()))
    }
}

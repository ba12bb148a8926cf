//! Which target of an upstream gets the next request.
//!
//! Pure: loads, shares, random numbers and the hash of the request are passed in. A
//! target that must not be chosen (it is not well, or has been tried) is one without a
//! share of its weight.
//! Not here: whether a target is well ([`crate::health`]), and what of a request is hashed.

/// How targets are chosen. The names of the configuration are in hyphens or underscores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// In turn, by weight (`round-robin`).
    #[default]
    RoundRobin,
    /// The fewest requests and sessions under way for its weight (`least-connections`).
    LeastConnections,
    /// By chance, by weight (`random`).
    Random,
    /// The less busy of two that are drawn by chance (`power-of-two-choices`).
    PowerOfTwo,
    /// By the hash of the client's address (`ip-hash`).
    IpHash,
    /// By a hash of what the operator names, so that few clients move when targets come or
    /// go (`consistent-hash`).
    ConsistentHash,
}

/// How much of its weight a target is given, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u16);

impl Share {
    /// The target is not to be chosen.
    pub const NONE: Self = Self(0);
    /// All of it.
    pub const FULL: Self = Self(1000);

    /// So many thousandths, 1,000 at the most.
    #[must_use]
    pub const fn thousandths(count: u16) -> Self {
        if count < 1000 { Self(count) } else { Self::FULL }
    }
}

/// A target as it is at the moment of a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Requests and sessions under way.
    pub load: u32,
    /// What it is given of its weight.
    pub share: Share,
}

/// What a choice is made with beside the candidates.
#[derive(Clone, Copy, Debug)]
pub struct Lot {
    /// Two random numbers.
    pub random: [u64; 2],
    /// The [`hash`] of what of the request is hashed.
    pub hash: u64,
}

/// The targets of one upstream, and whose turn it is.
#[derive(Clone, Debug)]
pub struct Balancer {
    algorithm: Algorithm,
    targets: Vec<Target>,
}

#[derive(Clone, Debug)]
struct Target {
    weight: u16,
    /// What its scores are made from. Two targets of one upstream have different ones.
    key: u64,
    /// Smooth weighted round-robin: how far it has come to its next turn.
    turn: i64,
}

impl Balancer {
    /// A balancer over targets of those weights (0 counts as 1) and keys, which hashing
    /// needs to be different from each other and the same after a restart.
    #[must_use]
    pub fn new(algorithm: Algorithm, targets: impl IntoIterator<Item = (u16, u64)>) -> Self {
        let target = |(weight, key): (u16, u64)| Target { weight: weight.max(1), key: mix(key), turn: 0 };
        Self { algorithm, targets: targets.into_iter().map(target).collect() }
    }

    /// The place of the target that is chosen; `None` when no target has a share. `look` is
    /// asked for each place, more than once by some algorithms.
    pub fn choose(&mut self, look: impl Fn(usize) -> Candidate, lot: Lot) -> Option<usize> {
        match self.algorithm {
            Algorithm::RoundRobin => self.in_turn(look),
            Algorithm::LeastConnections => self.least_loaded(look, lot),
            Algorithm::Random => self.by_chance(|index| look(index).share, lot.random[0]),
            Algorithm::PowerOfTwo => self.better_of_two(look, lot),
            Algorithm::IpHash | Algorithm::ConsistentHash => self.by_hash(look, lot.hash),
        }
    }

    /// Smooth weighted round-robin: each target comes nearer by its weight, and the nearest
    /// one is sent back by the weight of all. Heavy targets take turns with light ones
    /// instead of having all their turns in a row.
    fn in_turn(&mut self, look: impl Fn(usize) -> Candidate) -> Option<usize> {
        let mut all = 0;
        let mut nearest: Option<(usize, i64)> = None;
        for (index, target) in self.targets.iter_mut().enumerate() {
            let weight = i64::from(target.weight_at(look(index).share));
            if weight == 0 {
                continue;
            }
            all += weight;
            target.turn += weight;
            if nearest.is_none_or(|(_, turn)| target.turn > turn) {
                nearest = Some((index, target.turn));
            }
        }
        let (index, _) = nearest?;
        if let Some(target) = self.targets.get_mut(index) {
            target.turn -= all;
        }
        Some(index)
    }

    /// The lowest load for its weight; among equals, as all are when nothing is under way,
    /// chance decides by weight.
    fn least_loaded(&self, look: impl Fn(usize) -> Candidate, lot: Lot) -> Option<usize> {
        let weighed = |index: usize, target: &Target| {
            let Candidate { load, share } = look(index);
            Weighed { load, weight: target.weight_at(share) }
        };
        let mut least: Option<Weighed> = None;
        for (index, target) in self.targets.iter().enumerate() {
            let this = weighed(index, target);
            if this.weight > 0 && least.is_none_or(|least| this.is_less_busy_than(least)) {
                least = Some(this);
            }
        }
        let least = least?;
        let is_least = |index: usize| {
            let candidate = look(index);
            let this = self.targets.get(index).map(|target| weighed(index, target));
            if this.is_some_and(|this| !least.is_less_busy_than(this)) {
                candidate.share
            } else {
                Share::NONE
            }
        };
        self.by_chance(is_least, lot.random[0])
    }

    /// Two different targets are drawn by weight; the one with less to do for its weight
    /// is chosen.
    fn better_of_two(&self, look: impl Fn(usize) -> Candidate, lot: Lot) -> Option<usize> {
        let [first, second] = lot.random;
        let first = self.by_chance(|index| look(index).share, first)?;
        let other = |index| if index == first { Share::NONE } else { look(index).share };
        let Some(second) = self.by_chance(other, second) else { return Some(first) };
        let weighed = |index: usize| {
            let Candidate { load, share } = look(index);
            self.targets.get(index).map(|target| Weighed { load, weight: target.weight_at(share) })
        };
        let is_better = weighed(second).zip(weighed(first)).is_some_and(|(b, a)| b.is_less_busy_than(a));
        Some(if is_better { second } else { first })
    }

    fn by_chance(&self, share: impl Fn(usize) -> Share, random: u64) -> Option<usize> {
        let weights =
            || self.targets.iter().enumerate().map(|(index, target)| (index, target.weight_at(share(index))));
        let all: u64 = weights().map(|(_, weight)| u64::from(weight)).sum();
        // The random number as a fraction of its range, times the weight of all: below that.
        let mut point = (u128::from(random) * u128::from(all)) >> 64;
        let mut last = None;
        for (index, weight) in weights().filter(|(_, weight)| *weight > 0) {
            last = Some(index);
            match point.checked_sub(u128::from(weight)) {
                None => break,
                Some(rest) => point = rest,
            }
        }
        last
    }

    /// Rendezvous hashing: every target makes a score from its key and the request's hash,
    /// and the best score wins. There is no table to build, weights are exact, and when a
    /// target goes or its share changes, requests move from or to that target only. The
    /// price is a walk over all targets, some 30 ns for each.
    fn by_hash(&self, look: impl Fn(usize) -> Candidate, hash: u64) -> Option<usize> {
        let mut best: Option<(usize, f64)> = None;
        for (index, target) in self.targets.iter().enumerate() {
            let weight = target.weight_at(look(index).share);
            if weight == 0 {
                continue;
            }
            // A number evenly spread over 0 to 1 becomes a waiting time, exponentially spread with
            // the weight as its rate. The first to arrive wins: it does so in proportion to its rate.
            let [high, ..] = split(mix(hash ^ target.key));
            let even = (f64::from(high) + 0.5) / TWO_TO_THE_32;
            let wait = -even.ln() / f64::from(weight);
            if best.is_none_or(|(_, least)| wait < least) {
                best = Some((index, wait));
            }
        }
        best.map(|(index, _)| index)
    }
}

impl Target {
    /// Its weight in thousandths; 0 only without a share.
    fn weight_at(&self, share: Share) -> u32 {
        u32::from(self.weight) * u32::from(share.0)
    }
}

#[derive(Clone, Copy)]
struct Weighed {
    load: u32,
    weight: u32,
}

impl Weighed {
    fn is_less_busy_than(self, other: Self) -> bool {
        u64::from(self.load) * u64::from(other.weight) < u64::from(other.load) * u64::from(self.weight)
    }
}

/// A hash of `bytes` that is the same in every process and version: what is bound to a
/// target by it stays bound over a restart. It keeps no secret and resists no attack;
/// whoever can choose what is hashed could choose the same thing again and again anyway.
#[must_use]
pub fn hash(bytes: &[u8]) -> u64 {
    // FNV-1a, whose high bits need the mixing.
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    mix(bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}

/// Spreads each bit over all bits (the finaliser of SplitMix64).
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The upper and the lower half.
fn split(bits: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = bits.to_be_bytes();
    [u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])]
}

const TWO_TO_THE_32: f64 = 4_294_967_296.0;

#[cfg(test)]
mod tests;

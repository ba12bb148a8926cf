//! Whom the algorithms choose: by rule where there is one, by count where chance decides.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

const ALL: [Algorithm; 6] = [
    Algorithm::RoundRobin,
    Algorithm::LeastConnections,
    Algorithm::Random,
    Algorithm::PowerOfTwo,
    Algorithm::IpHash,
    Algorithm::ConsistentHash,
];

fn balancer(algorithm: Algorithm, weights: &[u16]) -> Balancer {
    Balancer::new(algorithm, (0_u64..).zip(weights).map(|(key, weight)| (*weight, hash(&key.to_be_bytes()))))
}

fn lot(random: &mut StdRng) -> Lot {
    Lot { random: random.random(), hash: random.random() }
}

fn idle(share: Share) -> Candidate {
    Candidate { load: 0, share }
}

/// How often each of three targets is chosen in so many rounds.
fn counts(mut balancer: Balancer, rounds: u32, look: impl Fn(usize) -> Candidate) -> [u32; 3] {
    let mut random = StdRng::seed_from_u64(7);
    let mut counts = [0; 3];
    for _ in 0..rounds {
        counts[balancer.choose(&look, lot(&mut random)).unwrap()] += 1;
    }
    counts
}

fn assert_near(counts: [u32; 3], expected: [u32; 3], off: u32) {
    let near = counts.iter().zip(expected).all(|(count, expected)| count.abs_diff(expected) <= off);
    assert!(near, "{counts:?} is not near {expected:?}");
}

#[test]
fn turns_are_by_weight_and_not_in_a_row() {
    let mut balancer = balancer(Algorithm::RoundRobin, &[5, 1, 1]);
    let mut random = StdRng::seed_from_u64(1);
    let turns: Vec<_> =
        (0..14).map(|_| balancer.choose(|_| idle(Share::FULL), lot(&mut random)).unwrap()).collect();
    assert_eq!(turns, [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]);
}

#[test]
fn a_target_that_was_left_out_does_not_make_up_for_it() {
    let mut balancer = balancer(Algorithm::RoundRobin, &[1, 1]);
    let mut random = StdRng::seed_from_u64(1);
    for _ in 0..1000 {
        let only_the_first = |index| idle(if index == 0 { Share::FULL } else { Share::NONE });
        assert_eq!(balancer.choose(only_the_first, lot(&mut random)), Some(0));
    }
    let turns: Vec<_> =
        (0..6).map(|_| balancer.choose(|_| idle(Share::FULL), lot(&mut random)).unwrap()).collect();
    assert_eq!(turns.iter().filter(|turn| **turn == 0).count(), 3, "{turns:?}");
}

#[test]
fn shares_follow_weights() {
    for algorithm in [Algorithm::RoundRobin, Algorithm::Random, Algorithm::IpHash, Algorithm::ConsistentHash]
    {
        let counts = counts(balancer(algorithm, &[1, 2, 3]), 60_000, |_| idle(Share::FULL));
        // Six standard deviations of a binomial distribution are about 700.
        assert_near(counts, [10_000, 20_000, 30_000], 700);
    }
}

#[test]
fn an_idle_upstream_is_balanced_by_weight() {
    let counts = counts(balancer(Algorithm::LeastConnections, &[1, 2, 3]), 60_000, |_| idle(Share::FULL));
    assert_near(counts, [10_000, 20_000, 30_000], 700);
}

#[test]
fn a_share_is_a_share_of_the_weight() {
    for algorithm in [Algorithm::RoundRobin, Algorithm::Random, Algorithm::ConsistentHash] {
        let rising = |index| idle(if index == 0 { Share::thousandths(100) } else { Share::FULL });
        let counts = counts(balancer(algorithm, &[10, 10, 9]), 20_000, rising);
        assert_near(counts, [1000, 10_000, 9000], 450);
    }
}

#[test]
fn the_fewest_connections_for_a_weight_win() {
    let cases: [([u32; 3], &[usize]); 6] = [
        ([0, 0, 1], &[0, 1]),
        ([1, 0, 0], &[1, 2]),
        ([1, 1, 9], &[2]),
        ([1, 1, 10], &[0, 1, 2]),
        ([0, 1, 30], &[0]),
        ([4, 3, 31], &[1]),
    ];
    for (loads, expected) in cases {
        let look = |index: usize| Candidate { load: loads[index], share: Share::FULL };
        let mut balancer = balancer(Algorithm::LeastConnections, &[1, 1, 10]);
        let mut random = StdRng::seed_from_u64(3);
        let mut chosen = BTreeSet::new();
        for _ in 0..500 {
            chosen.insert(balancer.choose(look, lot(&mut random)).unwrap());
        }
        assert!(chosen.iter().eq(expected), "{loads:?} gave {chosen:?}");
    }
}

#[test]
fn long_sessions_are_spread_by_weight() {
    for algorithm in [Algorithm::LeastConnections, Algorithm::PowerOfTwo] {
        let mut balancer = balancer(algorithm, &[1, 2, 3]);
        let mut random = StdRng::seed_from_u64(5);
        let mut loads = [0_u32; 3];
        for _ in 0..6000 {
            let look = |index: usize| Candidate { load: loads[index], share: Share::FULL };
            loads[balancer.choose(look, lot(&mut random)).unwrap()] += 1;
        }
        assert_near(loads, [1000, 2000, 3000], 30);
    }
}

#[test]
fn the_busier_of_two_is_never_chosen() {
    let mut balancer = balancer(Algorithm::PowerOfTwo, &[1, 1, 1]);
    let mut random = StdRng::seed_from_u64(5);
    for _ in 0..1000 {
        let look = |index: usize| Candidate { load: [5, 9, 5][index], share: Share::FULL };
        assert_ne!(balancer.choose(look, lot(&mut random)), Some(1));
    }
}

#[test]
fn only_what_was_on_a_target_moves_when_it_goes() {
    for algorithm in [Algorithm::IpHash, Algorithm::ConsistentHash] {
        let mut balancer = balancer(algorithm, &[1, 4, 2, 1]);
        let mut random = StdRng::seed_from_u64(9);
        let mut moved = [0_u32; 4];
        for _ in 0..10_000 {
            let lot = lot(&mut random);
            let before = balancer.choose(|_| idle(Share::FULL), lot).unwrap();
            let gone = |index| idle(if index == 1 { Share::NONE } else { Share::FULL });
            let after = balancer.choose(gone, lot).unwrap();
            if before == 1 {
                moved[after] += 1;
            } else {
                assert_eq!(before, after, "a request that had nothing to do with the target moved");
            }
        }
        // Half the weight is gone; the others get it by theirs.
        assert!(moved[0].abs_diff(1250) < 200 && moved[2].abs_diff(2500) < 250, "{moved:?}");
    }
}

#[test]
fn a_rising_target_takes_requests_from_others_and_none_move_between_those() {
    let mut balancer = balancer(Algorithm::ConsistentHash, &[1, 1, 1]);
    let mut random = StdRng::seed_from_u64(11);
    for _ in 0..5000 {
        let lot = lot(&mut random);
        let mut last = None;
        for share in [0, 100, 400, 1000] {
            let look = |index| idle(if index == 2 { Share::thousandths(share) } else { Share::FULL });
            let chosen = balancer.choose(look, lot);
            assert!(last.is_none() || chosen == last || chosen == Some(2));
            last = chosen;
        }
    }
}

#[test]
fn a_hash_is_the_same_for_ever() {
    let expected = [0xf52a_15e9_a9b5_e89b, 0x2c0bdbf481420f8, 0x88f5_2a5c_e777_5b4e];
    assert_eq!([hash(b""), hash(b"a"), hash(b"10.0.0.1:3000")], expected);
    let mut balancer = balancer(Algorithm::ConsistentHash, &[1, 1, 1, 1, 1]);
    let mut chosen = Vec::new();
    for client in ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"] {
        let lot = Lot { random: [0; 2], hash: hash(client.as_bytes()) };
        chosen.push(balancer.choose(|_| idle(Share::FULL), lot).unwrap());
    }
    assert_eq!(chosen, [0, 4, 2, 3, 2, 4]);
}

#[test]
fn what_has_a_share_can_be_chosen_and_nothing_else() {
    let mut random = StdRng::seed_from_u64(13);
    for round in 0..20_000_u32 {
        let count = random.random_range(1..6);
        let weights: Vec<u16> = (0..count).map(|_| random.random_range(0..=1000)).collect();
        let candidates: Vec<Candidate> = (0..count)
            .map(|_| Candidate {
                load: random.random_range(0..4) * random.random_range(0..1_000_000),
                share: Share::thousandths(random.random_range(0..3) * random.random_range(0..600)),
            })
            .collect();
        let mut balancer = balancer(ALL[usize::try_from(round % 6).unwrap()], &weights);
        for _ in 0..3 {
            let chosen = balancer.choose(|index| candidates[index], lot(&mut random));
            let can_be = candidates.iter().any(|candidate| candidate.share > Share::NONE);
            assert_eq!(chosen.is_some(), can_be, "{candidates:?}");
            assert!(chosen.is_none_or(|index| candidates[index].share > Share::NONE), "{candidates:?}");
        }
    }
}

#[test]
fn the_ends_of_a_random_number_are_the_ends_of_the_list() {
    for (random, expected) in [(0, 0), (u64::MAX, 2)] {
        let lot = Lot { random: [random; 2], hash: 0 };
        let chosen = balancer(Algorithm::Random, &[1, 1, 1]).choose(|_| idle(Share::FULL), lot);
        assert_eq!(chosen, Some(expected));
    }
}

#[test]
fn nothing_is_chosen_from_nothing() {
    for algorithm in ALL {
        let lot = Lot { random: [1, 2], hash: 3 };
        assert_eq!(balancer(algorithm, &[]).choose(|_| idle(Share::FULL), lot), None);
    }
}

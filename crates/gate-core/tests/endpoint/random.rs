//! Random scripts of the fuzz target: the same on every run.

use gate_core::fuzz::fuzz_endpoint;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::*;

#[test]
fn an_endpoint_keeps_its_promises_for_random_scripts() {
    let start = start();
    for seed in 0..1_500 {
        let mut dice = StdRng::seed_from_u64(seed);
        let script: Vec<u8> = std::iter::once(dice.random())
            .chain((0..dice.random_range(1..20)).flat_map(|_| command(&mut dice)).collect::<Vec<_>>())
            .collect();
        println!("seed {seed}: {script:02x?}");
        fuzz_endpoint(&script, start);
    }
}

/// A command that makes some sense, with its operands.
fn command(dice: &mut StdRng) -> Vec<u8> {
    const FIRST: [u8; 12] = [0x81, 0x81, 0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x80, 0x89, 0x8a, 0x88];
    let first = *FIRST.choose(dice).expect("there are some");
    let payload: Vec<u8> = if first == 0x88 {
        vec![0x03, 0xe8 + dice.random_range(0..3)]
    } else {
        (0..dice.random_range(0..30)).map(|_| dice.random_range(b'a'..=b'z')).collect()
    };
    let operands = [&[u8::try_from(payload.len()).expect("it is short")][..], &payload].concat();
    match dice.random_range(0..24) {
        0 => vec![dice.random_range(2..=8), dice.random()],
        1 => vec![6, dice.random()],
        2 => vec![7, dice.random_range(0..40)],
        3 => vec![9, dice.random()],
        4 => vec![10],
        5 => vec![11, dice.random_range(0..3)],
        6 => vec![11, 0xff],
        7 => vec![13],
        8 => vec![15],
        9 => vec![6, 0xff],
        10..14 => [&[dice.random::<u8>() & 0x80 | 12][..], &operands].concat(),
        _ => [&[0, first, dice.random_range(0..6)][..], &operands].concat(),
    }
}

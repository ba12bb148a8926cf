//! The kept inputs of the fuzz targets, as they are and mutated: the same mutants on every run.

use std::fs;
use std::path::Path;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sip_proto::fuzz::{fuzz_edge, fuzz_sip};
use sip_proto::hep::fuzz::fuzz_hep;

/// Mutants of each kept input.
const MUTANTS: usize = 100;
/// The edge is quick, as it does not cut its inputs everywhere.
const MUTANTS_AT_EDGE: usize = 150;
/// Packets are quick to read, too.
const MUTANTS_OF_PACKETS: usize = 1000;

/// What has a meaning somewhere in a message.
const PIECES: [&[u8]; 14] = [
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\"",
    b"\\",
    b"<",
    b">",
    b",",
    b";",
    b":",
    b"\r\n ",
    b"l: 1\r\n",
    b"Via: ",
];

#[test]
fn messages_and_streams_keep_their_promises_for_the_kept_inputs_and_their_mutants() {
    play("sip", MUTANTS, fuzz_sip);
}

#[test]
fn the_edge_keeps_its_promises_for_the_kept_inputs_and_their_mutants() {
    play("sip_edge", MUTANTS_AT_EDGE, fuzz_edge);
}

#[test]
fn packets_of_hep_keep_their_promises_for_the_kept_inputs_and_their_mutants() {
    play("hep", MUTANTS_OF_PACKETS, fuzz_hep);
}

#[expect(clippy::print_stdout, reason = "a test that fails tells its last input")]
fn play(name: &str, mutants: usize, fuzz: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let mut played = 0;
    for entry in fs::read_dir(corpus).expect("the corpus is kept in the repository") {
        let path = entry.expect("it can be listed").path();
        println!("{}", path.display());
        let input = fs::read(path).expect("it can be read");
        fuzz(&input);
        let mut dice = StdRng::seed_from_u64(1);
        for _ in 0..mutants {
            fuzz(&mutant(&input, &mut dice));
        }
        played += 1;
    }
    assert!(played > 0, "the corpus is empty");
}

/// The input with up to four small changes.
fn mutant(input: &[u8], dice: &mut StdRng) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..dice.random_range(1..=4) {
        let at = dice.random_range(0..=bytes.len());
        match dice.random_range(0..6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, dice.random()),
            2 => drop(bytes.drain(at..bytes.len().min(at + 3))),
            3 | 4 => {
                let piece = PIECES.get(dice.random_range(0..PIECES.len())).copied().unwrap_or_default();
                bytes.splice(at..at, piece.iter().copied());
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = dice.random();
                }
            }
        }
    }
    bytes
}

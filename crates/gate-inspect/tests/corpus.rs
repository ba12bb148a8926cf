//! The kept inputs of the inspection's fuzz target, as they are and mutated: the same mutants on
//! every run.

use std::fs;
use std::path::Path;

use gate_inspect::fuzz::fuzz_inspection;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// Mutants of each kept input.
const MUTANTS: usize = 60;

#[test]
fn judgements_keep_their_promises_for_the_kept_inputs_and_their_mutants() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/inspection");
    let mut inputs = Vec::new();
    for entry in fs::read_dir(corpus).expect("the corpus is kept in the repository") {
        inputs.push(fs::read(entry.expect("it can be listed").path()).expect("it can be read"));
    }
    assert!(!inputs.is_empty(), "the corpus is empty");
    for input in &inputs {
        fuzz_inspection(input);
        let mut dice = StdRng::seed_from_u64(1);
        for _ in 0..MUTANTS {
            fuzz_inspection(&mutant(input, &inputs, &mut dice));
        }
    }
}

/// The input with up to four changes: bytes of its own, marks of encodings, pieces of others.
fn mutant(input: &[u8], others: &[Vec<u8>], dice: &mut StdRng) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..dice.random_range(1..=4) {
        let at = dice.random_range(0..=bytes.len());
        match dice.random_range(0..6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, dice.random()),
            2 => drop(bytes.drain(at..bytes.len().min(at + 3))),
            3 => {
                let mark: &[u8] = MARKS.choose(dice).copied().unwrap_or_default();
                bytes.splice(at..at, mark.iter().copied());
            }
            4 => {
                let other = others.choose(dice).map_or(&[][..], Vec::as_slice);
                let piece = dice.random_range(0..=other.len());
                bytes.splice(at..at, other.iter().take(piece).copied());
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

const MARKS: [&[u8]; 16] = [
    b"%",
    b"%25",
    b"\\",
    b"\\u00",
    b"&#",
    b"&lt",
    b"\"",
    b"{\"",
    b"[",
    b"]",
    b"\0",
    b"\x1e",
    b"42",
    b"=",
    b"EVIL",
    b"\xc0\xae",
];

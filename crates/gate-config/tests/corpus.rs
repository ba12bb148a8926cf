//! The kept inputs of the configuration's fuzz target, as they are and mutated: the same
//! mutants on every run.

use std::fs;
use std::path::Path;

use gate_config::fuzz::fuzz_config;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// Mutants of each kept input.
const MUTANTS: usize = 100;

#[test]
fn every_text_is_judged_for_the_kept_inputs_and_their_mutants() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/config");
    let mut inputs = Vec::new();
    for entry in fs::read_dir(corpus).expect("the corpus is kept in the repository") {
        inputs.push(fs::read(entry.expect("it can be listed").path()).expect("it can be read"));
    }
    assert!(!inputs.is_empty(), "the corpus is empty");
    let words: Vec<_> = inputs.iter().flat_map(|input| words(input)).collect();
    for input in &inputs {
        fuzz_config(input);
        let mut dice = StdRng::seed_from_u64(1);
        for _ in 0..MUTANTS {
            fuzz_config(&mutant(input, &words, &mut dice));
        }
    }
}

/// A text in pieces: what stands between blanks, and the blanks.
fn words(input: &[u8]) -> Vec<&[u8]> {
    input.chunk_by(|a, b| a.is_ascii_whitespace() == b.is_ascii_whitespace()).collect()
}

/// The input with some words replaced by others, so that it stays in the language now and
/// then, and some bytes changed.
fn mutant(input: &[u8], others: &[&[u8]], dice: &mut StdRng) -> Vec<u8> {
    let mut words = words(input);
    for _ in 0..dice.random_range(0..=4) {
        let at = dice.random_range(0..=words.len());
        let other = others.choose(dice).copied().unwrap_or_default();
        match (dice.random_range(0..3), words.get_mut(at)) {
            (0, Some(word)) => *word = other,
            (1, Some(_)) => drop(words.remove(at)),
            _ => words.insert(at, other),
        }
    }
    let mut bytes = words.concat();
    for _ in 0..dice.random_range(0..=2) {
        let at = dice.random_range(0..=bytes.len());
        match dice.random_range(0..4) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, dice.random()),
            2 => drop(bytes.drain(at..bytes.len().min(at + 3))),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = *b"{}[]\"#\\/;=-".choose(dice).unwrap_or(&b' ');
                }
            }
        }
    }
    bytes
}

//! The kept inputs of the configuration's fuzz target, as they are and mutated.

use gate_config::fuzz::fuzz_config;
use kept::corpus::Corpus;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// Mutants of each kept input.
const MUTANTS: usize = 100;

#[test]
fn every_text_is_judged_for_the_kept_inputs_and_their_mutants() {
    let corpus = Corpus::of("config");
    let words: Vec<_> = corpus.inputs().flat_map(words).collect();
    corpus.play(MUTANTS, |input, dice| mutant(input, &words, dice), fuzz_config);
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

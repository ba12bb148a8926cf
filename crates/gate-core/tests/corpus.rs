//! The kept inputs of the session's and the endpoint's fuzz targets, as they are and mutated: the same mutants
//! on every run.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use gate_core::fuzz::{fuzz_endpoint, fuzz_session};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Mutants of each kept input.
const MUTANTS: usize = 200;

#[test]
fn a_session_keeps_its_promises_for_the_kept_inputs_and_their_mutants() {
    let start = start();
    for (path, input) in inputs("session") {
        println!("{}", path.display());
        mutants(&input).for_each(|script| fuzz_session(&script, start));
    }
}

#[test]
fn an_endpoint_keeps_its_promises_for_the_kept_inputs_and_their_mutants() {
    let start = start();
    for (path, input) in inputs("endpoint") {
        println!("{}", path.display());
        mutants(&input).for_each(|script| fuzz_endpoint(&script, start));
    }
}

/// The kept inputs of a target, of which there are some.
fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let entries = fs::read_dir(corpus).expect("the corpus is kept in the repository");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let inputs: Vec<_> = paths.map(|path| (path.clone(), fs::read(path).expect("it can be read"))).collect();
    assert!(!inputs.is_empty(), "the corpus is empty");
    inputs
}

/// The input, then its mutants.
fn mutants(input: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let mut dice = StdRng::seed_from_u64(1);
    std::iter::once(input.to_vec()).chain((0..MUTANTS).map(move |_| mutant(input, &mut dice)))
}

/// The input with up to four small changes.
fn mutant(input: &[u8], dice: &mut StdRng) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..dice.random_range(1..=4) {
        let at = dice.random_range(0..=bytes.len());
        match dice.random_range(0..4) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, dice.random()),
            2 => drop(bytes.drain(at..bytes.len().min(at + 3))),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = dice.random();
                }
            }
        }
    }
    bytes
}

#[expect(clippy::disallowed_methods, reason = "virtual time begins somewhere; it passes by hand")]
fn start() -> Instant {
    Instant::now()
}

//! The kept inputs of the agent protocol's fuzz target, as they are and mutated: the same mutants on
//! every run.

use std::fs;
use std::path::Path;

use agent_proto::fuzz::fuzz_agent;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Mutants of each kept input.
const MUTANTS: usize = 50;

#[test]
fn the_protocol_keeps_its_promises_for_the_kept_inputs_and_their_mutants() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/agent");
    let mut played = 0;
    for entry in fs::read_dir(corpus).expect("the corpus is kept in the repository") {
        let path = entry.expect("it can be listed").path();
        println!("{}", path.display());
        let input = fs::read(path).expect("it can be read");
        fuzz_agent(&input);
        let mut dice = StdRng::seed_from_u64(1);
        for _ in 0..MUTANTS {
            fuzz_agent(&mutant(&input, &mut dice));
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

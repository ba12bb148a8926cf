//! The kept inputs of the walker's fuzz target, as they are and mutated.

use kept::corpus::{Corpus, changed};
use ws_proto::fuzz::fuzz_walker;

/// Mutants of each kept input.
const MUTANTS: usize = 200;

#[test]
fn the_walker_keeps_its_promises_for_the_kept_inputs_and_their_mutants() {
    Corpus::of("walker").play(MUTANTS, changed, fuzz_walker);
}

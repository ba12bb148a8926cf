//! The kept inputs of the agent protocol's fuzz target, as they are and mutated.

use agent_proto::fuzz::fuzz_agent;
use kept::corpus::{Corpus, changed};

/// Mutants of each kept input.
const MUTANTS: usize = 50;

#[test]
fn the_protocol_keeps_its_promises_for_the_kept_inputs_and_their_mutants() {
    Corpus::of("agent").play(MUTANTS, changed, fuzz_agent);
}

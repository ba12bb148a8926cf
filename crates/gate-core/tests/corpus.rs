//! The kept inputs of the session's and the endpoint's fuzz targets, as they are and mutated.

use std::time::Instant;

use gate_core::fuzz::{fuzz_endpoint, fuzz_session};
use kept::corpus::{Corpus, changed};

/// Mutants of each kept input.
const MUTANTS: usize = 200;

#[test]
fn a_session_keeps_its_promises_for_the_kept_inputs_and_their_mutants() {
    let start = start();
    Corpus::of("session").play(MUTANTS, changed, |script| fuzz_session(script, start));
}

#[test]
fn an_endpoint_keeps_its_promises_for_the_kept_inputs_and_their_mutants() {
    let start = start();
    Corpus::of("endpoint").play(MUTANTS, changed, |script| fuzz_endpoint(script, start));
}

#[expect(clippy::disallowed_methods, reason = "virtual time begins somewhere; it passes by hand")]
fn start() -> Instant {
    Instant::now()
}

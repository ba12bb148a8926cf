//! One end of a connection whose peer does what a script says.

#![no_main]

use std::sync::LazyLock;
use std::time::Instant;

use libfuzzer_sys::fuzz_target;

/// The same for all scripts, so that a script always does the same.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fuzz_target!(|script: &[u8]| gate_core::fuzz::fuzz_endpoint(script, *START));

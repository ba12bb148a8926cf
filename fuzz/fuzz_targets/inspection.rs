//! The judgement on any message.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| gate_inspect::fuzz::fuzz_inspection(data));

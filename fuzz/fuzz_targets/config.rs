//! The judgement on a configuration: any bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gate_config::fuzz::fuzz_config(bytes));

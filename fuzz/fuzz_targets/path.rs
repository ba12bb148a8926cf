//! The normal form of a request's path, against a reader by the book.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| gate_core::fuzz::fuzz_path(data));

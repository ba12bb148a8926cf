//! Compressed messages, against a receiver that keeps its state.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| ws_proto::deflate::inflate::fuzz_inflate(data));

//! The walk over one direction's frames, against a reader by the book.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| ws_proto::fuzz::fuzz_walker(data));

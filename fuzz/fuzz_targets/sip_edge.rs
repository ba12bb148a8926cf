//! Messages at the edge, from both sides.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| sip_proto::fuzz::fuzz_edge(data));

//! Any bytes as a SIP message, a datagram and a stream.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| sip_proto::fuzz::fuzz_sip(data));

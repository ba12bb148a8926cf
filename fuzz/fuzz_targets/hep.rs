//! Packets of HEP, of every version.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| sip_proto::hep::fuzz::fuzz_hep(data));

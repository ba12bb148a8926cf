//! Streams of the agent protocol: both versions, both directions.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| agent_proto::fuzz::fuzz_agent(data));

//! What end-to-end tests are made of: peers driven by hand on real sockets, a gateway in
//! the same process between them, and eyes for what it records and counts.
//!
//! The peers share no code with the gateway: bytes are made and read here a second time,
//! so that a mistake in the one is not hidden by the same mistake in the other.
//! A wait that takes too long fails the test; nothing sleeps for a fixed time.

pub mod admin;
pub mod agent;
pub mod backend;
pub mod capture;
pub mod deadline;
pub mod folder;
pub mod frame;
pub mod head;
pub mod message;
pub mod metrics;
pub mod noise;
pub mod panics;
pub mod passage;
pub mod peer;
pub mod process;
pub mod records;
pub mod rig;
pub mod server;
pub mod tls;

pub use gate_core::Side;

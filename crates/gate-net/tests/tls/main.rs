//! TLS against peers on rustls' buffered connections, over sockets of the system.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the tests' own helpers may fail as tests do"
)]

mod clients;
mod configuration;
mod endings;
mod peer;
mod pki;
mod resumption;
mod transfer;
mod upstreams;

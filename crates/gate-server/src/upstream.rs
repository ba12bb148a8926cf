//! The way to the upstreams: which of their targets gets a request, dialling it, opening
//! handshakes and plain exchanges with it, and whether it is well.
//!
//! Workers use [`cluster`] (`Cluster`, `Lease`), [`open`] for WebSocket and [`exchange`]
//! with a [`pool`] for plain HTTP; the supporting thread runs [`keeper`].

pub(crate) mod attempts;
pub(crate) mod cluster;
pub(crate) mod dial;
pub(crate) mod download;
pub(crate) mod error;
pub(crate) mod exchange;
#[cfg(test)]
pub(crate) mod fake;
mod head;
pub(crate) mod keeper;
pub(crate) mod lease;
pub(crate) mod line;
pub(crate) mod news;
pub(crate) mod open;
pub(crate) mod pool;
pub(crate) mod probe;
pub(crate) mod refusal;
pub(crate) mod request;
pub(crate) mod resolve;
pub(crate) mod sticky;
pub(crate) mod target;
pub(crate) mod trail;
pub(crate) mod upgrade;
pub(crate) mod upload;
pub(crate) mod wish;

//! The opening handshake: RFC 6455 §4, with the extension negotiation of RFC 7692.
//!
//! Owns: judging a client's request and an upstream's 101, and the fields in which what was read
//! goes on. Both sides are given typed values in one spelling, so nothing that one parser reads
//! in one way and the next in another gets through.
//! Refuses: see `Refusal` (the client's fault) and `ResponseFault` (the upstream's).
//! Inside, from the bottom: `token` and `field`, `extension`, `subprotocol`; `key` and `host` stand
//! alone; `request` and `response` on top.

pub mod extension;
mod field;
mod fuzz;
pub mod host;
pub mod key;
#[cfg(test)]
pub(crate) mod mutate;
pub mod refusal;
pub mod request;
pub mod response;
pub mod subprotocol;
pub mod token;

pub use fuzz::{fuzz_request, fuzz_response};
pub use refusal::Refusal;
pub use request::ClientHandshake;
pub use response::{Agreement, ResponseFault};

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// Puts the field in the place of all its lines, or takes them all out.
fn put_or_remove(headers: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    match value {
        Some(value) => headers.insert(name, value),
        None => headers.remove(name),
    };
}

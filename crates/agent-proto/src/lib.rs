//! The protocol that agents are asked by: what is said, and how it is framed on a stream.
//!
//! An agent is asked about an [`Event`] and gives an [`Answer`]. Version 1 ([`v1`]) pairs them by
//! their order, one under way on each connection; version 2 ([`v2`]) begins with a handshake and
//! pairs them by a correlation id. Both carry JSON behind a length of four bytes. MessagePack, which
//! version 2 also knows, is neither offered nor taken.
//!
//! Pure: bytes in, messages out. Whoever reads counts on nothing: lengths, counts and depth are
//! bounded, and whatever is wrong is a [`Fault`] with a stable label. Not here: sockets, timeouts,
//! and what follows from an answer.

mod answer;
mod bounded;
mod event;
mod fault;
mod framing;
pub mod fuzz;
mod json;
mod payload;
mod sniff;
pub mod v1;
pub mod v2;

pub use answer::{Answer, Audit, BodyMutation, Decision, HeaderOp, WebSocketDecision};
pub use event::{
    Configure, Event, EventKind, GuardrailInspect, InspectionType, Metadata, Opcode, RequestBodyChunk,
    RequestComplete, RequestHeaders, ResponseBodyChunk, ResponseHeaders, WebSocketFrame,
};
pub use fault::{Fault, quote};
pub use json::Json;
pub use payload::Payload;
pub use sniff::{SNIFF_LENGTH, Version, sniff};

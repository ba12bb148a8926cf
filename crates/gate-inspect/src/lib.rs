//! The look into messages: what a message says once all encodings are off it, which attacks
//! that may be, whether it keeps to a schema, and what is to become of it.
//!
//! Pure: no clock, socket or file. [`Settings`] are what an operator chose; compiled they are an
//! [`Inspection`], which judges one message at a time and keeps nothing between two.
//!
//! Not here: how messages are put together (`ws_proto`), who else is asked (agents, webhooks).

mod bytes;
mod category;
mod decode;
mod detect;
mod excerpt;
mod finding;
pub mod fuzz;
mod inspection;
mod redact;
mod schema;
mod settings;
mod subject;

pub use category::{Categories, Category};
pub use decode::packet::socket_io_auth;
pub use detect::{RULES, Rule};
pub use finding::{Finding, RuleId};
pub use inspection::{Inspection, Judgement, Scratch};
pub use schema::{Schema, SchemaFault, Violation};
pub use settings::{
    DecodeLimits, Directions, Fault, Mode, OnMatch, Pattern, Redaction, SchemaSource, Settings,
};
pub use subject::{Kind, Subject};

//! SIP as bytes: messages are split, looked into, edited and answered without being rebuilt.
//!
//! [`Message::parse`] finds where the parts of a message are; all else stays as it was sent, since
//! what is signed (the request's URI) or not understood must go on byte for byte. What is to be
//! different is an [`Edits`], applied while the bytes are copied once. [`Framer`] finds messages in a
//! stream.
//!
//! Pure: no I/O, no clock, no random numbers. Not here: transactions, timers, and who may send what.

pub mod address;
pub mod edge;
pub mod edit;
pub mod error;
mod essentials;
pub mod fuzz;
pub mod hep;
pub mod host;
pub mod limits;
pub mod list;
pub mod message;
pub mod name;
pub mod parameter;
pub mod response;
pub mod start_line;
pub mod status;
pub mod stream;
mod syntax;
pub mod token;
pub mod uri;
pub mod via;

pub use edit::Edits;
pub use error::{Fault, MessageError};
pub use essentials::Essentials;
pub use limits::Limits;
pub use message::{Header, Message};
pub use name::HeaderName;
pub use start_line::StartLine;
pub use status::Status;
pub use stream::{Framer, Keepalive};
pub use uri::Uri;
pub use via::Via;

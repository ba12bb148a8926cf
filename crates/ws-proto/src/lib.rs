//! The WebSocket protocol as pure functions and machines: RFC 6455 framing and opening
//! handshake, RFC 7692 negotiation. No I/O, no clock, no random numbers: bytes go in,
//! judgements come out.

pub mod close;
pub mod close_code;
pub mod control;
pub mod deflate;
pub mod error;
pub mod fuzz;
pub mod handshake;
pub mod header;
pub mod mask;
pub mod message;
pub mod opcode;
pub mod utf8;
pub mod walk;

pub use close_code::CloseCode;
pub use control::ControlFrame;
pub use error::{FrameError, InflateBound};
pub use header::{FrameHeader, Sender};
pub use opcode::Opcode;

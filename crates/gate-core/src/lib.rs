//! Framegate's decisions, without I/O: no socket, no task, no clock, no random number.
//! Bytes and instants go in, instructions come out.

pub mod fuzz;
pub mod ids;
pub mod policy;
pub mod session;
pub mod side;

pub use ids::SessionId;
pub use policy::{Policy, Timeouts};
pub use session::{Observe, Output, Session, Step};
pub use side::Side;
pub use ws_proto::walk::Limits;

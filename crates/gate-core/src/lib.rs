//! Framegate's decisions, without I/O: no socket, no task, no clock, no random number.
//! Bytes and instants go in, instructions come out.

pub mod balance;
pub mod endpoint;
pub mod fuzz;
pub mod health;
pub mod ids;
pub mod origin;
pub mod path;
pub mod policy;
pub mod rate;
pub mod route;
pub mod session;
pub mod side;
pub mod template;

pub use endpoint::{Endpoint, EndpointPolicy};
pub use ids::SessionId;
pub use policy::{Age, Inspection, Keepalive, PingTo, Policy, Timeouts};
pub use session::{Observe, Output, Session, Start, Step};
pub use side::Side;
pub use ws_proto::walk::Limits;

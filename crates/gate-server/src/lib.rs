//! All that waits: listeners, opening handshakes, plain HTTP, upstreams, the drivers of
//! sessions, workers, records and metrics. What a session does is decided in `gate-core`.

mod admin;
mod admission;
mod by_header;
mod clock;
pub mod control;
mod drive;
pub mod files;
mod front;
mod gateway;
mod inspect;
mod observe;
mod preparation;
mod runtime;
mod signing;
mod sip;
mod site;
mod snapshot;
mod sockets;
pub mod succession;
mod support;
mod token_file;
mod trace;
mod upstream;
mod worker;

pub use gateway::{Changes, Gateway, Options, Reloaded, StartError, preflight};
pub use inspect::rules::of_route as rules_of;
pub use preparation::Findings;
pub use sockets::inherited::Inherited;

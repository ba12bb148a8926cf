//! All that waits: listeners, opening handshakes, plain HTTP, upstreams, the drivers of
//! sessions, workers, records and metrics. What a session does is decided in `gate-core`.

mod clock;
mod drive;
pub mod files;
mod front;
mod gateway;
mod observe;
mod preparation;
mod runtime;
mod seats;
mod snapshot;
mod support;
mod upstream;
mod worker;

pub use gateway::{Gateway, Options, StartError, preflight};
pub use preparation::Findings;

//! All that waits: listeners, opening handshakes, dialling, the drivers of sessions,
//! workers, records and metrics. What a session does is decided in `gate-core`.

mod clock;
mod drive;
pub mod files;
mod front;
mod gateway;
mod observe;
mod runtime;
mod settings;
mod socket;
mod upstream;
mod worker;

pub use gateway::{Gateway, StartError};
pub use settings::{
    HandshakeTimeouts, LogFormat, LogSettings, LogTarget, Settings, Shutdown, UpstreamAddress,
};

//! `observability`: metrics and logs.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::place::At;

/// What can be seen of the gateway.
#[derive(Clone, Debug, Default)]
pub struct Observability {
    /// `metrics`, unless switched off.
    pub metrics: Option<Metrics>,
    /// `logging`.
    pub logging: Logging,
}

/// `metrics`: the page that Prometheus reads.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// `address`.
    pub address: At<SocketAddr>,
    /// `path`. Default `/metrics`.
    pub path: String,
}

/// `logging`.
#[derive(Clone, Debug)]
pub struct Logging {
    /// `level`: what goes to the error log. Default info.
    pub level: Level,
    /// `format`.
    pub format: LogFormat,
    /// `access-log`: a line for each request, and each open and close of a session; `None`:
    /// switched off. Default standard error.
    pub access: Option<At<LogTarget>>,
    /// `error-log`: what else is to be told. Default standard error.
    pub error: At<LogTarget>,
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            level: Level::Info,
            format: LogFormat::Json,
            access: Some(At::nowhere(LogTarget::Stderr)),
            error: At::nowhere(LogTarget::Stderr),
        }
    }
}

/// How much is told; each level tells what those before it tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `error`: the gateway cannot do what it should.
    Error,
    /// `warn`: it can, but somebody should look.
    Warn,
    /// `info`: what operators want to know of: starts, stops, changes of health.
    Info,
    /// `debug`: why each single thing failed.
    Debug,
}

/// How a record looks: always one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// A JSON object.
    Json,
    /// `key=value` pairs behind the time and the event.
    Text,
}

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// Standard error.
    Stderr,
    /// Standard output.
    Stdout,
    /// A file, appended to.
    File(PathBuf),
    /// Nowhere.
    Off,
}

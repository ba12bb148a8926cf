//! `observability`: metrics and logs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::frame_log::{Rotation, Syslog};
use super::place::At;

/// What can be seen of the gateway.
#[derive(Clone, Debug)]
pub struct Observability {
    /// `metrics`, unless switched off.
    pub metrics: Option<Metrics>,
    /// `metrics { prefix }`: the first word of the four metrics that Sentinel's dashboards read, on
    /// whichever page they are; `None`: they are left out. Default `sentinel`.
    pub metrics_prefix: Option<Arc<str>>,
    /// `logging`.
    pub logging: Logging,
}

impl Default for Observability {
    fn default() -> Self {
        Self { metrics: None, metrics_prefix: Some("sentinel".into()), logging: Logging::default() }
    }
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
    /// `rotate` of `access-log`.
    pub access_rotation: Option<Rotation>,
    /// `error-log`: what else is to be told. Default standard error.
    pub error: At<LogTarget>,
    /// `rotate` of `error-log`.
    pub error_rotation: Option<Rotation>,
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            level: Level::Info,
            format: LogFormat::Json,
            access: Some(At::nowhere(LogTarget::Stderr)),
            access_rotation: None,
            error: At::nowhere(LogTarget::Stderr),
            error_rotation: None,
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

impl Level {
    /// The name, in logs and in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
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
    /// The system's log.
    Syslog(Syslog),
    /// Nowhere.
    Off,
}

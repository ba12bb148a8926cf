//! `agents`: external inspectors, and how they are asked.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// An external inspector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Its name.
    pub id: Arc<str>,
    /// The unix socket that it listens on. It need not be there yet.
    pub path: PathBuf,
    /// What it is asked about.
    pub events: AgentEvents,
    /// `protocol-version`.
    pub protocol: AgentProtocol,
    /// What happens when it cannot be asked.
    pub failure_mode: FailureMode,
    /// `timeout-ms`: for one call, making a connection for it included.
    pub timeout: Duration,
    /// `queue-timeout-ms`: how long a call may wait for others before it is made. 0: as long as it takes.
    pub queue_timeout: Duration,
    /// `max-concurrent-calls`: calls of one worker under way; more wait.
    pub calls_max: u32,
    /// `max-connections` of one worker.
    pub connections_max: u32,
    /// `pipeline`: calls under way on one connection.
    pub pipeline: u32,
    /// `calls-per-direction`: messages of one direction of a session that it is asked about at a time.
    pub calls_per_direction: u32,
    /// `circuit-breaker`.
    pub breaker: CircuitBreaker,
    /// `config`: what each new connection begins with, as JSON.
    pub config: Option<Arc<str>>,
}

impl Agent {
    /// An agent at a unix socket, with the defaults.
    #[must_use]
    pub fn new(id: &str, path: impl Into<PathBuf>) -> Self {
        Self {
            id: id.into(),
            path: path.into(),
            events: AgentEvents::default(),
            protocol: AgentProtocol::V1,
            failure_mode: FailureMode::Closed,
            timeout: Duration::from_secs(1),
            queue_timeout: Duration::from_secs(10),
            calls_max: 512,
            connections_max: 512,
            pipeline: AgentProtocol::V1.pipeline(),
            calls_per_direction: 1,
            breaker: CircuitBreaker::default(),
            config: None,
        }
    }
}

/// `events`: what an agent is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentEvents {
    /// Requests, before the upstream is dialled.
    pub request_headers: bool,
    /// Data messages of WebSocket sessions.
    pub websocket_frame: bool,
}

impl Default for AgentEvents {
    /// Requests.
    fn default() -> Self {
        Self { request_headers: true, websocket_frame: false }
    }
}

/// `protocol-version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentProtocol {
    /// Answers come in the order of the questions.
    V1,
    /// A handshake, and answers that say which question they are for.
    V2,
}

impl AgentProtocol {
    /// The default of `pipeline`.
    #[must_use]
    pub const fn pipeline(self) -> u32 {
        match self {
            Self::V1 => 1,
            Self::V2 => 16,
        }
    }
}

/// `circuit-breaker`: when an agent that fails is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitBreaker {
    /// `failure-threshold`: failed calls on end that open it. 0: it never opens.
    pub failure_threshold: u32,
    /// `success-threshold`: answered trials on end that close it.
    pub success_threshold: u32,
    /// `timeout-seconds`: how long it stays open.
    pub open_for: Duration,
    /// `half-open-max-requests`: trials at a time once that is over.
    pub trials_max: u32,
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self { failure_threshold: 5, success_threshold: 2, open_for: Duration::from_secs(30), trials_max: 1 }
    }
}

/// Whether what could not be inspected passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FailureMode {
    /// It does not (the default).
    #[default]
    Closed,
    /// It does, and is counted.
    Open,
}

//! What a configuration means: typed values in which every name is resolved. Nothing
//! here knows the text it came from, but for the [`Place`]s that errors can point at.
//!
//! Durations of zero and counts and sizes of 0 mean no limit.

mod admin;
mod agent;
mod content;
mod frame_log;
mod header_config;
mod inspect;
mod listener;
mod observability;
mod peers;
mod place;
mod policies;
mod rate_limit;
mod route;
mod server;
mod sip;
mod trace;
mod upstream;
mod webhook;

use std::sync::Arc;

use gate_core::ids::{AgentId, FrameLogId, RouteId, TraceId, UpstreamId};
use gate_core::route::Table;

pub use admin::{Admin, Secret};
pub use agent::{Agent, AgentEvents, AgentProtocol, CircuitBreaker, FailureMode};
pub use content::{Fingerprint, fingerprint};
pub use frame_log::{Formats, FrameFilter, FrameLog, Rotation, Syslog, SyslogServer, WhenFull};
pub use header_config::{AllowedHost, AllowedOrigin, HeaderConfig, HeaderKey, OnUntrusted};
pub use inspect::{INSPECTED_FRAGMENTS_MAX, INSPECTED_SIZE_MAX, Inspect, SchemaFile};
pub use listener::{
    Alpn, ClientAuth, Identity, ListenAddress, Listener, ServerTls, SniDomain, TlsTerms, TlsVersion,
    UnknownSni,
};
pub use observability::{Level, LogFormat, LogTarget, Logging, Metrics, Observability};
pub use peers::Peers;
pub use place::{At, Objection, Place};
pub use policies::{HOP_BY_HOP, HeaderEdit};
pub use rate_limit::{RateKey, RateLimit, Senders};
pub use route::{Action, Compression, Handler, OnLimit, Route, WebSocket};
pub use server::{ConnectionLimits, RequestLimits, Server, Shutdown};
pub use sip::{SipListener, SipMode, SipOnExceed, SipRate, SipRateKey, SipSettings, SipTransport};
pub use trace::{
    Trace, TraceAddress, TraceEnds, TraceFilter, TraceForm, TraceRule, TraceTransport, TraceVerdict,
};
pub use upstream::{
    ClientTls, HashKey, HealthCheck, OnUnhealthy, Passive, Pool, Probe, SameSite, Sticky, Target,
    TargetAddress, Upstream, UpstreamTimeouts,
};
pub use webhook::{HookOpcodes, HookSettings, OnOther, Url, Webhook};

/// A whole configuration.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The process.
    pub server: Server,
    /// What requests may be like.
    pub limits: RequestLimits,
    /// Where clients connect.
    pub listeners: Vec<Listener>,
    /// What becomes of requests; a [`gate_core::ids::RouteId`] is an index here.
    pub routes: Vec<Route>,
    /// Backends; a [`gate_core::ids::UpstreamId`] is an index here.
    pub upstreams: Vec<Upstream>,
    /// External inspectors; a [`gate_core::ids::AgentId`] is an index here.
    pub agents: Vec<Arc<Agent>>,
    /// Logs of frames; a [`gate_core::ids::FrameLogId`] is an index here.
    pub frame_logs: Vec<FrameLog>,
    /// Where connections are told of by HEP; a [`gate_core::ids::TraceId`] is an index here.
    pub traces: Vec<Trace>,
    /// Metrics and logs.
    pub observability: Observability,
    /// Where an operator can ask and order; `None`: nowhere.
    pub admin: Option<Admin>,
}

impl Config {
    /// The route of that id.
    #[must_use]
    pub fn route(&self, id: RouteId) -> Option<&Route> {
        at(&self.routes, id.0)
    }

    /// The upstream of that id.
    #[must_use]
    pub fn upstream(&self, id: UpstreamId) -> Option<&Upstream> {
        at(&self.upstreams, id.0)
    }

    /// The agent of that id.
    #[must_use]
    pub fn agent(&self, id: AgentId) -> Option<&Arc<Agent>> {
        at(&self.agents, id.0)
    }

    /// The frame log of that id.
    #[must_use]
    pub fn frame_log(&self, id: FrameLogId) -> Option<&FrameLog> {
        at(&self.frame_logs, id.0)
    }

    /// The trace of that id.
    #[must_use]
    pub fn trace(&self, id: TraceId) -> Option<&Trace> {
        at(&self.traces, id.0)
    }

    /// The table by which requests find their routes.
    #[must_use]
    pub fn table(&self) -> Table {
        let routes = self.routes.iter().map(|route| (route.conditions.clone(), route.priority));
        Table::new(routes.collect()).spelled(self.server.spelling)
    }
}

fn at<T>(items: &[T], index: u32) -> Option<&T> {
    usize::try_from(index).ok().and_then(|index| items.get(index))
}

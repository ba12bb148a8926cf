//! `routes`: which requests, and what becomes of them.

use std::sync::Arc;

use gate_core::Policy;
use gate_core::ids::{AgentId, FrameLogId, TraceId, UpstreamId};
use gate_core::origin::Origins;
use gate_core::policy::Inspection;
use gate_core::route::Conditions;

use super::header_config::HeaderConfig;
use super::inspect::{INSPECTED_FRAGMENTS_MAX, INSPECTED_SIZE_MAX, Inspect};
use super::policies::HeaderEdit;
use super::rate_limit::RateLimit;
use super::server::ConnectionLimits;
use super::sip::SipSettings;
use super::webhook::Webhook;

/// One route.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name.
    pub id: Arc<str>,
    /// `matches`.
    pub conditions: Conditions,
    /// `priority`: higher goes first. Default 50.
    pub priority: u32,
    /// `upstream`, `builtin-handler` or `header-config`.
    pub action: Action,
    /// `header-config`: requests may tell their upstream themselves.
    pub header_config: Option<Arc<HeaderConfig>>,
    /// `agents`, in order.
    pub agents: Vec<AgentId>,
    /// `websocket`.
    pub websocket: WebSocket,
    /// `policies { request-headers }`: what is changed of requests before agents are asked and they
    /// go on, in this order.
    pub request_headers: Vec<HeaderEdit>,
    /// `max-body-size`: bytes of a request's body; more is 413. `None`: as in `limits`.
    pub body_size_max: Option<u64>,
}

impl Route {
    /// A route for every request, with the defaults.
    #[must_use]
    pub fn new(id: &str, action: Action) -> Self {
        Self {
            id: id.into(),
            conditions: Conditions::default(),
            priority: 50,
            action,
            header_config: None,
            agents: Vec::new(),
            websocket: WebSocket::default(),
            request_headers: Vec::new(),
            body_size_max: None,
        }
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It goes to an upstream.
    Proxy(UpstreamId),
    /// It goes where its `header-config` says, and nowhere if that says nothing.
    ByHeader,
    /// The gateway answers it itself.
    Builtin(Handler),
}

/// `builtin-handler`: answers that the gateway has itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handler {
    /// `health`: whether the process lives; with `?ready`, or at `/ready`, whether it can serve.
    Health,
    /// `status`: version, uptime, connections.
    Status,
    /// `metrics`: the page that Prometheus reads.
    Metrics,
    /// `ws-stat`: the counts of WebSocket frames, in the form of nginx's module or as JSON.
    WsStat,
    /// `not-found`: 404.
    NotFound,
    /// `echo`: the request as it came.
    Echo,
}

/// `websocket`.
#[derive(Clone, Debug)]
pub struct WebSocket {
    /// `enabled false`: upgrades are answered 403. Default true.
    pub enabled: bool,
    /// What sessions must keep to.
    pub policy: Arc<Policy>,
    /// `max-connections` and the like, for the route.
    pub connections: ConnectionLimits,
    /// `connections-group`: routes with the same one count their sessions together.
    pub connections_group: Option<Arc<str>>,
    /// `rate-limit`: all of them hold.
    pub rate_limits: Vec<RateLimit>,
    /// `on-limit`.
    pub on_limit: OnLimit,
    /// `origins`.
    pub origins: Origins,
    /// `subprotocols`: those that may be negotiated; none of them offered is 403. Empty: all.
    pub subprotocols: Vec<String>,
    /// `token-subprotocol`: behind this name a client may offer a token for agents, where those are
    /// asked about requests. `None`: behind none.
    pub token_subprotocol: Option<Arc<str>>,
    /// `compression`.
    pub compression: Compression,
    /// `frame-log`: which have lines of the route's sessions.
    pub frame_logs: Vec<FrameLogId>,
    /// `inspect`: the rules that messages are judged by.
    pub inspect: Option<Inspect>,
    /// `webhook`: who is asked about messages, in this order.
    pub webhooks: Vec<Arc<Webhook>>,
    /// `context-takeover`: whether inspected messages may refer to those before them.
    pub context_takeover: bool,
    /// `sip`: messages are SIP (RFC 7118).
    pub sip: Option<Arc<SipSettings>>,
    /// `trace`: who is told of the route's connections.
    pub trace: Option<TraceId>,
}

impl Default for WebSocket {
    fn default() -> Self {
        Self {
            enabled: true,
            policy: Arc::default(),
            connections: ConnectionLimits::default(),
            connections_group: None,
            rate_limits: Vec::new(),
            on_limit: OnLimit::Close,
            origins: Origins::default(),
            subprotocols: Vec::new(),
            token_subprotocol: Some("access_token".into()),
            compression: Compression::Pass,
            frame_logs: Vec::new(),
            inspect: None,
            webhooks: Vec::new(),
            context_takeover: false,
            sip: None,
            trace: None,
        }
    }
}

impl WebSocket {
    /// Whether each message must be readable without those before it: because one may go nowhere,
    /// or because they are inspected and nothing else is wished for.
    #[must_use]
    pub fn needs_independent_messages(&self) -> bool {
        let Inspection { client, upstream, .. } = self.policy.inspection;
        let is_inspected = client || upstream;
        self.rate_limits.iter().any(RateLimit::drops_messages) || (is_inspected && !self.context_takeover)
    }

    /// The same where whole messages of clients are looked into. Where nobody's are, limits that are
    /// missing hold for clients alone.
    #[must_use]
    pub fn inspecting_clients(&self) -> Self {
        let mut policy = Policy::clone(&self.policy);
        let Inspection { client, upstream, stream_above, .. } = &mut policy.inspection;
        if !*client && !*upstream {
            policy.upstream_limits.get_or_insert(policy.limits);
            for limit in [&mut policy.limits.frame_size_max, &mut policy.limits.message_size_max] {
                *limit = if *limit == 0 { INSPECTED_SIZE_MAX } else { *limit };
            }
            if policy.limits.fragments_max == 0 {
                policy.limits.fragments_max = INSPECTED_FRAGMENTS_MAX;
            }
        }
        (*client, *stream_above) = (true, None);
        Self { policy: Arc::new(policy), ..self.clone() }
    }
}

/// `on-limit`: how a client above a limit of connections is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnLimit {
    /// 101, then a Close with 1013.
    Close,
    /// 503, or 429 for rates and where the limit is per address.
    Reject,
}

/// `compression`: what becomes of offers of permessage-deflate (RFC 7692).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// They pass.
    Pass,
    /// They are taken out.
    Off,
}

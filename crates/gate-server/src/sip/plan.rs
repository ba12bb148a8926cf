//! What a configuration says of SIP on one route or listener, built so that messages can go by it.

use std::sync::Arc;
use std::time::Duration;

use gate_config::model::{Action, Config, Objection, Peers, SipMode, SipSettings, WebSocket};
use gate_core::Keepalive;
use gate_core::endpoint::EndpointPolicy;
use gate_core::ids::{RouteId, TraceId, UpstreamId};
use sip_proto::Limits;
use sip_proto::edge::{Edge, EdgeSettings};
use sip_proto::token::TokenKey;
use ws_proto::walk;

use crate::snapshot::ListenerId;
use crate::upstream::cluster::Cluster;

/// See the module.
pub(crate) struct Plan {
    /// The route's name, or the listener's.
    pub(crate) name: Arc<str>,
    pub(crate) settings: Arc<SipSettings>,
    pub(crate) edge: Edge,
    pub(crate) limits: Limits,
    /// What clients' connections must keep to.
    pub(crate) endpoint: Arc<EndpointPolicy>,
    /// What connections to servers over WebSocket must keep to.
    pub(crate) link: Arc<EndpointPolicy>,
    /// Where requests of clients go.
    pub(crate) upstream: Option<Arc<Cluster>>,
    /// The listener that servers send to, by its name.
    pub(crate) back_door: Option<Arc<str>>,
    /// What stands in Via, Path and Record-Route, where that does not depend on the connection.
    pub(crate) sent_by: Option<Arc<str>>,
    /// Who may send, where it is a listener's.
    pub(crate) peers: Peers,
    /// Who is told of connections to it, where it is a listener's.
    pub(crate) trace: Option<TraceId>,
}

/// All plans of a configuration.
#[derive(Default)]
pub(crate) struct Plans {
    identity: Option<Identity>,
    routes: Vec<Option<Arc<Plan>>>,
    listeners: Vec<Option<Arc<Plan>>>,
}

/// What tokens of this process are made with.
#[derive(Clone)]
struct Identity {
    process: u32,
    key: TokenKey,
}

impl Plans {
    /// Builds what `config` says of SIP. Tokens go on as they were before, unless their key has another
    /// secret.
    ///
    /// # Errors
    /// The secret cannot be read.
    pub(crate) fn build(
        config: &Config,
        clusters: &[Arc<Cluster>],
        before: Option<&Self>,
    ) -> Result<Self, Vec<Objection>> {
        let is_needed = config.routes.iter().any(|route| route.websocket.sip.is_some())
            || config.listeners.iter().any(|listener| listener.sip.is_some());
        if !is_needed {
            return Ok(Self::default());
        }
        let known = before.and_then(|before| before.identity.as_ref());
        let identity = Identity {
            process: known.map_or_else(rand::random, |known| known.process),
            key: match known {
                // What runs was signed by it.
                Some(known) => known.key.clone(),
                None => key(config).map_err(|objection| vec![objection])?,
            },
        };
        let cluster = |id: UpstreamId| clusters.get(usize::try_from(id.0).unwrap_or(usize::MAX)).cloned();
        let routes = config.routes.iter().map(|route| {
            let settings = route.websocket.sip.as_ref()?;
            let upstream = match route.action {
                Action::Proxy(id) => cluster(id),
                Action::ByHeader | Action::Builtin(_) => None,
            };
            let back_door = settings.listener.and_then(|index| config.listeners.get(index));
            let plan = Plan {
                back_door: back_door.map(|listener| Arc::clone(&listener.id)),
                ..Plan::new(&route.id, settings, (upstream, Peers::default()), &route.websocket, &identity)
            };
            Some(Arc::new(plan))
        });
        let listeners = config.listeners.iter().map(|listener| {
            let sip = listener.sip.as_ref()?;
            let parts = (sip.upstream.and_then(cluster), sip.peers.clone());
            let defaults = WebSocket::default();
            let plan = Plan::new(&listener.id, &sip.settings, parts, &defaults, &identity);
            Some(Arc::new(Plan { trace: listener.trace, ..plan }))
        });
        Ok(Self { routes: routes.collect(), listeners: listeners.collect(), identity: Some(identity) })
    }

    /// That of a route; `None`: it carries no SIP.
    pub(crate) fn of_route(&self, id: RouteId) -> Option<&Arc<Plan>> {
        self.routes.get(usize::try_from(id.0).unwrap_or(usize::MAX))?.as_ref()
    }

    /// That of a listener; `None`: HTTP comes there.
    pub(crate) fn of_listener(&self, id: ListenerId) -> Option<&Arc<Plan>> {
        self.listeners.get(id.0)?.as_ref()
    }

    /// The upstreams that messages go to.
    pub(crate) fn clusters(&self) -> impl Iterator<Item = &Arc<Cluster>> {
        let plans = self.routes.iter().chain(&self.listeners).flatten();
        plans.filter_map(|plan| plan.upstream.as_ref())
    }

    /// What tokens of this process have; 0 where there are none.
    pub(crate) fn process(&self) -> u32 {
        self.identity.as_ref().map_or(0, |identity| identity.process)
    }
}

/// The key of the configuration's secret, or a random one. It holds until the process ends.
fn key(config: &Config) -> Result<TokenKey, Objection> {
    let Some(file) = &config.server.sip_token_secret_file else {
        return Ok(TokenKey::new(&rand::random::<[u8; 32]>()));
    };
    crate::signing::read_secret(file).map(|secret| TokenKey::new(&secret))
}

impl Plan {
    fn new(
        name: &Arc<str>,
        settings: &Arc<SipSettings>,
        (upstream, peers): (Option<Arc<Cluster>>, Peers),
        websocket: &WebSocket,
        identity: &Identity,
    ) -> Self {
        let limits = limits(settings, websocket);
        let edge = EdgeSettings {
            process: identity.process,
            key: identity.key.clone(),
            limits,
            names: settings.advertise.iter().map(ToString::to_string).collect(),
            methods: settings.methods.iter().map(ToString::to_string).collect(),
            answers_options: settings.answers_options,
            always_path: true,
        };
        let (endpoint, link) = endpoints(settings, websocket, &limits);
        Self {
            name: Arc::clone(name),
            settings: Arc::clone(settings),
            edge: Edge::new(edge),
            limits,
            endpoint: Arc::new(endpoint),
            link: Arc::new(link),
            upstream,
            back_door: None,
            // Else the socket knows: its port may be the system's choice.
            sent_by: settings.advertise.clone(),
            peers,
            trace: None,
        }
    }

    pub(crate) fn is_transparent(&self) -> bool {
        self.settings.mode == SipMode::Transparent
    }
}

fn limits(settings: &SipSettings, websocket: &WebSocket) -> Limits {
    let defaults = Limits::default();
    let most = |size: u64, default: usize| match usize::try_from(size) {
        Ok(0) => default,
        Ok(size) => size,
        Err(_) => usize::MAX,
    };
    let message = most(websocket.policy.limits.message_size_max, defaults.message);
    Limits {
        message,
        head: defaults.head.min(message),
        headers: usize::try_from(settings.headers_max).unwrap_or(usize::MAX),
        line: most(settings.header_size_max, defaults.line),
    }
}

/// What clients, and servers, over WebSocket must keep to.
fn endpoints(
    settings: &SipSettings,
    websocket: &WebSocket,
    limits: &Limits,
) -> (EndpointPolicy, EndpointPolicy) {
    let policy = &websocket.policy;
    let defaults = EndpointPolicy::default();
    let sizes = walk::Limits {
        message_size_max: u64::try_from(limits.message).unwrap_or(u64::MAX),
        fragments_max: match policy.limits.fragments_max {
            0 => defaults.limits.fragments_max,
            fragments => fragments,
        },
        ..policy.limits
    };
    let client = EndpointPolicy {
        limits: sizes,
        chunks_max: settings.chunks_max,
        timeouts: policy.timeouts,
        age: policy.age.clone(),
        keepalive: policy.keepalive,
    };
    let link = EndpointPolicy {
        limits: sizes,
        keepalive: Keepalive { interval: SERVER_PING, timeout: SERVER_PONG, ..policy.keepalive },
        ..defaults
    };
    (client, link)
}

/// A server over WebSocket that was silent for so long is sent a ping.
const SERVER_PING: Duration = Duration::from_secs(30);
/// And cut off where it does not answer.
const SERVER_PONG: Duration = Duration::from_secs(10);

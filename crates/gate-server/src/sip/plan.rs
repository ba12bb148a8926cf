//! What a configuration says of SIP on one route or listener, built so that messages can go by it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gate_config::model::{Action, Config, Objection, Peers, SipMode, SipSettings, WebSocket};
use gate_core::Keepalive;
use gate_core::endpoint::EndpointPolicy;
use gate_core::ids::{RouteId, TraceId, UpstreamId};
use gate_core::policy::Inspection;
use sip_proto::Limits;
use sip_proto::edge::{Edge, EdgeSettings};
use sip_proto::token::TokenKey;
use ws_proto::walk;

use crate::clock;
use crate::sip::leg::Patience;
use crate::sip::rates::{self, Users};
use crate::snapshot::ListenerId;
use crate::trace::Tracer;
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
    /// Whose messages are looked into, and how much of them may wait for that.
    pub(crate) inspection: Inspection,
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
    /// What those have time for who connect to it, where it is a listener's.
    pub(crate) patience: Patience,
    /// How fast users may send.
    pub(crate) users: Users,
    /// The route that it is of; `None`: it is a listener's.
    pub(crate) route: Option<RouteId>,
    pub(crate) tracers: Tracers,
    /// What has last come in its place, for those who began with it.
    successor: Mutex<Option<Arc<Self>>>,
}

/// Who is told of connections.
#[derive(Clone, Default)]
pub(crate) struct Tracers {
    /// Of those to the listener; of a route's clients, and of those to servers that are one client's.
    pub(crate) own: Option<Arc<Tracer>>,
    /// Of those to servers that clients share.
    pub(crate) shared: Option<Arc<Tracer>>,
}

/// The bounds of what comes on one connection: of messages in a stream, and of WebSocket.
#[derive(Clone)]
pub(crate) struct Breadth {
    pub(crate) limits: Limits,
    pub(crate) link: Arc<EndpointPolicy>,
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
        (clusters, tracers): (&[Arc<Cluster>], &[Arc<Tracer>]),
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
        let tellers = |own: Option<TraceId>, upstream: Option<UpstreamId>| {
            let tracer = |id: TraceId| tracers.get(usize::try_from(id.0).unwrap_or(usize::MAX)).cloned();
            let upstream = upstream.and_then(|id| config.upstreams.get(usize::try_from(id.0).ok()?));
            let shared = upstream.and_then(|upstream| upstream.trace);
            Tracers { own: own.and_then(tracer), shared: shared.and_then(tracer) }
        };
        let routes = config.routes.iter().zip(0..).map(|(route, id)| {
            let settings = route.websocket.sip.as_ref()?;
            let target = match route.action {
                Action::Proxy(id) => Some(id),
                Action::ByHeader | Action::Builtin(_) => None,
            };
            let upstream = target.and_then(cluster);
            let back_door = settings.listener.and_then(|index| config.listeners.get(index));
            let plan = Plan {
                back_door: back_door.map(|listener| Arc::clone(&listener.id)),
                route: Some(RouteId(id)),
                tracers: tellers(route.websocket.trace, target),
                ..Plan::new(&route.id, settings, (upstream, Peers::default()), &route.websocket, &identity)
            };
            Some(plan.with_users(before.map(|before| &*before.routes).unwrap_or_default()))
        });
        let listeners = config.listeners.iter().map(|listener| {
            let sip = listener.sip.as_ref()?;
            let parts = (sip.upstream.and_then(cluster), sip.peers.clone());
            let defaults = WebSocket::default();
            let plan = Plan::new(&listener.id, &sip.settings, parts, &defaults, &identity);
            let patience = Patience {
                idle: sip.idle_timeout,
                message: listener.head_timeout,
                send: listener.send_timeout,
            };
            let plan = Plan { tracers: tellers(listener.trace, sip.upstream), patience, ..plan };
            Some(plan.with_users(before.map(|before| &*before.listeners).unwrap_or_default()))
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

    /// What holds at this moment in the place of a plan: that of the same route or listener. Where that is
    /// gone it is the one that held last.
    pub(crate) fn in_place_of(&self, plan: &Arc<Plan>) -> Arc<Plan> {
        let of_the_same = |plans: &[Option<Arc<Plan>>]| {
            plans.iter().flatten().find(|other| other.name == plan.name).map(Arc::clone)
        };
        let found = match plan.route {
            // As long as nothing has been reloaded it is found at once.
            Some(id) => match self.of_route(id) {
                Some(known) if Arc::ptr_eq(known, plan) => return Arc::clone(plan),
                Some(_) | None => of_the_same(&self.routes),
            },
            None => of_the_same(&self.listeners),
        };
        match found {
            Some(found) if Arc::ptr_eq(&found, plan) => found,
            Some(found) => plan.succeeded_by(found),
            None => plan.successor().unwrap_or_else(|| Arc::clone(plan)),
        }
    }

    /// Those whose messages go to such upstreams.
    pub(crate) fn towards(&self, is_such: impl Fn(&Cluster) -> bool) -> impl Iterator<Item = &Arc<Plan>> {
        let plans = self.routes.iter().chain(&self.listeners).flatten();
        plans.filter(move |plan| plan.upstream.as_ref().is_some_and(|cluster| is_such(cluster)))
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
            inspection: websocket.policy.inspection,
            link: Arc::new(link),
            upstream,
            back_door: None,
            // Else the socket knows: its port may be the system's choice.
            sent_by: settings.advertise.clone(),
            peers,
            patience: Patience::WITH_SERVERS,
            users: Users::default(),
            route: None,
            tracers: Tracers::default(),
            successor: Mutex::default(),
        }
    }

    /// With the buckets of users that a plan of the same name had before.
    fn with_users(self, before: &[Option<Arc<Self>>]) -> Arc<Self> {
        let before = before.iter().flatten().find(|before| before.name == self.name);
        let users = rates::users(&self.settings.rates, before.map(|before| &before.users), clock::now());
        Arc::new(Self { users, ..self })
    }

    fn succeeded_by(&self, successor: Arc<Self>) -> Arc<Self> {
        let mut known = self.successor.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.as_ref().is_some_and(|known| Arc::ptr_eq(known, &successor)) {
            *known = Some(Arc::clone(&successor));
        }
        successor
    }

    fn successor(&self) -> Option<Arc<Self>> {
        self.successor.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it lets come from servers.
    pub(crate) fn breadth(&self) -> Breadth {
        Breadth { limits: self.limits, link: Arc::clone(&self.link) }
    }

    pub(crate) fn is_transparent(&self) -> bool {
        self.settings.mode == SipMode::Transparent
    }
}

impl Breadth {
    /// What either lets come.
    pub(crate) fn or(self, other: &Plan) -> Self {
        if self.limits == other.limits && self.link.limits == other.link.limits {
            return self;
        }
        let (limits, link) = (self.limits, self.link.limits);
        // In sizes of WebSocket 0 is no limit.
        let wider = |a: u64, b: u64| if a == 0 || b == 0 { 0 } else { a.max(b) };
        let fragments = [link.fragments_max, other.link.limits.fragments_max];
        Self {
            limits: Limits {
                message: limits.message.max(other.limits.message),
                head: limits.head.max(other.limits.head),
                headers: limits.headers.max(other.limits.headers),
                line: limits.line.max(other.limits.line),
            },
            link: Arc::new(EndpointPolicy {
                limits: walk::Limits {
                    frame_size_max: wider(link.frame_size_max, other.link.limits.frame_size_max),
                    message_size_max: wider(link.message_size_max, other.link.limits.message_size_max),
                    fragments_max: if fragments.contains(&0) {
                        0
                    } else {
                        fragments.into_iter().max().unwrap_or(0)
                    },
                    validate_utf8: link.validate_utf8 && other.link.limits.validate_utf8,
                },
                ..(*self.link).clone()
            }),
        }
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

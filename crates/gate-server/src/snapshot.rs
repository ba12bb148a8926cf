//! A configuration as it runs: the typed values and what is built from them. Immutable; a
//! request keeps the one that it found, and so does the session that it opens.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use gate_config::model::{Agent, Config, Listener, Objection, Route, WebSocket};
use gate_core::ids::{AgentId, RouteId, UpstreamId};
use gate_core::route::Table;
use gate_net::tls::server::Acceptor;

use crate::clock;
use crate::observe::exposition::{TargetFigures, Targets};
use crate::seats::{AddressSeat, Seat, Seats, SeatsPerAddress};
use crate::upstream::cluster::{Cluster, Figures};

/// See the module.
pub(crate) struct Snapshot {
    pub(crate) config: Config,
    pub(crate) table: Table,
    seats: Arc<Seats>,
    /// By [`RouteId`].
    routes: Vec<RouteSeats>,
    /// By [`UpstreamId`].
    clusters: Vec<Arc<Cluster>>,
    /// By the listener's place in the configuration; `None` where there is no TLS.
    acceptors: Vec<Option<Acceptor>>,
}

/// The seats of one route, where it has limits.
struct RouteSeats {
    all: Option<Arc<Seats>>,
    per_address: Option<Arc<SeatsPerAddress>>,
}

/// All the seats that one session takes; free again when dropped.
#[derive(Debug)]
pub(crate) struct Seated {
    _process: Seat,
    /// Boxed: most routes have no limits, and the session is the smaller for it.
    _route: Option<Box<(Option<Seat>, Option<AddressSeat>)>>,
}

/// A limit of connections that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// `max-connections` of the process, with its value.
    Process(u64),
    /// `max-connections` of the route.
    Route(u64),
    /// `max-connections-per-ip` of the route.
    Address(u64),
}

impl Full {
    /// A stable name for logs and metric labels.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Process(_) => "max_connections",
            Self::Route(_) => "max_connections_route",
            Self::Address(_) => "max_connections_per_ip",
        }
    }
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(limit) => write!(f, "all {limit} connections of max-connections are taken"),
            Self::Route(limit) => {
                write!(f, "all {limit} connections of the route's max-connections are taken")
            }
            Self::Address(limit) => {
                write!(f, "all {limit} connections of max-connections-per-ip are taken by this address")
            }
        }
    }
}

impl Snapshot {
    /// Builds what `config` asks for: certificates are read here.
    ///
    /// # Errors
    /// All that the world has against it.
    pub(crate) fn build(config: Config) -> Result<Self, Vec<Objection>> {
        let mut objections = Vec::new();
        let mut acceptors = Vec::new();
        for listener in &config.listeners {
            let built = listener.tls.as_ref().map(Acceptor::new).transpose();
            acceptors.push(built.unwrap_or_else(|found| {
                objections.extend(found);
                None
            }));
        }
        let mut clusters = Vec::new();
        for upstream in &config.upstreams {
            match Cluster::new(upstream) {
                Ok(cluster) => clusters.push(cluster),
                Err(found) => objections.extend(found),
            }
        }
        if !objections.is_empty() {
            return Err(objections);
        }
        let table = config.table();
        let routes = config.routes.iter().map(|route| RouteSeats::of(&route.websocket)).collect();
        let seats = Seats::new(config.server.connections.all);
        Ok(Self { config, table, seats, routes, clusters, acceptors })
    }

    pub(crate) fn route(&self, id: RouteId) -> Option<&Route> {
        self.config.route(id)
    }

    pub(crate) fn agent(&self, id: AgentId) -> Option<&Agent> {
        self.config.agent(id)
    }

    pub(crate) fn cluster(&self, id: UpstreamId) -> Option<&Arc<Cluster>> {
        self.clusters.get(index(id.0))
    }

    pub(crate) fn clusters(&self) -> &[Arc<Cluster>] {
        &self.clusters
    }

    pub(crate) fn listener(&self, id: ListenerId) -> Option<(&Listener, Option<&Acceptor>)> {
        let acceptor = self.acceptors.get(id.0).and_then(Option::as_ref);
        self.config.listeners.get(id.0).map(|listener| (listener, acceptor))
    }

    /// What should be looked at in the certificates, though they can be used.
    pub(crate) fn warnings(&self) -> Vec<Objection> {
        let now = clock::wall();
        self.acceptors.iter().flatten().flat_map(|acceptor| acceptor.warnings(now)).collect()
    }

    /// `max-connections` of the process.
    pub(crate) fn connections_limit(&self) -> u64 {
        self.seats.limit()
    }

    /// What is to be told of all targets.
    pub(crate) fn target_figures(&self) -> Box<Targets> {
        let clusters = self.clusters.clone();
        let of = |cluster: &Arc<Cluster>| {
            let upstream = Arc::clone(&cluster.upstream().id);
            let told = move |figures: Figures| TargetFigures {
                upstream: Arc::clone(&upstream),
                target: figures.target,
                attempts: figures.attempts,
                failures: figures.failures,
                in_flight: figures.in_flight.into(),
                is_healthy: figures.is_healthy,
            };
            cluster.figures().into_iter().map(told).collect::<Vec<_>>()
        };
        Box::new(move || clusters.iter().flat_map(of).collect())
    }

    /// Takes the seats that a session of `route` needs, or none at all.
    pub(crate) fn seat(&self, route: RouteId, client: Option<IpAddr>) -> Result<Seated, Full> {
        let process = self.seats.take().ok_or_else(|| Full::Process(self.seats.limit()))?;
        let Some(RouteSeats { all, per_address }) = self.routes.get(index(route.0)) else {
            return Ok(Seated { _process: process, _route: None });
        };
        let all = match all {
            None => None,
            Some(seats) => Some(seats.take().ok_or_else(|| Full::Route(seats.limit()))?),
        };
        let per_address = match (per_address, client) {
            (None, _) | (_, None) => None,
            (Some(seats), Some(client)) => {
                Some(seats.take(client).ok_or_else(|| Full::Address(seats.limit()))?)
            }
        };
        let route = (all.is_some() || per_address.is_some()).then(|| Box::new((all, per_address)));
        Ok(Seated { _process: process, _route: route })
    }
}

impl RouteSeats {
    fn of(websocket: &WebSocket) -> Self {
        let (all, per_address) = (websocket.connections.all, websocket.connections.per_address);
        Self {
            all: (all > 0).then(|| Seats::new(all)),
            per_address: (per_address > 0).then(|| SeatsPerAddress::new(per_address)),
        }
    }
}

/// A listener, by its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListenerId(pub(crate) usize);

fn index(id: u32) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}

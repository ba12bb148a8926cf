//! Making connections to servers: the dial, the opening handshake where there is one, and the leg that
//! comes of both. Traces are told of all that, and of each attempt that fails.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use gate_core::endpoint::{Endpoint, Role};
use gate_net::Stream;
use http::{HeaderMap, StatusCode, Uri, Version, header};
use sip_proto::edge::Transport;

use crate::clock;
use crate::sip::choice::speaks_udp;
use crate::sip::leg::{Crlf, Framing, Leg, Parts, Patience, Watch};
use crate::sip::link::LinkKey;
use crate::sip::plan::{Breadth, Plan};
use crate::sip::task::{LegTask, Party};
use crate::trace::{Behalf, ConnectionTrace, Dialling, heads};
use crate::upstream::attempts::Budget;
use crate::upstream::dial::{Dialled, dial_told};
use crate::upstream::error::{OpenError, chain};
use crate::upstream::lease::Lease;
use crate::upstream::probe::{handshake, host_of};
use crate::upstream::request;
use crate::upstream::target::Failure;
use crate::upstream::trail::Trail;
use crate::upstream::upgrade::{Switched, Upgraded, upgrade};
use crate::worker::Worker;

/// Why there is no connection to a server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the server answered the opening handshake with {0}")]
    Refused(StatusCode),
    #[error("the server did not agree on the subprotocol sip")]
    Subprotocol,
}

impl LinkError {
    /// What it counts as.
    fn failure(&self) -> Option<Failure> {
        match self {
            Self::Open(OpenError::NoTarget(_)) => None,
            Self::Open(OpenError::Dial(error)) => Some(error.failure()),
            Self::Open(OpenError::Upgrade { source, .. }) => Some(source.failure()),
            Self::Refused(_) | Self::Subprotocol => Some(Failure::Malformed),
        }
    }

    /// The status of the answer to a client that is to have a connection of its own.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Open(error) => error.status(),
            Self::Refused(_) | Self::Subprotocol => StatusCode::BAD_GATEWAY,
        }
    }

    /// A stable name for logs and metric labels.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Open(error) => error.reason(),
            Self::Refused(_) => "upstream_refused",
            Self::Subprotocol => "upstream_subprotocol",
        }
    }
}

/// Stands for the address of a unix socket, which has none that anybody could use.
pub(crate) const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A connection that can carry SIP.
pub(super) struct Connection {
    stream: Stream,
    /// What came with the server's 101.
    early: Bytes,
    peer: SocketAddr,
    local: SocketAddr,
    /// How it was made, for its trace.
    trail: Trail,
}

impl Connection {
    fn over(stream: Stream, trail: Trail) -> Self {
        let socket = stream.socket();
        let peer = socket.peer_addr().unwrap_or(NOWHERE);
        let local = socket.local_addr().unwrap_or(NOWHERE);
        Self { stream, early: Bytes::new(), peer, local, trail }
    }
}

/// A connection to a server that is one client's alone.
pub(crate) struct OwnConnection {
    transport: Transport,
    connection: Connection,
    dialling: Option<Dialling>,
    trace: Option<ConnectionTrace>,
    lease: Lease,
}

impl Plan {
    /// A connection to a server for one client alone: to another one where the first cannot be reached, or
    /// does not want to speak SIP.
    ///
    /// # Errors
    /// There is no server, or it cannot be reached.
    pub(crate) async fn connect_own(&self, behalf: Behalf) -> Result<OwnConnection, LinkError> {
        let no_target = || OpenError::NoTarget(Arc::clone(&self.name));
        let cluster = self.upstream.as_ref().ok_or_else(no_target)?;
        let mut dialling = self.tracers.own.as_ref().map(|own| Dialling::begin(own, cluster, behalf));
        let lot = rand::random();
        let Some(mut lease) = cluster.choose_by(lot) else {
            let error = LinkError::Open(no_target());
            if let Some(dialling) = &dialling {
                dialling.failed(&Trail::told(), error.reason(), &chain(&error));
            }
            return Err(error);
        };
        let mut budget = Budget::of(cluster.upstream());
        let mut passed = Vec::new();
        loop {
            let key = LinkKey::of(&lease);
            let error = match connect(&lease, &key, dialling.as_mut()).await {
                Ok(connection) => {
                    let transport = key.transport();
                    return Ok(OwnConnection { transport, connection, dialling, trace: None, lease });
                }
                Err(error) => error,
            };
            passed.push(lease.target().stable());
            let next = if budget.take() { cluster.choose_past(lot, None, &passed) } else { None };
            lease = next.ok_or(error)?;
        }
    }
}

impl OwnConnection {
    /// Where the server was reached.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.connection.peer
    }

    /// It is the session's of that name from here on.
    pub(crate) fn belong_to(&mut self, session: &Arc<str>) {
        let dialling = self.dialling.take();
        self.trace =
            dialling.and_then(|dialling| dialling.opened(&self.connection.trail, &[("Session", session)]));
    }

    /// Its leg and the task that runs it, for the client with that leg.
    pub(super) fn run(
        self,
        worker: &Rc<Worker>,
        plan: &Arc<Plan>,
        client: Rc<RefCell<Leg>>,
    ) -> (Rc<RefCell<Leg>>, LegTask) {
        let Self { transport, connection, trace, lease, dialling: _ } = self;
        let how = How { transport, breadth: plan.breadth(), trace };
        leg_to_server(worker, plan, connection, how, Party::OwnServer { client, _lease: lease })
    }
}

/// Connects to a lease's target, and counts what comes of it for or against that, but where the server is
/// asked over UDP: whether it is there over TCP says nothing of that.
///
/// # Errors
/// It cannot be reached, or does not want to speak SIP over WebSocket.
pub(super) async fn connect(
    lease: &Lease,
    key: &LinkKey,
    mut dialling: Option<&mut Dialling>,
) -> Result<Connection, LinkError> {
    let mut trail = if dialling.is_some() { Trail::told() } else { Trail::untold() };
    let connected = try_connect(lease, key, dialling.as_deref_mut(), &mut trail).await;
    match connected {
        Ok((stream, early)) => {
            if !speaks_udp(lease) {
                lease.succeeded();
            }
            Ok(Connection { early, ..Connection::over(stream, trail) })
        }
        Err(error) => {
            if let Some(failure) = error.failure().filter(|_| !speaks_udp(lease)) {
                lease.failed(failure);
            }
            if let Some(dialling) = dialling {
                dialling.failed(&trail, error.reason(), &chain(&error));
            }
            Err(error)
        }
    }
}

async fn try_connect(
    lease: &Lease,
    key: &LinkKey,
    dialling: Option<&mut Dialling>,
    trail: &mut Trail,
) -> Result<(Stream, Bytes), LinkError> {
    let (cluster, target) = (lease.cluster(), lease.target());
    let timeouts = &cluster.upstream().timeouts;
    let dialled = dial_told(cluster, target, timeouts.connect, trail).await;
    let Dialled { stream, .. } = dialled.map_err(OpenError::from)?;
    if target.sip().is_some() {
        return Ok((stream, Bytes::new()));
    }
    let asked = handshake("sip");
    let mut headers = HeaderMap::new();
    if let Some(host) = host_of(cluster, target) {
        headers.insert(header::HOST, host);
    }
    if let Some(origin) = &cluster.upstream().origin {
        headers.insert(header::ORIGIN, origin.clone());
    }
    asked.put(&mut headers);
    let uri = key.path().parse().unwrap_or_else(|_| Uri::from_static("/"));
    let request = request::encode(&uri, &headers);
    if let Some(dialling) = dialling {
        dialling.ask_by(|| heads::request(("GET", &uri, Version::HTTP_11), &headers));
    }
    let upgraded = upgrade(stream, &request, (&asked, trail), timeouts.handshake)
        .await
        .map_err(|source| OpenError::Upgrade { target: Arc::clone(target.text()), source })?;
    match upgraded {
        Upgraded::Switched(switched) => {
            let Switched { stream, early, agreement, .. } = *switched;
            if agreement.subprotocol.as_deref() != Some("sip") {
                return Err(LinkError::Subprotocol);
            }
            Ok((stream, early))
        }
        Upgraded::Refused(refused) => Err(LinkError::Refused(refused.head.status)),
    }
}

/// A connection that clients share begins to tell.
pub(super) fn opened(connection: &Connection, dialling: Option<&Dialling>) -> Option<ConnectionTrace> {
    dialling.and_then(|dialling| dialling.opened(&connection.trail, &[]))
}

/// How a connection is run.
pub(super) struct How {
    pub(super) transport: Transport,
    pub(super) breadth: Breadth,
    pub(super) trace: Option<ConnectionTrace>,
}

/// A leg to a server and its task, which is for the caller to run.
pub(super) fn leg_to_server(
    worker: &Rc<Worker>,
    plan: &Arc<Plan>,
    connection: Connection,
    how: How,
    party: Party,
) -> (Rc<RefCell<Leg>>, LegTask) {
    let now = clock::now();
    let Connection { stream, early, peer, local, trail: _ } = connection;
    let How { transport, breadth: Breadth { limits, link }, trace } = how;
    let framing = match transport {
        Transport::Ws | Transport::Wss => {
            Framing::web_socket(Endpoint::new(link, Role::Client, now, rand::random()), false)
        }
        Transport::Udp | Transport::Tcp | Transport::Tls => {
            let watch = Watch::new(Patience::WITH_SERVERS, now);
            Framing::stream(limits, Crlf::every(plan.settings.keepalive, now), watch)
        }
    };
    let sent_by = local.to_string().into();
    let make = |flow| {
        let parts = Parts { framing, flow, transport, sent_by, peer, trace };
        let mut leg = Leg::new(stream, parts);
        leg.keep(&early, worker);
        leg
    };
    LegTask::new(worker, plan, make, party)
}

//! Streams to servers that clients share: over TCP, TLS or WebSocket, one for each worker and way to
//! reach a server. They are made when a message needs one, and again when one was lost and clients are
//! there that the server may ask for.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gate_config::model::{Fingerprint, Level, SipTransport};
use gate_core::balance::hash;
use gate_core::endpoint::{Endpoint, Role};
use gate_core::session::Cause;
use gate_net::Stream;
use http::{HeaderMap, StatusCode, Uri, header};
use sip_proto::Message;
use sip_proto::edge::Transport;
use tokio::task::{spawn_local, unconstrained};
use tokio::time::sleep;
use ws_proto::CloseCode;

use crate::clock;
use crate::sip::hub::{Hub, Named, Origin, Way};
use crate::sip::leg::{Crlf, Framing, Leg, Parts};
use crate::sip::plan::{Plan, Plans};
use crate::sip::socket::Socket;
use crate::sip::task::{LegTask, Party};
use crate::sip::traced;
use crate::trace::Opener;
use crate::upstream::cluster::Cluster;
use crate::upstream::dial::{Dialled, dial};
use crate::upstream::error::{OpenError, chain};
use crate::upstream::lease::Lease;
use crate::upstream::probe::{handshake, host_of};
use crate::upstream::request;
use crate::upstream::target::{Failure, Target, Whereabouts};
use crate::upstream::upgrade::{Switched, Upgraded, upgrade};
use crate::worker::Worker;

/// See the module.
#[derive(Default)]
pub(crate) struct Links(RefCell<HashMap<LinkKey, Link>>);

/// What connections to a server must have in common to be one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LinkKey {
    transport: Transport,
    target: Arc<str>,
    path: Arc<str>,
    /// The settings of TLS, unless they are not looked at.
    trust: Option<Fingerprint>,
}

enum Link {
    Dialling(Waiting),
    Up(Rc<RefCell<Leg>>),
    /// Not to be dialled before then.
    Down {
        until: Instant,
        failures: u32,
    },
}

/// Messages that wait for a connection.
#[derive(Default)]
struct Waiting {
    messages: VecDeque<(Arc<Plan>, Origin, Box<[u8]>)>,
    bytes: usize,
    failures: u32,
}

/// Where a request goes.
pub(super) enum Towards {
    /// There: on this way, to this peer where the way has many.
    Way(Way, Named, Option<SocketAddr>),
    /// It waits for a connection.
    Waits,
    /// Nowhere, for this reason.
    Nobody(&'static str),
}

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

impl Plan {
    /// A connection to a server for one client alone.
    ///
    /// # Errors
    /// There is no server, or it cannot be reached.
    pub(crate) async fn connect_own(&self) -> Result<OwnConnection, LinkError> {
        let lease = self.upstream.as_ref().and_then(|cluster| cluster.choose_by(rand::random()));
        let lease = lease.ok_or_else(|| OpenError::NoTarget(Arc::clone(&self.name)))?;
        let key = LinkKey::of(&lease);
        let connection = connect(&lease, &key).await?;
        Ok(OwnConnection { transport: key.transport, connection, lease })
    }
}

impl Hub {
    /// Chooses a server for a request, and the way to it.
    pub(super) fn towards(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        plan: &Arc<Plan>,
        origin: &Origin,
        message: &Message<'_>,
    ) -> Towards {
        let Some(cluster) = &plan.upstream else { return Towards::Nobody("no_upstream") };
        // Whatever belongs to one call goes to one server.
        let affinity = message.call_id().map_or(0, hash);
        let Some(lease) = cluster.choose_by(affinity) else { return Towards::Nobody("no_target") };
        match lease.target().sip() {
            Some(SipTransport::Udp) => self.towards_socket(worker, plan, &lease, affinity),
            Some(SipTransport::Tcp | SipTransport::Tls) | None => {
                self.towards_link(worker, plan, origin, (lease, message.bytes()))
            }
        }
    }

    fn towards_socket(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        plan: &Arc<Plan>,
        lease: &Lease,
        affinity: u64,
    ) -> Towards {
        let server = match lease.target().whereabouts() {
            Whereabouts::Fixed(address) => Some(*address),
            // Of a name's addresses, too, one has a whole call.
            Whereabouts::Named(named) => {
                let rank = |address: &SocketAddr| hash(format!("{address} {affinity}").as_bytes());
                named.in_turn().into_iter().min_by_key(rank)
            }
            Whereabouts::Unix(_) => None,
        };
        let Some(server) = server else {
            lease.failed(Failure::Unresolved);
            return Towards::Nobody("no_address");
        };
        let listening = plan.back_door.as_deref().and_then(|name| self.listening_as(worker, name));
        let socket = match listening {
            Some(socket) => socket,
            None => match Socket::towards(worker, plan, server) {
                Ok(socket) => socket,
                Err(_) => {
                    lease.failed(Failure::Unreachable);
                    return Towards::Nobody("no_socket");
                }
            },
        };
        let named = match &plan.sent_by {
            Some(sent_by) => Named { transport: Transport::Udp, sent_by: Arc::clone(sent_by) },
            None => socket.named(worker),
        };
        Towards::Way(Way::Socket(socket), named, Some(server))
    }

    /// The worker's socket of a listener.
    fn listening_as(&self, worker: &Worker, name: &str) -> Option<Rc<Socket>> {
        self.listening.borrow().iter().find(|socket| socket.is_of(worker, name)).map(Rc::clone)
    }

    fn towards_link(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        plan: &Arc<Plan>,
        origin: &Origin,
        (lease, message): (Lease, &[u8]),
    ) -> Towards {
        let key = LinkKey::of(&lease);
        let now = clock::now();
        let mut links = self.links.0.borrow_mut();
        let failures = match links.get_mut(&key) {
            Some(Link::Up(leg)) => match leg.try_borrow_mut() {
                Ok(mut open) if !open.is_ending() => {
                    open.follow(plan);
                    let named = named_by(worker, plan, &open);
                    return Towards::Way(Way::Leg(Rc::clone(leg)), named, None);
                }
                Ok(_) | Err(_) => 0,
            },
            Some(Link::Dialling(waiting)) => return waiting.add(plan, origin, message),
            Some(Link::Down { until, .. }) if *until > now => return Towards::Nobody("upstream_down"),
            Some(Link::Down { failures, .. }) => *failures,
            None => 0,
        };
        let mut waiting = Waiting { failures, ..Waiting::default() };
        let _has_room = waiting.add(plan, origin, message);
        links.insert(key.clone(), Link::Dialling(waiting));
        drop(links);
        spawn_local(make(Rc::clone(worker), Arc::clone(plan), key, lease));
        Towards::Waits
    }

    /// A connection to a server is over. Where clients are there, the next is made at once: the server
    /// may have something for them.
    pub(super) fn link_lost(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        (plan, leg): (&Arc<Plan>, &Rc<RefCell<Leg>>),
        key: &LinkKey,
    ) {
        // While it was ending another may have taken its place.
        if !matches!(self.links.0.borrow().get(key), Some(Link::Up(up)) if Rc::ptr_eq(up, leg)) {
            return;
        }
        let now = clock::now();
        let until = now + backoff(0);
        self.links.0.borrow_mut().insert(key.clone(), Link::Down { until, failures: 0 });
        self.make_again(worker, plan, key, until);
    }

    /// Another configuration runs: connections that nobody goes by any more end.
    pub(crate) fn leave_unused(&self, plans: &Plans) {
        let now = clock::now();
        for (key, link) in &*self.links.0.borrow() {
            if let Link::Up(leg) = link
                && !plans.clusters().any(|cluster| key.leads_to(cluster))
            {
                leg.borrow_mut().close(Cause::Shutdown, CloseCode::GOING_AWAY, "", now);
            }
        }
    }

    fn make_again(self: &Rc<Self>, worker: &Rc<Worker>, plan: &Arc<Plan>, key: &LinkKey, until: Instant) {
        if worker.is_draining() {
            return;
        }
        let (worker, plan, key) = (Rc::clone(worker), Arc::clone(plan), key.clone());
        spawn_local(async move {
            sleep(until.saturating_duration_since(clock::now())).await;
            if worker.is_draining() {
                return;
            }
            if !worker.snapshot().sip.clusters().any(|cluster| key.leads_to(cluster)) {
                worker.sip.links.0.borrow_mut().remove(&key);
                return;
            }
            let failures = match worker.sip.links.0.borrow().get(&key) {
                Some(Link::Down { failures, .. }) => *failures,
                Some(Link::Dialling(_) | Link::Up(_)) | None => return,
            };
            // The same server, though others may be well: its clients are not theirs.
            let Some(lease) = plan.upstream.as_ref().and_then(|cluster| cluster.lease_of(&key.target)) else {
                return;
            };
            let waiting = Waiting { failures, ..Waiting::default() };
            worker.sip.links.0.borrow_mut().insert(key.clone(), Link::Dialling(waiting));
            make(worker, plan, key, lease).await;
        });
    }
}

/// How a connection's end of the gateway is named, by a plan that uses it.
fn named_by(worker: &Worker, plan: &Plan, leg: &Leg) -> Named {
    let mut named = leg.named();
    if let Some(sent_by) = &plan.sent_by {
        named.sent_by = Arc::clone(sent_by);
    } else if let Some(address) = plan.back_door.as_deref().and_then(|name| worker.sip_address(name)) {
        named.sent_by = address;
    }
    named
}

impl LinkKey {
    fn of(lease: &Lease) -> Self {
        Self::to(lease.cluster(), lease.target())
    }

    /// Whether a connection of this kind is one to a target of that upstream.
    fn leads_to(&self, cluster: &Cluster) -> bool {
        cluster.targets().iter().any(|target| Self::to(cluster, target) == *self)
    }

    fn to(cluster: &Cluster, target: &Target) -> Self {
        let upstream = cluster.upstream();
        let transport = match (target.sip(), target.uses_tls()) {
            (Some(SipTransport::Tls), _) => Transport::Tls,
            (Some(SipTransport::Udp | SipTransport::Tcp), _) => Transport::Tcp,
            (None, true) => Transport::Wss,
            (None, false) => Transport::Ws,
        };
        let is_checked = target.uses_tls() && upstream.cert_check_on_reuse;
        Self {
            transport,
            target: Arc::clone(target.text()),
            path: upstream.path.clone().unwrap_or_else(|| "/".into()),
            trust: is_checked.then(|| cluster.trust()),
        }
    }
}

impl fmt::Display for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::Ws => "ws",
            Transport::Wss => "wss",
        };
        write!(f, "{scheme}://{}", self.target)
    }
}

impl Waiting {
    fn add(&mut self, plan: &Arc<Plan>, origin: &Origin, message: &[u8]) -> Towards {
        if self.messages.len() >= WAITING_MAX || self.bytes + message.len() > WAITING_BYTES_MAX {
            return Towards::Nobody("queue_full");
        }
        self.bytes += message.len();
        self.messages.push_back((Arc::clone(plan), origin.clone(), message.into()));
        Towards::Waits
    }
}

/// Makes a connection, and sends what waits for it, or answers it.
async fn make(worker: Rc<Worker>, plan: Arc<Plan>, key: LinkKey, lease: Lease) {
    let connected = connect(&lease, &key).await;
    let hub = Rc::clone(&worker.sip);
    let now = clock::now();
    match connected {
        Ok(connection) => {
            let leg = open(&worker, &plan, &key, connection, lease);
            let Some(Link::Dialling(waiting)) =
                hub.links.0.borrow_mut().insert(key, Link::Up(Rc::clone(&leg)))
            else {
                return;
            };
            for (plan, origin, message) in waiting.messages {
                let answer = hub.from_downstream(&worker, &plan, &origin, &message);
                hub.answer(&worker, &origin, answer);
            }
        }
        Err(error) => {
            drop(lease);
            let detail = chain(&error);
            worker.records.error("sip_upstream_failed", Level::Warn, |line| {
                line.text("upstream", &key.to_string());
                line.text("detail", &detail);
            });
            worker.counters.sip.link_failures.add(1);
            let failures = match hub.links.0.borrow().get(&key) {
                Some(Link::Dialling(waiting)) => waiting.failures.saturating_add(1),
                Some(Link::Up(_) | Link::Down { .. }) | None => 1,
            };
            let until = now + backoff(failures);
            let before = hub.links.0.borrow_mut().insert(key.clone(), Link::Down { until, failures });
            if let Some(Link::Dialling(waiting)) = before {
                for (plan, origin, message) in waiting.messages {
                    worker.counters.sip.dropped("upstream_down");
                    let answer = hub.refuse(&worker, &plan, &origin, &message);
                    hub.answer(&worker, &origin, answer);
                }
            }
            hub.make_again(&worker, &plan, &key, until);
        }
    }
}

/// A connection that can carry SIP.
struct Connection {
    stream: Stream,
    /// What came with the server's 101.
    early: Bytes,
    peer: SocketAddr,
    local: SocketAddr,
}

/// A connection to a server that is one client's alone.
pub(crate) struct OwnConnection {
    transport: Transport,
    connection: Connection,
    lease: Lease,
}

impl OwnConnection {
    /// Where the server was reached.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.connection.peer
    }

    /// Its leg and the task that runs it, for the client with that leg.
    pub(super) fn run(
        self,
        worker: &Rc<Worker>,
        plan: &Arc<Plan>,
        client: Rc<RefCell<Leg>>,
    ) -> (Rc<RefCell<Leg>>, LegTask) {
        let Self { transport, connection, lease } = self;
        leg_to_server(worker, plan, transport, connection, Party::OwnServer { client, _lease: lease })
    }
}

/// Connects to a lease's target, and counts what comes of it for or against that.
///
/// # Errors
/// It cannot be reached, or does not want to speak SIP over WebSocket.
async fn connect(lease: &Lease, key: &LinkKey) -> Result<Connection, LinkError> {
    let connected = try_connect(lease, key).await;
    match &connected {
        Ok(_) => lease.succeeded(),
        Err(error) => {
            if let Some(failure) = error.failure() {
                lease.failed(failure);
            }
        }
    }
    connected
}

async fn try_connect(lease: &Lease, key: &LinkKey) -> Result<Connection, LinkError> {
    let (cluster, target) = (lease.cluster(), lease.target());
    let timeouts = &cluster.upstream().timeouts;
    let Dialled { stream, .. } = dial(cluster, target, timeouts.connect).await.map_err(OpenError::from)?;
    let socket = stream.socket();
    // A unix socket has none, and nobody needs to know it.
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let peer = socket.peer_addr().unwrap_or(nowhere);
    let local = socket.local_addr().unwrap_or(nowhere);
    if target.sip().is_some() {
        return Ok(Connection { stream, early: Bytes::new(), peer, local });
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
    let uri = key.path.parse().unwrap_or_else(|_| Uri::from_static("/"));
    let request = request::encode(&uri, &headers);
    let upgraded = upgrade(stream, &request, &asked, timeouts.handshake)
        .await
        .map_err(|source| OpenError::Upgrade { target: Arc::clone(target.text()), source })?;
    match upgraded {
        Upgraded::Switched(switched) => {
            let Switched { stream, early, agreement, .. } = *switched;
            if agreement.subprotocol.as_deref() != Some("sip") {
                return Err(LinkError::Subprotocol);
            }
            Ok(Connection { stream, early, peer, local })
        }
        Upgraded::Refused(refused) => Err(LinkError::Refused(refused.head.status)),
    }
}

/// Has a connection's task run.
fn open(
    worker: &Rc<Worker>,
    plan: &Arc<Plan>,
    key: &LinkKey,
    connection: Connection,
    lease: Lease,
) -> Rc<RefCell<Leg>> {
    let party = Party::Server { key: key.clone(), _lease: lease };
    let (leg, task) = leg_to_server(worker, plan, key.transport, connection, party);
    spawn_local(unconstrained(task));
    leg
}

/// A leg to a server and its task, which is for the caller to run.
fn leg_to_server(
    worker: &Rc<Worker>,
    plan: &Arc<Plan>,
    transport: Transport,
    connection: Connection,
    party: Party,
) -> (Rc<RefCell<Leg>>, LegTask) {
    let now = clock::now();
    let Connection { stream, early, peer, local } = connection;
    let framing = match transport {
        Transport::Ws | Transport::Wss => {
            let endpoint = Endpoint::new(Arc::clone(&plan.link), Role::Client, now, rand::random());
            Framing::web_socket(endpoint, false)
        }
        Transport::Udp | Transport::Tcp | Transport::Tls => {
            Framing::stream(plan.limits, Crlf::every(plan.settings.keepalive, now))
        }
    };
    let sent_by = local.to_string().into();
    let end = traced::end(transport, peer, Some(local), Opener::Gateway);
    let upstream = plan.upstream.as_ref().map(|cluster| cluster.upstream());
    let trace = upstream.and_then(|upstream| traced::connected(worker, upstream, end, now));
    let make = |flow| {
        let parts = Parts { framing, flow, transport, sent_by, peer, trace };
        let mut leg = Leg::new(stream, parts);
        leg.keep(&early, worker);
        leg
    };
    LegTask::new(worker, plan, make, party)
}

/// From a failure to the next attempt: 0.1 s, twice as long for each that follows, up to 30 s, and up
/// to half as long again, so that not all workers come at once.
fn backoff(failures: u32) -> Duration {
    let wait = Duration::from_millis(100).saturating_mul(1 << failures.min(10)).min(Duration::from_secs(30));
    wait.mul_f64(1.0 + rand::random::<f64>() / 2.0)
}

/// Messages that may wait for a connection, and their bytes.
const WAITING_MAX: usize = 1024;
const WAITING_BYTES_MAX: usize = 1 << 20;

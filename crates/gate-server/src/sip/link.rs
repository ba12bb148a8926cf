//! Streams to servers that clients share: over TCP, TLS or WebSocket, one for each worker and way to
//! reach a server. They are made when a message needs one, and again when one was lost and clients are
//! there that the server may ask for.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gate_config::model::{Fingerprint, Level, SipTransport};
use gate_core::balance::hash;
use gate_core::session::Cause;
use sip_proto::Message;
use sip_proto::edge::Transport;
use tokio::task::{spawn_local, unconstrained};
use tokio::time::sleep;
use ws_proto::CloseCode;

use crate::clock;
use crate::sip::connect::{How, connect, leg_to_server, opened};
use crate::sip::hub::{Hub, Named, Origin, Way};
use crate::sip::large;
use crate::sip::leg::Leg;
use crate::sip::plan::{Breadth, Plan, Plans};
use crate::sip::socket::Socket;
use crate::sip::task::Party;
use crate::trace::{Behalf, Dialling};
use crate::upstream::cluster::Cluster;
use crate::upstream::error::chain;
use crate::upstream::lease::Lease;
use crate::upstream::target::{Failure, Target, Whereabouts};
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
            Some(SipTransport::Udp) if self.goes_by_tcp(plan, origin, message, &lease) => {
                self.towards_link(worker, plan, origin, (lease, message.bytes()))
            }
            Some(SipTransport::Udp) => self.towards_socket(worker, plan, &lease, affinity),
            Some(SipTransport::Tcp | SipTransport::Tls) | None => {
                self.towards_link(worker, plan, origin, (lease, message.bytes()))
            }
        }
    }

    /// Whether a request to a server that is asked over UDP is too large for that.
    fn goes_by_tcp(&self, plan: &Plan, origin: &Origin, message: &Message<'_>, lease: &Lease) -> bool {
        let limit = plan.settings.tcp_above;
        let now = clock::now();
        let is_down = || {
            let links = self.links.0.borrow();
            matches!(links.get(&LinkKey::of(lease)), Some(Link::Down { until, .. }) if *until > now)
        };
        limit > 0
            && large::is_one_server(lease.target())
            && !is_down()
            && self.large.takes(limit, origin, message, now)
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

    /// Another configuration runs: connections that nobody goes by any more end, and the others keep to
    /// its bounds.
    pub(crate) fn leave_unused(&self, plans: &Plans) {
        let now = clock::now();
        for (key, link) in &*self.links.0.borrow() {
            let Link::Up(leg) = link else { continue };
            match key.plan_of(plans, None) {
                Some(plan) => leg.borrow_mut().set_breadth(&key.breadth(plans, plan)),
                None => leg.borrow_mut().close(Cause::Shutdown, CloseCode::GOING_AWAY, "", now),
            }
        }
    }

    fn make_again(self: &Rc<Self>, worker: &Rc<Worker>, plan: &Arc<Plan>, key: &LinkKey, until: Instant) {
        if worker.is_draining() && worker.registry.is_empty() {
            return;
        }
        let (worker, plan, key) = (Rc::clone(worker), Arc::clone(plan), key.clone());
        spawn_local(async move {
            sleep(until.saturating_duration_since(clock::now())).await;
            if worker.is_draining() && worker.registry.is_empty() {
                return;
            }
            let failures = match worker.sip.links.0.borrow().get(&key) {
                // Should a request have had it dialled in vain meanwhile, that attempt has its own successor.
                Some(Link::Down { failures, until: at }) if *at == until => *failures,
                Some(Link::Down { .. } | Link::Dialling(_) | Link::Up(_)) | None => return,
            };
            let snapshot = worker.snapshot();
            let Some(plan) = key.plan_of(&snapshot.sip, Some(&plan)).map(Arc::clone) else {
                worker.sip.links.0.borrow_mut().remove(&key);
                return;
            };
            // The same server, though others may be well: its clients are not theirs.
            let Some(lease) = plan.upstream.as_ref().and_then(|cluster| cluster.lease_of(&key.target)) else {
                return;
            };
            if speaks_udp(&lease) {
                return;
            }
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
    } else if let Some(socket) =
        plan.back_door.as_deref().and_then(|name| worker.sip.listening_as(worker, name))
        && worker.has_sip_door(socket.address())
    {
        // Who listens for datagrams listens there for streams as well.
        named.sent_by = Arc::clone(socket.address());
    }
    named
}

impl LinkKey {
    pub(super) fn of(lease: &Lease) -> Self {
        Self::to(lease.cluster(), lease.target())
    }

    pub(super) fn transport(&self) -> Transport {
        self.transport
    }

    /// That opening handshakes ask for.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// A plan that such connections are used by: the one that has come in the place of `before`, if that
    /// is one.
    fn plan_of<'a>(&self, plans: &'a Plans, before: Option<&Plan>) -> Option<&'a Arc<Plan>> {
        let is_same = |plan: &Plan| {
            before.is_none_or(|before| {
                before.name == plan.name && before.route.is_some() == plan.route.is_some()
            })
        };
        let mut found = None;
        for plan in plans.towards(|cluster| self.leads_to(cluster)) {
            if is_same(plan) {
                return Some(plan);
            }
            found = found.or(Some(plan));
        }
        found
    }

    /// What such a connection lets come: as much as any of those who share it.
    fn breadth(&self, plans: &Plans, plan: &Plan) -> Breadth {
        let sharing = plans.towards(|cluster| self.leads_to(cluster));
        sharing.fold(plan.breadth(), |breadth, other| breadth.or(other))
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
    let mut dialling = plan.tracers.shared.as_ref().map(|tracer| {
        let route = plan.route.map(|id| (id, Arc::clone(&plan.name)));
        Dialling::begin(tracer, lease.cluster(), Behalf { route, about: Vec::new() })
    });
    let connected = connect(&lease, &key, dialling.as_mut()).await;
    let hub = Rc::clone(&worker.sip);
    let now = clock::now();
    match connected {
        Ok(connection) => {
            let trace = opened(&connection, dialling.as_ref());
            let breadth = key.breadth(&worker.snapshot().sip, &plan);
            let how = How { transport: key.transport, breadth, trace };
            let party = Party::Server { key: key.clone(), _lease: lease };
            let (leg, task) = leg_to_server(&worker, &plan, connection, how, party);
            spawn_local(unconstrained(task));
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
            let has_another_way = speaks_udp(&lease);
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
                    let answer = if has_another_way {
                        hub.from_downstream(&worker, &plan, &origin, &message)
                    } else {
                        worker.counters.sip.dropped("upstream_down");
                        hub.refuse(&worker, &plan, &origin, &message)
                    };
                    hub.answer(&worker, &origin, answer);
                }
            }
            hub.make_again(&worker, &plan, &key, until);
        }
    }
}

/// Whether a server has messages over TCP only where they are too large for a datagram.
pub(super) fn speaks_udp(lease: &Lease) -> bool {
    lease.target().sip() == Some(SipTransport::Udp)
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

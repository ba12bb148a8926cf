//! Streams to servers that clients share: over TCP, TLS or WebSocket, one for each worker and way to
//! reach a server. They are made when a message needs one, and again when one was lost and clients are
//! there that the server may ask for.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gate_config::model::{Fingerprint, Level, SipTransport};
use gate_core::session::Cause;
use sip_proto::edge::Transport;
use tokio::task::{spawn_local, unconstrained};
use tokio::time::sleep;
use ws_proto::CloseCode;

use crate::clock;
use crate::sip::choice::{Course, Towards, speaks_udp};
use crate::sip::connect::{How, connect, leg_to_server, opened};
use crate::sip::hub::{Hub, Named, Origin, Way};
use crate::sip::leg::Leg;
use crate::sip::plan::{Breadth, Plan, Plans};
use crate::sip::socket::Socket;
use crate::sip::task::Party;
use crate::trace::{Behalf, Dialling};
use crate::upstream::cluster::Cluster;
use crate::upstream::error::chain;
use crate::upstream::lease::Lease;
use crate::upstream::target::Target;
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

/// A message that is to wait.
pub(super) struct Held<'a> {
    pub(super) plan: &'a Arc<Plan>,
    pub(super) origin: &'a Origin,
    pub(super) message: &'a [u8],
    /// `None`: it may not go to another server.
    pub(super) course: Option<Course>,
}

/// One that waits.
struct Pending {
    plan: Arc<Plan>,
    origin: Origin,
    bytes: Box<[u8]>,
    course: Option<Course>,
}

/// Messages that wait for a connection.
#[derive(Default)]
struct Waiting {
    messages: VecDeque<Pending>,
    bytes: usize,
    failures: u32,
}

impl Hub {
    /// The worker's socket of a listener.
    pub(super) fn listening_as(&self, worker: &Worker, name: &str) -> Option<Rc<Socket>> {
        self.listening.borrow().iter().find(|socket| socket.is_of(worker, name)).map(Rc::clone)
    }

    /// Whether there is no connection to a target, and the next attempt is not due yet.
    pub(super) fn is_down(&self, lease: &Lease, now: Instant) -> bool {
        matches!(self.links.0.borrow().get(&LinkKey::of(lease)), Some(Link::Down { until, .. }) if *until > now)
    }

    /// Whether a target could not be reached when that was last tried, and is being tried again.
    pub(super) fn is_tried_again(&self, lease: &Lease) -> bool {
        let links = self.links.0.borrow();
        matches!(links.get(&LinkKey::of(lease)), Some(Link::Dialling(waiting)) if waiting.failures > 0)
    }

    /// The connection to a target; where there is none yet, `held` waits for it.
    pub(super) fn towards_link(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        lease: Lease,
        held: Held<'_>,
    ) -> Towards {
        let plan = held.plan;
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
            Some(Link::Dialling(waiting)) => return waiting.add(held),
            Some(Link::Down { until, .. }) if *until > now => return Towards::Nobody("upstream_down"),
            Some(Link::Down { failures, .. }) => *failures,
            None => 0,
        };
        let plan = Arc::clone(plan);
        let mut waiting = Waiting { failures, ..Waiting::default() };
        let _has_room = waiting.add(held);
        links.insert(key.clone(), Link::Dialling(waiting));
        drop(links);
        spawn_local(make(Rc::clone(worker), plan, key, lease));
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
    fn add(&mut self, held: Held<'_>) -> Towards {
        let Held { plan, origin, message, course } = held;
        if self.messages.len() >= WAITING_MAX || self.bytes + message.len() > WAITING_BYTES_MAX {
            return Towards::Full;
        }
        self.bytes += message.len();
        let (plan, origin) = (Arc::clone(plan), origin.clone());
        self.messages.push_back(Pending { plan, origin, bytes: message.into(), course });
        Towards::Waits
    }
}

impl Pending {
    /// It goes to its server, now that there is a connection.
    fn go_on(self, worker: &Rc<Worker>) {
        let Self { plan, origin, bytes, course } = self;
        let answer = worker.sip.go_on(worker, (&plan, &origin), &bytes, &course.unwrap_or_default());
        worker.sip.answer(worker, &origin, answer);
    }

    /// There is no connection: it goes elsewhere if it may, and is refused if it may not.
    fn turn_away(self, worker: &Rc<Worker>) {
        let Self { plan, origin, bytes, course } = self;
        match course.map(Course::past) {
            Some(None) => {
                worker.counters.sip.dropped("upstream_down");
                let answer = worker.sip.refuse(worker, &plan, &origin, &bytes);
                worker.sip.answer(worker, &origin, answer);
            }
            // What is bound to a server may have to follow what has gone before it.
            course => Self { plan, origin, bytes, course: course.flatten() }.go_on(worker),
        }
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
            waiting.messages.into_iter().for_each(|message| message.go_on(&worker));
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
                for message in waiting.messages {
                    if has_another_way {
                        message.go_on(&worker);
                    } else {
                        message.turn_away(&worker);
                    }
                }
            }
            hub.make_again(&worker, &plan, &key, until);
        }
    }
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

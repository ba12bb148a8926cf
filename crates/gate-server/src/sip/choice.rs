//! Which server a request goes to: the one that its Call-ID falls on. Where that cannot be reached, a request
//! that nothing binds to it goes to the next one by the same hash (RFC 3263 §4.3), and what belongs to the
//! call that it begins follows it there.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use gate_config::model::{SipTransport, Upstream};
use gate_core::balance::hash;
use sip_proto::Message;
use sip_proto::edge::{Kind, Transport};

use crate::clock;
use crate::sip::hub::{Hub, Named, Origin, Way};
use crate::sip::large;
use crate::sip::link::Held;
use crate::sip::plan::Plan;
use crate::sip::remembered::{Bounds, Key, Remembered};
use crate::sip::socket::Socket;
use crate::upstream::attempts::Budget;
use crate::upstream::cluster::Cluster;
use crate::upstream::lease::Lease;
use crate::upstream::target::{Failure, Whereabouts};
use crate::worker::Worker;

/// Where a request goes.
pub(super) enum Towards {
    /// There: on this way, to this peer where the way has many.
    Way(Way, Named, Option<SocketAddr>),
    /// It waits for a connection.
    Waits,
    /// Nowhere: too much waits already.
    Full,
    /// Nowhere, for this reason.
    Nobody(&'static str),
}

/// Whose request it is, and what it has behind it.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) plan: &'a Arc<Plan>,
    pub(super) origin: &'a Origin,
    pub(super) course: &'a Course,
}

/// What a request has behind it on its way to a server. Targets are named by what stands for them.
#[derive(Clone, Debug, Default)]
pub(super) struct Course {
    /// Those that could not be reached; none is tried again.
    passed: Vec<u64>,
    /// The one whose connection it waits for.
    awaited: Option<u64>,
    /// There since it first waited.
    budget: Option<Budget>,
}

impl Course {
    /// It waits for that target.
    fn awaiting(&self, target: u64, passed: &[u64], upstream: &Upstream) -> Self {
        let budget = self.budget.unwrap_or_else(|| Budget::of(upstream));
        Self { passed: passed.to_vec(), awaited: Some(target), budget: Some(budget) }
    }

    /// It has waited in vain. `None`: it has done so for long enough.
    pub(super) fn past(mut self) -> Option<Self> {
        self.passed.extend(self.awaited.take());
        let may_go_on = self.budget.as_mut().is_some_and(Budget::take);
        may_go_on.then_some(self)
    }
}

/// Where calls are that did not go to the servers that their Call-IDs fall on: those targets.
pub(crate) struct Detours(RefCell<Remembered<u64>>);

impl Default for Detours {
    fn default() -> Self {
        Self(RefCell::new(Remembered::new(DETOURS)))
    }
}

impl Hub {
    /// Chooses a server for a request, and the way to it.
    pub(super) fn towards(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        asking: Asking<'_>,
        message: &Message<'_>,
    ) -> Towards {
        let Asking { plan, origin, course } = asking;
        let Some(cluster) = &plan.upstream else { return Towards::Nobody("no_upstream") };
        // Whatever belongs to one call goes to one server.
        let call = message.call_id().map_or(0, hash);
        let key = (origin.flow, call);
        let known = self.detours.0.borrow().recall(&key, clock::now());
        let is_free = is_free(message) && cluster.targets().len() > 1;
        let mut passed = course.passed.clone();
        let mut nobody = if passed.is_empty() { "no_target" } else { "upstream_down" };
        let mut tried_again = None;
        while let Some(lease) = cluster.choose_past(call, known, &passed) {
            let target = lease.target().stable();
            // Who may go elsewhere does not wait for a server that was not there a moment ago.
            if is_free && !speaks_udp(&lease) && self.is_tried_again(&lease) {
                tried_again.get_or_insert(lease);
                passed.push(target);
                continue;
            }
            let onward = is_free.then(|| course.awaiting(target, &passed, cluster.upstream()));
            match self.towards_target(worker, asking, message, (lease, onward)) {
                Towards::Nobody(reason) if is_free => {
                    nobody = reason;
                    passed.push(target);
                }
                found @ (Towards::Way(..) | Towards::Waits | Towards::Full | Towards::Nobody(_)) => {
                    if matches!(found, Towards::Way(..)) && !passed.is_empty() {
                        worker.counters.sip.failovers.add(1);
                    }
                    self.follow(message, cluster, (key, known), (&found, target));
                    return found;
                }
            }
        }
        let Some(lease) = tried_again else { return Towards::Nobody(nobody) };
        let target = lease.target().stable();
        let onward = course.awaiting(target, &course.passed, cluster.upstream());
        let found = self.towards_target(worker, asking, message, (lease, Some(onward)));
        self.follow(message, cluster, (key, known), (&found, target));
        found
    }

    fn towards_target(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        asking: Asking<'_>,
        message: &Message<'_>,
        (lease, course): (Lease, Option<Course>),
    ) -> Towards {
        let Asking { plan, origin, .. } = asking;
        if speaks_udp(&lease) && !self.goes_by_tcp(asking, message, &lease) {
            return self.towards_socket(worker, plan, &lease, message);
        }
        self.towards_link(worker, lease, Held { plan, origin, message: message.bytes(), course })
    }

    /// Whether a request to a server that is asked over UDP is too large for that.
    fn goes_by_tcp(&self, asking: Asking<'_>, message: &Message<'_>, lease: &Lease) -> bool {
        let limit = asking.plan.settings.tcp_above;
        let now = clock::now();
        limit > 0
            && large::is_one_server(lease.target())
            && !self.is_down(lease, now)
            && self.large.takes(limit, asking.origin, message, now)
    }

    fn towards_socket(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        plan: &Arc<Plan>,
        lease: &Lease,
        message: &Message<'_>,
    ) -> Towards {
        let server = match lease.target().whereabouts() {
            Whereabouts::Fixed(address) => Some(*address),
            // Of a name's addresses, too, one has a whole call.
            Whereabouts::Named(named) => {
                let call = message.call_id().map_or(0, hash);
                let rank = |address: &SocketAddr| hash(format!("{address} {call}").as_bytes());
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

    /// A request goes to `target`: where that is not the one that its Call-ID falls on, what belongs to its
    /// call is to go there too. Where there is no room for that, it goes by its Call-ID.
    fn follow(
        &self,
        message: &Message<'_>,
        cluster: &Arc<Cluster>,
        (key, known): (Key, Option<u64>),
        (found, target): (&Towards, u64),
    ) {
        let goes = matches!(found, Towards::Way(..) | Towards::Waits);
        let (_, call) = key;
        let strays = || {
            let begins = matches!(Kind::of(message), Kind::Request(method) if method.begins_dialogs());
            begins && cluster.targets().len() > 1 && cluster.home_of(call) != Some(target)
        };
        if goes && (known.is_some() || strays()) {
            let _has_room = self.detours.0.borrow_mut().remember(key, target, clock::now());
        }
    }
}

/// Whether nothing binds a request to a server: it is in no dialog, and belongs to no other request.
fn is_free(message: &Message<'_>) -> bool {
    message.to_tag().is_none() && !matches!(message.method(), Some(b"ACK" | b"CANCEL"))
}

/// Whether a server has messages over TCP only where they are too large for a datagram.
pub(super) fn speaks_udp(lease: &Lease) -> bool {
    lease.target().sip() == Some(SipTransport::Udp)
}

/// Calls that are known to be elsewhere; what belongs to more goes by its Call-ID. They are for an hour
/// after their last request: sessions that are refreshed are so at least every half hour unless somebody
/// wants otherwise (RFC 4028 §4).
const DETOURS: Bounds = Bounds { all: 32_768, of_client: 2048, lasting: Duration::from_secs(3600) };

//! Whoever has connected to a listener of SIP: a server that asks for clients, or in reverse a client
//! without WebSocket. Such a connection takes a seat of the process and of the listener, and has no longer
//! than its listener says.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gate_net::Stream;
use sip_proto::edge::Transport;
use tokio::task::{spawn_local, unconstrained};

use crate::admission::{Full, Seated};
use crate::clock;
use crate::observe::record::Refused;
use crate::sip::leg::{Crlf, Framing, Leg, Parts, Watch};
use crate::sip::plan::Plan;
use crate::sip::task::{LegTask, Party};
use crate::sip::traced;
use crate::trace::{ConnectionTrace, Failure, Opener, Opening, Secured};
use crate::worker::Worker;

/// A connection that has come to a listener of SIP.
pub(crate) struct Caller {
    pub(crate) stream: Stream,
    pub(crate) peer: SocketAddr,
    /// It came by TLS.
    pub(crate) is_secure: bool,
    pub(crate) at: Instant,
    /// What its trace is told of TLS.
    pub(crate) told_of_tls: Option<Secured>,
}

/// Has a connection's task run, if its peer may send and there is a seat.
pub(crate) fn welcome(worker: &Rc<Worker>, plan: &Arc<Plan>, caller: Caller) {
    let peer = caller.peer;
    if !plan.peers.is_empty() && !plan.peers.contain(Some(peer.ip())) {
        worker.counters.sip.dropped("peer_not_allowed");
        let detail = "the listener's `peers` do not have that address";
        caller.tell_refused(plan, &Failure { reason: "peer_not_allowed", detail, status: None });
        return;
    }
    match worker.snapshot().admission.admit_caller(&plan.name, peer.ip(), clock::now()) {
        Ok(seated) => run(worker, plan, caller, seated),
        Err(full) => turn_away(worker, plan, &caller, full),
    }
}

/// There is no seat. In SIP nothing can be said to somebody who has asked for nothing.
fn turn_away(worker: &Worker, plan: &Plan, caller: &Caller, full: Full) {
    let reason = full.reason();
    worker.counters.handshake_failures.count((reason, ""));
    let (client, detail) = (caller.peer.to_string(), full.to_string());
    Refused { client: &client, reason, detail: &detail, ..Refused::default() }.record(&worker.records);
    caller.tell_refused(plan, &Failure { reason, detail: &detail, status: None });
}

fn run(worker: &Rc<Worker>, plan: &Arc<Plan>, caller: Caller, seated: Seated) {
    let now = clock::now();
    let trace = caller.trace(plan);
    if let Some(trace) = &trace {
        trace.opened(&caller.opening());
    }
    let transport = caller.transport();
    let Caller { stream, peer, .. } = caller;
    let named = || stream.socket().local_addr().map(|local| local.to_string().into());
    let sent_by = plan.sent_by.clone().or_else(named).unwrap_or_default();
    // Who has connected keeps the connection as it likes.
    let crlf = Crlf::every(Duration::ZERO, now);
    let framing = Framing::stream(plan.limits, crlf, Watch::of_caller(plan.patience, now));
    let make = |flow| Leg::new(stream, Parts { framing, flow, transport, sent_by, peer, trace });
    worker.counters.sip.caller_came();
    let (_, task) = LegTask::new(worker, plan, make, Party::Caller { _seats: seated });
    spawn_local(unconstrained(task));
}

impl Caller {
    fn transport(&self) -> Transport {
        if self.is_secure { Transport::Tls } else { Transport::Tcp }
    }

    fn opening(&self) -> Opening<'_> {
        Opening { tls: self.told_of_tls.as_ref(), ..Opening::default() }
    }

    fn trace(&self, plan: &Plan) -> Option<ConnectionTrace> {
        let local = self.stream.socket().local_addr();
        let end = traced::end(self.transport(), self.peer, local, Opener::Peer);
        let mut trace = plan.tracers.own.as_ref()?.connection(end, self.at)?;
        trace.tell_about("Listener", &plan.name);
        Some(trace)
    }

    fn tell_refused(&self, plan: &Plan, failure: &Failure<'_>) {
        if let Some(mut trace) = self.trace(plan) {
            trace.failed(failure, &self.opening());
            trace.ends_by("refused");
        }
    }
}

//! Whoever has connected to a listener of SIP: a server that asks for clients, or in reverse a client
//! without WebSocket.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use gate_net::Stream;
use sip_proto::edge::Transport;
use tokio::task::{spawn_local, unconstrained};

use crate::clock;
use crate::sip::leg::{Crlf, Framing, Leg, Parts};
use crate::sip::plan::Plan;
use crate::sip::task::{LegTask, Party};
use crate::sip::traced;
use crate::trace::Opener;
use crate::worker::Worker;

/// Has a connection's task run, if its peer may send. `is_secure`: it came by TLS.
pub(crate) fn welcome(
    worker: &Rc<Worker>,
    plan: &Arc<Plan>,
    stream: Stream,
    (peer, is_secure): (Option<SocketAddr>, bool),
) {
    let Some(peer) = peer else { return };
    if !plan.peers.is_empty() && !plan.peers.contain(Some(peer.ip())) {
        return worker.counters.sip.dropped("peer_not_allowed");
    }
    let transport = if is_secure { Transport::Tls } else { Transport::Tcp };
    let local = stream.socket().local_addr();
    let named = || local.map(|local| local.to_string().into());
    let sent_by = plan.sent_by.clone().or_else(named).unwrap_or_default();
    // Who has connected keeps the connection as it likes.
    let framing = Framing::stream(plan.limits, Crlf::every(Duration::ZERO, clock::now()));
    let end = traced::end(transport, peer, local, Opener::Peer);
    let trace = traced::accepted(worker, plan, end, clock::now());
    let make = |flow| Leg::new(stream, Parts { framing, flow, transport, sent_by, peer, trace });
    let (_, task) = LegTask::new(worker, plan, make, Party::Caller);
    spawn_local(unconstrained(task));
}

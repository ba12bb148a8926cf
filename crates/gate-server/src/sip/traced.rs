//! What traces are told of connections that carry SIP, and the copies of its messages.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use gate_config::model::{SipTransport, Upstream};
use gate_core::ids::TraceId;
use sip_proto::edge::Transport;
use sip_proto::{Limits, Message};

use crate::sip::plan::Plan;
use crate::trace::switches::Wire;
use crate::trace::{ConnectionTrace, Leg as Traced, Opener, Opening, Speech, Tracer, Way};
use crate::worker::Worker;

/// One end of a way, as traces name it.
pub(super) fn end(
    transport: Transport,
    peer: SocketAddr,
    local: Option<SocketAddr>,
    opener: Opener,
) -> Traced {
    let (speech, wire) = match transport {
        Transport::Udp => (Speech::Sip(SipTransport::Udp), Wire::Plain),
        Transport::Tcp => (Speech::Sip(SipTransport::Tcp), Wire::Plain),
        Transport::Tls => (Speech::Sip(SipTransport::Tls), Wire::Tls),
        Transport::Ws => (Speech::WebSocket, Wire::Plain),
        Transport::Wss => (Speech::WebSocket, Wire::Tls),
    };
    Traced { peer: Some(peer), local, opener, speech, wire, route: None }
}

/// A connection to an upstream that clients share has been made.
pub(super) fn connected(
    worker: &Worker,
    upstream: &Upstream,
    leg: Traced,
    since: Instant,
) -> Option<ConnectionTrace> {
    let mut trace = tracer(worker, upstream.trace?)?.connection(leg, since)?;
    trace.tell_about("Upstream", &upstream.id);
    trace.opened(&Opening::default());
    Some(trace)
}

/// Whoever has connected to a listener of SIP.
pub(super) fn accepted(worker: &Worker, plan: &Plan, leg: Traced, since: Instant) -> Option<ConnectionTrace> {
    let mut trace = tracer(worker, plan.trace?)?.connection(leg, since)?;
    trace.tell_about("Listener", &plan.name);
    trace.opened(&Opening::default());
    Some(trace)
}

/// Copies a message that passed, if that is wanted.
pub(super) fn copy(trace: Option<&ConnectionTrace>, way: Way, message: &[u8]) {
    if let Some(trace) = trace.filter(|trace| trace.copies_sip())
        && let Some(call_id) = call_id(message)
    {
        trace.sip(way, message, call_id);
    }
}

/// The same for a datagram, which has no connection.
pub(super) fn copy_datagram(worker: &Worker, trace: Option<TraceId>, leg: &Traced, way: Way, message: &[u8]) {
    let Some(tracer) = trace.and_then(|id| tracer(worker, id)) else { return };
    if tracer.copies_sip(leg.wire)
        && let Some(call_id) = call_id(message)
    {
        tracer.sip(leg, way, message, call_id);
    }
}

fn tracer(worker: &Worker, id: TraceId) -> Option<Arc<Tracer>> {
    worker.snapshot().tracer(id).cloned()
}

fn call_id(message: &[u8]) -> Option<&[u8]> {
    Message::parse_datagram(message, &Limits::default()).ok()?.call_id()
}

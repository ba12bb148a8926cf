//! What traces are told of connections that carry SIP, and the copies of its messages.

use std::net::SocketAddr;

use gate_config::model::SipTransport;
use sip_proto::edge::Transport;
use sip_proto::{Limits, Message};

use crate::trace::switches::Wire;
use crate::trace::{ConnectionTrace, Leg as Traced, Opener, Speech, Tracer, Way};

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
    Traced { peer: Some(peer), local, is_unix: false, opener, speech, wire, route: None }
}

/// Counts a message that passed, and copies it, if that is wanted.
pub(super) fn pass(trace: Option<&ConnectionTrace>, way: Way, message: &[u8]) {
    let Some(trace) = trace else { return };
    trace.count(way, message);
    if trace.copies_sip()
        && let Some(call_id) = call_id(message)
    {
        trace.sip(way, message, call_id);
    }
}

/// The same for a datagram, which has no connection.
pub(super) fn copy_datagram(tracer: &Tracer, leg: &Traced, way: Way, message: &[u8]) {
    if tracer.copies_sip(leg.wire)
        && let Some(call_id) = call_id(message)
    {
        tracer.sip(leg, way, message, call_id);
    }
}

fn call_id(message: &[u8]) -> Option<&[u8]> {
    Message::parse_datagram(message, &Limits::default()).ok()?.call_id()
}

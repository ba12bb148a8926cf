//! Any bytes at the edge, from both sides.
//!
//! What holds for every message: what is ruled agrees with what is written; what goes on has the body and the
//! Request-URI that it had; the answer to what went on comes back to the sender with the sender's own Vias;
//! nothing of a client reaches a client.

use core::net::SocketAddr;

use super::{WIDE, parsed};
use crate::edge::{Edge, EdgeSettings, Hop, Kind, Method, Ruling, Source, Transport};
use crate::response::{Reply, reply};
use crate::token::{Flow, Purpose, TokenKey};
use crate::{Edits, HeaderName, Limits, Message, StartLine, Status, Via};

const PROCESS: u32 = 7;
const LIMITS: Limits = Limits { message: 4096, head: 3072, headers: 32, line: 600 };
const UP: Hop<'static> = Hop { transport: Transport::Udp, sent_by: "gw.example.org:5060" };
const DOWN: Hop<'static> = Hop { transport: Transport::Wss, sent_by: "gw.example.org" };

/// Puts `data` before the edge as a client's and as a server's. In it the bytes 1 to 4 stand for tokens that
/// the edge has given out: for requests to the client, for responses to it, to the server, and for requests
/// to a client that has gone.
///
/// # Panics
/// One of the invariants does not hold: that is a bug to be found.
pub fn fuzz_edge(data: &[u8]) {
    let edge = edge();
    let (client, server) = (client(), server());
    let message = with_tokens(data);
    let mut out = Vec::new();
    let ruling = edge.from_downstream(&message, &client, &UP, &mut out);
    match ruling {
        Ruling::Forward { kind, .. } => {
            went_on(&message, client.transport, &out);
            let back = |answer: &[u8], out: &mut Vec<u8>| edge.from_upstream(answer, &server, is_there, out);
            came_back(&out, kind, (&client, back));
        }
        Ruling::ToFlow { flow, kind } => {
            assert_eq!(flow, server.flow, "nothing of a client reaches a client");
            assert!(matches!(kind, Kind::Response(_)), "what goes up by its token is an answer");
            popped(&message, client.transport, &out);
        }
        Ruling::Answer { .. } | Ruling::Drop(_) => ended(ruling, &out),
    }
    out.clear();
    let ruling = edge.from_upstream(&message, &server, is_there, &mut out);
    match ruling {
        Ruling::Forward { .. } => {
            assert!(!matches!(ruling, Ruling::Forward { .. }), "it is upstream already")
        }
        Ruling::ToFlow { flow, kind: kind @ Kind::Request(_) } => {
            assert_eq!(flow, client.flow);
            went_on(&message, server.transport, &out);
            let back = |answer: &[u8], out: &mut Vec<u8>| edge.from_downstream(answer, &client, &UP, out);
            came_back(&out, kind, (&server, back));
        }
        Ruling::ToFlow { flow, kind: Kind::Response(_) } => {
            assert_eq!(flow, client.flow);
            popped(&message, server.transport, &out);
        }
        Ruling::Answer { .. } | Ruling::Drop(_) => ended(ruling, &out),
    }
}

/// What went on: all is as it was but for the headers that a proxy changes.
fn went_on(message: &[u8], transport: Transport, out: &[u8]) {
    let (before, after) = (split(message, transport), parsed(out));
    assert_eq!(after.start_line(), before.start_line());
    assert_eq!(after.body(), before.body());
    assert_eq!(after.content_length(), Some(before.body().len()));
    let count = |message: &Message<'_>| message.values(HeaderName::Via).count();
    assert_eq!(count(&after), count(&before) + 1);
    assert!(after.essentials().is_ok_and(|found| found.max_forwards.is_some()));
    let others = |message: &Message<'_>| {
        let others = message.headers().iter().filter(|header| header.name == HeaderName::Other);
        others.map(|header| message.value_of(header).to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(others(&after), others(&before));
}

/// The answer to what went on: it finds the sender, with the sender's Vias.
fn came_back(out: &[u8], kind: Kind, (sender, back): (&Source<'_>, impl Fn(&[u8], &mut Vec<u8>) -> Ruling)) {
    let forwarded = parsed(out);
    let wanted = Reply { status: Status::OK, headers: &[], to_tag: "t", source: None };
    let (mut answer, mut arrived) = (Vec::new(), Vec::new());
    if !reply(&forwarded, &wanted, &mut answer) {
        assert_eq!(kind, Kind::Request(Method::Ack));
        return;
    }
    let ruling = back(&answer, &mut arrived);
    // A client's answers are bounded as all that it sends.
    if sender.transport == UP.transport && matches!(ruling, Ruling::Answer { .. } | Ruling::Drop(_)) {
        assert!(Message::parse(&answer, &LIMITS).is_err(), "{ruling:?}");
        return;
    }
    assert_eq!(ruling, Ruling::ToFlow { flow: sender.flow, kind: Kind::Response(200) });
    let arrived = parsed(&arrived);
    let vias = |message: &Message<'_>, skip| {
        message.values(HeaderName::Via).skip(skip).map(|via| via.bytes.to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(vias(&arrived, 0), vias(&forwarded, 1));
    let received = arrived.top_via().ok().and_then(|via| Some(via.received()?.value?.to_vec()));
    assert_eq!(received, Some(sender.address.ip().to_string().into_bytes()));
}

/// A response without its topmost Via.
fn popped(message: &[u8], transport: Transport, out: &[u8]) {
    let (before, after) = (split(message, transport), parsed(out));
    let mut edits = Edits::new();
    edits.remove_values(&before, HeaderName::Via, 0..1);
    edits.set_content_length(&before, before.body().len());
    let mut expected = Vec::new();
    edits.apply(before.bytes(), &mut expected);
    assert_eq!(after.bytes(), expected);
    assert!(after.top_via().is_ok() || after.values(HeaderName::Via).next().is_some());
}

/// An answer that can be read, or nothing at all.
fn ended(ruling: Ruling, out: &[u8]) {
    let Ruling::Answer { status, kind, .. } = ruling else {
        assert!(out.is_empty(), "nothing is written for what is dropped");
        return;
    };
    assert_ne!(kind, Kind::Request(Method::Ack), "nothing answers an ACK");
    let answer = parsed(out);
    let is_right =
        matches!(answer.start_line(), StartLine::Response { status: written, .. } if written == status);
    assert!(is_right && answer.body().is_empty());
    let via = answer.values(HeaderName::Via).next();
    assert!(via.is_some_and(|via| Via::parse(answer.bytes(), via.range).is_ok() || status != 200));
}

fn split(message: &[u8], transport: Transport) -> Message<'_> {
    let split = match transport {
        Transport::Udp => Message::parse_datagram(message, &WIDE),
        Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => Message::parse(message, &WIDE),
    };
    #[expect(clippy::expect_used, reason = "the edge has just read it")]
    split.expect("a message")
}

fn with_tokens(data: &[u8]) -> Vec<u8> {
    let (key, client, server) = (key(), client().flow, server().flow);
    let gone = Flow { id: client.id + 1, ..client };
    let mut message = Vec::with_capacity(data.len());
    for byte in data {
        let (flow, purpose) = match byte {
            1 => (client, Purpose::Request),
            2 => (client, Purpose::ResponseDownstream),
            3 => (server, Purpose::ResponseUpstream { sent_to: client }),
            4 => (gone, Purpose::Request),
            _ => {
                message.push(*byte);
                continue;
            }
        };
        message.extend_from_slice(key.sign(&flow, purpose).as_bytes());
    }
    message
}

fn edge() -> Edge {
    Edge::new(EdgeSettings {
        process: PROCESS,
        key: key(),
        names: Vec::new(),
        methods: Vec::new(),
        limits: LIMITS,
        answers_options: true,
        always_path: true,
    })
}

fn key() -> TokenKey {
    TokenKey::new(b"a key that everybody knows")
}

fn client() -> Source<'static> {
    let address = SocketAddr::from(([198, 51, 100, 1], 40_000));
    let flow = Flow { process: PROCESS, worker: 1, id: 10, peer: None };
    Source { flow, address, transport: DOWN.transport, sent_by: DOWN.sent_by }
}

fn server() -> Source<'static> {
    let address = SocketAddr::from(([10, 0, 0, 1], 5060));
    let flow = Flow { process: PROCESS, worker: 0, id: 1, peer: Some(address) };
    Source { flow, address, transport: UP.transport, sent_by: UP.sent_by }
}

fn is_there(flow: &Flow) -> Option<Hop<'static>> {
    (*flow == client().flow).then_some(DOWN)
}

//! What the edge's rules cost: run it with `cargo run --release -p sip-proto --example edge_cost`.
//!
//! The lowest of several rounds, in nanoseconds per message, parsing and copying included.

#![expect(clippy::print_stdout, reason = "it prints its findings")]
#![expect(clippy::expect_used, reason = "the inputs are below")]

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sip_proto::Limits;
use sip_proto::edge::{Edge, EdgeSettings, Hop, Ruling, Source, Transport};
use sip_proto::token::{Flow, Purpose, TokenKey};

const ROUNDS: usize = 300;
const TURNS: u32 = 500;

const UP: Hop<'static> = Hop { transport: Transport::Udp, sent_by: "gw.example.org:5060" };
const DOWN: Hop<'static> = Hop { transport: Transport::Wss, sent_by: "gw.example.org:443" };

/// A request of the client's; the first `{}` is the method, the last ones are more headers and the body.
fn request(method: &str, more: &str) -> Vec<u8> {
    let body = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
    format!(
        "{method} sip:bob@example.org SIP/2.0\r\n\
         {more}Via: SIP/2.0/WSS kq3vn1pu5d7a.invalid;branch=z9hG4bK4718293\r\n\
         Max-Forwards: 69\r\n\
         To: <sip:bob@example.org>\r\n\
         From: \"Alice\" <sip:alice@example.org>;tag=8ovsu3k1cm\r\n\
         Call-ID: 4gjv1fsk3l0t1b27ns6m5o\r\n\
         CSeq: 82 {method}\r\n\
         Contact: <sip:alice@kq3vn1pu5d7a.invalid;transport=ws;ob>\r\n\
         Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY\r\n\
         Supported: timer,gruu,ice,replaces,outbound\r\n\
         Content-Type: application/sdp\r\n\
         User-Agent: a browser's telephone, version 1\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn main() {
    let edge = edge();
    let (client, server) = (source(Transport::Wss, DOWN.sent_by, None), server());
    let mut out = Vec::with_capacity(2048);
    let route = own_route(&client);
    for (name, message) in [
        ("MESSAGE up", request("MESSAGE", "")),
        ("REGISTER up", request("REGISTER", "")),
        ("INVITE up", request("INVITE", "")),
        ("BYE up, own Route", request("BYE", &route)),
    ] {
        report(name, message.len(), || {
            out.clear();
            let ruling = edge.from_downstream(black_box(&message), &client, &UP, &mut out);
            matches!(ruling, Ruling::Forward { .. })
        });
    }
    let message = request("INVITE", &route);
    report("INVITE down", message.len(), || {
        out.clear();
        let ruling = edge.from_upstream(black_box(&message), &server, |_| Some(DOWN), &mut out);
        matches!(ruling, Ruling::ToFlow { .. })
    });
    out.clear();
    let forwarded = edge.from_downstream(&request("MESSAGE", ""), &client, &UP, &mut out);
    assert!(matches!(forwarded, Ruling::Forward { .. }), "a message to answer");
    let response = String::from_utf8(out.clone()).expect("text");
    let (_, headers) = response.split_once("\r\n").expect("a start line");
    let response = format!("SIP/2.0 200 OK\r\n{headers}").into_bytes();
    report("200 down", response.len(), || {
        out.clear();
        let ruling = edge.from_upstream(black_box(&response), &server, |_| Some(DOWN), &mut out);
        matches!(ruling, Ruling::ToFlow { .. })
    });
    let key = key();
    report("token signed", 0, || !black_box(&key).sign(&client.flow, Purpose::Request).as_bytes().is_empty());
}

fn edge() -> Edge {
    Edge::new(EdgeSettings {
        process: 1,
        key: key(),
        names: Vec::new(),
        methods: Vec::new(),
        limits: Limits::default(),
        answers_options: true,
        always_path: true,
    })
}

fn key() -> TokenKey {
    TokenKey::new(b"a key that is used to measure")
}

fn source(transport: Transport, sent_by: &'static str, peer: Option<SocketAddr>) -> Source<'static> {
    let address = peer.unwrap_or_else(|| SocketAddr::from(([198, 51, 100, 9], 40_312)));
    Source { flow: Flow { process: 1, worker: 0, id: 3, peer }, address, transport, sent_by }
}

fn server() -> Source<'static> {
    source(Transport::Udp, UP.sent_by, Some(SocketAddr::from(([10, 0, 0, 1], 5060))))
}

fn own_route(client: &Source<'_>) -> String {
    let token = key().sign(&client.flow, Purpose::Request);
    let token = std::str::from_utf8(token.as_bytes()).expect("a token is text");
    format!("Route: <sip:{token}@{};transport=udp;lr>\r\n", UP.sent_by)
}

fn report(name: &str, bytes: usize, mut work: impl FnMut() -> bool) {
    let mut round = || {
        timed(|| {
            for _ in 0..TURNS {
                assert!(work(), "the work is done");
            }
        })
    };
    let fastest = (0..ROUNDS).map(|_| round()).min().unwrap_or_default();
    println!("{name:20} {bytes:5} bytes {:6} ns", fastest.as_nanos() / u128::from(TURNS));
}

#[expect(clippy::disallowed_methods, reason = "this measures real time")]
fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    Instant::now() - start
}

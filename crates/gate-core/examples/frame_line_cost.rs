//! What a line of a frame log costs to make: run it with
//! `cargo run --release -p gate-core --example frame_line_cost`.
//!
//! The lowest of several rounds, in nanoseconds. In the gateway a look at the clock comes to it,
//! and for each 64 KiB of lines a write.

#![expect(clippy::disallowed_methods, reason = "it measures time")]
#![expect(clippy::print_stdout, reason = "it prints its findings")]
#![expect(clippy::expect_used, reason = "the templates are below")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use gate_core::Side;
use gate_core::session::Party;
use gate_core::template::{Bound, Data, Escape, Event, Facts, Kind, Redaction, Stamp, Template};
use http::{HeaderMap, Method};
use ws_proto::Opcode;

const LINES: u32 = 1_000_000;
const ROUNDS: usize = 7;
const BUFFER: usize = 64 * 1024;

fn main() {
    let module = "$time_local: packet of type $ws_opcode received from $ws_packet_source, packet size is $ws_payload_size";
    let request =
        "$remote_addr:$remote_port $request_id \"$request\" $ws_opcode $ws_payload_size $ws_message_size";
    let json =
        ["$time_iso8601", "$ws_event", "$ws_session", "$ws_packet_source", "$ws_opcode", "$ws_payload_size"];
    let text = |text| Template::text(text, Escape::Default).expect("all variables are known");
    measure("nginx module's page", &text(module));
    measure("with the request", &text(request));
    measure("json", &Template::json(json).expect("all variables are known"));
}

fn measure(name: &str, template: &Template) {
    let headers = HeaderMap::new();
    let facts = Facts {
        remote_addr: "192.0.2.7",
        remote_port: Some(4711),
        remote_user: None,
        server_addr: "10.0.0.1",
        server_port: Some(443),
        upstream_addr: "127.0.0.1:9101",
        method: &Method::GET,
        target: "/chat?room=1",
        protocol: "HTTP/1.1",
        path: "/chat",
        query: Some("room=1"),
        host: "example.org",
        scheme: "https",
        headers: &headers,
        request_id: "0123456789abcdef0123456789abcdef",
        route: "chat",
        listener: "public",
        session: "0-1",
        subprotocol: None,
        tls_version: None,
        tls_cipher: None,
        tls_server_name: None,
        tls_client_subject: None,
    };
    let bound = template.bind(&facts, &Redaction::default());
    let event = Event {
        kind: Kind::Frame,
        stamp: Stamp {
            local: "22/Nov/2026:05:00:00 +0000",
            iso8601: "2026-11-22T05:00:00+00:00",
            seconds: 1_795_323_600,
            millis: 7,
        },
        age: Duration::from_secs(3),
        data: Some(Data {
            opcode: Opcode::Binary,
            payload_size: 128,
            message_size: 128,
            fragments: 1,
            is_compressed: false,
        }),
        source: Some(Party::Peer(Side::Client)),
        close: None,
        end: None,
    };
    let lowest = (0..ROUNDS).map(|_| round(&bound, &event)).min().unwrap_or_default();
    println!("{name:<22} {:>5} ns", (lowest / LINES).as_nanos());
}

fn round(bound: &Bound, event: &Event<'_>) -> Duration {
    let mut buffer = Vec::with_capacity(BUFFER + 1024);
    let began = Instant::now();
    for _ in 0..LINES {
        if buffer.len() > BUFFER {
            buffer.clear();
        }
        bound.render(black_box(event), &mut buffer);
    }
    black_box(buffer);
    Instant::now().saturating_duration_since(began)
}

//! What a message of about 600 bytes costs: run it with
//! `cargo run --release -p sip-proto --example message_cost`.
//!
//! The lowest of many short rounds, in nanoseconds per message. `edit` is what an edge proxy does to a REGISTER: it
//! fills in the topmost Via, takes a hop off, puts a Path and its own Via on top and copies the message; to a
//! response, it takes its own Via off.

#![expect(clippy::print_stdout, reason = "it prints its findings")]
#![expect(clippy::expect_used, reason = "the inputs are below")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use sip_proto::{Edits, Framer, HeaderName, Limits, Message};

const ROUNDS: usize = 1_000;
const TURNS: u32 = 500;

const REGISTER: &[u8] = b"REGISTER sip:example.org SIP/2.0\r\n\
    Via: SIP/2.0/WSS kq3vn1pu5d7a.invalid;branch=z9hG4bK4718293\r\n\
    Max-Forwards: 69\r\n\
    To: <sip:alice@example.org>\r\n\
    From: \"Alice\" <sip:alice@example.org>;tag=8ovsu3k1cm\r\n\
    Call-ID: 4gjv1fsk3l0t1b27ns6m5o\r\n\
    CSeq: 82 REGISTER\r\n\
    Contact: <sip:ph2l8fm5@kq3vn1pu5d7a.invalid;transport=ws>;+sip.ice;reg-id=1;\
    +sip.instance=\"<urn:uuid:3b1f2a64-96a1-4dc7-a5b5-0d7a9e4a6a0f>\";expires=600\r\n\
    Expires: 600\r\n\
    Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY\r\n\
    Supported: path,gruu,outbound\r\n\
    User-Agent: a browser's telephone, version 1\r\n\
    Content-Length: 0\r\n\r\n";

const RESPONSE: &[u8] = b"SIP/2.0 200 OK\r\n\
    Via: SIP/2.0/UDP gateway.example.org:5060;rport=5060;received=192.0.2.7;\
    branch=z9hG4bK0c1d2e3f4a5b6c7d.AAECAwQFBgcICQoLDA0ODw\r\n\
    Via: SIP/2.0/WSS kq3vn1pu5d7a.invalid;rport=40312;received=198.51.100.9;branch=z9hG4bK4718293\r\n\
    To: <sip:alice@example.org>;tag=6f2b81d0c9\r\n\
    From: \"Alice\" <sip:alice@example.org>;tag=8ovsu3k1cm\r\n\
    Call-ID: 4gjv1fsk3l0t1b27ns6m5o\r\n\
    CSeq: 82 REGISTER\r\n\
    Contact: <sip:ph2l8fm5@kq3vn1pu5d7a.invalid;transport=ws>;expires=600\r\n\
    Path: <sip:AAECAwQFBgcICQoLDA0ODw@gateway.example.org;transport=udp;lr;ob>\r\n\
    Server: a registrar, version 1\r\n\
    Content-Length: 0\r\n\r\n";

fn main() {
    let limits = Limits::default();
    println!("request of {} bytes, response of {} bytes", REGISTER.len(), RESPONSE.len());
    report("parse request", || Message::parse(black_box(REGISTER), &limits).is_ok());
    report("parse response", || Message::parse(black_box(RESPONSE), &limits).is_ok());
    let message = Message::parse(REGISTER, &limits).expect("a message");
    report("essentials", || black_box(&message).essentials().is_ok());
    let (mut edits, mut out) = (Edits::new(), Vec::with_capacity(2048));
    report("parse and edit request", || {
        out.clear();
        edit_request(black_box(REGISTER), &mut edits, &mut out)
    });
    report("parse and edit response", || {
        out.clear();
        edit_response(black_box(RESPONSE), &mut edits, &mut out)
    });
    report("find in a stream", || Framer::new(limits).next(black_box(REGISTER)).is_ok());
}

fn edit_request(bytes: &[u8], edits: &mut Edits, out: &mut Vec<u8>) -> bool {
    let message = Message::parse(bytes, &Limits::default()).expect("a message");
    let essentials = message.essentials().expect("all that is needed");
    edits.clear();
    edits.set_via_parameter(&essentials.via, "received", "198.51.100.9");
    edits.set_via_parameter(&essentials.via, "rport", "40312");
    if let Some(hops) = message.header(HeaderName::MaxForwards) {
        edits.replace(hops.value.clone(), &[b"68"]);
    }
    edits.insert_before(
        &message,
        HeaderName::Path,
        &[b"Path: <sip:AAECAwQFBgcICQoLDA0ODw@gateway.example.org;transport=udp;lr;ob>"],
    );
    let via: &[&[u8]] = &[
        b"Via: SIP/2.0/UDP gateway.example.org;rport;branch=z9hG4bK0c1d2e3f4a5b6c7d.",
        b"AAECAwQFBgcICQoLDA0ODw",
    ];
    edits.insert_before(&message, HeaderName::Via, via);
    edits.set_content_length(&message, message.body().len());
    edits.apply(message.bytes(), out);
    !out.is_empty()
}

fn edit_response(bytes: &[u8], edits: &mut Edits, out: &mut Vec<u8>) -> bool {
    let message = Message::parse(bytes, &Limits::default()).expect("a message");
    let essentials = message.essentials().expect("all that is needed");
    edits.clear();
    if essentials.via.branch().is_some() {
        edits.remove_values(&message, HeaderName::Via, 0..1);
    }
    edits.apply(message.bytes(), out);
    !out.is_empty()
}

fn report(name: &str, mut work: impl FnMut() -> bool) {
    let mut round = || timed(|| (0..TURNS).filter(|_| black_box(work())).count());
    let fastest = (0..ROUNDS).map(|_| round()).min().unwrap_or_default();
    println!("{name:24} {:6} ns", fastest.as_nanos() / u128::from(TURNS));
}

#[expect(clippy::disallowed_methods, reason = "this measures real time")]
fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    Instant::now() - start
}

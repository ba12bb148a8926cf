//! How fast the peer may send: what goes nowhere, what waits, and what ends the connection.

use std::sync::Arc;

use gate_core::Side;
use gate_core::endpoint::Output;
use gate_core::rate::{Bucket, Meter, Metered, OnExceed, Rate};
use gate_core::session::Withheld;

use super::*;

const ROLE: Role = Role::Server;

/// An end whose peer may send two of those at once, and one in a second.
fn metered(of: Metered, on_exceed: OnExceed, policy: EndpointPolicy) -> (Endpoint, Instant) {
    let now = start();
    let rate = Rate { tokens: 1, per: Duration::from_secs(1), burst: 2 };
    let meter = Meter { of, from: Side::Client, on_exceed, bucket: Arc::new(Bucket::new(rate, now)) };
    (Endpoint::new(Arc::new(policy), ROLE, now, 1).metered(Box::new([meter])), now)
}

/// What has come of a read, as far as it was taken: the messages, what was withheld, and how much is left.
fn take(endpoint: &mut Endpoint, mut bytes: Vec<u8>, now: Instant) -> (Vec<String>, Vec<Withheld>, Vec<u8>) {
    let (mut messages, mut withheld) = (Vec::new(), Vec::new());
    while !bytes.is_empty() && !endpoint.is_delayed() {
        let step = endpoint.handle_bytes(&mut bytes, now);
        withheld.extend(step.withheld);
        messages.extend(step.message.map(|message| String::from_utf8_lossy(&message.payload).into_owned()));
        let consumed = step.consumed;
        bytes.drain(..consumed);
        endpoint.check_invariants();
    }
    (messages, withheld, bytes)
}

fn texts(said: &[&str]) -> Vec<u8> {
    said.iter().flat_map(|said| text(ROLE, said)).collect()
}

#[test]
fn a_message_too_many_ends_the_connection() {
    let (mut endpoint, now) = metered(Metered::Messages, OnExceed::Close, EndpointPolicy::default());
    let (messages, withheld, _) = take(&mut endpoint, texts(&["a", "b", "c", "d"]), now);
    assert_eq!((messages, withheld), (vec!["a".to_owned(), "b".to_owned()], Vec::new()));
    let death = Death { cause: Cause::RateLimit, by: Party::Peer(Side::Client) };
    assert_eq!(endpoint.death(), Some(death));
    let Some(Output::Send { frame, .. }) = endpoint.poll_output(now, &mut || [0; 4]) else {
        panic!("a Close")
    };
    assert_eq!(frame.as_bytes().get(2..), Some(&*close_body(1008, "rate_limit")));
    assert_eq!(endpoint.poll_output(now, &mut || [0; 4]), Some(Output::Finish));
}

#[test]
fn a_message_too_many_goes_nowhere_with_all_its_frames() {
    let (mut endpoint, now) = metered(Metered::Messages, OnExceed::Drop, EndpointPolicy::default());
    let mut sent = texts(&["a", "b"]);
    sent.extend([frame(ROLE, 0x01, b"c"), frame(ROLE, 0x89, b"ping"), frame(ROLE, 0x80, b"c")].concat());
    let (messages, withheld, rest) = take(&mut endpoint, sent, now);
    assert_eq!((messages.len(), withheld, rest.len()), (2, vec![Withheld::Message], 0));
    let pong = endpoint.poll_output(now, &mut || [0; 4]);
    assert!(matches!(pong, Some(Output::Send { opcode: Opcode::Pong, .. })), "{pong:?}");
    let later = now + Duration::from_secs(1);
    assert_eq!(take(&mut endpoint, texts(&["d"]), later).0, ["d"]);
    assert_eq!(endpoint.received().messages, 3);
}

#[test]
fn a_message_too_many_waits_for_its_time_and_the_peer_is_not_read() {
    let timeouts = Timeouts { idle: Duration::from_millis(500), ..Timeouts::default() };
    let policy = EndpointPolicy { timeouts, ..EndpointPolicy::default() };
    let (mut endpoint, now) = metered(Metered::Messages, OnExceed::Delay, policy);
    let (messages, withheld, rest) = take(&mut endpoint, texts(&["a", "b", "c", "d"]), now);
    assert_eq!((messages.len(), withheld), (2, vec![Withheld::Delayed]));
    assert_eq!(rest, texts(&["c", "d"]));
    assert!(endpoint.is_delayed() && !endpoint.wants_read());
    let until = now + Duration::from_secs(1);
    assert_eq!(endpoint.poll_timeout(), Some(until), "it is not idle while it waits");
    endpoint.handle_timeout(until - MOMENT);
    assert!(endpoint.is_delayed());
    endpoint.handle_timeout(until);
    assert!(endpoint.wants_read());
    let (messages, _, rest) = take(&mut endpoint, rest, until);
    assert_eq!((messages, rest), (vec!["c".to_owned()], texts(&["d"])));
    assert_eq!(endpoint.poll_timeout(), Some(until + Duration::from_secs(1)));
}

#[test]
fn pings_too_many_have_no_pong_and_answers_to_the_gateway_are_not_counted() {
    let keepalive = Keepalive { interval: Duration::from_secs(10), ..Keepalive::default() };
    let policy = EndpointPolicy { keepalive, ..EndpointPolicy::default() };
    let (mut endpoint, now) = metered(Metered::ControlFrames, OnExceed::Drop, policy);
    let asked = now + Duration::from_secs(10);
    endpoint.handle_timeout(asked);
    let Some(Output::Send { frame: ping, .. }) = endpoint.poll_output(asked, &mut || [0; 4]) else {
        panic!("a ping")
    };
    let answer = frame(ROLE, 0x8a, ping.as_bytes().get(2..).expect("a payload"));
    let foreign = frame(ROLE, 0x8a, b"twelve bytes");
    let (_, withheld, _) = take(&mut endpoint, [answer.clone(), answer, foreign].concat(), asked);
    assert_eq!(withheld, []);
    let two = [frame(ROLE, 0x89, b"first"), frame(ROLE, 0x89, b"second")].concat();
    let (_, withheld, _) = take(&mut endpoint, two, asked);
    assert_eq!(withheld, [Withheld::Control]);
    let Some(Output::Send { frame: pong, .. }) = endpoint.poll_output(asked, &mut || [0; 4]) else {
        panic!("a pong")
    };
    assert_eq!(pong.as_bytes().get(2..), Some(&b"first"[..]));
    assert_eq!(endpoint.poll_output(asked, &mut || [0; 4]), None);
}

#[test]
fn bytes_are_charged_however_they_are_cut() {
    for cut in 1..8 {
        let (mut endpoint, now) = metered(Metered::Bytes, OnExceed::Drop, EndpointPolicy::default());
        let (head, tail) = {
            let mut sent = text(ROLE, "hello");
            let tail = sent.split_off(cut);
            (sent, tail)
        };
        assert_eq!(take(&mut endpoint, head, now).0.len() + take(&mut endpoint, tail, now).0.len(), 1);
        // Five of two have gone: none comes before three seconds are over.
        let early = now + Duration::from_secs(3);
        assert_eq!(take(&mut endpoint, texts(&["x"]), early).1, [Withheld::Message], "cut at {cut}");
        assert_eq!(take(&mut endpoint, texts(&["x"]), early + Duration::from_secs(1)).0, ["x"]);
    }
}

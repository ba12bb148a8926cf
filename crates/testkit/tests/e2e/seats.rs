//! `max-connections`: whoever comes when all seats are taken is told so by a Close that a
//! browser can read, and a seat is free again whatever became of its session.

use serde_json::json;
use testkit::Side::{Client, Upstream};
use testkit::frame::{CLOSE, TEXT, close, frame};
use testkit::message::Message;
use testkit::peer::Ending;
use testkit::records::assert_has;
use testkit::rig::Rig;

fn with_seats(seats: u64, workers: u16) -> Rig {
    Rig::with(|settings| {
        settings.max_connections = seats;
        settings.workers = workers;
    })
}

/// Asks for a session when there is no seat.
#[track_caller]
fn expect_turned_away(rig: &Rig) {
    let request = Message::upgrade("/full")
        .with("Sec-WebSocket-Protocol", "chat.v2, chat.v1")
        .with("Sec-WebSocket-Extensions", "permessage-deflate");
    // What comes early is of no interest any more, but does no harm.
    let mut client = rig.send(&request.body(&frame(Client, TEXT, b"early")).to_bytes());
    let head = client.read_head();
    assert_eq!(head.status(), 101);
    assert_eq!(head.get("Sec-WebSocket-Accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(head.get("Sec-WebSocket-Protocol"), Some("chat.v2"));
    assert_eq!(head.get("Sec-WebSocket-Extensions"), None);
    assert_eq!(head.get("Connection"), Some("Upgrade"));
    let told = client.read_frame();
    assert_eq!((told.first, told.mask, told.close()), (CLOSE, None, Some((1013, "Try Again Later"))));
    client.expect_end(Ending::Fin);
    rig.backend().assert_not_dialled();
    client.send(&close(Client, 1013, ""));
}

#[test]
fn above_the_limit_a_101_is_followed_by_1013_and_the_upstream_is_not_dialled() {
    for workers in [1, 2] {
        let rig = with_seats(2, workers);
        let (first, second) = (rig.open(), rig.open());
        for _ in 0..8 {
            expect_turned_away(&rig);
        }
        first.close();
        second.close();
        let metrics = rig.settled();
        assert_eq!(metrics.get("framegate_handshake_failures_total{reason=\"max_connections\"}"), 8.0);
        assert_eq!(metrics.get("framegate_connections_opened_total"), 2.0);
        let records = rig.finish();
        let refused = records.of("refused");
        assert_eq!(refused.len(), 8);
        let expected = json!({"reason": "max_connections", "status": 101, "path": "/full"});
        assert_has(refused[0], &expected);
    }
}

#[test]
fn a_seat_is_taken_from_the_request_on_and_free_again_however_it_ends() {
    let rig = with_seats(1, 1);
    // A handshake under way holds it.
    let client = rig.send(&Message::upgrade("/").to_bytes());
    let mut upstream = rig.backend().accept();
    expect_turned_away(&rig);
    // The client goes.
    client.abort();
    let _request = upstream.read_head();
    upstream.expect_end(Ending::Fin);
    let _settled = rig.settled();
    // The upstream refuses, or answers nonsense.
    for answer in [&b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"[..], b"HTTP/1.1 101 What\r\n\r\n"]
    {
        let mut client = rig.send(&Message::upgrade("/").to_bytes());
        let mut upstream = rig.backend().accept();
        let _request = upstream.read_head();
        upstream.send(answer);
        assert_ne!(client.read_head().status(), 101);
        drop(client);
        let _settled = rig.settled();
    }
    // A session ends in each of the ways there are.
    rig.open().close();
    let _settled = rig.settled();
    rig.open().client.abort();
    let _settled = rig.settled();
    rig.open().upstream.abort();
    let _settled = rig.settled();
    let mut session = rig.open();
    session.upstream.send(b"\xff\xff");
    assert!(session.client.read_frame().close().is_some());
    drop(session);
    let _settled = rig.settled();
    let mut session = rig.open();
    session.pass(Upstream, &frame(Upstream, TEXT, b"seated"));
    expect_turned_away(&rig);
    session.close();
    rig.finish();
}

#[test]
fn a_request_that_is_refused_takes_no_seat() {
    let rig = with_seats(1, 1);
    let mut client = rig.send(&Message::upgrade("/").without("Sec-WebSocket-Key").to_bytes());
    assert_eq!(client.read_head().status(), 400);
    // It still lingers.
    rig.open().close();
    drop(client);
    rig.finish();
}

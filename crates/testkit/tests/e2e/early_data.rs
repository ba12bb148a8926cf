//! Bytes behind the request and before the 101 (RFC 9931): they wait, bounded and in
//! order, for the upstream's valid 101, and go nowhere if that does not come.

use std::thread;
use std::time::Duration;

use testkit::Side::{Client, Upstream};
use testkit::frame::{BINARY, Length, PING, TEXT, close, frame, header, large, mask_of};
use testkit::message::Message;
use testkit::noise::Noise;
use testkit::peer::Ending;
use testkit::records::assert_has;
use testkit::rig::Rig;

use serde_json::json;

/// Long enough for the gateway to do what it must not.
const QUIET: Duration = Duration::from_millis(50);

#[test]
fn row_1_bytes_behind_the_request_wait_for_the_101_of_the_upstream_and_keep_their_order() {
    let rig = Rig::default();
    let whole = frame(Client, TEXT, b"early");
    let several = [whole.clone(), frame(Client, PING, b""), frame(Client, BINARY, &[9; 70_000])].concat();
    for early_len in [whole.len(), 1, 7, whole.len() + 1, several.len()] {
        let (early, late) = several.split_at(early_len);
        let request = Message::upgrade("/early").body(early).to_bytes();
        let mut client = rig.send(&request);
        let mut upstream = rig.backend().accept();
        let head = upstream.read_head();
        upstream.expect_silence(QUIET);
        client.expect_silence(QUIET);
        upstream.send(&Message::switching(&head).to_bytes());
        assert_eq!(client.read_head().status(), 101);
        client.send(late);
        upstream.expect(&several);
        client.abort();
        upstream.expect_end(Ending::Reset);
    }
    rig.finish();
}

#[test]
fn row_1_early_bytes_in_later_segments_wait_too() {
    let rig = Rig::default();
    let mut client = rig.send(&Message::upgrade("/early").to_bytes());
    let mut upstream = rig.backend().accept();
    let head = upstream.read_head();
    let early = frame(Client, TEXT, b"one byte at a time");
    client.send_bytewise(&early);
    upstream.expect_silence(QUIET);
    let answer = Message::switching(&head).to_bytes();
    let (most, last) = answer.split_at(answer.len() - 1);
    upstream.send(most);
    upstream.expect_silence(QUIET);
    upstream.send(last);
    upstream.expect(&early);
    assert_eq!(client.read_head().status(), 101);
    drop((client, upstream));
    rig.finish();
}

#[test]
fn row_1_more_early_bytes_than_the_gateway_holds_wait_with_the_client() {
    let rig = Rig::default();
    let mut client = rig.connect();
    client.keep_buffers_small(256 * 1024);
    client.send(&Message::upgrade("/flood").to_bytes());
    let mut upstream = rig.backend().accept();
    let head = upstream.read_head();
    let message = large(Client, &Noise::new(1).repeated(16 * 1024 * 1024));
    let early = client.send_until_blocked(&message, 4 * QUIET);
    assert!(early < 2 * 1024 * 1024, "{early} bytes went before the 101");
    upstream.expect_silence(QUIET);
    upstream.send(&Message::switching(&head).to_bytes());
    thread::scope(|scope| {
        let mut writer = client.second_hand();
        let rest = &message[early..];
        scope.spawn(move || writer.send(rest));
        upstream.expect(&message);
    });
    assert_eq!(client.read_head().status(), 101);
    drop((client, upstream));
    rig.finish();
}

#[test]
fn row_2_bytes_behind_a_request_that_is_refused_go_nowhere() {
    for status in ["200 OK", "403 Forbidden", "426 Upgrade Required"] {
        let rig = Rig::default();
        let smuggled = b"GET /internal HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let mut client = rig.send(&Message::upgrade("/early").body(smuggled).to_bytes());
        let mut upstream = rig.backend().accept();
        let _head = upstream.read_head();
        upstream.send(&Message::new(&format!("HTTP/1.1 {status}")).with("Content-Length", "0").to_bytes());
        assert!(status.starts_with(&client.read_head().status().to_string()));
        // What comes once the answer is there is no tunnel either.
        client.send(smuggled);
        upstream.expect_end(Ending::Fin);
        client.expect_end(Ending::Fin);
        rig.backend().assert_not_dialled();
        drop((client, upstream));
        rig.finish();
    }
}

#[test]
fn row_2_bytes_behind_a_request_whose_101_is_not_valid_go_nowhere() {
    let rig = Rig::default();
    let early = frame(Client, TEXT, b"not for you");
    let mut client = rig.send(&Message::upgrade("/early").body(&early).to_bytes());
    let mut upstream = rig.backend().accept();
    let head = upstream.read_head();
    upstream.send(&Message::switching(&head).replace("Sec-WebSocket-Accept", "x").to_bytes());
    assert_eq!(client.read_head().status(), 502);
    upstream.expect_end(Ending::Fin);
    drop(client);
    rig.finish();
}

#[test]
fn row_9_a_second_request_behind_an_upgrade_waits_and_is_then_no_frame() {
    let rig = Rig::default();
    let second = Message::upgrade("/second").to_bytes();
    let mut client = rig.send(&[Message::upgrade("/first").to_bytes(), second].concat());
    let mut upstream = rig.backend().accept();
    let head = upstream.read_head();
    assert_eq!(head.first_line, "GET /first HTTP/1.1");
    upstream.expect_silence(QUIET);
    rig.backend().assert_not_dialled();
    upstream.send(&Message::switching(&head).to_bytes());
    assert_eq!(client.read_head().status(), 101);
    assert_eq!(upstream.read_frame().close(), Some((1001, "")));
    upstream.send(&close(Upstream, 1001, ""));
    // "GE" begins a frame with opcode 7.
    assert_eq!(client.read_frame().close(), Some((1002, "reserved_opcode")));
    client.expect_end(Ending::Fin);
    drop((client, upstream));
    let records = rig.finish();
    assert_has(records.only("close"), &json!({"by": "client", "client_bytes": 0, "client_frames": 0}));
}

#[test]
fn row_9_a_second_request_behind_one_that_is_refused_is_never_read() {
    let rig = Rig::default();
    let first = Message::upgrade("/first").replace("Sec-WebSocket-Version", "8").to_bytes();
    let second = Message::upgrade("/second").to_bytes();
    let mut client = rig.send(&[first, second].concat());
    assert_eq!(client.read_head().status(), 426);
    let (body, ending) = client.read_to_end();
    assert_eq!(ending, Ending::Fin);
    assert!(!String::from_utf8_lossy(&body).contains("HTTP/1.1"), "a second answer");
    rig.backend().assert_not_dialled();
    drop(client);
    rig.finish();
}

#[test]
fn frames_right_behind_the_101_of_the_upstream_follow_on_that_to_the_client() {
    let rig = Rig::default();
    let frames =
        [frame(Upstream, TEXT, b"welcome"), header(BINARY, mask_of(Upstream), Length::Fewest(5))].concat();
    let mut session = rig.open_with(&Message::upgrade("/chat"), |answer| answer.body(&frames));
    session.client.expect(&frames);
    session.pass(Upstream, b"12345");
    session.close();
    rig.finish();
}

#[test]
fn a_close_may_come_with_either_handshake() {
    for early_side in [Client, Upstream] {
        let rig = Rig::default();
        let goodbye = close(early_side, 1000, "early");
        let mut session = match early_side {
            Client => {
                let client = rig.send(&Message::upgrade("/chat").body(&goodbye).to_bytes());
                rig.answer(client, |answer| answer)
            }
            Upstream => rig.open_with(&Message::upgrade("/chat"), |answer| answer.body(&goodbye)),
        };
        session.peer(early_side.other()).expect(&goodbye);
        session.pass(early_side.other(), &close(early_side.other(), 1000, ""));
        session.end();
        let records = rig.finish();
        assert_has(records.only("close"), &json!({"reason": "close", "by": early_side.name()}));
    }
}

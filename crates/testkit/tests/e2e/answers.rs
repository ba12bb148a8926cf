//! What the upstream answers: only a valid 101 opens a session; any other answer is an
//! ordinary response, and what is no answer at all is the gateway's 502 or 504.

use std::time::Duration;

use gate_config::model::{Target, TargetAddress};
use serde_json::json;
use testkit::Side::{Client, Upstream};
use testkit::backend::Backend;
use testkit::frame::{TEXT, frame};
use testkit::head::Head;
use testkit::message::{Message, accept_of};
use testkit::peer::Ending;
use testkit::records::assert_has;
use testkit::rig::Rig;

/// Sends an upgrade, lets the backend say `answer` and end, and gives what the client got.
#[track_caller]
fn answered(rig: &Rig, answer: &[u8]) -> (Head, Vec<u8>) {
    let mut client = rig.send(&Message::upgrade("/chat").to_bytes());
    let mut upstream = rig.backend().accept();
    let _request = upstream.read_head();
    // The gateway need not read an answer of no use to its end.
    let _may_be_cut_short = upstream.try_send(answer);
    drop(upstream);
    let head = client.read_head();
    let body = client.read_body(&head);
    client.expect_end(Ending::Fin);
    rig.backend().assert_not_dialled();
    (head, body)
}

#[test]
fn row_2_any_other_status_is_a_response_and_the_connections_end() {
    for (status, has_body) in [
        ("200 OK", true),
        ("204 No Content", false),
        ("301 Moved Permanently", true),
        ("302 Found", true),
        ("304 Not Modified", false),
        ("400 Bad Request", true),
        ("401 Unauthorized", true),
        ("403 Forbidden", true),
        ("404 Not Found", true),
        ("426 Upgrade Required", true),
        ("429 Too Many Requests", true),
        ("500 Internal Server Error", true),
        ("503 Service Unavailable", true),
    ] {
        let rig = Rig::default();
        let mut client = rig.send(&Message::upgrade("/chat").to_bytes());
        let mut upstream = rig.backend().accept();
        let _request = upstream.read_head();
        let mut answer = Message::new(&format!("HTTP/1.1 {status}")).with("Location", "/elsewhere");
        if has_body {
            answer = answer.with("Content-Length", "5").body(b"hello");
        }
        upstream.send(&answer.to_bytes());
        let head = client.read_head();
        assert_eq!(head.status().to_string(), status[..3]);
        assert_eq!(head.get("Location"), Some("/elsewhere"));
        assert_eq!(head.get("Connection"), Some("close"));
        let (body, ending) = client.read_to_end();
        assert_eq!((&body[..], ending), (if has_body { &b"hello"[..] } else { b"" }, Ending::Fin));
        // The upstream's connection is not kept for another client.
        upstream.expect_end(Ending::Fin);
        drop((client, upstream));
        let records = rig.finish();
        let expected = json!({"reason": "upstream_refused", "status": head.status(), "path": "/chat"});
        assert_has(records.only("refused"), &expected);
        assert!(records.of("open").is_empty());
    }
}

#[test]
fn row_2_a_200_that_looks_like_a_101_opens_no_tunnel() {
    let rig = Rig::default();
    let mut client = rig.send(&Message::upgrade("/chat").to_bytes());
    let mut upstream = rig.backend().accept();
    let request = upstream.read_head();
    upstream.send(&Message::switching(&request).first_line("HTTP/1.1 200 OK").to_bytes());
    client.send(&frame(Client, TEXT, b"into the tunnel"));
    upstream.send(&frame(Upstream, TEXT, b"out of the tunnel"));
    upstream.finish();
    let head = client.read_head();
    assert_eq!((head.status(), head.get("Connection")), (200, Some("close")));
    assert_eq!(head.get("Upgrade"), None);
    upstream.expect_end(Ending::Fin);
    drop((client, upstream));
    assert!(rig.finish().of("open").is_empty());
}

/// A 101 at fault is a 502, and the upstream's connection ends without a byte to it.
#[track_caller]
fn check_101(request: &Message, adjust: impl Fn(Message) -> Message, reason: &str) {
    let rig = Rig::default();
    let mut client = rig.send(&request.to_bytes());
    let mut upstream = rig.backend().accept();
    let head = upstream.read_head();
    upstream.send(&adjust(Message::switching(&head)).to_bytes());
    let head = client.read_head();
    assert_eq!((head.status(), head.get("Connection")), (502, Some("close")), "{reason}");
    let (body, ending) = client.read_to_end();
    assert_eq!(ending, Ending::Fin);
    assert_eq!(str::from_utf8(&body), Ok("502 Bad Gateway\n"), "what is wrong stays inside");
    upstream.expect_end(Ending::Fin);
    drop((client, upstream));
    let records = rig.finish();
    assert_has(records.only("refused"), &json!({"reason": reason, "status": 502}));
    assert!(records.of("open").is_empty());
}

#[test]
fn row_4_a_101_that_does_not_prove_that_it_read_the_key_is_a_502() {
    let request = Message::upgrade("/chat");
    let accept = "Sec-WebSocket-Accept";
    check_101(&request, |answer| answer.without(accept), "upstream_accept_missing");
    check_101(&request, |answer| answer.replace(accept, ""), "upstream_accept_wrong");
    check_101(&request, |answer| answer.replace(accept, &accept_of("other")), "upstream_accept_wrong");
    check_101(&request, |answer| answer.with(accept, &accept_of("other")), "upstream_accept_repeated");
    check_101(&request, |answer| answer.without("Upgrade"), "upstream_upgrade");
    check_101(&request, |answer| answer.replace("Upgrade", "h2c"), "upstream_upgrade");
    check_101(&request, |answer| answer.without("Connection"), "upstream_connection");
    check_101(&request, |answer| answer.replace("Connection", "close"), "upstream_connection");
}

#[test]
fn row_5_a_101_that_chooses_what_was_not_offered_is_a_502() {
    let plain = Message::upgrade("/chat");
    let offers = Message::upgrade("/chat")
        .with("Sec-WebSocket-Protocol", "chat.v1, chat.v2")
        .with("Sec-WebSocket-Extensions", "permessage-deflate; server_max_window_bits=10");
    let subprotocol =
        |value: &'static str| move |answer: Message| answer.with("Sec-WebSocket-Protocol", value);
    check_101(&plain, subprotocol("chat.v1"), "upstream_subprotocol_not_offered");
    check_101(&offers, subprotocol("chat.v3"), "upstream_subprotocol_not_offered");
    check_101(&offers, subprotocol("CHAT.V1"), "upstream_subprotocol_not_offered");
    check_101(&offers, subprotocol("chat.v1, chat.v2"), "upstream_subprotocol_not_offered");
    let extension =
        |value: &'static str| move |answer: Message| answer.with("Sec-WebSocket-Extensions", value);
    let not_offered = "upstream_extensions_not_offered";
    check_101(&plain, extension("permessage-deflate"), not_offered);
    check_101(&offers, extension("x-webkit-deflate-frame"), not_offered);
    check_101(&offers, extension("permessage-deflate, permessage-deflate"), not_offered);
    check_101(&offers, extension("permessage-deflate"), not_offered);
    check_101(&offers, extension("permessage-deflate; server_max_window_bits=11"), not_offered);
}

#[test]
fn row_21_a_101_with_impossible_parameters_is_a_502() {
    let request = Message::upgrade("/chat")
        .with("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits");
    for parameters in [
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=abc",
        "client_max_window_bits",
        "client_max_window_bits=8; client_max_window_bits=8",
        "never_heard_of",
    ] {
        let value = format!("permessage-deflate; {parameters}");
        let adjust = |answer: Message| answer.with("Sec-WebSocket-Extensions", &value);
        check_101(&request, adjust, "upstream_extensions_not_offered");
    }
    let broken = |answer: Message| answer.with("Sec-WebSocket-Extensions", "permessage-deflate; =");
    check_101(&request, broken, "upstream_extensions_broken");
}

#[test]
fn what_was_offered_and_chosen_reaches_the_client() {
    let rig = Rig::default();
    let request = Message::upgrade("/chat")
        .with("Sec-WebSocket-Protocol", "chat.v1")
        .with("Sec-WebSocket-Protocol", "chat.v2")
        .with("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits");
    let session = rig.open_with(&request, |answer| {
        answer
            .with("Sec-WebSocket-Protocol", "chat.v2")
            .with("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits=12")
    });
    assert_eq!(session.request.get("Sec-WebSocket-Protocol"), Some("chat.v1, chat.v2"));
    assert_eq!(session.response.get("Sec-WebSocket-Protocol"), Some("chat.v2"));
    let agreed = session.response.get("Sec-WebSocket-Extensions");
    assert_eq!(agreed, Some("permessage-deflate; client_max_window_bits=12"));
    session.close();
    let expected = json!({"subprotocol": "chat.v2", "extensions": "permessage-deflate"});
    assert_has(rig.finish().only("open"), &expected);
}

#[test]
fn interim_responses_are_skipped() {
    let rig = Rig::default();
    let interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let mut client = rig.send(&Message::upgrade("/chat").to_bytes());
    let mut upstream = rig.backend().accept();
    let request = upstream.read_head();
    upstream.send_bytewise(interim);
    upstream.send(&[interim, &Message::switching(&request).to_bytes()[..]].concat());
    let head = client.read_head();
    assert_eq!((head.status(), head.get("Link")), (101, None));
    drop((client, upstream));
    let (head, body) = answered(&rig, &[interim, &b"HTTP/1.1 401 Unauthorized\r\n\r\nno"[..]].concat());
    assert_eq!((head.status(), &body[..]), (401, &b"no"[..]));
    rig.finish();
}

#[test]
fn interim_responses_without_end_are_a_502() {
    let rig = Rig::default();
    let (head, _) = answered(&rig, &b"HTTP/1.1 100 Continue\r\n\r\n".repeat(2_000));
    assert_eq!(head.status(), 502);
    assert_eq!(rig.finish().reasons("refused")["upstream_head_too_large"], 1);
}

#[test]
fn an_answer_split_anywhere_is_the_same_answer() {
    let rig = Rig::default();
    let welcome = frame(Upstream, TEXT, b"welcome");
    let request = Message::upgrade("/").to_bytes();
    let mut at = 1;
    loop {
        let mut client = rig.send(&request);
        let mut upstream = rig.backend().accept();
        let answer = Message::switching(&upstream.read_head()).body(&welcome).to_bytes();
        let Some((first, second)) = answer.split_at_checked(at).filter(|(_, second)| !second.is_empty())
        else {
            break;
        };
        upstream.send(first);
        upstream.send(second);
        assert_eq!(client.read_head().status(), 101);
        client.expect(&welcome);
        at += 1;
    }
    assert!(at > 100, "the answer is longer than {at} bytes");
    rig.finish();
}

#[test]
fn a_refusal_passes_with_its_fields_and_its_body() {
    let rig = Rig::default();
    let refusal = Message::new("HTTP/1.1 401 Unauthorized")
        .with("WWW-Authenticate", "Basic realm=\"a\"")
        .with("WWW-Authenticate", "Bearer")
        .with("Set-Cookie", "a=1; Path=/")
        .with("Set-Cookie", "b=2")
        .with("Content-Type", "text/html")
        .with("Retry-After", "7")
        .with("Connection", "X-Hop, keep-alive")
        .with("X-Hop", "secret")
        .with("Keep-Alive", "timeout=5")
        .with("Content-Length", "9")
        .body(b"<b>no</b>");
    let (head, body) = answered(&rig, &refusal.to_bytes());
    assert_eq!(head.status(), 401);
    assert_eq!(head.all("WWW-Authenticate").collect::<Vec<_>>(), ["Basic realm=\"a\"", "Bearer"]);
    assert_eq!(head.all("Set-Cookie").collect::<Vec<_>>(), ["a=1; Path=/", "b=2"]);
    assert_eq!((head.get("Content-Type"), head.get("Retry-After")), (Some("text/html"), Some("7")));
    assert_eq!((head.get("X-Hop"), head.get("Keep-Alive")), (None, None));
    assert_eq!(head.get("Connection"), Some("close"));
    assert_eq!(body, b"<b>no</b>");
    rig.finish();
}

#[test]
fn a_refusal_passes_however_its_body_ends() {
    let rig = Rig::default();
    let long = "x".repeat(100_000);
    for (answer, expected) in [
        ("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nno,\r\n4;a=b\r\n no!\r\n0\r\nX-T: 1\r\n\r\n".to_owned(), "no, no!"),
        ("HTTP/1.1 403 Forbidden\r\n\r\nuntil the end".to_owned(), "until the end"),
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n".to_owned(), ""),
        (format!("HTTP/1.1 403 Forbidden\r\nContent-Length: 100000\r\n\r\n{long}"), &long),
        (format!("HTTP/1.1 403 Forbidden\r\n\r\n{long}"), &long),
    ] {
        let (head, body) = answered(&rig, answer.as_bytes());
        assert_eq!(head.status(), 403);
        // Told beforehand where the upstream tells it.
        let length = expected.len().to_string();
        let is_told = answer.contains("Content-Length");
        assert_eq!(head.get("Content-Length"), is_told.then_some(&*length));
        assert_eq!(head.get("Transfer-Encoding"), (!is_told).then_some("chunked"));
        assert_eq!(str::from_utf8(&body), Ok(expected));
    }
    rig.finish();
}

#[test]
fn a_large_refusal_passes_as_it_comes() {
    let rig = Rig::default();
    let piece = [b'x'; 64 * 1024];
    for framing in ["", "Content-Length: 4194304\r\n"] {
        let mut client = rig.send(&Message::upgrade("/chat").to_bytes());
        let mut upstream = rig.backend().accept();
        let _request = upstream.read_head();
        upstream.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n").as_bytes());
        let head = client.read_head();
        assert_eq!((head.status(), head.get("Connection")), (200, Some("close")));
        for _ in 0..64 {
            upstream.send(&piece);
            let mut left = piece.len();
            while left > 0 {
                let came = if framing.is_empty() { client.read_chunk() } else { client.read(left) };
                assert!(came.iter().all(|byte| *byte == b'x'));
                left -= came.len();
            }
        }
        drop(upstream);
        let (rest, ending) = client.read_to_end();
        let last = if framing.is_empty() { &b"0\r\n\r\n"[..] } else { b"" };
        assert_eq!((&rest[..], ending), (last, Ending::Fin));
    }
    assert_eq!(rig.finish().reasons("refused")["upstream_refused"], 2);
}

#[test]
fn a_refusal_that_breaks_off_breaks_off_at_the_client() {
    for (framing, end) in [
        ("Content-Length: 100", &b""[..]),
        ("Transfer-Encoding: chunked", b""),
        ("Transfer-Encoding: chunked", b"zz\r\n"),
    ] {
        let rig = Rig::default();
        let mut client = rig.send(&Message::upgrade("/chat").to_bytes());
        let mut upstream = rig.backend().accept();
        let _request = upstream.read_head();
        upstream.send(format!("HTTP/1.1 403 Forbidden\r\n{framing}\r\n\r\n5\r\nhello\r\n").as_bytes());
        assert_eq!(client.read_head().status(), 403);
        client.expect(b"5\r\nhello\r\n");
        upstream.send(end);
        drop(upstream);
        assert_eq!(client.read_to_end().0, b"");
        drop(client);
        assert_eq!(rig.finish().reasons("refused")["upstream_answer_broken"], 1);
    }
}

#[test]
fn a_refusal_has_the_time_of_an_answer_and_not_that_of_a_handshake() {
    let rig = Rig::configured(
        Backend::default(),
        |settings| settings.handshake.upstream = Duration::from_millis(100),
        |config| config.upstreams[0].timeouts.read = Duration::from_millis(300),
    );
    let mut client = rig.send(&Message::upgrade("/chat").to_bytes());
    let mut upstream = rig.backend().accept();
    let _request = upstream.read_head();
    upstream.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\n1");
    assert_eq!(client.read_head().status(), 403);
    client.expect(b"1");
    assert_eq!(client.read_to_end().0, b"");
    let _end = upstream.read_to_end();
    drop((client, upstream));
    assert_eq!(rig.finish().reasons("refused")["upstream_answer_broken"], 1);
}

#[test]
fn a_refusal_whose_length_is_uncertain_is_a_502() {
    for framing in ["Content-Length: 1\r\nContent-Length: 2", "Content-Length: x"] {
        let rig = Rig::default();
        let (head, body) =
            answered(&rig, format!("HTTP/1.1 403 Forbidden\r\n{framing}\r\n\r\nno").as_bytes());
        assert_eq!((head.status(), &body[..]), (502, &b"502 Bad Gateway\n"[..]));
        assert_eq!(rig.finish().reasons("refused")["upstream_answer_malformed"], 1);
    }
}

#[test]
fn row_11_an_answer_that_is_no_http_is_a_502() {
    for (answer, reason) in [
        (&b"SSH-2.0-OpenSSH_9.2\r\n\r\n"[..], "upstream_answer_malformed"),
        (b"HTTP/1.0 101 Switching Protocols\r\n\r\n", "upstream_answer_malformed"),
        (b"HTTP/1.1 403 Forbidden\r\nX-Evil: a\rb\r\n\r\n", "upstream_answer_malformed"),
        (b"HTTP/1.1 403 Forbidden\r\nX-Evil: a\0b\r\n\r\n", "upstream_answer_malformed"),
        (b"HTTP/1.1 403 Forbidden\r\nX Y: z\r\n\r\n", "upstream_answer_malformed"),
        (b"HTTP/1.1 99 Low\r\n\r\n", "upstream_answer_malformed"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: web", "upstream_lost"),
        (b"", "upstream_lost"),
    ] {
        let rig = Rig::default();
        let (head, body) = answered(&rig, answer);
        assert_eq!((head.status(), &body[..]), (502, &b"502 Bad Gateway\n"[..]), "{}", answer.escape_ascii());
        assert_eq!(rig.finish().reasons("refused")[reason], 1, "{}", answer.escape_ascii());
    }
}

#[test]
fn a_head_of_the_upstream_without_end_is_a_502() {
    for line in [b"X-Many: 1\r\n".repeat(101), [&b"X-Long: "[..], &[b'x'; 17 * 1024]].concat()] {
        let rig = Rig::default();
        let answer = [&b"HTTP/1.1 403 Forbidden\r\n"[..], &line, b"\r\n\r\n"].concat();
        assert_eq!(answered(&rig, &answer).0.status(), 502);
        rig.finish();
    }
}

#[test]
fn an_upstream_that_breaks_off_is_a_502() {
    let rig = Rig::default();
    let mut client = rig.send(&Message::upgrade("/chat").to_bytes());
    let mut upstream = rig.backend().accept();
    let _request = upstream.read_head();
    upstream.abort();
    assert_eq!(client.read_head().status(), 502);
    drop(client);
    assert_eq!(rig.finish().reasons("refused")["upstream_lost"], 1);
}

#[test]
fn an_upstream_that_does_not_answer_is_a_504() {
    let rig = Rig::with(|settings| settings.handshake.upstream = Duration::from_millis(200));
    for answer in [&b""[..], b"HTTP/1.1 101 Switching", b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n"] {
        let mut client = rig.send(&Message::upgrade("/chat").to_bytes());
        let mut upstream = rig.backend().accept();
        let _request = upstream.read_head();
        upstream.send(answer);
        assert_eq!(client.read_head().status(), 504);
        upstream.expect_end(Ending::Fin);
    }
    assert_eq!(rig.finish().reasons("refused")["upstream_handshake_timeout"], 3);
}

#[test]
fn an_upstream_that_is_not_there_is_a_502() {
    let nowhere = Backend::default().address();
    let rig = Rig::with(|settings| {
        settings.upstream =
            Target::new(TargetAddress::Tcp { host: nowhere.ip().to_string(), port: nowhere.port() })
    });
    let mut client = rig.send(&Message::upgrade("/chat").to_bytes());
    assert_eq!(client.read_head().status(), 502);
    drop(client);
    assert_eq!(rig.settled().get("framegate_handshake_failures_total{reason=\"upstream_unreachable\"}"), 1.0);
    assert_eq!(rig.stop().reasons("refused")["upstream_unreachable"], 1);
}

#[test]
fn an_upstream_that_takes_no_connection_is_a_504() {
    let (backend, _waiting) = Backend::full();
    let rig = Rig::before(backend, |settings| settings.handshake.dial = Duration::from_millis(200));
    let mut client = rig.send(&Message::upgrade("/chat").to_bytes());
    assert_eq!(client.read_head().status(), 504);
    drop(client);
    let _settled = rig.settled();
    assert_eq!(rig.stop().reasons("refused")["upstream_dial_timeout"], 1);
}

#[test]
fn a_client_that_goes_while_the_upstream_thinks_takes_the_upstream_with_it() {
    for aborts in [false, true] {
        let rig = Rig::default();
        let client = rig.send(&Message::upgrade("/chat").to_bytes());
        let mut upstream = rig.backend().accept();
        let _request = upstream.read_head();
        if aborts {
            client.abort();
        } else {
            drop(client);
        }
        upstream.expect_end(Ending::Fin);
        drop(upstream);
        let records = rig.finish();
        assert_eq!(records.reasons("refused")["client_gone"], 1);
        assert!(records.of("open").is_empty());
    }
}

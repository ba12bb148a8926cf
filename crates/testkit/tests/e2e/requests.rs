//! What clients ask: each fault of an opening handshake has its answer, the upstream
//! never hears of it, and the client's connection ends.

use std::time::Duration;

use serde_json::json;
use testkit::Side;
use testkit::deadline::Stopwatch;
use testkit::frame::{TEXT, frame};
use testkit::head::Head;
use testkit::message::{KEY, Message};
use testkit::peer::Ending;
use testkit::records::assert_has;
use testkit::rig::Rig;

/// Sends `request`, which opens nothing, and gives the answer.
#[track_caller]
fn refusal(rig: &Rig, request: &[u8]) -> Head {
    let mut client = rig.send(request);
    let head = client.read_head();
    rig.backend().assert_not_dialled();
    let (body, ending) = client.read_to_end();
    assert_eq!(ending, Ending::Fin);
    // A 426 has to name Upgrade as an option of the connection (RFC 9110 §7.8).
    let options = if head.status() == 426 { "upgrade, close" } else { "close" };
    assert_eq!(head.get("Connection").map(str::to_ascii_lowercase).as_deref(), Some(options));
    assert_eq!(head.get("Content-Length").unwrap_or("0"), body.len().to_string());
    head
}

/// Each request has that status and is counted under that reason.
#[track_caller]
fn check(cases: &[(Message, u16, &str)]) {
    let rig = Rig::default();
    for (request, status, reason) in cases {
        let before = rig.metrics().get(&format!("framegate_handshake_failures_total{{reason=\"{reason}\"}}"));
        let head = refusal(&rig, &request.to_bytes());
        assert_eq!(head.status(), *status, "{request:?}");
        let after = rig.settled().get(&format!("framegate_handshake_failures_total{{reason=\"{reason}\"}}"));
        assert_eq!(after, before + 1.0, "{reason} for {request:?}");
    }
    let records = rig.finish();
    let refused = records.of("refused");
    assert_eq!(refused.len(), cases.len());
    for (record, (_, status, reason)) in refused.into_iter().zip(cases) {
        assert_has(record, &json!({"status": status, "reason": reason}));
    }
}

fn upgrade() -> Message {
    Message::upgrade("/chat")
}

#[test]
fn row_3_another_version_is_answered_with_the_one_there_is() {
    for version in ["8", "0", "12", "14", "013", "13, 8", "", "thirteen"] {
        let rig = Rig::default();
        let head = refusal(&rig, &upgrade().replace("Sec-WebSocket-Version", version).to_bytes());
        assert_eq!(head.status(), 426, "{version:?}");
        assert_eq!(head.get("Sec-WebSocket-Version"), Some("13"));
        assert_eq!(head.get("Upgrade"), Some("websocket"));
        rig.finish();
    }
}

#[test]
fn row_6_a_request_that_asks_for_no_websocket_goes_on_as_plain_http() {
    let plain = Message::new("GET / HTTP/1.1").with("Host", "example.org");
    let h2c = upgrade().replace("Upgrade", "h2c").with("HTTP2-Settings", "AAMAAABkAAQAAP__");
    for request in [plain.clone(), h2c, plain.clone().first_line("POST / HTTP/1.1")] {
        let rig = Rig::default();
        let mut client = rig.send(&request.to_bytes());
        let mut upstream = rig.backend().accept();
        let head = upstream.read_head();
        for gone in ["Upgrade", "Connection", "HTTP2-Settings"] {
            assert_eq!(head.get(gone), None, "{head:?}");
        }
        upstream.send(b"HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!(client.read_head().status(), 204);
        // Neither connection is a tunnel: both are there for the next request.
        client.send(&plain.to_bytes());
        let _second = upstream.read_head();
        upstream.send(b"HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!(client.read_head().status(), 204);
        drop(client);
        let records = rig.finish();
        assert_eq!(records.of("request").len(), 2);
    }
}

#[test]
fn row_7_an_upgrade_with_a_body_is_refused() {
    check(&[
        (upgrade().with("Content-Length", "5").body(b"hello"), 400, "body"),
        (upgrade().with("Content-Length", "500"), 400, "body"),
        (upgrade().with("Transfer-Encoding", "chunked").body(b"5\r\nhello\r\n0\r\n\r\n"), 400, "body"),
    ]);
}

#[test]
fn row_7_a_length_of_zero_is_no_body_and_does_not_go_on() {
    let rig = Rig::default();
    let once = upgrade().with("Content-Length", "0");
    // RFC 9112 §6.3 lets the same length stand twice.
    for request in [once.clone().with("Content-Length", "0"), once] {
        let session = rig.open_with(&request, |answer| answer);
        assert_eq!(session.request.get("Content-Length"), None);
        session.close();
    }
    rig.finish();
}

#[test]
fn row_8_two_ways_to_frame_a_body_are_refused() {
    for request in [
        upgrade().with("Content-Length", "5").with("Transfer-Encoding", "chunked"),
        upgrade().with("Content-Length", "0").with("Content-Length", "5"),
        upgrade().with("Content-Length", "0, 0"),
        upgrade().with("Content-Length", "+0"),
        upgrade().with("Transfer-Encoding", "chunked, identity"),
        upgrade().with("Transfer-Encoding", "x"),
    ] {
        let rig = Rig::default();
        let head = refusal(&rig, &request.to_bytes());
        assert_eq!(head.status(), 400, "{request:?}");
        rig.finish();
    }
}

#[test]
fn row_8_lines_that_two_parsers_could_read_in_two_ways_are_refused() {
    for line in [
        &b"X-Folded: a\r\n b"[..],
        b" X-Leading: blank",
        b"X-Blank : before the colon",
        b"X-Nul: a\0b",
        b"X-Cr: a\rb",
        b"X-Ctl: a\x01b",
        b"X-Del: a\x7fb",
        b"No colon",
        b": no name",
        b"X Y: blank in the name",
        b"X\xc3\xa4: letters beyond ASCII",
    ] {
        let rig = Rig::default();
        let head = refusal(&rig, &upgrade().line(line).to_bytes());
        assert_eq!(head.status(), 400, "{:?}", line.escape_ascii().to_string());
        assert_eq!(rig.finish().reasons("refused")["malformed_request"], 1);
    }
}

#[test]
fn row_8_a_bare_line_feed_ends_a_line_here_and_is_not_passed_on() {
    let rig = Rig::default();
    let request = upgrade().line(b"X-One: 1\nX-Two: 2").to_bytes();
    let session = rig.answer(rig.send(&request), |answer| answer);
    assert_eq!(session.request.get("X-One"), Some("1"));
    assert_eq!(session.request.get("X-Two"), Some("2"));
    session.close();
    rig.finish();
}

#[test]
fn row_11_octets_that_could_end_a_line_are_refused_wherever_they_stand() {
    check(&[
        (upgrade().line(b"Sec-WebSocket-Protocol: a\rX: y"), 400, "malformed_request"),
        (upgrade().line(b"Sec-WebSocket-Protocol: a\0"), 400, "malformed_request"),
        (upgrade().with("Sec-WebSocket-Protocol", "a b"), 400, "subprotocols"),
        (upgrade().with("Sec-WebSocket-Protocol", "a, a"), 400, "subprotocols"),
        (upgrade().with("Sec-WebSocket-Protocol", "\"a\""), 400, "subprotocols"),
        (upgrade().line(b"Sec-WebSocket-Protocol: caf\xc3\xa9"), 400, "subprotocols"),
        (upgrade().first_line("GET /a\tb HTTP/1.1"), 400, "malformed_request"),
        (upgrade().first_line("GET /a b HTTP/1.1"), 400, "malformed_request"),
        (upgrade().first_line("GET /a\0b HTTP/1.1"), 400, "malformed_request"),
        (upgrade().first_line("GET /a\rb HTTP/1.1"), 400, "malformed_request"),
        (upgrade().first_line("GET /a\x7fb HTTP/1.1"), 400, "malformed_request"),
    ]);
}

#[test]
fn row_11_an_escaped_line_end_in_the_target_stays_escaped() {
    let rig = Rig::default();
    let target = "/a%0d%0aX-Evil:%201?q=%0d%0a";
    let session = rig.open_with(&Message::upgrade(target), |answer| answer);
    assert_eq!(session.request.first_line, "GET /a%0D%0AX-Evil:%201?q=%0d%0a HTTP/1.1");
    assert_eq!(session.request.get("X-Evil"), None);
    session.close();
    rig.finish();
}

#[test]
fn row_12_the_host_must_be_one_and_the_one_of_the_target() {
    let absolute = |target: &str| upgrade().first_line(&format!("GET {target} HTTP/1.1"));
    check(&[
        (upgrade().without("Host"), 400, "host_missing"),
        (upgrade().with("Host", "example.org"), 400, "host_repeated"),
        (upgrade().replace("Host", ""), 400, "host_invalid"),
        (upgrade().replace("Host", "a b"), 400, "host_invalid"),
        (upgrade().replace("Host", "user@example.org"), 400, "host_invalid"),
        (upgrade().replace("Host", "a, b"), 400, "host_invalid"),
        (upgrade().replace("Host", "example.org:99999"), 400, "host_invalid"),
        (absolute("http://other.example/chat"), 400, "host_mismatch"),
        (absolute("http://example.org:81/chat"), 400, "host_mismatch"),
        (absolute("ftp://example.org/chat"), 400, "target"),
        (absolute("*"), 400, "target"),
        (absolute("example.org:80"), 400, "target"),
    ]);
}

#[test]
fn row_12_a_target_with_scheme_and_host_goes_on_as_a_path() {
    let rig = Rig::default();
    let request = upgrade().first_line("GET http://EXAMPLE.org:80/chat?a=b HTTP/1.1");
    let session = rig.open_with(&request, |answer| answer);
    assert_eq!(session.request.first_line, "GET /chat?a=b HTTP/1.1");
    assert_eq!(session.request.get("Host"), Some("example.org"));
    session.close();
    rig.finish();
}

#[test]
fn row_18_a_head_that_is_too_large_is_told_so() {
    for request in [
        upgrade().with("X-Large", &"x".repeat(17 * 1024)),
        upgrade().first_line(&format!("GET /{} HTTP/1.1", "x".repeat(17 * 1024))),
        (0..100).fold(upgrade(), |request, _| request.with("X-Many", "1")),
    ] {
        let rig = Rig::default();
        assert_eq!(refusal(&rig, &request.to_bytes()).status(), 431);
        let metrics = rig.settled();
        assert_eq!(metrics.get("framegate_handshake_failures_total{reason=\"head_too_large\"}"), 1.0);
        assert_eq!(rig.finish().reasons("refused")["head_too_large"], 1);
    }
}

#[test]
fn row_18_a_head_of_just_under_16_kib_or_of_95_fields_is_none_too_large() {
    let rig = Rig::default();
    let large = upgrade().with("X-Large", &"x".repeat(15 * 1024));
    let many = (0..90).fold(upgrade(), |request, _| request.with("X-Many", "1"));
    for request in [large, many] {
        rig.open_with(&request, |answer| answer).close();
    }
    rig.finish();
}

#[test]
fn row_18_a_head_that_comes_too_slowly_is_cut_off_and_counted() {
    let limit = Duration::from_millis(300);
    let request = upgrade().to_bytes();
    for sent in [&request[..0], &request[..1], &request[..request.len() - 1]] {
        let rig = Rig::with(|settings| settings.handshake.head = limit);
        let stopwatch = Stopwatch::start();
        let mut client = rig.send(sent);
        // An answer before the first byte of a request would be taken for the next one's.
        if !sent.is_empty() {
            assert_eq!(client.read_head().status(), 408);
        }
        client.expect_end(Ending::Fin);
        let took = stopwatch.read();
        assert!(took >= limit - Duration::from_millis(50) && took < limit * 20, "{took:?}");
        rig.backend().assert_not_dialled();
        drop(client);
        let metrics = rig.settled();
        assert_eq!(metrics.get("framegate_handshake_failures_total{reason=\"head_timeout\"}"), 1.0);
        assert_eq!(rig.finish().reasons("refused")["head_timeout"], 1);
    }
}

#[test]
fn row_18_a_head_that_keeps_coming_byte_by_byte_is_cut_off_all_the_same() {
    let rig = Rig::with(|settings| settings.handshake.head = Duration::from_millis(300));
    let request = upgrade().with("X-Slow", &"x".repeat(10_000)).to_bytes();
    let mut client = rig.connect();
    let answered = request.iter().any(|byte| {
        client.send(&[*byte]);
        client.has_bytes_within(Duration::from_millis(2))
    });
    assert!(answered);
    assert_eq!(client.read_head().status(), 408);
    drop(client);
    assert_eq!(rig.finish().reasons("refused")["head_timeout"], 1);
}

#[test]
fn row_18_a_head_in_thousands_of_pieces_is_read_in_no_time() {
    let rig = Rig::default();
    let request = upgrade().with("X-Long", &"x".repeat(8_000)).to_bytes();
    let mut client = rig.connect();
    client.send_bytewise(&request);
    rig.answer(client, |answer| answer).close();
    rig.finish();
}

#[test]
fn row_19_lists_made_to_be_slow_are_read_at_once() {
    let nested = format!("x; y=\"{}\"", "\\\"".repeat(3_000));
    let many = vec!["permessage-deflate"; 17].join(", ");
    let open = format!("x; y=\"{}", "\\".repeat(7_000));
    let commas = ",".repeat(9_000);
    let params = format!("x{}", "; a".repeat(2_000));
    check(&[
        (upgrade().with("Sec-WebSocket-Extensions", &nested), 400, "extensions"),
        (upgrade().with("Sec-WebSocket-Extensions", &many), 400, "extensions"),
        (upgrade().with("Sec-WebSocket-Extensions", &open), 400, "extensions"),
        (upgrade().with("Sec-WebSocket-Extensions", &commas), 400, "extensions"),
        (upgrade().with("Sec-WebSocket-Extensions", &params), 400, "extensions"),
        (upgrade().with("Sec-WebSocket-Protocol", &commas), 400, "subprotocols"),
        (upgrade().with("Sec-WebSocket-Protocol", &vec!["a"; 4_000].join(",")), 400, "subprotocols"),
        (upgrade().with("Sec-WebSocket-Protocol", &"(".repeat(7_000)), 400, "subprotocols"),
    ]);
}

#[test]
fn row_20_extensions_and_subprotocols_of_any_name_are_data() {
    let rig = Rig::default();
    let names = "constructor, __proto__, toString; hasOwnProperty=__proto__";
    let request = upgrade()
        .with("Sec-WebSocket-Extensions", names)
        .with("Sec-WebSocket-Protocol", "__proto__, constructor");
    let session = rig.open_with(&request, |answer| answer.with("Sec-WebSocket-Protocol", "constructor"));
    assert_eq!(session.request.get("Sec-WebSocket-Extensions"), None, "unknown extensions are declined");
    assert_eq!(session.request.get("Sec-WebSocket-Protocol"), Some("__proto__, constructor"));
    assert_eq!(session.response.get("Sec-WebSocket-Protocol"), Some("constructor"));
    assert_eq!(session.response.get("Sec-WebSocket-Extensions"), None);
    session.close();
    assert_has(rig.finish().only("open"), &json!({"subprotocol": "constructor"}));
}

#[test]
fn row_21_an_offer_with_impossible_parameters_is_declined_alone() {
    for impossible in [
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=abc",
        "server_max_window_bits",
        "client_max_window_bits=7",
        "client_max_window_bits=08",
        "server_no_context_takeover=1",
        "client_no_context_takeover; client_no_context_takeover",
        "server_max_window_bits=10; server_max_window_bits=10",
        "never_heard_of",
    ] {
        let rig = Rig::default();
        let offers = format!("permessage-deflate; {impossible}, permessage-deflate; client_max_window_bits");
        let session = rig.open_with(&upgrade().with("Sec-WebSocket-Extensions", &offers), |answer| answer);
        let offered = session.request.get("Sec-WebSocket-Extensions");
        assert_eq!(offered, Some("permessage-deflate; client_max_window_bits"), "{impossible}");
        session.close();
        rig.finish();
    }
}

#[test]
fn row_23_the_key_must_be_one_and_16_bytes_of_base64() {
    check(&[
        (upgrade().without("Sec-WebSocket-Key"), 400, "key_missing"),
        (upgrade().with("Sec-WebSocket-Key", KEY), 400, "key_repeated"),
        (upgrade().replace("Sec-WebSocket-Key", ""), 400, "key_invalid"),
        (upgrade().replace("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ"), 400, "key_invalid"),
        (upgrade().replace("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j"), 400, "key_invalid"),
        (upgrade().replace("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZTEy"), 400, "key_invalid"),
        (upgrade().replace("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==x"), 400, "key_invalid"),
        (upgrade().replace("Sec-WebSocket-Key", "dGhlIHNhbXBs ZSBub25jZQ=="), 400, "key_invalid"),
        (upgrade().replace("Sec-WebSocket-Key", "????????????????????????"), 400, "key_invalid"),
    ]);
}

#[test]
fn what_else_rfc_6455_4_2_1_asks_of_a_request() {
    check(&[
        (upgrade().without("Connection"), 400, "connection"),
        (upgrade().replace("Connection", "keep-alive"), 400, "connection"),
        (upgrade().without("Sec-WebSocket-Version"), 400, "version_missing"),
        (upgrade().with("Sec-WebSocket-Version", "13"), 400, "version_repeated"),
        (upgrade().first_line("GET /chat HTTP/1.0"), 400, "http_version"),
        (upgrade().first_line("GET /chat HTTP/2.0"), 400, "malformed_request"),
        (upgrade().first_line("GET /chat HTTP/1.2"), 400, "malformed_request"),
        (upgrade().first_line("GET /chat"), 400, "malformed_request"),
    ]);
}

#[test]
fn another_method_is_told_the_right_one() {
    for method in ["POST", "OPTIONS", "PUT"] {
        let rig = Rig::default();
        let request = upgrade().first_line(&format!("{method} /chat HTTP/1.1"));
        let head = refusal(&rig, &request.to_bytes());
        assert_eq!((head.status(), head.get("Allow")), (405, Some("GET")));
        rig.finish();
    }
}

#[test]
fn what_a_list_may_hold_beside_the_wanted_word_does_no_harm() {
    let rig = Rig::default();
    for request in [
        upgrade().replace("Upgrade", "WebSocket"),
        upgrade().replace("Upgrade", "h2c, websocket"),
        upgrade().replace("Connection", "keep-alive, Upgrade"),
        upgrade().replace("Connection", ", ,uPGRADE,"),
        upgrade().replace("Connection", "keep-alive").with("Connection", "upgrade"),
        upgrade().line(b"X-Opaque: \x80\xff"),
    ] {
        let session = rig.open_with(&request, |answer| answer);
        assert_eq!(session.request.get("Upgrade"), Some("websocket"));
        assert_eq!(session.request.get("Connection"), Some("Upgrade"));
        session.close();
    }
    rig.finish();
}

#[test]
fn a_request_split_anywhere_is_the_same_request() {
    let rig = Rig::default();
    let request = Message::upgrade("/").to_bytes();
    let hello = frame(Side::Client, TEXT, b"hello");
    for at in 1..request.len() {
        let (first, second) = request.split_at(at);
        let mut client = rig.connect();
        client.send(first);
        client.send(&[second, &hello].concat());
        let mut session = rig.answer(client, |answer| answer);
        session.upstream.expect(&hello);
        session.close();
    }
    rig.finish();
}

#[test]
fn a_connection_without_a_word_is_no_failure_that_is_recorded() {
    let rig = Rig::default();
    let mut client = rig.connect();
    client.finish();
    client.expect_end(Ending::Fin);
    let metrics = rig.settled();
    assert_eq!(metrics.get("framegate_handshake_failures_total{reason=\"no_request\"}"), 1.0);
    assert!(rig.finish().of("refused").is_empty());
}

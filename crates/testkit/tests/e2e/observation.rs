//! What is told of a session: one record at its open and one at its close with the right
//! figures, and metrics that add up.

use serde_json::json;
use testkit::Side::{self, Client, Upstream};
use testkit::frame::{BINARY, PING, PONG, TEXT, close, frame};
use testkit::message::Message;
use testkit::peer::{Ending, Peer};
use testkit::records::assert_has;
use testkit::rig::Rig;

#[test]
fn a_session_is_recorded_at_its_open_and_at_its_close() {
    let rig = Rig::default();
    let request = Message::upgrade("/room/7?token=secret").with("Sec-WebSocket-Protocol", "chat.v1");
    let mut session = rig.open_with(&request, |answer| answer.with("Sec-WebSocket-Protocol", "chat.v1"));
    let (client, upstream) = (session.client.address().to_string(), session.upstream.address().to_string());
    let request_id = session.request.get("X-Request-Id").map(str::to_owned);
    let from_client = [
        frame(Client, TEXT, b"whole"),
        frame(Client, 0x01, b"in "),
        frame(Client, PING, b"?"),
        frame(Client, 0x80, b"two"),
        close(Client, 4000, "done"),
    ];
    let from_upstream =
        [frame(Upstream, BINARY, &[0; 1000]), frame(Upstream, PONG, b"?"), close(Upstream, 1000, "")];
    from_client[..4].iter().for_each(|frame| session.pass(Client, frame));
    from_upstream[..2].iter().for_each(|frame| session.pass(Upstream, frame));
    session.pass(Client, &from_client[4]);
    session.pass(Upstream, &from_upstream[2]);
    session.end();
    let records = rig.finish();
    let open = records.only("open");
    let common =
        json!({"session": open["session"], "client": client, "upstream": upstream, "path": "/room/7"});
    assert_has(open, &common);
    assert_has(open, &json!({"host": "example.org", "request_id": request_id, "subprotocol": "chat.v1"}));
    assert!(open["handshake_ms"].as_f64().is_some_and(|took| took > 0.0), "{open}");
    assert_eq!(open.get("extensions"), None);
    let record = records.only("close");
    assert_has(record, &common);
    assert_has(
        record,
        &json!({
            "reason": "close", "by": "client",
            "client_close_received": 4000, "upstream_close_sent": 4000,
            "upstream_close_received": 1000, "client_close_sent": 1000,
            "client_bytes": from_client.concat().len(), "client_frames": 5, "client_messages": 2,
            "upstream_bytes": from_upstream.concat().len(), "upstream_frames": 3, "upstream_messages": 1,
        }),
    );
    let (took, lived) = (open["handshake_ms"].as_f64(), record["duration_ms"].as_f64());
    assert!(took.is_some() && lived.is_some_and(|lived| lived > 0.0), "{record}");
    assert!(records.of("refused").is_empty());
}

#[test]
fn what_a_client_writes_cannot_forge_a_record() {
    let rig = Rig::default();
    let target = "/a\"},{\"event\":\"forged";
    rig.open_with(&Message::upgrade(target).replace("Host", "a;b=c'"), |answer| answer).close();
    let records = rig.finish();
    let path = "/a%22%7D,%7B%22event%22:%22forged";
    assert_has(records.only("open"), &json!({"path": path, "host": "a;b=c'"}));
    assert_has(records.only("close"), &json!({"path": path}));
    assert!(records.of("forged").is_empty());
}

/// One peer breaks off; the other waits to see it.
fn abort(gone: Peer, mut left: Peer) {
    gone.abort();
    left.expect_end(Ending::Reset);
}

#[test]
fn metrics_add_up_over_workers_directions_and_reasons() {
    let rig = Rig::with(|settings| settings.workers = 2);
    let mut bytes = [0, 0];
    for round in 0..20 {
        let mut session = rig.open();
        for from in Side::BOTH {
            let frames = [
                frame(from, TEXT, b"one"),
                frame(from, BINARY, &vec![1; round * 100]),
                frame(from, PING, b""),
            ];
            for frame in &frames {
                session.pass(from, frame);
                bytes[from.index()] += frame.len();
            }
        }
        match round % 4 {
            0 => abort(session.client, session.upstream),
            1 => abort(session.upstream, session.client),
            2 => {
                session.client.finish();
                session.upstream.expect_end(Ending::Fin);
            }
            _ => {
                bytes[0] += close(Client, 1000, "").len();
                bytes[1] += close(Upstream, 1000, "").len();
                session.close();
            }
        }
    }
    let mut refused = rig.send(&Message::upgrade("/").without("Host").to_bytes());
    assert_eq!(refused.read_head().status(), 400);
    drop(refused);
    let metrics = rig.settled();
    assert_eq!(metrics.get("framegate_connections_accepted_total"), 21.0);
    assert_eq!(metrics.get("framegate_connections_opened_total"), 20.0);
    assert_eq!(metrics.get("framegate_connections_active"), 0.0);
    assert_eq!(metrics.get("framegate_accept_errors_total"), 0.0);
    assert_eq!(metrics.get("framegate_log_records_lost_total"), 0.0);
    let closed = |label: &str| metrics.sum("framegate_connections_closed_total", label);
    assert_eq!(closed(""), 20.0);
    assert_eq!((closed("reason=\"close\""), closed("reason=\"reset\"")), (5.0, 10.0));
    assert_eq!(closed("reason=\"reset\",by=\"client\""), 5.0);
    assert_eq!(closed("reason=\"reset\",by=\"upstream\""), 5.0);
    assert_eq!(closed("reason=\"fin\""), 5.0);
    assert_eq!(metrics.sum("framegate_handshake_failures_total", ""), 1.0);
    assert_eq!(metrics.get("framegate_handshake_failures_total{reason=\"host_missing\"}"), 1.0);
    assert!(metrics.get("framegate_connection_seconds_total") > 0.0);
    for from in Side::BOTH {
        let of = |family: &str, opcode: &str| {
            metrics.get(&format!("framegate_{family}_total{{from=\"{from}\",opcode=\"{opcode}\"}}"))
        };
        assert_eq!((of("messages", "text"), of("messages", "binary")), (20.0, 20.0));
        let frames =
            ["continuation", "text", "binary", "close", "ping", "pong"].map(|opcode| of("frames", opcode));
        assert_eq!(frames, [0.0, 20.0, 20.0, 5.0, 20.0, 0.0]);
        assert_eq!(of("frame_payload_bytes", "text"), 60.0);
        assert_eq!(of("frame_payload_bytes", "binary"), f64::from((0..20).sum::<u32>() * 100));
        assert_eq!(of("frame_payload_bytes", "close"), 10.0);
        let bytes = f64::from(u32::try_from(bytes[from.index()]).unwrap());
        assert_eq!(metrics.get(&format!("framegate_bytes_total{{from=\"{from}\"}}")), bytes);
    }
    let records = rig.finish();
    assert_eq!(records.reasons("close"), [("close", 5), ("fin", 5), ("reset", 10)].into());
    for (from, bytes) in Side::BOTH.into_iter().zip(bytes) {
        let key = format!("{from}_bytes");
        let sum: u64 = records.of("close").iter().filter_map(|record| record[&key].as_u64()).sum();
        assert_eq!(sum, u64::try_from(bytes).unwrap(), "{key}");
    }
}

#[test]
fn the_gauges_tell_what_is_open_and_under_way() {
    let rig = Rig::with(|settings| settings.max_connections = 7);
    let sessions = [rig.open(), rig.open(), rig.open()];
    let client = rig.send(&Message::upgrade("/").to_bytes());
    let upstream = rig.backend().accept();
    rig.await_metric("framegate_connections_active", 3.0);
    rig.await_metric("framegate_handshakes_in_progress", 1.0);
    assert_eq!(rig.metrics().get("framegate_connections_limit"), 7.0);
    drop((sessions, client, upstream));
    let metrics = rig.settled();
    assert_eq!(metrics.get("framegate_connections_opened_total"), 3.0);
    rig.finish();
}

#[test]
fn the_page_is_at_one_path_and_is_read_only() {
    let rig = Rig::default();
    for (request_line, status) in [
        ("GET /metrics?x=1 HTTP/1.1", 200),
        ("HEAD /metrics HTTP/1.1", 200),
        ("POST /metrics HTTP/1.1", 405),
        ("GET / HTTP/1.1", 404),
        ("GET /metrics/ HTTP/1.1", 404),
    ] {
        let mut scraper = Peer::connect(rig.metrics_address());
        scraper.send(
            &Message::new(request_line).with("Host", "localhost").with("Connection", "close").to_bytes(),
        );
        let head = scraper.read_head();
        assert_eq!(head.status(), status, "{request_line}");
        assert_eq!(head.get("Allow"), (status == 405).then_some("GET, HEAD"));
        let (body, ending) = scraper.read_to_end();
        assert_eq!(ending, Ending::Fin);
        assert_eq!(body.is_empty(), request_line.starts_with("HEAD"));
    }
    rig.finish();
}

#[test]
fn row_17_a_page_of_another_site_cannot_read_the_metrics_of_this_machine() {
    let rig = Rig::default();
    let own = rig.metrics_address().to_string();
    let get =
        |host: &str| Message::new("GET /metrics HTTP/1.1").with("Host", host).with("Connection", "close");
    for (request, status) in [
        (get(&own), 200),
        (get("localhost"), 200),
        (get(&own).with("Origin", &format!("http://{own}")), 200),
        // A name of an attacker's that leads to 127.0.0.1 by now.
        (get("evil.example"), 421),
        (get(&format!("evil.example:{}", rig.metrics_address().port())), 421),
        (get("localhost.evil.example").with("Origin", "http://localhost.evil.example"), 421),
        (get(&own).with("Origin", "http://evil.example"), 403),
        (get(&own).with("Origin", "null"), 403),
        (get(&own).with("Host", "evil.example"), 400),
        (get("localhost").first_line("GET http://evil.example/metrics HTTP/1.1"), 400),
    ] {
        let mut scraper = Peer::connect(rig.metrics_address());
        scraper.send(&request.to_bytes());
        let head = scraper.read_head();
        assert_eq!(head.status(), status, "{request:?}");
        let body = String::from_utf8(scraper.read_body(&head)).unwrap();
        assert_eq!(body.contains("framegate_"), status == 200, "{body}");
        assert_eq!(head.get("Access-Control-Allow-Origin"), None);
        // Whoever is refused is told why, by its status and in words.
        assert!(status == 200 || body.starts_with(&format!("{status} ")), "{body}");
    }
    rig.finish();
}

#[test]
fn a_gateway_tells_where_it_listens_and_that_it_stops() {
    let rig = Rig::default();
    let (address, metrics) = (rig.address(), rig.metrics_address());
    let records = rig.finish();
    assert_has(
        records.only("listening"),
        &json!({"listener": "relay", "address": address.to_string(), "workers": 1, "level": "info"}),
    );
    assert_has(records.only("metrics"), &json!({"address": metrics.to_string()}));
    let _one_each = (records.only("draining"), records.only("stopped"));
}

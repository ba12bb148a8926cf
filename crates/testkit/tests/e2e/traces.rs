//! Traces: what a capture server is told of connections, by HEP, and when.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use gate_config::model::TraceEnds;
use serde_json::{Value, json};
use testkit::Side::{Client, Upstream};
use testkit::backend::Backend;
use testkit::capture::{Capture, Packet};
use testkit::deadline::eventually;
use testkit::folder::Folder;
use testkit::frame::{TEXT, close, frame};
use testkit::message::Message;
use testkit::peer::Peer;
use testkit::records::assert_has;
use testkit::rig::{Rig, Session};
use testkit::tls::Authority;

/// How long nothing comes where nothing is to come.
const SILENCE: Duration = Duration::from_millis(150);

/// A gateway of which routes, with `settings`, tell `capture`.
fn kdl(capture: &Capture, settings: &str) -> String {
    format!(
        r#"
        admin {{ address "127.0.0.1:0" }}
        listeners {{ listener "front" {{ address "127.0.0.1:0"; trace "homer" }} }}
        routes {{
            route "chat" {{
                matches {{ path-prefix "/chat" }}
                upstream "u"
                websocket {{ trace "homer"; origins "https://example.org" }}
            }}
        }}
        upstreams {{ upstream "u" {{ target "$0" }} }}
        traces {{ trace "homer" {{ address "{}"; {settings} }} }}"#,
        capture.address()
    )
}

fn rig(capture: &Capture, settings: &str) -> Rig {
    Rig::from_kdl([Backend::default()], &kdl(capture, settings))
}

#[track_caller]
fn say_goodbye(mut session: Session) {
    session.pass(Client, &close(Client, 4001, "done"));
    session.pass(Upstream, &close(Upstream, 4001, "done"));
    session.end();
}

/// One of the packets, found by values in its payload.
#[track_caller]
fn find(packets: &[Packet], wanted: &Value) -> Packet {
    let wanted = wanted.as_object().expect("an object");
    let has = |packet: &&Packet| {
        let event = packet.json();
        wanted.iter().all(|(key, value)| event.get(key) == Some(value))
    };
    let told = || packets.iter().map(Packet::text).collect::<Vec<_>>();
    let found = packets.iter().find(has).cloned();
    assert!(found.is_some(), "{wanted:?} in {:#?}", told());
    found.expect("it is there")
}

fn packets(capture: &Capture, count: usize) -> Vec<Packet> {
    (0..count).map(|_| capture.packet()).collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

#[test]
fn both_connections_of_a_session_are_told_of_from_their_open_to_their_end() {
    let capture = Capture::udp();
    let rig = rig(&capture, "capture-id 2001; auth-key \"myhep\"; node-name \"gw1\"");
    let request = Message::upgrade("/chat?room=7&token=s3cret")
        .with("Origin", "https://example.org")
        .with("Cookie", "session=s3cret")
        .with("Authorization", "Bearer s3cret");
    let mut session = rig.open_with(&request, |answer| answer.with("Set-Cookie", "id=s3cret; Path=/"));
    let client = session.client.address();
    session.pass(Client, &frame(Client, TEXT, b"hello"));
    session.pass(Upstream, &frame(Upstream, TEXT, b"hi"));
    let opened = packets(&capture, 2);
    say_goodbye(session);
    let closed = packets(&capture, 2);
    for packet in opened.iter().chain(&closed) {
        assert!(!packet.text().contains("s3cret"), "{}", packet.text());
        assert_eq!((packet.number(0x0b), packet.number(0x0c)), (100, 2001));
        assert_eq!((packet.chunk(0x0e), packet.chunk(0x13)), (&b"myhep"[..], &b"gw1"[..]));
        assert_eq!((packet.number(0x01), packet.number(0x02)), (2, 6));
        assert!(packet.number(0x09) > 1_700_000_000, "the time is that of the day");
    }

    let accepted = find(&opened, &json!({"Event": "ACCEPTED"}));
    assert_eq!((accepted.source(), accepted.destination()), (client, rig.address()));
    let event = accepted.json();
    assert_has(
        &event,
        &json!({
            "Protocol": "WS", "Status": "SUCCESS", "Message": "Connection accepted...",
            "Route": "chat", "Listener": "front",
            "Peer": client.to_string(), "Local": rig.address().to_string(),
        }),
    );
    let request = event["Ws-Request"].as_str().unwrap();
    assert!(request.starts_with("GET /chat?room=7&token=*** HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nCookie: session=***\r\n"), "{request}");
    let reply = event["Ws-Reply"].as_str().unwrap();
    assert!(reply.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{reply}");
    assert!(reply.contains("\r\nSet-Cookie: id=***; Path=/\r\n"), "{reply}");

    let connected = find(&opened, &json!({"Event": "CONNECTED"}));
    assert_eq!(connected.destination(), rig.backend().address(), "who has connected is the source");
    let event_of_upstream = connected.json();
    assert_has(
        &event_of_upstream,
        &json!({
            "Protocol": "WS", "Status": "SUCCESS", "Message": "Successfully connected...",
            "Upstream": "u", "Session": event["Session"], "Local": connected.source().to_string(),
        }),
    );
    assert!(event_of_upstream["Ws-Request"].as_str().unwrap().contains("\r\nUpgrade: websocket\r\n"));
    assert_ne!(accepted.correlation(), connected.correlation());

    for (open, received, sent) in [(&accepted, "hello", "hi"), (&connected, "hi", "hello")] {
        let end = closed.iter().find(|packet| packet.correlation() == open.correlation()).unwrap();
        assert_eq!((end.source(), end.destination()), (open.source(), open.destination()));
        let event = end.json();
        assert_has(
            &event,
            &json!({
                "Event": "CLOSED", "Status": "SUCCESS", "Reason": "close", "By": "client",
                "Close-Code-Received": 4001, "Close-Code-Sent": 4001,
                "Messages-Received": 1, "Messages-Sent": 1,
            }),
        );
        assert!(number(&event["Bytes-Received"]) > u64::try_from(received.len()).unwrap());
        assert!(number(&event["Bytes-Sent"]) > u64::try_from(sent.len()).unwrap());
        assert!(event["Duration-Ms"].is_u64());
    }
    rig.await_metric("framegate_trace_packets_total{trace=\"homer\"}", 4.0);
    rig.finish();
}

#[test]
fn what_is_cut_off_or_breaks_rules_is_a_failure_with_its_cause() {
    let capture = Capture::udp();
    let rig = rig(&capture, "");
    let mut session = rig.open();
    let _opened = packets(&capture, 2);
    session.client.send(&[0x83, 0x80, 0, 0, 0, 0]);
    let _closes = session.client.read_to_end();
    drop(session);
    for event in capture.events(2) {
        assert_has(&event, &json!({"Event": "CLOSED", "Status": "FAILURE", "By": "client"}));
        assert!(event["Message"].as_str().unwrap().contains(event["Reason"].as_str().unwrap()));
    }
    let session = rig.open();
    let _opened = packets(&capture, 2);
    session.client.abort();
    for event in capture.events(2) {
        assert_has(&event, &json!({"Event": "CLOSED", "Status": "FAILURE", "Reason": "reset"}));
    }
    rig.finish();
}

#[test]
fn a_refused_handshake_is_told_of_by_its_route_and_one_without_a_route_by_its_listener() {
    let capture = Capture::udp();
    let rig = rig(&capture, "");
    for (target, origin, status, reason, route) in [
        ("/chat", "https://evil.example", 403, "origin_refused", json!("chat")),
        ("/nowhere", "https://example.org", 404, "no_route", Value::Null),
    ] {
        let request = Message::upgrade(target).with("Origin", origin);
        let mut client = rig.send(&request.to_bytes());
        assert_eq!(client.read_head().status(), status);
        let packet = capture.packet();
        assert_eq!((packet.source(), packet.destination()), (client.address(), rig.address()));
        let event = packet.json();
        assert_has(
            &event,
            &json!({"Event": "ACCEPTED", "Status": "FAILURE", "Http-Status": status, "Listener": "front"}),
        );
        assert!(reason == "origin_refused" || event["Reason"] == reason, "{event}");
        assert_eq!(event["Route"], route);
        assert!(event["Ws-Reply"].as_str().unwrap().starts_with(&format!("HTTP/1.1 {status} ")));
        drop(client);
        let closed = capture.packet();
        assert_eq!(closed.correlation(), packet.correlation());
        assert_has(&closed.json(), &json!({"Event": "CLOSED", "Reason": "refused"}));
    }
    rig.finish();
}

#[test]
fn what_is_no_request_is_told_of_by_the_listener_and_a_plain_request_by_nobody() {
    let capture = Capture::udp();
    let rig = rig(&capture, "");
    let mut client = rig.send(b"NOT HTTP\r\n\r\n");
    assert_eq!(client.read_head().status(), 400);
    drop(client);
    let [failed, closed] = [(); 2].map(|()| capture.packet().json());
    assert_has(&failed, &json!({"Event": "ACCEPTED", "Status": "FAILURE", "Reason": "malformed_request"}));
    assert_eq!(failed["Ws-Request"], Value::Null);
    assert_has(&closed, &json!({"Event": "CLOSED"}));
    let mut client = rig.send(&Message::get("/nowhere").to_bytes());
    assert_eq!(client.read_head().status(), 404);
    drop(client);
    capture.expect_silence(SILENCE);
    rig.finish();
}

#[test]
fn an_upstream_that_cannot_be_reached_or_refuses_is_told_of() {
    let capture = Capture::udp();
    let backends = [Backend::closed(), Backend::default()];
    let text = kdl(&capture, "").replace(
        "upstreams {",
        r#"routes { route "other" { matches { path "/other" }; upstream "o"; websocket { trace "homer" } } }
        upstreams { upstream "o" { target "$1" } }
        upstreams {"#,
    );
    let rig = Rig::from_kdl(backends, &text);
    let mut client = rig.send(&Message::upgrade("/chat").to_bytes());
    assert_eq!(client.read_head().status(), 502);
    let told = packets(&capture, 2);
    let connected = find(&told, &json!({"Event": "CONNECTED"}));
    assert_eq!(connected.destination(), rig.backend().address());
    assert_has(
        &connected.json(),
        &json!({"Status": "FAILURE", "Reason": "upstream_unreachable", "Upstream": "u"}),
    );
    let accepted = find(&told, &json!({"Event": "ACCEPTED"}));
    assert_has(&accepted.json(), &json!({"Status": "FAILURE", "Http-Status": 502}));
    drop(client);
    let closed = capture.packet();
    assert_eq!(closed.correlation(), accepted.correlation(), "there was no other connection to close");

    let mut client = rig.send(&Message::upgrade("/other").to_bytes());
    let mut upstream = rig.backends()[1].accept();
    let _request = upstream.read_head();
    upstream.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.read_head().status(), 401);
    let told = packets(&capture, 2);
    let event = find(&told, &json!({"Event": "CONNECTED"})).json();
    assert_has(&event, &json!({"Status": "FAILURE", "Http-Status": 401, "Upstream": "o"}));
    assert!(event["Ws-Reply"].as_str().unwrap().starts_with("HTTP/1.1 401 Unauthorized\r\n"));
    drop((client, upstream));
    rig.finish();
}

#[test]
fn each_target_that_was_tried_is_told_of_and_not_the_last_alone() {
    let capture = Capture::udp();
    let text = kdl(&capture, "").replace("target \"$0\"", "target \"$0\"; target \"$1\"");
    let rig = Rig::from_kdl([Backend::closed(), Backend::closed()], &text);
    let addresses = [0, 1].map(|index| rig.backends()[index].address());
    let mut client = rig.send(&Message::upgrade("/chat").to_bytes());
    assert_eq!(client.read_head().status(), 502);
    let told = packets(&capture, 3);
    let accepted = find(&told, &json!({"Event": "ACCEPTED", "Status": "FAILURE"})).json();
    for address in addresses {
        let failed = find(&told, &json!({"Event": "CONNECTED", "Target": address.to_string()}));
        assert_eq!(failed.destination(), address);
        assert_has(
            &failed.json(),
            &json!({
                "Status": "FAILURE", "Reason": "upstream_unreachable", "Peer": address.to_string(),
                "Request-Id": accepted["Request-Id"],
            }),
        );
        assert_eq!(failed.json()["Ws-Request"], Value::Null, "nobody was asked");
    }
    drop(client);
    let _closed = capture.packet();

    // It may be tried first or not at all; some session meets it first.
    rig.backends()[1].open();
    let connected = loop {
        let mut client = rig.send(&Message::upgrade("/chat").to_bytes());
        let mut upstream = rig.backends()[1].accept();
        let request = upstream.read_head();
        upstream.send(&Message::switching(&request).to_bytes());
        assert_eq!(client.read_head().status(), 101);
        let told = packets(&capture, 2);
        if told.iter().any(|packet| packet.json()["Target"] == addresses[0].to_string()) {
            let third = capture.packet();
            break [&told[..], &[third]].concat();
        }
        drop((client, upstream));
        let _closed = packets(&capture, 2);
    };
    let failed = find(&connected, &json!({"Event": "CONNECTED", "Status": "FAILURE"}));
    let opened = find(&connected, &json!({"Event": "CONNECTED", "Status": "SUCCESS"}));
    assert_eq!((failed.destination(), opened.destination()), (addresses[0], addresses[1]));
    rig.stop();
}

/// A listener with TLS, and who vouches for it.
fn secure(capture: &Capture, folder: &Folder) -> (Rig, Authority) {
    let authority = Authority::new(folder, &["gw.example"]);
    let text = kdl(capture, "").replace(
        "address \"127.0.0.1:0\"; trace",
        &format!(
            "address \"127.0.0.1:0\"; protocol \"https\"; tls {{ cert-file \"{}\"; key-file \"{}\" }}; trace",
            authority.cert_file.display(),
            authority.key_file.display()
        ),
    );
    (Rig::from_kdl([Backend::default()], &text), authority)
}

#[test]
fn tls_is_told_of_without_its_keys_and_where_it_fails() {
    let (capture, folder) = (Capture::udp(), Folder::new());
    let (rig, authority) = secure(&capture, &folder);
    let mut client = rig.connect().secure(&authority, "gw.example");
    client.send(&Message::upgrade("/chat").to_bytes());
    let session = rig.answer(client, |answer| answer);
    let event = find(&packets(&capture, 2), &json!({"Event": "ACCEPTED"})).json();
    assert_has(
        &event,
        &json!({"Protocol": "WSS", "TLS-Version": "TLSv1.3", "TLS-Server-Name": "gw.example"}),
    );
    assert!(event["TLS-Cipher"].as_str().unwrap().starts_with("TLS_"), "{event}");
    // It has signed itself.
    assert!(event["server-subject"].is_string() && event["server-subject"] == event["server-issuer"]);
    assert_eq!(event["client-subject"], Value::Null);
    let keys: Vec<_> = event.as_object().unwrap().keys().map(|key| key.to_lowercase()).collect();
    assert!(!keys.iter().any(|key| key.contains("secret") || key.contains("master")), "{keys:?}");
    say_goodbye(session);
    let _closed = packets(&capture, 2);

    let mut plain = rig.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let _alert = plain.read_to_end();
    let [failed, closed] = [(); 2].map(|()| capture.packet());
    assert_has(
        &failed.json(),
        &json!({"Protocol": "WSS", "Event": "ACCEPTED", "Status": "FAILURE", "Reason": "tls_handshake"}),
    );
    assert!(failed.json()["server-subject"].is_string(), "the certificate that would have been shown");
    assert_eq!(failed.json()["TLS-Version"], Value::Null);
    assert_eq!(failed.correlation(), closed.correlation());
    rig.stop();
}

#[test]
fn the_switch_acts_on_live_connections_at_once() {
    let capture = Capture::udp();
    let rig = rig(&capture, "enabled false");
    let switch = |position: &str| {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "ws_trace", "params": [position]});
        assert_eq!(rig.operator().post("/mi", &body.to_string()).json()["result"], "OK");
    };
    let session = rig.open();
    capture.expect_silence(SILENCE);
    switch("on");
    say_goodbye(session);
    for event in capture.events(2) {
        assert_has(&event, &json!({"Event": "CLOSED", "Reason": "close", "Route": "chat"}));
    }
    let session = rig.open();
    let _opened = packets(&capture, 2);
    switch("off");
    say_goodbye(session);
    capture.expect_silence(SILENCE);
    rig.finish();
}

#[test]
fn a_filter_decides_before_the_first_event_of_a_connection() {
    let capture = Capture::udp();
    let filter =
        r#"filter { allow peer="127.0.0.2" local="127.0.0.1" local-port="1-65535" route="chat"; deny }"#;
    let rig = rig(&capture, filter);
    let connect_from = |own: [u8; 4]| {
        let mut client = Peer::connect_from(IpAddr::from(own), rig.address());
        client.send(&Message::upgrade("/chat").to_bytes());
        rig.answer(client, |answer| answer)
    };
    let denied = connect_from([127, 0, 0, 3]);
    say_goodbye(denied);
    let mut client = Peer::connect_from(IpAddr::from([127, 0, 0, 2]), rig.address());
    client.send(&Message::upgrade("/nowhere").to_bytes());
    assert_eq!(client.read_head().status(), 404, "a request without a route is not on the route");
    drop(client);
    let admitted = connect_from([127, 0, 0, 2]);
    let accepted = capture.packet();
    assert_eq!(accepted.source().ip(), IpAddr::from([127, 0, 0, 2]));
    say_goodbye(admitted);
    assert_eq!(capture.packet().correlation(), accepted.correlation(), "the upstream's is denied");
    capture.expect_silence(SILENCE);
    rig.finish();
}

#[test]
fn what_the_page_of_opensips_says_of_its_filter_can_be_said() {
    // Connections of 1.1.1.1:8000 at 1.1.1.10:5060, and no others.
    let text = r#"
        listeners { listener "a" { address "127.0.0.1:0" } }
        routes { route "a" { builtin-handler "echo" } }
        traces { trace "hep_dest" { address "10.0.0.2"; filter {
            allow peer="1.1.1.1" peer-port=8000 local="1.1.1.10" local-port=5060
            deny
        } } }"#;
    let config = gate_config::parse("page.kdl", text).expect("it is in order").config;
    let admits = |peer: &str, local: &str| {
        let ends = TraceEnds { peer: peer.parse().ok(), local: local.parse().ok(), route: None };
        config.traces[0].filter.admits(&ends)
    };
    assert!(admits("1.1.1.1:8000", "1.1.1.10:5060"));
    for (peer, local) in [
        ("1.1.1.2:8000", "1.1.1.10:5060"),
        ("1.1.1.1:8001", "1.1.1.10:5060"),
        ("1.1.1.1:8000", "1.1.1.11:5060"),
        ("1.1.1.1:8000", "1.1.1.10:5061"),
    ] {
        assert!(!admits(peer, local), "{peer} {local}");
    }
}

#[test]
fn events_can_be_delimited_values_of_another_type() {
    let capture = Capture::udp();
    let rig = rig(&capture, "form \"homer5\"; delimiter \"|\"; protocol-type 89");
    let session = rig.open();
    let opened = packets(&capture, 2);
    say_goodbye(session);
    let closed = packets(&capture, 2);
    assert!(opened.iter().chain(&closed).all(|packet| packet.number(0x0b) == 89));
    let accepted = opened.iter().find(|packet| packet.text().starts_with("WS|ACCEPTED|GET /chat")).unwrap();
    assert!(accepted.text().ends_with("|Connection accepted..."), "{}", accepted.text());
    assert!(accepted.text().contains("|SUCCESS|HTTP/1.1 101 Switching Protocols\r\n"));
    assert!(closed.iter().all(|packet| packet.text() == "WS|CLOSED|SUCCESS|close by client"));
    rig.finish();
}

#[test]
fn a_long_event_is_cut_and_still_json() {
    let capture = Capture::udp();
    let rig = rig(&capture, "max-packet-size 1024");
    let request = Message::upgrade("/chat").with("X-Long", &"x".repeat(4000));
    let session = rig.open_with(&request, |answer| answer);
    for packet in packets(&capture, 2) {
        let event = packet.json();
        assert_has(&event, &json!({"Cut": true, "Route": "chat"}));
        assert!(packet.text().len() < 1024);
    }
    rig.await_metric("framegate_trace_cut_total{trace=\"homer\"}", 2.0);
    say_goodbye(session);
    rig.finish();
}

#[test]
fn packets_go_by_tcp_and_wait_for_a_server_that_is_down() {
    let capture = Capture::tcp();
    // By its name, which may stand for more than one address.
    let by_name = format!("localhost:{}", capture.address().port());
    let text = kdl(&capture, "transport \"tcp\"").replace(&capture.address().to_string(), &by_name);
    let rig = Rig::from_kdl([Backend::default()], &text);
    let session = rig.open();
    let _opened = packets(&capture, 2);
    rig.await_metric("framegate_trace_connected{trace=\"homer\"}", 1.0);
    let address: SocketAddr = capture.address();
    drop(capture);
    rig.await_metric("framegate_trace_connected{trace=\"homer\"}", 0.0);
    say_goodbye(session);
    let other = rig.open();
    other.client.abort();
    let capture = Capture::tcp_at(address);
    let events = capture.events(6);
    let kinds: Vec<_> = events.iter().map(|event| event["Event"].as_str().unwrap()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "CLOSED").count(), 4, "{kinds:?}");
    rig.await_metric("framegate_trace_connected{trace=\"homer\"}", 1.0);
    rig.await_metric("framegate_trace_packets_total{trace=\"homer\"}", 8.0);
    assert_eq!(rig.metrics().sum("framegate_trace_dropped_total", ""), 0.0);
    let records = rig.finish();
    assert_eq!(records.of("trace_connected").len(), 2);
    assert_eq!(records.of("trace_lost").len(), 1, "it is told once");
}

#[test]
fn packets_go_by_tls_to_a_server_whose_certificate_is_good() {
    let folder = Folder::new();
    let authority = Authority::new(&folder, &["127.0.0.1"]);
    let capture = Capture::tls(&authority);
    let ca = authority.cert_file.display();
    let rig_ = rig(&capture, &format!("transport \"tls\"; tls {{ ca-file \"{ca}\" }}"));
    let session = rig_.open();
    say_goodbye(session);
    assert_eq!(capture.events(4).len(), 4);
    rig_.finish();

    // Nobody has signed this for the authorities of the system.
    let capture = Capture::tls(&authority);
    let rig_ = rig(&capture, "transport \"tls\"");
    let session = rig_.open();
    say_goodbye(session);
    assert!(capture.packet_within(SILENCE).is_none());
    let records = rig_.stop();
    let lost = records.of("trace_lost");
    assert_eq!(lost.len(), 1);
    assert!(lost[0]["detail"].as_str().unwrap().contains("certificate"), "{lost:?}");
}

#[test]
fn a_full_queue_drops_and_counts_and_holds_nobody_up() {
    let capture = Capture::tcp();
    let address = capture.address();
    let rig = rig(&capture, "transport \"tcp\"; queue-size 4");
    drop(capture);
    for _ in 0..10 {
        let session = rig.open();
        say_goodbye(session);
    }
    let dropped = "framegate_trace_dropped_total{trace=\"homer\",reason=\"queue_full\"}";
    // One more than the queue holds may be on its way.
    eventually("all but those that wait are dropped", || (rig.metrics().get(dropped) >= 35.0).then_some(()));
    assert!(rig.metrics().get(dropped) <= 36.0);
    let capture = Capture::tcp_at(address);
    let _kept = packets(&capture, 4);
    let records = rig.finish();
    assert_eq!(records.of("trace_dropping").len(), 1, "it is told once");
}

#[test]
fn a_reload_keeps_the_connection_and_the_position_of_the_switch() {
    let capture = Capture::tcp();
    let mut rig = rig(&capture, "transport \"tcp\"");
    let session = rig.open();
    let _opened = packets(&capture, 2);
    let text = kdl(&capture, "transport \"tcp\"; node-name \"gw2\"; enabled false");
    rig.reload(&text).expect("it is in order");
    let second = rig.open();
    let opened = packets(&capture, 2);
    assert!(opened.iter().all(|packet| packet.chunk(0x13) == b"gw2"), "what is new is told");
    say_goodbye(session);
    for packet in packets(&capture, 2) {
        assert!(!packet.has(0x13), "a session keeps what it began with");
    }
    say_goodbye(second);
    let _closed = packets(&capture, 2);
    assert_eq!(capture.accepted(), 1);
    rig.await_metric("framegate_trace_packets_total{trace=\"homer\"}", 8.0);
    rig.finish();
}

#[test]
fn what_sessions_tell_when_the_gateway_stops_is_still_sent() {
    let capture = Capture::tcp();
    let rig = rig(&capture, "transport \"tcp\"");
    let mut session = rig.open();
    let _opened = packets(&capture, 2);
    let stopping = std::thread::spawn(move || rig.stop());
    let _close = session.client.read_frame();
    session.client.send(&close(Client, 1001, ""));
    let _close = session.upstream.read_frame();
    session.upstream.send(&close(Upstream, 1001, ""));
    drop(session);
    for event in capture.events(2) {
        assert_has(&event, &json!({"Event": "CLOSED", "Reason": "shutdown", "Status": "SUCCESS"}));
    }
    stopping.join().unwrap();
}

//! Fields of plain requests and their answers: what is of one hop stays there, whoever names
//! it; who the client is, the gateway says; all else passes as it is.

use serde_json::json;
use testkit::backend::Backend;
use testkit::message::Message;
use testkit::peer::{Ending, Peer};
use testkit::records::assert_has;
use testkit::rig::{Exchange, Rig};

fn get() -> Message {
    Message::get("/")
}

#[test]
fn what_is_of_the_whole_way_passes_both_ways_as_it_is() {
    let rig = Rig::default();
    let request = get()
        .with("Cookie", "session=\"a b\"")
        .with("Cookie", "second=line")
        .with("Authorization", "Bearer abc.def")
        .with("Origin", "https://example.org")
        .with("Accept-Encoding", "gzip, br")
        .with("If-None-Match", "\"7\"")
        .with("Range", "bytes=0-1")
        .with("X-Empty", "")
        .with("Sec-WebSocket-Key", "not a handshake")
        .line(b"X-Latin: gr\xfc\xdfe");
    let mut exchange = rig.ask(&request);
    let head = &exchange.request;
    assert_eq!(head.first_line, "GET / HTTP/1.1");
    assert_eq!(head.all("Cookie").collect::<Vec<_>>(), ["session=\"a b\"", "second=line"]);
    for (name, value) in [
        ("Host", "example.org"),
        ("Authorization", "Bearer abc.def"),
        ("Origin", "https://example.org"),
        ("Accept-Encoding", "gzip, br"),
        ("If-None-Match", "\"7\""),
        ("Range", "bytes=0-1"),
        ("X-Empty", ""),
        ("Sec-WebSocket-Key", "not a handshake"),
        ("X-Latin", "grüße"),
    ] {
        assert_eq!(head.get(name), Some(value), "{name}");
    }
    let answer = Message::new("HTTP/1.1 206 Some of it")
        .with("Set-Cookie", "a=1; Path=/")
        .with("Set-Cookie", "b=2")
        .with("Content-Range", "bytes 0-1/7")
        .with("Content-Encoding", "gzip")
        .with("Server", "backend/1")
        .with("Date", "Thu, 01 Jan 1970 00:00:00 GMT")
        .line(b"X-Latin: gr\xfc\xdfe")
        .sized("ab");
    let head = exchange.answer(&answer);
    assert_eq!(head.status(), 206);
    assert_eq!(head.all("Set-Cookie").collect::<Vec<_>>(), ["a=1; Path=/", "b=2"]);
    for (name, value) in [
        ("Content-Range", "bytes 0-1/7"),
        ("Content-Encoding", "gzip"),
        ("Server", "backend/1"),
        ("Date", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("X-Latin", "grüße"),
        ("Content-Length", "2"),
    ] {
        assert_eq!(head.get(name), Some(value), "{name}");
    }
    drop(exchange);
    rig.finish();
}

#[test]
fn row_13_what_is_of_one_hop_does_not_go_on_with_a_plain_request() {
    let rig = Rig::default();
    let request = Message::request("POST", "/")
        .with("Connection", "X-Hop, Host, Content-Length")
        .with("Connection", "keep-alive, X-Forwarded-For, x-request-id, X-Forwarded-Proto, cookie")
        .with("X-Hop", "secret")
        .with("X-Hop", "secret again")
        .with("Cookie", "a=1")
        .with("Keep-Alive", "timeout=5")
        .with("Proxy-Connection", "keep-alive")
        .with("Proxy-Authorization", "Basic eA==")
        .with("TE", "gzip")
        .with("Upgrade", "h2c")
        .with("HTTP2-Settings", "AAMAAABkAAQAAP__")
        .with("X-Kept", "1")
        .sized("hello");
    let mut exchange = rig.ask(&request);
    let expected = [
        "content-length",
        "host",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-kept",
        "x-request-id",
    ];
    assert_eq!(exchange.request.names(), expected);
    exchange.upstream.expect(b"hello");
    assert_eq!(exchange.answer(&Message::ok("")).status(), 200);
    drop(exchange);
    rig.finish();
}

#[test]
fn row_13_what_is_of_the_upstreams_hop_does_not_reach_the_client_with_a_plain_answer() {
    let rig = Rig::default();
    let mut exchange = rig.ask(&get());
    let answer = Message::ok("hello")
        .with("Connection", "X-Hop, Content-Length, keep-alive")
        .with("X-Hop", "secret")
        .with("Keep-Alive", "timeout=5")
        .with("Proxy-Authenticate", "Basic")
        .with("Upgrade", "h2c")
        .with("X-Kept", "1");
    let head = exchange.answer(&answer);
    assert_eq!(head.names(), ["content-length", "date", "x-kept", "x-request-id"]);
    assert_eq!(exchange.client.read_body(&head), b"hello");
    drop(exchange);
    rig.finish();
}

#[test]
fn row_13_a_close_of_the_backend_ends_its_connection_and_not_the_clients() {
    let rig = Rig::default();
    let mut exchange = rig.ask(&get());
    let head = exchange.answer(&Message::ok("first").with("Connection", "close"));
    assert_eq!((head.get("Connection"), exchange.client.read_body(&head)), (None, b"first".to_vec()));
    exchange.upstream.expect_end(Ending::Fin);
    exchange.client.send(&get().to_bytes());
    let mut exchange = Exchange::begin(exchange.client, rig.backend().accept());
    // And a close of the client's ends the client's.
    exchange.answer(&Message::ok(""));
    exchange.ask(&get().with("Connection", "close"));
    assert_eq!(exchange.request.get("Connection"), None);
    assert_eq!(exchange.answer(&Message::ok("")).get("Connection"), Some("close"));
    exchange.client.expect_end(Ending::Fin);
    drop(exchange);
    rig.finish();
}

#[test]
fn row_14_what_a_client_says_of_itself_is_replaced_in_plain_requests_too() {
    let rig = Rig::default();
    let request = get()
        .with("X-Forwarded-For", "6.6.6.6")
        .with("X-Forwarded-For", "7.7.7.7")
        .with("X-Forwarded-Proto", "https")
        .with("X-Forwarded-Host", "evil.example")
        .with("X-Forwarded-User", "root")
        .with("X_Forwarded_For", "6.6.6.6")
        .with("x_real_ip", "6.6.6.6")
        .with("Forwarded", "for=6.6.6.6")
        .with("X-Real-IP", "6.6.6.6")
        .with("X-WsProxy-Target", "10.0.0.1")
        .with("X-Request-Id", "forged");
    let mut exchange = rig.ask(&request);
    let head = &exchange.request;
    let expected = ["host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id"];
    assert_eq!(head.names(), expected);
    assert_eq!(head.get("X-Forwarded-For"), Some("127.0.0.1"));
    assert_eq!(head.get("X-Forwarded-Proto"), Some("http"));
    assert_eq!(head.get("X-Forwarded-Host"), Some("example.org"));
    let id = head.get("X-Request-Id").map(str::to_owned);
    assert_ne!(id.as_deref(), Some("forged"));
    // The client learns the id, and no other that the backend may say.
    let head = exchange.answer(&Message::ok("").with("X-Request-Id", "the backend's"));
    assert_eq!(head.get("X-Request-Id").map(str::to_owned), id);
    let client = exchange.client.address().to_string();
    drop(exchange);
    assert_has(rig.finish().only("request"), &json!({"request_id": id, "client": client}));
}

const BEHIND_PROXIES: &str = r#"
    listeners {
        listener "front" { address "127.0.0.1:0"; trusted-proxies "127.0.0.1" "10.0.0.0/8"; forwarded true }
    }
    routes { route "all" { upstream "backend" } }
    upstreams { upstream "backend" { target "$0" } }"#;

#[test]
fn row_14_a_trusted_proxy_is_believed_as_far_as_the_last_who_is_none() {
    let claims = || {
        get()
            .with("X-Forwarded-For", "6.6.6.6, 203.0.113.7, 10.0.0.2")
            .with("X-Forwarded-Proto", "https")
            .with("X-Forwarded-Host", "public.example")
            .with("X-Request-Id", "proxys-own")
    };
    let rig = Rig::from_kdl([Backend::default()], BEHIND_PROXIES);
    let mut exchange = rig.ask(&claims());
    let head = &exchange.request;
    assert_eq!(head.get("X-Forwarded-For"), Some("6.6.6.6, 203.0.113.7, 10.0.0.2, 127.0.0.1"));
    assert_eq!(head.get("X-Forwarded-Proto"), Some("https"));
    assert_eq!(head.get("X-Forwarded-Host"), Some("public.example"));
    assert_eq!(head.get("X-Request-Id"), Some("proxys-own"));
    let forwarded = head.get("Forwarded").unwrap_or_default();
    assert!(forwarded.ends_with("for=127.0.0.1;host=\"example.org\";proto=http"), "{forwarded}");
    exchange.answer(&Message::ok(""));
    // An underscore is nobody's honest spelling, not even a proxy's.
    exchange.ask(&claims().with("X_Forwarded_For", "8.8.8.8").with("X_Request_Id", "x"));
    let head = &exchange.request;
    assert_eq!((head.get("X_Forwarded_For"), head.get("X_Request_Id")), (None, None));
    exchange.answer(&Message::ok(""));
    drop(exchange);
    let records = rig.finish();
    for record in records.of("request") {
        assert_has(record, &json!({"client": "203.0.113.7", "request_id": "proxys-own"}));
    }
}

#[test]
fn row_14_nobody_but_the_listed_is_a_trusted_proxy() {
    let rig = Rig::from_kdl([Backend::default()], BEHIND_PROXIES);
    let mut client = Peer::connect_from([127, 0, 0, 2].into(), rig.address());
    client.send(&get().with("X-Forwarded-For", "6.6.6.6").with("X-Request-Id", "forged").to_bytes());
    let mut exchange = Exchange::begin(client, rig.backend().accept());
    assert_eq!(exchange.request.get("X-Forwarded-For"), Some("127.0.0.2"));
    assert_ne!(exchange.request.get("X-Request-Id"), Some("forged"));
    let forwarded = exchange.request.get("Forwarded");
    assert_eq!(forwarded, Some("for=127.0.0.2;host=\"example.org\";proto=http"));
    exchange.answer(&Message::ok(""));
    drop(exchange);
    rig.finish();
}

#[test]
fn row_11_an_escaped_line_end_in_a_plain_target_stays_escaped() {
    let rig = Rig::default();
    let mut exchange = rig.ask(&Message::get("/a%0d%0aX-Evil:%201?q=%0d%0aX-Evil:%201"));
    assert_eq!(exchange.request.first_line, "GET /a%0D%0AX-Evil:%201?q=%0d%0aX-Evil:%201 HTTP/1.1");
    assert_eq!(exchange.request.get("X-Evil"), None);
    exchange.answer(&Message::ok(""));
    drop(exchange);
    rig.finish();
}

#[test]
fn row_6_an_upgrade_to_anything_else_is_a_plain_request_with_its_body() {
    let rig = Rig::default();
    for protocol in ["h2c", "TLS/1.0", "websockets", "web socket", "foo/1, bar", "\"websocket\"", ""] {
        let request = Message::request("POST", "/")
            .with("Connection", "Upgrade, HTTP2-Settings")
            .with("Upgrade", protocol)
            .with("HTTP2-Settings", "AAMAAABkAAQAAP__")
            .sized("hello");
        let mut exchange = rig.ask(&request);
        for gone in ["Upgrade", "Connection", "HTTP2-Settings"] {
            assert_eq!(exchange.request.get(gone), None, "{protocol:?}");
        }
        exchange.upstream.expect(b"hello");
        // The connection is good for another request.
        assert_eq!(exchange.answer(&Message::ok("")).status(), 200);
        exchange.ask(&get());
        assert_eq!(exchange.answer(&Message::ok("").with("Connection", "close")).status(), 200);
    }
    rig.finish();
}

#[test]
fn row_6_the_preface_of_http_2_behind_an_upgrade_is_no_tunnel() {
    let rig = Rig::default();
    let request = get().with("Connection", "Upgrade").with("Upgrade", "h2c");
    let mut exchange = rig.ask(&request.body(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    assert_eq!(exchange.answer(&Message::ok("")).status(), 200);
    // Who speaks HTTP/2 could not read an answer of HTTP/1.1.
    exchange.client.expect_end(Ending::Fin);
    rig.backend().assert_not_dialled();
    drop(exchange);
    rig.finish();
}

#[test]
fn row_6_a_101_to_a_plain_request_is_a_502_and_no_tunnel() {
    let rig = Rig::default();
    for request in [get(), get().with("Connection", "Upgrade").with("Upgrade", "foo")] {
        let mut exchange = rig.ask(&request);
        let answer = Message::new("HTTP/1.1 101 Switching Protocols")
            .with("Connection", "Upgrade")
            .with("Upgrade", "foo")
            .body(b"out of the tunnel");
        let head = exchange.answer(&answer);
        assert_eq!(head.status(), 502);
        assert_eq!(exchange.client.read_body(&head), b"502 Bad Gateway\n");
        let (_, _) = exchange.upstream.read_to_end();
    }
    assert_eq!(rig.finish().reasons("request")["upstream_switched_unasked"], 2);
}

#[test]
fn row_6_no_method_opens_a_tunnel() {
    let rig = Rig::default();
    for line in ["CONNECT example.org:80 HTTP/1.1", "CONNECT example.org HTTP/1.1", "OPTIONS * HTTP/1.1"] {
        let mut client = rig.send(&get().first_line(line).to_bytes());
        let head = client.read_head();
        assert!([400, 501].contains(&head.status()), "{line}: {head:?}");
        rig.backend().assert_not_dialled();
    }
    rig.finish();
}

#[test]
fn interim_answers_end_here() {
    let rig = Rig::default();
    let mut exchange = rig.ask(&get());
    exchange.upstream.send(b"HTTP/1.1 100 Continue\r\n\r\n");
    exchange.upstream.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    let head = exchange.answer(&Message::ok("hello"));
    assert_eq!((head.status(), head.get("Link")), (200, None));
    assert_eq!(exchange.client.read_body(&head), b"hello");
    drop(exchange);
    rig.finish();
}

#[test]
fn a_client_of_http_1_0_is_served_as_one() {
    let rig = Rig::default();
    let request = Message::new("GET / HTTP/1.0");
    // Without a Host, which the upstream is to have all the same.
    let mut exchange = rig.ask(&request);
    assert_eq!(exchange.request.first_line, "GET / HTTP/1.1");
    assert_eq!(exchange.request.get("Host"), Some(&*rig.backend().to_string()));
    // It does not know chunks.
    let head = exchange.answer(&Message::new("HTTP/1.1 200 OK").chunked("hello"));
    assert!(head.first_line.starts_with("HTTP/1.0 200 ") || head.first_line.starts_with("HTTP/1.1 200 "));
    assert_eq!((head.get("Transfer-Encoding"), head.get("Content-Length")), (None, None));
    assert_eq!(exchange.client.read_to_end(), (b"hello".to_vec(), Ending::Fin));
    // It may ask to be kept.
    exchange.client = rig.send(&request.with("Connection", "keep-alive").to_bytes());
    exchange.request = exchange.upstream.read_head();
    let head = exchange.answer(&Message::ok("kept"));
    assert_eq!(head.get("Connection").map(str::to_ascii_lowercase).as_deref(), Some("keep-alive"));
    assert_eq!(exchange.client.read_body(&head), b"kept");
    exchange.ask(&Message::new("GET http://old.example/ HTTP/1.0"));
    assert_eq!(exchange.request.get("Host"), Some("old.example"));
    exchange.answer(&Message::ok(""));
    exchange.client.expect_end(Ending::Fin);
    drop(exchange);
    rig.finish();
}

//! From which pages a browser may connect: cookies go with every handshake, so where a list is
//! given nobody else's page gets in, and neither does who hides where it comes from.

use serde_json::json;
use testkit::backend::Backend;
use testkit::message::Message;
use testkit::peer::Ending;
use testkit::records::assert_has;
use testkit::rig::Rig;

/// A gateway that lets in these origins.
fn with_origins(origins: &str) -> Rig {
    let text = format!(
        r#"
        routes {{ route "chat" {{ upstream "backend"; websocket {{ origins {origins} }} }} }}
        upstreams {{ upstream "backend" {{ target "$0" }} }}"#
    );
    Rig::from_kdl([Backend::default()], &text)
}

fn upgrade() -> Message {
    Message::upgrade("/chat")
}

fn of(origin: &str) -> Message {
    upgrade().with("Origin", origin).with("Cookie", "session=1")
}

/// All of these are refused with 403, for this reason, and the backend hears of none.
#[track_caller]
fn expect_refused(rig: Rig, requests: &[Message], reason: &str) {
    for request in requests {
        let mut client = rig.send(&request.to_bytes());
        let head = client.read_head();
        assert_eq!((head.status(), head.get("Connection")), (403, Some("close")), "{request:?}");
        let _body = client.read_body(&head);
        client.expect_end(Ending::Fin);
        rig.backend().assert_not_dialled();
    }
    let records = rig.finish();
    assert_eq!(records.reasons("refused"), [(reason, requests.len())].into());
    for record in records.of("refused") {
        assert_has(record, &json!({"status": 403, "route": "chat"}));
    }
}

/// All of these are let in, and their Origin goes on as it came.
#[track_caller]
fn expect_let_in(rig: Rig, requests: &[Message]) {
    for request in requests {
        let session = rig.open_with(request, |answer| answer);
        let bytes = String::from_utf8(request.to_bytes()).expect("text");
        let origin = bytes.lines().find_map(|line| line.strip_prefix("Origin: "));
        assert_eq!(session.request.get("Origin"), origin, "{request:?}");
        session.close();
    }
    rig.finish();
}

#[test]
fn row_15_without_a_list_all_origins_are_let_in_and_go_on() {
    let requests = [upgrade(), of("https://evil.example"), of("null"), upgrade().with("Cookie", "session=1")];
    for request in requests {
        let rig = Rig::default();
        expect_let_in(rig, &[request]);
    }
}

#[test]
fn row_15_listed_origins_are_let_in_and_go_on_as_they_came() {
    let rig = with_origins(r#""https://example.org" "http://localhost:3000" "https://[::1]:8443""#);
    expect_let_in(
        rig,
        &[
            of("https://example.org"),
            of("https://example.org:443"),
            of("HTTPS://EXAMPLE.org"),
            of("http://localhost:3000"),
            of("https://[::1]:8443"),
        ],
    );
}

#[test]
fn row_15_foreign_origins_are_refused() {
    let rig = with_origins(r#""https://example.org" "http://localhost:3000""#);
    let requests = [
        "https://evil.example",
        "http://example.org",
        "https://example.org:8443",
        "https://example.org.evil.example",
        "https://evil-example.org",
        "https://evilexample.org",
        "https://example.orgx",
        "https://example.org.",
        "http://localhost",
        "https://localhost:3000",
        "http://127.0.0.1:3000",
        "ws://example.org",
        "wss://example.org",
        "file://",
        "null",
        "chrome-extension://abcdef",
    ];
    expect_refused(rig, &requests.map(of), "origin_foreign");
}

#[test]
fn row_15_whether_there_are_cookies_or_not_a_foreign_origin_is_foreign() {
    let rig = with_origins("\"https://example.org\"");
    expect_refused(rig, &[upgrade().with("Origin", "https://evil.example")], "origin_foreign");
}

#[test]
fn row_16_a_subdomain_is_foreign_unless_a_wildcard_says_otherwise() {
    let subdomains = ["https://a.example.org", "https://a.b.example.org"];
    expect_refused(with_origins("\"https://example.org\""), &subdomains.map(of), "origin_foreign");
    expect_let_in(with_origins("\"https://*.example.org\""), &subdomains.map(of));
    // The wildcard is for what is below.
    let others =
        ["https://example.org", "https://xexample.org", "http://a.example.org", "https://a.example.org:8443"];
    expect_refused(with_origins("\"https://*.example.org\""), &others.map(of), "origin_foreign");
}

#[test]
fn row_15_null_is_let_in_only_where_it_is_listed() {
    expect_let_in(with_origins("\"null\""), &[of("null")]);
    expect_refused(with_origins("\"null\""), &[of("https://example.org"), of("NULL")][..1], "origin_foreign");
}

#[test]
fn row_15_cookies_without_an_origin_are_refused_and_programs_let_in() {
    let origins = "\"https://example.org\"";
    let requests = [
        upgrade().with("Cookie", "session=1"),
        upgrade().with("Cookie", ""),
        upgrade().with("cookie", "session=1").with("Referer", "https://example.org/"),
    ];
    expect_refused(with_origins(origins), &requests, "origin_missing");
    expect_let_in(with_origins(origins), &[upgrade(), upgrade().with("Authorization", "Bearer abc.def")]);
}

#[test]
fn row_15_whether_a_client_without_an_origin_is_let_in_can_be_said() {
    let with_cookies = upgrade().with("Cookie", "session=1");
    let always = with_origins("\"https://example.org\"; allow-missing-origin true");
    expect_let_in(always, &[upgrade(), with_cookies.clone()]);
    let never = with_origins("\"https://example.org\"; allow-missing-origin false");
    expect_refused(never, &[upgrade(), with_cookies], "origin_missing");
}

#[test]
fn a_host_without_a_scheme_is_let_in_where_it_is_listed() {
    let origins = "\"https://example.org\" \"//sip.example.org:5060\"";
    let listed = ["sip.example.org:5060", "SIP.example.org:5060", "https://example.org"];
    expect_let_in(with_origins(origins), &listed.map(of));
    let others = ["sip.example.org", "example.org", "//sip.example.org:5060", "evil.sip.example.org:5060"];
    expect_refused(with_origins(origins), &others.map(of), "origin_invalid");
}

#[test]
fn row_15_several_lines_are_refused_whatever_they_say() {
    let requests = [
        of("https://example.org").with("Origin", "https://example.org"),
        of("https://example.org").with("Origin", "https://evil.example"),
        of("https://evil.example").with("Origin", "https://example.org"),
        of("https://example.org").with("origin", ""),
    ];
    expect_refused(with_origins("\"https://example.org\""), &requests, "origin_repeated");
}

#[test]
fn row_15_what_is_no_origin_is_refused() {
    let texts = [
        "",
        "example.org",
        "https://",
        "https://example.org/",
        "https://example.org/path",
        "https://user@example.org",
        "https://example.org@evil.example",
        "https://example.org:x",
        "https://example.org:",
        "https://example.org https://evil.example",
        "https://example.org, https://evil.example",
        "https://evil.example#https://example.org",
        "https://*.example.org",
        "https://exämple.org",
        "//example.org",
        "NULL",
    ];
    expect_refused(with_origins("\"https://example.org\""), &texts.map(of), "origin_invalid");
}

#[test]
fn row_15_nobody_has_the_origin_taken_out_by_naming_it_in_connection() {
    let origins = "\"https://example.org\"";
    let hidden = |origin: &str| of(origin).replace("Connection", "Upgrade, Origin, Cookie");
    expect_refused(with_origins(origins), &[hidden("https://evil.example")], "origin_foreign");
}

#[test]
fn row_15_plain_requests_are_not_asked_where_they_come_from() {
    let rig = with_origins("\"https://example.org\"");
    let request = Message::get("/").with("Origin", "https://evil.example").with("Cookie", "session=1");
    let mut exchange = rig.ask(&request);
    assert_eq!(exchange.request.get("Origin"), Some("https://evil.example"));
    assert_eq!(exchange.answer(&Message::ok("")).status(), 200);
    drop(exchange);
    rig.finish();
}

#[test]
fn subprotocols_that_are_not_listed_are_taken_out_of_the_offer() {
    let text = r#"
        routes { route "chat" { upstream "backend"; websocket { subprotocols "chat.v2" "chat.v1" } } }
        upstreams { upstream "backend" { target "$0" } }"#;
    let rig = Rig::from_kdl([Backend::default()], text);
    let offering = |names: &str| upgrade().with("Sec-WebSocket-Protocol", names);
    for request in [upgrade(), offering("chat.v3"), offering("CHAT.V1, x")] {
        let mut client = rig.send(&request.to_bytes());
        assert_eq!(client.read_head().status(), 403, "{request:?}");
        rig.backend().assert_not_dialled();
    }
    let session = rig.open_with(&offering("x, chat.v1, y, chat.v2"), |answer| {
        answer.with("Sec-WebSocket-Protocol", "chat.v2")
    });
    assert_eq!(session.request.get("Sec-WebSocket-Protocol"), Some("chat.v1, chat.v2"));
    assert_eq!(session.response.get("Sec-WebSocket-Protocol"), Some("chat.v2"));
    session.close();
    // The backend cannot choose what was taken out.
    let mut client = rig.send(&offering("x, chat.v1").to_bytes());
    let mut upstream = rig.backend().accept();
    let head = upstream.read_head();
    upstream.send(&Message::switching(&head).with("Sec-WebSocket-Protocol", "x").to_bytes());
    assert_eq!(client.read_head().status(), 502);
    drop((client, upstream));
    assert_eq!(rig.finish().reasons("refused")["subprotocol_refused"], 3);
}

#[test]
fn compression_that_is_off_is_not_offered_and_not_agreed_to() {
    let text = r#"
        routes { route "chat" { upstream "backend"; websocket { compression "off" } } }
        upstreams { upstream "backend" { target "$0" } }"#;
    let rig = Rig::from_kdl([Backend::default()], text);
    let request = upgrade().with("Sec-WebSocket-Extensions", "permessage-deflate");
    let session = rig.open_with(&request, |answer| answer);
    assert_eq!(session.request.get("Sec-WebSocket-Extensions"), None);
    assert_eq!(session.response.get("Sec-WebSocket-Extensions"), None);
    session.close();
    let mut client = rig.send(&request.to_bytes());
    let mut upstream = rig.backend().accept();
    let head = upstream.read_head();
    let answer = Message::switching(&head).with("Sec-WebSocket-Extensions", "permessage-deflate");
    upstream.send(&answer.to_bytes());
    assert_eq!(client.read_head().status(), 502);
    drop((client, upstream));
    rig.finish();
}

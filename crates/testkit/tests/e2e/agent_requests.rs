//! Agents that are asked about requests, plain ones and opening handshakes: what they are told, what
//! they can do, and where tokens go.

use std::fs;

use serde_json::{Value, json};
use testkit::Side;
use testkit::agent::{Agent, Say, Version, allow};
use testkit::backend::Backend;
use testkit::folder::Folder;
use testkit::frame::{TEXT, frame};
use testkit::head::Head;
use testkit::message::Message;
use testkit::records::assert_has;
use testkit::rig::Rig;

/// A gateway whose only route asks agents about requests, in this order; `$0` is the backend.
fn rig(folder: &Folder, agents: &[&str], route: &str) -> Rig {
    Rig::from_kdl([Backend::default()], &text(folder, agents, route))
}

fn text(folder: &Folder, agents: &[&str], route: &str) -> String {
    let blocks: String = agents
        .iter()
        .map(|name| format!("agent \"{name}\" {{ unix-socket \"{}\" }}\n", folder.file(name).display()))
        .collect();
    let names = agents.join("\" \"");
    format!(
        r#"
        agents {{ {blocks} }}
        routes {{ route "chat" {{ upstream "backend"; agents "{names}"; {route} }} }}
        upstreams {{ upstream "backend" {{ target "$0" }} }}"#
    )
}

/// An agent that gives all requests this answer.
fn agent(folder: &Folder, name: &str, answer: Value) -> Agent {
    Agent::saying(&folder.file(name), Say::Answer(answer))
}

/// All values of a field.
fn lines<'h>(head: &'h Head, name: &str) -> Vec<&'h str> {
    head.all(name).collect()
}

/// The answer to a request that does not come to the upstream.
#[track_caller]
fn refused(rig: &Rig, request: &Message) -> (Head, String) {
    let mut client = rig.send(&request.to_bytes());
    let head = client.read_head();
    let body = client.read_body(&head);
    rig.backend().assert_not_dialled();
    (head, String::from_utf8(body).expect("text"))
}

#[test]
fn an_agent_is_told_what_is_asked_and_by_whom() {
    for (version, name) in [(Version::V1, "v1"), (Version::V2, "v2")] {
        let folder = Folder::new();
        let agent = Agent::start(version, &folder.file("auth"), |_| allow());
        let text = text(&folder, &["auth"], "").replace(
            "agents { agent \"auth\" {",
            &format!("agents {{ agent \"auth\" {{ protocol-version \"{name}\";"),
        );
        let rig = Rig::from_kdl([Backend::default()], &text);
        let request = Message::upgrade("/a/../chat?token=t%20k")
            .with("Cookie", "session=1")
            .with("X-Forwarded-For", "6.6.6.6")
            .with("Traceparent", "00-1-2-01")
            .with("X-Twice", "a")
            .with("X-Twice", "b");
        let session = rig.open_with(&request, |answer| answer);
        let id = session.request.get("X-Request-Id").expect("an id").to_owned();
        session.close();
        let questions = agent.questions();
        let [question] = &*questions else { panic!("one question: {questions:?}") };
        assert_eq!(question["event_type"], "request_headers");
        let payload = &question["payload"];
        assert_eq!((&payload["method"], &payload["uri"]), (&json!("GET"), &json!("/chat?token=t%20k")));
        let metadata = &payload["metadata"];
        let expected = json!({
            "correlation_id": id, "request_id": id, "client_ip": "127.0.0.1", "protocol": "HTTP/1.1",
            "server_name": "gateway.test", "tls_version": null, "route_id": "chat",
            "upstream_id": "backend", "traceparent": "00-1-2-01"
        });
        let host = rig_host(&request);
        for (key, value) in expected.as_object().unwrap() {
            let value = if key == "server_name" { &json!(host) } else { value };
            assert_eq!(&metadata[key], value, "{key}");
        }
        assert!(metadata["client_port"].as_u64().is_some_and(|port| port > 0));
        assert!(metadata["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{metadata}");
        let headers = &payload["headers"];
        assert_eq!(headers["cookie"], json!(["session=1"]));
        assert_eq!(headers["x-twice"], json!(["a", "b"]));
        assert_eq!(headers["x-forwarded-for"], json!(["127.0.0.1"]), "what a client claims is not believed");
        assert_eq!(headers["upgrade"], json!(["websocket"]));
        let _records = rig.finish();
    }
}

/// The host that a request of the testkit asks for.
fn rig_host(request: &Message) -> String {
    let text = String::from_utf8(request.to_bytes()).expect("text");
    let line = text.lines().find_map(|line| line.strip_prefix("Host: ")).expect("a host");
    line.split(':').next().unwrap_or(line).to_owned()
}

#[test]
fn a_request_is_blocked_redirected_or_challenged_before_the_upstream_hears_of_it() {
    let cases = [
        (
            json!({ "block": { "status": 403, "body": "no\n", "headers": { "X-Why": "rule 7" } } }),
            (403, "X-Why", "rule 7", "no\n", "agent_blocked"),
        ),
        (
            json!({ "redirect": { "url": "https://login.example.org/?to=chat", "status": 302 } }),
            (302, "Location", "https://login.example.org/?to=chat", "302 Found\n", "agent_redirected"),
        ),
        (
            json!({ "challenge": { "challenge_type": "bearer", "params": { "realm": "chat" } } }),
            (401, "WWW-Authenticate", "bearer realm=\"chat\"", "401 Unauthorized\n", "agent_challenged"),
        ),
        (
            json!({ "challenge": { "challenge_type": "captcha", "params": { "key": "k" } } }),
            (
                403,
                "Content-Type",
                "application/json",
                "{\"challenge\":\"captcha\",\"params\":{\"key\":\"k\"}}",
                "agent_challenged",
            ),
        ),
    ];
    for (decision, (status, name, value, expected, reason)) in cases {
        let folder = Folder::new();
        let answer = json!({ "decision": decision, "audit": { "tags": ["auth"], "rule_ids": ["r-1"] } });
        let _agent = agent(&folder, "auth", answer);
        let rig = rig(&folder, &["auth"], "");
        for request in [Message::get("/x"), Message::upgrade("/x")] {
            let (head, body) = refused(&rig, &request);
            assert_eq!((head.status(), head.get(name), &*body), (status, Some(value), expected));
        }
        let records = rig.finish();
        for event in ["request", "refused"] {
            let expected = json!({ "status": status, "reason": reason });
            assert_has(records.only(event), &expected);
            let detail = records.only(event)["detail"].as_str().unwrap();
            assert!(detail.contains("auth, r-1"), "{detail}");
        }
        assert_eq!(records.of("finding").len(), 2);
        assert_has(records.of("finding")[0], &json!({ "by": "agent auth", "rules": "auth r-1" }));
    }
}

#[test]
fn headers_change_as_the_agent_says_and_no_client_can_say_otherwise() {
    let folder = Folder::new();
    let answer = json!({
        "request_headers": [
            { "set": { "name": "X-User", "value": "ann" } },
            { "add": { "name": "X-Role", "value": "admin" } },
            { "add": { "name": "X-Role", "value": "chat" } },
            { "remove": { "name": "Authorization" } },
            { "set": { "name": "Host", "value": "evil.example" } },
            { "set": { "name": "Sec-WebSocket-Key", "value": "AAAA" } },
            { "remove": { "name": "Connection" } },
        ],
        "response_headers": [
            { "set": { "name": "X-Frame-Options", "value": "DENY" } },
            { "remove": { "name": "Server" } },
            { "set": { "name": "Sec-WebSocket-Accept", "value": "x" } },
            { "set": { "name": "Content-Length", "value": "0" } },
            { "set": { "name": "X-Request-Id", "value": "x" } },
        ],
    });
    let _agent = agent(&folder, "auth", answer);
    let rig = rig(&folder, &["auth"], "");
    let with_claims = |request: Message| {
        request.with("X-User", "eve").with("x_user", "eve").with("X-Role", "guest").with("Authorization", "a")
    };
    let check_request = |head: &Head| {
        assert_eq!(lines(head, "X-User"), ["ann"]);
        assert_eq!(lines(head, "x_user"), [""; 0]);
        assert_eq!(lines(head, "X-Role"), ["guest", "admin", "chat"]);
        assert_eq!(head.get("Authorization"), None);
        assert_ne!(head.get("Host"), Some("evil.example"));
    };
    let check_answer = |head: &Head| {
        assert_eq!(lines(head, "X-Frame-Options"), ["DENY"]);
        assert_eq!(head.get("Server"), None);
        assert_ne!(head.get("X-Request-Id"), Some("x"));
    };
    let mut exchange = rig.ask(&with_claims(Message::get("/x")).with("Connection", "close"));
    check_request(&exchange.request);
    let answer = Message::ok("body").with("Server", "secret").with("X-Frame-Options", "ALLOW");
    let head = exchange.answer(&answer.with("Connection", "close"));
    check_answer(&head);
    assert_eq!(exchange.client.read_body(&head), b"body");
    drop(exchange);
    let mut session =
        rig.open_with(&with_claims(Message::upgrade("/x")), |answer| answer.with("Server", "secret"));
    check_request(&session.request);
    check_answer(&session.response);
    session.pass(Side::Client, &frame(Side::Client, TEXT, b"x"));
    session.close();
    let records = rig.finish();
    assert_has(records.only("agent_header_ignored"), &json!({ "agent": "auth", "header": "host" }));
}

#[test]
fn agents_are_asked_in_the_order_of_the_route_about_what_those_before_them_have_made() {
    let folder = Folder::new();
    let set = json!({ "request_headers": [{ "set": { "name": "X-User", "value": "ann" } }] });
    let first = agent(&folder, "first", set);
    let second = agent(&folder, "second", json!({ "decision": { "block": { "status": 429 } } }));
    let third = agent(&folder, "third", json!({}));
    let rig = rig(&folder, &["first", "second", "third"], "");
    let (head, body) = refused(&rig, &Message::get("/x").with("X-User", "eve"));
    assert_eq!((head.status(), &*body), (429, "429 Too Many Requests\n"));
    assert_eq!(first.questions()[0]["payload"]["headers"]["x-user"], json!(["eve"]));
    assert_eq!(second.questions()[0]["payload"]["headers"]["x-user"], json!(["ann"]));
    assert!(third.questions().is_empty());
    let _records = rig.finish();
}

#[test]
fn an_agent_that_is_asked_about_messages_alone_is_not_asked_about_requests() {
    let folder = Folder::new();
    let agent = agent(&folder, "frames", json!({ "decision": { "block": { "status": 403 } } }));
    let text =
        text(&folder, &["frames"], "").replace("unix-socket", "events \"websocket_frame\"; unix-socket");
    let rig = Rig::from_kdl([Backend::default()], &text);
    rig.open().close();
    assert!(agent.questions().is_empty());
    let _records = rig.finish();
}

#[test]
fn agents_hear_nothing_of_handshakes_that_are_refused_without_them() {
    let folder = Folder::new();
    let agent = agent(&folder, "auth", json!({}));
    let rig = rig(&folder, &["auth"], "websocket { origins \"https://example.org\" }");
    for request in [
        Message::upgrade("/x").with("Origin", "https://evil.example"),
        Message::upgrade("/x").replace("Sec-WebSocket-Version", "12"),
    ] {
        assert!(refused(&rig, &request).0.status() >= 400);
    }
    assert!(agent.questions().is_empty());
    let _records = rig.finish();
}

#[test]
fn an_answer_that_cannot_be_followed_is_a_failure() {
    for answer in [
        json!({ "decision": { "block": { "status": 101 } } }),
        json!({ "decision": { "redirect": { "url": "/\r\nX: y", "status": 302 } } }),
        json!({ "request_headers": [{ "set": { "name": "a b", "value": "x" } }] }),
        json!({ "response_headers": [{ "add": { "name": "X", "value": "a\r\nSet-Cookie: b" } }] }),
    ] {
        let folder = Folder::new();
        let _agent = agent(&folder, "auth", answer);
        let rig = rig(&folder, &["auth"], "");
        assert_eq!(refused(&rig, &Message::get("/x")).0.status(), 503);
        let metrics = rig.settled();
        assert_eq!(metrics.get("framegate_agent_failures_total{agent=\"auth\",reason=\"invalid\"}"), 1.0);
        let _records = rig.finish();
    }
}

const TOKEN: &str = "eyJhbGciOi.s3cret-t0ken";

#[test]
fn a_token_in_the_subprotocols_comes_to_the_agent_and_not_to_the_upstream() {
    // What is offered, what the upstream is offered, what it chooses, what the client hears.
    let cases = [
        (format!("access_token, {TOKEN}"), None, None, "access_token"),
        (
            format!("access_token, {TOKEN}, chat.v1, chat.v2"),
            Some("chat.v1, chat.v2"),
            Some("chat.v2"),
            "chat.v2",
        ),
        (format!("chat.v1, access_token, {TOKEN}"), Some("chat.v1"), None, "access_token"),
    ];
    for (offered, passed, chosen, agreed) in cases {
        let folder = Folder::new();
        let agent = agent(&folder, "auth", json!({}));
        let rig = rig(&folder, &["auth"], "");
        let request = Message::upgrade("/chat").with("Sec-WebSocket-Protocol", &offered);
        let session = rig.open_with(&request, |answer| match chosen {
            Some(chosen) => answer.with("Sec-WebSocket-Protocol", chosen),
            None => answer,
        });
        assert_eq!(agent.questions()[0]["payload"]["headers"]["sec-websocket-protocol"], json!([offered]));
        assert_eq!(session.request.get("Sec-WebSocket-Protocol"), passed);
        assert_eq!(lines(&session.response, "Sec-WebSocket-Protocol"), [agreed]);
        session.close();
        let records = rig.finish();
        assert_eq!(records.only("open")["subprotocol"], agreed);
    }
}

#[test]
fn an_upstream_cannot_choose_what_was_kept_from_it() {
    let folder = Folder::new();
    let _agent = agent(&folder, "auth", json!({}));
    let rig = rig(&folder, &["auth"], "");
    let request =
        Message::upgrade("/chat").with("Sec-WebSocket-Protocol", &format!("access_token, {TOKEN}, a"));
    let mut client = rig.send(&request.to_bytes());
    let mut upstream = rig.backend().accept();
    let head = upstream.read_head();
    upstream.send(&Message::switching(&head).with("Sec-WebSocket-Protocol", "access_token").to_bytes());
    assert_eq!(client.read_head().status(), 502);
    let _records = rig.finish();
}

#[test]
fn the_name_of_the_tokens_subprotocol_can_be_another_or_none() {
    for (route, offered, passed) in [
        ("websocket { token-subprotocol \"auth\" }", "auth, t, chat", Some("chat")),
        ("websocket { token-subprotocol \"auth\" }", "access_token, t", Some("access_token, t")),
        ("websocket { token-subprotocol \"\" }", "access_token, t", Some("access_token, t")),
        ("websocket { subprotocols \"chat\" }", "access_token, t, chat", Some("chat")),
    ] {
        let folder = Folder::new();
        let _agent = agent(&folder, "auth", json!({}));
        let rig = rig(&folder, &["auth"], route);
        let request = Message::upgrade("/chat").with("Sec-WebSocket-Protocol", offered);
        let session = rig.open_with(&request, |answer| answer);
        assert_eq!(session.request.get("Sec-WebSocket-Protocol"), passed, "{route}");
        session.close();
        let _records = rig.finish();
    }
}

#[test]
fn row_61_no_token_stands_in_any_log() {
    let folder = Folder::new();
    let _agent = Agent::start(Version::V1, &folder.file("auth"), |question| {
        let is_refused = question["payload"]["uri"].as_str().is_some_and(|uri| uri.starts_with("/no"));
        let answer =
            if is_refused { json!({ "decision": { "block": { "status": 403 } } }) } else { json!({}) };
        Say::Answer(answer)
    });
    let log = folder.file("frames.log");
    let line = "$request | $request_uri | $args | $arg_token | $arg_access_token | $http_referer | $http_cookie | \
                $cookie_session | $http_authorization | $http_sec_websocket_protocol | $ws_subprotocol | $uri";
    let text = format!(
        "{}\nframe-logs {{ frame-log \"frames\" {{ path \"{}\"; open \"{line}\"; close \"{line}\"; frame \"{line}\" }} }}",
        text(&folder, &["auth"], "websocket { frame-log \"frames\" }"),
        log.display(),
    );
    let rig = Rig::from_kdl([Backend::default()], &text);
    let with_tokens = |request: Message| {
        request
            .with("Sec-WebSocket-Protocol", &format!("access_token, {TOKEN}"))
            .with("Cookie", &format!("a={TOKEN}; session={TOKEN}"))
            .with("Authorization", &format!("Bearer {TOKEN}"))
            .with("Referer", &format!("https://example.org/?access_token={TOKEN}"))
    };
    let target = |path: &str| format!("{path}?token={TOKEN}&access_token={TOKEN}&room=7");
    let mut session = rig.open_with(&with_tokens(Message::upgrade(&target("/chat"))), |answer| answer);
    session.pass(Side::Client, &frame(Side::Client, TEXT, b"x"));
    session.close();
    for request in [Message::upgrade(&target("/no")), Message::get(&target("/no"))] {
        assert_eq!(refused(&rig, &with_tokens(request)).0.status(), 403);
    }
    let page = rig.metrics();
    let records = rig.finish();
    let frames = fs::read_to_string(&log).expect("a frame log");
    assert_eq!(frames.lines().count(), 5, "{frames}");
    assert!(frames.contains("room=7") && frames.contains("access_token, ***"), "{frames}");
    for (what, text) in
        [("frame log", frames), ("records", format!("{records:?}")), ("metrics", format!("{page:?}"))]
    {
        assert!(!text.contains("s3cret"), "the token stands in the {what}: {text}");
    }
}

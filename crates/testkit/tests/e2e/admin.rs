//! The admin listener: who is let in, what is told, and what can be ordered.

use std::os::unix::fs::PermissionsExt as _;
use std::thread;
use std::time::Duration;

use gate_server::control::Action;
use serde_json::{Value, json};
use testkit::Side::{self, Client, Upstream};
use testkit::admin::Operator;
use testkit::backend::Backend;
use testkit::deadline::Stopwatch;
use testkit::folder::Folder;
use testkit::frame::{TEXT, close, frame};
use testkit::message::Message;
use testkit::peer::Ending;
use testkit::records::assert_has;
use testkit::rig::{Rig, Session};

const CONFIG: &str = r#"
    admin { address "127.0.0.1:0" }
    routes {
        route "chat" { matches { path-prefix "/chat" }; upstream "u" }
        route "feed" { matches { path-prefix "/feed" }; upstream "u" }
    }
    upstreams { upstream "u" { target "$0" } }"#;

fn rig() -> Rig {
    Rig::from_kdl([Backend::default()], CONFIG)
}

/// A session, from when the gateway counts it: a little after its client has the 101.
fn open(rig: &Rig, path: &str) -> Session {
    let before = rig.metrics().get("framegate_connections_opened_total");
    let session = rig.open_with(&Message::upgrade(path), |answer| answer);
    rig.await_metric("framegate_connections_opened_total", before + 1.0);
    session
}

/// The connections that a query finds.
#[track_caller]
fn list(operator: &Operator, query: &str) -> Vec<Value> {
    let reply = operator.get(&format!("/v1/connections?{query}"));
    assert_eq!(reply.status(), 200, "{reply:?}");
    let json = reply.json();
    json.get("connections").and_then(Value::as_array).expect("a list").clone()
}

fn paths(connections: &[Value]) -> Vec<&str> {
    let path = |connection| Value::as_str(connection).expect("a text");
    let paths = connections.iter().map(|connection| connection.get("path").expect("a path"));
    let mut paths: Vec<_> = paths.map(path).collect();
    paths.sort_unstable();
    paths
}

/// Both sides are told and answer.
#[track_caller]
fn expect_farewell(mut session: Session, code: u16, reason: &str) {
    for side in Side::BOTH {
        assert_eq!(session.peer(side).read_frame().close(), Some((code, reason)), "{side}");
        session.peer(side).send(&close(side, code, ""));
    }
    session.end();
}

#[test]
fn connections_are_told_with_who_where_since_when_and_how_much() {
    let rig = rig();
    let operator = rig.operator();
    assert!(list(&operator, "").is_empty());
    let mut session = open(&rig, "/chat/1?token=secret");
    session.pass(Client, &frame(Client, TEXT, b"hello"));
    session.pass(Upstream, &frame(Upstream, TEXT, b"hi"));
    session.pass(Upstream, &frame(Upstream, TEXT, b"there"));
    let connections = list(&operator, "");
    let [connection] = &*connections else { panic!("one connection: {connections:?}") };
    assert_has(
        connection,
        &json!({
            "client": session.client.address().to_string(), "route": "chat", "upstream": "u",
            "target": rig.backend().to_string(), "path": "/chat/1",
            "request_id": session.request.get("X-Request-Id"),
            "client_bytes": 11, "client_frames": 1, "client_messages": 1,
            "closing": false, "upstream_bytes": 11, "upstream_frames": 2, "upstream_messages": 2,
        }),
    );
    assert!(connection["age_secs"].as_f64().is_some_and(|age| age > 0.0 && age < 60.0), "{connection}");
    assert!(connection["opened_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{connection}");
    session.close();
    let records = rig.finish();
    assert_eq!(records.of("close")[0]["session"], connection["id"]);
}

#[test]
fn connections_are_found_by_whatever_is_asked_for() {
    let rig = rig();
    let operator = rig.operator();
    let first = open(&rig, "/chat/1");
    let second = open(&rig, "/chat/2");
    let third = open(&rig, "/feed/3");
    let all = list(&operator, "");
    assert_eq!(paths(&all), ["/chat/1", "/chat/2", "/feed/3"]);
    let of_second = all.iter().find(|connection| connection["path"] == "/chat/2").unwrap();
    let id = of_second["id"].as_str().unwrap();
    let client = third.client.address().to_string();
    let target = rig.backend().to_string();
    for (query, expected) in [
        ("route=chat", &["/chat/1", "/chat/2"][..]),
        ("route=cha", &[]),
        (&format!("id={id}"), &["/chat/2"]),
        ("id=ffff-1", &[]),
        (&format!("client={client}"), &["/feed/3"]),
        ("client=127.0.0.1", &["/chat/1", "/chat/2", "/feed/3"]),
        ("client=127.0.0.0%2F8&route=feed", &["/feed/3"]),
        ("client=10.0.0.0%2F8", &[]),
        ("upstream=u", &["/chat/1", "/chat/2", "/feed/3"]),
        (&format!("upstream={target}"), &["/chat/1", "/chat/2", "/feed/3"]),
        ("upstream=v", &[]),
        ("older-than=0s", &["/chat/1", "/chat/2", "/feed/3"]),
        ("older-than=1h", &[]),
    ] {
        assert_eq!(paths(&list(&operator, query)), expected, "{query}");
    }
    let some = operator.get("/v1/connections?limit=2").json();
    assert_eq!((&some["found"], some["connections"].as_array().map(Vec::len)), (&json!(3), Some(2)));
    for query in ["rout=chat", "limit=0", "limit=10001", "id=x", "older-than=1", "route=a&route=b"] {
        let reply = operator.get(&format!("/v1/connections?{query}"));
        assert_eq!(reply.status(), 400, "{query}");
        assert!(reply.json()["help"].is_string() && reply.json()["error"].is_string(), "{query}");
    }
    [first, second, third].into_iter().for_each(Session::close);
    let _records = rig.finish();
}

#[test]
fn a_close_reaches_exactly_those_that_are_meant_with_its_code_and_reason() {
    let rig = rig();
    let operator = rig.operator();
    let meant = [open(&rig, "/chat/1"), open(&rig, "/chat/2")];
    let mut other = open(&rig, "/feed/3");
    let body = r#"{"filter": {"route": "chat"}, "code": 4010, "reason": "moved"}"#;
    let reply = operator.post("/v1/connections/close", body);
    assert_eq!((reply.status(), reply.json()), (200, json!({"closing": 2})));
    let again = operator.post("/v1/connections/close", body);
    assert_eq!(again.json(), json!({"closing": 0}), "they have been told");
    let slip = operator.post("/v1/connections/close", r#"{"filter": {"route": "chta"}}"#);
    assert_eq!(slip.status(), 404);
    assert_eq!(slip.json()["error"], "no route is called `chta`");
    assert!(
        slip.json()["help"].as_str().is_some_and(|help| help.contains("chat, feed")),
        "{:?}",
        slip.json()
    );
    assert_eq!(paths(&list(&operator, "")), ["/feed/3"]);
    meant.into_iter().for_each(|session| expect_farewell(session, 4010, "moved"));
    other.pass(Client, &frame(Client, TEXT, b"still here"));
    other.pass(Upstream, &frame(Upstream, TEXT, b"me too"));
    other.close();
    let records = rig.finish();
    assert_eq!(records.reasons("close"), [("admin", 2), ("close", 1)].into());
    for record in records.of("close").iter().filter(|record| record["reason"] == "admin") {
        let told =
            json!({"route": "chat", "by": "gateway", "client_close_sent": 4010, "upstream_close_sent": 4010});
        assert_has(record, &told);
    }
    let told = records.of("admin_request")[0];
    assert_has(
        told,
        &json!({"level": "info", "method": "POST", "path": "/v1/connections/close", "status": 200}),
    );
    assert!(told["peer"].as_str().is_some_and(|peer| peer.starts_with("127.0.0.1:")), "{told}");
    assert!(told["detail"].as_str().is_some_and(|detail| detail.contains("4010")), "{told}");
}

#[test]
fn one_connection_is_closed_by_its_id() {
    let rig = rig();
    let operator = rig.operator();
    let (meant, other) = (open(&rig, "/chat/1"), open(&rig, "/chat/2"));
    let connections = list(&operator, "");
    let id = connections.iter().find(|connection| connection["path"] == "/chat/1").unwrap()["id"]
        .as_str()
        .unwrap();
    for code in [0, 999, 1004, 1005, 1006, 1015, 2000, 5000, 70_000] {
        let reply = operator.delete(&format!("/v1/connections/{id}?code={code}"));
        assert_eq!(reply.status(), 400, "{code}");
        assert_eq!(reply.json()["error"], format!("a Close frame cannot have the code {code}"));
    }
    assert_eq!(operator.delete("/v1/connections/ffff-1").status(), 404);
    assert_eq!(operator.delete("/v1/connections/all").status(), 400);
    let reply = operator.delete(&format!("/v1/connections/{id}?code=1008&reason=no+more"));
    assert_eq!((reply.status(), reply.json()), (200, json!({"closing": 1})));
    expect_farewell(meant, 1008, "no more");
    assert_eq!(operator.delete(&format!("/v1/connections/{id}")).status(), 404);
    other.close();
    let _records = rig.finish();
}

#[test]
fn nothing_is_closed_by_a_request_that_does_not_say_what() {
    let rig = rig();
    let operator = rig.operator();
    let session = open(&rig, "/chat/1");
    for body in [
        "",
        "{}",
        "[]",
        r#"{"filter": {}}"#,
        r#"{"filter": {"rout": "chat"}}"#,
        r#"{"all": true, "code": 1006}"#,
    ] {
        let reply = operator.post("/v1/connections/close", body);
        assert_eq!(reply.status(), 400, "{body}: {reply:?}");
    }
    let large = format!(r#"{{"filter": {{"route": "{}"}}}}"#, "x".repeat(70_000));
    assert_eq!(operator.post("/v1/connections/close", &large).status(), 400);
    let none = operator.post("/v1/connections/close", r#"{"filter": {"route": "feed"}}"#);
    assert_eq!(none.json(), json!({"closing": 0}));
    session.close();
    let _records = rig.finish();
}

#[test]
fn closes_can_be_spread_over_time() {
    const SESSIONS: u32 = 4;
    let rig = rig();
    let operator = rig.operator();
    let mut sessions: Vec<_> = (0..SESSIONS).map(|_| open(&rig, "/chat")).collect();
    let spread = Duration::from_millis(400);
    let stopwatch = Stopwatch::start();
    let reply = operator.post("/v1/connections/close", r#"{"all": true, "code": 1012, "spread": "400ms"}"#);
    assert_eq!(reply.json(), json!({"closing": SESSIONS}));
    // Those that the listing finds first are closed first: not in the order of their opening.
    thread::scope(|scope| {
        for session in sessions.drain(..) {
            scope.spawn(move || expect_farewell(session, 1012, ""));
        }
    });
    let took = stopwatch.read();
    assert!(took + Duration::from_millis(50) >= spread * (SESSIONS - 1) / SESSIONS, "{took:?}");
    let _records = rig.finish();
}

#[test]
fn figures_health_and_metrics_are_read_there() {
    let rig = rig();
    let operator = rig.operator();
    let session = open(&rig, "/chat");
    let figures = operator.get("/v1/stats").json();
    assert_eq!((&figures["workers"], &figures["connections"]["active"]), (&json!(1), &json!(1)));
    assert_has(&operator.get("/health").json(), &json!({"status": "ok", "connections": 1}));
    let page = operator.get("/metrics");
    assert_eq!(page.head.get("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(page.text.contains("\nframegate_connections_active 1\n"));
    assert_has(&operator.get("/v1/config").json(), &json!({"workers": 1, "path": null, "hash": null}));
    for (method, target, status) in [
        ("GET", "/", 404),
        ("GET", "/v1/reload", 405),
        ("GET", "/v1/drain", 405),
        ("POST", "/v1/stats", 405),
        ("OPTIONS", "/v1/drain", 405),
    ] {
        let reply = operator.ask(&Operator::request(method, target));
        assert_eq!(reply.status(), status, "{method} {target}");
        assert!(reply.head.all("Access-Control-Allow-Origin").next().is_none());
    }
    session.close();
    let _records = rig.finish();
}

#[test]
fn rows_17_and_72_strangers_and_pages_of_other_sites_order_nothing() {
    let token = "a-token-of-more-than-16";
    let config = CONFIG
        .replace("127.0.0.1:0\" }", &format!("127.0.0.1:0\"; token \"{token}\"; hosts \"gate.example\" }}"));
    let rig = Rig::from_kdl([Backend::default()], &config);
    let operator = rig.operator();
    let session = open(&rig, "/chat");
    let bearer = format!("Bearer {token}");
    for (host, origin, authorization, status) in [
        ("localhost", None, Some(&*bearer), 200),
        ("gate.example:9091", None, Some(&bearer), 200),
        ("evil.example", None, Some(&bearer), 421),
        ("localhost", Some("http://evil.example"), Some(&bearer), 403),
        ("localhost", Some("null"), Some(&bearer), 403),
        ("localhost", None, None, 401),
        ("localhost", None, Some("Bearer a-token-of-more-than-17"), 401),
    ] {
        for (method, target, right) in
            [("GET", "/v1/connections", 200), ("POST", "/v1/connections/close", 400)]
        {
            let mut request = Operator::request(method, target).replace("Host", host);
            request = origin.into_iter().fold(request, |request, origin| request.with("Origin", origin));
            request = authorization
                .into_iter()
                .fold(request, |request, value| request.with("Authorization", value));
            let reply = operator.ask(&request.sized(""));
            let expected = if status == 200 { right } else { status };
            assert_eq!(reply.status(), expected, "{method} {host} {origin:?} {authorization:?}");
            assert_eq!(reply.head.get("WWW-Authenticate").is_some(), status == 401);
        }
    }
    assert_eq!(operator.get("/health").status(), 200, "whether it lives is no secret");
    session.close();
    let records = rig.finish();
    // Who reads and is let in leaves no record; who is not let in does.
    let refused = records.of("admin_request").iter().filter(|record| record["status"] == 401).count();
    assert_eq!(refused, 4);
    assert!(records.of("admin_request").iter().all(|record| !record.to_string().contains("a-token")));
}

#[test]
fn a_unix_socket_is_for_its_user_alone() {
    let folder = Folder::new();
    let path = folder.file("admin.sock");
    let config = CONFIG.replace("127.0.0.1:0", &format!("unix:{}", path.display()));
    let rig = Rig::from_kdl([Backend::default()], &config);
    let operator = rig.operator();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(operator.get("/v1/stats").status(), 200);
    let foreign = Operator::request("GET", "/v1/stats").with("Origin", "http://evil.example");
    assert_eq!(operator.ask(&foreign).status(), 403);
    assert_eq!(operator.delete("/v1/connections/0-77").status(), 404);
    let records = rig.finish();
    let told = records.of("admin_request").into_iter().find(|record| record["status"] == 404).unwrap();
    assert!(told["peer"].as_str().is_some_and(|peer| peer.starts_with("unix:uid=")), "{told}");
    assert!(!path.exists(), "its file is gone with it");
}

#[test]
fn what_concerns_the_process_is_asked_of_its_owner() {
    let mut rig = rig();
    let operator = rig.operator();
    let report = "listeners +new";
    for (target, body, action, outcome, status) in [
        ("/v1/reload", "", Action::Reload, Ok(report), 200),
        ("/v1/reload", "", Action::Reload, Err("line 3: no such key"), 422),
        ("/v1/logs/reopen", "", Action::ReopenLogs, Ok("3 files"), 200),
        ("/v1/drain", "", Action::Drain { spread: None }, Ok("draining"), 200),
        (
            "/v1/drain",
            r#"{"spread": "3s"}"#,
            Action::Drain { spread: Some(Duration::from_secs(3)) },
            Ok("draining"),
            200,
        ),
    ] {
        let reply = thread::scope(|scope| {
            let asking = scope.spawn(|| operator.post(target, body));
            let request = rig.requests().blocking_recv().expect("a request");
            assert_eq!(request.action, action);
            request.answer(outcome.map(str::to_owned).map_err(str::to_owned));
            asking.join().expect("an answer")
        });
        assert_eq!(reply.status(), status, "{target}");
        match outcome {
            Ok(report) => assert_eq!(reply.json(), json!({"report": report})),
            Err(report) => assert_eq!(reply.json()["error"], report),
        }
    }
    assert_eq!(operator.post("/v1/drain", r#"{"spread": "3"}"#).status(), 400);
    for body in [r#"{"spraed": "3s"}"#, "[]", " []", "\n", "null"] {
        assert_eq!(operator.post("/v1/drain", body).status(), 400, "{body}");
    }
    rig.requests().close();
    assert_eq!(operator.post("/v1/reload", "").status(), 501);
    let records = rig.finish();
    let failed = records.of("admin_request").into_iter().find(|record| record["status"] == 422).unwrap();
    assert_has(failed, &json!({"level": "warn", "detail": "line 3: no such key"}));
}

#[test]
fn a_gateway_that_drains_can_still_be_asked() {
    let rig = rig();
    let operator = rig.operator();
    let mut session = open(&rig, "/chat/left");
    let records = thread::scope(|scope| {
        let stopping = scope.spawn(|| rig.stop());
        assert_eq!(session.client.read_frame().close(), Some((1001, "")));
        assert!(list(&operator, "").is_empty());
        assert_eq!(paths(&list(&operator, "closing=true")), ["/chat/left"]);
        assert_eq!(session.upstream.read_frame().close(), Some((1001, "")));
        session.client.send(&close(Client, 1001, ""));
        session.upstream.send(&close(Upstream, 1001, ""));
        session.end();
        stopping.join().expect("a gateway that stops")
    });
    assert_has(records.only("close"), &json!({"reason": "shutdown"}));
}

#[test]
fn thousands_of_connections_are_told_of_at_once_and_none_twice() {
    const SESSIONS: usize = 600;
    let rig = rig();
    let operator = rig.operator();
    let sessions: Vec<_> = (0..SESSIONS).map(|number| open(&rig, &format!("/chat/{number}"))).collect();
    let connections = list(&operator, "limit=10000");
    let mut ids: Vec<_> = connections.iter().map(|connection| connection["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((connections.len(), ids.len()), (SESSIONS, SESSIONS));
    thread::scope(|scope| {
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(|| list(&operator, "limit=10000").len())).collect();
        for told in asking {
            assert_eq!(
                told.join().expect("an answer"),
                SESSIONS,
                "who asks beside others is told of all too"
            );
        }
    });
    let reply = operator.post("/v1/connections/close", r#"{"all": true, "code": 1001}"#);
    assert_eq!(reply.json(), json!({"closing": SESSIONS}));
    for mut session in sessions {
        for side in Side::BOTH {
            assert_eq!(session.peer(side).read_frame().close(), Some((1001, "")));
        }
        session.client.abort();
        session.upstream.expect_end(Ending::Reset);
    }
    let records = rig.finish();
    assert_eq!(records.reasons("close"), [("admin", SESSIONS)].into());
}

//! Which route answers, seen from outside: by the records of requests that handlers answer,
//! so that no backend is needed. What routes do beside going to an upstream stands here, too.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testkit::backend::Backend;
use testkit::message::Message;
use testkit::peer::{Ending, Peer};
use testkit::records::assert_has;
use testkit::rig::{Exchange, Rig};

/// Asks on a connection of its own; the status, the request's id, and the body.
#[track_caller]
fn ask(rig: &Rig, request: &Message) -> (u16, String, Vec<u8>) {
    let mut client = rig.send(&request.clone().without("Connection").with("Connection", "close").to_bytes());
    read_answer(&mut client)
}

#[track_caller]
fn read_answer(client: &mut Peer) -> (u16, String, Vec<u8>) {
    let head = client.read_head();
    let id = head.get("X-Request-Id").unwrap_or_default().to_owned();
    let body = client.read_body(&head);
    (head.status(), id, body)
}

/// Each request is answered by the route of that name, or by none.
#[track_caller]
fn check(routes: &str, cases: &[(Message, Option<&str>)]) {
    let rig = Rig::from_kdl([], &format!("routes {{ {routes} }}"));
    let mut expected = BTreeMap::new();
    for (request, route) in cases {
        let mut client = rig.send(&request.to_bytes());
        let (status, id, _) = read_answer(&mut client);
        assert_eq!(status, 404, "{request:?}");
        expected.insert(id, (request, *route));
    }
    let records = rig.finish();
    let told = [records.of("request"), records.of("refused")].concat();
    assert_eq!(told.len(), cases.len());
    for record in told {
        let id = record["request_id"].as_str().unwrap_or_default();
        let (request, route) = expected.get(id).expect("a request that was sent");
        assert_eq!(record.get("route").and_then(Value::as_str), *route, "{request:?}");
    }
}

fn get(target: &str) -> Message {
    Message::get(target)
}

fn host(host: &str) -> Message {
    get("/").replace("Host", host)
}

#[test]
fn a_request_that_no_route_fits_is_told_404_and_counted_without_a_route() {
    let rig =
        Rig::from_kdl([], r#"routes { route "a" { matches { path "/a" }; builtin-handler "health" } }"#);
    let (status, _, body) = ask(&rig, &get("/b"));
    assert_eq!((status, str::from_utf8(&body)), (404, Ok("404 Not Found: no route matches\n")));
    let mut client = rig.send(&Message::upgrade("/b").to_bytes());
    assert_eq!(client.read_head().status(), 404);
    drop(client);
    let metrics = rig.settled();
    assert_eq!(metrics.get("framegate_http_requests_total{route=\"\",status=\"4xx\"}"), 1.0);
    assert_eq!(metrics.get("framegate_handshake_failures_total{reason=\"no_route\"}"), 1.0);
    let records = rig.finish();
    for event in ["request", "refused"] {
        assert_has(records.only(event), &json!({"status": 404, "reason": "no_route", "path": "/b"}));
        assert_eq!(records.only(event).get("route"), None);
    }
}

#[test]
fn priority_goes_before_specificity_and_that_before_the_order() {
    let routes = r#"
        route "first" { matches { path-prefix "/a" }; builtin-handler "not-found" }
        route "again" { matches { path-prefix "/a" }; builtin-handler "not-found" }
        route "longer" { matches { path-prefix "/a/b" }; builtin-handler "not-found" }
        route "regex" { matches { path-regex "^/a/b/[0-9]+$" }; builtin-handler "not-found" }
        route "exact" { matches { path "/a/b/7" }; builtin-handler "not-found" }
        route "vip" { priority "high"; matches { path-prefix "/a/b/vip" }; builtin-handler "not-found" }
        route "low" { priority "low"; matches { path "/a/b/8" }; builtin-handler "not-found" }"#;
    check(
        routes,
        &[
            (get("/a"), Some("first")),
            (get("/a/x"), Some("first")),
            (get("/ab"), None),
            (get("/a/b"), Some("longer")),
            (get("/a/b/x"), Some("longer")),
            (get("/a/bx"), Some("first")),
            (get("/a/b/6"), Some("regex")),
            (get("/a/b/6?x=1"), Some("regex")),
            (get("/a/b/7"), Some("exact")),
            (get("/a/b/8"), Some("regex")),
            (get("/a/b/vip/7"), Some("vip")),
            (get("/A"), None),
            (Message::upgrade("/a/b/7"), Some("exact")),
        ],
    );
}

#[test]
fn hosts_are_exact_or_all_below_a_name_without_case_port_and_last_dot() {
    let routes = r#"
        route "exact" { matches { host "chat.example.org" }; builtin-handler "not-found" }
        route "below" { matches { host "*.example.org" }; builtin-handler "not-found" }
        route "address" { matches { host "[::1]" "127.0.0.1" }; builtin-handler "not-found" }"#;
    check(
        routes,
        &[
            (host("chat.example.org"), Some("exact")),
            (host("CHAT.example.ORG:8080"), Some("exact")),
            (host("chat.example.org."), Some("exact")),
            (host("a.example.org"), Some("below")),
            (host("a.b.example.org:1"), Some("below")),
            (host("example.org"), None),
            (host(".example.org"), None),
            (host("xexample.org"), None),
            (host("chat.example.org.evil.example"), None),
            (host("[::1]:80"), Some("address")),
            (host("127.0.0.1"), Some("address")),
            (get("http://a.example.org/").replace("Host", "a.example.org"), Some("below")),
            (Message::new("GET / HTTP/1.0"), None),
            (Message::upgrade("/").replace("Host", "b.example.org"), Some("below")),
        ],
    );
}

#[test]
fn fields_parameters_methods_and_subprotocols_choose_among_equals() {
    let routes = r#"
        route "any" { builtin-handler "not-found" }
        route "field" { matches { header "X-A" }; builtin-handler "not-found" }
        route "value" { matches { header "X-A" "1" }; builtin-handler "not-found" }
        route "query" { matches { path "/q"; query-param "token" }; builtin-handler "not-found" }
        route "query-value" { matches { path "/q"; query-param "token" "a b" }; builtin-handler "not-found" }
        route "method" { matches { path "/m"; method "PUT" "DELETE" }; builtin-handler "not-found" }
        route "subprotocol" { matches { path "/s"; subprotocol "chat.v1" }; builtin-handler "not-found" }"#;
    let offering = |names: &str| Message::upgrade("/s").with("Sec-WebSocket-Protocol", names);
    check(
        routes,
        &[
            (get("/"), Some("any")),
            (get("/").with("x-a", ""), Some("field")),
            (get("/").with("X-A", "2").with("X-A", "1"), Some("value")),
            (get("/").with("X-A", "2, 1"), Some("field")),
            (get("/q"), Some("any")),
            (get("/q?token"), Some("query")),
            (get("/q?x=1&token=7"), Some("query")),
            (get("/q?tokens=7"), Some("any")),
            (get("/q?token=a+b"), Some("query-value")),
            (get("/q?t%6Fken=a%20b"), Some("query-value")),
            (get("/m"), Some("any")),
            (Message::request("PUT", "/m"), Some("method")),
            (Message::request("DELETE", "/m"), Some("method")),
            (Message::request("put", "/m"), Some("any")),
            (offering("chat.v1"), Some("subprotocol")),
            (offering("chat.v2, chat.v1"), Some("subprotocol")),
            (offering("CHAT.V1"), Some("any")),
            (Message::upgrade("/s"), Some("any")),
        ],
    );
}

#[test]
fn row_10_the_path_that_is_matched_is_the_one_that_is_forwarded() {
    let routes = r#"
        route "deny" { priority "high"; matches { path-prefix "/deny" }; builtin-handler "not-found" }
        route "all" { upstream "backend" }"#;
    let text = format!("routes {{ {routes} }}\nupstreams {{ upstream \"backend\" {{ target \"$0\" }} }}");
    let rig = Rig::from_kdl([Backend::default()], &text);
    for target in [
        "/deny",
        "/deny/a",
        "/./deny",
        "/a/../deny",
        "/a/%2e%2e/deny",
        "/a/%2E./deny?x",
        "/%64eny",
        "/deny/../deny",
        "/a/b/.././../deny/",
        "http://example.org/deny",
        "http://example.org/a/../deny",
    ] {
        assert_eq!(ask(&rig, &get(target)).0, 404, "{target}");
        rig.backend().assert_not_dialled();
    }
    for (target, forwarded) in [
        ("/a/../b", "/b"),
        ("/%61", "/a"),
        ("/x/..%2fdeny", "/x/..%2Fdeny"),
        ("/%2fdeny", "/%2Fdeny"),
        ("//deny", "//deny"),
        ("/a//../deny", "/a/deny"),
        ("/a/..deny", "/a/..deny"),
        ("/deny%2f..", "/deny%2F.."),
        ("/denys", "/denys"),
        ("/DENY", "/DENY"),
        ("/a;/../b", "/b"),
        ("/%7euser/%41%5b?q=%61&../deny", "/~user/A%5B?q=%61&../deny"),
        ("/a?/../deny", "/a?/../deny"),
        ("/?", "/?"),
        ("http://example.org", "/"),
        ("http://example.org?q", "/?q"),
    ] {
        let mut exchange = rig.ask(&get(target).with("Connection", "close"));
        assert_eq!(exchange.request.first_line, format!("GET {forwarded} HTTP/1.1"), "{target}");
        // Else it would be kept for the next one, which is accepted anew.
        assert_eq!(exchange.answer(&Message::ok("").with("Connection", "close")).status(), 200);
        exchange.client.expect_end(Ending::Fin);
        let upgraded = Message::upgrade(target);
        let session = rig.open_with(&upgraded, |answer| answer);
        assert_eq!(session.request.first_line, format!("GET {forwarded} HTTP/1.1"), "{target}");
        session.close();
    }
    rig.finish();
}

#[test]
fn row_10_paths_that_backends_could_read_in_two_ways_are_refused() {
    let rig = Rig::default();
    let cases = [
        ("/..", "path_out_of_root"),
        ("/../a", "path_out_of_root"),
        ("/a/../../deny", "path_out_of_root"),
        ("/%2e%2e/a", "path_out_of_root"),
        ("/a/..;/deny", "path_dot_parameters"),
        ("/a/..;x=1/deny", "path_dot_parameters"),
        ("/a/.;/deny", "path_dot_parameters"),
        ("/a/..%3b/deny", "path_dot_parameters"),
        ("/a/%2e%2e;/deny", "path_dot_parameters"),
        ("/a\\deny", "path_backslash"),
        ("/a/..%5cdeny", "path_backslash"),
        ("/a%00", "path_nul"),
        ("/a%", "path_escape"),
        ("/a%2", "path_escape"),
        ("/a%zz", "path_escape"),
    ];
    for (target, _) in cases {
        for request in [get(target), Message::upgrade(target)] {
            let (status, _, body) = ask_once(&rig, &request);
            assert_eq!(status, 400, "{target}");
            assert!(body.starts_with(b"400 Bad Request: the path "), "{target}");
        }
        rig.backend().assert_not_dialled();
    }
    let records = rig.finish();
    for event in ["request", "refused"] {
        assert_eq!(records.of(event).len(), cases.len());
        for (_, reason) in cases {
            let count = cases.iter().filter(|(_, other)| *other == reason).count();
            assert_eq!(records.reasons(event)[reason], count, "{reason}");
        }
    }
}

#[track_caller]
fn ask_once(rig: &Rig, request: &Message) -> (u16, String, Vec<u8>) {
    let mut client = rig.send(&request.to_bytes());
    read_answer(&mut client)
}

#[test]
fn row_10_a_fragment_is_refused_on_the_first_request_and_on_every_other() {
    let rig = Rig::default();
    for target in ["/a#b", "/a#", "/#/../a", "/a?x#y", "http://example.org/a#b"] {
        for request in [get(target), Message::upgrade(target)] {
            let (status, _, body) = ask_once(&rig, &request);
            assert_eq!(status, 400, "{target}");
            assert!(String::from_utf8_lossy(&body).contains("fragment"), "{target}");
            rig.backend().assert_not_dialled();
        }
    }
    let mut exchange = rig.ask(&get("/first"));
    assert_eq!(exchange.answer(&Message::ok("")).status(), 200);
    exchange.client.send_bytewise(&get("/later#x").to_bytes());
    assert_eq!(read_answer(&mut exchange.client).0, 400);
    // It was the request that was at fault, not the connection.
    exchange.ask(&get("/later"));
    assert_eq!(exchange.answer(&Message::ok("")).status(), 200);
    // Pipelined behind a good one.
    exchange.client.send(&[get("/third").to_bytes(), get("/fourth#x").to_bytes()].concat());
    assert_eq!(exchange.upstream.read_head().first_line, "GET /third HTTP/1.1");
    assert_eq!(exchange.answer(&Message::ok("")).status(), 200);
    assert_eq!(read_answer(&mut exchange.client).0, 400);
    drop(exchange);
    let records = rig.finish();
    assert_eq!(records.reasons("request")["fragment_in_target"], 7);
    assert_eq!(records.reasons("refused")["fragment_in_target"], 5);
}

#[test]
fn row_10_a_line_in_a_body_that_looks_like_a_request_with_a_fragment_is_a_line_in_a_body() {
    let rig = Rig::default();
    let line = "GET /else#where HTTP/1.1\r\nHost: example.org\r\n\r\n";
    for request in
        [Message::request("POST", "/log").sized(line), Message::request("POST", "/log").chunked(line)]
    {
        // In pieces or at once.
        for is_cut in [false, true] {
            let mut client = rig.connect();
            let bytes = request.to_bytes();
            if is_cut {
                client.send_bytewise(&bytes)
            } else {
                client.send(&bytes)
            }
            let mut exchange = Exchange::begin(client, rig.backend().accept());
            assert_eq!(exchange.upstream.read_body(&exchange.request), line.as_bytes());
            assert_eq!(exchange.answer(&Message::ok("").with("Connection", "close")).status(), 200);
            rig.backend().assert_not_dialled();
        }
    }
    rig.finish();
}

#[test]
fn row_10_an_octet_that_no_target_may_have_is_refused() {
    let rig = Rig::default();
    for target in [&b"/a\0b"[..], b"/a\tb", b"/a b", b"/a\x7f", b"/caf\xc3\xa9", b"/a\xff", b"a", b"", b"*"] {
        let request = [&b"GET "[..], target, b" HTTP/1.1\r\nHost: example.org\r\n\r\n"].concat();
        let mut client = rig.send(&request);
        assert_eq!(client.read_head().status(), 400, "{}", target.escape_ascii());
        drop(client);
        rig.backend().assert_not_dialled();
    }
    rig.finish();
}

#[test]
fn websockets_can_be_switched_off_and_plain_requests_pass() {
    let text = r#"
        routes { route "off" { upstream "backend"; websocket { enabled false } } }
        upstreams { upstream "backend" { target "$0" } }"#;
    let rig = Rig::from_kdl([Backend::default()], text);
    let mut client = rig.send(&Message::upgrade("/").to_bytes());
    let head = client.read_head();
    assert_eq!((head.status(), head.get("Connection")), (403, Some("close")));
    rig.backend().assert_not_dialled();
    drop(client);
    let mut exchange = rig.ask(&get("/"));
    assert_eq!(exchange.answer(&Message::ok("plain")).status(), 200);
    drop(exchange);
    let records = rig.finish();
    let expected = json!({"status": 403, "reason": "websocket_disabled", "route": "off"});
    assert_has(records.only("refused"), &expected);
}

#[test]
fn an_agent_that_cannot_be_asked_refuses_or_lets_pass_and_is_counted() {
    let text = r#"
        agents {
            agent "strict" { unix-socket path="/nowhere/strict.sock" }
            agent "lenient" { unix-socket path="/nowhere/lenient.sock"; failure-mode "open" }
        }
        routes {
            route "open" { upstream "backend"; agents "lenient" }
            route "closed" { matches { path-prefix "/closed" }; upstream "backend"; agents "lenient" "strict" }
        }
        upstreams { upstream "backend" { target "$0" } }"#;
    let rig = Rig::from_kdl([Backend::default()], text);
    for request in [get("/closed"), Message::upgrade("/closed")] {
        let (status, _, body) = ask_once(&rig, &request);
        // Which agents there are is nobody's business.
        assert_eq!((status, str::from_utf8(&body)), (503, Ok("503 Service Unavailable\n")));
        rig.backend().assert_not_dialled();
    }
    let mut exchange = rig.ask(&get("/open").with("Connection", "close"));
    assert_eq!(exchange.answer(&Message::ok("").with("Connection", "close")).status(), 200);
    drop(exchange);
    rig.open().close();
    let metrics = rig.settled();
    assert_eq!(metrics.get("framegate_fail_open_total{agent=\"lenient\"}"), 4.0);
    assert_eq!(metrics.get("framegate_fail_open_total{agent=\"strict\"}"), 0.0);
    let records = rig.finish();
    for event in ["request", "refused"] {
        assert_eq!(records.reasons(event)["agent_unavailable"], 1);
    }
}

const HANDLERS: &str = r#"
    routes {
        route "health" { matches { path "/health" "/ready" }; builtin-handler "health" }
        route "status" { matches { path "/status" }; builtin-handler "status" }
        route "metrics" { matches { path "/page" }; builtin-handler "metrics" }
        route "echo" { matches { path "/echo" }; builtin-handler "echo"; max-body-size 100 }
        route "none" { matches { path "/none" }; builtin-handler "not-found" }
    }
    upstreams { upstream "backend" { target "$0" } }"#;

fn parsed(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("JSON")
}

#[test]
fn handlers_answer_without_an_upstream() {
    let rig = Rig::from_kdl([Backend::default()], HANDLERS);
    let (status, _, body) = ask(&rig, &get("/health"));
    assert_eq!((status, &parsed(&body)["status"]), (200, &json!("healthy")));
    for ready in ["/ready", "/health?ready", "/health?a=b&ready"] {
        let (status, _, body) = ask(&rig, &get(ready));
        assert_eq!((status, &parsed(&body)["status"]), (200, &json!("ready")), "{ready}");
    }
    let (status, _, body) = ask(&rig, &get("/status"));
    let told = parsed(&body);
    assert_eq!((status, &told["status"], &told["connections"]), (200, &json!("ok"), &json!(0)));
    let upstreams = json!([{"id": "backend", "targets": 1, "available": 1}, {"id": "probe", "targets": 1, "available": 1}]);
    assert_eq!(told["upstreams"], upstreams);
    let (status, _, body) = ask(&rig, &get("/page"));
    assert_eq!(status, 200);
    assert!(str::from_utf8(&body).unwrap().contains("\nframegate_uptime_seconds "));
    let (status, id, body) = ask(&rig, &get("/none"));
    let told = parsed(&body);
    assert_eq!((status, &told["status"], &told["request_id"]), (404, &json!(404), &json!(id)));
    rig.backend().assert_not_dialled();
    rig.finish();
}

#[test]
fn handlers_that_are_read_are_told_so_by_405_and_give_heads_alone() {
    let rig = Rig::from_kdl([Backend::default()], HANDLERS);
    for target in ["/health", "/ready", "/status", "/page"] {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get"] {
            let mut client =
                rig.send(&Message::request(method, target).with("Content-Length", "0").to_bytes());
            let head = client.read_head();
            assert_eq!((head.status(), head.get("Allow")), (405, Some("GET, HEAD")), "{method} {target}");
        }
        let mut client = rig.send(&Message::request("HEAD", target).with("Connection", "close").to_bytes());
        let head = client.read_head();
        assert_eq!(head.status(), 200, "{target}");
        assert_ne!(head.get("Content-Length").unwrap_or("0"), "0", "{target}");
        client.expect_end(Ending::Fin);
    }
    assert_eq!(rig.finish().reasons("request")["method_not_allowed"], 24);
}

#[test]
fn echo_gives_the_request_back_as_it_came() {
    let rig = Rig::from_kdl([Backend::default()], HANDLERS);
    let request = Message::request("POST", "/echo?a=%41").with("X-One", "1").sized("a body");
    let (status, _, body) = ask(&rig, &request);
    let text = String::from_utf8(body).unwrap();
    assert_eq!(status, 200);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /echo?a=%41 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nx-one: 1"), "{head}");
    assert_eq!(body, "a body");
    // Its limit is that of any route.
    let (status, ..) = ask(&rig, &Message::request("POST", "/echo").sized(&"x".repeat(101)));
    assert_eq!(status, 413);
    assert_eq!(rig.finish().reasons("request")["body_too_large"], 1);
}

#[test]
fn who_has_no_healthy_target_is_not_ready_but_lives() {
    let text = r#"
        routes { route "health" { matches { path "/health" "/ready" }; builtin-handler "health" } }
        upstreams {
            upstream "backend" {
                target "$0"
                health-check { type "tcp"; interval-secs 1; unhealthy-threshold 1; healthy-threshold 1 }
            }
        }"#;
    let rig = Rig::from_kdl([Backend::closed()], text);
    rig.await_metric(
        &format!("framegate_upstream_healthy{{upstream=\"backend\",target=\"{}\"}}", rig.backend()),
        0.0,
    );
    let (status, _, body) = ask(&rig, &get("/ready"));
    let told = parsed(&body);
    assert_eq!((status, &told["status"]), (503, &json!("unready")));
    assert_eq!(told["unavailable"], json!(["backend"]));
    assert_eq!(ask(&rig, &get("/health")).0, 200);
    assert_eq!(rig.finish().reasons("request")["unready"], 1);
}

//! Connections that are kept for further requests, at both ends: how long, and what ends them.

use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use serde_json::json;
use testkit::Side::Client;
use testkit::backend::Backend;
use testkit::deadline::{Stopwatch, eventually};
use testkit::frame::{TEXT, frame};
use testkit::message::Message;
use testkit::peer::{Ending, Peer};
use testkit::records::{Records, assert_has};
use testkit::rig::{Exchange, Rig, Session};
use testkit::server::Server;

/// How long nothing must happen where nothing should.
const QUIET: Duration = Duration::from_millis(20);

fn get(target: &str) -> Message {
    Message::get(target)
}

/// A gateway whose connections have so much time.
fn with_patience(head: Duration, keepalive: Duration) -> Rig {
    Rig::configured(
        Backend::default(),
        |_| {},
        |config| {
            for listener in &mut config.listeners {
                listener.head_timeout = head;
                listener.keepalive_timeout = keepalive;
            }
        },
    )
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn requests_one_after_the_other_share_a_connection_at_either_end() {
    let rig = Rig::default();
    let mut exchange = rig.ask(&get("/0"));
    exchange.answer(&Message::ok(""));
    for number in 1..10 {
        exchange.ask(&get(&format!("/{number}")));
        assert_eq!(exchange.request.first_line, format!("GET /{number} HTTP/1.1"));
        let head = exchange.answer(&Message::ok(&number.to_string()));
        assert_eq!(exchange.client.read_body(&head), number.to_string().as_bytes());
    }
    // Another client has the same connection to the backend.
    drop(exchange.client);
    exchange.client = rig.connect();
    exchange.ask(&Message::request("POST", "/10").sized("body"));
    exchange.upstream.expect(b"body");
    exchange.answer(&Message::ok(""));
    rig.backend().assert_not_dialled();
    drop(exchange);
    let metrics = rig.settled();
    assert_eq!(metrics.get("framegate_connections_accepted_total"), 2.0);
    assert_eq!(metrics.get("framegate_http_requests_total{route=\"relay\",status=\"2xx\"}"), 11.0);
    rig.finish();
}

#[test]
fn requests_at_the_same_time_have_connections_of_their_own() {
    let rig = Rig::default();
    let mut exchanges: Vec<Exchange> = (0..4).map(|number| rig.ask(&get(&format!("/{number}")))).collect();
    for exchange in exchanges.iter_mut().rev() {
        let name = exchange.request.first_line.clone();
        let head = exchange.answer(&Message::ok(&name));
        assert_eq!(exchange.client.read_body(&head), name.as_bytes());
    }
    drop(exchanges);
    rig.finish();
}

#[test]
fn a_connection_of_a_websocket_is_no_connection_for_requests() {
    let rig = Rig::default();
    rig.open().close();
    // Behind a refused upgrade neither.
    let mut client = rig.send(&Message::upgrade("/").to_bytes());
    let mut upstream = rig.backend().accept();
    let _request = upstream.read_head();
    upstream.send(&Message::new("HTTP/1.1 403 Forbidden").with("Content-Length", "0").to_bytes());
    assert_eq!(client.read_head().status(), 403);
    let mut exchange = rig.ask(&get("/"));
    assert_eq!(exchange.answer(&Message::ok("")).status(), 200);
    drop((exchange, client));
    rig.finish();
}

#[test]
fn a_websocket_may_be_opened_behind_plain_requests() {
    let rig = Rig::default();
    let mut exchange = rig.ask(&get("/page"));
    exchange.answer(&Message::ok(""));
    exchange.client.send(&Message::upgrade("/chat").body(&frame(Client, TEXT, b"early")).to_bytes());
    // On a connection of its own, not on that of the request.
    let mut session = Session::establish(exchange.client, rig.backend().accept(), |answer| answer);
    session.upstream.expect(&frame(Client, TEXT, b"early"));
    exchange.upstream.expect_silence(QUIET);
    session.close();
    let records = rig.finish();
    assert_eq!((records.of("request").len(), records.of("open").len()), (1, 1));
}

#[test]
fn row_9_an_upgrade_pipelined_behind_a_request_waits_for_its_answer() {
    let rig = Rig::default();
    let both = [get("/page").to_bytes(), Message::upgrade("/chat").to_bytes()].concat();
    let mut exchange = Exchange::begin(rig.send(&both), rig.backend().accept());
    exchange.upstream.expect_silence(QUIET);
    rig.backend().assert_not_dialled();
    let head = exchange.answer(&Message::ok("page"));
    assert_eq!(exchange.client.read_body(&head), b"page");
    Session::establish(exchange.client, rig.backend().accept(), |answer| answer).close();
    rig.finish();
}

#[test]
fn a_connection_that_the_backend_has_ended_costs_nobody_a_request() {
    let rig = Rig::default();
    let mut exchange = rig.ask(&get("/"));
    exchange.answer(&Message::ok(""));
    for request in [get("/again"), Message::request("POST", "/again").sized("body")] {
        exchange.upstream.finish();
        exchange.upstream.expect_end(Ending::Fin);
        exchange.client.send(&request.to_bytes());
        exchange = Exchange::begin(exchange.client, rig.backend().accept());
        let body = exchange.upstream.read_body(&exchange.request);
        assert_eq!(body.is_empty(), request.to_bytes().starts_with(b"GET"));
        assert_eq!(exchange.answer(&Message::ok("")).status(), 200);
    }
    drop(exchange);
    rig.finish();
}

#[test]
fn a_kept_connection_that_is_lost_under_a_request_is_made_up_for_where_that_may_be_repeated() {
    for (request, is_repeated) in [
        (get("/"), true),
        (Message::request("DELETE", "/"), true),
        (Message::request("POST", "/"), false),
        (Message::request("PUT", "/").sized("body"), false),
    ] {
        let rig = Rig::default();
        let mut exchange = rig.ask(&get("/first"));
        exchange.answer(&Message::ok(""));
        exchange.ask(&request);
        // It has been read, and maybe acted upon.
        drop(exchange.upstream);
        if is_repeated {
            let mut exchange = Exchange::begin(exchange.client, rig.backend().accept());
            assert_eq!(exchange.answer(&Message::ok("")).status(), 200, "{request:?}");
        } else {
            assert_eq!(exchange.client.read_head().status(), 502, "{request:?}");
            rig.backend().assert_not_dialled();
            drop(exchange.client);
        }
        rig.finish();
    }
}

#[test]
fn a_connection_to_the_backend_is_kept_no_longer_than_its_time_and_in_no_greater_number() {
    let rig = Rig::configured(
        Backend::default(),
        |_| {},
        |config| {
            config.upstreams[0].pool.max_idle = 1;
            config.upstreams[0].pool.idle_timeout = Duration::from_millis(100);
        },
    );
    let mut exchanges = [rig.ask(&get("/1")), rig.ask(&get("/2"))];
    for exchange in &mut exchanges {
        exchange.answer(&Message::ok(""));
    }
    let [mut first, mut second] = exchanges;
    // The one that waits longest goes for the other.
    first.upstream.expect_end(Ending::Fin);
    second.upstream.expect_end(Ending::Fin);
    drop((first, second));
    rig.finish();
}

#[test]
fn a_client_that_asks_nothing_more_is_let_go_without_a_word() {
    let limit = Duration::from_millis(200);
    let rig = with_patience(LONG, limit);
    let mut exchange = rig.ask(&get("/"));
    exchange.answer(&Message::ok(""));
    let stopwatch = Stopwatch::start();
    exchange.client.expect_end(Ending::Fin);
    let took = stopwatch.read();
    assert!(took >= limit - Duration::from_millis(50), "{took:?}");
    drop(exchange);
    let metrics = rig.settled();
    assert_eq!(metrics.sum("framegate_handshake_failures_total", ""), 0.0);
    let records = rig.finish();
    assert!(records.of("refused").is_empty());
}

#[test]
fn the_time_between_requests_counts_from_the_end_of_the_answer() {
    let limit = Duration::from_millis(300);
    let rig = with_patience(LONG, limit);
    let mut exchange = rig.ask(&get("/"));
    // Longer than a client may be silent.
    exchange.client.expect_silence(limit * 3 / 2);
    exchange.answer(&Message::new("HTTP/1.1 200 OK").with("Content-Length", "2").body(b"a"));
    exchange.client.expect(b"a");
    exchange.client.expect_silence(limit * 3 / 2);
    exchange.upstream.send(b"b");
    exchange.client.expect(b"b");
    exchange.ask(&get("/again"));
    exchange.answer(&Message::ok(""));
    drop(exchange);
    rig.finish();
}

#[test]
fn a_further_request_that_comes_too_slowly_is_told_408() {
    let limit = Duration::from_millis(200);
    let rig = with_patience(limit, LONG);
    let mut exchange = rig.ask(&get("/"));
    // A request that is being answered may take its time.
    exchange.client.expect_silence(limit * 3 / 2);
    exchange.answer(&Message::ok(""));
    // So may the first byte of the next one.
    exchange.client.expect_silence(limit * 3 / 2);
    let request = get("/late").to_bytes();
    exchange.client.send(&request[..1]);
    let stopwatch = Stopwatch::start();
    exchange.client.send(&request[1..request.len() - 1]);
    let head = exchange.client.read_head();
    let took = stopwatch.read();
    assert_eq!((head.status(), head.get("Connection")), (408, Some("close")));
    assert!(took >= limit - Duration::from_millis(50), "{took:?}");
    exchange.client.expect_end(Ending::Fin);
    rig.backend().assert_not_dialled();
    drop(exchange);
    let records = rig.finish();
    assert_has(records.only("refused"), &json!({"reason": "head_timeout", "status": 408}));
}

#[test]
fn a_further_request_that_is_malformed_is_told_so_and_counted() {
    let rig = Rig::default();
    let mut exchange = rig.ask(&get("/"));
    exchange.answer(&Message::ok(""));
    exchange.client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n");
    assert_eq!(exchange.client.read_head().status(), 400);
    exchange.client.expect_end(Ending::Fin);
    drop(exchange);
    let records = rig.finish();
    assert_has(records.only("refused"), &json!({"reason": "malformed_request", "status": 400}));
}

#[test]
fn a_client_that_takes_nothing_of_its_answer_is_cut_off() {
    let rig = Rig::configured(
        Backend::default(),
        |_| {},
        |config| {
            config.listeners[0].send_timeout = Duration::from_millis(200);
        },
    );
    let mut client = rig.connect();
    client.keep_buffers_small(16 * 1024);
    client.send(&get("/").to_bytes());
    let mut exchange = Exchange::begin(client, rig.backend().accept());
    let size = 64 * 1024 * 1024;
    exchange
        .upstream
        .send(&Message::new("HTTP/1.1 200 OK").with("Content-Length", &size.to_string()).to_bytes());
    let body = vec![7; size];
    let mut sent = 0;
    // The exchange is given up with it.
    eventually("the upstream's connection breaks", || {
        let piece = &body[sent..body.len().min(sent + 1024 * 1024)];
        match exchange.upstream.try_send(piece) {
            Ok(()) => sent += piece.len(),
            Err(_) => return Some(()),
        }
        assert!(sent < size, "it was all taken");
        None
    });
    let metrics = rig.settled();
    assert_eq!(metrics.get("framegate_http_requests_total{route=\"relay\",status=\"2xx\"}"), 1.0);
    let records = rig.finish();
    assert_has(records.only("request"), &json!({"status": 200, "reason": "send_timeout"}));
}

/// Shuts a gateway down while `peers` do their part.
fn stop_while(rig: Rig, peers: impl FnOnce()) -> Records {
    thread::scope(|scope| {
        let stopping = scope.spawn(|| rig.stop());
        peers();
        stopping.join().expect("a gateway that stops")
    })
}

#[test]
fn who_drains_ends_idle_connections_at_once_and_finishes_what_runs() {
    let rig = Rig::default();
    let address = rig.address();
    let mut running = rig.ask(&get("/running"));
    let mut begun = rig.ask(&get("/begun"));
    begun.answer(&Message::new("HTTP/1.1 200 OK").with("Content-Length", "5").body(b"he"));
    begun.client.expect(b"he");
    let mut idle = rig.ask(&get("/idle"));
    idle.answer(&Message::ok(""));
    let records = stop_while(rig, || {
        idle.client.expect_end(Ending::Fin);
        drop(idle);
        eventually("nobody listens any more", || TcpStream::connect(address).err());
        running.client.expect_silence(QUIET);
        // It is told that it is the last one.
        let head = running.answer(&Message::ok("late"));
        assert_eq!((head.status(), head.get("Connection")), (200, Some("close")));
        running.client.expect(b"late");
        running.client.expect_end(Ending::Fin);
        begun.upstream.send(b"llo");
        begun.client.expect(b"llo");
        begun.client.expect_end(Ending::Fin);
    });
    let told = records.of("request");
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|record| record["status"] == 200 && record.get("reason").is_none()), "{told:?}");
}

#[test]
fn a_request_whose_head_was_under_way_when_draining_began_is_told_503() {
    let rig = Rig::default();
    let address = rig.address();
    let request = get("/late").to_bytes();
    let mut late = rig.send(&request[..request.len() - 1]);
    let mut running = rig.ask(&get("/running"));
    // The half has been read: the gateway has dealt with what came behind it.
    let records = stop_while(rig, || {
        eventually("nobody listens any more", || TcpStream::connect(address).err());
        late.send(&request[request.len() - 1..]);
        let head = late.read_head();
        assert_eq!((head.status(), head.get("Connection")), (503, Some("close")));
        assert_eq!(head.get("Retry-After"), Some("5"));
        running.answer(&Message::ok(""));
        drop((late, running));
    });
    assert_eq!(records.reasons("request")["draining"], 1);
}

#[test]
fn while_it_drains_a_gateway_lives_but_is_not_ready() {
    let text = r#"
        routes {
            route "health" { matches { path "/health" "/ready" }; builtin-handler "health" }
            route "status" { matches { path "/status" }; builtin-handler "status" }
            route "all" { upstream "backend" }
        }
        upstreams { upstream "backend" { target "$0" } }"#;
    let rig = Rig::from_kdl([Backend::default()], text);
    let address = rig.address();
    let late = ["/health", "/ready", "/status"].map(|target| {
        let request = get(target).to_bytes();
        rig.send(&request[..request.len() - 1])
    });
    let mut running = rig.ask(&get("/running"));
    let records = stop_while(rig, || {
        eventually("nobody listens any more", || TcpStream::connect(address).err());
        let told = late.map(|mut client| {
            client.send(b"\n");
            let head = client.read_head();
            assert_eq!(head.get("Connection"), Some("close"));
            let body: serde_json::Value = serde_json::from_slice(&client.read_body(&head)).unwrap();
            (head.status(), body["status"].clone())
        });
        assert_eq!(told, [(200, json!("healthy")), (503, json!("draining")), (200, json!("draining"))]);
        running.answer(&Message::ok(""));
        drop(running);
    });
    assert_eq!(records.reasons("request")["draining"], 1);
}

#[test]
fn what_still_runs_when_the_grace_is_over_breaks_off() {
    let grace = Duration::from_millis(200);
    let rig = Rig::with(|settings| settings.shutdown.grace = grace);
    let mut exchange = rig.ask(&get("/"));
    exchange.answer(&Message::new("HTTP/1.1 200 OK").with("Content-Length", "1000").body(b"begun"));
    exchange.client.expect(b"begun");
    let records = stop_while(rig, || {
        let (rest, _) = exchange.client.read_to_end();
        assert_eq!(rest, b"");
        let _end = exchange.upstream.read_to_end();
    });
    assert_has(records.only("request"), &json!({"status": 200, "response_bytes": 5}));
}

#[test]
fn many_clients_that_keep_their_connections_get_their_own_answers() {
    const CLIENTS: usize = 20;
    const REQUESTS: usize = 5;
    let server = Server::start(|request, body| {
        Message::ok(&format!("{} {}", request.first_line, String::from_utf8_lossy(body)))
    });
    let text = r#"
        routes { route "all" { upstream "server" } }
        upstreams { upstream "server" { target "$server" } }"#;
    let text = text.replace("$server", &server.to_string());
    let rig = Rig::from_kdl_with([], &text, |config| config.server.worker_threads = 2);
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let client = rig.connect();
            scope.spawn(move || ask_all(client, number, REQUESTS));
        }
    });
    // They are used again, though one may be late for the next request.
    assert!(server.connections() <= CLIENTS * 2, "{server:?}");
    let metrics = rig.settled();
    let expected = f64::from(u32::try_from(CLIENTS * REQUESTS).unwrap());
    assert_eq!(metrics.get("framegate_http_requests_total{route=\"all\",status=\"2xx\"}"), expected);
    assert_eq!(rig.finish().of("request").len(), CLIENTS * REQUESTS);
}

fn ask_all(mut client: Peer, number: usize, requests: usize) {
    for turn in 0..requests {
        let said = "x".repeat(turn * 1000);
        let request = Message::request("POST", &format!("/{number}/{turn}"));
        let request = if turn % 2 == 0 { request.sized(&said) } else { request.chunked(&said) };
        client.send(&request.to_bytes());
        let head = client.read_head();
        let told = String::from_utf8(client.read_body(&head)).expect("text");
        assert_eq!(told, format!("POST /{number}/{turn} HTTP/1.1 {said}"));
    }
}

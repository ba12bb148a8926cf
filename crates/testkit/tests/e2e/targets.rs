//! Upstreams of several targets: which of them is asked, what is made up for when one fails, and
//! what becomes of sessions when one is found unhealthy.

use std::time::Duration;

use gate_config::model::{Config, HealthCheck};
use serde_json::json;
use testkit::Side::{self, Client};
use testkit::backend::Backend;
use testkit::deadline::eventually;
use testkit::folder::Folder;
use testkit::frame::{TEXT, close, frame};
use testkit::head::Head;
use testkit::message::Message;
use testkit::peer::{Ending, Peer};
use testkit::records::assert_has;
use testkit::rig::{Exchange, Rig, Session};
use testkit::server::Server;

fn get() -> Message {
    Message::get("/")
}

fn upgrade() -> Message {
    Message::upgrade("/")
}

/// A gateway before two backends, with more settings of their upstream.
fn before_two(backends: [Backend; 2], settings: &str) -> Rig {
    before_two_with(backends, settings, |_| {})
}

fn before_two_with(backends: [Backend; 2], settings: &str, configure: impl FnOnce(&mut Config)) -> Rig {
    let text = format!(
        r#"
        routes {{ route "all" {{ upstream "two" }} }}
        upstreams {{ upstream "two" {{ target "$0"; target "$1"; {settings} }} }}"#
    );
    Rig::from_kdl_with(backends, &text, configure)
}

fn backends() -> [Backend; 2] {
    [Backend::default(), Backend::default()]
}

/// A figure of a target.
fn figure(rig: &Rig, family: &str, number: usize, reason: &str) -> f64 {
    let target = rig.backends().get(number).expect("two of them");
    rig.metrics().get(&format!("framegate_upstream_{family}{{upstream=\"two\",target=\"{target}\"{reason}}}"))
}

#[test]
fn a_target_that_refuses_connections_is_made_up_for_by_another() {
    let rig = before_two([Backend::closed(), Backend::default()], "passive-health { max-fails 0 }");
    for _ in 0..6 {
        let mut exchange = Exchange::begin(rig.send(&get().to_bytes()), rig.backends()[1].accept());
        exchange.answer(&Message::ok("").with("Connection", "close"));
        let request = Message::request("POST", "/").sized("a body that is not lost");
        let mut exchange = Exchange::begin(rig.send(&request.to_bytes()), rig.backends()[1].accept());
        exchange.upstream.expect(b"a body that is not lost");
        exchange.answer(&Message::ok("").with("Connection", "close"));
        Session::establish(rig.send(&upgrade().to_bytes()), rig.backends()[1].accept(), |answer| answer)
            .close();
    }
    let failures = figure(&rig, "failures_total", 0, ",reason=\"unreachable\"");
    assert!(failures >= 6.0, "{failures}");
    let records = rig.finish();
    assert!(records.of("refused").is_empty());
    assert!(records.of("request").iter().all(|record| record["status"] == 200), "{records:?}");
}

#[test]
fn a_target_that_is_lost_before_its_answer_is_made_up_for_where_the_request_may_be_repeated() {
    for (request, is_repeated) in [
        (get(), true),
        (Message::request("HEAD", "/"), true),
        (Message::request("DELETE", "/"), true),
        (upgrade(), true),
        (Message::request("POST", "/").sized("body"), false),
        (Message::request("POST", "/"), false),
        (Message::request("PUT", "/").sized("body"), false),
        (Message::request("PATCH", "/").chunked("body"), false),
    ] {
        let rig = before_two(backends(), "");
        let mut client = rig.send(&request.to_bytes());
        let (first, mut upstream) = rig.accept();
        let _request = upstream.read_head();
        drop(upstream);
        if is_repeated {
            let (second, mut upstream) = rig.accept();
            assert_ne!(first, second, "{request:?}");
            let head = upstream.read_head();
            let switching = head.get("Upgrade").is_some();
            let answer = if switching { Message::switching(&head) } else { Message::ok("") };
            upstream.send(&answer.to_bytes());
            assert_eq!(client.read_head().status(), if switching { 101 } else { 200 }, "{request:?}");
        } else {
            assert_eq!(client.read_head().status(), 502, "{request:?}");
            rig.assert_none_dialled();
        }
        drop(client);
        assert_eq!(figure(&rig, "failures_total", first, ",reason=\"lost\""), 1.0, "{request:?}");
        rig.finish();
    }
}

#[test]
fn an_answer_that_is_none_is_not_asked_for_elsewhere() {
    for request in [get(), upgrade()] {
        let rig = before_two(backends(), "");
        let mut client = rig.send(&request.to_bytes());
        let (_, mut upstream) = rig.accept();
        let _request = upstream.read_head();
        upstream.send(b"HTTP/1.1 what\r\n\r\n");
        assert_eq!(client.read_head().status(), 502);
        rig.assert_none_dialled();
        drop(client);
        rig.finish();
    }
}

#[test]
fn no_more_targets_are_tried_than_retries_allow() {
    for (retries, is_tried) in [(0, false), (1, true)] {
        let rig = before_two(backends(), &format!("retries {retries}"));
        let mut client = rig.send(&get().to_bytes());
        let (_, upstream) = rig.accept();
        drop(upstream);
        if is_tried {
            drop(rig.accept());
        }
        assert_eq!(client.read_head().status(), 502);
        rig.assert_none_dialled();
        drop(client);
        rig.finish();
    }
}

#[test]
fn when_all_targets_refuse_the_client_is_told_502() {
    let rig = before_two([Backend::closed(), Backend::closed()], "");
    for request in [get(), upgrade()] {
        let mut client = rig.send(&request.to_bytes());
        let head = client.read_head();
        assert_eq!(head.status(), 502);
        assert_eq!(client.read_body(&head), b"502 Bad Gateway\n");
    }
    let records = rig.finish();
    for event in ["request", "refused"] {
        assert_has(records.only(event), &json!({"status": 502, "reason": "upstream_unreachable"}));
    }
}

/// Checks by TCP, many times a second.
const CHECKED: &str = r#"health-check { type "tcp"; healthy-threshold 1; unhealthy-threshold 1 }"#;

fn often(config: &mut Config) {
    for upstream in &mut config.upstreams {
        if let Some(HealthCheck { interval, .. }) = &mut upstream.health_check {
            *interval = Duration::from_millis(20);
        }
    }
}

/// The next connection to any of the backends with a request on it: checks have none.
#[track_caller]
fn accept_request(rig: &Rig) -> (usize, Peer, Head) {
    loop {
        let (number, mut peer) = rig.accept();
        if let Some(head) = peer.read_head_or_end() {
            return (number, peer, head);
        }
    }
}

#[track_caller]
fn await_health(rig: &Rig, number: usize, expected: f64) {
    eventually("a target's health changes", || {
        (figure(rig, "healthy", number, "") == expected).then_some(())
    });
}

#[test]
fn without_a_healthy_target_the_client_is_told_503_until_there_is_one() {
    let rig = before_two_with([Backend::closed(), Backend::closed()], CHECKED, often);
    await_health(&rig, 0, 0.0);
    await_health(&rig, 1, 0.0);
    for request in [get(), upgrade()] {
        let mut client = rig.send(&request.to_bytes());
        let head = client.read_head();
        assert_eq!(head.status(), 503);
        assert_eq!(client.read_body(&head), b"503 Service Unavailable\n");
    }
    rig.backends()[1].open();
    await_health(&rig, 1, 1.0);
    let mut client = rig.send(&get().to_bytes());
    let (number, mut upstream, _) = accept_request(&rig);
    assert_eq!(number, 1);
    upstream.send(&Message::ok("").to_bytes());
    assert_eq!(client.read_head().status(), 200);
    drop((client, upstream));
    let records = rig.finish();
    assert_has(records.only("refused"), &json!({"status": 503, "reason": "no_healthy_target"}));
    assert_eq!(records.reasons("request")["no_healthy_target"], 1);
    assert_eq!(records.of("target_unhealthy").len(), 2);
    assert_has(records.only("target_healthy"), &json!({"upstream": "two", "level": "info"}));
}

/// A session on each of the two targets, by their numbers.
#[track_caller]
fn open_two(rig: &Rig) -> [Session; 2] {
    let mut sessions: Vec<(usize, Session)> = (0..2)
        .map(|_| {
            let mut client = rig.send(&upgrade().to_bytes());
            let (number, mut upstream, request) = accept_request(rig);
            upstream.send(&Message::switching(&request).to_bytes());
            let response = client.read_head();
            (number, Session { client, upstream, request, response })
        })
        .collect();
    sessions.sort_by_key(|(number, _)| *number);
    let [(0, first), (1, second)] = <[_; 2]>::try_from(sessions).expect("two") else {
        unreachable!("both are used")
    };
    [first, second]
}

#[test]
fn sessions_of_a_target_that_is_found_unhealthy_are_closed_with_1012_where_that_is_wanted() {
    let rig = before_two_with(backends(), &format!("{CHECKED}; on-unhealthy \"close\""), often);
    let [mut sick, mut well] = open_two(&rig);
    rig.backends()[0].close();
    for side in Side::BOTH {
        assert_eq!(sick.peer(side).read_frame().close(), Some((1012, "")), "{side}");
        sick.peer(side).send(&close(side, 1012, ""));
    }
    sick.end();
    well.pass(Client, &frame(Client, TEXT, b"as ever"));
    well.close();
    let records = rig.finish();
    assert_has(records.only("target_unhealthy"), &json!({"upstream": "two", "level": "warn"}));
    let codes: Vec<_> =
        records.of("close").iter().map(|record| record["client_close_sent"].clone()).collect();
    assert_eq!(codes, [json!(1012), json!(1000)]);
}

#[test]
fn sessions_of_a_target_that_is_found_unhealthy_live_on_otherwise() {
    let rig = before_two_with(backends(), CHECKED, often);
    let [mut sick, mut well] = open_two(&rig);
    rig.backends()[0].close();
    await_health(&rig, 0, 0.0);
    for session in [&mut sick, &mut well] {
        session.pass(Client, &frame(Client, TEXT, b"as ever"));
    }
    // Whoever comes anew goes to the other.
    let mut client = rig.send(&get().to_bytes());
    let (number, mut upstream, _) = accept_request(&rig);
    assert_eq!(number, 1);
    upstream.send(&Message::ok("").to_bytes());
    assert_eq!(client.read_head().status(), 200);
    drop((client, upstream));
    sick.close();
    well.close();
    rig.finish();
}

#[test]
fn a_target_whose_requests_fail_is_left_alone_for_a_while() {
    let settings = "passive-health { max-fails 2; eject-secs 60 }; load-balancing \"round-robin\"";
    let rig = before_two([Backend::closed(), Backend::default()], settings);
    let attempts = |rig: &Rig| figure(rig, "attempts_total", 0, "");
    let ask = || {
        let mut exchange = Exchange::begin(rig.send(&get().to_bytes()), rig.backends()[1].accept());
        exchange.answer(&Message::ok("").with("Connection", "close"));
    };
    while attempts(&rig) < 2.0 {
        ask();
    }
    (0..6).for_each(|_| ask());
    assert_eq!((attempts(&rig), figure(&rig, "healthy", 0, "")), (2.0, 0.0));
    let records = rig.finish();
    assert_has(records.only("target_ejected"), &json!({"upstream": "two", "seconds": 60}));
}

/// The cookie that an answer sets, as a client sends it back, and its attributes.
#[track_caller]
fn cookie(head: &Head) -> (String, String) {
    let set = head.get("Set-Cookie").expect("a cookie");
    let (pair, attributes) = set.split_once("; ").expect("attributes");
    (pair.to_owned(), attributes.to_owned())
}

const STICKY: &str = "sticky { cookie-name \"TARGET\" }";

#[test]
fn a_cookie_binds_a_client_to_the_target_of_its_first_answer() {
    let rig = before_two(backends(), STICKY);
    let mut client = rig.send(&get().to_bytes());
    let (number, mut upstream) = rig.accept();
    assert_eq!(upstream.read_head().get("Cookie"), None);
    upstream.send(&Message::ok("").with("Set-Cookie", "own=1").with("Connection", "close").to_bytes());
    let head = client.read_head();
    let set: Vec<&str> = head.all("Set-Cookie").collect();
    assert_eq!((set.len(), set[0]), (2, "own=1"));
    let (pair, attributes) = set[1].split_once("; ").unwrap();
    assert!(pair.starts_with("TARGET="), "{pair}");
    assert_eq!(attributes, "Max-Age=3600; Path=/; HttpOnly; SameSite=Lax");
    // The address is not spelt out.
    assert!(!pair.contains(&rig.backends()[number].address().port().to_string()), "{pair}");
    for turn in 0..6 {
        // It is between client and gateway, wherever it stands.
        let request = if turn % 2 == 0 { get() } else { upgrade() };
        let request = request.with("Cookie", &format!("a=1; {pair}; b=2")).with("Cookie", "c=3");
        let client = rig.send(&request.to_bytes());
        let (same, upstream) = rig.accept();
        assert_eq!(same, number);
        if turn % 2 == 0 {
            let mut exchange = Exchange::begin(client, upstream);
            assert_eq!(exchange.request.get("Cookie"), Some("a=1; b=2; c=3"));
            let head = exchange.answer(&Message::ok("").with("Connection", "close"));
            assert_eq!(head.get("Set-Cookie"), None);
        } else {
            let session = Session::establish(client, upstream, |answer| answer);
            assert_eq!(session.request.get("Cookie"), Some("a=1; b=2; c=3"));
            assert_eq!(session.response.get("Set-Cookie"), None);
            session.close();
        }
    }
    drop((client, upstream));
    rig.finish();
}

#[test]
fn a_101_sets_the_cookie_as_well_and_so_does_an_answer_to_a_forged_one() {
    let rig = before_two(backends(), STICKY);
    for sent in ["", "TARGET=", "TARGET=x", "TARGET=0000000000000000.0", "TARGET=127.0.0.1:80", "target=1"] {
        let client = rig.send(&upgrade().with("Cookie", sent).to_bytes());
        let session = Session::establish(client, rig.accept().1, |answer| answer.with("Set-Cookie", "own=1"));
        let set: Vec<&str> = session.response.all("Set-Cookie").collect();
        assert_eq!(set.len(), 2, "{sent}");
        assert!(set[1].starts_with("TARGET="), "{sent}");
        session.close();
    }
    rig.finish();
}

#[test]
fn the_cookie_of_a_target_that_is_gone_leads_to_another_and_is_given_anew() {
    let rig = before_two(backends(), STICKY);
    let mut client = rig.send(&get().to_bytes());
    let (number, mut upstream) = rig.accept();
    let _request = upstream.read_head();
    upstream.send(&Message::ok("").with("Connection", "close").to_bytes());
    let (old, _) = cookie(&client.read_head());
    rig.backends()[number].close();
    client.send(&get().with("Cookie", &old).to_bytes());
    let (other, mut upstream) = rig.accept();
    assert_ne!(other, number);
    let _request = upstream.read_head();
    upstream.send(&Message::ok("").to_bytes());
    let (new, _) = cookie(&client.read_head());
    assert_ne!(old, new);
    drop((client, upstream));
    rig.finish();
}

#[test]
fn the_host_of_an_upstream_goes_in_place_of_the_clients() {
    let text = r#"
        routes { route "all" { upstream "named" } }
        upstreams { upstream "named" { target "$0"; host "internal.example:8080" } }"#;
    let rig = Rig::from_kdl([Backend::default()], text);
    let mut exchange = rig.ask(&get());
    assert_eq!(exchange.request.get("Host"), Some("internal.example:8080"));
    assert_eq!(exchange.request.get("X-Forwarded-Host"), Some("example.org"));
    exchange.answer(&Message::ok(""));
    drop(exchange);
    let session = rig.open();
    assert_eq!(session.request.get("Host"), Some("internal.example:8080"));
    assert_eq!(session.request.get("X-Forwarded-Host"), Some("example.org"));
    session.close();
    assert_has(rig.finish().only("request"), &json!({"host": "example.org"}));
}

#[test]
fn round_robin_goes_by_weight() {
    let servers = ["light", "heavy"].map(|name| Server::start(move |_, _| Message::ok(name)));
    let text = format!(
        r#"
        routes {{ route "all" {{ upstream "two" }} }}
        upstreams {{ upstream "two" {{ target "{}"; target "{}" weight=3 }} }}"#,
        servers[0], servers[1]
    );
    let rig = Rig::from_kdl([], &text);
    let mut client = rig.connect();
    let mut heavy = 0;
    for _ in 0..8 {
        client.send(&get().to_bytes());
        let head = client.read_head();
        heavy += usize::from(client.read_body(&head) == b"heavy");
    }
    assert_eq!(heavy, 6);
    drop(client);
    rig.finish();
}

#[test]
fn least_connections_counts_sessions_and_requests_alike() {
    let rig = before_two(backends(), "load-balancing \"least-connections\"");
    let [first, second] = open_two(&rig);
    let on_second = second.upstream.address();
    second.close();
    for _ in 0..3 {
        // The first has a session still.
        let client = rig.send(&get().to_bytes());
        let (number, upstream) = rig.accept();
        assert_eq!((number, upstream.address()), (1, on_second));
        let mut exchange = Exchange::begin(client, upstream);
        exchange.answer(&Message::ok("").with("Connection", "close"));
    }
    first.close();
    rig.finish();
}

#[test]
fn unix_sockets_serve_at_either_end() {
    let folder = Folder::new();
    let (listens, answers) = (folder.file("front.sock"), folder.file("backend.sock"));
    let text = format!(
        r#"
        listeners {{ listener "front" {{ address "unix:{}" }} }}
        routes {{ route "all" {{ upstream "backend" }} }}
        upstreams {{ upstream "backend" {{ target "$0" }} }}"#,
        listens.display()
    );
    let rig = Rig::from_kdl([Backend::unix(&answers)], &text);
    let mut client = Peer::connect_unix(&listens);
    client.send(&Message::request("POST", "/").with("X-Forwarded-For", "6.6.6.6").sized("hello").to_bytes());
    let mut exchange = Exchange::begin(client, rig.backend().accept());
    // There is no address that could be told.
    assert_eq!(exchange.request.get("X-Forwarded-For"), None);
    assert_eq!(exchange.request.get("Host"), Some("example.org"));
    exchange.upstream.expect(b"hello");
    let head = exchange.answer(&Message::ok("world"));
    assert_eq!(exchange.client.read_body(&head), b"world");
    exchange.ask(&get());
    exchange.answer(&Message::ok(""));
    drop(exchange);
    let mut client = Peer::connect_unix(&listens);
    client.send(&upgrade().to_bytes());
    let mut session = Session::establish(client, rig.backend().accept(), |answer| answer);
    for side in Side::BOTH {
        session.pass(side, &frame(side, TEXT, b"over unix sockets"));
    }
    session.close();
    let records = rig.finish();
    let expected = json!({"client": "unix:", "upstream": format!("unix:{}", answers.display())});
    assert_has(records.only("open"), &expected);
    assert!(records.of("request").iter().all(|record| record["client"] == "unix:"), "{records:?}");
    // A file that nobody listens on any more is in nobody's way.
    let again = Rig::from_kdl([Backend::unix(&folder.file("again.sock"))], &text);
    let mut client = Peer::connect_unix(&listens);
    client.send(&get().to_bytes());
    let mut exchange = Exchange::begin(client, again.backend().accept());
    assert_eq!(exchange.answer(&Message::ok("")).status(), 200);
    drop(exchange);
    again.finish();
}

#[test]
fn a_target_that_is_killed_and_started_again_costs_nobody_a_request_that_may_be_repeated() {
    let rig = before_two(backends(), "passive-health { max-fails 0 }");
    for round in 0..12 {
        let sick = &rig.backends()[round % 2];
        sick.close();
        let mut client = rig.send(&get().to_bytes());
        let (number, mut upstream) = rig.accept();
        assert_eq!(number, (round + 1) % 2);
        let _request = upstream.read_head();
        upstream.send(&Message::ok("").with("Connection", "close").to_bytes());
        assert_eq!(client.read_head().status(), 200);
        upstream.expect_end(Ending::Fin);
        sick.open();
    }
    rig.finish();
}

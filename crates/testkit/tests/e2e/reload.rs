//! Another configuration while sessions are open: they live on, who comes later comes to the new
//! one, and one that cannot run changes nothing.

use std::net::{TcpListener, TcpStream};
use std::thread;

use gate_server::Reloaded;
use serde_json::json;
use testkit::Side::{self, Client, Upstream};
use testkit::backend::Backend;
use testkit::deadline::eventually;
use testkit::folder::Folder;
use testkit::frame::{TEXT, close, frame};
use testkit::message::Message;
use testkit::metrics::Metrics;
use testkit::peer::Peer;
use testkit::records::assert_has;
use testkit::rig::{Rig, Session};
use testkit::server::Server;
use testkit::tls::Authority;

const PLAIN: &str = r#"routes { route "all" { upstream "backend" } }
    upstreams { upstream "backend" { target "$0" } }"#;

/// The same with settings of the route's `websocket`.
fn with(websocket: &str) -> String {
    PLAIN.replace(
        "upstream \"backend\" } }\n",
        &format!("upstream \"backend\"; websocket {{ {websocket} }} }} }}\n"),
    )
}

fn rig(text: &str) -> Rig {
    Rig::from_kdl([Backend::default()], text)
}

/// Reloads; what has changed.
#[track_caller]
fn changes(rig: &mut Rig, text: &str) -> String {
    match rig.reload(text) {
        Ok(Reloaded::Changed { changes, .. }) => changes.to_string(),
        other => unreachable!("{other:?}"),
    }
}

#[track_caller]
fn pass_both_ways(session: &mut Session, text: &str) {
    for from in Side::BOTH {
        session.pass(from, &frame(from, TEXT, text.as_bytes()));
    }
}

#[test]
fn sessions_live_on_and_their_messages_stay_in_order_under_a_hail_of_reloads() {
    const RELOADS: usize = 60;
    let mut rig = rig(&format!("server {{ worker-threads 2 }}\n{PLAIN}"));
    let mut sessions: Vec<_> = (0..8).map(|_| rig.open()).collect();
    // A frame that is cut when a reload comes is put together nevertheless.
    let cut = frame(Client, TEXT, b"cut in two");
    sessions[0].pass(Client, &cut[..7]);
    thread::scope(|scope| {
        let relays: Vec<_> = sessions
            .iter_mut()
            .skip(1)
            .map(|session| {
                scope.spawn(move || {
                    for number in 0..400 {
                        pass_both_ways(session, &format!("message {number}"));
                    }
                })
            })
            .collect();
        let mut reloads = 0;
        while reloads < RELOADS || relays.iter().any(|relay| !relay.is_finished()) {
            let told = changes(&mut rig, &with(&format!("max-connections {}", 1000 + reloads)));
            assert!(told.starts_with("routes ~all"), "{told}");
            reloads += 1;
        }
    });
    sessions[0].pass(Client, &cut[7..]);
    let metrics = rig.metrics();
    assert!(metrics.get("framegate_config_reloads_total{result=\"changed\"}") >= 60.0);
    assert_eq!(metrics.get("framegate_connections_active"), 8.0);
    for mut session in sessions {
        pass_both_ways(&mut session, "the last one");
        session.close();
    }
    rig.finish();
}

#[test]
fn what_says_the_same_changes_nothing() {
    let mut rig = rig(PLAIN);
    let before = rig.gateway().config_hash();
    assert_eq!(rig.reload(&format!("// a comment\n{PLAIN}")), Ok(Reloaded::Same));
    assert_eq!(rig.gateway().config_hash(), before);
    assert_eq!(rig.metrics().get("framegate_config_reloads_total{result=\"same\"}"), 1.0);
    assert_eq!(rig.metrics().get(&format!("framegate_config_info{{hash=\"{before}\"}}")), 1.0);
    let records = rig.finish();
    assert_has(records.only("reloaded"), &json!({"detail": "nothing has changed"}));
}

#[test]
fn what_cannot_run_changes_nothing_and_all_that_is_wrong_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut rig = rig(&with("max-connections 1"));
    let mut session = rig.open();
    let front = rig.address();
    let bad = format!(
        r#"{}
        listeners {{
            listener "taken" {{ address "{address}" }}
            listener "tls" {{ address "127.0.0.1:0"; protocol "https"; tls {{ cert-file "/missing.pem"; key-file "/missing.key" }} }}
        }}
        upstreams {{ upstream "gone" {{ target "no-such-host.invalid:1" }} }}"#,
        with("max-connections 7")
    );
    let objections = rig.reload(&bad).unwrap_err();
    for expected in
        [&format!("cannot listen on {address}"), "/missing.pem", "/missing.key", "no-such-host.invalid"]
    {
        let is_told = objections.iter().any(|objection| objection.message.contains(expected));
        assert!(is_told, "{expected}: {objections:?}");
    }
    let metrics = rig.metrics();
    assert_eq!(metrics.get("framegate_config_last_reload_successful"), 0.0);
    assert_eq!(metrics.get("framegate_config_reloads_total{result=\"failed\"}"), 1.0);
    // The limit is what it was, and so are the addresses.
    let mut refused = rig.send(&Message::upgrade("/chat").to_bytes());
    assert_eq!(refused.read_head().status(), 101);
    assert_eq!(refused.read_frame().close(), Some((1013, "Try Again Later")));
    drop(refused);
    assert_eq!(rig.listener("front"), front);
    pass_both_ways(&mut session, "undisturbed");
    session.close();
    let records = rig.finish();
    let detail = records.only("reload_failed")["detail"].as_str().expect("a text").to_owned();
    assert!(detail.contains("test.kdl:") && detail.contains("no-such-host.invalid"), "{detail}");
}

#[test]
fn another_limit_holds_at_once_and_ends_nobody() {
    let mut rig = rig(&with("max-connections 2; on-limit \"reject\""));
    let status = |rig: &Rig| rig.send(&Message::upgrade("/chat").to_bytes()).read_head().status();
    let mut sessions = vec![rig.open(), rig.open()];
    assert_eq!(status(&rig), 503);
    changes(&mut rig, &with("max-connections 3; on-limit \"reject\""));
    sessions.push(rig.open());
    assert_eq!(status(&rig), 503);
    changes(&mut rig, &with("max-connections 1; on-limit \"reject\""));
    for session in &mut sessions {
        pass_both_ways(session, "more than there may be");
    }
    // Two go, which leaves as many as there may be.
    for left in [2.0, 1.0] {
        sessions.pop().expect("three of them").close();
        rig.await_metric("framegate_connections_active", left);
        assert_eq!(status(&rig), 503);
    }
    sessions.pop().expect("the last one").close();
    rig.await_metric("framegate_connections_active", 0.0);
    rig.open().close();
    rig.finish();
}

#[test]
fn a_request_on_a_connection_that_was_there_finds_the_new_routes() {
    let server = Server::start(|_, _| Message::ok("from the backend"));
    let routes = |path: &str| {
        format!(
            r#"routes {{ route "some" {{ matches {{ path "{path}" }}; upstream "backend" }} }}
            upstreams {{ upstream "backend" {{ target "{server}" }} }}"#
        )
    };
    let mut rig = Rig::from_kdl([], &routes("/before"));
    let mut client = rig.connect();
    let mut ask = |path: &str| {
        client.send(&Message::get(path).to_bytes());
        let head = client.read_head();
        let _body = client.read_body(&head);
        head.status()
    };
    assert_eq!((ask("/before"), ask("/after")), (200, 404));
    assert_eq!(changes(&mut rig, &routes("/after")), "routes ~some");
    assert_eq!((ask("/before"), ask("/after")), (404, 200));
    drop(client);
    rig.finish();
}

#[test]
fn listeners_come_and_go_and_sessions_of_one_that_is_gone_live_on() {
    let extra =
        |name: &str| format!("listeners {{ listener \"{name}\" {{ address \"127.0.0.1:0\" }} }}\n{PLAIN}");
    let mut rig = rig(PLAIN);
    let front = rig.address();
    assert_eq!(changes(&mut rig, &extra("extra")), "listeners +extra");
    assert_eq!(rig.listener("front"), front);
    let address = rig.listener("extra");
    let mut client = Peer::connect(address);
    client.send(&Message::upgrade("/chat").to_bytes());
    let mut session = rig.answer(client, |answer| answer);
    // Who waits for its turn when the listener goes is served all the same.
    let mut waiting = Peer::connect(address);
    assert_eq!(changes(&mut rig, PLAIN), "listeners -extra");
    assert!(TcpStream::connect(address).is_err(), "nobody listens there any more");
    pass_both_ways(&mut session, "still here");
    waiting.send(&Message::upgrade("/chat").to_bytes());
    rig.answer(waiting, |answer| answer).close();
    session.close();
    rig.finish();
}

#[test]
fn a_listener_that_moves_to_another_place_in_the_file_keeps_its_socket_and_its_meaning() {
    let closed = r#"listener "closed" { address "127.0.0.1:0"; proxy-protocol { from "127.0.0.1" } }"#;
    let open = r#"listener "front" { address "127.0.0.1:0" }"#;
    let text = |first: &str, second: &str| format!("listeners {{ {first}; {second} }}\n{PLAIN}");
    let mut rig = rig(&text(open, closed));
    let addresses = (rig.listener("front"), rig.listener("closed"));
    for order in [text(closed, open), text(open, closed)] {
        changes(
            &mut rig,
            &format!("{order}\nroutes {{ route \"other\" {{ priority 1; upstream \"backend\" }} }}"),
        );
        changes(&mut rig, &order);
        assert_eq!((rig.listener("front"), rig.listener("closed")), addresses);
        let mut client = Peer::connect(addresses.0);
        client.send(&Message::upgrade("/chat").to_bytes());
        rig.answer(client, |answer| answer).close();
        let mut refused = Peer::connect(addresses.1);
        refused.send(&Message::upgrade("/chat").to_bytes());
        let _ending = refused.read_to_end();
    }
    let records = rig.finish();
    assert_eq!(records.reasons("refused")["proxy_header_missing"], 2);
}

#[test]
fn a_renewed_certificate_is_shown_to_who_comes_and_sessions_of_the_old_one_live_on() {
    const NAME: &str = "secure.example";
    let folder = Folder::new();
    let old = Authority::new(&folder, &[NAME]);
    let text = format!(
        r#"listeners {{ listener "front" {{
            address "127.0.0.1:0"; protocol "https"; tls {{ cert-file "{}"; key-file "{}" }}
        }} }}
        {PLAIN}"#,
        old.cert_file.display(),
        old.key_file.display()
    );
    let mut rig = rig(&text);
    let open = |rig: &Rig, authority: &Authority| {
        let mut client = rig.connect().secure(authority, NAME);
        client.send(&Message::upgrade("/chat").to_bytes());
        rig.answer(client, |answer| answer)
    };
    let mut before = open(&rig, &old);
    assert_eq!(rig.reload(&text), Ok(Reloaded::Same));
    // The files have the same names.
    let new = Authority::new(&folder, &[NAME]);
    assert_eq!(changes(&mut rig, &text), "listeners ~front");
    // Who trusts the new one alone gets in, which shows which of them is shown.
    let mut after = open(&rig, &new);
    for session in [&mut before, &mut after] {
        pass_both_ways(session, "over TLS");
    }
    before.close();
    after.close();
    rig.finish();
}

#[test]
fn targets_that_stay_keep_what_was_counted_of_them_and_their_health() {
    let target = |rig: &Rig, number: usize| rig.backends()[number].to_string();
    let upstream = |targets: &str| {
        format!(
            r#"routes {{ route "all" {{ upstream "backend" }} }}
            upstreams {{ upstream "backend" {{ {targets}; passive-health {{ max-fails 1; eject-secs 300 }} }} }}"#
        )
    };
    let backends = [Backend::default(), Backend::closed(), Backend::default()];
    let mut rig = Rig::from_kdl(backends, &upstream("target \"$0\"; target \"$1\""));
    let figure = |rig: &Rig, family: &str, number: usize| {
        let target = target(rig, number);
        rig.metrics().get(&format!("framegate_upstream_{family}{{upstream=\"backend\",target=\"{target}\"}}"))
    };
    let sessions = [rig.open(), rig.open()];
    assert_eq!(figure(&rig, "in_flight", 0), 2.0);
    assert_eq!(figure(&rig, "healthy", 1), 0.0, "it was tried, and is ejected");
    let attempts = figure(&rig, "attempts_total", 0);
    // In another order, and with one more.
    let told = changes(&mut rig, &upstream("target \"$1\"; target \"$2\"; target \"$0\""));
    assert_eq!(told, "upstreams ~backend");
    assert_eq!(figure(&rig, "in_flight", 0), 2.0);
    assert_eq!(figure(&rig, "attempts_total", 0), attempts);
    assert_eq!(figure(&rig, "healthy", 1), 0.0);
    assert_eq!(figure(&rig, "healthy", 2), 1.0);
    for session in sessions {
        session.close();
    }
    eventually("the sessions are no longer counted", || (figure(&rig, "in_flight", 0) == 0.0).then_some(()));
    // A target that goes and comes back is a stranger.
    changes(&mut rig, &upstream("target \"$2\"; target \"$0\""));
    changes(&mut rig, &upstream("target \"$1\"; target \"$2\"; target \"$0\""));
    assert_eq!(figure(&rig, "healthy", 1), 1.0);
    rig.finish();
}

#[test]
fn health_checks_of_upstreams_that_stay_go_on_and_those_of_new_ones_begin() {
    let server = Server::start(|_, _| Message::ok(""));
    let upstream = |name: &str| {
        format!(
            "upstreams {{ upstream \"{name}\" {{ target \"{server}\"; health-check {{ type \"http\"; interval-secs 3600 }} }} }}\n"
        )
    };
    let mut rig = rig(&format!("{}{PLAIN}", upstream("checked")));
    eventually("the first check", || (server.connections() == 1).then_some(()));
    for reload in 0..5 {
        changes(
            &mut rig,
            &format!("{}{}", upstream("checked"), with(&format!("max-connections {}", reload + 1))),
        );
    }
    changes(&mut rig, &format!("{}{}{PLAIN}", upstream("checked"), upstream("another")));
    eventually("the first check of another", || (server.connections() >= 2).then_some(()));
    assert_eq!(server.connections(), 2, "no other check has begun anew");
    rig.finish();
}

#[test]
fn metrics_move_and_counters_go_on() {
    let mut rig = rig(PLAIN);
    rig.open().close();
    let _settled = rig.settled();
    let before = rig.metrics_address();
    let moved = format!("observability {{ metrics {{ address \"[::1]:0\" }} }}\n{PLAIN}");
    assert_eq!(changes(&mut rig, &moved), "observability");
    let address = rig.gateway().metrics_addr().expect("metrics");
    assert!(address.is_ipv6());
    assert_eq!(Metrics::scrape(address).get("framegate_connections_opened_total"), 1.0);
    eventually("nobody listens where they were", || TcpStream::connect(before).err());
    assert_eq!(changes(&mut rig, PLAIN), "observability");
    rig.follow_metrics();
    assert_eq!(rig.metrics().get("framegate_connections_opened_total"), 1.0);
    rig.finish();
}

#[test]
fn another_number_of_workers_waits_for_a_restart_and_says_so() {
    let mut rig = rig(PLAIN);
    let text = format!("server {{ worker-threads 3 }}\n{PLAIN}");
    let Ok(Reloaded::Changed { warnings, .. }) = rig.reload(&text) else { unreachable!("it can run") };
    let [warning] = &*warnings else { unreachable!("{warnings:?}") };
    assert_eq!(warning.message, "worker-threads would be 3, but 1 go on running");
    rig.finish();
}

#[test]
fn the_close_of_a_drain_is_that_of_the_configuration_that_runs() {
    let mut rig = rig(PLAIN);
    let mut session = rig.open();
    changes(
        &mut rig,
        &format!("server {{ drain {{ close-code 1012; close-reason \"see you\" }} }}\n{PLAIN}"),
    );
    thread::scope(|scope| {
        let stopping = scope.spawn(|| rig.stop());
        for side in [Client, Upstream] {
            assert_eq!(session.peer(side).read_frame().close(), Some((1012, "see you")), "{side}");
            session.peer(side).send(&close(side, 1012, ""));
        }
        session.end();
        stopping.join().expect("a gateway that stops")
    });
}

#[test]
fn a_client_that_connects_is_never_refused_while_reloads_hail() {
    let mut rig = rig(&format!("server {{ worker-threads 2 }}\n{PLAIN}"));
    let address = rig.address();
    let clients = thread::spawn(move || {
        for _ in 0..300 {
            let mut client = Peer::connect(address);
            client.send(&Message::get("/none").replace("Host", "").to_bytes());
            assert_eq!(client.read_head().status(), 400);
        }
    });
    let mut reloads = 0;
    while !clients.is_finished() {
        let text = with(&format!("max-connections {}", 1000 + reloads));
        changes(&mut rig, &text);
        reloads += 1;
    }
    clients.join().expect("no client was refused");
    rig.finish();
}

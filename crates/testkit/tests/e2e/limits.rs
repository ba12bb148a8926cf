//! Limits of connections by route and by address: whoever is above one is told so in the way
//! that the operator chose, nobody gets in above it, and a seat is free again once it is left.

use std::net::IpAddr;
use std::sync::Mutex;
use std::thread;

use serde_json::json;
use testkit::Side::Upstream;
use testkit::backend::Backend;
use testkit::frame::{CLOSE, TEXT, frame};
use testkit::message::Message;
use testkit::peer::{Ending, Peer};
use testkit::records::assert_has;
use testkit::rig::{Rig, Session};

/// A gateway with these settings for WebSockets on `/limited`, and none elsewhere.
fn limited(settings: &str) -> Rig {
    let text = format!(
        r#"
        listeners {{ listener "front" {{ address "127.0.0.1:0"; trusted-proxies "127.0.0.9" }} }}
        routes {{
            route "limited" {{ matches {{ path-prefix "/limited" }}; upstream "backend"; websocket {{ {settings} }} }}
            route "free" {{ upstream "backend" }}
        }}
        upstreams {{ upstream "backend" {{ target "$0" }} }}"#
    );
    Rig::from_kdl([Backend::default()], &text)
}

fn upgrade() -> Message {
    Message::upgrade("/limited")
}

fn from(rig: &Rig, address: &str, request: &Message) -> Peer {
    let address: IpAddr = address.parse().expect("an address");
    let mut client = Peer::connect_from(address, rig.address());
    client.send(&request.to_bytes());
    client
}

#[track_caller]
fn open_from(rig: &Rig, address: &str, request: &Message) -> Session {
    rig.answer(from(rig, address, request), |answer| answer)
}

/// The client is closed with 1013 behind its 101, and the upstream not dialled.
#[track_caller]
fn expect_closed(rig: &Rig, mut client: Peer) {
    let head = client.read_head();
    assert_eq!(head.status(), 101);
    let told = client.read_frame();
    assert_eq!((told.first, told.close()), (CLOSE, Some((1013, "Try Again Later"))));
    client.expect_end(Ending::Fin);
    rig.backend().assert_not_dialled();
}

/// The client is told by this status.
#[track_caller]
fn expect_rejected(rig: &Rig, mut client: Peer, status: u16) {
    let head = client.read_head();
    assert_eq!((head.status(), head.get("Retry-After")), (status, Some("5")));
    assert_eq!(head.get("Connection"), Some("close"));
    let _body = client.read_body(&head);
    client.expect_end(Ending::Fin);
    rig.backend().assert_not_dialled();
}

#[test]
fn above_the_limit_of_a_route_a_client_is_closed_with_1013_and_other_routes_go_on() {
    let rig = limited("max-connections 2");
    let sessions = [rig.open_with(&upgrade(), |answer| answer), rig.open_with(&upgrade(), |answer| answer)];
    let request = upgrade().with("Sec-WebSocket-Protocol", "chat.v2, chat.v1");
    let mut client = rig.send(&request.to_bytes());
    // A browser gives up on a connection whose subprotocol is none of its offers.
    assert_eq!(client.read_head().get("Sec-WebSocket-Protocol"), Some("chat.v2"));
    assert_eq!(client.read_frame().close(), Some((1013, "Try Again Later")));
    drop(client);
    expect_closed(&rig, rig.send(&upgrade().to_bytes()));
    rig.open().close();
    // Plain requests have no seats.
    let mut exchange = rig.ask(&Message::get("/limited"));
    assert_eq!(exchange.answer(&Message::ok("")).status(), 200);
    drop(exchange);
    sessions.into_iter().for_each(Session::close);
    let metrics = rig.settled();
    let refused = "framegate_handshake_failures_total{reason=\"max_connections_route\"}";
    assert_eq!(metrics.get(refused), 2.0);
    let records = rig.finish();
    for record in records.of("refused") {
        assert_has(record, &json!({"status": 101, "reason": "max_connections_route", "route": "limited"}));
    }
}

#[test]
fn above_the_limit_of_a_route_a_client_may_be_rejected_with_503() {
    let rig = limited("max-connections 1; on-limit \"reject\"");
    let session = rig.open_with(&upgrade(), |answer| answer);
    expect_rejected(&rig, rig.send(&upgrade().to_bytes()), 503);
    session.close();
    let _settled = rig.settled();
    rig.open_with(&upgrade(), |answer| answer).close();
    let expected = json!({"status": 503, "reason": "max_connections_route"});
    assert_has(rig.finish().only("refused"), &expected);
}

#[test]
fn the_limit_of_the_process_is_told_in_the_way_of_the_route_and_counts_for_all_of_them() {
    let text = r#"
        server { max-connections 1 }
        routes {
            route "rejects" { matches { path "/rejects" }; upstream "backend"; websocket { on-limit "reject" } }
            route "closes" { upstream "backend" }
        }
        upstreams { upstream "backend" { target "$0" } }"#;
    let rig = Rig::from_kdl([Backend::default()], text);
    let session = rig.open();
    expect_closed(&rig, rig.send(&Message::upgrade("/closes").to_bytes()));
    expect_rejected(&rig, rig.send(&Message::upgrade("/rejects").to_bytes()), 503);
    session.close();
    let _settled = rig.settled();
    rig.open_with(&Message::upgrade("/rejects"), |answer| answer).close();
    let records = rig.finish();
    assert_eq!(records.reasons("refused"), [("max_connections", 2)].into());
}

#[test]
fn row_57_each_address_has_a_limit_of_its_own() {
    for (settings, is_rejected) in
        [("max-connections-per-ip 1", false), ("max-connections-per-ip 1; on-limit \"reject\"", true)]
    {
        let rig = limited(settings);
        let first = open_from(&rig, "127.0.0.1", &upgrade());
        let second = open_from(&rig, "127.0.0.2", &upgrade());
        for address in ["127.0.0.1", "127.0.0.2"] {
            let client = from(&rig, address, &upgrade());
            if is_rejected { expect_rejected(&rig, client, 429) } else { expect_closed(&rig, client) }
        }
        first.close();
        rig.await_metric("framegate_connections_active", 1.0);
        let client = from(&rig, "127.0.0.2", &upgrade());
        if is_rejected {
            expect_rejected(&rig, client, 429)
        } else {
            expect_closed(&rig, client)
        }
        open_from(&rig, "127.0.0.1", &upgrade()).close();
        second.close();
        assert_eq!(rig.finish().reasons("refused")["max_connections_per_ip_route"], 3);
    }
}

#[test]
fn row_57_behind_a_trusted_proxy_the_clients_address_counts_and_of_ipv6_its_network() {
    let rig = limited("max-connections-per-ip 1");
    let of = |client: &str| upgrade().with("X-Forwarded-For", client);
    let mut sessions = Vec::new();
    for client in ["203.0.113.1", "203.0.113.2", "2001:db8::1", "2001:db8:0:1::1"] {
        sessions.push(open_from(&rig, "127.0.0.9", &of(client)));
    }
    for client in
        ["203.0.113.1", "::ffff:203.0.113.2", "2001:db8::2", "[2001:db8::ffff]:443", "6.6.6.6, 203.0.113.1"]
    {
        expect_closed(&rig, from(&rig, "127.0.0.9", &of(client)));
    }
    // Nobody else's word is taken for it.
    sessions.push(open_from(&rig, "127.0.0.1", &of("203.0.113.7")));
    expect_closed(&rig, from(&rig, "127.0.0.1", &of("203.0.113.8")));
    sessions.into_iter().for_each(Session::close);
    rig.finish();
}

#[test]
fn a_seat_of_a_route_is_free_again_however_its_handshake_or_session_ends() {
    let rig = limited("max-connections 1; max-connections-per-ip 1");
    let request = upgrade().to_bytes();
    for answer in
        [&b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"[..], b"HTTP/1.1 101 What\r\n\r\n", b""]
    {
        let mut client = rig.send(&request);
        let mut upstream = rig.backend().accept();
        let _request = upstream.read_head();
        // While it waits the seat is taken.
        expect_closed(&rig, rig.send(&request));
        upstream.send(answer);
        drop(upstream);
        assert_ne!(client.read_head().status(), 101);
        drop(client);
        let _settled = rig.settled();
    }
    // The client goes before the answer.
    let client = rig.send(&request);
    let mut upstream = rig.backend().accept();
    client.abort();
    let _ends = upstream.read_to_end();
    let _settled = rig.settled();
    // And before its 101 is there, with the backend having agreed.
    let client = rig.send(&request);
    let mut upstream = rig.backend().accept();
    let head = upstream.read_head();
    client.abort();
    upstream.send(&Message::switching(&head).to_bytes());
    let _ends = upstream.read_to_end();
    let _settled = rig.settled();
    rig.open_with(&upgrade(), |answer| answer).client.abort();
    let _settled = rig.settled();
    rig.open_with(&upgrade(), |answer| answer).upstream.abort();
    let _settled = rig.settled();
    rig.open_with(&upgrade(), |answer| answer).close();
    rig.finish();
}

#[test]
fn however_many_come_at_once_nobody_gets_in_above_the_limit() {
    const LIMIT: usize = 5;
    const CLIENTS: usize = 30;
    let text = r#"
        routes { route "limited" { upstream "backend"; websocket { max-connections 5 } } }
        upstreams { upstream "backend" { target "$0" } }"#;
    let rig = Rig::from_kdl_with([Backend::default()], text, |config| config.server.worker_threads = 2);
    for _ in 0..3 {
        let clients: Vec<Peer> = (0..CLIENTS).map(|_| rig.connect()).collect();
        let (seated, refused) = (Mutex::new(Vec::new()), Mutex::new(0));
        let upstreams = thread::scope(|scope| {
            for mut client in clients {
                let (seated, refused) = (&seated, &refused);
                scope.spawn(move || {
                    client.send(&Message::upgrade("/").to_bytes());
                    assert_eq!(client.read_head().status(), 101);
                    let frame = client.read_frame();
                    match frame.close() {
                        None => seated.lock().unwrap().push(client),
                        Some((code, _)) => {
                            assert_eq!(code, 1013);
                            *refused.lock().unwrap() += 1;
                        }
                    }
                });
            }
            let greet = |_| {
                let mut upstream = rig.backend().accept();
                let request = upstream.read_head();
                upstream.send(&Message::switching(&request).to_bytes());
                upstream.send(&frame(Upstream, TEXT, b"welcome"));
                upstream
            };
            (0..LIMIT).map(greet).collect::<Vec<_>>()
        });
        assert_eq!((seated.lock().unwrap().len(), *refused.lock().unwrap()), (LIMIT, CLIENTS - LIMIT));
        rig.backend().assert_not_dialled();
        drop((seated, upstreams));
        let _settled = rig.settled();
    }
    rig.finish();
}

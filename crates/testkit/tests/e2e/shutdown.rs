//! The end of a gateway: all sessions are told, spread over time, and what does not end
//! by itself is cut off.

use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use serde_json::json;
use testkit::Side::{self, Client, Upstream};
use testkit::deadline::{PATIENCE, Stopwatch, eventually};
use testkit::frame::{TEXT, close, frame};
use testkit::message::Message;
use testkit::peer::Ending;
use testkit::records::{Records, assert_has};
use testkit::rig::{Rig, Session};
use ws_proto::CloseCode;

/// Shuts a gateway down while `peers` do their part.
fn stop_while(rig: Rig, peers: impl FnOnce()) -> Records {
    thread::scope(|scope| {
        let stopping = scope.spawn(|| rig.stop());
        peers();
        stopping.join().expect("a gateway that stops")
    })
}

/// Both sides are told and answer.
#[track_caller]
fn expect_farewell(mut session: Session, code: u16) {
    for side in Side::BOTH {
        let farewell = session.peer(side).read_frame();
        assert_eq!(farewell.close(), Some((code, "")), "{side}");
        assert_eq!(farewell.mask.is_some(), side == Upstream);
        session.peer(side).send(&close(side, code, ""));
    }
    session.end();
}

#[test]
fn both_sides_are_told_1001_and_the_gateway_ends_when_the_last_session_does() {
    let rig = Rig::with(|settings| settings.workers = 2);
    let sessions = [rig.open(), rig.open(), rig.open()];
    let records = stop_while(rig, || sessions.into_iter().for_each(|session| expect_farewell(session, 1001)));
    for record in records.of("close") {
        assert_has(
            record,
            &json!({"reason": "shutdown", "by": "gateway",
            "client_close_sent": 1001, "client_close_received": 1001,
            "upstream_close_sent": 1001, "upstream_close_received": 1001}),
        );
    }
    assert_eq!(records.of("close").len(), 3);
}

#[test]
fn the_code_is_the_operators_choice() {
    let rig = Rig::with(|settings| settings.shutdown.close_code = CloseCode::new(1012).unwrap());
    let session = rig.open();
    let _records = stop_while(rig, || expect_farewell(session, 1012));
}

#[test]
fn a_gateway_without_sessions_ends_at_once() {
    let rig = Rig::with(|settings| settings.shutdown.spread = Some(Duration::from_secs(60)));
    rig.open().close();
    let _settled = rig.settled();
    let stopwatch = Stopwatch::start();
    let _records = rig.stop();
    assert!(stopwatch.read() < PATIENCE, "{stopwatch:?}");
}

#[test]
fn the_closes_are_spread_over_time() {
    const SESSIONS: u32 = 8;
    let spread = Duration::from_millis(800);
    let rig = Rig::with(|settings| settings.shutdown.spread = Some(spread));
    let sessions: Vec<_> = (0..SESSIONS).map(|_| rig.open()).collect();
    let _records = stop_while(rig, || {
        let stopwatch = Stopwatch::start();
        for (earlier, session) in (0..).zip(sessions) {
            expect_farewell(session, 1001);
            // The draining began a little before the watch.
            let due = spread * earlier / SESSIONS;
            assert!(stopwatch.read() + Duration::from_millis(50) >= due, "{stopwatch:?} for {earlier}");
        }
    });
}

#[test]
fn few_sessions_do_not_wait_for_a_spread_that_nobody_wrote() {
    let rig = Rig::with(|settings| {
        settings.workers = 4;
        settings.shutdown.spread = None;
    });
    let sessions: Vec<_> = (0..8).map(|_| rig.open()).collect();
    let stopwatch = Stopwatch::start();
    let _records =
        stop_while(rig, || sessions.into_iter().for_each(|session| expect_farewell(session, 1001)));
    assert!(
        stopwatch.read() < Duration::from_secs(4),
        "8 of 50 a second, on whichever workers: {stopwatch:?}"
    );
}

#[test]
fn the_first_close_goes_out_at_once_whichever_worker_has_the_session() {
    for _ in 0..3 {
        let rig = Rig::with(|settings| {
            settings.workers = 4;
            settings.shutdown.grace = Duration::from_secs(600);
            settings.shutdown.spread = Some(Duration::from_secs(600));
        });
        let session = rig.open();
        let _records = stop_while(rig, || expect_farewell(session, 1001));
    }
}

#[test]
fn a_close_of_the_gateway_waits_for_the_end_of_the_frame_and_not_of_the_message() {
    let rig = Rig::default();
    let mut session = rig.open();
    session.pass(Client, &frame(Client, 0x01, b"begun, "));
    let cut = frame(Client, 0x00, b"and in the middle of it");
    session.pass(Client, &cut[..10]);
    let _records = stop_while(rig, || {
        assert_eq!(session.client.read_frame().close(), Some((1001, "")));
        session.upstream.expect_silence(Duration::from_millis(50));
        session.client.send(&cut[10..]);
        session.upstream.expect(&cut[10..]);
        assert_eq!(session.upstream.read_frame().close(), Some((1001, "")));
        session.client.send(&frame(Client, TEXT, b"dropped"));
        session.client.send(&close(Client, 1001, ""));
        session.upstream.send(&close(Upstream, 1001, ""));
        session.end();
    });
}

#[test]
fn sessions_that_do_not_answer_are_reset_after_the_close_timeout() {
    let rig = Rig::with(|settings| settings.timeouts.close = Duration::from_millis(200));
    let mut session = rig.open();
    let records = stop_while(rig, || {
        for side in Side::BOTH {
            assert_eq!(session.peer(side).read_frame().close(), Some((1001, "")));
            session.peer(side).expect_end(Ending::Reset);
        }
    });
    assert_has(records.only("close"), &json!({"reason": "shutdown", "by": "gateway"}));
}

#[test]
fn what_is_left_after_the_grace_is_cut_off_and_recorded() {
    let grace = Duration::from_millis(300);
    let rig = Rig::with(|settings| settings.shutdown.grace = grace);
    let mut told = rig.open();
    let handshake = rig.send(&Message::upgrade("/never-answered").to_bytes());
    let upstream = rig.backend().accept();
    let stopwatch = Stopwatch::start();
    let records = stop_while(rig, || {
        assert_eq!(told.client.read_frame().close(), Some((1001, "")));
        // It goes on as if nothing had been said; only the end of the gateway ends it.
        let _end = told.client.read_to_end();
    });
    let took = stopwatch.read();
    assert!(took >= grace && took < PATIENCE, "{took:?}");
    assert_has(records.only("close"), &json!({"reason": "shutdown", "by": "gateway"}));
    drop((handshake, upstream));
}

#[test]
fn nobody_gets_in_once_the_gateway_drains() {
    let rig = Rig::default();
    let address = rig.address();
    let mut session = rig.open();
    let request = Message::upgrade("/late").to_bytes();
    let mut late = rig.send(&request[..request.len() - 1]);
    rig.await_metric("framegate_connections_accepted_total", 2.0);
    let records = stop_while(rig, || {
        assert_eq!(session.client.read_frame().close(), Some((1001, "")));
        late.send(&request[request.len() - 1..]);
        assert_eq!(late.read_head().status(), 503);
        eventually("nobody listens any more", || TcpStream::connect(address).err());
        assert_eq!(session.upstream.read_frame().close(), Some((1001, "")));
        session.client.send(&close(Client, 1001, ""));
        session.upstream.send(&close(Upstream, 1001, ""));
        session.end();
    });
    assert_eq!(records.reasons("refused")["draining"], 1);
}

#[test]
fn who_has_connected_is_answered_though_there_is_no_session_to_wait_for() {
    let rig = Rig::default();
    let address = rig.address();
    let request = Message::upgrade("/late").to_bytes();
    let mut late = rig.send(&request[..1]);
    rig.await_metric("framegate_connections_accepted_total", 1.0);
    let records = stop_while(rig, || {
        eventually("nobody listens any more", || TcpStream::connect(address).err());
        late.send(&request[1..]);
        assert_eq!(late.read_head().status(), 503);
    });
    assert_eq!(records.reasons("refused")["draining"], 1);
}

#[test]
fn a_session_that_opens_while_the_gateway_drains_is_told_as_well() {
    let rig = Rig::default();
    let mut first = rig.open();
    let mut client = rig.send(&Message::upgrade("/in-between").to_bytes());
    let mut upstream = rig.backend().accept();
    let request = upstream.read_head();
    let records = stop_while(rig, || {
        assert_eq!(first.client.read_frame().close(), Some((1001, "")));
        upstream.send(&Message::switching(&request).to_bytes());
        assert_eq!(client.read_head().status(), 101);
        assert_eq!(client.read_frame().close(), Some((1001, "")));
        drop((client, upstream));
        assert_eq!(first.upstream.read_frame().close(), Some((1001, "")));
        drop(first);
    });
    assert_eq!(records.of("close").len(), 2);
}

#[test]
fn a_request_that_is_being_answered_is_waited_for_though_there_is_no_session() {
    let rig = Rig::default();
    let address = rig.address();
    let mut client = rig.send(&Message::upgrade("/under-way").to_bytes());
    let mut upstream = rig.backend().accept();
    let request = upstream.read_head();
    let records = stop_while(rig, || {
        eventually("nobody listens any more", || TcpStream::connect(address).err());
        upstream.send(&Message::switching(&request).to_bytes());
        assert_eq!(client.read_head().status(), 101);
        assert_eq!(client.read_frame().close(), Some((1001, "")));
        assert_eq!(upstream.read_frame().close(), Some((1001, "")));
        client.send(&close(Client, 1001, ""));
        upstream.send(&close(Upstream, 1001, ""));
        upstream.finish();
        client.expect_end(Ending::Fin);
        drop(client);
    });
    assert_has(records.only("close"), &json!({"reason": "shutdown", "by": "gateway"}));
}

//! What ends a session though nobody does anything wrong: its age, its rest, and peers that
//! do not answer the gateway's pings.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use gate_core::{Age, Keepalive, PingTo, Policy, Timeouts};
use serde_json::json;
use testkit::Side::{self, Client, Upstream};
use testkit::backend::Backend;
use testkit::deadline::Stopwatch;
use testkit::frame::{Frame, PING, PONG, TEXT, close, frame};
use testkit::peer::Ending;
use testkit::records::{Records, assert_has};
use testkit::rig::{Rig, Session};

/// A gateway whose sessions keep to `policy`.
fn rig(policy: Policy) -> Rig {
    let policy = Arc::new(policy);
    Rig::configured(
        Backend::default(),
        |_| {},
        |config| {
            for route in &mut config.routes {
                route.websocket.policy = Arc::clone(&policy);
            }
        },
    )
}

fn aging(max: Duration, jitter: Duration) -> Rig {
    rig(Policy { age: Age { max, jitter, ..Age::default() }, ..Policy::default() })
}

fn pinging(interval: Duration, timeout: Duration, to: PingTo) -> Rig {
    rig(Policy { keepalive: Keepalive { interval, timeout, to }, ..Policy::default() })
}

/// Both sides are told what they should, and end in order.
#[track_caller]
fn expect_farewell(mut session: Session, told: [(u16, &str); 2]) {
    for (side, told) in Side::BOTH.into_iter().zip(told) {
        let farewell = session.peer(side).read_frame();
        assert_eq!(farewell.close(), Some(told), "{side}");
        assert_eq!(farewell.mask.is_some(), side == Upstream);
        session.peer(side).send(&close(side, told.0, ""));
    }
    session.end();
}

fn assert_reason(records: &Records, reason: &str, by: &str) {
    for record in records.of("close") {
        assert_has(record, &json!({"reason": reason, "by": by}));
    }
}

const AGED: [(u16, &str); 2] = [(4001, "Connection is Aged"), (1001, "")];

#[test]
fn an_idle_session_ends_at_its_age() {
    let rig = aging(Duration::from_millis(300), Duration::ZERO);
    let stopwatch = Stopwatch::start();
    expect_farewell(rig.open(), AGED);
    assert!(stopwatch.read() >= Duration::from_millis(300), "{stopwatch:?}");
    rig.await_metric("framegate_connections_closed_total{reason=\"max_age\",by=\"gateway\"}", 1.0);
    assert_reason(&rig.stop(), "max_age", "gateway");
}

#[test]
fn an_old_session_ends_behind_the_frame_that_is_under_way() {
    let rig = aging(Duration::from_millis(200), Duration::ZERO);
    let mut session = rig.open();
    let long = frame(Upstream, TEXT, b"a frame that takes its time");
    let (head, tail) = long.split_at(9);
    session.pass(Upstream, head);
    // The other direction is between two frames.
    assert_eq!(session.upstream.read_frame().close(), Some((1001, "")));
    session.client.expect_silence(Duration::from_millis(100));
    session.pass(Upstream, tail);
    assert_eq!(session.client.read_frame().close(), Some((4001, "Connection is Aged")));
    session.client.send(&close(Client, 4001, ""));
    session.upstream.send(&close(Upstream, 1001, ""));
    session.end();
    assert_reason(&rig.stop(), "max_age", "gateway");
}

#[test]
fn sessions_of_one_moment_do_not_end_at_one_moment() {
    let (max, jitter) = (Duration::from_millis(1500), Duration::from_millis(1400));
    let rig = aging(max, jitter);
    let sessions: Vec<_> = (0..20).map(|_| rig.open()).collect();
    thread::scope(|scope| {
        for session in sessions {
            scope.spawn(|| expect_farewell(session, AGED));
        }
    });
    let records = rig.stop();
    let lived = records.of("close").into_iter().filter_map(|record| record["duration_ms"].as_f64());
    let lived: Vec<_> = lived.collect();
    let early = lived.iter().filter(|lived| **lived < 800.0).count();
    assert!(lived.len() == 20 && (2..=18).contains(&early), "{lived:?}");
}

#[test]
fn a_session_on_which_nothing_is_said_ends() {
    let idle = Duration::from_millis(400);
    let rig = rig(Policy { timeouts: Timeouts { idle, ..Timeouts::default() }, ..Policy::default() });
    let mut session = rig.open();
    let stopwatch = Stopwatch::start();
    for from in [Client, Upstream, Client, Upstream] {
        session.client.expect_silence(idle / 3);
        session.pass(from, &frame(from, TEXT, b"still here"));
    }
    assert!(stopwatch.read() > idle, "{stopwatch:?}");
    // Pings are no data.
    session.pass(Client, &frame(Client, PING, b"and now?"));
    expect_farewell(session, [(1001, "idle_timeout"); 2]);
    assert_reason(&rig.stop(), "idle_timeout", "gateway");
}

/// The ping that a peer gets, and its answer to it.
#[track_caller]
fn ping(session: &mut Session, to: Side) -> (Frame, Vec<u8>) {
    let ping = session.peer(to).read_frame();
    assert_eq!((ping.first, ping.payload.len()), (PING, 12), "{ping:?}");
    assert_eq!(ping.mask.is_some(), to == Upstream);
    let pong = frame(to, PONG, &ping.payload);
    (ping, pong)
}

#[test]
fn quiet_peers_are_asked_again_and_again_and_their_answers_are_kept() {
    let interval = Duration::from_millis(100);
    let rig = pinging(interval, Duration::from_secs(20), PingTo::Both);
    let mut session = rig.open();
    let mut seen = Vec::new();
    for _ in 0..3 {
        for side in Side::BOTH {
            let (ping, pong) = ping(&mut session, side);
            // In two segments, between two frames of the peer's own.
            let talk = frame(side, TEXT, b"talk");
            let (head, tail) = pong.split_at(5);
            session.peer(side).send(&[&talk, head].concat());
            session.peer(side).send(&[tail, &talk].concat());
            seen.push(ping.payload);
        }
        for side in Side::BOTH {
            for _ in 0..2 {
                // A ping may have come in between.
                let mut next = session.peer(side).read_frame();
                while next.first == PING {
                    session.peer(side).send(&frame(side, PONG, &next.payload));
                    seen.push(next.payload);
                    next = session.peer(side).read_frame();
                }
                assert_eq!((next.first, &*next.payload), (TEXT, &b"talk"[..]));
            }
        }
    }
    let answered = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), answered, "no ping says what another said");
    let metrics = rig.metrics();
    let pongs =
        Side::BOTH.map(|side| metrics.get(&format!("framegate_keepalive_pongs_total{{from=\"{side}\"}}")));
    assert!(pongs.iter().all(|pongs| *pongs >= 3.0), "{pongs:?}");
    let passed = metrics.get("framegate_frames_total{from=\"client\",opcode=\"pong\"}");
    assert_eq!(passed.to_bits(), 0.0_f64.to_bits(), "the peers' own alone are counted as passed");
    drop(session);
    rig.finish();
}

#[test]
fn pings_and_pongs_of_the_peers_own_pass() {
    let rig = pinging(Duration::from_millis(200), Duration::from_secs(20), PingTo::Client);
    let mut session = rig.open();
    let (_, pong) = ping(&mut session, Client);
    session.client.send(&pong);
    for from in Side::BOTH {
        for first in [PING, PONG] {
            session.pass(from, &frame(from, first, b"twelve bytes"));
            session.pass(from, &frame(from, first, b""));
        }
    }
    drop(session);
    rig.finish();
}

#[test]
fn row_56_a_peer_that_does_not_answer_is_cut_off_and_the_other_told() {
    for silent in Side::BOTH {
        let to = if silent == Client { PingTo::Client } else { PingTo::Upstream };
        let rig = pinging(Duration::from_millis(100), Duration::from_millis(200), to);
        let mut session = rig.open();
        let _unanswered = ping(&mut session, silent);
        session.peer(silent).expect_end(Ending::Reset);
        assert_eq!(session.peer(silent.other()).read_frame().close(), Some((1001, "")));
        session.peer(silent.other()).send(&close(silent.other(), 1001, ""));
        session.peer(silent.other()).finish();
        session.peer(silent.other()).expect_end(Ending::Fin);
        let reason = "framegate_connections_closed_total{reason=\"ping_timeout\"";
        rig.await_metric(&format!("{reason},by=\"{silent}\"}}"), 1.0);
        assert_reason(&rig.stop(), "ping_timeout", silent.name());
    }
}

//! Agents that are not there, hang, lie or break: each is told apart, costs what it must, and
//! never lets a message pass where its failure-mode is closed.

use std::time::Duration;

use serde_json::json;
use testkit::Side;
use testkit::agent::{Agent, Say, Version, allow, frame as decided, framed, late};
use testkit::backend::Backend;
use testkit::deadline::{Stopwatch, eventually};
use testkit::folder::Folder;
use testkit::frame::{TEXT, frame};
use testkit::message::Message;
use testkit::metrics::Metrics;
use testkit::passage::Session;
use testkit::records::assert_has;
use testkit::rig::Rig;

use crate::agents::{expect_closed, rig, said};

/// What closed routes say of an agent that could not be asked.
const FAILED: (u16, &str) = (1011, "Inspection failed");

fn failures(metrics: &Metrics, reason: &str) -> f64 {
    metrics.get(&format!("framegate_agent_failures_total{{agent=\"judge\",reason=\"{reason}\"}}"))
}

/// A message fails for that reason and ends its session; with failure-mode open it passes.
#[track_caller]
fn check(version: Version, reason: &str, say: impl Fn() -> Say + Clone + Send + Sync + 'static) {
    let settings = match version {
        Version::V1 => "timeout-ms 200",
        Version::V2 => "timeout-ms 200; protocol-version \"v2\"",
    };
    for mode in ["closed", "open"] {
        let folder = Folder::new();
        let say = say.clone();
        let _agent = Agent::start(version, &folder.file("agent.sock"), move |_| say());
        let rig = rig(&folder, &format!("{settings}; failure-mode \"{mode}\""));
        let mut session = rig.open();
        for from in Side::BOTH {
            let message = frame(from, TEXT, b"x");
            if mode == "open" {
                session.pass(from, &message);
            } else if from == Side::Client {
                session.peer(from).send(&message);
                expect_closed(&mut session, FAILED, FAILED);
            }
        }
        drop(session);
        let metrics = rig.settled();
        let expected = if mode == "open" { 2.0 } else { 1.0 };
        assert_eq!(failures(&metrics, reason), expected, "{reason} {mode}");
        let records = rig.stop();
        let record =
            json!({"agent": "judge", "about": "websocket_frame", "reason": reason, "failure_mode": mode});
        assert_has(records.of("agent_failed").first().expect("a record"), &record);
        if mode == "closed" {
            assert_eq!(records.reasons("close").get("agent_failed"), Some(&1), "{reason}");
        } else {
            assert_eq!(metrics.get("framegate_fail_open_total{agent=\"judge\"}"), 2.0);
        }
    }
}

#[test]
fn what_is_not_the_protocol_is_a_failure_that_is_told_apart() {
    let text = |text: &str| Say::Raw(framed(text.as_bytes()));
    check(Version::V1, "garbage", move || text("{\"decision\":"));
    check(Version::V1, "garbage", move || text("{\"version\":1}"));
    check(Version::V1, "garbage", move || text("{\"version\":1,\"decision\":\"maybe\"}"));
    check(Version::V1, "garbage", || decided(json!("maybe")));
    check(Version::V1, "version", || Say::Answer(json!({ "version": 2 })));
    check(Version::V1, "too-large", || Say::Raw(vec![0xff; 100]));
    check(Version::V1, "closed", || Say::HangUp);
    check(Version::V1, "invalid", || decided(json!({ "close": { "code": 1005, "reason": "" } })));
    check(Version::V2, "version", || Say::Answer(json!({ "version": 3 })));
    check(Version::V2, "garbage", || Say::Raw(vec![0, 0, 0, 1, 0x99]));
    check(Version::V2, "unexpected", || Say::Raw(vec![0, 0, 0, 3, 0x10, b'{', b'}']));
}

#[test]
fn an_answer_to_another_question_is_for_nobody() {
    let other = json!({ "audit": { "custom": { "correlation_id": "another" } } });
    check(Version::V2, "timeout", move || Say::Answer(other.clone()));
}

#[test]
fn no_answer_is_waited_for_longer_than_the_timeout() {
    for (version, name) in [(Version::V1, "v1"), (Version::V2, "v2")] {
        let folder = Folder::new();
        let _agent = Agent::start(version, &folder.file("agent.sock"), |_| Say::Nothing);
        let rig = rig(&folder, &format!("timeout-ms 500; protocol-version \"{name}\""));
        let mut session = rig.open();
        let watch = Stopwatch::start();
        session.client.send(&frame(Side::Client, TEXT, b"x"));
        expect_closed(&mut session, FAILED, FAILED);
        let took = watch.read();
        assert!((Duration::from_millis(500)..Duration::from_millis(600)).contains(&took), "{took:?}");
        drop(session);
        assert_eq!(failures(&rig.settled(), "timeout"), 1.0);
        let _records = rig.stop();
    }
}

#[test]
fn an_answer_that_comes_too_late_is_no_answer_to_the_next_question() {
    for (version, name) in [(Version::V1, "v1"), (Version::V2, "v2")] {
        let folder = Folder::new();
        let _agent = Agent::start(version, &folder.file("agent.sock"), |question| match &*said(question) {
            "slow" => late(Duration::from_millis(300), decided(json!("allow"))),
            _ => decided(json!("drop")),
        });
        let settings = format!("timeout-ms 100; failure-mode \"open\"; protocol-version \"{name}\"");
        let rig = rig(&folder, &format!("{settings}; max-connections 1"));
        let mut session = rig.open();
        session.pass(Side::Client, &frame(Side::Client, TEXT, b"slow"));
        session.client.send(&frame(Side::Client, TEXT, b"one"));
        session.client.send(&frame(Side::Client, TEXT, b"two"));
        session.upstream.expect_silence(Duration::from_millis(400));
        session.close();
        let _records = rig.finish();
    }
}

#[test]
fn an_agent_that_starts_late_or_again_is_asked_as_soon_as_it_is_there() {
    let folder = Folder::new();
    let path = folder.file("agent.sock");
    let rig = rig(&folder, "");
    for round in 0..3 {
        // More failures than the breaker would bear, were they any of its business.
        for _ in 0..7 {
            let mut session = rig.open();
            session.client.send(&frame(Side::Client, TEXT, b"x"));
            expect_closed(&mut session, FAILED, FAILED);
        }
        let agent = Agent::saying(&path, allow());
        let mut session = eventually("the agent is asked", || {
            let mut session = rig.open();
            session.client.send(&frame(Side::Client, TEXT, b"x"));
            let frame = session.upstream.read_frame();
            (frame.first == TEXT).then_some(session)
        });
        session.pass(Side::Upstream, &frame(Side::Upstream, TEXT, b"y"));
        drop(agent);
        // The session lives, but cannot be asked about.
        session.upstream.send(&frame(Side::Upstream, TEXT, b"y"));
        expect_closed(&mut session, FAILED, FAILED);
        assert!(failures(&rig.metrics(), "connect") >= f64::from(round + 1) * 7.0);
    }
    assert_eq!(rig.settled().get("framegate_agent_breaker{agent=\"judge\",state=\"closed\"}"), 1.0);
    let _records = rig.stop();
}

#[test]
fn a_connection_that_the_agent_has_closed_while_nobody_looked_fails_no_call() {
    let folder = Folder::new();
    let path = folder.file("agent.sock");
    let agent = Agent::saying(&path, allow());
    let rig = rig(&folder, "");
    let mut session = rig.open();
    session.pass(Side::Client, &frame(Side::Client, TEXT, b"x"));
    drop(agent);
    let agent = Agent::saying(&path, allow());
    session.pass(Side::Client, &frame(Side::Client, TEXT, b"x"));
    assert_eq!(agent.accepted(), 1);
    session.close();
    let _records = rig.finish();
}

#[test]
fn a_message_above_the_limit_of_the_protocol_is_a_failure_and_none_of_the_breakers_business() {
    let folder = Folder::new();
    let _agent = Agent::saying(&folder.file("agent.sock"), allow());
    let text = crate::agents::text(&folder, "");
    let text = text.replace(
        "agents \"judge\" }",
        "agents \"judge\"; websocket { max-message-size \"16MB\"; max-frame-size \"16MB\" } }",
    );
    let rig = Rig::from_kdl([Backend::default()], &text);
    let large = vec![b'x'; 8 * 1024 * 1024];
    for _ in 0..6 {
        let mut session = rig.open();
        session.client.send(&testkit::frame::large(Side::Client, &large));
        expect_closed(&mut session, FAILED, FAILED);
    }
    let mut session = rig.open();
    session.pass(Side::Client, &frame(Side::Client, TEXT, b"small"));
    session.close();
    assert_eq!(failures(&rig.settled(), "too-large"), 6.0);
    let _records = rig.finish();
}

#[test]
fn an_agent_that_keeps_failing_is_left_alone_until_it_answers_a_trial() {
    let folder = Folder::new();
    let path = folder.file("agent.sock");
    let agent = Agent::saying(&path, Say::Nothing);
    let breaker = "circuit-breaker { failure-threshold 2; success-threshold 1; timeout-seconds 1 }";
    let rig = rig(&folder, &format!("timeout-ms 100; {breaker}"));
    let fail = || {
        let watch = Stopwatch::start();
        let mut session = rig.open();
        session.client.send(&frame(Side::Client, TEXT, b"x"));
        expect_closed(&mut session, FAILED, FAILED);
        watch.read()
    };
    fail();
    fail();
    rig.await_metric("framegate_agent_breaker{agent=\"judge\",state=\"open\"}", 1.0);
    let questions = agent.questions().len();
    for _ in 0..3 {
        assert!(fail() < Duration::from_millis(100), "nobody waits for it");
    }
    assert_eq!(agent.questions().len(), questions);
    assert_eq!(failures(&rig.metrics(), "breaker"), 3.0);
    drop(agent);
    let _agent = Agent::saying(&path, allow());
    let session = eventually("the breaker gives it a trial", || {
        let mut session = rig.open();
        session.client.send(&frame(Side::Client, TEXT, b"x"));
        (session.upstream.read_frame().first == TEXT).then_some(session)
    });
    session.close();
    rig.await_metric("framegate_agent_breaker{agent=\"judge\",state=\"closed\"}", 1.0);
    let records = rig.stop();
    let states: Vec<_> = records
        .of("agent_breaker")
        .iter()
        .map(|record| record["state"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(states, ["open", "half-open", "closed"]);
}

#[test]
fn settings_that_are_refused_are_a_failure() {
    let folder = Folder::new();
    let _agent =
        Agent::start(Version::V1, &folder.file("agent.sock"), |question| {
            match question["event_type"].as_str() {
                Some("configure") => {
                    Say::Answer(json!({ "decision": { "block": { "status": 500, "body": "no such\nkey" } } }))
                }
                _ => allow(),
            }
        });
    let rig = rig(&folder, "config { nonsense 1 }");
    let mut session = rig.open();
    session.client.send(&frame(Side::Client, TEXT, b"x"));
    expect_closed(&mut session, FAILED, FAILED);
    drop(session);
    assert_eq!(failures(&rig.settled(), "refused"), 1.0);
    let records = rig.stop();
    let detail = records.only("agent_failed")["detail"].as_str().unwrap().to_owned();
    assert_eq!(detail, "it refuses its settings: no such\u{fffd}key");
}

#[test]
fn an_agent_that_does_not_speak_the_version_is_a_failure() {
    // To an agent of version 1 the handshake is garbage, and it says nothing.
    let folder = Folder::new();
    let _agent = Agent::start(Version::V1, &folder.file("agent.sock"), |_| Say::HangUp);
    let rig = rig(&folder, "protocol-version \"v2\"");
    let mut session = rig.open();
    session.client.send(&frame(Side::Client, TEXT, b"x"));
    expect_closed(&mut session, FAILED, FAILED);
    drop(session);
    assert_eq!(failures(&rig.settled(), "closed"), 1.0);
    let _records = rig.stop();
}

#[test]
fn a_request_is_answered_503_or_passes_where_the_agent_fails() {
    for (mode, expected) in [("closed", 503), ("open", 200)] {
        let folder = Folder::new();
        let _agent = Agent::saying(&folder.file("agent.sock"), Say::HangUp);
        let text = crate::agents::text(&folder, &format!("failure-mode \"{mode}\""))
            .replace("events \"websocket_frame\"", "events \"request_headers\"");
        let rig = Rig::from_kdl([Backend::default()], &text);
        let request = Message::get("/x").with("Connection", "close");
        if mode == "closed" {
            assert_eq!(rig.send(&request.to_bytes()).read_head().status(), expected);
            assert_eq!(rig.send(&Message::upgrade("/x").to_bytes()).read_head().status(), expected);
            rig.backend().assert_not_dialled();
        } else {
            let mut exchange = rig.ask(&request);
            assert_eq!(exchange.answer(&Message::ok("x").with("Connection", "close")).status(), expected);
            rig.open().close();
        }
        assert_eq!(failures(&rig.settled(), "closed"), 2.0);
        let records = rig.finish();
        if mode == "closed" {
            let detail = records.only("refused")["detail"].as_str().unwrap();
            assert!(detail.contains("judge") && detail.contains("closed before an answer"), "{detail}");
        }
    }
}

#[test]
fn sessions_that_wait_for_a_hung_agent_hold_nobody_else_up() {
    let folder = Folder::new();
    let _agent = Agent::start(Version::V1, &folder.file("agent.sock"), |question| match &*said(question) {
        "hang" => Say::Nothing,
        _ => allow(),
    });
    let rig = rig(&folder, "timeout-ms 2000");
    let mut hanging: Vec<Session> = (0..20).map(|_| rig.open()).collect();
    for session in &mut hanging {
        session.client.send(&frame(Side::Client, TEXT, b"hang"));
    }
    let watch = Stopwatch::start();
    let mut session = rig.open();
    for _ in 0..20 {
        session.pass(Side::Client, &frame(Side::Client, TEXT, b"x"));
    }
    assert!(watch.read() < Duration::from_secs(1));
    session.close();
    for mut session in hanging {
        expect_closed(&mut session, FAILED, FAILED);
    }
    let _records = rig.stop();
}

#[test]
fn an_agent_that_has_much_to_do_slows_sessions_down_and_ends_none() {
    let folder = Folder::new();
    let _agent =
        Agent::start(Version::V1, &folder.file("agent.sock"), |_| late(Duration::from_millis(20), allow()));
    let rig = rig(&folder, "timeout-ms 200; max-connections 2");
    let mut sessions: Vec<Session> = (0..50).map(|_| rig.open()).collect();
    for session in &mut sessions {
        session.client.send(&frame(Side::Client, TEXT, b"x"));
    }
    for session in &mut sessions {
        session.upstream.expect(&frame(Side::Client, TEXT, b"x"));
    }
    sessions.into_iter().for_each(Session::close);
    assert_eq!(rig.settled().sum("framegate_agent_failures_total", ""), 0.0);
    let _records = rig.finish();
}

#[test]
fn whoever_has_waited_for_others_long_enough_is_not_asked_about() {
    let folder = Folder::new();
    let agent = Agent::saying(&folder.file("agent.sock"), Say::Nothing);
    let rig = rig(&folder, "timeout-ms 2000; queue-timeout-ms 100; max-connections 1");
    let mut sessions = [rig.open(), rig.open()];
    sessions[0].client.send(&frame(Side::Client, TEXT, b"x"));
    eventually("the agent is asked", || (agent.questions().len() == 1).then_some(()));
    let watch = Stopwatch::start();
    sessions[1].client.send(&frame(Side::Client, TEXT, b"x"));
    expect_closed(&mut sessions[1], FAILED, FAILED);
    assert!(watch.read() < Duration::from_secs(1));
    expect_closed(&mut sessions[0], FAILED, FAILED);
    drop(sessions);
    let metrics = rig.settled();
    assert_eq!((failures(&metrics, "busy"), failures(&metrics, "timeout")), (1.0, 1.0));
    let _records = rig.stop();
}

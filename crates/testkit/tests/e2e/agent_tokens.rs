//! Tokens that clients of Socket.IO name within their session: the agents that were asked about the
//! handshake are asked again, and the message waits for what they say.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::Side::{Client, Upstream};
use testkit::agent::{Agent, Say, Version, allow, late};
use testkit::backend::Backend;
use testkit::deadline::eventually;
use testkit::folder::Folder;
use testkit::frame::{BINARY, PING, TEXT, frame, large};
use testkit::message::Message;
use testkit::records::assert_has;
use testkit::rig::{Rig, Session};

use crate::agents::{expect_closed, said};

/// A gateway whose only route asks the agent at `auth.sock` about requests.
fn text(folder: &Folder, agent: &str, websocket: &str) -> String {
    let path = folder.file("auth.sock");
    format!(
        r#"
        agents {{ agent "auth" {{ unix-socket "{}"; {agent} }} }}
        routes {{ route "io" {{ upstream "backend"; agents "auth"; websocket {{ {websocket} }} }} }}
        upstreams {{ upstream "backend" {{ target "$0" }} }}"#,
        path.display()
    )
}

fn rig(folder: &Folder, agent: &str, websocket: &str) -> Rig {
    Rig::from_kdl([Backend::default()], &text(folder, agent, websocket))
}

/// An agent that lets in who names no token, or the one that is good.
fn agent(folder: &Folder, version: Version) -> Agent {
    Agent::start(version, &folder.file("auth.sock"), |question| {
        let is_good = |field: &Value| *field == json!(format!("Bearer {GOOD}"));
        match question.pointer("/payload/headers/authorization").and_then(Value::as_array) {
            Some(fields) if !fields.iter().all(is_good) => Say::Answer(
                json!({ "decision": { "block": { "status": 401 } }, "audit": { "tags": ["jwt"] } }),
            ),
            Some(_) | None => allow(),
        }
    })
}

const GOOD: &str = "eyJhbGciOi.s3cret-g00d";
const BAD: &str = "eyJhbGciOi.s3cret-b4d";

/// The packet with which a client enters a namespace (`/admin,`, or nothing for the first).
fn connect(namespace: &str, token: &str) -> Vec<u8> {
    frame(Client, TEXT, format!("40{namespace}{{\"token\":\"{token}\"}}").as_bytes())
}

fn handshake() -> Message {
    Message::upgrade("/socket.io/?EIO=4&transport=websocket")
}

fn open(rig: &Rig) -> Session {
    rig.open_with(&handshake(), |answer| answer)
}

const REFUSED: (u16, &str) = (1008, "Policy Violation");

#[test]
fn a_token_waits_for_the_agents_and_one_that_they_refuse_ends_the_session() {
    for (version, name) in [(Version::V1, "v1"), (Version::V2, "v2")] {
        let folder = Folder::new();
        let agent = agent(&folder, version);
        let rig = rig(&folder, &format!("protocol-version \"{name}\""), "");
        let mut session = open(&rig);
        session.pass(Upstream, &frame(Upstream, TEXT, b"0{\"sid\":\"x\"}"));
        session.pass(Client, &connect("", GOOD));
        for message in
            [&b"42[\"chat\",{\"token\":\"mine\"}]"[..], b"2", b"40/plain,", b"40{\"user\":\"ann\"}"]
        {
            session.pass(Client, &frame(Client, TEXT, message));
        }
        assert_eq!(agent.questions().len(), 2, "about the handshake and the token");
        session.pass(Client, &connect("/admin,", GOOD));
        session.client.send(&[connect("/root,", BAD), frame(Client, TEXT, b"42/root,[\"rm\"]")].concat());
        expect_closed(&mut session, REFUSED, REFUSED);
        drop(session);
        let metrics = rig.settled();
        let calls = |decision: &str| {
            let labels = format!("agent=\"auth\",event=\"request_headers\",decision=\"{decision}\"");
            metrics.get(&format!("framegate_agent_calls_total{{{labels}}}"))
        };
        assert_eq!((calls("allow"), calls("block")), (3.0, 1.0));
        assert_eq!(metrics.get("framegate_messages_blocked_total{route=\"io\"}"), 1.0);
        let records = rig.finish();
        assert_eq!(records.reasons("close")["agent"], 1);
        let expected = json!({
            "from": "client", "message": 6, "by": "agent auth", "action": "close", "reason": "agent",
            "rules": "jwt"
        });
        assert_has(records.only("finding"), &expected);
    }
}

#[test]
fn nothing_of_the_packet_goes_on_before_the_agent_has_spoken() {
    let folder = Folder::new();
    let agent = Agent::start(Version::V1, &folder.file("auth.sock"), |question| {
        let is_token = question["payload"]["headers"]["authorization"].is_array();
        if is_token { late(Duration::from_millis(100), allow()) } else { allow() }
    });
    let rig = rig(&folder, "", "");
    let mut session = open(&rig);
    let ping = frame(Client, PING, b"first");
    session.client.send(&[connect("", GOOD), ping.clone(), frame(Client, TEXT, b"2")].concat());
    session.upstream.expect(&ping);
    eventually("the agent is asked", || (agent.questions().len() == 2).then_some(()));
    session.upstream.expect_silence(Duration::from_millis(30));
    session.upstream.expect(&[connect("", GOOD), frame(Client, TEXT, b"2")].concat());
    session.close();
    let _records = rig.finish();
}

#[test]
fn the_agent_is_told_of_the_handshake_with_the_token_in_its_authorization() {
    let folder = Folder::new();
    let agent = Agent::saying(&folder.file("auth.sock"), allow());
    let rig = rig(&folder, "", "");
    let request = Message::upgrade("/socket.io/../socket.io/?token=old&EIO=4&transport=websocket")
        .with("Authorization", "Bearer old")
        .with("Cookie", "session=1")
        .with("X-Forwarded-For", "6.6.6.6")
        .with("Traceparent", "00-1-2-01")
        .with("Sec-WebSocket-Protocol", "access_token, older");
    let mut session = rig.open_with(&request, |answer| answer);
    session.pass(Client, &connect("", GOOD));
    let [mut first, mut second] = agent.questions().try_into().expect("two questions");
    let payload = &second["payload"];
    assert_eq!(payload["headers"]["authorization"], json!([format!("Bearer {GOOD}")]));
    assert_eq!(payload["headers"]["x-forwarded-for"], json!(["127.0.0.1"]));
    for question in [&mut first, &mut second] {
        question["payload"]["headers"]["authorization"] = Value::Null;
        assert!(question["payload"]["metadata"]["timestamp"].take().is_string());
    }
    assert_eq!(first, second, "but for the token and the time they are the same");
    session.close();
    let _records = rig.finish();
}

#[test]
fn a_token_is_found_however_its_message_comes() {
    let ways: [(&str, Vec<u8>); 5] = [
        ("as text", connect("", BAD)),
        ("as binary", frame(Client, BINARY, format!("40{{\"token\":\"{BAD}\"}}").as_bytes())),
        (
            "in fragments",
            [
                frame(Client, 0x01, b"4"),
                frame(Client, PING, b""),
                frame(Client, 0x00, b"0{\"tok"),
                frame(Client, 0x80, format!("en\":\"{BAD}\"}}").as_bytes()),
            ]
            .concat(),
        ),
        ("escaped", frame(Client, TEXT, b"40 {\"\\u0074oken\":\"no\"}")),
        // The packet within one stored block of DEFLATE.
        ("compressed", frame(Client, 0xc1, &stored(format!("40{{\"token\":\"{BAD}\"}}").as_bytes()))),
    ];
    for (way, message) in ways {
        let folder = Folder::new();
        let agent = agent(&folder, Version::V1);
        let rig = rig(&folder, "", "");
        let agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        let request = handshake().with("Sec-WebSocket-Extensions", "permessage-deflate");
        let mut session = rig.open_with(&request, |answer| answer.with("Sec-WebSocket-Extensions", agreed));
        session.client.send(&message);
        if way == "in fragments" {
            session.upstream.expect(&frame(Client, PING, b""));
        }
        expect_closed(&mut session, REFUSED, REFUSED);
        assert_eq!(agent.questions().len(), 2, "{way}");
        drop(session);
        let _records = rig.finish();
    }
}

/// A message as permessage-deflate has it, uncompressed: a block that is stored, and the head of an
/// empty one (RFC 7692 §7.2.1).
fn stored(text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("a short text");
    [&[0][..], &length.to_le_bytes(), &(!length).to_le_bytes(), text, &[0]].concat()
}

#[test]
fn what_cannot_be_read_as_one_token_is_refused_without_asking() {
    for message in
        ["40{\"token\":\"a\",\"token\":\"b\"}", "40{\"token\":\"a\\r\\nX: y\"}", "40{\"token\":\"a\",x}"]
    {
        let folder = Folder::new();
        let agent = agent(&folder, Version::V1);
        let rig = rig(&folder, "failure-mode \"open\"", "");
        let mut session = open(&rig);
        session.client.send(&frame(Client, TEXT, message.as_bytes()));
        expect_closed(&mut session, REFUSED, REFUSED);
        assert_eq!(agent.questions().len(), 1, "{message}");
        drop(session);
        let records = rig.finish();
        let expected = json!({ "by": "agents", "rules": "socket-io-auth-unreadable", "action": "close" });
        assert_has(records.only("finding"), &expected);
    }
}

#[test]
fn an_agent_that_is_gone_has_its_failure_mode() {
    for mode in ["closed", "open"] {
        let folder = Folder::new();
        let agent = agent(&folder, Version::V1);
        let rig = rig(&folder, &format!("failure-mode \"{mode}\""), "");
        let mut session = open(&rig);
        drop(agent);
        if mode == "open" {
            session.pass(Client, &connect("", BAD));
            session.close();
        } else {
            let told = (1011, "Inspection failed");
            session.client.send(&connect("", BAD));
            expect_closed(&mut session, told, told);
            drop(session);
        }
        let metrics = rig.settled();
        let passed = metrics.get("framegate_fail_open_total{agent=\"auth\"}");
        assert_eq!(passed, if mode == "open" { 1.0 } else { 0.0 });
        let records = rig.finish();
        let expected = json!({ "agent": "auth", "about": "request_headers", "failure_mode": mode });
        assert_has(records.only("agent_failed"), &expected);
        assert!(!format!("{records:?}").contains("s3cret"), "{records:?}");
    }
}

#[test]
fn other_sessions_are_left_alone() {
    // Neither their messages nor their compression are anybody's business.
    let request = Message::upgrade("/chat").with("Sec-WebSocket-Extensions", "permessage-deflate");
    let folder = Folder::new();
    let agent = agent(&folder, Version::V1);
    let rig = rig(&folder, "", "");
    let mut session =
        rig.open_with(&request, |answer| answer.with("Sec-WebSocket-Extensions", "permessage-deflate"));
    assert_eq!(session.request.get("Sec-WebSocket-Extensions"), Some("permessage-deflate"));
    session.pass(Client, &connect("", BAD));
    session.close();
    assert_eq!(agent.questions().len(), 1);
    let _records = rig.finish();
}

#[test]
fn only_clients_are_held_to_the_limits_of_what_is_looked_into() {
    let folder = Folder::new();
    let _agent = agent(&folder, Version::V1);
    let rig = rig(&folder, "", "");
    let mut session = open(&rig);
    let payload = vec![b'x'; (1 << 20) + 1];
    session.pass(Upstream, &large(Upstream, &payload));
    session.client.send(&large(Client, &payload));
    assert_eq!(session.client.read_frame().close().map(|(code, _)| code), Some(1009));
    drop(session);
    let _records = rig.finish();
}

#[test]
fn those_who_judge_messages_come_behind_and_hear_nothing_of_what_was_refused() {
    let folder = Folder::new();
    let _auth = agent(&folder, Version::V1);
    let judge = Agent::saying(&folder.file("judge.sock"), allow());
    let text = text(&folder, "", "").replace("agents \"auth\"", "agents \"auth\" \"judge\"")
        + &format!(
            "\nagents {{ agent \"judge\" {{ unix-socket \"{}\"; events \"websocket_frame\" }} }}",
            folder.file("judge.sock").display()
        );
    let rig = Rig::from_kdl([Backend::default()], &text);
    let mut session = open(&rig);
    session.pass(Client, &connect("", GOOD));
    session.pass(Client, &frame(Client, TEXT, b"2"));
    session.client.send(&connect("", BAD));
    expect_closed(&mut session, REFUSED, REFUSED);
    drop(session);
    let heard: Vec<_> = judge.questions().iter().map(said).collect();
    assert_eq!(heard, [format!("40{{\"token\":\"{GOOD}\"}}"), "2".to_owned()]);
    let _records = rig.finish();
}

#[test]
fn rules_may_take_out_of_the_packet_the_token_that_was_asked_about() {
    let folder = Folder::new();
    let agent = agent(&folder, Version::V1);
    let rig = rig(&folder, "", "inspect { redact pointer=\"/token\" }");
    let mut session = open(&rig);
    session.client.send(&connect("", GOOD));
    assert_eq!(session.upstream.read_frame().payload, b"40{\"token\":\"***\"}");
    assert_eq!(agent.questions().len(), 2);
    session.close();
    let _records = rig.finish();
}

#[test]
fn nothing_that_is_written_has_the_token() {
    let folder = Folder::new();
    let _agent = agent(&folder, Version::V1);
    let log = folder.file("frames.log");
    let line = "$request | $http_authorization | $ws_opcode | $ws_payload_size | $ws_message_size";
    let text = format!(
        "{}\nframe-logs {{ frame-log \"frames\" {{ path \"{}\"; open \"{line}\"; close \"{line}\"; frame \"{line}\"; message \"{line}\" }} }}",
        text(&folder, "", "frame-log \"frames\"; inspect { pattern \"any\" \"s3cret\"; mode \"detect\" }"),
        log.display(),
    );
    let rig = Rig::from_kdl([Backend::default()], &text);
    let mut session = open(&rig);
    session.pass(Client, &connect("", GOOD));
    session.client.send(&connect("/admin,", BAD));
    expect_closed(&mut session, REFUSED, REFUSED);
    drop(session);
    let page = rig.settled();
    let records = rig.finish();
    assert!(records.of("finding").len() > 2, "rules have found it, too");
    let frames = fs::read_to_string(&log).expect("a frame log");
    for (what, text) in
        [("frame log", frames), ("records", format!("{records:?}")), ("metrics", format!("{page:?}"))]
    {
        assert!(!text.is_empty() && !text.contains("s3cret"), "the token stands in the {what}: {text}");
    }
}

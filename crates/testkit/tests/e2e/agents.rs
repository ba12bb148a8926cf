//! Agents that are asked about messages: what they are told, and that what they say is done.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::Side;
use testkit::agent::{Agent, Say, Version, allow, frame as decided, late};
use testkit::backend::Backend;
use testkit::deadline::eventually;
use testkit::folder::Folder;
use testkit::frame::{BINARY, CLOSE, PING, TEXT, close, frame};
use testkit::message::Message;
use testkit::passage::Session;
use testkit::peer::Ending;
use testkit::records::assert_has;
use testkit::rig::Rig;

/// A gateway whose only route asks the agent at `path` about messages.
pub(crate) fn rig(folder: &Folder, settings: &str) -> Rig {
    Rig::from_kdl([Backend::default()], &text(folder, settings))
}

pub(crate) fn text(folder: &Folder, settings: &str) -> String {
    let path = folder.file("agent.sock");
    format!(
        r#"
        agents {{ agent "judge" {{ unix-socket "{}"; events "websocket_frame"; {settings} }} }}
        routes {{ route "chat" {{ upstream "backend"; agents "judge" }} }}
        upstreams {{ upstream "backend" {{ target "$0" }} }}"#,
        path.display()
    )
}

/// What a message says, as the agent is told it.
pub(crate) fn said(question: &Value) -> String {
    use base64::Engine as _;
    let data = question.pointer("/payload/data").and_then(Value::as_str).unwrap_or_default();
    let bytes = base64::engine::general_purpose::STANDARD.decode(data).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Drops what says `drop`, closes at what says `close`, and lets all else pass.
fn by_word(question: &Value) -> Say {
    match &*said(question) {
        "drop" => decided(json!("drop")),
        "close" => decided(json!({ "close": { "code": 4321, "reason": "enough" } })),
        _ => decided(json!("allow")),
    }
}

/// Both peers are told that the session ends.
#[track_caller]
pub(crate) fn expect_closed(session: &mut Session, client: (u16, &str), upstream: (u16, &str)) {
    for (side, told) in [(Side::Client, client), (Side::Upstream, upstream)] {
        let peer = session.peer(side);
        let frame = peer.read_frame();
        assert_eq!((frame.first, frame.close()), (CLOSE, Some(told)), "{side:?}");
        let answer = close(side, told.0, "");
        let _gone_already = peer.try_send(&answer);
    }
}

const VERSIONS: [(Version, &str); 2] = [(Version::V1, "v1"), (Version::V2, "v2")];

#[test]
fn messages_of_both_sides_pass_go_nowhere_or_end_the_session_as_the_agent_says() {
    for (version, name) in VERSIONS {
        let folder = Folder::new();
        let _agent = Agent::start(version, &folder.file("agent.sock"), by_word);
        let rig = rig(&folder, &format!("protocol-version \"{name}\""));
        for from in Side::BOTH {
            let mut session = rig.open();
            session.pass(from, &frame(from, TEXT, b"one"));
            session.peer(from).send(&frame(from, TEXT, b"drop"));
            session.pass(from, &frame(from, BINARY, b"two"));
            session.peer(from).send(&frame(from, TEXT, b"close"));
            expect_closed(&mut session, (4321, "enough"), (4321, "enough"));
        }
        let metrics = rig.settled();
        let calls = |decision: &str| {
            let labels = format!("agent=\"judge\",event=\"websocket_frame\",decision=\"{decision}\"");
            metrics.get(&format!("framegate_agent_calls_total{{{labels}}}"))
        };
        assert_eq!((calls("allow"), calls("drop"), calls("close")), (4.0, 2.0, 2.0));
        assert_eq!(metrics.get("framegate_agent_latency_seconds_count{agent=\"judge\"}"), 8.0);
        for action in ["drop", "close"] {
            let labels = format!("by=\"agent\",action=\"{action}\"");
            assert_eq!(metrics.get(&format!("framegate_messages_judged_total{{{labels}}}")), 2.0);
        }
        let records = rig.finish();
        assert_eq!(records.reasons("close")["agent"], 2);
        assert_has(
            records.of("finding")[0],
            &json!({ "by": "agent judge", "action": "drop", "opcode": "text" }),
        );
    }
}

#[test]
fn an_agent_is_told_of_whole_messages_whose_they_are_and_nothing_of_control_frames() {
    let folder = Folder::new();
    let agent = Agent::saying(&folder.file("agent.sock"), allow());
    let rig = rig(&folder, "");
    let request = Message::upgrade("/chat?token=s3cret");
    let mut session = rig.open_with(&request, |answer| answer);
    session.pass(Side::Client, &frame(Side::Client, PING, b"ping"));
    // One message in three frames, with another ping in between.
    for (first, text) in [(0x01, &b"a"[..]), (0x00, b"b"), (0x89, b"ping"), (0x80, b"c")] {
        session.client.send(&frame(Side::Client, first, text));
    }
    session.upstream.expect(&frame(Side::Client, PING, b"ping"));
    eventually("the message is asked about", || (agent.questions().len() == 1).then_some(()));
    for (first, text) in [(0x01, &b"a"[..]), (0x00, b"b"), (0x80, b"c")] {
        session.upstream.expect(&frame(Side::Client, first, text));
    }
    session.pass(Side::Client, &frame(Side::Client, BINARY, b"\xff"));
    session.pass(Side::Upstream, &frame(Side::Upstream, TEXT, b"hi"));
    let id = session.request.get("X-Request-Id").expect("an id").to_owned();
    let told = |index: u64, opcode: &str, data: &str, client_to_server: bool| {
        json!({
            "version": 1,
            "event_type": "web_socket_frame",
            "payload": {
                "correlation_id": id, "opcode": opcode, "data": data, "client_to_server": client_to_server,
                "frame_index": index, "fin": true, "route_id": "chat", "client_ip": "127.0.0.1"
            }
        })
    };
    let expected =
        [told(0, "text", "YWJj", true), told(1, "binary", "/w==", true), told(0, "text", "aGk=", false)];
    assert_eq!(agent.questions(), expected);
    session.close();
    let _records = rig.finish();
}

#[test]
fn messages_come_out_in_order_however_long_each_is_thought_about() {
    for (settings, version) in [
        ("", Version::V1),
        ("calls-per-direction 8", Version::V1),
        ("calls-per-direction 8; max-connections 2; pipeline 4", Version::V1),
        ("protocol-version \"v2\"; calls-per-direction 8; max-connections 3", Version::V2),
    ] {
        let folder = Folder::new();
        let _agent = Agent::start(version, &folder.file("agent.sock"), |question| {
            let index = question["payload"]["frame_index"].as_u64().unwrap_or_default();
            late(Duration::from_millis(index * 7 % 5), allow())
        });
        let rig = rig(&folder, settings);
        let mut session = rig.open();
        let texts: Vec<String> = (0..100).map(|number| format!("message {number}")).collect();
        for from in Side::BOTH {
            let frames: Vec<u8> = texts.iter().flat_map(|text| frame(from, TEXT, text.as_bytes())).collect();
            session.peer(from).send(&frames);
        }
        for from in Side::BOTH {
            for text in &texts {
                session.peer(from.other()).expect(&frame(from, TEXT, text.as_bytes()));
            }
        }
        session.close();
        let metrics = rig.settled();
        assert_eq!(metrics.sum("framegate_agent_failures_total", ""), 0.0, "{settings}");
        let _records = rig.finish();
    }
}

#[test]
fn an_agent_sees_the_messages_of_a_direction_in_order_unless_it_may_be_asked_about_several() {
    let folder = Folder::new();
    let agent =
        Agent::start(Version::V1, &folder.file("agent.sock"), |_| late(Duration::from_millis(1), allow()));
    let rig = rig(&folder, "");
    let mut session = rig.open();
    let frames: Vec<u8> = (0..50).flat_map(|_| frame(Side::Client, TEXT, b"x")).collect();
    session.client.send(&frames);
    session.upstream.expect(&frames);
    let seen: Vec<_> =
        agent.questions().iter().map(|question| question["payload"]["frame_index"].as_u64()).collect();
    assert_eq!(seen, (0..50).map(Some).collect::<Vec<_>>());
    assert_eq!(agent.accepted(), 1, "one connection is enough for that");
    session.close();
    let _records = rig.finish();
}

#[test]
fn several_agents_are_asked_in_the_order_of_the_route_until_one_objects() {
    let folder = Folder::new();
    let first = Agent::start(Version::V1, &folder.file("first.sock"), by_word);
    let second = Agent::saying(&folder.file("second.sock"), allow());
    let text = format!(
        r#"
        agents {{
            agent "second" {{ unix-socket "{}"; events "websocket_frame" }}
            agent "first" {{ unix-socket "{}"; events "web-socket-frame" }}
        }}
        routes {{ route "chat" {{ upstream "backend"; agents "first" "second" }} }}
        upstreams {{ upstream "backend" {{ target "$0" }} }}"#,
        folder.file("second.sock").display(),
        folder.file("first.sock").display(),
    );
    let rig = Rig::from_kdl([Backend::default()], &text);
    let mut session = rig.open();
    session.pass(Side::Client, &frame(Side::Client, TEXT, b"one"));
    session.client.send(&frame(Side::Client, TEXT, b"drop"));
    session.pass(Side::Client, &frame(Side::Client, TEXT, b"two"));
    session.close();
    assert_eq!(first.questions().iter().map(said).collect::<Vec<_>>(), ["one", "drop", "two"]);
    assert_eq!(second.questions().iter().map(said).collect::<Vec<_>>(), ["one", "two"]);
    let _records = rig.finish();
}

#[test]
fn settings_are_sent_on_every_connection_before_anything_else() {
    for (version, name) in VERSIONS {
        let folder = Folder::new();
        let agent = Agent::start(version, &folder.file("agent.sock"), |_| allow());
        let settings = r#"config { block-mode true; rules "a" "b"; limits { size 5 }; bare }"#;
        let rig = rig(&folder, &format!("protocol-version \"{name}\"; {settings}"));
        let mut session = rig.open();
        session.pass(Side::Client, &frame(Side::Client, TEXT, b"x"));
        let question = agent.questions().first().cloned().expect("a question");
        assert_eq!(question["event_type"], "configure");
        let expected =
            json!({ "block-mode": true, "rules": ["a", "b"], "limits": { "size": 5 }, "bare": true });
        assert_eq!(question["payload"]["config"], expected);
        session.close();
        let _records = rig.finish();
    }
}

#[test]
fn many_sessions_share_the_connections_that_there_may_be() {
    let folder = Folder::new();
    let agent =
        Agent::start(Version::V1, &folder.file("agent.sock"), |_| late(Duration::from_millis(5), allow()));
    let rig = rig(&folder, "max-connections 4");
    let mut sessions: Vec<_> = (0..40).map(|_| rig.open()).collect();
    for session in &mut sessions {
        session.client.send(&frame(Side::Client, TEXT, b"x"));
    }
    for session in &mut sessions {
        session.upstream.expect(&frame(Side::Client, TEXT, b"x"));
    }
    assert_eq!(agent.accepted(), 4);
    sessions.into_iter().for_each(Session::close);
    let _records = rig.finish();
}

#[test]
fn a_client_that_leaves_takes_its_calls_with_it() {
    let folder = Folder::new();
    let agent = Agent::start(Version::V1, &folder.file("agent.sock"), |question| match &*said(question) {
        "hang" => Say::Nothing,
        _ => allow(),
    });
    let rig = rig(&folder, "timeout-ms 300; max-connections 2");
    for hanging in 1..=2 {
        let mut session = rig.open();
        session.client.send(&frame(Side::Client, TEXT, b"hang"));
        eventually("the agent is asked", || (agent.questions().len() == hanging).then_some(()));
        session.client.abort();
        session.upstream.expect_end(Ending::Reset);
    }
    eventually("what hangs is given up", || (agent.open() == 0).then_some(()));
    let mut session = rig.open();
    session.pass(Side::Client, &frame(Side::Client, TEXT, b"x"));
    session.close();
    let metrics = rig.settled();
    let failures = metrics.sum("framegate_agent_failures_total", "");
    assert_eq!(failures, 0.0, "a client that leaves is no failure of an agent");
    let _records = rig.finish();
}

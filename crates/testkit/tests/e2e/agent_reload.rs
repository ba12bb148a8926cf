//! Another configuration of agents while sessions are open: nobody is dropped, a session goes on
//! asking whom it asked when it opened, and those that open later ask the others.

use serde_json::{Value, json};
use testkit::Side::{self, Client};
use testkit::agent::{Agent, Say, Version, allow, frame as decided};
use testkit::backend::Backend;
use testkit::folder::Folder;
use testkit::frame::{TEXT, frame};
use testkit::message::Message;
use testkit::rig::{Rig, Session};

use gate_server::Reloaded;

use crate::agents::{expect_closed, said};

/// A gateway whose only route asks the agent at this socket.
fn text(folder: &Folder, socket: &str, settings: &str) -> String {
    let path = folder.file(socket);
    format!(
        "agents {{ agent \"judge\" {{ unix-socket \"{}\"; {settings} }} }}\n{}",
        path.display(),
        route("agents \"judge\"")
    )
}

fn route(agents: &str) -> String {
    format!(
        "routes {{ route \"chat\" {{ upstream \"backend\"; {agents} }} }}\n\
         upstreams {{ upstream \"backend\" {{ target \"$0\" }} }}"
    )
}

const FRAMES: &str = "events \"websocket_frame\"";

#[track_caller]
fn reload(rig: &mut Rig, text: &str) {
    assert!(matches!(rig.reload(text), Ok(Reloaded::Changed { .. })));
}

fn message(text: &str) -> Vec<u8> {
    frame(Client, TEXT, text.as_bytes())
}

/// An agent that drops what has this word.
fn dropping(folder: &Folder, socket: &str, word: &'static str) -> Agent {
    Agent::start(Version::V1, &folder.file(socket), move |question| {
        let is_met = said(question).contains(word);
        decided(if is_met { json!("drop") } else { json!("allow") })
    })
}

/// The client's messages come out, but for the one that is dropped.
#[track_caller]
fn expect_dropped(session: &mut Session, dropped: &str, passed: &str) {
    session.client.send(&[message(dropped), message(passed)].concat());
    session.upstream.expect(&message(passed));
}

#[test]
fn an_agent_at_another_socket_is_asked_about_sessions_that_open_later() {
    let folder = Folder::new();
    let one = dropping(&folder, "one.sock", "one");
    let two = dropping(&folder, "two.sock", "two");
    let mut rig = Rig::from_kdl([Backend::default()], &text(&folder, "one.sock", FRAMES));
    let mut before = rig.open();
    expect_dropped(&mut before, "one", "two");
    reload(&mut rig, &text(&folder, "two.sock", FRAMES));
    let mut after = rig.open();
    expect_dropped(&mut after, "two", "one");
    expect_dropped(&mut before, "one", "two");
    for from in Side::BOTH {
        before.pass(from, &frame(from, TEXT, b"both ways"));
        after.pass(from, &frame(from, TEXT, b"both ways"));
    }
    assert_eq!((one.questions().len(), two.questions().len()), (6, 4));
    // Back again: the session that was opened meanwhile keeps its own, too.
    reload(&mut rig, &text(&folder, "one.sock", FRAMES));
    expect_dropped(&mut rig.open_with(&Message::upgrade("/"), |answer| answer), "one", "two");
    expect_dropped(&mut after, "two", "one");
    expect_dropped(&mut before, "one", "two");
    before.close();
    after.close();
    let _records = rig.stop();
}

#[test]
fn a_message_that_an_agent_is_asked_about_during_a_reload_has_its_answer() {
    let folder = Folder::new();
    let (speaks, may_speak) = std::sync::mpsc::channel::<()>();
    let may_speak = std::sync::Mutex::new(may_speak);
    let agent = Agent::start(Version::V1, &folder.file("one.sock"), move |_| {
        may_speak.lock().unwrap().recv().expect("the test goes on");
        allow()
    });
    let mut rig = Rig::from_kdl([Backend::default()], &text(&folder, "one.sock", FRAMES));
    let mut session = rig.open();
    session.client.send(&[message("asked about"), message("behind it")].concat());
    testkit::deadline::eventually("it is asked", || (agent.questions().len() == 1).then_some(()));
    reload(&mut rig, &route(""));
    speaks.send(()).unwrap();
    speaks.send(()).unwrap();
    session.upstream.expect(&[message("asked about"), message("behind it")].concat());
    assert_eq!((agent.questions().len(), agent.accepted()), (2, 1));
    session.close();
    let _records = rig.finish();
}

#[test]
fn another_failure_mode_holds_for_sessions_that_open_later() {
    let with = |folder: &Folder, mode: &str| {
        text(folder, "gone.sock", &format!("{FRAMES}; failure-mode \"{mode}\""))
    };
    let failed = (1011, "Inspection failed");
    for (first, second) in [("closed", "open"), ("open", "closed")] {
        let folder = Folder::new();
        let mut rig = Rig::from_kdl([Backend::default()], &with(&folder, first));
        let before = rig.open();
        reload(&mut rig, &with(&folder, second));
        for (mode, mut session) in [(second, rig.open()), (first, before)] {
            if mode == "open" {
                session.pass(Client, &message("passes"));
                session.close();
            } else {
                session.client.send(&message("does not pass"));
                expect_closed(&mut session, failed, failed);
            }
        }
        let metrics = rig.settled();
        assert_eq!(metrics.get("framegate_fail_open_total{agent=\"judge\"}"), 1.0);
        let _records = rig.finish();
    }
}

#[test]
fn a_session_goes_on_asking_an_agent_that_the_configuration_has_no_more() {
    let folder = Folder::new();
    let agent = dropping(&folder, "one.sock", "one");
    let mut rig = Rig::from_kdl([Backend::default()], &text(&folder, "one.sock", FRAMES));
    let mut before = rig.open();
    expect_dropped(&mut before, "one", "two");
    reload(&mut rig, &route(""));
    let mut after = rig.open();
    after.pass(Client, &message("one"));
    expect_dropped(&mut before, "one", "three");
    assert_eq!(agent.questions().len(), 4);
    // Also on another connection, once the agent has started again.
    drop(agent);
    let _agent = dropping(&folder, "one.sock", "one");
    expect_dropped(&mut before, "one", "four");
    before.close();
    after.close();
    let _records = rig.finish();
}

#[test]
fn an_agent_that_a_route_gains_is_asked_about_sessions_that_open_later() {
    let folder = Folder::new();
    let agent = dropping(&folder, "one.sock", "one");
    let mut rig = Rig::from_kdl([Backend::default()], &route(""));
    let mut before = rig.open();
    reload(&mut rig, &text(&folder, "one.sock", FRAMES));
    before.pass(Client, &message("one"));
    assert!(agent.questions().is_empty());
    let mut after = rig.open();
    expect_dropped(&mut after, "one", "two");
    before.close();
    after.close();
    let _records = rig.finish();
}

#[test]
fn requests_and_tokens_go_to_the_agents_that_the_session_began_with() {
    let folder = Folder::new();
    let blocking = |socket: &str| {
        Agent::start(Version::V1, &folder.file(socket), |question: &Value| {
            if question["payload"]["headers"]["authorization"].is_array() {
                Say::Answer(json!({ "decision": { "block": { "status": 403 } } }))
            } else {
                allow()
            }
        })
    };
    let (one, two) = (blocking("one.sock"), blocking("two.sock"));
    let mut rig = Rig::from_kdl([Backend::default()], &text(&folder, "one.sock", ""));
    let request = Message::upgrade("/socket.io/?EIO=4&transport=websocket");
    let mut session = rig.open_with(&request, |answer| answer);
    reload(&mut rig, &text(&folder, "two.sock", ""));
    session.pass(Client, &message("2"));
    session.client.send(&message("40{\"token\":\"t\"}"));
    let refused = (1008, "Policy Violation");
    expect_closed(&mut session, refused, refused);
    assert_eq!((one.questions().len(), two.questions().len()), (2, 0));
    drop(session);
    rig.open_with(&request, |answer| answer).close();
    assert_eq!((one.questions().len(), two.questions().len()), (2, 1));
    let _records = rig.finish();
}

//! `policies`, `connections-group` and `merge-slashes`: what a route changes of requests, which
//! routes count together, and which spellings of a path are one to them.

use serde_json::json;
use testkit::agent::{Agent, Say};
use testkit::backend::Backend;
use testkit::folder::Folder;
use testkit::message::Message;
use testkit::rig::{Rig, Session};

const REQUEST_HEADERS: &str = r#"
    policies { request-headers {
        remove "X-User" "X-Nobody"
        set { "X-Team" "blue"; "X-Forwarded-Proto" "https" }
        add { "X-Via" "gate" }
    } }"#;

fn asked(request: Message) -> Message {
    request
        .with("X-User", "eve")
        .with("x_user", "eve")
        .with("X-Team", "red")
        .with("x_team", "red")
        .with("X-Via", "client")
        .with("X-Else", "kept")
}

#[test]
fn fields_of_requests_are_removed_set_and_added_whatever_the_client_sends() {
    let text = format!(
        r#"routes {{ route "all" {{ upstream "backend"; {REQUEST_HEADERS} }} }}
        upstreams {{ upstream "backend" {{ target "$0" }} }}"#
    );
    let rig = Rig::from_kdl([Backend::default()], &text);
    let session = rig.open_with(&asked(Message::upgrade("/")), |answer| answer);
    let mut exchange = rig.ask(&asked(Message::get("/")));
    for head in [&session.request, &exchange.request] {
        for (name, expected) in [
            ("X-User", &[][..]),
            ("x_user", &[]),
            ("X-Team", &["blue"]),
            ("x_team", &[]),
            ("X-Forwarded-Proto", &["https"]),
            ("X-Via", &["client", "gate"]),
            ("X-Else", &["kept"]),
        ] {
            assert_eq!(head.all(name).collect::<Vec<_>>(), expected, "{name}");
        }
    }
    assert_eq!(exchange.answer(&Message::ok("")).status(), 200);
    drop(exchange);
    session.close();
    let _records = rig.finish();
}

#[test]
fn an_agent_sees_what_the_route_has_changed_and_may_say_more() {
    let folder = Folder::new();
    let answer = json!({
        "version": 1, "decision": "allow",
        "request_headers": [{"set": {"name": "X-User", "value": "ann"}}],
    });
    let agent = Agent::saying(&folder.file("auth"), Say::Answer(answer));
    let text = format!(
        r#"agents {{ agent "auth" {{ unix-socket "{}" }} }}
        routes {{ route "all" {{ upstream "backend"; agents "auth"; {REQUEST_HEADERS} }} }}
        upstreams {{ upstream "backend" {{ target "$0" }} }}"#,
        folder.file("auth").display()
    );
    let rig = Rig::from_kdl([Backend::default()], &text);
    let session = rig.open_with(&asked(Message::upgrade("/")), |answer| answer);
    assert_eq!(session.request.all("X-User").collect::<Vec<_>>(), ["ann"]);
    session.close();
    let questions = agent.questions();
    let [question] = &*questions else { panic!("one question: {questions:?}") };
    let headers = &question["payload"]["headers"];
    assert_eq!((&headers["x-user"], &headers["x-team"]), (&json!(null), &json!(["blue"])));
    let _records = rig.finish();
}

#[test]
fn routes_of_a_group_count_their_sessions_together_also_after_a_reload() {
    let text = |limit: u32| {
        format!(
            r#"routes {{
                route "one" {{ matches {{ path "/one" }}; upstream "backend"
                    websocket {{ max-connections {limit}; connections-group "both" }} }}
                route "two" {{ matches {{ path "/two" }}; upstream "backend"
                    websocket {{ max-connections {limit}; connections-group "both" }} }}
                route "else" {{ upstream "backend"; websocket {{ max-connections {limit} }} }}
            }}
            upstreams {{ upstream "backend" {{ target "$0" }} }}"#
        )
    };
    let mut rig = Rig::from_kdl([Backend::default()], &text(1));
    let open = |rig: &Rig, path: &str| rig.open_with(&Message::upgrade(path), |answer| answer);
    let first = open(&rig, "/one");
    expect_full(&rig, "/two");
    open(&rig, "/else").close();
    rig.reload(&text(2)).expect("it is right");
    let second = open(&rig, "/two");
    expect_full(&rig, "/one");
    [first, second].into_iter().for_each(Session::close);
    let _settled = rig.settled();
    open(&rig, "/two").close();
    assert_eq!(rig.finish().reasons("refused"), [("max_connections_route", 2)].into());
}

#[track_caller]
fn expect_full(rig: &Rig, path: &str) {
    let mut client = rig.send(&Message::upgrade(path).to_bytes());
    assert_eq!(client.read_head().status(), 101);
    assert_eq!(client.read_frame().close(), Some((1013, "Try Again Later")));
}

#[test]
fn with_merged_slashes_no_spelling_goes_round_a_route_and_the_upstream_gets_it_as_it_is() {
    let text = |merges: bool| {
        format!(
            r#"server {{ merge-slashes {merges} }}
            routes {{
                route "admin" {{ matches {{ path-prefix "/admin" }}; builtin-handler "not-found" }}
                route "all" {{ upstream "backend" }}
            }}
            upstreams {{ upstream "backend" {{ target "$0" }} }}"#
        )
    };
    for merges in [false, true] {
        let rig = Rig::from_kdl([Backend::default()], &text(merges));
        for path in ["//admin", "/%2Fadmin/x", "/a%2F..%2Fadmin"] {
            if merges {
                let mut client = rig.send(&Message::get(path).to_bytes());
                assert_eq!(client.read_head().status(), 404, "{path}");
                rig.backend().assert_not_dialled();
            } else {
                let mut exchange = rig.ask(&Message::get(path));
                assert_eq!(exchange.request.first_line, format!("GET {path} HTTP/1.1"));
                assert_eq!(exchange.answer(&Message::ok("")).status(), 200, "{path}");
            }
        }
        let mut exchange = rig.ask(&Message::get("/a%2Fb//c"));
        assert_eq!(exchange.request.first_line, "GET /a%2Fb//c HTTP/1.1");
        assert_eq!(exchange.answer(&Message::ok("")).status(), 200);
        drop(exchange);
        let _records = rig.finish();
    }
}

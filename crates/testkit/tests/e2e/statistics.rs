//! Figures in their three forms: the page of nginx's module, JSON, and Prometheus with the names
//! that Sentinel's dashboards ask for.

use std::time::Duration;

use serde_json::json;
use testkit::Side::{self, Client, Upstream};
use testkit::backend::Backend;
use testkit::deadline::eventually;
use testkit::frame::{BINARY, PING, TEXT, close, frame};
use testkit::message::Message;
use testkit::rig::Rig;

const CONFIG: &str = r#"
    routes {
        route "chat" { upstream "u" }
        route "stat" { priority 100; matches { path "/stat" }; builtin-handler "ws-stat" }
    }
    upstreams { upstream "u" { target "$0" } }
    observability { metrics { prefix "sentinel" } }"#;

fn stat(rig: &Rig, request: &Message) -> (Option<String>, String) {
    let mut client = rig.send(&request.to_bytes());
    let head = client.read_head();
    assert_eq!(head.status(), 200);
    let body = client.read_body(&head);
    (head.get("Content-Type").map(str::to_owned), String::from_utf8(body).expect("text"))
}

/// The frames that the module's own tests speak of: 3 of 13 bytes from the client, control frames
/// included, and 2 of 302 from the upstream.
fn pass_some(rig: &Rig) -> testkit::rig::Session {
    let mut session = rig.open();
    session.pass(Client, &frame(Client, TEXT, b"hello"));
    session.pass(Client, &frame(Client, PING, b"?!"));
    session.pass(Client, &frame(Client, BINARY, b"abcdef"));
    session.pass(Upstream, &frame(Upstream, BINARY, &[7; 300]));
    session.pass(Upstream, &frame(Upstream, PING, b"?!"));
    session
}

#[test]
fn the_page_of_the_module_has_its_form_and_the_right_figures() {
    let rig = Rig::from_kdl([Backend::default()], CONFIG);
    let none = "WebSocket connections: 0\n\
                client websocket frames  | client websocket payload | client tcp data\n\
                0 0 0\n\
                upstream websocket frames  | upstream websocket payload | upstream tcp data\n\
                0 0 0\n";
    assert_eq!(stat(&rig, &Message::get("/stat")), (Some("text/plain".to_owned()), none.to_owned()));
    let session = pass_some(&rig);
    // Masked frames have 6 bytes of header, those of the upstream 2 and 4.
    let some = none.replacen("connections: 0", "connections: 1", 1).replacen("0 0 0", "3 13 31", 1);
    let some = some.replacen("0 0 0", "2 302 308", 1);
    eventually("the page tells of both directions", || {
        (stat(&rig, &Message::get("/stat")).1 == some).then_some(())
    });
    session.close();
    eventually("the closes are counted: 2 bytes of payload in 8 and 4", || {
        let page = stat(&rig, &Message::get("/stat")).1;
        (page
            == some
                .replace("connections: 1", "connections: 0")
                .replace("3 13 31", "4 15 39")
                .replace("2 302 308", "3 304 312"))
        .then_some(())
    });
    let _records = rig.finish();
}

#[test]
fn json_is_for_who_asks_for_it() {
    let rig = Rig::from_kdl([Backend::default()], CONFIG);
    let session = pass_some(&rig);
    for (request, is_json) in [
        (Message::get("/stat?format=json"), true),
        (Message::get("/stat").with("Accept", "text/html, application/json;q=0.9"), true),
        (Message::get("/stat?format=text").with("Accept", "application/json"), false),
        (Message::get("/stat").with("Accept", "*/*"), false),
    ] {
        let (content_type, _) = stat(&rig, &request);
        let expected = if is_json { "application/json" } else { "text/plain" };
        assert_eq!(content_type.as_deref(), Some(expected), "{request:?}");
    }
    rig.await_metric("framegate_frames_total{from=\"upstream\",opcode=\"ping\"}", 1.0);
    let (_, text) = stat(&rig, &Message::get("/stat?format=json"));
    let figures: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(figures["connections"]["active"], 1);
    assert_eq!(figures["routes"]["chat"], json!({"active": 1, "opened": 1, "closed": 0}));
    let from_client = &figures["client"];
    assert_eq!(from_client["frames"], 3);
    assert_eq!((&from_client["payload_bytes"], &from_client["tcp_bytes"]), (&json!(13), &json!(31)));
    assert_eq!(from_client["messages"], json!({"text": 1, "binary": 1}));
    assert_eq!(from_client["opcodes"]["ping"], json!({"frames": 1, "payload_bytes": 2}));
    assert_eq!(figures["upstream"]["opcodes"]["binary"], json!({"frames": 1, "payload_bytes": 300}));
    session.close();
    let _records = rig.finish();
}

#[test]
fn the_names_of_sentinels_dashboards_are_on_the_page() {
    let rig = Rig::from_kdl([Backend::default()], CONFIG);
    let open = pass_some(&rig);
    for _ in 0..3 {
        rig.open().close();
    }
    rig.await_metric("sentinel_websocket_connections_active", 1.0);
    let metrics = rig.metrics();
    let messages = |labels: &str| metrics.get(&format!("sentinel_websocket_messages_total{{{labels}}}"));
    assert_eq!(messages("direction=\"c2s\",opcode=\"text\""), 1.0);
    assert_eq!(messages("direction=\"c2s\",opcode=\"binary\""), 1.0);
    assert_eq!(messages("direction=\"s2c\",opcode=\"text\""), 0.0);
    assert_eq!(messages("direction=\"s2c\",opcode=\"binary\""), 1.0);
    assert_eq!(metrics.get("sentinel_agent_ws_blocked_total"), 0.0);
    for prefix in ["sentinel_websocket", "framegate"] {
        let lived = |ending: &str| metrics.get(&format!("{prefix}_connection_duration_seconds{ending}"));
        assert_eq!(
            (lived("_count"), lived("_bucket{le=\"+Inf\"}"), lived("_bucket{le=\"60.0\"}")),
            (3.0, 3.0, 3.0)
        );
        assert!(lived("_sum") > 0.0 && lived("_sum") < 60.0);
    }
    for (family, value) in [("opened_total", 4.0), ("closed_total", 3.0), ("active", 1.0)] {
        assert_eq!(metrics.get(&format!("framegate_route_connections_{family}{{route=\"chat\"}}")), value);
    }
    open.close();
    let _records = rig.finish();
}

#[test]
fn the_prefix_is_the_operators_choice() {
    let rig = Rig::from_kdl([Backend::default()], &CONFIG.replace("\"sentinel\"", "\"edge_7\""));
    assert_eq!(rig.metrics().get("edge_7_websocket_connections_active"), 0.0);
    let _records = rig.finish();
    let rig = Rig::from_kdl([Backend::default()], &CONFIG.replace("\"sentinel\"", "\"\""));
    assert!(!rig.metrics().has("sentinel_websocket_connections_active"));
    assert!(!rig.metrics().has("_websocket_connections_active"));
    let _records = rig.finish();
}

#[test]
fn a_long_life_is_in_its_bucket() {
    let rig = Rig::from_kdl([Backend::default()], CONFIG);
    let mut session = rig.open();
    session.client.expect_silence(Duration::from_millis(120));
    for from in Side::BOTH {
        session.pass(from, &close(from, 1000, ""));
    }
    session.end();
    rig.await_metric("framegate_connection_duration_seconds_count", 1.0);
    let bucket =
        |bound| rig.metrics().get(&format!("framegate_connection_duration_seconds_bucket{{le=\"{bound}\"}}"));
    assert_eq!((bucket("0.1"), bucket("60.0")), (0.0, 1.0));
    let _records = rig.finish();
}

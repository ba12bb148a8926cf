//! JSON-RPC on the admin listener: the calls that OpenSIPS' tools make.

use serde_json::{Value, json};
use testkit::admin::{Operator, Reply};
use testkit::backend::Backend;
use testkit::records::assert_has;
use testkit::rig::Rig;

const CONFIG: &str = r#"
    admin { address "127.0.0.1:0" }
    routes { route "all" { upstream "u"; websocket { trace "homer" } } }
    traces { trace "homer" { address "127.0.0.1:9"; enabled false } }
    upstreams { upstream "u" { target "$0" } }"#;

fn rig(text: &str) -> Rig {
    Rig::from_kdl([Backend::default()], text)
}

fn call(operator: &Operator, method: &str, params: &Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": "7", "method": method, "params": params});
    let reply = operator.post("/mi", &body.to_string());
    assert_eq!(reply.status(), 200, "{reply:?}");
    let answer = reply.json();
    assert_has(&answer, &json!({"jsonrpc": "2.0", "id": "7"}));
    answer
}

#[test]
fn a_trace_is_switched_by_either_name_and_stays_so_through_reloads() {
    let mut rig = rig(CONFIG);
    let operator = rig.operator();
    let is = |method: &str| call(&operator, method, &json!([]))["result"].clone();
    assert_eq!(is("wss_trace"), json!({"WSS tracing": "off"}));
    assert_eq!(call(&operator, "wss:trace", &json!({"trace_mode": "on"}))["result"], "OK");
    assert_eq!(is("wss_trace"), json!({"WSS tracing": "on"}));
    assert_eq!(is("ws:trace"), json!({"WS tracing": "off"}));
    assert_eq!(call(&operator, "ws_trace", &json!(["Onwards"]))["result"], "OK");
    let reloaded = CONFIG.replace("127.0.0.1:9", "127.0.0.1:7");
    rig.reload(&reloaded).expect("it is in order");
    assert_eq!(is("ws_trace"), json!({"WS tracing": "on"}));
    assert_eq!(is("wss_trace"), json!({"WSS tracing": "on"}));
    assert_eq!(call(&operator, "wss_trace", &json!(["off"]))["result"], "OK");
    assert_eq!(is("wss_trace"), json!({"WSS tracing": "off"}));
    let renamed = reloaded.replace("\"homer\"", "\"sipcapture\"");
    rig.reload(&renamed).expect("it is in order");
    assert_eq!(is("ws_trace"), json!({"WS tracing": "off"}), "another name is another switch");
    rig.finish();
}

#[test]
fn a_configuration_that_is_refused_switches_nothing() {
    let mut rig = rig(CONFIG);
    let operator = rig.operator();
    call(&operator, "wss_trace", &json!(["on"]));
    let impossible = CONFIG
        .replace("\"homer\"", "\"other\"")
        .replace("upstreams {", "listeners { listener \"x\" { address \"192.0.2.1:9\" } }\nupstreams {");
    rig.reload(&impossible).expect_err("nobody has that address");
    assert_eq!(call(&operator, "wss_trace", &json!({}))["result"], json!({"WSS tracing": "on"}));
    rig.finish();
}

#[test]
fn calls_keep_to_the_rules_of_the_desk() {
    let token = "a-token-of-more-than-16";
    let text = CONFIG.replace("127.0.0.1:0\" }", &format!("127.0.0.1:0\"; token \"{token}\" }}"));
    let rig = rig(&text);
    let operator = rig.operator();
    let body = r#"{"jsonrpc":"2.0","method":"wss_trace","params":["on"]}"#;
    let ask = |host: &str, origin: Option<&str>, token: Option<&str>| {
        let mut request = Operator::request("POST", "/jsonrpc").sized(body).replace("Host", host);
        for (name, value) in [("Origin", origin), ("Authorization", token)] {
            if let Some(value) = value {
                request = request.with(name, value);
            }
        }
        operator.ask(&request).status()
    };
    let bearer = format!("Bearer {token}");
    assert_eq!(ask("localhost", None, None), 401);
    assert_eq!(ask("evil.example", None, Some(&bearer)), 421);
    assert_eq!(ask("localhost", Some("https://evil.example"), Some(&bearer)), 403);
    let of = |sent: Reply| sent.status();
    assert_eq!(of(operator.ask(&Operator::request("GET", "/mi").with("Authorization", &bearer))), 405);
    let status = r#"{"jsonrpc":"2.0","id":1,"method":"wss_trace"}"#;
    let asked = Operator::request("POST", "/jsonrpc").sized(status).with("Authorization", &bearer);
    assert_eq!(operator.ask(&asked).json()["result"], json!({"WSS tracing": "off"}), "nobody was let in");
    assert_eq!(ask("localhost", None, Some(&bearer)), 204, "a notification is not answered");
    assert_eq!(operator.ask(&asked).json()["result"], json!({"WSS tracing": "on"}));
    let records = rig.finish();
    let told = records.of("admin_request");
    assert!(told.iter().any(|record| record["detail"] == "wss_trace: \"OK\""), "{told:?}");
}

#[test]
fn what_is_no_call_is_told_so_and_changes_nothing() {
    let rig = rig(CONFIG);
    let operator = rig.operator();
    for (body, code) in [
        ("", -32700),
        ("{", -32700),
        ("[]", -32600),
        (r#"{"jsonrpc":"2.0","id":1}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"uptime"}"#, -32601),
        (r#"{"jsonrpc":"2.0","id":1,"method":"wss_trace","params":{"mode":"on"}}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"wss_trace","params":["on","on"]}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"wss_trace","params":["maybe"]}"#, 500),
    ] {
        let reply = operator.post("/jsonrpc", body);
        assert_eq!((reply.status(), &reply.json()["error"]["code"]), (200, &json!(code)), "{body}");
    }
    let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"wss_trace"},{"jsonrpc":"2.0","method":"wss_trace","params":["on"]},
        {"jsonrpc":"2.0","id":2,"method":"wss_trace"}]"#;
    let answers = operator.post("/jsonrpc", batch).json();
    let expected = json!([
        {"jsonrpc": "2.0", "id": 1, "result": {"WSS tracing": "off"}},
        {"jsonrpc": "2.0", "id": 2, "result": {"WSS tracing": "on"}},
    ]);
    assert_eq!(answers, expected);
    let large = operator.post("/jsonrpc", &" ".repeat(65 * 1024));
    assert_eq!(large.status(), 400);
    rig.finish();
}

#[test]
fn domains_of_tls_are_listed_as_they_run() {
    let mut rig = rig(CONFIG);
    let operator = rig.operator();
    let listed = |operator: &Operator| call(operator, "tls_list", &json!([]))["result"]["Domains"].clone();
    assert_eq!(listed(&operator), json!([]));
    let text = CONFIG.replace("target \"$0\"", "target \"wss://$0\"; tls { min-version \"1.3\" }");
    rig.reload(&text).expect("it is in order");
    let listed = listed(&operator);
    assert_has(
        &listed[0],
        &json!({"name": "u", "type": "TLS_DOMAIN_CLI", "METHOD": "TLSv1_3", "VERIFY_CERT": true}),
    );
    rig.stop();
}

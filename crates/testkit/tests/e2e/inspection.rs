//! Rules: what they stop, change or only tell of, on both sides, and how a reload changes them
//! under a live session.

use serde_json::json;
use testkit::Side::{self, Client, Upstream};
use testkit::backend::Backend;
use testkit::folder::Folder;
use testkit::frame::{PING, TEXT, close, frame};
use testkit::message::Message;
use testkit::peer::Ending;
use testkit::records::assert_has;
use testkit::rig::{Rig, Session};

use gate_server::Reloaded;

/// A gateway whose only route inspects so.
fn text(inspect: &str) -> String {
    format!(
        "routes {{ route \"all\" {{ upstream \"a\"; websocket {{ {inspect} }} }} }}\n\
         upstreams {{ upstream \"a\" {{ target \"$0\" }} }}"
    )
}

fn rig(inspect: &str) -> Rig {
    Rig::from_kdl(vec![Backend::default()], &text(inspect))
}

const TICKETS: &str = "pattern \"ticket\" \"TK-[0-9]{4}\"";

/// Both peers are told so, and answer.
#[track_caller]
fn expect_closed(session: &mut Session, code: u16, reason: &str) {
    for side in Side::BOTH {
        assert_eq!(session.peer(side).read_frame().close(), Some((code, reason)), "{side:?}");
    }
    for side in Side::BOTH {
        session.peer(side).send(&close(side, code, ""));
        session.peer(side).finish();
    }
    for side in Side::BOTH {
        session.peer(side).expect_end(Ending::Fin);
    }
}

#[test]
fn a_message_that_meets_a_rule_ends_the_session_and_goes_nowhere() {
    for from in Side::BOTH {
        let rig = rig(&format!("inspect {{ {TICKETS} }}"));
        let mut session = rig.open();
        session.pass(from, &frame(from, TEXT, b"{\"text\":\"nothing\"}"));
        session.peer(from).send(&frame(from, TEXT, b"{\"text\":\"\\u0054K-1234\"}"));
        expect_closed(&mut session, 1008, "message blocked");
        let metrics = rig.metrics();
        let of = format!("category=\"custom\",from=\"{}\",action=\"close\"", from.name());
        assert_eq!(metrics.get(&format!("framegate_findings_total{{{of}}}")), 1.0);
        assert_eq!(metrics.get("framegate_messages_judged_total{by=\"rules\",action=\"close\"}"), 1.0);
        assert_eq!(metrics.get("framegate_messages_blocked_total{route=\"all\"}"), 1.0);
        assert_eq!(metrics.get("sentinel_agent_ws_blocked_total"), 1.0);
        let records = rig.finish();
        let expected = json!({
            "route": "all", "from": from.name(), "message": 1, "opcode": "text", "by": "rules",
            "action": "close", "rule": "ticket", "category": "custom", "score": 5, "place": "/text",
        });
        assert_has(records.only("finding"), &expected);
        let record = records.of("close").into_iter().find(|record| record["reason"] == "finding");
        assert_has(record.expect("a record of it"), &json!({"by": from.name()}));
    }
}

#[test]
fn the_rules_that_are_built_in_are_on_unless_they_are_switched_off() {
    let attack = frame(Client, TEXT, b"{\"text\":\"<script>alert(document.cookie)</script>\"}");
    let rig = rig("inspect { close-code 4400; close-reason \"no\" }");
    let mut session = rig.open();
    session.client.send(&attack);
    expect_closed(&mut session, 4400, "no");
    let records = rig.finish();
    assert!(records.of("finding").iter().any(|record| record["category"] == "xss"));

    let rig = self::rig("inspect { xss false; template-injection false }");
    let mut session = rig.open();
    session.pass(Client, &attack);
    session.close();
    rig.finish();
}

#[test]
fn a_message_in_fragments_is_judged_whole_while_pings_overtake_it() {
    let rig = rig(&format!("inspect {{ {TICKETS} }}"));
    let mut session = rig.open();
    session.client.send(&[frame(Client, 0x01, b"TK-"), frame(Client, PING, b"1")].concat());
    session.upstream.expect(&frame(Client, PING, b"1"));
    session.client.send(&frame(Client, 0x80, b"1234"));
    expect_closed(&mut session, 1008, "message blocked");
    rig.finish();
}

#[test]
fn a_compressed_message_is_judged_by_what_it_says() {
    let rig = rig("inspect { pattern \"greeting\" \"Hello\" }");
    let agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    let request = Message::upgrade("/chat").with("Sec-WebSocket-Extensions", "permessage-deflate");
    let mut session = rig.open_with(&request, |answer| answer.with("Sec-WebSocket-Extensions", agreed));
    // "Hello", as RFC 7692 §7.2.3.1 prints it.
    session.client.send(&frame(Client, 0xc1, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]));
    expect_closed(&mut session, 1008, "message blocked");
    rig.finish();
}

#[test]
fn a_message_that_is_dropped_leaves_the_session_as_it_was() {
    for from in Side::BOTH {
        let rig = rig(&format!("inspect {{ {TICKETS}; on-match \"drop\" }}"));
        let mut session = rig.open();
        session.peer(from).send(&frame(from, TEXT, b"TK-1234"));
        session.pass(from, &frame(from, TEXT, b"the next"));
        session.pass(from.other(), &frame(from.other(), TEXT, b"the other way"));
        session.close();
        let records = rig.finish();
        assert_has(records.only("finding"), &json!({"action": "drop", "from": from.name()}));
    }
}

#[test]
fn what_is_redacted_goes_on_with_asterisks() {
    let rig = rig(&format!("inspect {{ {TICKETS}; on-match \"redact\"; redact pointer=\"/password\" }}"));
    let mut session = rig.open();
    session.client.send(&frame(Client, TEXT, b"{\"text\":\"my TK-1234\",\"password\":\"hunter2\"}"));
    let passed = session.upstream.read_frame();
    let payload = String::from_utf8(passed.payload).expect("text");
    let value: serde_json::Value = serde_json::from_str(&payload).expect("JSON");
    assert!(!payload.contains("TK-1234") && !payload.contains("hunter2"), "{payload}");
    assert!(value["text"].as_str().is_some_and(|text| text.starts_with("my *")), "{payload}");
    session.close();
    let records = rig.finish();
    assert_has(records.only("finding"), &json!({"action": "rewrite", "rule": "ticket"}));
}

#[test]
fn where_findings_are_only_detected_everything_passes_as_it_came() {
    let rig = rig(&format!("inspect {{ {TICKETS}; mode \"detect\" }}"));
    let mut session = rig.open();
    for from in Side::BOTH {
        session.pass(from, &frame(from, TEXT, b"TK-1234"));
    }
    let metrics = rig.metrics();
    assert_eq!(metrics.get("sentinel_agent_ws_blocked_total"), 0.0);
    assert_eq!(metrics.get("framegate_messages_judged_total{by=\"rules\",action=\"detect\"}"), 2.0);
    session.close();
    let records = rig.finish();
    assert_eq!(records.of("finding").len(), 2);
    for record in records.of("finding") {
        assert_has(record, &json!({"action": "detect", "rule": "ticket"}));
    }
}

#[test]
fn what_only_one_side_must_not_say_the_other_may() {
    for from in Side::BOTH {
        let rig = rig(&format!("inspect {{ {TICKETS}; direction \"{from}\" }}"));
        let mut session = rig.open();
        session.pass(from.other(), &frame(from.other(), TEXT, b"TK-1234"));
        session.peer(from).send(&frame(from, TEXT, b"TK-1234"));
        expect_closed(&mut session, 1008, "message blocked");
        rig.finish();
    }
}

#[test]
fn each_side_keeps_to_its_own_schema() {
    let folder = Folder::new();
    let asks = folder.write("asks.json", "{\"type\":\"object\",\"required\":[\"ask\"]}");
    let says = folder.write("says.json", "{\"type\":\"array\"}");
    let (asks, says) = (asks.display(), says.display());
    let inspect =
        format!("inspect {{ json-schema \"{asks}\"; json-schema \"{says}\" direction=\"upstream\" }}");
    for (from, bad, place) in [(Client, "{\"ask\":1,\"ask\":2}", ""), (Upstream, "{\"say\":1}", "")] {
        let rig = rig(&inspect);
        let mut session = rig.open();
        session.pass(Client, &frame(Client, TEXT, b"{\"ask\":\"who\"}"));
        session.pass(Upstream, &frame(Upstream, TEXT, b"[1,2]"));
        session.peer(from).send(&frame(from, TEXT, bad.as_bytes()));
        expect_closed(&mut session, 1008, "message blocked");
        let records = rig.finish();
        let expected = json!({"rule": "json-schema", "category": "json-schema", "place": place});
        assert_has(records.of("finding")[0], &expected);
    }
}

#[test]
fn a_reload_changes_the_rules_and_schemas_of_a_live_session() {
    let folder = Folder::new();
    let schema = folder.write("a.json", "{\"type\":\"object\"}");
    let with = |pattern: &str| {
        let schema = schema.display();
        text(&format!("inspect {{ on-match \"drop\"; {pattern} json-schema \"{schema}\" }}"))
    };
    let mut rig = Rig::from_kdl(vec![Backend::default()], &with(""));
    let mut session = rig.open();
    let (object, array) = (frame(Client, TEXT, b"{\"a\":\"TK-1234\"}"), frame(Client, TEXT, b"[1]"));
    let last = |number: u8| frame(Client, TEXT, format!("{{\"n\":{number}}}").as_bytes());
    session.client.send(&[array.clone(), object.clone(), last(1)].concat());
    session.upstream.expect(&[object.clone(), last(1)].concat());

    assert!(matches!(rig.reload(&with(&format!("{TICKETS};"))), Ok(Reloaded::Changed { .. })));
    session.client.send(&[object.clone(), last(2)].concat());
    session.upstream.expect(&last(2));

    // The same text, another schema.
    folder.write("a.json", "{\"type\":[\"object\",\"array\"]}");
    assert!(matches!(rig.reload(&with(&format!("{TICKETS};"))), Ok(Reloaded::Changed { .. })));
    session.client.send(&[object, array.clone(), last(3)].concat());
    session.upstream.expect(&[array, last(3)].concat());
    session.close();
    rig.finish();
}

#[test]
fn rules_of_a_reload_take_no_message_away_that_others_may_refer_to() {
    for action in ["on-match \"drop\"", "on-match \"redact\""] {
        let mut rig = rig(&format!("context-takeover true; inspect {{ {TICKETS} }}"));
        let deflate = |message: Message| message.with("Sec-WebSocket-Extensions", "permessage-deflate");
        let mut session = rig.open_with(&deflate(Message::upgrade("/chat")), deflate);
        session.pass(Client, &frame(Client, TEXT, b"one"));
        let reloaded = rig.reload(&text(&format!("inspect {{ {action}; {TICKETS} }}")));
        assert!(matches!(reloaded, Ok(Reloaded::Changed { .. })));
        session.client.send(&frame(Client, TEXT, b"TK-1234"));
        expect_closed(&mut session, 1008, "Policy Violation");
        rig.finish();
    }
}

#[test]
fn a_schema_that_is_none_is_an_objection_and_changes_nothing() {
    let folder = Folder::new();
    let schema = folder.write("a.json", "{\"type\":\"object\"}");
    let inspect = format!("inspect {{ on-match \"drop\"; json-schema \"{}\" }}", schema.display());
    let mut rig = rig(&inspect);
    let mut session = rig.open();
    folder.write("a.json", "{\n  \"properties\": { \"a\": { \"type\": \"text\" } }\n}");
    let objections = rig.reload(&text(&inspect)).unwrap_err();
    let message = &objections[0].message;
    assert!(message.contains("line 2, column 34, at /properties/a/type: "), "{message}");
    let missing = folder.file("none.json");
    let gone = format!("inspect {{ json-schema \"{}\" }}", missing.display());
    let objections = rig.reload(&text(&gone)).unwrap_err();
    assert!(objections[0].message.contains("none.json cannot be read"), "{objections:?}");
    let (array, object) = (frame(Client, TEXT, b"[1]"), frame(Client, TEXT, b"{\"a\":1}"));
    session.client.send(&[array, object.clone()].concat());
    session.upstream.expect(&object);
    session.close();
    rig.finish();
}

//! Which rules are asked, and how is told what they say.

use gate_core::Side;
use gate_inspect::{Kind, Pattern, Subject};

use super::*;

fn routes(text: &str) -> Vec<Route> {
    let text = format!(
        "listeners {{ listener \"l\" {{ address \"127.0.0.1:1\" }} }}\nroutes {{ {text} }}\n\
         upstreams {{ upstream \"u\" {{ target \"127.0.0.1:2\" }} }}"
    );
    gate_config::parse("test.kdl", &text).expect("it is right").config.routes
}

#[test]
fn a_route_is_found_by_its_name_or_by_being_the_only_one_with_rules() {
    let plain = "route \"plain\" { upstream \"u\" }";
    let chat = "route \"chat\" { upstream \"u\"; websocket { inspect { xss true } } }";
    let news = "route \"news\" { upstream \"u\"; websocket { inspect { xss true } } }";
    for (text, name, expected) in [
        (format!("{plain}; {chat}"), None, Ok("chat")),
        (format!("{plain}; {chat}"), Some("plain"), Ok("plain")),
        (format!("{chat}; {news}"), Some("news"), Ok("news")),
        (
            format!("{chat}; {news}"),
            None,
            Err("choose a route with --route NAME; with rules there are: chat, news"),
        ),
        (plain.to_owned(), None, Err("choose a route with --route NAME; with rules there are: none")),
        (chat.to_owned(), Some("x"), Err("there is no route x; with rules there are: chat")),
    ] {
        let routes = routes(&text);
        let found = route(&routes, name).map(|route| &*route.id);
        assert_eq!(found, expected.map_err(str::to_owned), "{text}");
    }
}

#[test]
fn a_finding_is_told_with_its_line_verdict_rule_and_place() {
    let patterns = vec![Pattern { id: "ticket".into(), regex: "TK-[0-9]+".into(), score: 5 }];
    let rules = Inspection::compile(Settings { patterns, ..Settings::default() }).expect("a pattern");
    let subject = Subject { from: Side::Client, kind: Kind::Text, payload: b"{\"a\":\"TK-1\"}" };
    let judgement = rules.judge(subject, &mut Scratch::default());
    let text = told(7, &judgement, Format::Text);
    assert!(text.starts_with("7: close ticket (custom, 5) at /a: "), "{text}");
    assert_eq!(text.lines().count(), 1);
    let value: serde_json::Value = serde_json::from_str(&told(7, &judgement, Format::Json)).expect("JSON");
    assert_eq!((&value["line"], &value["verdict"]), (&7.into(), &"close".into()));
    assert_eq!(value["findings"][0]["rule"], "ticket");
    assert_eq!(value["findings"][0]["place"], "/a");

    let mut tally = Tally::default();
    tally.count(&judgement);
    tally.count(&Judgement { verdict: Verdict::Allow, findings: judgement.findings });
    tally.count(&Judgement { verdict: Verdict::Allow, findings: Vec::new() });
    assert!(tally.told().starts_with("3 messages: 1 would end"), "{}", tally.told());
    assert_eq!(tally.detected, 1);
    let one = Tally { messages: 1, ..Tally::default() };
    assert!(one.told().starts_with("1 message: "), "{}", one.told());
}

//! Judgements on whole messages. What rules match is the detectors' to test: patterns stand for
//! them here.

use std::sync::Arc;

use gate_core::Side;
use ws_proto::CloseCode;

use super::*;
use crate::settings::{DecodeLimits, Pattern, Redaction, SchemaSource};

fn pattern(id: &str, regex: &str, score: u16) -> Pattern {
    Pattern { id: id.into(), regex: regex.into(), score }
}

/// Blocks `EVIL`.
fn settings() -> Settings {
    Settings { patterns: vec![pattern("evil", "EVIL", 5)], ..Settings::default() }
}

fn judge_from(settings: Settings, from: Side, kind: Kind, payload: &[u8]) -> Judgement {
    let inspection = Inspection::compile(settings).expect("settings that are right");
    inspection.judge(Subject { from, kind, payload }, &mut Scratch::default())
}

fn judge(settings: Settings, payload: &str) -> Judgement {
    judge_from(settings, Side::Client, Kind::Text, payload.as_bytes())
}

fn rules(judgement: &Judgement) -> Vec<&str> {
    judgement.findings.iter().map(|finding| finding.rule.as_str()).collect()
}

fn close() -> Verdict {
    Verdict::Close { code: CloseCode::POLICY_VIOLATION, reason: "message blocked".into() }
}

fn rewrite(payload: &str) -> Verdict {
    Verdict::Rewrite(payload.as_bytes().to_vec())
}

#[test]
fn a_finding_says_what_and_where() {
    let judgement = judge(settings(), r#"{"user":"ann","data":{"text":"an %45VIL\nword"}}"#);
    assert_eq!(judgement.verdict, close());
    let expected = Finding {
        rule: RuleId::Custom("evil".into()),
        category: Category::Custom,
        score: 5,
        place: "/data/text|percent".to_owned(),
        excerpt: r"an EVIL\nword".to_owned(),
    };
    assert_eq!(judgement.findings, [expected]);
}

#[test]
fn an_ordinary_message_is_allowed() {
    let messages = [
        r#"{"type":"message","id":"5f1c","text":"Hello, how are you? I'm fine — see you at 5 :-)"}"#,
        r#"42["chat",{"room":"a","text":"ok & thanks <3"}]"#,
        "ping",
        "",
        r#"[1,2,{"a":null}]"#,
    ];
    for message in messages {
        let allowed = Judgement { verdict: Verdict::Allow, findings: Vec::new() };
        assert_eq!(judge(settings(), message), allowed, "{message}");
    }
}

#[test]
fn scores_of_one_place_and_category_add_up_to_the_threshold() {
    let weak = Settings {
        patterns: vec![pattern("a", "aa", 2), pattern("b", "bb", 3), pattern("c", "cc", 4)],
        ..Settings::default()
    };
    let cases: &[(&str, &[&str])] = &[
        ("aa", &[]),
        ("aa aa aa", &[]),
        ("aa bb", &["a", "b"]),
        ("%61a bb", &["a", "b"]),
        (r#"["aa","bb"]"#, &[]),
        (r#"["aa","bb cc"]"#, &["b", "c"]),
        (r#"{"aa":"bb"}"#, &[]),
    ];
    for (message, expected) in cases {
        assert_eq!(rules(&judge(weak.clone(), message)), *expected, "{message}");
    }
    let strict = Settings { threshold: 2, ..weak };
    assert_eq!(rules(&judge(strict, "aa")), ["a"]);
}

#[test]
fn exceptions_and_categories_that_are_off_do_not_count() {
    let deep = "%2525252525253C";
    assert_eq!(rules(&judge(settings(), deep)), ["evasion-depth"]);
    let excepted = |id: &str| Settings { exceptions: vec![Arc::from(id)], ..settings() };
    assert_eq!(rules(&judge(excepted("evasion-depth"), deep)), [""; 0]);
    assert_eq!(rules(&judge(excepted("evil"), "EVIL")), [""; 0]);
    let without = |category| Settings { categories: Categories::ALL.without(category), ..settings() };
    assert_eq!(rules(&judge(without(Category::Evasion), deep)), [""; 0]);
    assert_eq!(rules(&judge(without(Category::Custom), "EVIL")), [""; 0]);
}

#[test]
fn what_cannot_be_looked_through_counts_whatever_the_threshold() {
    let limits = DecodeLimits { nesting: 2, ..DecodeLimits::default() };
    let settings = Settings { threshold: 100, limits, ..settings() };
    let judgement = judge(settings, "[[[]]]");
    assert_eq!((rules(&judgement), &judgement.verdict), (vec!["evasion-nesting"], &close()));
}

#[test]
fn only_the_chosen_direction_is_looked_at() {
    let settings = Settings { directions: Directions::UPSTREAM, ..settings() };
    assert_eq!(judge_from(settings.clone(), Side::Client, Kind::Text, b"EVIL").verdict, Verdict::Allow);
    assert_eq!(judge_from(settings, Side::Upstream, Kind::Text, b"EVIL").verdict, close());
}

#[test]
fn patterns_see_the_message_as_it_stands_too() {
    let typed = Settings { patterns: vec![pattern("typed", r#""type":"x""#, 5)], ..Settings::default() };
    assert_eq!(rules(&judge(typed.clone(), r#"{"type":"x"}"#)), ["typed"]);
    let redact = Settings { on_match: OnMatch::Redact, ..typed };
    assert_eq!(judge(redact, r#"{"type":"x"}"#).verdict, Verdict::Drop);
}

#[test]
fn every_way_to_write_a_word_is_seen_through() {
    let ways: &[&[u8]] = &[
        b"EVIL",
        br#"{"a":"\u0045VIL"}"#,
        br#"{"EVIL":1}"#,
        br#"{"a":1,"a":"EVIL"}"#,
        br#"{"a":"{\"b\":\"\\u0045VIL\"}"}"#,
        br#"42["x","\u0045VIL"]"#,
        br#"451-["x","\u0045VIL"]"#,
        br#"42/ns,["\u0045VIL"]"#,
        b"{}\x1e[\"\\u0045VIL\"]\x1e",
        br#"a["[\"\\u0045VIL\"]"]"#,
        b"%45VIL",
        b"%2545VIL",
        b"%u0045VIL",
        b"&#69;VIL",
        b"&#x45VIL",
        br"\x45VIL",
        br"\105VIL",
        b"RVZJTCBFVklM",
        b"see RVZJTCBFVklM there",
        b"4556494c204556494c",
        "\u{ff25}VIL".as_bytes(),
        "E\u{200b}VIL".as_bytes(),
        b"E\0V\0I\0L\0",
        b"?a=b&c=%45VIL",
        b"{\"a\":\"EVIL\"",
        b"\x82\x01\xa6EVIL!!\xff\xff\xff",
    ];
    for message in ways {
        for kind in [Kind::Text, Kind::Binary, Kind::Control] {
            let judgement = judge_from(settings(), Side::Client, kind, message);
            // Only bytes are no text, and they are looked at as such in binary messages alone.
            if kind == Kind::Text && std::str::from_utf8(message).is_err() {
                continue;
            }
            assert_eq!(judgement.verdict, close(), "{} as {kind:?}", message.escape_ascii());
        }
    }
}

#[test]
fn each_consequence_is_drawn() {
    let with = |mode, on_match| Settings { mode, on_match, ..settings() };
    let message = r#"{"a":"an EVIL word","b":"EVIL"}"#;
    let cases = [
        (Mode::Detect, OnMatch::Close, Verdict::Allow),
        (Mode::Block, OnMatch::Close, close()),
        (Mode::Block, OnMatch::Drop, Verdict::Drop),
        (Mode::Block, OnMatch::Redact, rewrite(r#"{"a":"an *** word","b":"***"}"#)),
    ];
    for (mode, on_match, verdict) in cases {
        let judgement = judge(with(mode, on_match), message);
        assert_eq!((judgement.verdict, judgement.findings.len()), (verdict, 2));
    }
    let settings = Settings { code: CloseCode::new(4000).unwrap(), reason: "no".into(), ..settings() };
    let expected = Verdict::Close { code: CloseCode::new(4000).unwrap(), reason: "no".into() };
    assert_eq!(judge(settings, "EVIL").verdict, expected);
}

#[test]
fn what_met_a_rule_is_blackened_or_the_message_dropped() {
    let settings = Settings { on_match: OnMatch::Redact, ..settings() };
    let cases = [
        ("so EVIL!", rewrite("so ***!")),
        (r#"{"a":"x\u0045VI\u004cy"}"#, rewrite(r#"{"a":"x***y"}"#)),
        (r#"{"EVIL":1}"#, rewrite(r#"{"***":1}"#)),
        (r#"["EVIL","EVIL"]"#, rewrite(r#"["***","***"]"#)),
        // The rest of the string is still evil, so all of it goes.
        (r#"["EVIL and EVIL", "ok"]"#, rewrite(r#"["***", "ok"]"#)),
        (r#"42["say","EVIL"]"#, rewrite(r#"42["say","***"]"#)),
        (r#"{"a":"%45VIL"}"#, Verdict::Drop),
        (r#"{"a":"[\"EVIL\"]"}"#, Verdict::Drop),
        ("%2525252525253C", Verdict::Drop),
    ];
    for (message, verdict) in cases {
        assert_eq!(judge(settings.clone(), message).verdict, verdict, "{message}");
    }
    let ping = judge_from(settings.clone(), Side::Client, Kind::Control, b"EVIL");
    assert_eq!(ping.verdict, Verdict::Drop);
    let binary = judge_from(settings, Side::Client, Kind::Binary, b"\x01\x02\xff\xaaEVIL words\xff\xff\xff");
    assert_eq!(binary.verdict, Verdict::Rewrite(b"\x01\x02\xff\xaa**** words\xff\xff\xff".to_vec()));
}

#[test]
fn redactions_are_made_in_every_message_and_mode() {
    let redactions = vec![Redaction::Pointer("/card".into()), Redaction::Pattern(r"\d{4}-\d{4}".into())];
    let settings = Settings { redactions, directions: Directions::CLIENT, ..settings() };
    let message = r#"{"card":4111,"text":"my 1234-5678"}"#;
    let expected = rewrite(r#"{"card":"***","text":"my ***"}"#);
    for (mode, from) in [(Mode::Block, Side::Client), (Mode::Detect, Side::Upstream)] {
        let judgement =
            judge_from(Settings { mode, ..settings.clone() }, from, Kind::Text, message.as_bytes());
        assert_eq!(judgement, Judgement { verdict: expected.clone(), findings: Vec::new() });
    }
    let redact = Settings { on_match: OnMatch::Redact, ..settings.clone() };
    let judgement = judge(redact, r#"{"card":4111,"text":"EVIL 1234-5678"}"#);
    assert_eq!(judgement.verdict, rewrite(r#"{"card":"***","text":"*** ***"}"#));
    assert_eq!(judgement.findings[0].excerpt, "EVIL ***");
    assert_eq!(judge(settings, r#"{"card":"EVIL"}"#).findings[0].excerpt, "***");
}

#[test]
fn excerpts_have_no_secrets() {
    let cases = [
        (r#"40{"token":"EVIL"}"#, "***"),
        (r#"40/admin,{"x":{"y":"EVIL"}}"#, "***"),
        (r#"{"user":{"password":"EVIL"}}"#, "***"),
        (r#"{"user":{"password EVIL":"x"}}"#, "password EVIL"),
        (r#"{"auth":["{\"a\":\"EVIL\"}"]}"#, "***"),
        (r#"40{"a":"EV","b":"IL"}"#, "***"),
        ("password=EVIL", "password=***"),
        ("password=RVZJTCBFVklM", "***"),
        ("token=x; EVIL", "token=***; EVIL"),
        ("a \u{1b}[31mEVIL\r\n", r"a \u{1b}[31mEVIL\r\n"),
    ];
    for (message, excerpt) in cases {
        let patterns = vec![pattern("evil", "EVIL", 5), pattern("spread", r#"EV.*"IL"#, 5)];
        let judgement = judge(Settings { patterns, ..Settings::default() }, message);
        assert_eq!(judgement.findings.first().map(|finding| &*finding.excerpt), Some(excerpt), "{message}");
    }
}

#[test]
fn a_message_that_breaks_its_schema_is_a_finding() {
    let text = r#"{"type":"object","required":["a"]}"#;
    let schemas = vec![SchemaSource { text: text.into(), directions: Directions::CLIENT }];
    let settings =
        Settings { schemas, threshold: 9, directions: Directions::UPSTREAM, ..Settings::default() };
    let broken = judge(settings.clone(), r#"{"b":1}"#);
    assert_eq!((rules(&broken), &broken.verdict), (vec!["json-schema"], &close()));
    assert!(broken.findings[0].excerpt.contains('a'), "{:?}", broken.findings);
    assert_eq!(judge(settings.clone(), "no JSON").verdict, close());
    assert_eq!(judge(settings.clone(), r#"{"a":1}"#).verdict, Verdict::Allow);
    assert_eq!(judge_from(settings.clone(), Side::Upstream, Kind::Text, b"{}").verdict, Verdict::Allow);
    assert_eq!(judge_from(settings.clone(), Side::Client, Kind::Control, b"{}").verdict, Verdict::Allow);
    let redact = Settings { on_match: OnMatch::Redact, ..settings.clone() };
    assert_eq!(judge(redact, "{}").verdict, Verdict::Drop);
    let excepted = Settings { exceptions: vec!["json-schema".into()], ..settings };
    assert_eq!(judge(excepted, "{}").verdict, Verdict::Allow);
}

#[test]
fn all_that_is_wrong_with_settings_is_told() {
    let settings = Settings {
        patterns: vec![pattern("a", "(", 5)],
        exceptions: vec!["no-such-rule".into(), "a".into(), "json-schema".into()],
        redactions: vec![Redaction::Pointer("a".into())],
        schemas: vec![SchemaSource { text: "{".into(), directions: Directions::CLIENT }],
        ..Settings::default()
    };
    let faults = Inspection::compile(settings).expect_err("four mistakes");
    assert_eq!(faults.len(), 4, "{faults:?}");
}

#[test]
fn findings_are_bounded_in_number() {
    let message = format!("[{}\"EVIL\"]", (0..1000).map(|n| format!("\"EVIL {n}\",")).collect::<String>());
    let judgement = judge(settings(), &message);
    assert_eq!((judgement.findings.len(), judgement.verdict), (FINDINGS_MAX, close()));
}

#[test]
fn a_scratch_keeps_nothing_between_two_messages() {
    let inspection = Inspection::compile(settings()).unwrap();
    let mut scratch = Scratch::default();
    let messages = ["EVIL", "fine", r#"{"a":"%45VIL"}"#, r#"{"a":"b"}"#, "", "EVIL"];
    for payload in messages {
        let subject = Subject { from: Side::Client, kind: Kind::Text, payload: payload.as_bytes() };
        assert_eq!(
            inspection.judge(subject, &mut scratch),
            inspection.judge(subject, &mut Scratch::default())
        );
    }
}

#[test]
fn rules_have_ids_of_their_own() {
    let mut ids: Vec<_> = detect::RULES.iter().flat_map(|rules| rules.iter().map(|rule| rule.id)).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[test]
fn a_binary_packet_of_either_version_of_engine_io_is_read() {
    for packet in ["bRVZJTCBpbiBoZXJl", "b4RVZJTCBpbiBoZXJl", "b4RVZJTCBpbiBoZXJlIQ=="] {
        assert_eq!(judge(settings(), packet).verdict, close(), "{packet}");
    }
}

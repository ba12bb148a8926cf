//! What it costs to look through a message: nanoseconds for each of some ordinary ones and some
//! attacks. `cargo run --release -p gate-inspect --example inspection_cost`; an argument chooses those
//! with it in their names.

use std::hint::black_box;
use std::time::Duration;

use gate_core::Side;
use gate_inspect::{Inspection, Kind, Scratch, Settings, Subject};

/// How long each message is looked at, in all.
const LONG: Duration = Duration::from_millis(200);
/// The fastest of so many rounds counts: the others had company. They are short, so that some of
/// them have the processor to themselves.
const ROUNDS: u32 = 200;

#[expect(clippy::print_stdout, reason = "printing is what it is for")]
fn main() {
    let inspection = Inspection::compile(Settings::default()).expect("the defaults are right");
    let mut scratch = Scratch::default();
    println!("{:>9} {:>9} {:>9}  message", "bytes", "ns", "findings");
    let chosen = std::env::args().nth(1).unwrap_or_default();
    for (name, payload) in messages().into_iter().filter(|(name, _)| name.contains(&chosen)) {
        let subject = Subject { from: Side::Client, kind: Kind::Text, payload: payload.as_bytes() };
        let findings = inspection.judge(subject, &mut scratch).findings.len();
        let nanoseconds = fastest(|| {
            black_box(inspection.judge(black_box(subject), &mut scratch));
        });
        println!("{:>9} {nanoseconds:>9} {findings:>9}  {name}", payload.len());
    }
}

#[expect(clippy::disallowed_methods, reason = "it measures time, and nothing else does here")]
fn fastest(mut work: impl FnMut()) -> u128 {
    let mut repetitions = 1_u32;
    let mut time = |repetitions: u32| {
        let start = std::time::Instant::now();
        (0..repetitions).for_each(|_| work());
        start.elapsed()
    };
    while time(repetitions) < LONG / ROUNDS {
        repetitions *= 2;
    }
    let rounds = (0..ROUNDS).map(|_| time(repetitions).as_nanos() / u128::from(repetitions));
    rounds.min().unwrap_or_default()
}

/// With the line ends of SIP.
fn sip(lines: &str) -> String {
    lines.replace('\n', "\r\n")
}

/// A request as `bench/sip` sends it: its body fills it up to 600 bytes.
fn request() -> String {
    let head = "MESSAGE sip:bob@sip.example.test SIP/2.0\r\n\
        Via: SIP/2.0/WS h00017.invalid;branch=z9hG4bKMESSAGE0000012345\r\n\
        Max-Forwards: 70\r\n\
        From: <sip:user00017@sip.example.test>;tag=t000170000012345\r\n\
        To: <sip:bob@sip.example.test>\r\n\
        Call-ID: 00017-0000012345@wsrig\r\n\
        CSeq: 1 MESSAGE\r\n\
        Contact: <sip:user00017@h00017.invalid;transport=ws>\r\n\
        Supported: outbound, path, gruu\r\n\
        User-Agent: wsrig\r\n\
        Content-Type: text/plain\r\n\
        Content-Length: 160\r\n\r\n";
    format!("{head:x<600}")
}

fn messages() -> Vec<(&'static str, String)> {
    let words = "The meeting moves to Thursday, room four; bring the figures if you have them. ";
    let own = |name, text: &str| (name, text.to_owned());
    vec![
        own("ping", r#"{"type":"ping"}"#),
        own("position", r#"{"op":"move","id":8812,"x":120.5,"y":-33.25,"z":4,"t":1731234567890}"#),
        own(
            "chat",
            r#"{"type":"message","id":"5f1c8a52-7c3e-4f0b-9a1d-0d6f3b2e9c11","room":"general","user":{"name":"ann","role":"member"},"text":"Hello, how are you? I'm late, see you at five in the usual place","sentAt":"2026-01-15T10:20:30.123Z","mentions":["bob","carol"]}"#,
        ),
        own(
            "Socket.IO",
            r#"42["chat message",{"room":"general","text":"ok, thanks - talk later","ts":1731234567}]"#,
        ),
        own(
            "JSON-RPC",
            r#"{"jsonrpc":"2.0","id":83,"method":"eth_getBlockByNumber","params":["0x1b4",true]}"#,
        ),
        own(
            "GraphQL",
            r#"{"id":"1","type":"subscribe","payload":{"query":"subscription ($room: ID!) { messageAdded(room: $room) { id text author { name } } }","variables":{"room":"42"}}}"#,
        ),
        ("prose, 4 KiB", format!(r#"{{"text":"{}"}}"#, words.repeat(52))),
        (
            "list of 1,000 objects",
            format!("[{}]", vec![r#"{"id":17,"name":"a name","on":true}"#; 1000].join(",")),
        ),
        (
            "picture in base64, 64 KiB",
            format!(
                r#"{{"image":"data:image/png;base64,{}"}}"#,
                "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB".repeat(2048)
            ),
        ),
        ("SIP, request of 600 bytes", request()),
        ("SIP, REGISTER of a phone", sip(include_str!("../tests/sip/register-jssip.sip"))),
        ("SIP, INVITE with SDP", sip(include_str!("../tests/sip/invite-chrome.sip"))),
        ("SIP, INVITE of a trunk", sip(include_str!("../tests/sip/invite-trunk.sip"))),
        ("SIP, 200 with SDP", sip(include_str!("../tests/sip/ok-firefox.sip"))),
        ("SIP, MESSAGE", sip(include_str!("../tests/sip/message-plain.sip"))),
        (
            "SIP, XSS in a Subject",
            request().replace("Supported:", "Subject: <img src=x onerror=alert(1)>\r\nSupported:"),
        ),
        own("XSS", r#"{"text":"<img src=x onerror=alert(1)>"}"#),
        own("XSS, percent twice", r#"{"text":"%253Cimg src=x onerror=alert(1)%253E"}"#),
        own("SQL", r#"{"text":"1' or '1'='1' -- "}"#),
        ("brackets, 1 MiB", "[".repeat(1 << 20)),
        (r"\u0041, 1 MiB", format!(r#"["{}"]"#, r"\u0041".repeat((1 << 20) / 6))),
        ("%25, 1 MiB", "%25".repeat((1 << 20) / 3)),
        ("&#, 1 MiB", "&#".repeat(1 << 19)),
        (
            "strings, 1 MiB",
            format!("[{}]", (0..130_000).map(|n| format!("\"{n:04}\"")).collect::<Vec<_>>().join(",")),
        ),
    ]
}

//! Events and what they are answered, without a socket.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use agent_proto::{
    Answer, Configure, Decision, Event, Json, Opcode, Payload, RequestComplete, RequestHeaders,
    WebSocketDecision, WebSocketFrame,
};
use clap::Parser;
use gate_inspect::Scratch;

use super::Inspector;
use crate::agent::AgentError;
use crate::cli::agent::InspectorCli;

const XSS: &str = r#"{"message": "<script>alert(1)</script>"}"#;

/// An agent and the time that it sees.
struct Desk {
    inspector: Inspector,
    now: Instant,
    index: u64,
}

#[expect(clippy::disallowed_methods, reason = "virtual time begins somewhere; it passes by hand")]
fn try_start(flags: &str) -> Result<Desk, AgentError> {
    let words = std::iter::once("agent").chain(flags.split_whitespace());
    let args = InspectorCli::try_parse_from(words).expect("flags").args;
    let now = Instant::now();
    Ok(Desk { inspector: Inspector::new(args, now)?, now, index: 0 })
}

fn start(flags: &str) -> Desk {
    try_start(flags).expect("flags that can be used")
}

impl Desk {
    fn ask(&self, event: &Event<'_>) -> Answer {
        self.inspector.answer(event, &mut Scratch::default(), self.now)
    }

    fn frame(&mut self, change: impl FnOnce(&mut WebSocketFrame<'_>)) -> Said {
        let mut frame = WebSocketFrame {
            correlation_id: "c-1".into(),
            opcode: Opcode::Text,
            data: Payload::Bytes(Cow::Borrowed(b"hello")),
            client_to_server: true,
            frame_index: self.index,
            fin: true,
            route_id: None,
            client_ip: "203.0.113.9".into(),
        };
        self.index += 1;
        change(&mut frame);
        let answer = self.ask(&Event::WebSocketFrame(frame));
        assert_eq!(answer.decision, Decision::Allow, "it is about the frame, not the request");
        Said { answer }
    }

    fn text(&mut self, text: &str) -> Said {
        self.data(Opcode::Text, true, text.as_bytes())
    }

    fn data(&mut self, opcode: Opcode, fin: bool, payload: &[u8]) -> Said {
        self.frame(|frame| {
            (frame.opcode, frame.fin) = (opcode, fin);
            frame.data = Payload::Bytes(Cow::Owned(payload.to_vec()));
        })
    }

    fn configure(&self, text: &str) -> Answer {
        let config = Json::parse(text).expect("JSON");
        self.ask(&Event::Configure(Configure { config, ..Configure::default() }))
    }
}

/// What was answered to a frame.
struct Said {
    answer: Answer,
}

impl Said {
    /// `allow`, `drop` or the code of a Close.
    fn what(&self) -> String {
        match self.answer.websocket_decision.as_ref().expect("a frame gets a decision") {
            WebSocketDecision::Allow => "allow".to_owned(),
            WebSocketDecision::Drop => "drop".to_owned(),
            WebSocketDecision::Close { code, .. } => code.to_string(),
        }
    }

    fn tags(&self) -> Vec<&str> {
        self.answer.audit.tags.iter().map(String::as_str).collect()
    }

    fn reasons(&self) -> Vec<&str> {
        self.answer.audit.reason_codes.iter().map(String::as_str).collect()
    }

    #[track_caller]
    fn is(&self, what: &str, tags: &[&str]) {
        assert_eq!((&*self.what(), &*self.tags()), (what, tags), "{:?}", self.answer);
    }
}

#[test]
fn an_attack_closes_the_connection_and_what_is_none_passes() {
    let mut desk = start("");
    desk.text(r#"{"type":"ping"}"#).is("allow", &[]);
    let said = desk.text(XSS);
    said.is("1008", &["ws-xss"]);
    assert!(said.answer.audit.rule_ids.iter().any(|rule| rule.starts_with("xss-")), "{:?}", said.answer);
    assert_eq!(desk.text("1' UNION SELECT password FROM users--").what(), "1008");
    assert_eq!(desk.text("; cat /etc/passwd").what(), "1008");
    assert_eq!(desk.text("../../../../etc/passwd").what(), "1008");
}

#[test]
fn what_follows_from_an_attack_can_be_chosen() {
    start("--on-match drop").text(XSS).is("drop", &["ws-xss"]);
    start("--block-mode false").text(XSS).is("allow", &["ws-xss", "detect-only"]);
    start("--xss-detection false").text(XSS).is("allow", &[]);
}

#[test]
fn an_attack_hides_neither_in_pieces_nor_in_escapes_nor_in_opcodes() {
    let mut desk = start("");
    desk.text(r#"{"m":"\u003cscript\u003ealert(1)\u003c/script\u003e"}"#).is("1008", &["ws-xss"]);
    desk.data(Opcode::Text, false, b"{\"m\":\"<scr").is("allow", &[]);
    desk.data(Opcode::Ping, true, b"").is("allow", &[]);
    desk.data(Opcode::Continuation, false, b"ipt>alert").is("allow", &[]);
    desk.data(Opcode::Continuation, true, b"(1)</script>\"}").is("1008", &["ws-xss"]);
    desk.data(Opcode::Binary, true, XSS.as_bytes()).is("1008", &["ws-xss"]);
    desk.data(Opcode::Ping, true, b"<script>alert(1)</script>").is("1008", &["ws-xss"]);
    desk.data(Opcode::Close, true, b"\x03\xe8<script>alert(1)</script>").is("1008", &["ws-xss"]);
    desk.frame(|frame| {
        frame.client_to_server = false;
        frame.data = Payload::Bytes(Cow::Borrowed(XSS.as_bytes()));
    })
    .is("1008", &["ws-xss"]);
    start("--inspect-binary false").data(Opcode::Binary, true, XSS.as_bytes()).is("allow", &[]);
}

#[test]
fn a_close_and_a_piece_of_a_message_are_never_dropped() {
    let mut desk = start("--on-match drop");
    desk.data(Opcode::Close, true, b"\x03\xe8<script>alert(1)</script>").is("1008", &["ws-xss"]);
    desk.data(Opcode::Text, false, XSS.as_bytes()).is("1008", &["ws-xss"]);
    desk.data(Opcode::Continuation, true, b"x").is("1008", &["ws-xss"]);
}

#[test]
fn a_piece_whose_beginning_is_not_known_does_not_pass_unless_that_is_wanted() {
    let said = start("").data(Opcode::Continuation, true, b"hi");
    said.is("1008", &["ws-error"]);
    assert_eq!(said.reasons(), ["no-beginning"]);
    start("--fail-open").data(Opcode::Continuation, true, b"hi").is("allow", &[]);
    start("--fail-open").data(Opcode::Continuation, true, XSS.as_bytes()).is("1008", &["ws-xss"]);
}

#[test]
fn what_is_not_base64_is_dropped_unless_it_may_pass() {
    let undecodable = |frame: &mut WebSocketFrame<'_>| frame.data = Payload::Undecodable;
    let said = start("").frame(undecodable);
    said.is("drop", &["ws-error"]);
    assert_eq!(said.reasons(), ["decode-error"]);
    start("--fail-open").frame(undecodable).is("allow", &["fail-open"]);
    start("--block-mode=false").frame(undecodable).is("allow", &["ws-error", "detect-only"]);
}

#[test]
fn text_that_is_not_utf_8_does_not_pass() {
    let mut desk = start("");
    desk.data(Opcode::Text, true, b"\xff<script>alert(1)</script>").is("1008", &["ws-xss"]);
    desk.data(Opcode::Text, true, b"caf\xe9").is("1007", &["ws-error"]);
    desk.data(Opcode::Text, false, b"caf\xc3").is("allow", &[]);
    desk.data(Opcode::Continuation, true, b"\xa9").is("allow", &[]);
}

#[test]
fn sizes_are_limited() {
    let (full, above) = ("a".repeat(1_048_576), "a".repeat(1_048_577));
    let mut desk = start("");
    desk.text(&full).is("allow", &[]);
    let said = desk.text(&above);
    said.is("1009", &["ws-size-limit"]);
    let close = WebSocketDecision::Close { code: 1009, reason: "Message too large".to_owned() };
    assert_eq!(said.answer.websocket_decision, Some(close));
    desk.data(Opcode::Text, false, full.as_bytes()).is("allow", &[]);
    desk.data(Opcode::Continuation, true, b"a").is("1009", &["ws-size-limit"]);
    start("--max-message-size 0").text(&above).is("allow", &[]);
    start("--block-mode false").text(&above).is("allow", &["ws-size-limit", "detect-only"]);

    let mut desk = start("--max-text-frame-size 3 --max-binary-frame-size 5");
    desk.text("abc").is("allow", &[]);
    desk.text("abcd").is("1009", &["ws-size-limit"]);
    desk.data(Opcode::Binary, true, b"abcd").is("allow", &[]);
    desk.data(Opcode::Binary, true, b"abcdef").is("1009", &["ws-size-limit"]);
    desk.data(Opcode::Ping, true, b"abcdefgh").is("allow", &[]);
}

#[test]
fn the_200_messages_of_the_page_are_too_many() {
    let mut desk = start("--rate-limit-messages 100");
    let said: Vec<_> = (0..200).map(|i| desk.text(&format!("{{\"i\":{i}}}"))).collect();
    assert_eq!(said.iter().take_while(|said| said.what() == "allow").count(), 110);
    said[110].is("1008", &["ws-rate-limit"]);
    let close = WebSocketDecision::Close { code: 1008, reason: "Rate limit exceeded: messages".to_owned() };
    assert_eq!(said[110].answer.websocket_decision, Some(close));
    desk.data(Opcode::Ping, true, b"").is("allow", &[]);
    desk.frame(|frame| frame.correlation_id = "c-2".into()).is("allow", &[]);
    desk.now += Duration::from_secs(1);
    desk.text("again").is("allow", &[]);
    start("").frame(|_| {}).is("allow", &[]);
}

#[test]
fn bytes_are_limited_and_the_end_of_a_request_is_the_end_of_its_rates() {
    let mut desk = start("--max-bytes-per-sec 100");
    desk.text(&"a".repeat(100)).is("allow", &[]);
    desk.text("a").is("1008", &["ws-rate-limit"]);
    let complete = RequestComplete {
        correlation_id: "c-1".to_owned(),
        status: 101,
        duration_ms: 1,
        request_body_size: 0,
        response_body_size: 0,
        upstream_attempts: 1,
        error: None,
    };
    assert_eq!(desk.ask(&Event::RequestComplete(complete)), Answer::default());
    desk.text("a").is("allow", &[]);
}

#[test]
fn a_proxy_may_change_settings_and_new_rates_begin_anew() {
    let mut desk = start("--rate-limit-messages 1 --rate-limit-burst 0");
    desk.text("a").is("allow", &[]);
    desk.text("a").is("1008", &["ws-rate-limit"]);
    assert_eq!(desk.configure(r#"{"max-text-frame-size":4096,"unknown-key":1}"#), Answer::default());
    desk.text("a").is("1008", &["ws-rate-limit"]);
    assert_eq!(desk.configure(r#"{"rate-limit-burst":1,"block-mode":false}"#), Answer::default());
    desk.text("a").is("allow", &[]);
    desk.text("a").is("allow", &[]);
    desk.text("a").is("allow", &["ws-rate-limit", "detect-only"]);
    let refused = desk.configure("[1,2]");
    let body = "Invalid agent configuration: invalid type: integer `1`, expected a boolean".to_owned();
    assert_eq!(refused.decision, Decision::Block { status: 500, body: Some(body), headers: None });
    assert_eq!(refused.websocket_decision, None);
    desk.text("a").is("allow", &["ws-rate-limit", "detect-only"]);
}

#[test]
fn requests_are_not_this_agents_business() {
    let headers =
        RequestHeaders { uri: "/?q=<script>alert(1)</script>".to_owned(), ..RequestHeaders::default() };
    assert_eq!(start("").ask(&Event::RequestHeaders(headers)), Answer::default());
}

/// The schema of the page.
const SCHEMA: &str = r#"{
  "$schema": "http://json-schema.org/draft-07/schema#",
  "type": "object",
  "required": ["type"],
  "properties": {
    "type": { "type": "string", "enum": ["message", "ping", "subscribe", "unsubscribe"] },
    "channel": { "type": "string", "pattern": "^[a-zA-Z0-9_-]+$" },
    "data": { "type": "object" }
  }
}"#;

/// A file that is gone when dropped.
struct File(std::path::PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("framegate-agent-{}-{name}", std::process::id()));
        std::fs::write(&path, text).expect("a folder that can be written");
        Self(path)
    }

    fn flags(&self, more: &str) -> String {
        format!("--json-schema {} {more}", self.0.display())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _best_effort = std::fs::remove_file(&self.0);
    }
}

#[test]
fn whole_messages_of_clients_must_keep_to_the_schema() {
    let file = File::new("schema", SCHEMA);
    let mut desk = start(&file.flags(""));
    desk.text(r#"{"type":"message","channel":"a-b","data":{}}"#).is("allow", &[]);
    let said = desk.text(r#"{"type":"nope","channel":"a b"}"#);
    said.is("1008", &["ws-schema-invalid"]);
    assert!(said.reasons().iter().any(|reason| reason.ends_with("at /type")), "{:?}", said.reasons());
    assert!(said.answer.audit.rule_ids.is_empty());
    desk.text("hello").is("1008", &["ws-schema-invalid"]);
    desk.text(r#"{"type":"nope","x":"<script>alert(1)</script>"}"#).is("1008", &["ws-xss"]);
    // In pieces it is the whole that counts.
    desk.data(Opcode::Text, false, b"{\"type\":").is("allow", &[]);
    desk.data(Opcode::Continuation, true, b"\"ping\"}").is("allow", &[]);
    let from_server = |frame: &mut WebSocketFrame<'_>| frame.client_to_server = false;
    desk.frame(from_server).is("allow", &[]);
    desk.data(Opcode::Ping, true, b"not JSON").is("allow", &[]);
    start(&file.flags("--json-schema-direction both")).frame(from_server).is("1008", &["ws-schema-invalid"]);
    start(&file.flags("--on-match drop")).text("hello").is("drop", &["ws-schema-invalid"]);
}

#[test]
fn binary_messages_can_be_messagepack() {
    let file = File::new("msgpack", SCHEMA);
    let mut desk = start(&file.flags("--msgpack-validation"));
    desk.data(Opcode::Binary, true, b"\x81\xa4type\xa4ping").is("allow", &[]);
    desk.data(Opcode::Binary, true, b"\x81\xa4type\xa4nope").is("1008", &["ws-schema-invalid"]);
    let said = desk.data(Opcode::Binary, true, b"\xdd\x00\x00");
    said.is("1008", &["ws-schema-invalid"]);
    assert_eq!(said.reasons(), ["Invalid MessagePack: it ends within a value"]);
    let attack = [&b"\x81\xa1a\xb9"[..], b"<script>alert(1)</script>"].concat();
    start("--msgpack-validation").data(Opcode::Binary, true, &attack).is("1008", &["ws-xss"]);
}

#[test]
fn patterns_of_ones_own_are_looked_for() {
    let mut desk = start("--custom-patterns fo{2,3}bar,secret-[0-9]+");
    let said = desk.text("a secret-42");
    said.is("1008", &["ws-custom-pattern"]);
    assert_eq!(said.answer.audit.rule_ids, ["custom-1"]);
    assert_eq!(desk.text("fooobar").answer.audit.rule_ids, ["custom-0"]);
    desk.text("fobar").is("allow", &[]);
}

#[test]
fn settings_that_are_of_no_use_are_told() {
    let file = File::new("broken", "{\"type\":");
    for (flags, expected) in [
        ("--custom-patterns a,(b".to_owned(), "the pattern \"(b\" of --custom-patterns cannot be used"),
        ("--json-schema /nowhere/x.json".to_owned(), "the schema /nowhere/x.json could not be read"),
        (file.flags(""), "cannot be used"),
        ("--exception no-such-rule".to_owned(), "--exception no-such-rule: no rule is called so"),
    ] {
        let message = try_start(&flags).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(message.contains(expected), "{flags}: {message}");
    }
}

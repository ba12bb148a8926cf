//! The WebSocket inspector as a process: what proxies of both versions get for what they send, what malformed
//! input costs, and its socket from start to end.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;
use testkit::deadline::{PATIENCE, eventually};
use testkit::folder::Folder;
use testkit::process::Process;

/// An agent that is killed when dropped.
struct Agent {
    process: Process,
    socket: PathBuf,
}

/// Where agents of a test listen.
fn socket(folder: &Folder) -> PathBuf {
    folder.file("ws.sock")
}

impl Agent {
    /// Under the name of Framegate.
    fn start(folder: &Folder, flags: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_framegate"));
        command.args(["agent", "websocket-inspector", "--socket"]).arg(socket(folder)).args(flags);
        Self::spawn(folder, command)
    }

    /// Under the name of the page.
    fn start_by_its_own_name(folder: &Folder, change: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sentinel-agent-websocket-inspector"));
        command.env("AGENT_SOCKET", socket(folder));
        change(&mut command);
        Self::spawn(folder, command)
    }

    fn spawn(folder: &Folder, command: Command) -> Self {
        Self { process: Process::spawn(folder, command, |_| {}), socket: socket(folder) }
    }

    /// Once it listens, a connection to it.
    fn connect(&self) -> Proxy {
        let stream = eventually("it listens", || match UnixStream::connect(&self.socket) {
            Ok(stream) => Some(stream),
            Err(error) if [ErrorKind::NotFound, ErrorKind::ConnectionRefused].contains(&error.kind()) => None,
            Err(error) => panic!("{error}"),
        });
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Proxy(stream)
    }
}

/// A proxy's end of a connection.
struct Proxy(UnixStream);

impl Proxy {
    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// One message, without its length.
    fn message(&mut self) -> Vec<u8> {
        let prefix = self.bytes(4).try_into().unwrap();
        self.bytes(usize::try_from(u32::from_be_bytes(prefix)).unwrap())
    }

    /// Asks in version 1.
    fn ask(&mut self, text: &str) -> String {
        self.send(&prefixed(text.as_bytes()));
        String::from_utf8(self.message()).unwrap()
    }

    /// Asks in version 2; the answer begins with its type.
    fn ask_v2(&mut self, kind: u8, text: &str) -> (u8, String) {
        self.send(&prefixed(&[&[kind], text.as_bytes()].concat()));
        let message = self.message();
        let (kind, payload) = message.split_first().unwrap();
        (*kind, String::from_utf8(payload.to_vec()).unwrap())
    }

    /// The agent has nothing more to say.
    fn is_closed(&mut self) -> bool {
        match self.0.read(&mut [0]) {
            Ok(count) => count == 0,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => true,
            Err(error) => panic!("{error}"),
        }
    }
}

fn prefixed(message: &[u8]) -> Vec<u8> {
    [&u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

/// A client's text frame, in the base64 of `data`.
fn frame(index: u32, data: &str) -> String {
    format!(
        r#"{{"version":1,"event_type":"web_socket_frame","payload":{{"correlation_id":"c-0001","opcode":"text","data":"{data}","client_to_server":true,"frame_index":{index},"fin":true,"route_id":"websocket","client_ip":"203.0.113.9"}}}}"#
    )
}

/// An answer whose decision, audit and decision about the frame are these.
fn answer(decision: &str, audit: [&str; 3], websocket: &str) -> String {
    let [tags, rules, reasons] = audit;
    format!(
        r#"{{"version":1,"decision":{decision},"request_headers":[],"response_headers":[],"routing_metadata":{{}},"audit":{{"tags":{tags},"rule_ids":{rules},"confidence":null,"reason_codes":{reasons},"custom":{{}}}},"needs_more":false,"request_body_mutation":null,"response_body_mutation":null,"websocket_decision":{websocket}}}"#
    )
}

/// `{"message": "<script>alert(1)</script>"}`, as the page has it.
const XSS: &str = "eyJtZXNzYWdlIjogIjxzY3JpcHQ+YWxlcnQoMSk8L3NjcmlwdD4ifQ==";
/// `{"type":"ping"}`, as the page has it.
const PING: &str = "eyJ0eXBlIjoicGluZyJ9";
/// `hi`.
const HI: &str = "aGk=";

const NONE: [&str; 3] = ["[]", "[]", "[]"];

#[test]
fn version_1_is_answered_byte_for_byte_as_its_own_agent_does() {
    let folder = Folder::new();
    let agent = Agent::start(&folder, &["--max-text-frame-size", "4096"]);
    let mut proxy = agent.connect();
    for (asked, expected) in [
        (frame(1, PING), answer(r#""allow""#, NONE, r#""allow""#)),
        (
            r#"{"version":1,"event_type":"configure","payload":{"agent_id":"ws-inspector","config":{"block-mode":true,"max-text-frame-size":4096,"unknown-key":1}}}"#.to_owned(),
            answer(r#""allow""#, NONE, "null"),
        ),
        (
            r#"{"version":1,"event_type":"request_headers","payload":{"metadata":{"correlation_id":"c-0001","request_id":"r-1","client_ip":"203.0.113.9","client_port":50123,"server_name":"localhost","protocol":"HTTP/1.1","tls_version":null,"tls_cipher":null,"route_id":"websocket","upstream_id":"ws-backend","timestamp":"2026-01-01T00:00:00Z"},"method":"GET","uri":"/ws","headers":{"upgrade":["websocket"]}}}"#.to_owned(),
            answer(r#""allow""#, NONE, "null"),
        ),
        (
            frame(2, &"QUFB".repeat(1400)),
            answer(
                r#""allow""#,
                [r#"["ws-size-limit"]"#, "[]", "[]"],
                r#"{"close":{"code":1009,"reason":"Message too large"}}"#,
            ),
        ),
        (
            frame(11, "!!!not base64!!!"),
            answer(r#""allow""#, [r#"["ws-error"]"#, "[]", r#"["decode-error"]"#], r#""drop""#),
        ),
        (
            r#"{"version":1,"event_type":"configure","payload":{"agent_id":"a","config":[1,2]}}"#.to_owned(),
            answer(
                r#"{"block":{"status":500,"body":"Invalid agent configuration: invalid type: integer `1`, expected a boolean","headers":null}}"#,
                NONE,
                "null",
            ),
        ),
    ] {
        assert_eq!(proxy.ask(&asked), expected, "{asked}");
    }
}

#[test]
fn the_tests_of_the_page_hold() {
    let folder = Folder::new();
    let agent = Agent::start_by_its_own_name(&folder, |command| {
        let flags = "--xss-detection true --sqli-detection true --max-message-size 1048576 \
                     --rate-limit-messages 100 --block-mode true";
        command.args(flags.split_whitespace());
    });
    let mut proxy = agent.connect();
    assert!(proxy.ask(&frame(0, PING)).ends_with(r#""websocket_decision":"allow"}"#));
    let attack = proxy.ask(&frame(1, XSS));
    assert!(attack.contains(r#""tags":["ws-xss"]"#), "{attack}");
    assert!(attack.contains(r#""websocket_decision":{"close":{"code":1008,"#), "{attack}");
    // All at once: nothing says that an answer must be waited for.
    let storm: Vec<u8> = (2..202).flat_map(|index| prefixed(frame(index, HI).as_bytes())).collect();
    proxy.send(&storm);
    let answers: Vec<_> = (2..202).map(|_| String::from_utf8(proxy.message()).unwrap()).collect();
    assert!(answers.iter().take(100).all(|answer| answer.ends_with(r#""allow"}"#)));
    let limited = r#""websocket_decision":{"close":{"code":1008,"reason":"Rate limit exceeded: messages"}}}"#;
    assert!(answers.iter().any(|answer| answer.ends_with(limited)));
}

#[test]
fn environment_variables_are_flags() {
    let folder = Folder::new();
    let agent = Agent::start_by_its_own_name(&folder, |command| {
        command.env("WS_BLOCK_MODE", "false").env("WS_MAX_MESSAGE", "1").env("VERBOSE", "1");
    });
    let said = agent.connect().ask(&frame(0, HI));
    assert!(said.contains(r#"["ws-size-limit","detect-only"]"#), "{said}");
    eventually("it tells of that", || {
        agent.process.errors().contains("c-0001 client 0 text of 2 bytes: allow: ws-size-limit").then_some(())
    });
}

#[test]
fn version_2_is_spoken_on_the_same_socket() {
    let folder = Folder::new();
    let agent = Agent::start(&folder, &[]);
    let (mut second, mut first) = (agent.connect(), agent.connect());
    let hello = r#"{"supported_versions":[2],"proxy_id":"zentinel-proxy","proxy_version":"0.6.45","config":null,"supported_encodings":["msgpack","json"]}"#;
    let (kind, welcome) = second.ask_v2(0x01, hello);
    assert_eq!(kind, 0x02);
    assert!(
        welcome.starts_with(r#"{"protocol_version":2,"capabilities":{"agent_id":"websocket-inspector""#),
        "{welcome}"
    );
    assert!(welcome.ends_with(r#""success":true,"error":null,"encoding":"json"}"#), "{welcome}");

    let event = format!(
        r#"{{"correlation_id":"c-7","opcode":"text","data":"{XSS}","client_to_server":true,"frame_index":0,"fin":true,"route_id":"websocket","client_ip":"203.0.113.9"}}"#
    );
    let (kind, said) = second.ask_v2(0x15, &event);
    assert_eq!(kind, 0x20);
    assert!(
        said.starts_with(r#"{"version":2,"#) && said.contains(r#""custom":{"correlation_id":"c-7"}"#),
        "{said}"
    );
    assert!(said.contains(r#""websocket_decision":{"close":{"code":1008,"#), "{said}");
    let odd = r#"{ "timestamp_ms":5, "sequence":4 }"#;
    assert_eq!(second.ask_v2(0x41, odd), (0x42, odd.to_owned()));
    // A cancelled event gets no answer, so the next one is that to the ping.
    second.send(&prefixed(b"\x40{\"correlation_id\":\"c-7\",\"reason\":2,\"timestamp_ms\":6}"));
    assert_eq!(second.ask_v2(0x41, odd).0, 0x42);
    let (_, said) = second.ask_v2(0x17, r#"{"correlation_id":"set-1","config":{"xss-detection":false}}"#);
    assert!(said.contains(r#""custom":{"correlation_id":"set-1"}"#), "{said}");
    // Settings are those of the agent, not of a connection.
    assert!(first.ask(&frame(0, XSS)).ends_with(r#""websocket_decision":"allow"}"#));
}

#[test]
fn a_proxy_of_another_version_is_told_so() {
    let folder = Folder::new();
    let agent = Agent::start(&folder, &[]);
    let mut proxy = agent.connect();
    let (kind, said) = proxy.ask_v2(0x01, r#"{"supported_versions":[3],"proxy_id":"p","proxy_version":"1"}"#);
    assert_eq!(kind, 0x02);
    assert!(said.contains(r#""success":false"#), "{said}");
    assert!(proxy.is_closed());
}

#[test]
fn what_is_malformed_ends_its_own_connection_only() {
    let folder = Folder::new();
    let agent = Agent::start(&folder, &[]);
    let mut bystander = agent.connect();
    assert!(bystander.ask(&frame(0, HI)).ends_with(r#""allow"}"#));
    let misnamed = frame(0, HI).replace("web_socket_frame", "websocket_frame");
    let without_fin = frame(0, HI).replace(r#""fin":true,"#, "");
    for (bytes, told) in [
        (prefixed(misnamed.as_bytes()), "the event type `websocket_frame`, which does not exist"),
        (prefixed(without_fin.as_bytes()), "missing field `fin`"),
        (prefixed(b"GET / HTTP/1.1\r\n\r\n"), "cannot be read"),
        ([&10_485_761_u32.to_be_bytes()[..], b"{"].concat(), "a message of 10485761 bytes"),
        (b"\0\0\0\x10\x01{".to_vec(), "the stream ended within a message"),
        (b"\0".to_vec(), "the stream ended within a message"),
        (prefixed(b"\x01{}"), "missing field"),
        ([&16_777_217_u32.to_be_bytes()[..], b"\x01"].concat(), "a message of 16777217 bytes"),
    ] {
        let mut proxy = agent.connect();
        proxy.send(&bytes);
        proxy.0.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(proxy.is_closed(), "{told}");
        eventually(told, || agent.process.errors().contains(told).then_some(()));
    }
    assert!(bystander.ask(&frame(1, HI)).ends_with(r#""allow"}"#));
}

#[test]
fn the_end_gives_the_answers_that_are_under_way_and_removes_the_socket() {
    let folder = Folder::new();
    let mut agent = Agent::start(&folder, &["--socket-mode", "600", "-v"]);
    let mut proxies = [agent.connect(), agent.connect()];
    let metadata = fs::metadata(socket(&folder)).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.mode() & 0o777, 0o600);
    for proxy in &mut proxies {
        assert!(proxy.ask(&frame(0, HI)).ends_with(r#""allow"}"#));
    }
    agent.process.signal(Signal::TERM);
    assert_eq!(agent.process.ended().code(), Some(0));
    assert!(!socket(&folder).exists());
    assert!(proxies.iter_mut().all(Proxy::is_closed));
}

#[test]
fn a_socket_that_nobody_answers_on_is_replaced_and_any_other_is_not() {
    let folder = Folder::new();
    drop(UnixListener::bind(socket(&folder)).unwrap());
    // A process that another test is just starting may have it for a moment yet.
    let is_refused = |error: std::io::Error| error.kind() == ErrorKind::ConnectionRefused;
    eventually("nobody answers", || {
        UnixStream::connect(socket(&folder)).is_err_and(is_refused).then_some(())
    });
    let mut agent = Agent::start(&folder, &[]);
    let mut proxy = agent.connect();

    let mut second = Agent::start(&folder, &[]);
    assert_eq!(second.process.ended().code(), Some(1));
    assert!(
        second.process.errors().contains("choose another path with --socket PATH"),
        "{}",
        second.process.errors()
    );
    assert!(proxy.ask(&frame(0, HI)).ends_with(r#""allow"}"#), "the first one goes on");

    // One that another process has put there since then stays.
    fs::remove_file(socket(&folder)).unwrap();
    let _other = UnixListener::bind(socket(&folder)).unwrap();
    agent.process.signal(Signal::INT);
    assert_eq!(agent.process.ended().code(), Some(0));
    assert!(socket(&folder).exists());

    fs::remove_file(socket(&folder)).unwrap();
    fs::write(socket(&folder), "a file").unwrap();
    let mut third = Agent::start(&folder, &[]);
    assert_eq!(third.process.ended().code(), Some(1));
    assert_eq!(fs::read_to_string(socket(&folder)).unwrap(), "a file");
}

#[test]
fn more_connections_than_are_allowed_wait_for_their_turn() {
    let folder = Folder::new();
    let agent = Agent::start(&folder, &["--max-connections", "1"]);
    let mut first = agent.connect();
    assert!(first.ask(&frame(0, HI)).ends_with(r#""allow"}"#));
    let mut second = agent.connect();
    second.send(&prefixed(frame(0, HI).as_bytes()));
    assert!(first.ask(&frame(1, HI)).ends_with(r#""allow"}"#));
    drop(first);
    assert!(String::from_utf8(second.message()).unwrap().ends_with(r#""allow"}"#));
}

#[test]
fn what_is_wrong_at_the_start_is_told_in_one_line() {
    let folder = Folder::new();
    fs::write(folder.file("broken.json"), "{").unwrap();
    let schema = folder.file("broken.json");
    for (flags, code) in [
        (vec!["--json-schema", schema.to_str().unwrap()], 1),
        (vec!["--custom-patterns", "("], 1),
        (vec!["--block-mode", "perhaps"], 2),
        (vec!["--socket-mode", "999"], 2),
    ] {
        let before = fs::read_to_string(folder.file("stderr")).unwrap_or_default().lines().count();
        let mut agent = Agent::start(&folder, &flags);
        assert_eq!(agent.process.ended().code(), Some(code), "{flags:?}: {}", agent.process.errors());
        assert_eq!(
            agent.process.errors().lines().count(),
            before + 1,
            "{flags:?}: {}",
            agent.process.errors()
        );
    }
}

#[test]
fn a_path_that_no_socket_can_have_is_told_with_what_is_wrong_with_it() {
    let folder = Folder::new();
    let told = |path: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_framegate"));
        let output = command.args(["agent", "websocket-inspector", "--socket", path]).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let missing = folder.file("missing/a.sock");
    let errors = told(missing.to_str().unwrap());
    assert!(errors.contains("there is no folder ") && errors.contains("--socket"), "{errors}");
    let errors = told(&format!("/tmp/{}", "a".repeat(120)));
    assert!(errors.contains("at most 107 bytes, and this one 125"), "{errors}");
}

//! `framegate ws-proxy` as a process: its environment, what it answers, and its end.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use testkit::deadline::PATIENCE;

/// The handshake of RFC 6455 §1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn command(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_framegate"));
    command.arg("ws-proxy").args(arguments).args(["--log", "off", "--workers", "1"]);
    for variable in ["WSPROXY_PORT", "WSPROXY_WEBHOOK_POOL_SIZE", "WSPROXY_TRUSTED"] {
        command.env_remove(variable);
    }
    command.envs(environment.iter().copied()).stdin(Stdio::null());
    command
}

/// A process that is killed when dropped.
struct Process {
    child: Child,
    port: u16,
}

impl Process {
    fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = command(arguments, environment).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.strip_prefix("framegate: proxying ws://").and_then(|rest| rest.split(' ').next());
        let address: SocketAddr = address.unwrap_or_else(|| panic!("{line:?}")).parse().unwrap();
        Self { child, port: address.port() }
    }

    /// A client that has sent a request; none of them has a body.
    fn ask(&self, fields: &[&str]) -> TcpStream {
        let mut client = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
        let head = format!("GET /p?q=1 HTTP/1.1\r\nHost: front.example\r\n{fields}\r\n");
        client.write_all(head.as_bytes()).unwrap();
        client
    }

    fn upgrade(&self, fields: &[&str]) -> TcpStream {
        let key = format!("Sec-WebSocket-Key: {KEY}");
        let handshake = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", &key];
        self.ask(&[&handshake[..], fields].concat())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _status = self.child.wait();
    }
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "{head:?}");
        head.extend_from_slice(&byte);
    }
    String::from_utf8(head).unwrap()
}

#[test]
fn connections_go_where_their_headers_say() {
    let process = Process::start(&[], &[("WSPROXY_PORT", "0"), ("WSPROXY_WEBHOOK_POOL_SIZE", "2")]);
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = upstream.local_addr().unwrap();
    let served = thread::spawn(move || {
        let (mut stream, _) = upstream.accept().unwrap();
        let head = read_head(&mut stream);
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n\x01\x02hi"
        );
        // A text message that says "hi": 0x81 is no character of its own.
        let mut bytes = answer.into_bytes();
        let first = bytes.len() - 4;
        if let Some(byte) = bytes.get_mut(first) {
            *byte = 0x81;
        }
        stream.write_all(&bytes).unwrap();
        (head, stream)
    });
    let mut client = process.upgrade(&[&format!("x-wsproxy-upstream: ws://{address}/ignored")]);
    assert!(read_head(&mut client).starts_with("HTTP/1.1 101 "));
    let mut frame = [0; 4];
    client.read_exact(&mut frame).unwrap();
    assert_eq!(&frame, b"\x81\x02hi");
    let (head, _stream) = served.join().unwrap();
    assert!(
        head.starts_with("GET /p?q=1 HTTP/1.1\r\n") && !head.to_lowercase().contains("wsproxy"),
        "{head}"
    );
}

#[test]
fn what_cannot_be_proxied_is_refused() {
    let process = Process::start(&["--port", "0"], &[]);
    let status = |mut client: TcpStream| read_head(&mut client).lines().next().map(str::to_owned).unwrap();
    assert_eq!(status(process.ask(&[])), "HTTP/1.1 426 Upgrade Required");
    assert_eq!(status(process.upgrade(&[])), "HTTP/1.1 400 Bad Request");
    for forbidden in ["ws://169.254.169.254", "ws://[fe80::1]", "ws://224.0.0.1", "ws://0.0.0.0:1"] {
        let upstream = format!("x-wsproxy-upstream: {forbidden}");
        assert_eq!(status(process.upgrade(&[&upstream])), "HTTP/1.1 403 Forbidden", "{forbidden}");
    }
}

#[test]
fn only_trusted_peers_are_believed() {
    let process = Process::start(&["--listen", "127.0.0.1:0", "--trusted", "192.0.2.0/24"], &[]);
    let mut client = process.upgrade(&["x-wsproxy-upstream: ws://127.0.0.1:1", "X-Forwarded-For: 192.0.2.1"]);
    assert!(read_head(&mut client).starts_with("HTTP/1.1 403 "));
    let mut why = [0; 200];
    let read = client.read(&mut why).unwrap();
    let why = String::from_utf8_lossy(&why[..read]);
    assert!(why.contains("127.0.0.1") && why.contains("--trusted") && !why.contains("192.0.2.0"), "{why}");
}

#[test]
fn who_is_believed_is_told_at_the_start_and_can_be_said_in_the_environment() {
    let mut process = command(&["--port", "0"], &[("WSPROXY_TRUSTED", "192.0.2.0/24,::1")])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let told = lines.nth(1).unwrap().unwrap();
    process.kill().unwrap();
    let _status = process.wait();
    assert!(told.contains("192.0.2.0/24, ::1/128") && told.contains("WSPROXY_TRUSTED"), "{told}");
}

#[test]
fn the_port_alone_is_on_all_addresses_of_both_families() {
    // Somebody else may take the port in the meantime.
    for _ in 0..5 {
        let Ok(free) = TcpListener::bind("[::1]:0") else { return };
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut child =
            command(&[], &[("WSPROXY_PORT", &port.to_string())]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let reached = ["127.0.0.1", "::1"].map(|host| TcpStream::connect((host, port)).is_ok());
        let _ended_already = child.kill();
        let _status = child.wait();
        if line.is_empty() {
            continue;
        }
        assert!(line.contains(&format!("ws://0.0.0.0:{port} and ws://[::]:{port} ")), "{line}");
        assert_eq!(reached, [true, true], "of IPv4 and of IPv6");
        return;
    }
    panic!("no port was free for long enough");
}

#[test]
fn what_is_no_number_stops_the_start() {
    let told = |arguments: &[&str], environment: &[(&str, &str)]| {
        let Output { status, stderr, .. } = command(arguments, environment).output().unwrap();
        (status.code(), String::from_utf8(stderr).unwrap())
    };
    for (arguments, environment, code, word) in [
        (&[][..], &[("WSPROXY_PORT", "http")][..], 2, "WSPROXY_PORT"),
        (&[], &[("WSPROXY_PORT", "70000")], 2, "WSPROXY_PORT"),
        (&[], &[("WSPROXY_PORT", "")], 2, "WSPROXY_PORT: a port is a whole number up to 65535"),
        (&[], &[("WSPROXY_TRUSTED", "")], 1, "WSPROXY_TRUSTED"),
        (&["--shutdown-spread", "2m"], &[], 1, "--shutdown-spread: it is longer"),
        (&[], &[("WSPROXY_WEBHOOK_POOL_SIZE", "many")], 2, "WSPROXY_WEBHOOK_POOL_SIZE"),
        (&["--port", "http"], &[], 2, "--port"),
        (&["--trusted", "everybody"], &[], 1, "--trusted"),
    ] {
        let (found, errors) = told(arguments, environment);
        assert!(found == Some(code) && errors.contains(word), "{environment:?}: {found:?} {errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
}

#[test]
fn it_ends_at_sigterm() {
    let mut process = Process::start(&["--port", "0"], &[]);
    kill_process(Pid::from_child(&process.child), Signal::TERM).unwrap();
    assert_eq!(process.child.wait().unwrap().code(), Some(0));
}

//! Checks of targets that are well, and of those that are not.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use gate_config::model::Upstream;

use super::*;
use crate::upstream::fake::{Fake, Heard, cluster, nobody, read_head, run, switching, upstream};
use crate::upstream::news::Event;

fn check(probe: Probe) -> HealthCheck {
    HealthCheck {
        probe,
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(10),
        healthy_threshold: 1,
        unhealthy_threshold: 1,
    }
}

fn http(expected_status: Option<u16>) -> Probe {
    let expected_status = expected_status.map(|status| StatusCode::from_u16(status).unwrap());
    Probe::Http { path: "/health?a=1".to_owned(), host: None, expected_status }
}

fn websocket() -> Probe {
    Probe::WebSocket { path: "/ws".to_owned(), host: None }
}

/// What a check says of the target at `address`; empty when it is well.
fn verdict(address: SocketAddr, check: &HealthCheck) -> String {
    let cluster = cluster(&upstream(&[address]));
    match run(probe(&cluster, &cluster.targets()[0], check)) {
        Ok(()) => String::new(),
        Err(error) => chain(&error),
    }
}

#[test]
fn an_http_check_judges_the_status() {
    let cases = [
        ("HTTP/1.1 200 OK\r\n\r\n", None, ""),
        ("HTTP/1.0 204 No Content\r\n\r\n", None, ""),
        ("HTTP/1.1 302 Found\r\n\r\n", None, ""),
        ("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", None, ""),
        ("HTTP/1.1 500 Oops\r\n\r\n", None, "it answered 500 Internal Server Error"),
        ("HTTP/1.1 404 Not Found\r\n\r\n", None, "it answered 404 Not Found"),
        ("HTTP/1.1 404 Not Found\r\n\r\n", Some(404), ""),
        ("HTTP/1.1 200 OK\r\n\r\n", Some(204), "it answered 200 OK"),
    ];
    for (answer, expected, verdict_expected) in cases {
        let target = Fake::answering(answer);
        assert_eq!(verdict(target.address, &check(http(expected))), verdict_expected, "{answer:?}");
    }
}

#[test]
fn an_http_check_asks_as_configured() {
    let echo = Fake::start(|_, stream| {
        let head = read_head(stream);
        let is_right = head.starts_with("GET /health?a=1 HTTP/1.1\r\n")
            && head.contains("\r\nConnection: close\r\n")
            && head.contains("\r\nHost: health.example\r\n");
        let status = if is_right { "200 OK" } else { "400 Bad Request" };
        stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).unwrap();
    });
    let host = Some(HeaderValue::from_static("health.example"));
    let own = Probe::Http { path: "/health?a=1".to_owned(), host: host.clone(), expected_status: None };
    assert_eq!(verdict(echo.address, &check(own)), "");
    let cluster = cluster(&Upstream { host, ..upstream(&[echo.address]) });
    let result = run(probe(&cluster, &cluster.targets()[0], &check(http(None))));
    assert!(result.is_ok(), "the upstream's own host stands in: {result:?}");
    assert_eq!(verdict(echo.address, &check(http(None))), "it answered 400 Bad Request");
}

#[test]
fn a_target_that_does_not_answer_properly_is_not_well() {
    let dropping = Fake::start(|_, stream| drop(read_head(stream)));
    let babbling = Fake::answering("hello\r\n\r\n");
    for probe in [http(None), websocket()] {
        assert!(verdict(dropping.address, &check(probe.clone())).contains("ended the connection"));
        assert!(verdict(babbling.address, &check(probe.clone())).contains("not HTTP"));
        assert!(verdict(nobody(), &check(probe)).contains("cannot connect"));
    }
}

#[test]
fn a_check_ends_when_its_time_is_over() {
    let silent = Fake::start(|_, stream| {
        let _until_it_hangs_up = stream.read(&mut [0; 4096]).and_then(|_| stream.read(&mut [0]));
    });
    for probe in [http(None), websocket()] {
        let check = HealthCheck { timeout: Duration::from_millis(200), ..check(probe) };
        assert_eq!(verdict(silent.address, &check), "it did not answer within 200ms");
    }
}

#[test]
fn a_tcp_check_is_a_connection() {
    let target = Fake::start(|_, _| {});
    assert_eq!(verdict(target.address, &check(Probe::Tcp)), "");
    assert!(verdict(nobody(), &check(Probe::Tcp)).starts_with("cannot connect to 127.0.0.1:"));
}

/// What a WebSocket check says of a target that sends `frames` behind its 101, in which P
/// stands for the pong that is asked for.
fn websocket_verdict(frames: &'static [&'static [u8]]) -> String {
    let target = Fake::start(move |_, stream| {
        let head = read_head(stream);
        assert!(head.starts_with("GET /ws HTTP/1.1\r\n"), "{head}");
        stream.write_all(switching(&head).as_bytes()).unwrap();
        let payload = read_ping(stream);
        for frame in frames {
            let bytes = if *frame == b"P" { [&[0x8a, 4][..], &payload].concat() } else { frame.to_vec() };
            // The check may be over before the last of them.
            let _taken = stream.write_all(&bytes);
        }
        // What follows is its Close frame, and the end.
        let _rest = stream.read_to_end(&mut Vec::new());
    });
    let check = HealthCheck { timeout: Duration::from_millis(500), ..check(websocket()) };
    verdict(target.address, &check)
}

fn read_ping(stream: &mut TcpStream) -> [u8; 4] {
    let mut frame = [0; 10];
    stream.read_exact(&mut frame).unwrap();
    let [0x89, 0x84, a, b, c, d, payload @ ..] = frame else { panic!("{frame:?} is no ping") };
    let mut payload = payload;
    mask::apply(&mut payload, [a, b, c, d], 0);
    payload
}

#[test]
fn a_websocket_check_wants_its_pong() {
    assert_eq!(websocket_verdict(&[b"P"]), "");
    assert_eq!(websocket_verdict(&[b"\x81\x05hello", b"\x89\x00", b"\x8a\x04none", b"P"]), "");
    assert_eq!(websocket_verdict(&[b"\x88\x00", b"P"]), ProbeError::Closed.to_string());
    assert_eq!(websocket_verdict(&[b"\x8a\x04none"]), "it did not answer within 500ms");
    assert_eq!(websocket_verdict(&[b"\x82\x7f\0\0\0\0\0\x01\0\0"]), ProbeError::NoPong.to_string());
    assert!(websocket_verdict(&[b"\xf1\x00"]).starts_with("it sent a frame that is not valid"));
}

#[test]
fn greetings_without_end_are_not_read_for_ever() {
    let target = Fake::start(|_, stream| {
        let head = read_head(stream);
        stream.write_all(switching(&head).as_bytes()).unwrap();
        while stream.write_all(b"\x81\x05hello").is_ok() {}
    });
    assert_eq!(verdict(target.address, &check(websocket())), ProbeError::NoPong.to_string());
}

#[test]
fn keys_are_keys_and_all_different() {
    let keys: std::collections::HashSet<String> =
        (0..100).map(|_| handshake("").key.as_str().to_owned()).collect();
    assert_eq!(keys.len(), 100);
}

#[test]
fn targets_are_watched_until_they_are_found_unhealthy_and_healthy_again() {
    // Two answers make the first target unhealthy, all that follow healthy; the second is well.
    let first = Fake::start(|number, stream| {
        read_head(stream);
        let status = if number < 2 { "500 Oops" } else { "200 OK" };
        stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).unwrap();
    });
    let second = Fake::answering("HTTP/1.1 200 OK\r\n\r\n");
    let health_check = HealthCheck {
        interval: INTERVAL_MIN,
        unhealthy_threshold: 2,
        healthy_threshold: 2,
        ..check(http(None))
    };
    let upstream =
        Upstream { health_check: Some(health_check), ..upstream(&[first.address, second.address]) };
    let cluster = cluster(&upstream);
    let heard = Heard::of(&cluster);
    let clusters = [Arc::clone(&cluster)];
    run(async {
        let mut keeper = crate::upstream::keeper::Keeper::default();
        keeper.keep(&clusters);
        heard.wait_for(2).await;
    });
    let key = cluster.targets()[0].key();
    let why = "it answered 500 Internal Server Error".to_owned();
    let unhealthy = (key, Event::Unhealthy { closes_sessions: false }, why);
    assert_eq!(heard.news(), [unhealthy, (key, Event::Healthy, String::new())]);
    assert!(second.accepted() > 0);
}

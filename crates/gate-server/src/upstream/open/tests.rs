//! Opening handshakes with targets that behave in all kinds of ways.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use gate_config::model::{self, Sticky, TargetAddress, Upstream, UpstreamTimeouts};
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use tokio::io::AsyncReadExt;
use ws_proto::handshake::key::Key;
use ws_proto::handshake::subprotocol::Subprotocols;

use super::*;
use crate::upstream::fake::{Fake, cluster, nobody, read_head, run, switching, upstream, wish};
use crate::upstream::target::Failure;

fn asked() -> ClientHandshake {
    let key = Key::parse(b"dGhlIHNhbXBsZSBub25jZQ==").unwrap();
    ClientHandshake {
        accept: key.accept(),
        key,
        subprotocols: Subprotocols::default(),
        deflate_offers: Vec::new(),
    }
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A target that switches protocols and says `hello`.
fn server() -> Fake {
    Fake::start(|_, stream| {
        let answer = switching(&read_head(stream)) + "hello";
        stream.write_all(answer.as_bytes()).unwrap();
    })
}

fn opened(cluster: &Arc<Cluster>) -> Result<Opened, OpenError> {
    run(open(cluster, wish(cluster), REQUEST, &asked(), None))
}

fn attempts(cluster: &Cluster) -> Vec<u64> {
    cluster.figures().iter().map(|figures| figures.attempts).collect()
}

/// The failures of a target that are there.
fn failures(cluster: &Cluster, index: usize) -> BTreeMap<&'static str, u64> {
    cluster.targets()[index].failures().filter(|(_, count)| *count > 0).collect()
}

fn addresses(targets: &[&Fake]) -> Vec<SocketAddr> {
    targets.iter().map(|target| target.address).collect()
}

#[test]
fn a_handshake_opens_a_websocket_and_what_came_behind_it_is_kept() {
    let server = server();
    let cluster = cluster(&upstream(&[server.address]));
    let said = run(async {
        let opened = open(&cluster, wish(&cluster), REQUEST, &asked(), None).await.unwrap();
        assert_eq!(*opened.address, *server.address.to_string());
        assert_eq!(opened.set_cookie, None);
        let Answer::Switched(switched, lease) = opened.answer else { panic!("it refused") };
        assert_eq!(lease.target().in_flight(), 1);
        let mut said = switched.early.to_vec();
        let mut stream = switched.stream;
        stream.read_to_end(&mut said).await.unwrap();
        said
    });
    assert_eq!(said, b"hello");
    assert_eq!(cluster.targets()[0].in_flight(), 0);
}

#[test]
fn another_target_is_tried_when_one_cannot_be_reached_or_is_lost_before_it_answers() {
    let silent = Fake::start(|_, stream| drop(read_head(stream)));
    let deaf = Fake::start(|_, _| {});
    for (bad, reason) in [(nobody(), "unreachable"), (silent.address, "lost"), (deaf.address, "lost")] {
        let good = server();
        let cluster = cluster(&upstream(&[bad, good.address]));
        let opened = opened(&cluster).unwrap();
        let Answer::Switched(_, lease) = opened.answer else { panic!("it refused") };
        assert_eq!(lease.target().index(), 1);
        assert_eq!(attempts(&cluster), [1, 1]);
        assert_eq!(failures(&cluster, 0), BTreeMap::from([(reason, 1)]));
        assert_eq!(failures(&cluster, 1), BTreeMap::new());
    }
}

#[test]
fn a_witness_is_told_of_each_target_that_fails_and_how_far_it_came() {
    let wrong = Fake::start(|_, stream| {
        read_head(stream);
        stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nX-A: b\r\n\r\n").unwrap();
    });
    let (gone, silent) = (nobody(), Fake::start(|_, stream| drop(read_head(stream))));
    let cluster = cluster(&upstream(&[gone, silent.address, wrong.address]));
    let told = RefCell::new(Vec::new());
    let witness = |trail: &Trail, error: &OpenError| {
        let course = trail.course().unwrap();
        let status = course.reply.as_ref().map(|(status, _)| status.as_u16());
        assert_eq!(course.is_connected, course.is_asked);
        assert_eq!(course.is_connected, course.local.is_some());
        told.borrow_mut().push((course.peer.unwrap(), error.reason(), course.is_asked, status));
    };
    let opened = run(open(&cluster, wish(&cluster), REQUEST, &asked(), Some(&witness)));
    assert!(opened.is_err());
    assert_eq!(
        told.into_inner(),
        [
            (gone, "upstream_unreachable", false, None),
            (silent.address, "upstream_lost", true, None),
            (wrong.address, opened.err().unwrap().reason(), true, Some(101)),
        ]
    );
}

#[test]
fn retries_are_as_many_as_configured() {
    for (retries, targets, expected) in [(0, 5, 1), (2, 5, 3), (9, 3, 3)] {
        let dead: Vec<_> = (0..targets).map(|_| nobody()).collect();
        let cluster = cluster(&Upstream { retries, ..upstream(&dead) });
        let error = opened(&cluster).err().unwrap();
        assert_eq!((error.status(), error.reason()), (StatusCode::BAD_GATEWAY, "upstream_unreachable"));
        assert_eq!(attempts(&cluster).iter().sum::<u64>(), expected);
        assert!(attempts(&cluster).iter().all(|count| *count <= 1));
    }
}

#[test]
fn an_only_target_is_asked_once() {
    let lost = Fake::start(|_, stream| drop(read_head(stream)));
    for (address, reason) in [(nobody(), "upstream_unreachable"), (lost.address, "upstream_lost")] {
        let cluster = cluster(&upstream(&[address]));
        let error = opened(&cluster).err().unwrap();
        assert_eq!((error.status(), error.reason()), (StatusCode::BAD_GATEWAY, reason));
        assert_eq!(attempts(&cluster), [1]);
    }
    assert_eq!(lost.accepted(), 1);
}

#[test]
fn what_has_begun_to_answer_is_not_replaced_by_another() {
    let cases = [
        ("HTTP/1.1 1", "upstream_lost"),
        ("HTTP/1.1 103 Early Hints\r\n\r\n", "upstream_lost"),
        ("SSH-2.0-OpenSSH_9.9\r\n\r\n", "upstream_answer_malformed"),
        ("HTTP/1.0 101 Switching Protocols\r\n\r\n", "upstream_answer_malformed"),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", "upgrade_missing"),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "upstream_answer_malformed",
        ),
    ];
    for (answer, reason) in cases {
        let broken = Fake::answering(answer);
        let good = server();
        let cluster = cluster(&upstream(&addresses(&[&broken, &good])));
        let error = opened(&cluster).err().unwrap();
        assert_eq!(error.status(), StatusCode::BAD_GATEWAY);
        if reason != "upgrade_missing" {
            assert_eq!(error.reason(), reason, "{answer:?}");
        }
        assert_eq!(good.accepted(), 0);
        assert_eq!(failures(&cluster, 0).values().sum::<u64>(), 1, "{answer:?}");
    }
}

#[test]
fn a_target_that_does_not_answer_in_time_is_given_up() {
    let silent = Fake::start(|_, stream| {
        read_head(stream);
        let _until_it_hangs_up = stream.read(&mut [0]);
    });
    let good = server();
    let timeouts = UpstreamTimeouts { handshake: Duration::from_millis(50), ..UpstreamTimeouts::default() };
    let cluster = cluster(&Upstream { timeouts, ..upstream(&addresses(&[&silent, &good])) });
    let error = opened(&cluster).err().unwrap();
    let expected = (StatusCode::GATEWAY_TIMEOUT, "upstream_handshake_timeout");
    assert_eq!((error.status(), error.reason()), expected);
    assert_eq!(failures(&cluster, 0), BTreeMap::from([(Failure::Timeout.reason(), 1)]));
    assert_eq!(good.accepted(), 0);
}

/// The refusal of the only target.
async fn refused(cluster: &Arc<Cluster>) -> Response<Download> {
    let opened = open(cluster, wish(cluster), REQUEST, &asked(), None).await.unwrap();
    let Answer::Refused(refused) = opened.answer else { panic!("it switched") };
    *refused
}

#[test]
fn a_refusal_is_an_answer_and_no_failure() {
    let large = "x".repeat(5_000_000);
    for (version, framing, body) in [
        ("1.1", "Content-Length: 2\r\n", "no"),
        ("1.0", "Content-Length: 2\r\n", "no"),
        ("1.1", "", &large),
        ("1.1", "Content-Length: 5000000\r\nConnection: close\r\n", &large),
        ("1.1", "Content-Length: 0\r\n", ""),
    ] {
        let server =
            Fake::answering(format!("HTTP/{version} 403 Forbidden\r\n{framing}X-A: b\r\n\r\n{body}"));
        let cluster = cluster(&upstream(&[server.address]));
        run(async {
            let (head, rest) = refused(&cluster).await.into_parts();
            assert_eq!((head.status, &head.headers["x-a"]), (StatusCode::FORBIDDEN, &"b".parse().unwrap()));
            let under_way = u32::from(!body.is_empty());
            assert_eq!(cluster.targets()[0].in_flight(), under_way, "until the end of the body");
            assert!(rest.collect().await.unwrap().to_bytes() == body);
            assert_eq!(cluster.targets()[0].in_flight(), 0);
        });
        assert_eq!(failures(&cluster, 0), BTreeMap::new());
    }
}

#[test]
fn a_refusal_may_take_longer_than_the_handshake_and_blames_nobody_when_it_does_not_go_on() {
    let server = Fake::start(|_, stream| {
        read_head(stream);
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nshort").unwrap();
        let _until_it_hangs_up = stream.read(&mut [0]);
    });
    let (handshake, read) = (Duration::from_millis(200), Duration::from_millis(400));
    let timeouts = UpstreamTimeouts { handshake, read, ..UpstreamTimeouts::default() };
    let cluster = cluster(&Upstream { timeouts, ..upstream(&[server.address]) });
    let error = run(async { refused(&cluster).await.collect().await.err().unwrap() });
    assert_eq!(error.to_string(), "the upstream's answer did not go on for 400ms");
    assert_eq!(failures(&cluster, 0), BTreeMap::new());
    assert_eq!(cluster.targets()[0].in_flight(), 0);
}

#[test]
fn a_refusal_that_breaks_off_is_an_error_of_its_body() {
    let server = Fake::answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nshort");
    let cluster = cluster(&upstream(&[server.address]));
    run(async { assert!(refused(&cluster).await.collect().await.is_err()) });
    assert_eq!(failures(&cluster, 0), BTreeMap::from([("lost", 1)]));
}

#[test]
fn a_refusal_that_is_not_wanted_any_more_ends_its_connection() {
    let (sender, ended) = std::sync::mpsc::channel();
    let server = Fake::start(move |_, stream| {
        read_head(stream);
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\n").unwrap();
        sender.send(stream.read(&mut [0]).ok()).unwrap();
    });
    let cluster = cluster(&upstream(&[server.address]));
    run(async {
        drop(refused(&cluster).await);
        while ended.try_recv().is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    assert_eq!(failures(&cluster, 0), BTreeMap::new());
}

#[test]
fn where_all_targets_are_down_nobody_is_asked() {
    let server = server();
    let check = model::HealthCheck {
        probe: model::Probe::Tcp,
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        healthy_threshold: 1,
        unhealthy_threshold: 1,
    };
    let cluster = cluster(&Upstream { health_check: Some(check), ..upstream(&[server.address]) });
    cluster.report_check(&cluster.targets()[0], Err("it is down"));
    let error = opened(&cluster).err().unwrap();
    assert_eq!((error.status(), error.reason()), (StatusCode::SERVICE_UNAVAILABLE, "no_healthy_target"));
    assert_eq!(server.accepted(), 0);
}

#[test]
fn a_sticky_upstream_gives_a_cookie() {
    let server = server();
    let sticky = Sticky {
        cookie_name: "node".to_owned(),
        ttl: Duration::from_secs(60),
        path: "/".to_owned(),
        secure: None,
        same_site: model::SameSite::Lax,
    };
    let cluster = cluster(&Upstream { sticky: Some(sticky), ..upstream(&[server.address]) });
    let cookie = opened(&cluster).unwrap().set_cookie.unwrap();
    assert!(cookie.to_str().unwrap().starts_with("node="), "{cookie:?}");
    let pair = cookie.to_str().unwrap().split(';').next().unwrap();
    let headers: HeaderMap = [(header::COOKIE, HeaderValue::from_str(pair).unwrap())].into_iter().collect();
    let wish = crate::upstream::fake::wish_with(&cluster, &headers);
    assert_eq!(run(open(&cluster, wish, REQUEST, &asked(), None)).unwrap().set_cookie, None);
}

#[test]
fn a_target_may_be_a_unix_socket() {
    let directory = std::env::temp_dir().join(format!("framegate-open-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("backend.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; REQUEST.len()];
        stream.read_exact(&mut head).unwrap();
        stream.write_all(switching(str::from_utf8(&head).unwrap()).as_bytes()).unwrap();
    });
    let target = model::Target::new(TargetAddress::Unix(path.clone()));
    let cluster = cluster(&Upstream::new("backend", vec![target]));
    let opened = opened(&cluster).unwrap();
    assert!(matches!(opened.answer, Answer::Switched(..)));
    assert_eq!(*opened.address, *format!("unix:{}", path.display()));
    server.join().unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn a_name_without_addresses_is_a_failure_of_its_own() {
    let target = model::Target::new(TargetAddress::Tcp { host: "backend.invalid".to_owned(), port: 1 });
    let cluster = cluster(&Upstream::new("backend", vec![target]));
    assert_eq!(opened(&cluster).err().unwrap().reason(), "upstream_unresolved");
    assert_eq!(failures(&cluster, 0), BTreeMap::from([("unresolved", 1)]));
}

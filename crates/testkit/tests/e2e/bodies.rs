//! Bodies of plain requests and answers: they pass as they come, in their own framing, up to
//! their limit, and one that breaks off never looks whole.

use std::thread;
use std::time::Duration;

use serde_json::json;
use testkit::backend::Backend;
use testkit::message::Message;
use testkit::noise::Noise;
use testkit::peer::{Ending, Peer};
use testkit::records::assert_has;
use testkit::rig::{Exchange, Rig};

/// How long nothing must happen where nothing should.
const QUIET: Duration = Duration::from_millis(20);

fn get() -> Message {
    Message::get("/")
}

fn post() -> Message {
    Message::request("POST", "/upload")
}

fn ok() -> Message {
    Message::new("HTTP/1.1 200 OK")
}

#[test]
fn a_body_with_its_length_passes_byte_by_byte_both_ways() {
    let rig = Rig::default();
    let mut exchange = rig.ask(&post().with("Content-Length", "5"));
    assert_eq!(exchange.request.get("Content-Length"), Some("5"));
    assert_eq!(exchange.request.get("Transfer-Encoding"), None);
    for byte in b"hello" {
        exchange.client.send(&[*byte]);
        exchange.upstream.expect(&[*byte]);
    }
    let head = exchange.answer(&ok().with("Content-Length", "5"));
    assert_eq!((head.get("Content-Length"), head.get("Transfer-Encoding")), (Some("5"), None));
    for byte in b"world" {
        exchange.upstream.send(&[*byte]);
        exchange.client.expect(&[*byte]);
    }
    drop(exchange);
    let expected = json!({"status": 200, "request_bytes": 5, "response_bytes": 5, "method": "POST"});
    assert_has(rig.finish().only("request"), &expected);
}

#[test]
fn chunks_pass_as_they_come_both_ways() {
    let rig = Rig::default();
    let mut exchange = rig.ask(&post().with("Transfer-Encoding", "chunked"));
    assert_eq!(exchange.request.get("Transfer-Encoding"), Some("chunked"));
    for chunk in ["first", "s", "third and longer"] {
        exchange.client.send(format!("{:x}\r\n{chunk}\r\n", chunk.len()).as_bytes());
        assert_eq!(exchange.upstream.read_chunk(), chunk.as_bytes());
    }
    // The answer need not wait for the end of the request.
    let head = exchange.answer(&ok().with("Transfer-Encoding", "chunked"));
    assert_eq!((head.get("Content-Length"), head.get("Transfer-Encoding")), (None, Some("chunked")));
    for chunk in ["answer", "a"] {
        exchange.upstream.send(format!("{:x}\r\n{chunk}\r\n", chunk.len()).as_bytes());
        assert_eq!(exchange.client.read_chunk(), chunk.as_bytes());
        exchange.client.send(b"2\r\nup\r\n");
        assert_eq!(exchange.upstream.read_chunk(), b"up");
    }
    exchange.client.send(b"0\r\n\r\n");
    assert_eq!(exchange.upstream.read_chunk(), b"");
    assert_eq!(exchange.upstream.read_trailers(), [""; 0]);
    exchange.upstream.send(b"0\r\n\r\n");
    assert_eq!(exchange.client.read_chunk(), b"");
    assert_eq!(exchange.client.read_trailers(), [""; 0]);
    // Both connections are good for more.
    exchange.ask(&get());
    assert_eq!(exchange.answer(&Message::ok("")).status(), 200);
    drop(exchange);
    let records = rig.finish();
    let first = records.of("request").into_iter().find(|record| record["path"] == "/upload").unwrap();
    assert_has(first, &json!({"request_bytes": 26, "response_bytes": 7}));
}

#[test]
fn an_answer_until_the_end_of_the_connection_becomes_chunks() {
    let rig = Rig::default();
    for version in ["1.1", "1.0"] {
        let mut exchange = rig.ask(&get());
        let head = exchange.answer(&ok().first_line(&format!("HTTP/{version} 200 OK")));
        assert_eq!(head.get("Transfer-Encoding"), Some("chunked"));
        exchange.upstream.send(b"until");
        assert_eq!(exchange.client.read_chunk(), b"until");
        exchange.upstream.send(b"the end");
        assert_eq!(exchange.client.read_chunk(), b"the end");
        exchange.upstream.finish();
        assert_eq!(exchange.client.read_chunk(), b"");
        assert_eq!(exchange.client.read_trailers(), [""; 0]);
    }
    rig.finish();
}

#[test]
fn trailers_that_were_announced_pass_both_ways_and_bring_nothing_that_a_head_decides() {
    let rig = Rig::default();
    let forbidden = "Content-Length: 7\r\nTransfer-Encoding: gzip\r\nHost: evil.example\r\nX-Forwarded-For: 6.6.6.6\r\n\
                     X_Forwarded_For: 6.6.6.6\r\nX-Request-Id: forged\r\nConnection: close\r\n";
    let names = "X-Sum, Content-Length, Transfer-Encoding, Host, X-Forwarded-For, X_Forwarded_For, X-Request-Id, Connection";
    let body = format!("5\r\nhello\r\n0\r\n{forbidden}X-Sum: 5\r\n\r\n");
    let request = post()
        .with("TE", "trailers")
        .with("Connection", "TE")
        .with("Trailer", names)
        .with("Transfer-Encoding", "chunked")
        .body(body.as_bytes());
    let mut exchange = rig.ask(&request);
    assert_eq!(exchange.request.get("TE"), Some("trailers"));
    assert_eq!(exchange.upstream.read_chunk(), b"hello");
    assert_eq!(exchange.upstream.read_chunk(), b"");
    assert_eq!(exchange.upstream.read_trailers(), ["x-sum: 5"]);
    let answer = ok().with("Trailer", names).with("Transfer-Encoding", "chunked").body(body.as_bytes());
    exchange.answer(&answer);
    assert_eq!(exchange.client.read_chunk(), b"hello");
    assert_eq!(exchange.client.read_chunk(), b"");
    assert_eq!(exchange.client.read_trailers(), ["x-sum: 5"]);
    drop(exchange);
    rig.finish();
}

#[test]
fn answers_without_a_body_have_none_whatever_their_fields_say() {
    let rig = Rig::default();
    let head_of = || Message::request("HEAD", "/");
    let cases = [
        (head_of(), ok().with("Content-Length", "1000"), 200, Some("1000")),
        (head_of(), ok().with("Transfer-Encoding", "chunked"), 200, None),
        (head_of(), ok(), 200, None),
        (get(), Message::new("HTTP/1.1 204 No Content"), 204, None),
        (get(), Message::new("HTTP/1.1 304 Not Modified").with("Content-Length", "1000"), 304, None),
        (get(), Message::new("HTTP/1.1 304 Not Modified").with("ETag", "\"7\""), 304, None),
        (get(), Message::ok(""), 200, Some("0")),
    ];
    let client = rig.connect();
    let upstream = None;
    let (mut client, mut upstream): (_, Option<_>) = (client, upstream);
    for (request, answer, status, length) in cases {
        client.send(&request.to_bytes());
        let mut end = upstream.take().unwrap_or_else(|| rig.backend().accept());
        let seen = end.read_head();
        assert!(request.to_bytes().starts_with(seen.first_line.as_bytes()), "{seen:?}");
        assert_eq!((seen.get("Content-Length"), seen.get("Transfer-Encoding")), (None, None));
        end.send(&answer.to_bytes());
        let head = client.read_head();
        assert_eq!((head.status(), head.get("Content-Length")), (status, length), "{answer:?}");
        if status == 204 {
            assert_eq!(head.get("Transfer-Encoding"), None);
        }
        client.expect_silence(QUIET);
        // One without a length to a HEAD leaves nothing open: the connection stays.
        upstream = Some(end);
    }
    drop((client, upstream));
    let records = rig.finish();
    assert!(records.of("request").iter().all(|record| record["response_bytes"] == 0), "{records:?}");
}

#[test]
fn a_client_that_waits_for_100_is_told_to_go_on_and_the_backend_is_not_asked_to() {
    let rig = Rig::default();
    let request = post().with("Content-Length", "5").with("Expect", "100-continue");
    let mut exchange = rig.ask(&request);
    assert_eq!(exchange.request.get("Expect"), None);
    assert_eq!(exchange.client.read_head().first_line, "HTTP/1.1 100 Continue");
    exchange.client.send(b"hello");
    exchange.upstream.expect(b"hello");
    assert_eq!(exchange.answer(&Message::ok("")).status(), 200);
    // Who does not wait is not told.
    exchange.ask(&post().sized("hello"));
    exchange.upstream.expect(b"hello");
    assert_eq!(exchange.answer(&Message::ok("")).status(), 200);
    drop(exchange);
    rig.finish();
}

#[test]
fn an_answer_may_come_before_the_end_of_the_request() {
    let rig = Rig::default();
    for framing in [("Content-Length", "1000000"), ("Transfer-Encoding", "chunked")] {
        let mut exchange = rig.ask(&post().with(framing.0, framing.1));
        exchange.client.send(b"5\r\nhello\r\n");
        let begun = if framing.0 == "Content-Length" { &b"5\r\nhello\r\n"[..] } else { b"5\r\nhello\r\n" };
        exchange.upstream.expect(begun);
        let answer =
            Message::new("HTTP/1.1 413 Content Too Large").with("Connection", "close").sized("enough");
        let head = exchange.answer(&answer);
        assert_eq!((head.status(), exchange.client.read_body(&head)), (413, b"enough".to_vec()));
        // The rest of the request is nobody's request, and its answer is not lost for it.
        exchange.upstream.finish();
        let _may_be_too_late = exchange.client.try_send(b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n");
        exchange.client.finish();
        let (more, _) = exchange.client.read_to_end();
        assert_eq!(more, b"");
        rig.backend().assert_not_dialled();
    }
    let records = rig.finish();
    assert!(records.of("request").iter().all(|record| record["status"] == 413), "{records:?}");
}

const LIMITED: &str = r#"
    routes {
        route "limited" { matches { path-prefix "/upload" }; upstream "backend"; max-body-size 10 }
        route "free" { upstream "backend"; max-body-size 0 }
    }
    limits { max-body-size 5 }
    upstreams { upstream "backend" { target "$0" } }"#;

#[test]
fn a_length_above_the_limit_is_refused_before_a_byte_of_it_is_asked_for() {
    let rig = Rig::from_kdl([Backend::default()], LIMITED);
    for expects in [true, false] {
        let request = post().with("Content-Length", "11");
        let request = if expects { request.with("Expect", "100-continue") } else { request };
        let mut client = rig.send(&request.to_bytes());
        // No 100 before it.
        let head = client.read_head();
        assert_eq!(head.status(), 413);
        assert_eq!(client.read_body(&head), b"413 Payload Too Large: the body is above 10 bytes\n");
        rig.backend().assert_not_dialled();
        // What comes of it all the same is no request.
        let _may_be_too_late = client.try_send(b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.read_to_end().0, b"");
        rig.backend().assert_not_dialled();
    }
    for (request, body) in
        [(post(), "0123456789"), (Message::request("POST", "/free"), "more than ten bytes")]
    {
        let mut exchange = rig.ask(&request.sized(body).with("Connection", "close"));
        exchange.upstream.expect(body.as_bytes());
        assert_eq!(exchange.answer(&Message::ok("").with("Connection", "close")).status(), 200);
    }
    let records = rig.finish();
    assert_eq!(records.reasons("request")["body_too_large"], 2);
}

#[test]
fn chunks_above_the_limit_are_refused_and_the_backend_sees_no_end() {
    let rig = Rig::from_kdl([Backend::default()], LIMITED);
    let mut exchange = rig.ask(&post().with("Transfer-Encoding", "chunked"));
    exchange.client.send(b"a\r\n0123456789\r\n");
    assert_eq!(exchange.upstream.read_chunk(), b"0123456789");
    exchange.client.send(b"1\r\n!\r\n");
    let head = exchange.client.read_head();
    assert_eq!(head.status(), 413);
    let _body = exchange.client.read_body(&head);
    let (rest, _) = exchange.upstream.read_to_end();
    assert_eq!(rest, b"");
    let _may_be_too_late = exchange.client.try_send(b"0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(exchange.client.read_to_end().0, b"");
    rig.backend().assert_not_dialled();
    drop(exchange);
    let records = rig.finish();
    assert_has(
        records.only("request"),
        &json!({"status": 413, "reason": "body_too_large", "route": "limited"}),
    );
}

#[test]
fn a_client_that_goes_before_its_answer_takes_the_exchange_with_it() {
    for by_reset in [true, false] {
        let rig = Rig::default();
        let mut exchange = rig.ask(&get());
        if by_reset {
            exchange.client.abort()
        } else {
            drop(exchange.client)
        }
        let (bytes, _) = exchange.upstream.read_to_end();
        assert_eq!(bytes, b"");
        let metrics = rig.settled();
        assert_eq!(metrics.get("framegate_http_requests_total{route=\"relay\",status=\"none\"}"), 1.0);
        let records = rig.finish();
        let record = records.only("request");
        assert_eq!(record.get("status"), None);
        assert_has(record, &json!({"reason": "client_gone", "path": "/", "response_bytes": 0}));
    }
}

#[test]
fn a_client_that_goes_within_its_answer_takes_the_exchange_with_it() {
    for by_reset in [true, false] {
        let rig = Rig::default();
        let mut exchange = rig.ask(&get());
        exchange.answer(&ok().with("Content-Length", "1000"));
        exchange.upstream.send(b"begun");
        exchange.client.expect(b"begun");
        if by_reset {
            exchange.client.abort()
        } else {
            drop(exchange.client)
        }
        let (bytes, _) = exchange.upstream.read_to_end();
        assert_eq!(bytes, b"");
        let _settled = rig.settled();
        let records = rig.finish();
        assert_has(
            records.only("request"),
            &json!({"status": 200, "reason": "client_gone", "response_bytes": 5}),
        );
    }
}

#[test]
fn a_client_that_goes_within_its_request_takes_the_exchange_with_it() {
    for framing in [("Content-Length", "1000"), ("Transfer-Encoding", "chunked")] {
        let rig = Rig::default();
        let mut exchange = rig.ask(&post().with(framing.0, framing.1));
        exchange.client.send(b"5\r\nhello\r\n");
        exchange.upstream.expect(b"5\r\nhello\r\n");
        drop(exchange.client);
        // Whatever end this is, it is none of a whole body.
        let (rest, _) = exchange.upstream.read_to_end();
        assert_eq!(rest, b"");
        let _settled = rig.settled();
        let records = rig.finish();
        let record = records.only("request");
        assert!(record.get("status").is_none_or(|status| *status == 400), "{record}");
    }
}

#[test]
fn an_answer_that_breaks_off_breaks_off_at_the_client() {
    for by_reset in [true, false] {
        for framing in [("Content-Length", "1000"), ("Transfer-Encoding", "chunked")] {
            let rig = Rig::default();
            let mut exchange = rig.ask(&get());
            exchange.answer(&ok().with(framing.0, framing.1));
            exchange.upstream.send(b"5\r\nhello\r\n");
            exchange.client.expect(b"5\r\nhello\r\n");
            if by_reset {
                exchange.upstream.abort()
            } else {
                drop(exchange.upstream)
            }
            // No last chunk, no rest of the length.
            let (rest, _) = exchange.client.read_to_end();
            assert_eq!(rest, b"");
            drop(exchange.client);
            let records = rig.finish();
            let expected = json!({"status": 200, "reason": "upstream_answer_broken"});
            assert_has(records.only("request"), &expected);
        }
    }
}

#[test]
fn an_answer_that_breaks_off_does_not_look_whole_to_who_knows_no_chunks() {
    let rig = Rig::default();
    let mut exchange = rig.ask(&Message::new("GET / HTTP/1.0"));
    exchange.answer(&ok().with("Transfer-Encoding", "chunked"));
    exchange.upstream.send(b"5\r\nhello\r\n");
    exchange.client.expect(b"hello");
    drop(exchange.upstream);
    // A FIN would be the end of such an answer.
    exchange.client.expect_end(Ending::Reset);
    rig.finish();
}

#[test]
fn an_answer_with_chunks_that_are_not_well_formed_breaks_off() {
    for chunks in
        [&b"zz\r\n"[..], b"5\nworld\n", b"-1\r\n", b"3\r\nworld\r\n", b"10000000000000000\r\n", b"5;\n"]
    {
        let rig = Rig::default();
        let mut exchange = rig.ask(&get());
        exchange.answer(&ok().with("Transfer-Encoding", "chunked").body(b"5\r\nhello\r\n"));
        assert_eq!(exchange.client.read_chunk(), b"hello");
        exchange.upstream.send(chunks);
        let (rest, _) = exchange.client.read_to_end();
        assert!(!rest.ends_with(b"0\r\n\r\n"), "{}", rest.escape_ascii());
        let _end = exchange.upstream.read_to_end();
        drop(exchange);
        rig.finish();
    }
}

#[test]
fn a_backend_that_falls_silent_within_its_answer_is_given_up() {
    let rig = Rig::configured(
        Backend::default(),
        |_| {},
        |config| {
            config.upstreams[0].timeouts.read = Duration::from_millis(100);
            config.upstreams[0].timeouts.request = Duration::from_millis(100);
        },
    );
    // Before its head as well.
    let mut exchange = rig.ask(&get());
    assert_eq!(exchange.client.read_head().status(), 504);
    let _end = exchange.upstream.read_to_end();
    drop(exchange);
    let mut exchange = rig.ask(&get());
    exchange.answer(&ok().with("Content-Length", "10").body(b"begun"));
    exchange.client.expect(b"begun");
    assert_eq!(exchange.client.read_to_end().0, b"");
    let _end = exchange.upstream.read_to_end();
    drop(exchange);
    let records = rig.finish();
    let reasons = records.reasons("request");
    assert_eq!((reasons["upstream_timeout"], reasons["upstream_answer_broken"]), (1, 1));
}

#[test]
fn a_client_that_falls_silent_within_its_request_is_told_so() {
    let rig = Rig::configured(
        Backend::default(),
        |_| {},
        |config| {
            config.upstreams[0].timeouts.write = Duration::from_millis(100);
        },
    );
    let mut exchange = rig.ask(&post().with("Content-Length", "10").body(b"begun"));
    exchange.upstream.expect(b"begun");
    let head = exchange.client.read_head();
    assert_eq!(head.status(), 408);
    let _end = exchange.upstream.read_to_end();
    drop(exchange);
    assert_eq!(rig.finish().reasons("request")["request_body_timeout"], 1);
}

#[test]
fn large_bodies_pass_unchanged_both_ways() {
    const SIZE: usize = 8 * 1024 * 1024;
    let rig = Rig::default();
    let body = Noise::new(7).repeated(SIZE);
    let mut exchange = rig.ask(&post().with("Content-Length", &SIZE.to_string()));
    let pass = |from: &Peer, to: &mut Peer| {
        let mut writer = from.second_hand();
        thread::scope(|scope| {
            scope.spawn(|| writer.send(&body));
            to.expect(&body);
        });
    };
    pass(&exchange.client, &mut exchange.upstream);
    let head = exchange.answer(&ok().with("Content-Length", &SIZE.to_string()));
    assert_eq!(head.status(), 200);
    pass(&exchange.upstream, &mut exchange.client);
    drop(exchange);
    let records = rig.finish();
    assert_has(records.only("request"), &json!({"request_bytes": SIZE, "response_bytes": SIZE}));
}

#[test]
fn who_reads_nothing_of_a_body_stops_who_sends_it() {
    /// More than the kernel holds on the way, whatever windows it has.
    const SIZE: usize = 96 * 1024 * 1024;
    const KERNEL_BUFFER: usize = 64 * 1024;
    let rig = Rig::before(Backend::with_small_buffers(KERNEL_BUFFER), |_| {});
    let body = vec![7; SIZE];
    let length = SIZE.to_string();
    let mut client = rig.connect();
    client.keep_buffers_small(KERNEL_BUFFER);
    client.send(&post().with("Content-Length", &length).to_bytes());
    let mut exchange = Exchange::begin(client, rig.backend().accept());
    let sent = exchange.client.send_until_blocked(&body, Duration::from_millis(100));
    assert!(sent < SIZE, "the gateway has taken it all");
    drop(exchange);
    let mut client = rig.connect();
    client.keep_buffers_small(KERNEL_BUFFER);
    client.send(&get().to_bytes());
    let mut exchange = Exchange::begin(client, rig.backend().accept());
    assert_eq!(exchange.answer(&ok().with("Content-Length", &length)).status(), 200);
    let sent = exchange.upstream.send_until_blocked(&body, Duration::from_millis(100));
    assert!(sent < SIZE, "the gateway has taken it all");
    drop(exchange);
    rig.finish();
}

//! Requests within requests: wherever two parsers could disagree where a message ends, it is
//! refused, or goes on in one framing that leaves no choice. What was meant for a body never
//! becomes a request, and what was meant for nobody never becomes an answer.

use std::time::Duration;

use testkit::message::Message;
use testkit::peer::{Ending, Peer};
use testkit::rig::{Exchange, Rig};

/// What an attacker hides.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: example.org\r\n\r\n";

/// How long nothing must happen where nothing should.
const QUIET: Duration = Duration::from_millis(20);

fn post() -> Message {
    Message::request("POST", "/upload")
}

fn get() -> Message {
    Message::get("/")
}

/// The request with what is hidden behind it is answered with that status and nothing else;
/// nobody else sees a byte of it.
#[track_caller]
fn expect_refused(rig: &Rig, request: &[u8], status: u16) {
    let mut client = rig.send(&[request, HIDDEN.as_bytes()].concat());
    let head = client.read_head();
    assert_eq!(head.status(), status, "{}", request.escape_ascii());
    let _body = client.read_body(&head);
    client.expect_end(Ending::Fin);
    rig.backend().assert_not_dialled();
}

#[test]
fn row_8_a_length_that_is_not_one_number_is_refused() {
    let rig = Rig::default();
    for lengths in [
        &["5", "6"][..],
        &["6", "5"],
        &["0", "5"],
        &["5, 6"],
        &["5, 5"],
        &["5,"],
        &["+5"],
        &["-5"],
        &["0x5"],
        &["5 5"],
        &["5;"],
        &["5.0"],
        &[""],
        &["18446744073709551616"],
        &["99999999999999999999999"],
        &["1e1"],
    ] {
        let request = lengths.iter().fold(post(), |request, length| request.with("Content-Length", length));
        expect_refused(&rig, &request.body(b"hello").to_bytes(), 400);
    }
    assert_eq!(rig.finish().reasons("refused")["malformed_request"], 16);
}

#[test]
fn row_8_a_coding_that_is_not_chunked_alone_is_refused() {
    let rig = Rig::default();
    for (codings, status) in [
        (&["identity"][..], 400),
        (&["chunked, identity"], 400),
        (&["chunked", "identity"], 400),
        (&["xchunked"], 400),
        (&["chunked-x"], 400),
        (&["\"chunked\""], 400),
        (&["chunked;q=1"], 400),
        (&[""], 400),
        (&["gzip, chunked"], 501),
        (&["identity, chunked"], 501),
        (&["identity", "chunked"], 501),
        (&["chunked, chunked"], 501),
        (&["chunked", "chunked"], 501),
        (&[", chunked"], 501),
    ] {
        for length in [None, Some("5")] {
            let request =
                codings.iter().fold(post(), |request, value| request.with("Transfer-Encoding", value));
            let request =
                length.iter().fold(request, |request, length| request.with("Content-Length", length));
            expect_refused(&rig, &request.body(b"5\r\nhello\r\n0\r\n\r\n").to_bytes(), status);
        }
    }
    rig.finish();
}

#[test]
fn row_8_chunks_in_http_1_0_are_refused() {
    let rig = Rig::default();
    let request = post().first_line("POST /upload HTTP/1.0").chunked("hello");
    for request in [request.clone(), request.with("Connection", "keep-alive")] {
        expect_refused(&rig, &request.to_bytes(), 400);
    }
    rig.finish();
}

#[test]
fn row_8_lines_that_hide_a_length_or_a_coding_are_refused() {
    let rig = Rig::default();
    for line in [
        &b"Transfer-Encoding : chunked"[..],
        b"Transfer-Encoding\t: chunked",
        b" Transfer-Encoding: chunked",
        b"X: y\r\n Transfer-Encoding: chunked",
        b"X: y\r\n\tTransfer-Encoding: chunked",
        b"Transfer-Encoding:\r\n chunked",
        b"Transfer-Encoding: chunked\0",
        b"Transfer-Encoding: chunked\x0b",
        b"Transfer-Encoding: \x0cchunked",
        b"\0Transfer-Encoding: chunked",
        b"Transfer-Encoding\0: chunked",
        b"X: y\rTransfer-Encoding: chunked",
        b"Transfer-Encoding",
        b"Transfer Encoding: chunked",
        b"Content-Length : 60",
        b"X: y\rContent-Length: 60",
        b"Content-Length: 6\r0",
        b"Content-Length: 6\r\n 0",
        b": chunked",
    ] {
        let request = post().with("Content-Length", "5").line(line).body(b"hello");
        expect_refused(&rig, &request.to_bytes(), 400);
    }
    rig.finish();
}

#[test]
fn row_8_a_request_line_that_is_none_is_refused() {
    let rig = Rig::default();
    for line in [
        &b"GET  / HTTP/1.1"[..],
        b"GET /  HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b"GET\t/ HTTP/1.1",
        b" GET / HTTP/1.1",
        b"GET / HTTP/1.1\0",
        b"GET / HTTP/1.1x",
        b"GET / HTTP/01.1",
        b"GET / http/1.1",
        b"GET /",
        b"G\0T / HTTP/1.1",
        b"G(T / HTTP/1.1",
        b"/ GET HTTP/1.1",
        b"HTTP/1.1 200 OK",
        b"\x16\x03\x01\x02\x00",
    ] {
        expect_refused(&rig, &[line, b"\r\nHost: example.org\r\n\r\n"].concat(), 400);
    }
    rig.finish();
}

#[test]
fn row_12_a_plain_request_has_one_host_and_that_of_its_target() {
    let rig = Rig::default();
    let other = |version: &str| get().first_line(&format!("GET http://other.example/ HTTP/{version}"));
    for request in [
        get().without("Host"),
        get().with("Host", "example.org"),
        get().with("Host", "internal"),
        get().replace("Host", ""),
        get().replace("Host", "a, b"),
        get().replace("Host", "a b"),
        get().replace("Host", "user@example.org"),
        get().replace("Host", "example.org/x"),
        get().replace("Host", "example.org:x"),
        other("1.1"),
        other("1.0"),
        get().first_line("GET / HTTP/1.0").with("Host", "internal"),
        get().first_line("GET / HTTP/1.0").replace("Host", "a b"),
    ] {
        let mut client = rig.send(&request.to_bytes());
        assert_eq!(client.read_head().status(), 400, "{request:?}");
        rig.backend().assert_not_dialled();
    }
    let records = rig.finish();
    let reasons = records.reasons("request");
    assert_eq!(
        reasons.keys().copied().collect::<Vec<_>>(),
        ["host_invalid", "host_mismatch", "host_missing", "host_repeated"]
    );
}

/// The request comes to the backend with that body; the answer is the connection's last one,
/// and what is hidden goes nowhere.
#[track_caller]
fn expect_the_last(rig: &Rig, request: &[u8], body: &[u8]) {
    let client = rig.send(&[request, HIDDEN.as_bytes()].concat());
    let mut exchange = Exchange::begin(client, rig.backend().accept());
    assert_eq!(exchange.upstream.read_body(&exchange.request), body, "{}", request.escape_ascii());
    let head = exchange.answer(&Message::ok("done").with("Connection", "close"));
    assert_eq!((head.status(), head.get("Connection")), (200, Some("close")), "{}", request.escape_ascii());
    exchange.client.expect(b"done");
    exchange.client.expect_end(Ending::Fin);
    exchange.upstream.finish();
    exchange.upstream.expect_end(Ending::Fin);
    rig.backend().assert_not_dialled();
}

#[test]
fn row_8_a_length_beside_chunks_is_dropped_and_the_connection_ends() {
    let rig = Rig::default();
    let with_both = |length: &str| post().with("Content-Length", length).chunked("hello");
    for request in [
        with_both("5"),
        with_both("15"),
        with_both("1000"),
        post().chunked("hello").with("Content-Length", "4"),
        post().with("Content-Length", "3").chunked("hello").with("Content-Length", "7"),
    ] {
        expect_the_last(&rig, &request.to_bytes(), b"hello");
    }
    let records = rig.finish();
    assert!(records.of("request").iter().all(|record| record["path"] == "/upload"), "{records:?}");
}

#[test]
fn row_8_the_same_length_twice_goes_on_once() {
    let rig = Rig::default();
    let request = post().with("Content-Length", "5").with("Content-Length", "5").body(b"hello");
    let mut exchange = rig.ask(&request);
    assert_eq!(exchange.request.get("Content-Length"), Some("5"));
    exchange.upstream.expect(b"hello");
    assert_eq!(exchange.answer(&Message::ok("")).status(), 200);
    drop(exchange);
    rig.finish();
}

#[test]
fn row_8_a_request_hidden_in_a_body_stays_in_the_body() {
    let rig = Rig::default();
    for request in [post().sized(HIDDEN), post().chunked(HIDDEN)] {
        let mut exchange = rig.ask(&request.with("Connection", "close"));
        assert_eq!(exchange.upstream.read_body(&exchange.request), HIDDEN.as_bytes());
        exchange.upstream.expect_silence(QUIET);
        exchange.answer(&Message::ok("").with("Connection", "close"));
        exchange.client.expect_end(Ending::Fin);
        rig.backend().assert_not_dialled();
    }
    rig.finish();
}

#[test]
fn row_8_a_get_with_a_body_keeps_it() {
    let rig = Rig::default();
    for request in [get().sized(HIDDEN), get().chunked(HIDDEN), Message::request("DELETE", "/").sized(HIDDEN)]
    {
        let mut exchange = rig.ask(&request.with("Connection", "close"));
        assert_eq!(exchange.upstream.read_body(&exchange.request), HIDDEN.as_bytes());
        exchange.answer(&Message::ok("").with("Connection", "close"));
        exchange.client.expect_end(Ending::Fin);
    }
    rig.finish();
}

#[test]
fn what_is_meant_as_a_second_request_is_one_and_gets_its_own_answer() {
    let rig = Rig::default();
    let both = [post().sized("hello").to_bytes(), HIDDEN.as_bytes().to_vec()].concat();
    let mut exchange = Exchange::begin(rig.send(&both), rig.backend().accept());
    exchange.upstream.expect(b"hello");
    // It waits for its turn.
    exchange.upstream.expect_silence(QUIET);
    rig.backend().assert_not_dialled();
    let head = exchange.answer(&Message::ok("first"));
    assert_eq!(exchange.client.read_body(&head), b"first");
    assert_eq!(exchange.upstream.read_head().first_line, "GET /hidden HTTP/1.1");
    let head = exchange.answer(&Message::ok("second"));
    assert_eq!(exchange.client.read_body(&head), b"second");
    drop(exchange);
    rig.finish();
}

/// Chunks that are not well formed: the client is told, or cut off; the backend sees a body that
/// has no end, and no second request.
#[track_caller]
fn expect_broken(rig: &Rig, chunks: &[u8]) {
    let request = post().with("Transfer-Encoding", "chunked").body(chunks);
    let mut client = rig.send(&[&request.to_bytes(), HIDDEN.as_bytes()].concat());
    let (answer, _) = client.read_to_end();
    let text = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || text.starts_with("HTTP/1.1 400 "), "{} gave {text}", chunks.escape_ascii());
    assert_eq!(text.matches("HTTP/1.1").count(), usize::from(!answer.is_empty()), "{text}");
    // The gateway need not have dialled, where all had come at once.
    while let Some(mut upstream) = rig.backend().try_accept() {
        let (seen, _) = upstream.read_to_end();
        let seen = String::from_utf8_lossy(&seen);
        assert!(!seen.contains("0\r\n\r\n"), "{} went on as a whole: {seen}", chunks.escape_ascii());
        assert!(!seen.contains("hidden"), "{} went on as {seen}", chunks.escape_ascii());
    }
}

#[test]
fn row_8_chunks_that_two_parsers_could_read_in_two_ways_are_refused() {
    let rig = Rig::default();
    for chunks in [
        &b"+5\r\nhello\r\n0\r\n\r\n"[..],
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5_\r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"\r\n5\r\nhello\r\n0\r\n\r\n",
        b";\r\nhello\r\n0\r\n\r\n",
        b"5 5\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\n0\n\n",
        b"5\nhello\r\n0\r\n\r\n",
        b"5\rhello\r\n0\r\n\r\n",
        b"5;a=b\nhello\r\n0\r\n\r\n",
        b"5;a\nb\r\nhello\r\n0\r\n\r\n",
        b"10000000000000005\r\nhello\r\n0\r\n\r\n",
        b"ffffffffffffffff0\r\nhello\r\n0\r\n\r\n",
        b"3\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"5\r\nhello\r0\r\n\r\n",
        b"5\r\nhello\r\n0\n\r\n",
        b"5\r\nhello\r\n\r\n",
        b"5\r\nhello\r\n-0\r\n\r\n",
        b"5\r\nhello\r\n0\r\nX : y\r\n\r\n",
        b"5\r\nhello\r\n0\r\n X: y\r\n\r\n",
        b"5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n",
        b"5\r\nhello\r\n0\r\nX: a\0b\r\n\r\n",
        b"5\r\nhello\r\n0\r\nX: y\rZ: z\r\n\r\n",
    ] {
        expect_broken(&rig, chunks);
    }
    rig.finish();
}

#[test]
fn row_8_what_follows_on_a_last_chunk_without_its_end_is_no_request() {
    let rig = Rig::default();
    let request = post().with("Transfer-Encoding", "chunked").body(b"5\r\nhello\r\n0\r\n\n");
    let client = rig.send(&[&request.to_bytes(), HIDDEN.as_bytes()].concat());
    let mut exchange = Exchange::begin(client, rig.backend().accept());
    // It is taken for trailers, of which none was announced.
    assert_eq!(exchange.upstream.read_body(&exchange.request), b"hello");
    assert_eq!(exchange.answer(&Message::ok("")).status(), 200);
    exchange.upstream.expect_silence(QUIET);
    exchange.client.expect_silence(QUIET);
    drop(exchange);
    rig.finish();
}

#[test]
fn row_8_chunks_go_on_without_what_is_said_beside_them() {
    let rig = Rig::default();
    for chunks in [
        &b"5;a=b\r\nhello\r\n0;c\r\n\r\n"[..],
        b"005\r\nhello\r\n000\r\n\r\n",
        b"5 \t\r\nhello\r\n0\r\n\r\n",
        b"2;x=\"0\"\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"1\r\nh\r\n1\r\ne\r\n1\r\nl\r\n1\r\nl\r\n1\r\no\r\n0\r\n\r\n",
    ] {
        let request = post().with("Transfer-Encoding", "chunked").body(chunks);
        let mut exchange = rig.ask(&request.with("Connection", "close"));
        assert_eq!(exchange.request.get("Transfer-Encoding"), Some("chunked"));
        // Strict: sizes in hexadecimal alone, without extensions.
        assert_eq!(exchange.upstream.read_body(&exchange.request), b"hello", "{}", chunks.escape_ascii());
        exchange.answer(&Message::ok("").with("Connection", "close"));
    }
    rig.finish();
}

#[test]
fn row_8_a_bare_line_feed_in_a_plain_head_ends_a_line_and_is_not_passed_on() {
    let rig = Rig::default();
    let request = b"POST /upload HTTP/1.1\nHost: example.org\nX: y\nContent-Length: 5\n\nhello";
    let mut exchange = Exchange::begin(rig.send(request), rig.backend().accept());
    assert_eq!((exchange.request.get("X"), exchange.request.get("Content-Length")), (Some("y"), Some("5")));
    exchange.upstream.expect(b"hello");
    assert_eq!(exchange.answer(&Message::ok("")).status(), 200);
    drop(exchange);
    rig.finish();
}

/// The answer is of no use: the client is told 502, and the connection is not used again.
#[track_caller]
fn expect_502(rig: &Rig, answer: &[u8]) {
    let mut exchange = rig.ask(&get().with("Connection", "close"));
    exchange.upstream.send(answer);
    let head = exchange.client.read_head();
    assert_eq!(head.status(), 502, "{}", answer.escape_ascii());
    assert_eq!(exchange.client.read_body(&head), b"502 Bad Gateway\n");
    exchange.client.expect_end(Ending::Fin);
    let (_, _) = exchange.upstream.read_to_end();
}

#[test]
fn row_8_answers_that_two_parsers_could_read_in_two_ways_are_a_502() {
    let rig = Rig::default();
    for line in [
        &b"Content-Length: 5\r\nContent-Length: 6"[..],
        b"Content-Length: 5, 6",
        b"Content-Length: +5",
        b"Content-Length: -5",
        b"Content-Length: 0x5",
        b"Content-Length: 5 5",
        b"Content-Length: ",
        b"Content-Length: 99999999999999999999",
        b"Content-Length : 5",
        b" Content-Length: 5",
        b"X: y\r\n Content-Length: 5",
        b"X: a\0b",
        b"X: a\rb",
        b"X Y: z",
        b"No colon",
        b": no name",
    ] {
        expect_502(&rig, &[b"HTTP/1.1 200 OK\r\n", line, b"\r\n\r\nhello"].concat());
    }
    for answer in [
        &b"HTTP/1.1 200OK\r\n\r\n"[..],
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 99 Low\r\n\r\n",
        b"HTTP/1.1 2000 High\r\n\r\n",
        b"hello\r\n\r\n",
        b"\x15\x03\x03\x00\x02\x02\x16\r\n\r\n",
    ] {
        expect_502(&rig, answer);
    }
    assert_eq!(rig.finish().reasons("request")["upstream_answer_malformed"], 22);
}

#[test]
fn row_8_an_answer_with_two_framings_or_an_unknown_coding_is_a_502() {
    let rig = Rig::default();
    let answer = || Message::new("HTTP/1.1 200 OK");
    for answer in [
        answer().with("Content-Length", "5").chunked("hello"),
        answer().with("Content-Length", "3").chunked("hello"),
        answer().chunked("hello").with("Content-Length", "500"),
        answer().with("Transfer-Encoding", "gzip").chunked("hello"),
        answer().chunked("hello").with("Transfer-Encoding", "gzip"),
        answer().with("Transfer-Encoding", "gzip, chunked").body(b"5\r\nhello\r\n0\r\n\r\n"),
        answer().with("Transfer-Encoding", "identity").body(b"hello"),
        answer().with("Transfer-Encoding", "xchunked").body(b"5\r\nhello\r\n0\r\n\r\n"),
        answer().first_line("HTTP/1.0 200 OK").chunked("hello"),
    ] {
        expect_502(&rig, &answer.to_bytes());
    }
    rig.finish();
}

#[test]
fn row_8_an_answer_that_says_its_length_twice_says_it_once_to_the_client() {
    let rig = Rig::default();
    let mut exchange = rig.ask(&get());
    let head = exchange.answer(&Message::ok("hello").with("Content-Length", "5"));
    assert_eq!(exchange.client.read_body(&head), b"hello");
    drop(exchange);
    rig.finish();
}

#[test]
fn what_follows_on_an_answer_is_nobodys_answer() {
    let evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    for (request, answer) in [
        (get(), Message::ok("good").to_bytes()),
        (get(), Message::new("HTTP/1.1 200 OK").chunked("good").to_bytes()),
        (get(), b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
        (get(), b"HTTP/1.1 304 Not Modified\r\nContent-Length: 44\r\n\r\n".to_vec()),
        (Message::request("HEAD", "/"), b"HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\n".to_vec()),
    ] {
        let rig = Rig::default();
        let mut exchange = rig.ask(&request);
        exchange.upstream.send(&[&answer[..], evil.as_bytes()].concat());
        let head = exchange.client.read_head();
        let has_body = head.status() == 200 && request.to_bytes().starts_with(b"GET");
        let body = if has_body { exchange.client.read_body(&head) } else { Vec::new() };
        assert_eq!(body, if has_body { &b"good"[..] } else { b"" });
        let _end = exchange.upstream.read_to_end();
        expect_own_answer(&rig, &mut exchange.client);
        let mut other = rig.connect();
        expect_own_answer(&rig, &mut other);
        drop((exchange, other));
        rig.finish();
    }
}

#[test]
fn an_answer_that_nobody_asked_for_is_nobodys_answer() {
    let rig = Rig::default();
    let mut exchange = rig.ask(&get());
    assert_eq!(exchange.answer(&Message::ok("")).status(), 200);
    // The connection waits for the next request.
    exchange.upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    let _end = exchange.upstream.read_to_end();
    expect_own_answer(&rig, &mut exchange.client);
    drop(exchange);
    rig.finish();
}

/// The next request goes to a connection of its own.
#[track_caller]
fn expect_own_answer(rig: &Rig, client: &mut Peer) {
    client.send(&Message::get("/next").to_bytes());
    let mut upstream = rig.backend().accept();
    assert_eq!(upstream.read_head().first_line, "GET /next HTTP/1.1");
    upstream.send(&Message::ok("own").with("Connection", "close").to_bytes());
    let head = client.read_head();
    assert_eq!(client.read_body(&head), b"own");
}

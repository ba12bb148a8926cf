//! Request lines with fragments, whole, cut, and among bytes that only look like them.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// What is seen of `pieces`, read one by one.
fn seen<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Lines {
    let lines = Lines::default();
    for piece in pieces {
        lines.handle_read(piece);
    }
    lines
}

fn had(lines: &Lines, method: &str, target: &str) -> bool {
    lines.had_fragment(&method.parse().unwrap(), &target.parse().unwrap())
}

/// Request lines with a fragment, with what the parser makes of them.
const WITH_FRAGMENT: [(&str, &str, &str); 12] = [
    ("GET /a#b HTTP/1.1\r\n", "GET", "/a"),
    ("GET /# HTTP/1.1\r\n", "GET", "/"),
    ("GET /a#b HTTP/1.0\r\n", "GET", "/a"),
    ("GET /a#b HTTP/1.1\n", "GET", "/a"),
    ("POST /a?q=1#b#c HTTP/1.1\r\n", "POST", "/a?q=1"),
    ("GET /a#/../b?c HTTP/1.1\r\n", "GET", "/a"),
    ("PROPFIND http://example.org/a#b HTTP/1.1\r\n", "PROPFIND", "http://example.org/a"),
    ("GET HTTP://Example.org#b HTTP/1.1\r\n", "GET", "http://example.org/"),
    ("GET http://example.org?q#b HTTP/1.1\r\n", "GET", "http://example.org?q"),
    ("X-#1 /\u{e9}#\u{e9} HTTP/1.1\r\n", "X-#1", "/\u{e9}"),
    ("\r\n\r\nGET /a#b HTTP/1.1\r\n", "GET", "/a"),
    ("GET /HTTP/1.1#b HTTP/1.1\r\n", "GET", "/HTTP/1.1"),
];

const REST: &str = "Host: example.org\r\nCookie: a#b /c\r\n\r\n";

#[test]
fn a_target_with_a_fragment_is_found_however_the_line_is_cut() {
    for (line, method, target) in WITH_FRAGMENT {
        let text = format!("{line}{REST}");
        let bytes = text.as_bytes();
        assert!(had(&seen([bytes]), method, target), "{line:?}");
        assert!(had(&seen(bytes.chunks(1)), method, target), "{line:?} byte by byte");
        for cut in 1..bytes.len() {
            let (front, back) = bytes.split_at(cut);
            assert!(had(&seen([front, back]), method, target), "{line:?} cut at {cut}");
            for second in cut + 1..line.len() {
                let (middle, back) = back.split_at(second - cut);
                assert!(had(&seen([front, middle, back]), method, target), "{line:?} cut at {cut}, {second}");
            }
        }
    }
}

#[test]
fn it_is_found_behind_a_body_that_does_not_end_its_line() {
    for body in
        ["{\"a\": 1}", "a=b&c=d", "x y z", "GET", "GET /", "#", "# ", "a#b HTTP/1.1", "\0\u{ff} \t", "    "]
    {
        let text = format!("{body}GET /a#b HTTP/1.1\r\n{REST}");
        for cut in 1..text.len() {
            let (front, back) = text.as_bytes().split_at(cut);
            let lines = seen([front, back]);
            assert!(had(&lines, "GET", "/a"), "{body:?} cut at {cut}");
            assert!(!had(&lines, "GET", "/a"), "{body:?} cut at {cut}: it is found once");
        }
    }
}

#[test]
fn methods_may_be_long() {
    for length in [METHOD_MAX - 1, METHOD_MAX, METHOD_MAX + 1, 3 * METHOD_MAX] {
        let method = format!("{}Z", "M".repeat(length - 1));
        for body in ["", "}", "abc", &"abc".repeat(50)] {
            let text = format!("{body}{method} /a#b HTTP/1.1\r\n{REST}");
            for cut in 1..text.len() {
                let (front, back) = text.as_bytes().split_at(cut);
                let lines = seen([front, back]);
                assert!(!had(&lines, "Z", "/b"));
                assert!(!had(&lines, "GET", "/a"));
                assert!(had(&lines, &method, "/a"), "{length} behind {body:?} cut at {cut}");
                assert!(lines.seen.borrow().found.is_empty(), "it is found once");
            }
        }
    }
}

#[test]
fn what_parsers_make_of_a_target_is_what_it_is_compared_with() {
    let mut parsed = 0;
    for target in
        ["/a#b", "/#", "#b", "*#b", "?q#b", "http://h#b", "http://h/#b", "h:80#b", "/a?#b", "//#b", "/#/#"]
    {
        let Ok(uri) = target.parse::<Uri>() else { continue };
        let line = format!("GET {target} HTTP/1.1\r\n");
        assert!(seen([line.as_bytes()]).had_fragment(&Method::GET, &uri), "{target} is {uri:?}");
        parsed += 1;
    }
    assert!(parsed >= 6, "most of them are targets");
}

#[test]
fn a_request_without_a_fragment_is_not_refused_for_what_else_is_there() {
    let texts = [
        format!("GET /a HTTP/1.1\r\n{REST}"),
        // The fragment of another target or method, in a head, and in a body.
        format!("GET /a HTTP/1.1\r\nX: GET /b#c HTTP/1.1\r\n{REST}"),
        format!("GET /a HTTP/1.1\r\nX: POST /a#c HTTP/1.1\r\n{REST}"),
        format!("GET /a HTTP/1.1\r\n{REST}GET /a/#b HTTP/1.1\r\n"),
        format!("GET /a HTTP/1.1\r\n{REST}GET /A#b HTTP/1.1\r\n"),
        // Lines that are none of HTTP/1.
        format!("GET /a HTTP/1.1\r\n{REST}GET /a#b HTTP/2.0\r\n"),
        format!("GET /a HTTP/1.1\r\n{REST}GET /a#b HTTP/1.1"),
        format!("GET /a HTTP/1.1\r\n{REST}GET /a#b HTTP/1.1 \r\n"),
        format!("GET /a HTTP/1.1\r\n{REST}GET /a#b\r\n"),
        format!("GET /a HTTP/1.1\r\n{REST}GET  /a#b HTTP/1.1\r\n"),
        format!("GET /a HTTP/1.1\r\n{REST}GET /a #b HTTP/1.1\r\n"),
        format!("GET /a HTTP/1.1\r\n{REST}(GET) /a#b HTTP/1.1\r\n"),
        format!("GET /a HTTP/1.1\r\n{REST}GET /a\t#b HTTP/1.1\r\n"),
    ];
    for text in texts {
        for cut in 1..text.len() {
            let (front, back) = text.as_bytes().split_at(cut);
            assert!(!had(&seen([front, back]), "GET", "/a"), "{text:?} cut at {cut}");
        }
    }
}

#[test]
fn each_of_several_requests_in_one_read_is_asked_for_once() {
    let text =
        "GET /a#b HTTP/1.1\r\n\r\nGET /a#c HTTP/1.1\r\n\r\nGET /d#e HTTP/1.1\r\n\r\nGET /a HTTP/1.1\r\n\r\n";
    let lines = seen([text.as_bytes()]);
    assert!(had(&lines, "GET", "/a") && had(&lines, "GET", "/a") && had(&lines, "GET", "/d"));
    assert!(!had(&lines, "GET", "/a") && !had(&lines, "GET", "/d"));
}

#[test]
fn ordinary_requests_leave_nothing_behind() {
    let request = format!("GET /a HTTP/1.1\r\n{REST}");
    let lines = seen([request.as_bytes(); 3]);
    let seen = lines.seen.borrow();
    assert_eq!((seen.unfinished.capacity(), seen.found.capacity()), (0, 0));
    assert_eq!(lines.received(), u64::try_from(3 * request.len()).unwrap());
}

#[test]
fn a_line_that_is_cut_is_forgotten_once_it_is_over() {
    let lines = seen([&b"GET /a#"[..]]);
    assert!(!lines.seen.borrow().unfinished.is_empty());
    lines.handle_read(b"b HTTP/1.1\r\n\r\n");
    assert_eq!(lines.seen.borrow().unfinished.capacity(), 0);
}

#[test]
fn the_longest_line_is_found_in_small_reads_behind_a_long_body() {
    let target = format!("/{}", "x".repeat(LINE_MAX - 30));
    let text = format!("{}GET {target}#b HTTP/1.1\r\n\r\n", "QUJD+".repeat(20_000));
    for size in [500, 16_383, 16_385, 65_536] {
        assert!(had(&seen(text.as_bytes().chunks(size)), "GET", &target), "in reads of {size}");
    }
}

#[test]
fn no_body_makes_it_keep_more_than_its_bound() {
    let bodies = [
        "x".repeat(100_000),
        format!("x {}", "y".repeat(100_000)),
        format!("x #{}", "y".repeat(100_000)),
        "# ".repeat(50_000),
        "a #".repeat(30_000),
        "GET /a#b HTTP/1.1\n".repeat(5_000),
        format!("GET /{}#b HTTP/1.1\n", "a".repeat(LINE_MAX - 10)).repeat(5),
        format!("GET /{}#b HTTP/1.1\n", "a".repeat(100_000)),
    ];
    for body in bodies {
        for size in [1_000, 16_384, 65_536] {
            let lines = Lines::default();
            for piece in body.as_bytes().chunks(size) {
                lines.handle_read(piece);
                let seen = lines.seen.borrow();
                let found: usize = seen.found.iter().map(|line| line.len()).sum();
                assert!(seen.unfinished.len() <= LINE_MAX && found <= LINE_MAX, "{}", &body[..20]);
            }
        }
    }
}

#[test]
fn the_newest_lines_are_kept_where_there_are_too_many() {
    let mut text = "GET /aaaaaaaaaaaaaaaa#b HTTP/1.1\n".repeat(5_000);
    text.push_str("GET /last#b HTTP/1.1\r\n\r\n");
    assert!(had(&seen([text.as_bytes()]), "GET", "/last"));
}

#[tokio::test]
async fn bytes_pass_as_they_are_in_both_directions() {
    let (near, mut far) = tokio::io::duplex(64);
    let (mut watched, lines) = Watched::new(near);
    far.write_all(b"GET /a#b HTTP/1.1\r\n\r\n").await.unwrap();
    let mut buffer = [0; 64];
    let first = watched.read(&mut buffer[..10]).await.unwrap();
    let second = watched.read(&mut buffer[10..]).await.unwrap();
    assert_eq!(&buffer[..first + second], b"GET /a#b HTTP/1.1\r\n\r\n");
    assert_eq!(lines.received(), 21);
    assert!(had(&lines, "GET", "/a"));

    watched.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    watched.shutdown().await.unwrap();
    let mut answer = Vec::new();
    far.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 400 Bad Request\r\n\r\n");

    far.write_all(b"more").await.unwrap();
    watched.into_inner().read_exact(&mut buffer[..4]).await.unwrap();
    assert_eq!((&buffer[..4], lines.received()), (&b"more"[..], 21));
}

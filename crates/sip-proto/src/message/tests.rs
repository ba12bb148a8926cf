//! Splitting: what is a message, where its parts are, and what is refused with which fault.

use super::Message;
use crate::{Fault, HeaderName, Limits, MessageError};

const LIMITS: Limits = Limits { message: 400, head: 300, headers: 6, line: 80 };

/// The fault of `text` and the text before the place where it was seen.
fn refused(text: &str) -> Option<(Fault, &str)> {
    let error = Message::parse(text.as_bytes(), &LIMITS).err()?;
    Some((error.fault, text.get(..error.at).expect("a place in the text")))
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn every_part_is_found_where_it_is() {
    let bytes = b"OPTIONS sip:a@b SIP/2.0\r\nVia : \r\n SIP/2.0/UDP c \r\nl:4\r\nX-Own:\r\n\r\nbody";
    let message = Message::parse(bytes, &LIMITS).unwrap();
    assert_eq!((message.method(), message.request_uri()), (Some(&b"OPTIONS"[..]), Some(&b"sip:a@b"[..])));
    let parts: Vec<_> = message
        .headers()
        .iter()
        .map(|header| {
            let part = |range: &std::ops::Range<usize>| text(&bytes[range.clone()]);
            (header.name, part(&header.name_range), part(&header.value), part(&header.line))
        })
        .collect();
    assert_eq!(
        parts,
        [
            (HeaderName::Via, "Via", "SIP/2.0/UDP c", "Via : \r\n SIP/2.0/UDP c \r\n"),
            (HeaderName::ContentLength, "l", "4", "l:4\r\n"),
            (HeaderName::Other, "X-Own", "", "X-Own:\r\n"),
        ]
    );
    assert_eq!(text(&bytes[message.headers_range()]), "Via : \r\n SIP/2.0/UDP c \r\nl:4\r\nX-Own:\r\n");
    assert_eq!((message.body(), message.content_length()), (&b"body"[..], Some(4)));
    assert_eq!(message.bytes(), bytes);
    assert_eq!(&bytes[message.body_range()], b"body");
}

#[test]
fn headers_are_found_by_name_whatever_their_spelling() {
    let bytes = b"SIP/2.0 200 OK\r\nv: 1\r\nVIA: 2\r\nx-Own: 3\r\nX-OWN: 4\r\n\r\n";
    let message = Message::parse(bytes, &LIMITS).unwrap();
    assert_eq!(message.value(HeaderName::Via), Some(&b"1"[..]));
    let all: Vec<_> = message.all(HeaderName::Via).map(|header| message.value_of(header)).collect();
    assert_eq!(all, [b"1", b"2"]);
    assert_eq!(message.find("X-Own"), Some(&b"3"[..]));
    assert_eq!(message.find("via"), Some(&b"2"[..]), "as written, not what it stands for");
    assert_eq!(message.value(HeaderName::Route), None);
    assert_eq!(message.method(), None);
}

#[test]
fn line_ends_around_a_message_are_let_go_of() {
    for (text, body) in [
        ("SIP/2.0 200 OK\r\n\r\n", ""),
        ("\r\n\r\n\nSIP/2.0 200 OK\r\nl: 2\r\n\r\nab\r\n\r\n", "ab"),
        ("SIP/2.0 200 OK\nl: 2\n\nab\n", "ab"),
        ("SIP/2.0 200 OK\r\nl: 2\r\n\r\n\r\n\r\n", "\r\n"),
        ("SIP/2.0 200 OK\r\n\r\nall of it\r\n", "all of it\r\n"),
    ] {
        let message = Message::parse(text.as_bytes(), &LIMITS).unwrap();
        assert_eq!(message.body(), body.as_bytes(), "{text:?}");
        assert!(message.bytes().starts_with(b"SIP/2.0 200 OK") && message.bytes().ends_with(body.as_bytes()));
    }
}

#[test]
fn what_is_no_message_is_refused_with_its_place() {
    const START: &str = "OPTIONS sip:a@b SIP/2.0\r\n";
    for (rest, fault, before) in [
        ("", Fault::NoEmptyLine, ""),
        ("To: <sip:a@b>\r\n", Fault::NoEmptyLine, "To: <sip:a@b>\r\n"),
        ("To: <sip:a@b>\r\n\r", Fault::NoEmptyLine, "To: <sip:a@b>\r\n\r"),
        (" folded: start\r\n\r\n", Fault::BadHeaderLine, ""),
        ("To <sip:a@b>\r\n\r\n", Fault::BadHeaderLine, ""),
        ("To\r\n : <sip:a@b>\r\n\r\n", Fault::BadHeaderLine, ""),
        ("A: 1\r\n: 2\r\n\r\n", Fault::BadHeaderLine, "A: 1\r\n"),
        ("A: 1\r\nT\u{f6}: 2\r\n\r\n", Fault::BadHeaderLine, "A: 1\r\n"),
        ("A: 1\rVia: 2\r\n\r\n", Fault::BadCharacter, "A: 1"),
        ("A: 1\r\r\n\r\n", Fault::BadCharacter, "A: 1"),
        ("A: \0\r\n\r\n", Fault::BadCharacter, "A: "),
        ("l: x\r\n\r\n", Fault::BadContentLength, "l: "),
        ("l:\r\n\r\n", Fault::BadContentLength, "l:"),
        ("l: -1\r\n\r\n", Fault::BadContentLength, "l: "),
        ("l: +1\r\n\r\na", Fault::BadContentLength, "l: "),
        ("l: 0x1\r\n\r\na", Fault::BadContentLength, "l: "),
        ("l: 1 1\r\n\r\na", Fault::BadContentLength, "l: "),
        ("l: 1, 1\r\n\r\na", Fault::BadContentLength, "l: "),
        ("l: 18446744073709551617\r\n\r\na", Fault::BadContentLength, "l: "),
        ("l: 1\r\nContent-Length: 2\r\n\r\nab", Fault::ConflictingContentLength, "l: 1\r\nContent-Length: "),
        ("l: 2\r\n\r\na", Fault::BodyTooShort, "l: 2\r\n\r\n"),
        ("l: 999999999999\r\n\r\na", Fault::BodyTooShort, "l: 999999999999\r\n\r\n"),
        ("l: 1\r\n\r\nab", Fault::TrailingBytes, "l: 1\r\n\r\na"),
        ("l: 0\r\n\r\n\r\n\r\nOPTIONS sip:a@b SIP/2.0\r\n\r\n", Fault::TrailingBytes, "l: 0\r\n\r\n"),
    ] {
        let message = format!("{START}{rest}");
        assert_eq!(refused(&message), Some((fault, &*format!("{START}{before}"))), "{rest:?}");
    }
    for rest in ["l: 1\r\nContent-Length:\t01\r\n\r\na", "A: \\\0\r\n\r\n", "A: 1\r\n \r\n\t2\r\n\r\n"] {
        assert_eq!(refused(&format!("{START}{rest}")), None, "{rest:?}");
    }
}

#[test]
fn a_first_line_that_is_not_sip_is_refused() {
    for (text, fault) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Fault::BadStartLine),
        ("OPTIONS sip:a@b SIP/2.1\r\n\r\n", Fault::BadVersion),
        ("OPTIONS sip:a@b\rSIP/2.0\r\n\r\n", Fault::BadCharacter),
        ("", Fault::NoEmptyLine),
        ("\r\n\r\n", Fault::NoEmptyLine),
        ("\0", Fault::BadCharacter),
    ] {
        assert_eq!(refused(text).map(|(fault, _)| fault), Some(fault), "{text:?}");
    }
}

#[test]
fn limits_are_kept_to_the_byte() {
    let message = |line: usize, headers: usize, body: usize| {
        let lines: String = (1..headers).map(|_| "A: 1\r\n").collect();
        format!("OPTIONS sip:a@b SIP/2.0\r\nX: {}\r\n{lines}\r\n{}", "x".repeat(line - 5), "b".repeat(body))
    };
    let fault =
        |text: String, limits| Message::parse(text.as_bytes(), &limits).err().map(|error| error.fault);
    let whole = message(80, 6, 0).len();
    let limits = Limits { message: whole + 9, head: whole, ..LIMITS };
    assert_eq!(fault(message(80, 6, 9), limits), None);
    assert_eq!(fault(message(81, 2, 0), limits), Some(Fault::LineTooLong));
    assert_eq!(fault(message(70, 7, 0), limits), Some(Fault::TooManyHeaders));
    assert_eq!(fault(message(80, 6, 10), limits), Some(Fault::MessageTooLarge));
    let head = Limits { head: whole - 1, ..limits };
    assert_eq!(fault(message(80, 6, 9), head), Some(Fault::HeadTooLarge));
    let folded = "OPTIONS sip:a@b SIP/2.0\r\nX: 1\r\n".to_owned() + &" 2\r\n".repeat(30) + "\r\n";
    assert_eq!(fault(folded, LIMITS), Some(Fault::LineTooLong));
    let long_start = format!("OPTIONS sip:{} SIP/2.0\r\n\r\n", "a".repeat(80));
    assert_eq!(fault(long_start, LIMITS), Some(Fault::LineTooLong));
}

#[test]
fn what_stands_behind_a_datagrams_body_is_not_part_of_it() {
    let bytes = b"SIP/2.0 200 OK\r\nl: 2\r\n\r\nab junk";
    let error = MessageError::new(Fault::TrailingBytes, 26);
    assert_eq!(Message::parse(bytes, &LIMITS).err(), Some(error));
    let message = Message::parse_datagram(bytes, &LIMITS).unwrap();
    assert_eq!((message.body(), message.bytes().len()), (&b"ab"[..], 26));
}

#[test]
fn enough_of_a_refused_request_is_salvaged_to_answer_it() {
    const NEEDED: &str =
        "Via: SIP/2.0/UDP c;branch=1\r\nf: <sip:a@b>;tag=1\r\nt: <sip:c@d>\r\ni: 1\r\nCSeq: 1 INFO\r\n";
    for (text, method) in [
        (format!("INFO sip:c@d SIP/7.0\r\n{NEEDED}\r\n"), Some("INFO")),
        (format!("INFO  <sip:c@d>  SIP/2.0\r\n{NEEDED}l: 9\r\n\r\n"), Some("INFO")),
        (format!("INFO sip:c@d SIP/2.0\r\nbad line\r\n folded\r\n{NEEDED}"), Some("INFO")),
        (format!("INFO sip:c@d SIP/2.0\r\nbad: \r x\r\n{NEEDED}also: bad\0"), Some("INFO")),
        (format!("INFO sip:c@d SIP/2.0\r\n{NEEDED}{}", "A: 1\r\n".repeat(90)), Some("INFO")),
        (format!("SIP/2.0 999 no\r\n{NEEDED}\r\n"), None),
        (format!("{NEEDED}\r\n"), None),
        ("INFO sip:c@d SIP/7.0\r\nVia: SIP/2.0/UDP c\r\nt: <sip:c@d>\r\ni: 1\r\n\r\n".into(), None),
        (String::new(), None),
    ] {
        let limits = Limits { line: 40, ..LIMITS };
        let salvaged = Message::salvage(text.as_bytes(), &limits);
        assert_eq!(salvaged.as_ref().and_then(Message::method).map(super::tests::text), method, "{text:?}");
        if let Some(salvaged) = salvaged {
            assert_eq!(salvaged.call_id(), Some(&b"1"[..]));
            assert!(!salvaged.headers().iter().any(|header| salvaged.value_of(header).contains(&b'\r')));
        }
    }
}

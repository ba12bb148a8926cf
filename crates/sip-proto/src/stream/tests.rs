//! Streams: what is found in them, however they arrive, and what cannot be followed.

use super::{Framer, Item, Keepalive};
use crate::{Fault, Limits};

const LIMITS: Limits = Limits { message: 200, head: 100, headers: 9, line: 50 };

const ONE: &str = "OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 4\r\n\r\nb\r\n\r";
const TWO: &str = "SIP/2.0 200 OK\nVia: l:9\nX: 1\n  l: 8\nL\t:\n 2\n\nab";

/// All that is found when the text arrives in such pieces: messages as their text, keepalives as `ping` and
/// `pong`, where a pong that becomes a ping is one ping.
fn found(pieces: &[&[u8]]) -> (Vec<String>, Option<Fault>) {
    let (mut framer, mut buffer, mut items) = (Framer::new(LIMITS), Vec::new(), Vec::<String>::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match framer.next(&buffer) {
                Ok(None) => break,
                Ok(Some(item)) => {
                    let taken: Vec<u8> = buffer.drain(..item.length()).collect();
                    match item {
                        Item::Message { .. } => items.push(String::from_utf8(taken).unwrap()),
                        Item::Keepalive { kind: Keepalive::Pong, .. } => items.push("pong".into()),
                        Item::Keepalive { kind: Keepalive::Ping, .. } => {
                            let is_second_half = taken.iter().filter(|byte| **byte == b'\n').count() == 1;
                            assert!(!is_second_half || items.pop().as_deref() == Some("pong"));
                            items.push("ping".into());
                        }
                    }
                }
                Err(error) => {
                    assert_eq!(framer.next(&buffer), Err(error), "what is lost stays lost");
                    return (items, Some(error.fault));
                }
            }
        }
    }
    (items, None)
}

fn check(text: &str, items: &[&str], fault: Option<Fault>) {
    let expected = (items.iter().map(|item| (*item).to_owned()).collect(), fault);
    let bytes = text.as_bytes();
    assert_eq!(found(&[bytes]), expected, "{text:?}");
    assert_eq!(found(&bytes.chunks(1).collect::<Vec<_>>()), expected, "{text:?} byte by byte");
    for cut in 1..bytes.len() {
        let (head, tail) = bytes.split_at(cut);
        assert_eq!(found(&[head, tail]), expected, "{text:?} cut at {cut}");
    }
}

#[test]
fn messages_end_where_content_length_says() {
    check("", &[], None);
    check(ONE, &[ONE], None);
    check(&format!("{ONE}{TWO}{ONE}"), &[ONE, TWO, ONE], None);
    check(&ONE[..ONE.len() - 1], &[], None);
}

#[test]
fn line_ends_between_messages_are_keepalives() {
    check("\r\n", &["pong"], None);
    check("\r\n\r\n", &["ping"], None);
    check("\r\n\r\n\r\n", &["ping", "pong"], None);
    check("\n\n\r\n", &["ping", "pong"], None);
    check(&format!("\r\n{ONE}\r\n\r\n{TWO}\r\n{ONE}"), &["pong", ONE, "ping", TWO, "pong", ONE], None);
}

#[test]
fn what_does_not_say_where_it_ends_cannot_be_followed() {
    let start = "SIP/2.0 200 OK\r\n";
    for (rest, fault) in [
        ("\r\n", Fault::NoContentLength),
        ("X: 1\r\nContent-Lengt: 1\r\n\r\n", Fault::NoContentLength),
        ("l: -1\r\n\r\n", Fault::BadContentLength),
        ("l:\r\n\r\n", Fault::BadContentLength),
        ("l: 1\r\nl: 2\r\n\r\n", Fault::ConflictingContentLength),
        ("l: 999\r\n\r\n", Fault::MessageTooLarge),
        ("l: 200\r\n\r\n", Fault::MessageTooLarge),
        ("l: 999999999999\r\n\r\n", Fault::MessageTooLarge),
    ] {
        check(&format!("{ONE}{start}{rest}"), &[ONE], Some(fault));
    }
    check(&"x".repeat(101), &[], Some(Fault::HeadTooLarge));
    check(&format!("{start}{}", "X: 1\r\n".repeat(20)), &[], Some(Fault::HeadTooLarge));
    check("\r\n\rX", &["pong"], Some(Fault::BadCharacter));
    check("l: 0\r\n\r\n", &[], Some(Fault::NoContentLength));
}

#[test]
fn limits_are_kept_to_the_byte() {
    let message = |head: usize, body: usize| {
        let rest = format!("SIP/2.0 200 OK\r\nl: {body}\r\n");
        format!("{rest}X: {}\r\n\r\n{}", "x".repeat(head - rest.len() - 7), "b".repeat(body))
    };
    let largest = message(100, 100);
    check(&largest, &[&largest], None);
    check(&message(100, 101), &[], Some(Fault::MessageTooLarge));
    check(&message(101, 0), &[], Some(Fault::HeadTooLarge));
}

#[test]
fn each_byte_is_searched_once_however_small_the_reads_are() {
    // Some 64 KiB byte by byte: a search from the front each time would look at two thousand million bytes.
    let limits = Limits { message: 1 << 20, head: 1 << 20, headers: 9, line: 9 };
    let text = format!("SIP/2.0 200 OK\r\nX: {}\r\n\r\n", "x".repeat(1 << 16));
    let mut framer = Framer::new(limits);
    for end in 0..text.len() {
        assert_eq!(framer.next(&text.as_bytes()[..end]), Ok(None));
        let super::State::Head(head) = &framer.state else { continue };
        assert!(head.searched + 2 >= end, "{head:?} at {end}");
    }
    assert!(framer.next(text.as_bytes()).is_err());
}

#[test]
fn the_length_is_known_before_the_message_is_there() {
    let mut framer = Framer::new(LIMITS);
    assert!(framer.is_between_messages());
    assert_eq!(framer.next(&ONE.as_bytes()[..44]), Ok(None));
    assert_eq!((framer.message_length(), framer.is_between_messages()), (None, false));
    assert_eq!(framer.next(&ONE.as_bytes()[..46]), Ok(None));
    assert_eq!(framer.message_length(), Some(ONE.len()));
    assert_eq!(framer.next(ONE.as_bytes()), Ok(Some(Item::Message { length: ONE.len() })));
    assert!(framer.is_between_messages());
}

#[test]
fn other_limits_hold_at_once_but_not_for_a_message_whose_length_is_known() {
    let small = Limits { message: 60, head: 60, ..LIMITS };
    let text = format!("SIP/2.0 200 OK\r\nContent-Length: 40\r\n\r\n{}", "b".repeat(40));
    assert!(text.len() > small.message);
    let whole = Ok(Some(Item::Message { length: text.len() }));
    for seen in [0, 10, 50] {
        let mut framer = Framer::new(LIMITS);
        assert_eq!(framer.next(&text.as_bytes()[..seen]), Ok(None));
        framer.set_limits(small);
        let is_known = framer.message_length().is_some();
        assert_eq!(framer.next(text.as_bytes()) == whole, is_known, "after {seen} bytes");
        assert_eq!(is_known, seen == 50);
        let mut framer = Framer::new(small);
        framer.set_limits(LIMITS);
        assert_eq!(framer.next(text.as_bytes()), whole);
    }
}

#[test]
fn messages_that_stand_alone_are_keepalives_too() {
    for (message, expected) in [
        ("\r\n\r\n", Some(Keepalive::Ping)),
        ("\r\n\r\n\r\n", Some(Keepalive::Ping)),
        ("\n\n", Some(Keepalive::Ping)),
        ("\r\n", Some(Keepalive::Pong)),
        ("\n", Some(Keepalive::Pong)),
        ("", None),
        ("\r\n\r\nx", None),
        (ONE, None),
    ] {
        assert_eq!(Keepalive::of(message.as_bytes()), expected, "{message:?}");
    }
}

//! Edits: what is written where, and that all else stays.

use super::Edits;
use crate::{HeaderName, Limits, Message};

fn apply(edits: &Edits, original: &str) -> String {
    let mut out = b"before ".to_vec();
    edits.apply(original.as_bytes(), &mut out);
    String::from_utf8(out).unwrap().strip_prefix("before ").unwrap().to_owned()
}

/// The headers of a message after `edit`.
fn edited(headers: &str, edit: impl FnOnce(&Message<'_>, &mut Edits)) -> String {
    const START: &str = "INFO sip:a@b SIP/2.0\r\n";
    let text = format!("{START}{headers}\r\nbody");
    let message = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
    let mut edits = Edits::new();
    edit(&message, &mut edits);
    let copy = apply(&edits, &text);
    copy.strip_prefix(START)
        .and_then(|copy| copy.strip_suffix("\r\nbody"))
        .expect("the rest stays")
        .to_owned()
}

#[test]
fn edits_are_applied_in_the_order_of_their_places() {
    let mut edits = Edits::new();
    assert!(edits.is_empty());
    edits.replace(8..10, &[b"EI", b"!"]);
    edits.insert(2, &[b"<"]);
    edits.remove(3..5);
    edits.insert(2, &[b">"]);
    edits.insert(10, &[b"$"]);
    assert_eq!(apply(&edits, "0123456789"), "01<>2567EI!$");
    edits.clear();
    assert!(edits.is_empty());
    assert_eq!(apply(&edits, "0123456789"), "0123456789");
}

#[test]
fn ranges_that_overlap_or_lie_outside_do_no_harm() {
    let mut edits = Edits::new();
    edits.replace(2..6, &[b"a"]);
    edits.replace(4..8, &[b"b"]);
    edits.insert(5, &[b"c"]);
    edits.replace(9..40, &[b"d"]);
    edits.insert(50, &[b"e"]);
    assert_eq!(apply(&edits, "0123456789"), "01abc8de");
    assert_eq!(apply(&edits, ""), "abcde");
    edits.clear();
    let (start, end) = (6, 3);
    edits.replace(start..end, &[b"backwards"]);
    assert_eq!(apply(&edits, "0123456789"), "012345backwards6789");
}

#[test]
fn header_lines_come_first_last_or_before_their_kind() {
    let headers = "A: 1\r\nv: 2\r\nVia: 3\r\n";
    let via = |message: &Message<'_>, edits: &mut Edits| {
        edits.insert_before(message, HeaderName::Via, &[b"V: ", b"0"])
    };
    assert_eq!(edited(headers, via), "A: 1\r\nV: 0\r\nv: 2\r\nVia: 3\r\n");
    let route = |message: &Message<'_>, edits: &mut Edits| {
        edits.insert_before(message, HeaderName::Route, &[b"Route: 0"]);
        edits.insert_first(message, &[b"B: 1"]);
        edits.insert_last(message, &[b"C: 1"]);
    };
    assert_eq!(edited(headers, route), "Route: 0\r\nB: 1\r\nA: 1\r\nv: 2\r\nVia: 3\r\nC: 1\r\n");
    assert_eq!(edited("", route), "Route: 0\r\nB: 1\r\nC: 1\r\n");
}

#[test]
fn items_are_taken_out_with_their_commas_and_lines() {
    let three = "A: 1\r\nv: a, b ,\r\n c\r\nB: 2\r\nVia: d\r\n";
    for (headers, numbers, expected) in [
        ("Via: a\r\nVia: b\r\n", 0..1, "Via: b\r\n"),
        ("Via: a\r\nVia: b\r\n", 1..2, "Via: a\r\n"),
        ("Via: a\r\nVia: b\r\n", 0..9, ""),
        ("Via: a\r\nVia: b\r\n", 2..9, "Via: a\r\nVia: b\r\n"),
        ("Via:\r\n a\r\n \r\nVia: b\r\n", 0..1, "Via: b\r\n"),
        ("Via: \"x,\" , b\r\n", 0..1, "Via: b\r\n"),
        ("Via: , a,,b\r\n", 0..1, "Via: , b\r\n"),
        ("Via: a,\r\n", 0..1, ""),
        (three, 0..1, "A: 1\r\nv: b ,\r\n c\r\nB: 2\r\nVia: d\r\n"),
        (three, 0..2, "A: 1\r\nv: c\r\nB: 2\r\nVia: d\r\n"),
        (three, 0..3, "A: 1\r\nB: 2\r\nVia: d\r\n"),
        (three, 1..2, "A: 1\r\nv: a, c\r\nB: 2\r\nVia: d\r\n"),
        (three, 1..4, "A: 1\r\nv: a\r\nB: 2\r\n"),
        (three, 2..3, "A: 1\r\nv: a, b\r\nB: 2\r\nVia: d\r\n"),
        (three, 3..4, "A: 1\r\nv: a, b ,\r\n c\r\nB: 2\r\n"),
        (three, 0..0, three),
        ("A: 1\r\n", 0..1, "A: 1\r\n"),
    ] {
        let copy =
            edited(headers, |message, edits| edits.remove_values(message, HeaderName::Via, numbers.clone()));
        assert_eq!(copy, expected, "{headers:?} {numbers:?}");
    }
}

#[test]
fn a_vias_parameter_is_added_filled_in_or_replaced() {
    for (via, expected) in [
        ("a;branch=b", "a;branch=b;received=192.0.2.1"),
        ("a", "a;received=192.0.2.1"),
        ("a;Received;branch=b", "a;Received=192.0.2.1;branch=b"),
        ("a;received=;branch=b", "a;received=192.0.2.1;branch=b"),
        ("a; received = evil ;branch=b", "a; received = 192.0.2.1 ;branch=b"),
        ("a;received=1;x;RECEIVED=2;received", "a;received=192.0.2.1;x"),
        ("a;branch=b , SIP/2.0/UDP c;received=3", "a;branch=b;received=192.0.2.1 , SIP/2.0/UDP c;received=3"),
    ] {
        let copy = edited(&format!("Via: SIP/2.0/WS {via}\r\n"), |message, edits| {
            edits.set_via_parameter(&message.top_via().unwrap(), "received", "192.0.2.1");
        });
        assert_eq!(copy, format!("Via: SIP/2.0/WS {expected}\r\n"), "{via}");
    }
}

#[test]
fn a_parameter_without_a_value_gets_it_before_what_is_added_at_the_end() {
    for (via, expected) in [
        ("a;branch=b;rport", "a;branch=b;rport=5060;received=192.0.2.1"),
        ("a;rport;received", "a;rport=5060;received=192.0.2.1"),
        ("a", "a;received=192.0.2.1;rport=5060"),
    ] {
        let copy = edited(&format!("Via: SIP/2.0/UDP {via}\r\n"), |message, edits| {
            edits.set_via_parameter(&message.top_via().unwrap(), "received", "192.0.2.1");
            edits.set_via_parameter(&message.top_via().unwrap(), "rport", "5060");
        });
        assert_eq!(copy, format!("Via: SIP/2.0/UDP {expected}\r\n"), "{via}");
    }
}

#[test]
fn content_length_is_set_or_added() {
    for (headers, length, expected) in [
        ("A: 1\r\n", 4, "A: 1\r\nContent-Length: 4\r\n"),
        ("l: 4\r\nA: 1\r\n", 4, "l: 4\r\nA: 1\r\n"),
        ("l:\r\n 4 \r\nA: 1\r\n", 5, "l:\r\n 5 \r\nA: 1\r\n"),
        ("l: 4\r\nContent-Length: 04\r\n", 12, "l: 12\r\nContent-Length: 12\r\n"),
    ] {
        let copy = edited(headers, |message, edits| edits.set_content_length(message, length));
        assert_eq!(copy, expected, "{headers:?}");
    }
}

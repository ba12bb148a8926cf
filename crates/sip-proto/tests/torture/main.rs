//! The torture messages of RFC 4475, by its names: what becomes of each, that it goes on byte for byte, and
//! that streams and answers stand them.
//!
//! The messages have the idea of the RFC's, not its text.

#[macro_use]
mod row;
mod misfits;
mod sound;
mod understood;

use row::{Fate, Torture};
use sip_proto::address::Address;
use sip_proto::response::{Reply, reply};
use sip_proto::stream::Item;
use sip_proto::{Edits, Fault, Framer, HeaderName, Limits, Message, Uri};

fn all() -> impl Iterator<Item = &'static Torture> {
    sound::MESSAGES.iter().chain(misfits::MESSAGES).chain(understood::MESSAGES)
}

fn named(name: &str) -> Vec<u8> {
    all().find(|torture| torture.name == name).expect("a message of that name").bytes()
}

fn fate(bytes: &[u8]) -> Fate {
    match Message::parse(bytes, &Limits::default()) {
        Err(error) => Fate::Refused(error.fault),
        Ok(message) => match message.essentials() {
            Err(error) => Fate::Unroutable(error.fault),
            Ok(_) => Fate::Sound,
        },
    }
}

#[test]
fn each_message_has_its_fate() {
    assert!(all().count() >= 40, "the list is long");
    for torture in all() {
        assert_eq!(fate(&torture.bytes()), torture.fate, "{}", torture.name);
        let lines_end_with_lf = torture.text.as_bytes();
        // Bodies are counted with CRLF.
        if Message::parse(&torture.bytes(), &Limits::default()).is_ok_and(|message| message.body().is_empty())
        {
            assert_eq!(fate(lines_end_with_lf), torture.fate, "{} with LF alone", torture.name);
        }
    }
}

#[test]
fn what_can_be_split_goes_on_byte_for_byte() {
    for torture in all().filter(|torture| !matches!(torture.fate, Fate::Refused(_))) {
        let bytes = torture.bytes();
        let message = Message::parse(&bytes, &Limits::default()).expect(torture.name);
        let mut copy = Vec::new();
        Edits::new().apply(message.bytes(), &mut copy);
        assert!(copy == bytes, "{}", torture.name);
        let mut end = message.headers_range().start;
        for header in message.headers() {
            assert_eq!(header.line.start, end, "{}: lines follow each other", torture.name);
            end = header.line.end;
        }
        assert_eq!(end, message.headers_range().end, "{}", torture.name);
        assert_eq!(message.body_range().end, bytes.len(), "{}", torture.name);
    }
}

#[test]
fn streams_carry_what_says_where_it_ends() {
    for torture in all().filter(|torture| !matches!(torture.fate, Fate::Refused(_))) {
        let bytes = torture.bytes();
        let message = Message::parse(&bytes, &Limits::default()).expect(torture.name);
        let mut framer = Framer::new(Limits::default());
        let mut found = (0..=bytes.len()).map(|end| framer.next(&bytes[..end]));
        let found = found.find(|found| *found != Ok(None)).expect("an item or a fault");
        match message.content_length() {
            Some(_) => assert_eq!(found, Ok(Some(Item::Message { length: bytes.len() })), "{}", torture.name),
            None => assert_eq!(
                found.map_err(|error| error.fault),
                Err(Fault::NoContentLength),
                "{}",
                torture.name
            ),
        }
    }
}

#[test]
fn refused_requests_are_answered_where_enough_of_them_is_left() {
    for torture in all() {
        let bytes = torture.bytes();
        let Fate::Refused(fault) = torture.fate else { continue };
        let is_response = torture.text.starts_with("SIP/");
        let Some(salvaged) = Message::salvage(&bytes, &Limits::default()) else {
            assert!(is_response, "{}", torture.name);
            continue;
        };
        let wanted = Reply { status: fault.status(), headers: &[], to_tag: "t", source: None };
        let mut answer = Vec::new();
        assert!(reply(&salvaged, &wanted, &mut answer), "{}", torture.name);
        let answer = Message::parse(&answer, &Limits::default()).expect("an answer is a message");
        assert_eq!(answer.call_id(), salvaged.call_id(), "{}", torture.name);
    }
}

#[test]
fn wsinv_is_understood_through_its_folds() {
    let bytes = named("wsinv");
    let message = Message::parse(&bytes, &Limits::default()).unwrap();
    let found = message.essentials().unwrap();
    assert_eq!((found.max_forwards, found.cseq, found.method), (Some(68), 9, &b"INVITE"[..]));
    assert_eq!((found.via.transport, found.via.branch()), (&b"UDP"[..], Some(&b"390skdjuw"[..])));
    assert_eq!((found.to.tag(), found.from.tag()), (Some(&b"1918181833n"[..]), Some(&b"98asjd8"[..])));
    let vias: Vec<_> = message.values(HeaderName::Via).collect();
    let transports = vias.iter().map(|via| {
        let via = sip_proto::Via::parse(&bytes, via.range.clone()).expect("a Via");
        (
            String::from_utf8_lossy(via.transport).into_owned(),
            via.host.to_string(),
            via.branch().map(<[u8]>::len),
        )
    });
    let expected = [
        ("UDP".to_owned(), "192.0.2.2".to_owned(), Some(9)),
        ("TCP".to_owned(), "spindle.example.com".to_owned(), Some(11)),
        ("UDP".to_owned(), "192.168.255.111".to_owned(), Some(12)),
    ];
    assert_eq!(transports.collect::<Vec<_>>(), expected);
    assert_eq!(message.values(HeaderName::Contact).count(), 1);
    assert_eq!(message.find("subject"), None, "a compact name stays what it is");
    assert_eq!(message.find("S"), Some(&b""[..]));
    let mut edits = Edits::new();
    edits.remove_values(&message, HeaderName::Via, 0..2);
    let mut copy = Vec::new();
    edits.apply(&bytes, &mut copy);
    let copy = Message::parse(&copy, &Limits::default()).unwrap();
    let left: Vec<_> = copy.values(HeaderName::Via).map(|via| via.bytes.to_vec()).collect();
    assert_eq!(left, [vias[2].bytes]);
}

#[test]
fn dblreq_is_one_message_as_a_datagram_and_none_elsewhere() {
    let bytes = named("dblreq");
    let message = Message::parse_datagram(&bytes, &Limits::default()).unwrap();
    assert_eq!(message.method(), Some(&b"REGISTER"[..]));
    assert!(bytes[message.bytes().len()..].starts_with(b"INVITE"));
    let mut framer = Framer::new(Limits::default());
    let first = framer.next(&bytes).unwrap().unwrap();
    assert_eq!(first.length(), message.bytes().len(), "a stream has two");
    assert!(framer.next(&bytes[first.length()..]).unwrap().is_some());
}

#[test]
fn semiuri_has_its_parameters_in_the_user() {
    let bytes = named("semiuri");
    let message = Message::parse(&bytes, &Limits::default()).unwrap();
    let uri = Uri::parse(message.request_uri().unwrap()).unwrap();
    assert_eq!(uri.user, Some(&b"user;par=u%40example.net"[..]));
    assert_eq!(uri.host.to_string(), "example.com");
    assert_eq!(uri.parameters.count(), 0);
}

#[test]
fn transports_are_read_whether_known_or_not() {
    let bytes = named("transports");
    let message = Message::parse(&bytes, &Limits::default()).unwrap();
    let transports = message.values(HeaderName::Via).map(|via| {
        let via = sip_proto::Via::parse(&bytes, via.range).expect("a Via");
        String::from_utf8_lossy(via.transport).into_owned()
    });
    assert_eq!(transports.collect::<Vec<_>>(), ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
}

#[test]
fn intmeth_and_esc02_keep_their_strange_methods() {
    for (name, method) in
        [("intmeth", &b"!interesting-Method0123456789_*+`.%indeed'~"[..]), ("esc02", b"RE%47IST%45R")]
    {
        let bytes = named(name);
        let message = Message::parse(&bytes, &Limits::default()).unwrap();
        assert_eq!(message.method(), Some(method));
        assert_eq!(message.essentials().unwrap().method, method);
    }
    let bytes = named("intmeth");
    let message = Message::parse(&bytes, &Limits::default()).unwrap();
    let to = Address::parse(message.value(HeaderName::To).unwrap()).unwrap();
    assert_eq!(to.display, Some(&b"\"BEL:\\\x07 NUL:\\\0 DEL:\\\x7f\""[..]));
}

#[test]
fn longreq_is_within_the_limits_and_above_smaller_ones() {
    let bytes = understood::long_request();
    assert_eq!(fate(&bytes), Fate::Sound);
    let limits = Limits { line: 200, ..Limits::default() };
    assert_eq!(Message::parse(&bytes, &limits).err().map(|error| error.fault), Some(Fault::LineTooLong));
    let limits = Limits { headers: 40, ..Limits::default() };
    assert_eq!(Message::parse(&bytes, &limits).err().map(|error| error.fault), Some(Fault::TooManyHeaders));
}

#[test]
fn zeromf_has_no_hop_left() {
    let bytes = named("zeromf");
    let message = Message::parse(&bytes, &Limits::default()).unwrap();
    assert_eq!(message.max_forwards(), Ok(Some(0)));
}

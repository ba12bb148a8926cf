//! Messages by chance, read here and by the `rsip` crate, which has to find the same in them.
//!
//! That crate knows neither folds nor compact names, so these messages have none.

#![expect(clippy::indexing_slicing, reason = "helpers of tests work on what the tests give them")]

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rsip::headers::{ToTypedHeader, UntypedHeader};
use rsip::message::{HasHeaders, HeadersExt};
use sip_proto::{HeaderName, Limits, Message, Uri};

const TRIES: u64 = 2_000;

fn one<'a>(dice: &mut StdRng, of: &[&'a str]) -> &'a str {
    of[dice.random_range(0..of.len())]
}

fn word(dice: &mut StdRng) -> String {
    (0..dice.random_range(1..12)).map(|_| char::from(dice.random_range(b'a'..=b'z'))).collect()
}

fn host(dice: &mut StdRng) -> String {
    let name = format!("{}.{}", word(dice), word(dice));
    let host = one(dice, &["192.0.2.17", "example.org", "a-b.example", &name]).to_owned();
    if dice.random() { format!("{host}:{}", dice.random_range(1..=65_535)) } else { host }
}

fn uri(dice: &mut StdRng) -> String {
    let user = if dice.random() { format!("{}@", word(dice)) } else { String::new() };
    format!("{}:{user}{}", one(dice, &["sip", "sips"]), host(dice))
}

fn address(dice: &mut StdRng) -> String {
    let display = one(dice, &["", "Alice ", "\"Bob\" "]);
    let tag = if dice.random() { format!(";tag={}", word(dice)) } else { String::new() };
    format!("{display}<{}>{tag}", uri(dice))
}

fn via(dice: &mut StdRng) -> String {
    let transport = one(dice, &["UDP", "TCP", "TLS", "WS", "WSS"]);
    let mut via = format!("SIP/2.0/{transport} {};branch=z9hG4bK{}", host(dice), word(dice));
    for parameter in [";received=198.51.100.7", ";rport", ";rport=5062", ";ttl=3"] {
        if dice.random_ratio(1, 4) {
            via.push_str(parameter);
        }
    }
    via
}

/// Any text that stands in one line.
fn text(dice: &mut StdRng) -> String {
    const CHARACTERS: [char; 20] = [
        'a', 'Z', '0', ' ', '\t', ':', ';', ',', '"', '<', '>', '\\', '=', '@', '[', '%', '\u{e4}',
        '\u{65e5}', '-', '/',
    ];
    let text: String = (0..dice.random_range(0..40)).map(|_| CHARACTERS[dice.random_range(0..20)]).collect();
    text.trim().to_owned()
}

fn message(dice: &mut StdRng) -> String {
    let method = one(dice, &["INVITE", "REGISTER", "OPTIONS", "BYE", "MESSAGE", "SUBSCRIBE"]);
    let start = if dice.random() {
        format!("{method} {} SIP/2.0", uri(dice))
    } else {
        format!(
            "SIP/2.0 {}",
            one(dice, &["200 OK", "180 Ringing", "404 Not Found", "503 Service Unavailable"])
        )
    };
    let mut headers = vec![
        format!("Via: {}", via(dice)),
        format!("From: {}", address(dice)),
        format!("To: {}", address(dice)),
        format!("Call-ID: {}@{}", word(dice), host(dice)),
        format!("CSeq: {} {method}", dice.random_range(0..2_147_483_648_u32)),
        format!("Max-Forwards: {}", dice.random_range(0..=255)),
        format!("Contact: <{}>", uri(dice)),
    ];
    for _ in 0..dice.random_range(0..6) {
        let name =
            one(dice, &["User-Agent", "Subject", "X-Own", "Supported", "Route", "Record-Route", "Via"]);
        let value = if name == "Via" { via(dice) } else { text(dice) };
        let at = dice.random_range(0..=headers.len());
        headers.insert(at, format!("{name}:{}{value}", one(dice, &["", " ", "  "])));
    }
    let body = text(dice);
    headers.push(format!("Content-Length: {}", body.len()));
    format!("{start}\r\n{}\r\n\r\n{body}", headers.join("\r\n"))
}

#[test]
fn another_reader_finds_the_same_headers_and_body() {
    for seed in 0..TRIES {
        let text = message(&mut StdRng::seed_from_u64(seed));
        let own = Message::parse(text.as_bytes(), &Limits::default()).expect("a message");
        let other = rsip::SipMessage::try_from(text.as_bytes()).expect("a message for the other reader, too");
        let (headers, body) = match &other {
            rsip::SipMessage::Request(request) => (request.headers(), &request.body),
            rsip::SipMessage::Response(response) => (response.headers(), &response.body),
        };
        let found: Vec<String> = own
            .headers()
            .iter()
            .map(|header| {
                let name = String::from_utf8_lossy(&own.bytes()[header.name_range.clone()]).into_owned();
                format!("{name}: {}", String::from_utf8_lossy(own.value_of(header)))
            })
            .collect();
        let expected: Vec<String> = headers.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "seed {seed}: {text}");
        assert_eq!(own.body(), body, "seed {seed}: {text}");
    }
}

#[test]
fn another_reader_finds_the_same_in_them() {
    for seed in 0..TRIES {
        let text = message(&mut StdRng::seed_from_u64(seed));
        let bytes = Message::parse(text.as_bytes(), &Limits::default()).expect("a message");
        let own = bytes.essentials().expect("all that is needed");
        let other = rsip::SipMessage::try_from(text.as_bytes()).expect("a message for the other reader, too");
        let at = format!("seed {seed}: {text}");

        let via = other.via_header().and_then(ToTypedHeader::typed).expect(&at);
        assert_eq!(own.via.transport, via.transport.to_string().as_bytes(), "{at}");
        assert_eq!(own.via.host.to_string(), via.uri.host().to_string(), "{at}");
        assert_eq!(own.via.port, via.uri.port().map(|port| *port.value()), "{at}");
        assert_eq!(own.via.branch(), via.branch().map(|branch| branch.value().as_bytes()), "{at}");
        let received =
            own.via.received().and_then(|received| std::str::from_utf8(received.value?).ok()?.parse().ok());
        assert_eq!(received, via.received().expect(&at), "{at}");

        let from = other.from_header().and_then(ToTypedHeader::typed).expect(&at);
        assert_eq!(own.from.uri, from.uri.to_string().as_bytes(), "{at}");
        assert_eq!(own.from.tag(), from.tag().map(|tag| tag.value().as_bytes()), "{at}");
        let to = other.to_header().and_then(ToTypedHeader::typed).expect(&at);
        assert_eq!(own.to.tag(), to.tag().map(|tag| tag.value().as_bytes()), "{at}");
        let uri = Uri::parse(own.to.uri).expect(&at);
        assert_eq!(uri.host.to_string(), to.uri.host().to_string(), "{at}");
        assert_eq!(uri.port, to.uri.port().map(|port| *port.value()), "{at}");
        assert_eq!(uri.user, to.uri.user().map(str::as_bytes), "{at}");

        let cseq = other.cseq_header().and_then(ToTypedHeader::typed).expect(&at);
        assert_eq!((own.cseq, own.method), (cseq.seq, cseq.method.to_string().as_bytes()), "{at}");
        assert_eq!(own.call_id, other.call_id_header().expect(&at).value().as_bytes(), "{at}");
        let hops = other.max_forwards_header().expect(&at).num().expect(&at);
        assert_eq!(own.max_forwards.map(u32::from), Some(hops), "{at}");
        assert_eq!(bytes.all(HeaderName::Via).count(), text.matches("\r\nVia:").count(), "{at}");
    }
}

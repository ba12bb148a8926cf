//! The PROXY protocol: from whom it is expected it must come, from all others it must not, and
//! nobody has a choice.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::backend::Backend;
use testkit::folder::Folder;
use testkit::message::Message;
use testkit::peer::{Ending, Peer};
use testkit::records::{Records, assert_has};
use testkit::rig::{Exchange, Rig, Session};
use testkit::tls::Authority;

/// 127.0.0.1 is a proxy that speaks it, 127.0.0.2 is nobody.
const TEXT: &str = r#"
    listeners {
        listener "front" {
            address "127.0.0.1:0"
            proxy-protocol { from "127.0.0.1" "10.0.0.0/8" }
            request-head-timeout "300ms"
        }
    }
    routes { route "all" { upstream "backend" } }
    upstreams { upstream "backend" { target "$0" } }"#;

const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("a short body").to_be_bytes();
    [V2, &[0x20 | command, family], &length[..], body].concat()
}

/// PROXY, TCP over IPv4, from 203.0.113.7:5678.
fn v2_ipv4(attributes: &[u8]) -> Vec<u8> {
    let body =
        [&[203, 0, 113, 7, 192, 0, 2, 1][..], &5678_u16.to_be_bytes(), &443_u16.to_be_bytes(), attributes];
    v2(1, 0x11, &body.concat())
}

/// The same over IPv6, from 2001:db8::7.
fn v2_ipv6() -> Vec<u8> {
    let source = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7).octets();
    let body = [&source[..], &[0; 16], &5678_u16.to_be_bytes(), &443_u16.to_be_bytes()].concat();
    v2(1, 0x21, &body)
}

fn rig() -> Rig {
    Rig::from_kdl([Backend::default()], TEXT)
}

fn get() -> Message {
    Message::get("/")
}

/// What comes from 127.0.0.2.
#[track_caller]
fn from_nobody(rig: &Rig, bytes: &[u8]) -> Peer {
    let mut client = Peer::connect_from(IpAddr::from([127, 0, 0, 2]), rig.address());
    client.send(bytes);
    client
}

#[test]
fn row_67_a_header_of_either_version_tells_who_the_client_is() {
    let headers: [(Vec<u8>, &str); 7] = [
        (b"PROXY TCP4 203.0.113.7 192.0.2.1 5678 443\r\n".to_vec(), "203.0.113.7:5678"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 5678 443\r\n".to_vec(), "[2001:db8::7]:5678"),
        (b"PROXY TCP6 ::ffff:203.0.113.7 ::ffff:192.0.2.1 5678 443\r\n".to_vec(), "203.0.113.7:5678"),
        (v2_ipv4(b""), "203.0.113.7:5678"),
        // With attributes: an authority, and one of a kind that does not exist.
        (v2_ipv4(b"\x02\0\x0bexample.org\xe7\0\x01x"), "203.0.113.7:5678"),
        (v2_ipv6(), "[2001:db8::7]:5678"),
        (v2_ipv4(b"\x04\0\0"), "203.0.113.7:5678"),
    ];
    let rig = rig();
    for (header, client) in &headers {
        let ip = client.parse::<SocketAddr>().unwrap().ip().to_string();
        let mut exchange =
            Exchange::begin(rig.send(&[&header[..], &get().to_bytes()].concat()), rig.accept().1);
        assert_eq!(exchange.request.get("X-Forwarded-For"), Some(&*ip), "{}", header.escape_ascii());
        exchange.answer(&Message::ok("").with("Connection", "close"));
        // It stands for the whole connection.
        exchange.client.send(&get().with("Connection", "close").to_bytes());
        let mut exchange = Exchange::begin(exchange.client, rig.accept().1);
        assert_eq!(exchange.request.get("X-Forwarded-For"), Some(&*ip));
        exchange.answer(&Message::ok("").with("Connection", "close"));
        let peer = rig.send(&[&header[..], &Message::upgrade("/").to_bytes()].concat());
        let session = Session::establish(peer, rig.accept().1, |answer| answer);
        assert_eq!(session.request.get("X-Forwarded-For"), Some(&*ip));
        session.close();
    }
    let records = rig.finish();
    for (event, each) in [("request", 2), ("open", 1)] {
        let told: Vec<&Value> = records.of(event).into_iter().map(|record| &record["client"]).collect();
        let expected: Vec<_> = headers.iter().flat_map(|(_, client)| vec![json!(client); each]).collect();
        assert_eq!(told, expected.iter().collect::<Vec<_>>());
    }
}

#[test]
fn row_67_a_header_in_pieces_is_the_same_header() {
    let rig = rig();
    for header in [b"PROXY TCP4 203.0.113.7 192.0.2.1 5678 443\r\n".to_vec(), v2_ipv4(b"\x04\0\x01x")] {
        let mut client = rig.connect();
        client.send_bytewise(&header);
        client.send_bytewise(&get().to_bytes());
        let mut exchange = Exchange::begin(client, rig.accept().1);
        assert_eq!(exchange.request.get("X-Forwarded-For"), Some("203.0.113.7"));
        exchange.answer(&Message::ok("").with("Connection", "close"));
    }
    rig.finish();
}

#[test]
fn row_67_a_proxy_that_speaks_for_itself_is_the_client() {
    let rig = rig();
    for header in
        [b"PROXY UNKNOWN\r\n".to_vec(), b"PROXY UNKNOWN what ever\r\n".to_vec(), v2(0, 0, b""), v2(1, 0, b"")]
    {
        let mut exchange = Exchange::begin(rig.send(&[header, get().to_bytes()].concat()), rig.accept().1);
        assert_eq!(exchange.request.get("X-Forwarded-For"), Some("127.0.0.1"));
        exchange.answer(&Message::ok("").with("Connection", "close"));
    }
    rig.finish();
}

/// The connection ends without an answer, nobody is dialled, and the record says why.
#[track_caller]
fn expect_refused(rig: &Rig, mut client: Peer, what: &str) {
    let (answer, _) = client.read_to_end();
    assert_eq!(answer.escape_ascii().to_string(), "", "{what}");
    rig.backend().assert_not_dialled();
}

#[track_caller]
fn assert_reasons(records: &Records, expected: &[(&str, usize)]) {
    assert_eq!(records.reasons("refused"), expected.iter().copied().collect());
    for record in records.of("refused") {
        assert_eq!(record.get("status"), None, "{record}");
        assert!(record["client"].as_str().is_some_and(|client| client.starts_with("127.0.0.1:")), "{record}");
    }
}

#[test]
fn row_67_who_is_listed_and_does_not_begin_with_it_gets_no_answer() {
    let rig = rig();
    let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
    let first = [
        get().to_bytes(),
        Message::upgrade("/").to_bytes(),
        tls,
        b"PROXX TCP4".to_vec(),
        b"\r\n\r\nX".to_vec(),
    ];
    for bytes in &first {
        expect_refused(&rig, rig.send(bytes), "no header");
    }
    assert_reasons(&rig.finish(), &[("proxy_header_missing", first.len())]);
}

#[test]
fn row_67_a_header_that_is_not_well_formed_gets_no_answer() {
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(100));
    let lines = [
        "PROXY TCP4 203.0.113.7 192.0.2.1 5678\r\n",
        "PROXY TCP4 203.0.113.7 192.0.2.1 5678 443 1\r\n",
        "PROXY TCP4 203.0.113.7 192.0.2.1 5678 65536\r\n",
        "PROXY TCP4 203.0.113.7 192.0.2.1 +5678 443\r\n",
        "PROXY TCP4 203.0.113.007 192.0.2.1 5678 443\r\n",
        "PROXY TCP4  203.0.113.7 192.0.2.1 5678 443\r\n",
        "PROXY TCP4 2001:db8::7 2001:db8::1 5678 443\r\n",
        "PROXY TCP6 203.0.113.7 192.0.2.1 5678 443\r\n",
        "PROXY TCP5 203.0.113.7 192.0.2.1 5678 443\r\n",
        "PROXY UDP4 203.0.113.7 192.0.2.1 5678 443\r\n",
        "proxy TCP4 203.0.113.7 192.0.2.1 5678 443\r\n",
        "PROXY TCP4 203.0.113.7 192.0.2.1 5678 443\n\r\n",
        "PROXY\r\n",
        &long,
    ];
    let mut wrong_version = v2_ipv4(b"");
    wrong_version[12] = 0x31;
    let binary = [
        wrong_version,
        v2(2, 0x11, &[0; 12]),
        v2(1, 0x11, &[0; 11]),
        v2(1, 0x21, &[0; 12]),
        v2(1, 0x41, &[0; 12]),
        v2(1, 0x13, &[0; 12]),
        v2(1, 0x11, &[0; 5000]),
        v2_ipv4(b"\x04\0\x05x"),
    ];
    let rig = rig();
    let headers = lines.iter().map(|line| line.as_bytes().to_vec()).chain(binary);
    for header in headers {
        let client = rig.send(&[&header[..], &get().to_bytes()].concat());
        expect_refused(&rig, client, &header.escape_ascii().to_string());
    }
    let records = rig.finish();
    let reasons = records.reasons("refused");
    assert_eq!(reasons.values().sum::<usize>(), 22, "{reasons:?}");
    assert!(reasons.keys().all(|reason| reason.starts_with("proxy_header_")), "{reasons:?}");
}

#[test]
fn row_67_a_checksum_that_is_wrong_gets_no_answer() {
    let rig = rig();
    let header = v2_ipv4(b"\x03\0\x04\xde\xad\xbe\xef");
    expect_refused(&rig, rig.send(&[header, get().to_bytes()].concat()), "a checksum");
    assert_reasons(&rig.finish(), &[("proxy_header_checksum", 1)]);
}

#[test]
fn row_67_a_header_that_does_not_come_or_does_not_end_is_not_waited_for() {
    for begun in [&b""[..], b"PRO", b"PROXY TCP4 203.0.113.7", V2] {
        let rig = rig();
        let mut client = rig.send(begun);
        client.expect_silence(Duration::from_millis(20));
        expect_refused(&rig, client, &begun.escape_ascii().to_string());
        assert_reasons(&rig.finish(), &[("proxy_protocol_timeout", 1)]);
        // Or the proxy goes.
        let rig = self::rig();
        let mut client = rig.send(begun);
        client.finish();
        expect_refused(&rig, client, &begun.escape_ascii().to_string());
        assert_eq!(rig.finish().of("request").len(), 0);
    }
}

#[test]
fn row_67_who_is_not_listed_is_not_believed_and_its_header_is_a_bad_request() {
    let rig = rig();
    for header in [b"PROXY TCP4 10.0.0.1 192.0.2.1 5678 443\r\n".to_vec(), v2_ipv4(b"")] {
        let mut client = from_nobody(&rig, &[header, get().to_bytes()].concat());
        assert_eq!(client.read_head().status(), 400);
        client.expect_end(Ending::Fin);
        rig.backend().assert_not_dialled();
    }
    // Without one it is a client like any other, whatever it says in its fields.
    let client = from_nobody(&rig, &get().with("X-Forwarded-For", "10.0.0.1").to_bytes());
    let mut exchange = Exchange::begin(client, rig.accept().1);
    assert_eq!(exchange.request.get("X-Forwarded-For"), Some("127.0.0.2"));
    exchange.answer(&Message::ok(""));
    drop(exchange);
    let records = rig.finish();
    assert_eq!(records.reasons("refused")["malformed_request"], 2);
    for record in records.of("refused") {
        assert!(record["client"].as_str().unwrap().starts_with("127.0.0.2:"), "{record}");
    }
}

#[test]
fn row_67_only_one_header_is_read_and_nobodys_word_is_taken_by_way_of_it() {
    // The proxy is not trusted to speak for others in fields, and who it names is not either.
    let rig = rig();
    let header = b"PROXY TCP4 10.0.0.5 192.0.2.1 5678 443\r\n";
    let mut client = rig.send(&[&header[..], header, &get().to_bytes()].concat());
    assert_eq!(client.read_head().status(), 400);
    drop(client);
    let request = get().with("X-Forwarded-For", "6.6.6.6").to_bytes();
    let mut exchange = Exchange::begin(rig.send(&[&header[..], &request].concat()), rig.accept().1);
    assert_eq!(exchange.request.get("X-Forwarded-For"), Some("10.0.0.5"));
    exchange.answer(&Message::ok(""));
    drop(exchange);
    rig.finish();
}

#[test]
fn row_67_without_a_list_a_header_is_a_bad_request_from_all() {
    let rig = Rig::default();
    for header in [b"PROXY TCP4 203.0.113.7 192.0.2.1 5678 443\r\n".to_vec(), v2_ipv4(b"")] {
        let mut client = rig.send(&[header, get().to_bytes()].concat());
        assert_eq!(client.read_head().status(), 400);
        client.expect_end(Ending::Fin);
        rig.backend().assert_not_dialled();
    }
    rig.finish();
}

#[test]
fn limits_by_address_go_by_whom_the_header_names() {
    let text = TEXT
        .replace("upstream \"backend\" }", "upstream \"backend\"; websocket { max-connections-per-ip 1 } }");
    let rig = Rig::from_kdl([Backend::default()], &text);
    let named = |address: &str| format!("PROXY TCP4 {address} 192.0.2.1 5678 443\r\n").into_bytes();
    let open = |address: &str| {
        let client = rig.send(&[named(address), Message::upgrade("/").to_bytes()].concat());
        Session::establish(client, rig.accept().1, |answer| answer)
    };
    let sessions = [open("203.0.113.1"), open("203.0.113.2")];
    let mut third = rig.send(&[named("203.0.113.1"), Message::upgrade("/").to_bytes()].concat());
    assert_eq!(third.read_head().status(), 101);
    assert_eq!(third.read_frame().close(), Some((1013, "Try Again Later")));
    drop(third);
    sessions.into_iter().for_each(Session::close);
    rig.finish();
}

#[test]
fn the_header_stands_before_tls_and_both_are_told_of() {
    let folder = Folder::new();
    let authority = Authority::new(&folder, &["secure.example"]);
    let tls = format!(
        "protocol \"https\"; tls {{ cert-file \"{}\"; key-file \"{}\" }}\nproxy-protocol",
        authority.cert_file.display(),
        authority.key_file.display()
    );
    let rig = Rig::from_kdl([Backend::default()], &TEXT.replacen("proxy-protocol", &tls, 1));
    for header in [b"PROXY TCP4 203.0.113.7 192.0.2.1 5678 443\r\n".to_vec(), v2_ipv4(b"")] {
        let mut client = rig.send(&header).secure(&authority, "secure.example");
        client.send(&Message::upgrade("/").to_bytes());
        let session = Session::establish(client, rig.accept().1, |answer| answer);
        assert_eq!(session.request.get("X-Forwarded-For"), Some("203.0.113.7"));
        assert_eq!(session.request.get("X-Forwarded-Proto"), Some("https"));
        session.close();
    }
    // Who is not listed begins with TLS.
    let nobody = Peer::connect_from(IpAddr::from([127, 0, 0, 2]), rig.address());
    let mut client = nobody.secure(&authority, "secure.example");
    client.send(&get().to_bytes());
    let mut exchange = Exchange::begin(client, rig.accept().1);
    assert_eq!(exchange.request.get("X-Forwarded-For"), Some("127.0.0.2"));
    exchange.answer(&Message::ok(""));
    drop(exchange);
    let records = rig.finish();
    for record in records.of("open") {
        assert_has(record, &json!({"client": "203.0.113.7:5678"}));
    }
}

//! SIP over WebSocket, towards servers over UDP, TCP and WebSocket, and in reverse.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use testkit::Side::{Client, Upstream};
use testkit::backend::Backend;
use testkit::deadline::eventually;
use testkit::frame::{BINARY, CLOSE, TEXT, frame, large};
use testkit::message::Message;
use testkit::peer::{Ending, Peer};
use testkit::rig::Rig;

/// A server over UDP.
pub(crate) struct Registrar(UdpSocket);

impl Registrar {
    pub(crate) fn start() -> Self {
        Self::at("127.0.0.1")
    }

    /// One at that address.
    pub(crate) fn at(address: &str) -> Self {
        let socket = UdpSocket::bind((address, 0)).expect("a free port");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a time that is not zero");
        Self(socket)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("it is bound")
    }

    #[track_caller]
    pub(crate) fn receive(&self) -> (String, SocketAddr) {
        let mut buffer = [0; 65_535];
        let (length, from) = self.0.recv_from(&mut buffer).expect("a datagram in time");
        (String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned(), from)
    }

    pub(crate) fn send(&self, text: &str, to: SocketAddr) {
        self.send_bytes(text.as_bytes(), to);
    }

    pub(crate) fn send_bytes(&self, bytes: &[u8], to: SocketAddr) {
        self.0.send_to(bytes, to).expect("it goes");
    }
}

/// A route with `sip` to `target`.
pub(crate) fn text(target: &str, sip: &str, more: &str) -> String {
    format!(
        r#"
        routes {{ route "sip" {{ matches {{ path "/sip" }}; upstream "sip"; websocket {{ sip {{ {sip} }} }} }} }}
        upstreams {{ upstream "sip" {{ target "{target}" }} }}
        {more}"#
    )
}

/// A phone on a WebSocket.
pub(crate) fn phone(rig: &Rig) -> Peer {
    let request = Message::upgrade("/sip").with("Sec-WebSocket-Protocol", "sip");
    let mut client = rig.send(&request.to_bytes());
    let head = client.read_head();
    assert_eq!(head.status(), 101);
    assert_eq!(head.first_line, "HTTP/1.1 101 Switching Protocols");
    assert_eq!(head.get("sec-websocket-protocol"), Some("sip"));
    client
}

pub(crate) fn request(method: &str, number: u32, headers: &str, body: &str) -> String {
    format!(
        "{method} sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/WS a7.invalid;branch=z9hG4bK{number}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:alice@example.org>;tag=1\r\nTo: <sip:bob@example.org>\r\n\
         Call-ID: call-{number}\r\nCSeq: 1 {method}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The answer of a server or phone to a request as it has come there.
pub(crate) fn answer(request: &str, status: &str) -> String {
    let copied = ["Via:", "From:", "To:", "Call-ID:", "CSeq:", "Record-Route:"];
    let lines = request.split("\r\n").filter(|line| copied.iter().any(|name| line.starts_with(name)));
    let lines: String = lines.map(|line| format!("{line}\r\n")).collect();
    format!("SIP/2.0 {status}\r\n{lines}Content-Length: 0\r\n\r\n")
}

pub(crate) fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let line = message.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.expect(name)
}

fn vias(message: &str) -> Vec<&str> {
    message.split("\r\n").filter_map(|line| line.strip_prefix("Via: ")).collect()
}

pub(crate) fn say(phone: &mut Peer, message: &str) {
    phone.send(&large(Client, message.as_bytes()));
}

#[track_caller]
pub(crate) fn hear(phone: &mut Peer) -> String {
    let frame = phone.read_frame();
    assert_eq!(frame.first, TEXT, "one text frame");
    String::from_utf8(frame.payload).expect("text")
}

/// The next message on a stream, which has no body.
#[track_caller]
pub(crate) fn hear_stream(peer: &mut Peer) -> String {
    let mut heard = peer.read(4);
    while !heard.ends_with(b"\r\n\r\n") {
        heard.extend(peer.read(1));
    }
    String::from_utf8(heard).expect("text")
}

const URI: &str = "sip:bob@example.org";

#[test]
fn a_request_goes_over_udp_with_a_via_of_the_gateways_and_its_answer_comes_back_without() {
    let registrar = Registrar::start();
    let rig = Rig::from_kdl([], &text(&format!("udp://{}", registrar.address()), "", ""));
    let mut phone = phone(&rig);
    say(&mut phone, &request("MESSAGE", 1, "", "hello"));
    let (got, from) = registrar.receive();
    assert!(got.starts_with(&format!("MESSAGE {URI} SIP/2.0\r\n")), "{got}");
    assert!(got.ends_with("\r\n\r\nhello"), "{got}");
    let [own, browsers] = vias(&got)[..] else { panic!("two Vias in {got}") };
    assert!(own.starts_with(&format!("SIP/2.0/UDP {from};")), "{own}");
    assert!(browsers.starts_with("SIP/2.0/WS a7.invalid;"), "{browsers}");
    assert!(browsers.contains(";received=127.0.0.1"), "{browsers}");
    assert_eq!(header(&got, "Max-Forwards"), "69");
    registrar.send(&answer(&got, "200 OK"), from);
    let heard = hear(&mut phone);
    assert!(heard.starts_with("SIP/2.0 200 OK\r\n"), "{heard}");
    assert_eq!(vias(&heard), [browsers]);
    let metrics = rig.metrics();
    assert!((metrics.get(r#"framegate_sip_messages_total{from="client",kind="MESSAGE"}"#) - 1.0).abs() < 0.1);
    assert!((metrics.get(r#"framegate_sip_messages_total{from="upstream",kind="2xx"}"#) - 1.0).abs() < 0.1);
    phone.send(&testkit::frame::close(Client, 1000, ""));
    assert_eq!(phone.read_frame().close(), Some((1000, "")));
    phone.expect_end(Ending::Fin);
    let records = rig.finish();
    testkit::records::assert_has(
        records.only("close"),
        &serde_json::json!({ "reason": "close", "client_messages": 1 }),
    );
}

#[test]
fn a_server_finds_a_phone_by_the_path_of_its_register_on_any_worker() {
    for workers in ["1", "2"] {
        let registrar = Registrar::start();
        let more = format!(
            r#"server {{ worker-threads {workers} }}
            listeners {{ listener "back" {{ address "127.0.0.1:0"; protocol "sip-udp" }} }}"#
        );
        let target = format!("udp://{}", registrar.address());
        let rig = Rig::from_kdl([], &text(&target, "listener \"back\"", &more));
        let mut phones: Vec<Peer> = (0..8).map(|_| phone(&rig)).collect();
        for (phone, number) in phones.iter_mut().zip(1..) {
            say(phone, &request("REGISTER", number, "Supported: path\r\n", ""));
            let (got, from) = registrar.receive();
            assert_eq!(from, rig.listener("back"), "the listener sends");
            let path = header(&got, "Path").to_owned();
            assert!(path.contains(&format!("@{from};transport=udp;lr;ob>")), "{path}");
            registrar.send(&answer(&got, "200 OK"), from);
            assert!(hear(phone).starts_with("SIP/2.0 200"));
            let call = request("MESSAGE", 1000 + number, &format!("Route: {path}\r\n"), "ring");
            let call = call.replace("SIP/2.0/WS a7.invalid", &format!("SIP/2.0/UDP {}", registrar.address()));
            registrar.send(&call, from);
            let heard = hear(phone);
            assert!(heard.starts_with(&format!("MESSAGE {URI}")) && !heard.contains("Route:"), "{heard}");
            say(phone, &answer(&heard, "200 OK"));
            let (answered, _) = registrar.receive();
            assert!(answered.starts_with("SIP/2.0 200"), "{answered}");
            assert_eq!(vias(&answered).len(), 1, "{answered}");
        }
    }
}

#[test]
fn fragments_and_single_bytes_reach_the_server_as_one_message() {
    let registrar = Registrar::start();
    let rig = Rig::from_kdl([], &text(&format!("udp://{}", registrar.address()), "", ""));
    let mut phone = phone(&rig);
    let message = request("MESSAGE", 1, "", &"x".repeat(300));
    let (first, rest) = message.as_bytes().split_at(100);
    let (second, third) = rest.split_at(50);
    let pieces = [large_first(0x01, first), large_first(0x00, second), large_first(0x80, third)].concat();
    phone.send_bytewise(&pieces);
    let (got, _) = registrar.receive();
    assert!(got.ends_with(&"x".repeat(300)), "{got}");
    phone.send(&frame(Client, BINARY, request("OPTIONS", 2, "", "").get(..100).unwrap().as_bytes()));
    eventually("the message without an end is dropped", || {
        (rig.metrics().sum("framegate_sip_dropped_total", "reason") >= 1.0).then_some(())
    });
}

/// A frame of any length with this first byte.
fn large_first(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = large(Client, payload);
    if let Some(byte) = bytes.first_mut() {
        *byte = first;
    }
    bytes
}

#[test]
fn a_handshake_without_the_subprotocol_is_refused() {
    let registrar = Registrar::start();
    let rig = Rig::from_kdl([], &text(&format!("udp://{}", registrar.address()), "", ""));
    for offered in [None, Some("chat"), Some("sipx, chat")] {
        let mut request = Message::upgrade("/sip");
        if let Some(offered) = offered {
            request = request.with("Sec-WebSocket-Protocol", offered);
        }
        assert_eq!(rig.send(&request.to_bytes()).read_head().status(), 400, "{offered:?}");
    }
    let request = Message::upgrade("/sip").with("Sec-WebSocket-Protocol", "chat, SIP");
    let head = rig.send(&request.to_bytes()).read_head();
    assert_eq!((head.status(), head.get("sec-websocket-protocol")), (101, Some("SIP")));
}

#[test]
fn a_keepalive_is_answered_on_its_own_hop() {
    let registrar = Registrar::start();
    let rig = Rig::from_kdl([], &text(&format!("udp://{}", registrar.address()), "", ""));
    let mut phone = phone(&rig);
    phone.send(&frame(Client, TEXT, b"\r\n\r\n"));
    assert_eq!(hear(&mut phone), "\r\n");
    phone.send(&frame(Client, BINARY, b"\r\n\r\n"));
    let pong = phone.read_frame();
    assert_eq!((pong.first, &*pong.payload), (BINARY, &b"\r\n"[..]));
    phone.send(&frame(Client, TEXT, b"\r\n"));
    say(&mut phone, &request("MESSAGE", 1, "", ""));
    assert!(registrar.receive().0.starts_with("MESSAGE"), "nothing else goes on");
}

#[test]
fn each_client_has_a_connection_of_its_own_where_the_gateway_is_transparent() {
    let backend = Backend::default();
    let rig = Rig::from_kdl([backend], &text("tcp://$0", "mode \"transparent\"", ""));
    let handshake = Message::upgrade("/sip").with("Sec-WebSocket-Protocol", "sip").to_bytes();
    let mut clients: Vec<(Peer, Peer)> = (0..2)
        .map(|_| {
            let mut client = rig.send(&handshake);
            let server = rig.backend().accept();
            assert_eq!(client.read_head().status(), 101);
            (client, server)
        })
        .collect();
    for ((client, server), number) in clients.iter_mut().zip(1..) {
        let sent = request("MESSAGE", number, "", "hello");
        let without = sent.replace("Content-Length: 5\r\n", "");
        // Line ends before it are not of the message.
        say(client, &format!("\r\n{without}"));
        let expected = without.replace("\r\n\r\nhello", "\r\nContent-Length: 5\r\n\r\nhello");
        server.expect(expected.as_bytes());
        let answered = answer(&sent, "200 OK");
        let (head, tail) = answered.as_bytes().split_at(40);
        server.send(head);
        server.send(&[tail, b"\r\n\r\n"].concat());
        assert_eq!(hear(client), answered);
        server.expect(b"\r\n");
    }
    let (mut client, server) = clients.remove(0);
    drop(server);
    assert_eq!(client.read_frame().close().map(|(code, _)| code), Some(1012));
    let (client, mut server) = clients.remove(0);
    drop(client);
    let _ending = server.read_to_end();
}

#[test]
fn in_reverse_one_connection_over_websocket_carries_all_peers() {
    let backend = Backend::default();
    let rig = Rig::from_kdl(
        [backend],
        r#"
        listeners { listener "front" { address "127.0.0.1:0" }; listener "sip" { address "127.0.0.1:0"; protocol "sip-udp"; upstream "far" } }
        routes { }
        upstreams { upstream "far" { target "ws://$0"; path "/far"; origin "https://gw.example.org" } }"#,
    );
    let listener = rig.listener("sip");
    let peers = [Registrar::start(), Registrar::start()];
    let message = |number: u32, peer: &Registrar| {
        let via = format!("SIP/2.0/UDP {};rport", peer.address());
        request("MESSAGE", number, "", "hi").replace("SIP/2.0/WS a7.invalid", &via)
    };
    peers[0].send(&message(1, &peers[0]), listener);
    let mut server = rig.backend().accept();
    let head = server.read_head();
    assert_eq!(head.first_line, "GET /far HTTP/1.1");
    assert_eq!(head.get("sec-websocket-protocol"), Some("sip"));
    assert_eq!(head.get("origin"), Some("https://gw.example.org"));
    server.send(&Message::switching(&head).with("Sec-WebSocket-Protocol", "sip").to_bytes());
    for (peer, number) in peers.iter().zip(1..) {
        if number > 1 {
            peer.send(&message(number, peer), listener);
        }
        let got = server.read_frame();
        assert_eq!(got.first, TEXT);
        let got = String::from_utf8(got.payload).unwrap();
        let [own, _] = vias(&got)[..] else { panic!("two Vias in {got}") };
        assert!(own.starts_with("SIP/2.0/WS "), "{own}");
        server.send(&large(Upstream, answer(&got, "200 OK").as_bytes()));
        let (answered, from) = peer.receive();
        assert!(answered.starts_with("SIP/2.0 200") && from == listener, "{answered}");
        assert_eq!(vias(&answered).len(), 1);
    }
    rig.assert_none_dialled();
}

#[test]
fn limits_of_messages_are_answered_and_a_rate_may_close() {
    let registrar = Registrar::start();
    let sip = r#"methods "REGISTER" "MESSAGE"; max-headers 12; rate-limit { messages 1; burst 4 }"#;
    let rig = Rig::from_kdl([], &text(&format!("udp://{}", registrar.address()), sip, ""));
    let mut phone = phone(&rig);
    let cases = [
        (request("PUBLISH", 1, "", ""), "405"),
        (request("MESSAGE", 2, &"X: 1\r\n".repeat(12), ""), "400"),
        (request("MESSAGE", 3, "", "").replace("Max-Forwards: 70", "Max-Forwards: 0"), "483"),
        (request("MESSAGE", 4, "", "").replace("Content-Length: 0", "Content-Length: 9"), "400"),
        (request("MESSAGE", 5, "", ""), "503"),
    ];
    for (message, status) in cases {
        say(&mut phone, &message);
        let heard = hear(&mut phone);
        assert!(heard.starts_with(&format!("SIP/2.0 {status} ")), "{status}: {heard}");
    }
    let sip = r#"rate-limit { messages 1; burst 1; on-exceed "close" }"#;
    let rig = Rig::from_kdl([], &text(&format!("udp://{}", registrar.address()), sip, ""));
    let mut phone = self::phone(&rig);
    say(&mut phone, &request("MESSAGE", 1, "", ""));
    say(&mut phone, &request("MESSAGE", 2, "", ""));
    let close = phone.read_frame();
    assert_eq!((close.first, close.close().map(|(code, _)| code)), (CLOSE, Some(1008)));
}

#[test]
fn reads_that_leave_a_message_incomplete_are_counted_where_that_is_wanted() {
    let registrar = Registrar::start();
    let sip = "max-message-chunks 4";
    let rig = Rig::from_kdl([], &text(&format!("udp://{}", registrar.address()), sip, ""));
    let mut phone = phone(&rig);
    let bytes = large(Client, request("MESSAGE", 1, "", "").as_bytes());
    // Each piece is read before the next is there, on a machine that is not too busy.
    for piece in bytes.chunks(2).take(100) {
        phone.send(piece);
        if phone.has_bytes_within(Duration::from_millis(20)) {
            break;
        }
    }
    assert_eq!(phone.read_frame().close().map(|(code, _)| code), Some(1008));
    let records = rig.finish();
    testkit::records::assert_has(records.only("close"), &serde_json::json!({ "reason": "too_many_chunks" }));
}

//! The ways that SIP takes without WebSocket: over IPv6, over TLS in reverse, over TCP what is too large
//! for a datagram, and what keeps a way open.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use gate_config::model::Config;
use testkit::Side::Upstream;
use testkit::backend::Backend;
use testkit::capture::Capture;
use testkit::deadline::eventually;
use testkit::folder::Folder;
use testkit::frame::large;
use testkit::message::Message;
use testkit::peer::Peer;
use testkit::rig::Rig;
use testkit::tls::Authority;

use crate::sip::{Registrar, answer, header, hear, hear_stream, phone, request, say, text};

/// A server's end of a stream.
struct Stream(BufReader<TcpStream>);

impl Stream {
    #[track_caller]
    fn accept(listener: &TcpListener) -> Self {
        listener.set_nonblocking(true).expect("a socket");
        let (stream, _) = eventually("the gateway connects", || listener.accept().ok());
        stream.set_nonblocking(false).expect("a socket");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time that is not zero");
        Self(BufReader::new(stream))
    }

    /// The next message, without its body.
    #[track_caller]
    fn receive(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(self.0.read_line(&mut head).expect("a line in time") > 0, "an end behind {head}");
        }
        let mut body = vec![0; header(&head, "Content-Length").parse().expect("a number")];
        self.0.read_exact(&mut body).expect("a body in time");
        head
    }

    fn send(&mut self, message: &str) {
        self.0.get_mut().write_all(message.as_bytes()).expect("it goes");
    }
}

#[test]
fn over_ipv6_addresses_stand_in_brackets_and_come_back_from_there() {
    let registrar = Registrar::at("::1");
    let capture = Capture::udp_at("::1".parse().expect("an address"));
    let more = format!(
        r#"listeners {{
            listener "front" {{ address "[::1]:0" }}
            listener "back" {{ address "[::1]:0"; protocol "sip-udp"; trace "homer" }}
        }}
        traces {{ trace "homer" {{ address "{}" }} }}"#,
        capture.address()
    );
    let text = text(&format!("udp://{}", registrar.address()), "listener \"back\"", &more);
    let rig = Rig::from_kdl([], &text);
    let back = rig.listener("back");
    let mut phone = phone(&rig);
    say(&mut phone, &request("INVITE", 1, "", ""));
    let (invite, from) = registrar.receive();
    assert_eq!(from, back);
    assert!(header(&invite, "Via").starts_with(&format!("SIP/2.0/UDP {back};")), "{invite}");
    // RFC 3261 §25.1: an address of IPv6 has no brackets there.
    assert!(invite.contains(";received=::1"), "{invite}");
    assert!(header(&invite, "Record-Route").contains(&format!("@{back};transport=udp;lr>")), "{invite}");
    registrar.send(&answer(&invite, "200 OK"), from);
    let heard = hear(&mut phone);
    assert!(heard.starts_with("SIP/2.0 200"), "{heard}");
    let route = header(&heard, "Record-Route");
    let via = format!("SIP/2.0/UDP {}", registrar.address());
    let bye = request("BYE", 2, &format!("Route: {route}\r\n"), "").replace("SIP/2.0/WS a7.invalid", &via);
    registrar.send(&bye, back);
    let heard = hear(&mut phone);
    assert!(heard.starts_with("BYE") && !heard.contains("\r\nRoute:"), "{heard}");
    say(&mut phone, &answer(&heard, "200 OK"));
    assert!(registrar.receive().0.starts_with("SIP/2.0 200"));
    let copied = eventually("a copy of it", || Some(capture.packet()).filter(|packet| packet.text() == bye));
    assert_eq!((copied.source(), copied.destination()), (registrar.address(), back));
}

#[test]
fn over_ipv6_a_stream_to_a_server_is_named_in_brackets() {
    let server = TcpListener::bind("[::1]:0").expect("a free port");
    let address = server.local_addr().expect("it is bound");
    let rig = Rig::from_kdl([], &text(&format!("tcp://{address}"), "", ""));
    let mut phone = phone(&rig);
    say(&mut phone, &request("REGISTER", 1, "", ""));
    let mut server = Stream::accept(&server);
    let got = server.receive();
    assert!(header(&got, "Via").starts_with("SIP/2.0/TCP [::1]:"), "{got}");
    assert!(header(&got, "Path").contains("@[::1]:"), "{got}");
    server.send(&answer(&got, "200 OK"));
    assert!(hear(&mut phone).starts_with("SIP/2.0 200"));
}

/// A user agent connects to a listener with this address and protocol, whose upstream is a WebSocket
/// server; both ask each other.
fn in_reverse(address: &str, protocol: &str) {
    let folder = Folder::new();
    let authority = Authority::new(&folder, &["localhost"]);
    let pair = format!(
        r#"tls {{ cert-file "{}"; key-file "{}" }}"#,
        authority.cert_file.display(),
        authority.key_file.display()
    );
    let tls = if protocol == "sip-tls" { &*pair } else { "" };
    let text = format!(
        r#"
        listeners {{ listener "sip" {{ address "{address}:0"; protocol "{protocol}"; upstream "far"; {tls} }} }}
        routes {{ }}
        upstreams {{ upstream "far" {{ target "ws://$0" }} }}"#
    );
    let rig = Rig::from_kdl([Backend::default()], &text);
    let listener = rig.listener("sip");
    let mut agent = Peer::connect(listener);
    if protocol == "sip-tls" {
        agent = agent.secure(&authority, "localhost");
    }
    let name = if protocol == "sip-tls" { "TLS" } else { "TCP" };
    let register =
        request("REGISTER", 1, "", "").replace("/WS a7.invalid", &format!("/{name} a7.invalid;rport"));
    agent.send(register.as_bytes());
    let mut server = rig.backend().accept();
    let head = server.read_head();
    server.send(&Message::switching(&head).with("Sec-WebSocket-Protocol", "sip").to_bytes());
    let got = String::from_utf8(server.read_frame().payload).expect("text");
    let ip = listener.ip();
    assert!(
        got.contains(&format!("/{name} a7.invalid;rport=")) && got.contains(&format!("received={ip}")),
        "{got}"
    );
    let path = header(&got, "Path").to_owned();
    server.send(&large(Upstream, answer(&got, "200 OK").as_bytes()));
    assert!(hear_stream(&mut agent).starts_with("SIP/2.0 200"));
    let ask = request("INVITE", 2, &format!("Route: {path}\r\n"), "");
    server.send(&large(Upstream, ask.as_bytes()));
    let asked = hear_stream(&mut agent);
    assert!(header(&asked, "Via").starts_with(&format!("SIP/2.0/{name} {listener};")), "{asked}");
    let mut routes = asked.split("\r\n").filter(|line| line.starts_with("Record-Route: "));
    let near = routes.next().expect("one for the agent's side");
    let far = routes.next().expect("one for the server's");
    assert_eq!(routes.next(), None, "{asked}");
    let transport = name.to_ascii_lowercase();
    assert!(near.contains(&format!("@{listener};transport={transport};")), "{near}");
    assert!(far.contains(";transport=ws;"), "{far}");
    agent.send(answer(&asked, "486 Busy Here").as_bytes());
    let answered = String::from_utf8(server.read_frame().payload).expect("text");
    assert!(answered.starts_with("SIP/2.0 486"), "{answered}");
}

#[test]
fn in_reverse_a_stream_over_tls_or_ipv6_is_asked_on_the_connection_that_it_has_made() {
    for (address, protocol) in
        [("127.0.0.1", "sip-tcp"), ("127.0.0.1", "sip-tls"), ("[::1]", "sip-tcp"), ("[::1]", "sip-tls")]
    {
        in_reverse(address, protocol);
    }
}

/// A server at one port over UDP and TCP.
fn of_both() -> (Registrar, TcpListener) {
    eventually("a port that is free for both", || {
        let registrar = Registrar::start();
        TcpListener::bind(registrar.address()).ok().map(|listener| (registrar, listener))
    })
}

#[test]
fn what_is_too_large_for_a_datagram_goes_over_tcp_and_its_transaction_with_it() {
    let (registrar, listener) = of_both();
    let rig = Rig::from_kdl([], &text(&format!("udp://{}", registrar.address()), "tcp-above-bytes 1300", ""));
    let mut phone = phone(&rig);
    let padding = "x".repeat(1500);
    say(&mut phone, &request("INVITE", 1, "", &padding));
    let mut server = Stream::accept(&listener);
    let invite = server.receive();
    assert!(header(&invite, "Via").starts_with("SIP/2.0/TCP "), "{invite}");
    say(&mut phone, &request("INVITE", 2, "", ""));
    let (small, _) = registrar.receive();
    assert!(header(&small, "Via").starts_with("SIP/2.0/UDP "), "{small}");
    let cancel = |number| request("CANCEL", number, "", "").replace("CSeq: 1 INVITE", "CSeq: 1 CANCEL");
    say(&mut phone, &cancel(2));
    assert_eq!(header(&registrar.receive().0, "Via"), header(&small, "Via"));
    say(&mut phone, &cancel(1));
    assert_eq!(header(&server.receive(), "Via"), header(&invite, "Via"), "one branch, one way");
    server.send(&answer(&invite, "487 Request Terminated"));
    assert!(hear(&mut phone).starts_with("SIP/2.0 487"));
    say(&mut phone, &request("ACK", 1, "", ""));
    assert_eq!(header(&server.receive(), "Via"), header(&invite, "Via"));
}

#[test]
fn what_is_too_large_goes_over_udp_where_the_server_has_no_tcp() {
    let registrar = Registrar::start();
    let rig = Rig::from_kdl([], &text(&format!("udp://{}", registrar.address()), "tcp-above-bytes 1300", ""));
    let mut phone = phone(&rig);
    for number in 1..3 {
        say(&mut phone, &request("INVITE", number, "", &"x".repeat(1500)));
        let (got, from) = registrar.receive();
        assert!(header(&got, "Via").starts_with("SIP/2.0/UDP "), "{got}");
        registrar.send(&answer(&got, "200 OK"), from);
        assert!(hear(&mut phone).starts_with("SIP/2.0 200"));
    }
}

#[test]
fn a_server_over_udp_is_sent_keepalives_where_that_is_wanted() {
    let registrar = Registrar::start();
    let often = |config: &mut Config| {
        let route = config.routes.iter_mut().find(|route| route.websocket.sip.is_some()).expect("a route");
        let settings = route.websocket.sip.as_mut().expect("it carries SIP");
        std::sync::Arc::make_mut(settings).udp_keepalive = Duration::from_millis(30);
    };
    let rig = Rig::from_kdl_with([], &text(&format!("udp://{}", registrar.address()), "", ""), often);
    let mut phone = phone(&rig);
    say(&mut phone, &request("MESSAGE", 1, "", ""));
    let (_, from) = registrar.receive();
    for _ in 0..3 {
        assert_eq!(registrar.receive(), ("\r\n\r\n".to_owned(), from));
    }
    registrar.send("\r\n", from);
    say(&mut phone, &request("MESSAGE", 2, "", ""));
    eventually("the next message", || registrar.receive().0.starts_with("MESSAGE").then_some(()));
}

#[test]
fn what_goes_over_tcp_names_the_listener_for_streams_at_the_address_of_the_one_for_datagrams() {
    let (registrar, listener) = of_both();
    let target = format!("udp://{}", registrar.address());
    let streams = r#"listeners { listener "streams" { address "127.0.0.1:0"; protocol "sip-tcp" } }"#;
    let (rig, back) = eventually("a port that is free for both", || {
        let mut rig = Rig::from_kdl([], &text(&target, "", streams));
        // The system has chosen a port for streams; that of datagrams is to be the same.
        let back = rig.listener("streams");
        let datagrams =
            format!(r#"listeners {{ listener "back" {{ address "{back}"; protocol "sip-udp" }} }}"#);
        let more = format!("{streams}\n{datagrams}");
        let text = text(&target, "listener \"back\"; tcp-above-bytes 1300", &more);
        rig.reload(&text).ok().map(|_| (rig, back))
    });
    let mut phone = phone(&rig);
    say(&mut phone, &request("INVITE", 1, "", &"x".repeat(1500)));
    let mut server = Stream::accept(&listener);
    let invite = server.receive();
    assert!(header(&invite, "Via").starts_with(&format!("SIP/2.0/TCP {back};")), "{invite}");
    let route = header(&invite, "Record-Route");
    assert!(route.contains(&format!("@{back};transport=tcp;")), "{route}");
    // What the server asks by that name gets to the phone, on a connection of the server's own.
    let mut asking = Peer::connect(back);
    let info = request("INFO", 2, &format!("Route: {route}\r\n"), "");
    asking.send(info.replace("SIP/2.0/WS a7.invalid", "SIP/2.0/TCP b.invalid").as_bytes());
    let heard = hear(&mut phone);
    assert!(heard.starts_with("INFO"), "{heard}");
    say(&mut phone, &answer(&heard, "200 OK"));
    assert!(hear_stream(&mut asking).starts_with("SIP/2.0 200"));
}

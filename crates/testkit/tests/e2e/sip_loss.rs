//! What becomes of SIP when a client, a server or a configuration is gone.

use testkit::Side::Upstream;
use testkit::backend::Backend;
use testkit::frame::large;
use testkit::message::Message;
use testkit::peer::Peer;
use testkit::rig::Rig;

use crate::sip::{Registrar, answer, header, hear, phone, request, say, text};

const BACK: &str = r#"listeners { listener "back" { address "127.0.0.1:0"; protocol "sip-udp" } }"#;

/// A registrar, a gateway before it, and the Path of a phone that has registered.
fn registered(more: &str) -> (Registrar, Rig, Peer, String) {
    let registrar = Registrar::start();
    let target = format!("udp://{}", registrar.address());
    let rig = Rig::from_kdl([], &text(&target, "listener \"back\"", &format!("{BACK}{more}")));
    let mut phone = phone(&rig);
    say(&mut phone, &request("REGISTER", 1, "", ""));
    let (got, from) = registrar.receive();
    let path = header(&got, "Path").to_owned();
    registrar.send(&answer(&got, "200 OK"), from);
    assert!(hear(&mut phone).starts_with("SIP/2.0 200"));
    (registrar, rig, phone, path)
}

fn call(registrar: &Registrar, method: &str, number: u32, route: &str) -> String {
    let via = format!("SIP/2.0/UDP {}", registrar.address());
    request(method, number, &format!("Route: {route}\r\n"), "").replace("SIP/2.0/WS a7.invalid", &via)
}

#[test]
fn a_request_for_a_phone_that_is_gone_is_answered_430_and_an_ack_never() {
    let (registrar, rig, phone, path) = registered("");
    let back = rig.listener("back");
    drop(phone);
    rig.await_metric("framegate_connections_active", 0.0);
    registrar.send(&call(&registrar, "ACK", 1, &path), back);
    registrar.send(&call(&registrar, "MESSAGE", 2, &path), back);
    let (answered, _) = registrar.receive();
    assert!(answered.starts_with("SIP/2.0 430 Flow Failed\r\n"), "{answered}");
    assert_eq!(header(&answered, "Call-ID"), "call-2");
}

#[test]
fn a_forged_token_is_answered_403_and_none_404() {
    let (registrar, rig, _phone, path) = registered("");
    let back = rig.listener("back");
    let at = path.find('@').unwrap() - 1;
    let other = if path.as_bytes()[at] == b'A' { "B" } else { "A" };
    let forged = format!("{}{other}{}", &path[..at], &path[at + 1..]);
    for (route, status) in [(&*forged, "403"), (&*format!("<sip:{back};lr>"), "404")] {
        registrar.send(&call(&registrar, "MESSAGE", 1, route), back);
        let (answered, _) = registrar.receive();
        assert!(answered.starts_with(&format!("SIP/2.0 {status} ")), "{route}: {answered}");
    }
}

#[test]
fn peers_that_may_not_send_are_not_heard() {
    let registrar = Registrar::start();
    let more =
        r#"listeners { listener "back" { address "127.0.0.1:0"; protocol "sip-udp"; peers "10.0.0.0/8" } }"#;
    let rig = Rig::from_kdl([], &text(&format!("udp://{}", registrar.address()), "listener \"back\"", more));
    registrar.send(&call(&registrar, "OPTIONS", 1, "<sip:a@b>"), rig.listener("back"));
    rig.await_metric(r#"framegate_sip_dropped_total{reason="peer_not_allowed"}"#, 1.0);
}

#[test]
fn a_reload_keeps_phones_and_the_socket_that_servers_send_to() {
    let (registrar, mut rig, mut phone, path) = registered("");
    let back = rig.listener("back");
    let target = format!("udp://{}", registrar.address());
    rig.reload(&text(&target, "listener \"back\"; max-headers 64", BACK)).unwrap();
    assert_eq!(rig.listener("back"), back);
    registrar.send(&call(&registrar, "MESSAGE", 2, &path), back);
    let heard = hear(&mut phone);
    assert!(heard.starts_with("MESSAGE"), "{heard}");
    say(&mut phone, &answer(&heard, "200 OK"));
    assert!(registrar.receive().0.starts_with("SIP/2.0 200"));
}

#[test]
fn a_phone_that_is_there_asks_the_servers_of_a_reload() {
    let servers = [Registrar::start(), Registrar::start()];
    let to = |server: &Registrar| text(&format!("udp://{}", server.address()), "", "");
    let mut rig = Rig::from_kdl([], &to(&servers[0]));
    let mut phone = phone(&rig);
    for (server, number) in servers.iter().zip(1..) {
        rig.reload(&to(server)).unwrap();
        say(&mut phone, &request("MESSAGE", number, "", ""));
        let (got, from) = server.receive();
        assert_eq!(header(&got, "Call-ID"), format!("call-{number}"));
        server.send(&answer(&got, "200 OK"), from);
        assert!(hear(&mut phone).starts_with("SIP/2.0 200"));
    }
    // Without its route it keeps what it has.
    rig.reload(&to(&servers[0]).replace("route \"sip\"", "route \"other\"")).unwrap();
    say(&mut phone, &request("MESSAGE", 3, "", ""));
    assert_eq!(header(&servers[1].receive().0, "Call-ID"), "call-3");
}

#[test]
fn a_request_to_a_port_where_nobody_listens_is_answered_503_without_another() {
    let nobody = Registrar::start().address();
    let rig = Rig::from_kdl([], &text(&format!("udp://{nobody}"), "", ""));
    let mut phone = phone(&rig);
    for number in 1..3 {
        say(&mut phone, &request("MESSAGE", number, "", ""));
        let heard = hear(&mut phone);
        assert!(heard.starts_with("SIP/2.0 503 "), "{heard}");
        assert_eq!(header(&heard, "Call-ID"), format!("call-{number}"));
    }
}

#[test]
fn a_server_that_is_not_there_is_told_by_503_and_asked_again_when_it_is() {
    let backend = Backend::default();
    let rig = Rig::from_kdl([backend], &text("ws://$0", "", ""));
    let mut phone = phone(&rig);
    say(&mut phone, &request("MESSAGE", 1, "", ""));
    let mut refusing = rig.backend().accept();
    let _head = refusing.read_head();
    refusing.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    let heard = hear(&mut phone);
    assert!(heard.starts_with("SIP/2.0 503 ") && heard.contains("Retry-After: "), "{heard}");
    // It is asked again without a request: the phone might be called.
    let mut server = rig.backend().accept();
    let head = server.read_head();
    server.send(&Message::switching(&head).with("Sec-WebSocket-Protocol", "sip").to_bytes());
    say(&mut phone, &request("MESSAGE", 2, "", ""));
    let got = String::from_utf8(server.read_frame().payload).unwrap();
    assert!(got.starts_with("MESSAGE"), "{got}");
    drop(server);
    let mut server = rig.backend().accept();
    let head = server.read_head();
    server.send(&Message::switching(&head).with("Sec-WebSocket-Protocol", "sip").to_bytes());
    say(&mut phone, &request("MESSAGE", 3, "", ""));
    let got = String::from_utf8(server.read_frame().payload).unwrap();
    assert_eq!(header(&got, "Call-ID"), "call-3");
}

/// Reads one message at a server, over WebSocket or as a stream.
fn receive(server: &mut Peer, scheme: &str) -> String {
    if scheme == "ws" {
        return String::from_utf8_lossy(&server.read_frame().payload).into_owned();
    }
    let lines = std::iter::from_fn(|| Some(server.read_line()).filter(|line| !line.is_empty()));
    lines.map(|line| line + "\r\n").collect::<String>() + "\r\n"
}

#[test]
fn a_connection_to_a_server_keeps_to_the_sizes_of_a_reload() {
    let sized = |scheme: &str, size: &str| {
        let websocket = format!("websocket {{ max-message-size \"{size}\"; sip");
        text(&format!("{scheme}://$0"), "", "").replace("websocket { sip", &websocket)
    };
    for scheme in ["ws", "tcp"] {
        let mut rig = Rig::from_kdl([Backend::default()], &sized(scheme, "4KB"));
        let mut first = phone(&rig);
        say(&mut first, &request("MESSAGE", 1, "", ""));
        let mut server = rig.backend().accept();
        if scheme == "ws" {
            let head = server.read_head();
            server.send(&Message::switching(&head).with("Sec-WebSocket-Protocol", "sip").to_bytes());
        }
        let send = |server: &mut Peer, message: &str| match scheme {
            "ws" => server.send(&large(Upstream, message.as_bytes())),
            _ => server.send(message.as_bytes()),
        };
        let long = |request: &str| {
            let answered = answer(request, "200 OK").replace("Content-Length: 0", "Content-Length: 6000");
            answered + &"x".repeat(6000)
        };
        let got = receive(&mut server, scheme);
        send(&mut server, &answer(&got, "200 OK"));
        assert!(hear(&mut first).starts_with("SIP/2.0 200"));

        rig.reload(&sized(scheme, "8KB")).unwrap();
        let mut second = phone(&rig);
        say(&mut second, &request("MESSAGE", 2, "", ""));
        let got = receive(&mut server, scheme);
        send(&mut server, &long(&got));
        assert!(hear(&mut second).ends_with("xxx"), "{scheme}: the connection is there and lets it come");

        rig.reload(&sized(scheme, "4KB")).unwrap();
        say(&mut second, &request("MESSAGE", 3, "", ""));
        let got = receive(&mut server, scheme);
        send(&mut server, &long(&got));
        if scheme == "ws" {
            assert_eq!(server.read_frame().close().map(|(code, _)| code), Some(1009));
            server.finish();
        }
        let _rest = server.read_to_end();
        // Clients stay, and the next connection is made.
        let _again = rig.backend().accept();
        drop((first, second));
    }
}

#[test]
fn who_shares_a_connection_to_a_server_gets_what_the_widest_of_them_lets_come() {
    let route = |name: &str, size: &str| {
        format!(
            r#"route "{name}" {{ matches {{ path "/{name}" }}; upstream "sip"; websocket {{ max-message-size "{size}"; sip }} }}"#
        )
    };
    let routes = [("narrow", "4KB"), ("sip", "8KB"), ("least", "2KB")].map(|(name, size)| route(name, size));
    let text = format!(
        r#"
        routes {{ {} }}
        upstreams {{ upstream "sip" {{ target "ws://$0" }} }}"#,
        routes.join("\n")
    );
    let rig = Rig::from_kdl([Backend::default()], &text);
    let request_of = |name: &str| Message::upgrade(&format!("/{name}")).with("Sec-WebSocket-Protocol", "sip");
    let mut narrow = rig.send(&request_of("narrow").to_bytes());
    assert_eq!(narrow.read_head().status(), 101);
    say(&mut narrow, &request("MESSAGE", 1, "", ""));
    let mut server = rig.backend().accept();
    let head = server.read_head();
    server.send(&Message::switching(&head).with("Sec-WebSocket-Protocol", "sip").to_bytes());
    let _made_for_the_narrow_one = server.read_frame();
    let mut wide = phone(&rig);
    say(&mut wide, &request("MESSAGE", 2, "", ""));
    let got = String::from_utf8(server.read_frame().payload).unwrap();
    let answered =
        answer(&got, "200 OK").replace("Content-Length: 0", "Content-Length: 6000") + &"x".repeat(6000);
    server.send(&large(Upstream, answered.as_bytes()));
    assert!(hear(&mut wide).ends_with("xxx"));
}

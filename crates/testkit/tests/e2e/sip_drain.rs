//! A gateway that ends: what servers have for phones that are still there gets to them.

use std::thread;

use testkit::peer::Peer;
use testkit::rig::Rig;

use crate::sip::{Registrar, answer, header, hear, hear_stream, phone, request, say, text};

/// Two phones, of which one is told to go at once and the other one seconds later, and their Paths.
fn two_phones(rig: &Rig, registrar: &Registrar) -> [(Peer, String); 2] {
    [1, 2].map(|number| {
        let mut phone = phone(rig);
        say(&mut phone, &request("REGISTER", number, "", ""));
        let (got, from) = registrar.receive();
        registrar.send(&answer(&got, "200 OK"), from);
        assert!(hear(&mut phone).starts_with("SIP/2.0 200"));
        (phone, header(&got, "Path").to_owned())
    })
}

fn call(via: &str, number: u32, path: &str) -> String {
    request("MESSAGE", number, &format!("Route: {path}\r\n"), "").replace("SIP/2.0/WS a7.invalid", via)
}

#[test]
fn servers_reach_phones_until_the_last_of_them_is_gone() {
    let registrar = Registrar::start();
    let more = r#"
        server { drain { spread "5s" } }
        listeners {
            listener "back" { address "127.0.0.1:0"; protocol "sip-udp" }
            listener "streams" { address "127.0.0.1:0"; protocol "sip-tcp" }
            listener "reverse" { address "127.0.0.1:0"; protocol "sip-udp"; upstream "sip" }
        }"#;
    let rig = Rig::from_kdl([], &text(&format!("udp://{}", registrar.address()), "listener \"back\"", more));
    let [back, streams, reverse] = ["back", "streams", "reverse"].map(|name| rig.listener(name));
    let front = rig.address();
    let [(mut first, _), (mut second, path)] = two_phones(&rig, &registrar);
    thread::scope(|scope| {
        let stopping = scope.spawn(|| rig.stop());
        assert_eq!(first.read_frame().close(), Some((1001, "")));
        drop(first);
        assert!(std::net::TcpStream::connect(front).is_err(), "no phone comes any more");
        registrar.send(&call(&format!("SIP/2.0/UDP {}", registrar.address()), 10, &path), back);
        let heard = hear(&mut second);
        assert!(heard.starts_with("MESSAGE"), "{heard}");
        say(&mut second, &answer(&heard, "200 OK"));
        assert!(registrar.receive().0.starts_with("SIP/2.0 200"));
        let mut late = Peer::connect(streams);
        late.send(call("SIP/2.0/TCP late.invalid", 11, &path).as_bytes());
        let heard = hear(&mut second);
        assert_eq!(header(&heard, "Call-ID"), "call-11");
        say(&mut second, &answer(&heard, "200 OK"));
        assert!(hear_stream(&mut late).starts_with("SIP/2.0 200"));
        // Whoever registers by a listener is not told that it may stay.
        let register = request("REGISTER", 12, "", "");
        registrar.send(&register.replace("SIP/2.0/WS a7.invalid", "SIP/2.0/UDP a7.invalid"), reverse);
        let (refused, _) = registrar.receive();
        assert!(refused.starts_with("SIP/2.0 503 ") && refused.contains("Retry-After: "), "{refused}");
        drop(second);
        stopping.join().expect("a gateway that stops");
    });
    assert!(std::net::TcpStream::connect(streams).is_err(), "all is closed in the end");
}

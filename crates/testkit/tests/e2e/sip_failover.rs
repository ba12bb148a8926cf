//! Requests of SIP whose server cannot be reached: those that nothing binds to it go to another one, and
//! what belongs to their calls follows.

use std::time::Duration;

use testkit::Side::Upstream;
use testkit::backend::Backend;
use testkit::deadline::eventually;
use testkit::frame::large;
use testkit::message::Message;
use testkit::peer::Peer;
use testkit::rig::Rig;

use crate::sip::{answer, header, hear, hear_stream, phone, request, say};

/// No server is ever found unwell.
const TRUSTING: &str = "passive-health { max-fails 0 }";

/// A route with `sip` to servers at both backends.
fn kdl(scheme: &str, settings: &str) -> String {
    format!(
        r#"
        routes {{ route "sip" {{ matches {{ path "/sip" }}; upstream "sip"; websocket {{ sip }} }} }}
        upstreams {{ upstream "sip" {{
            target "{scheme}://$0"; target "{scheme}://$1"; {settings}
        }} }}"#
    )
}

/// A connection of the gateway's to a server.
struct Link {
    peer: Peer,
    is_websocket: bool,
}

impl Link {
    fn new(mut peer: Peer, scheme: &str) -> Self {
        let is_websocket = scheme == "ws";
        if is_websocket {
            let head = peer.read_head();
            peer.send(&Message::switching(&head).with("Sec-WebSocket-Protocol", "sip").to_bytes());
        }
        Self { peer, is_websocket }
    }

    fn has_more(&mut self) -> bool {
        self.peer.has_bytes_within(Duration::from_millis(1))
    }

    #[track_caller]
    fn receive(&mut self) -> String {
        if self.is_websocket { hear(&mut self.peer) } else { hear_stream(&mut self.peer) }
    }

    /// Receives a request, which is to be that one, and answers it.
    #[track_caller]
    fn serve(&mut self, method: &str, number: u32) {
        let got = self.receive();
        assert!(got.starts_with(method), "{method} {number}: {got}");
        assert_eq!(header(&got, "Call-ID"), format!("call-{number}"));
        let answered = answer(&got, "200 OK");
        let bytes = answered.as_bytes();
        self.peer.send(&if self.is_websocket { large(Upstream, bytes) } else { bytes.to_vec() });
    }
}

/// A request of the dialog that one of that number has begun.
fn inside(method: &str, number: u32) -> String {
    let to = "To: <sip:bob@example.org>";
    request(method, number, "", "").replace(to, &format!("{to};tag=9"))
}

#[track_caller]
fn asks(phone: &mut Peer, server: &mut Link, message: &str, number: u32) {
    say(phone, message);
    server.serve(message.split(' ').next().unwrap_or_default(), number);
    let heard = hear(phone);
    assert!(heard.starts_with("SIP/2.0 200 "), "{heard}");
}

#[track_caller]
fn is_refused(phone: &mut Peer, message: &str) {
    say(phone, message);
    let heard = hear(phone);
    assert!(heard.starts_with("SIP/2.0 503 ") && heard.contains("\r\nRetry-After: "), "{heard}");
}

/// A gateway between a phone and two servers, with a connection to each, and two numbers for each whose
/// Call-IDs fall on it.
struct Pair {
    rig: Rig,
    phone: Peer,
    links: [Option<Link>; 2],
    numbers: [[u32; 2]; 2],
}

#[expect(clippy::indexing_slicing, reason = "there are two of all")]
impl Pair {
    fn up(scheme: &str, settings: &str) -> Self {
        let rig = Rig::from_kdl([Backend::default(), Backend::default()], &kdl(scheme, settings));
        let mut phone = phone(&rig);
        let mut links = [None, None];
        let mut numbers = [Vec::new(), Vec::new()];
        for number in 1.. {
            say(&mut phone, &request("MESSAGE", number, "", ""));
            let of = eventually("one of both has it", || {
                rig.backends().iter().zip(&mut links).enumerate().find_map(|(of, (backend, link))| {
                    if let Some(peer) = backend.try_accept() {
                        *link = Some(Link::new(peer, scheme));
                    }
                    let link = link.as_mut()?;
                    link.has_more().then_some(of)
                })
            });
            links[of].as_mut().expect("it is there").serve("MESSAGE", number);
            assert!(hear(&mut phone).starts_with("SIP/2.0 200 "));
            numbers[of].push(number);
            if numbers.iter().all(|numbers| numbers.len() >= 2) {
                break;
            }
        }
        let numbers = numbers.map(|numbers| [numbers[0], numbers[1]]);
        Self { rig, phone, links, numbers }
    }

    /// One of both is gone, and cannot be reached any more.
    fn lose(&mut self, of: usize) {
        let before = self.rig.metrics().get("framegate_sip_link_failures_total");
        self.rig.backends()[of].close();
        self.links[of] = None;
        eventually("the gateway knows", || {
            let failures = self.rig.metrics().get("framegate_sip_link_failures_total");
            (failures > before).then_some(())
        });
    }
}

#[test]
fn requests_whose_server_is_not_there_go_to_the_one_that_is() {
    for scheme in ["ws", "tcp"] {
        let rig = Rig::from_kdl([Backend::closed(), Backend::default()], &kdl(scheme, TRUSTING));
        let mut phone = phone(&rig);
        let mut server: Option<Link> = None;
        for (number, method) in (1..25).zip(["MESSAGE", "REGISTER", "OPTIONS", "INVITE"].into_iter().cycle())
        {
            say(&mut phone, &request(method, number, "", ""));
            let link = server.get_or_insert_with(|| Link::new(rig.backends()[1].accept(), scheme));
            link.serve(method, number);
            let heard = hear(&mut phone);
            assert!(heard.starts_with("SIP/2.0 200 "), "{scheme}: {heard}");
        }
        let went_on = rig.metrics().get("framegate_sip_failovers_total");
        assert!((1.0..24.0).contains(&went_on), "{scheme}: {went_on} of 24");
    }
}

#[test]
fn what_belongs_to_a_call_follows_it_and_stays_where_it_is() {
    // Be it that the request finds its server gone, or that somebody has found that before.
    let ejects = "passive-health { max-fails 1; eject-secs 1 }";
    for (scheme, settings) in [("ws", TRUSTING), ("tcp", TRUSTING), ("tcp", ejects)] {
        let mut pair = Pair::up(scheme, settings);
        pair.lose(0);
        let [call, other] = pair.numbers[0];
        let Pair { rig, phone, links, .. } = &mut pair;
        let server = links[1].as_mut().expect("it is there");
        asks(phone, server, &request("INVITE", call, "", ""), call);
        asks(phone, server, &request("CANCEL", call, "", ""), call);
        say(phone, &inside("ACK", call));
        assert!(server.receive().starts_with("ACK "));
        // The first is there again.
        rig.backends()[0].open();
        let mut first = Link::new(rig.backends()[0].accept(), scheme);
        // A new request finds it when the connection is there, and what is said in the call stays elsewhere.
        eventually("the first is asked again", || {
            say(phone, &request("MESSAGE", other, "", ""));
            let is_asked = eventually("one of both is", || {
                let mut both = [(&mut first, true), (&mut *server, false)];
                let (link, is_first) = both
                    .iter_mut()
                    .find_map(|(link, is_first)| link.has_more().then_some((link, *is_first)))?;
                link.serve("MESSAGE", other);
                Some(is_first)
            });
            assert!(hear(phone).starts_with("SIP/2.0 200 "));
            is_asked.then_some(())
        });
        for method in ["INVITE", "UPDATE", "BYE"] {
            asks(phone, server, &inside(method, call), call);
        }
        asks(phone, server, &request("INVITE", call, "", ""), call);
    }
}

#[test]
fn what_is_bound_to_a_server_that_is_gone_goes_nowhere_else() {
    for scheme in ["ws", "tcp"] {
        let mut pair = Pair::up(scheme, TRUSTING);
        let [call, other] = pair.numbers[0];
        let first = pair.links[0].as_mut().expect("it is there");
        asks(&mut pair.phone, first, &request("INVITE", call, "", ""), call);
        pair.lose(0);
        let Pair { rig, phone, links, .. } = &mut pair;
        let server = links[1].as_mut().expect("it is there");
        for message in [inside("BYE", call), inside("INVITE", call), request("CANCEL", call, "", "")] {
            is_refused(phone, &message);
        }
        say(phone, &inside("ACK", call));
        // A new request does, and nothing has gone there before it.
        asks(phone, server, &request("MESSAGE", other, "", ""), other);
        assert_eq!(rig.metrics().get("framegate_sip_failovers_total"), 1.0);
    }
}

#[test]
fn a_request_that_was_written_is_not_repeated_elsewhere() {
    for scheme in ["ws", "tcp"] {
        let mut pair = Pair::up(scheme, TRUSTING);
        let ([lost, _], [_, other]) = (pair.numbers[0], pair.numbers[1]);
        say(&mut pair.phone, &request("MESSAGE", lost, "", ""));
        let mut first = pair.links[0].take().expect("it is there");
        assert!(first.receive().starts_with("MESSAGE "));
        drop(first);
        pair.lose(0);
        let server = pair.links[1].as_mut().expect("it is there");
        asks(&mut pair.phone, server, &request("MESSAGE", other, "", ""), other);
    }
}

#[test]
fn a_server_that_does_not_agree_to_speak_sip_is_as_good_as_none() {
    type Behave = fn(&mut Peer);
    let refuses: Behave = |peer| peer.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    let says_nothing: Behave = |_| {};
    for behave in [refuses, says_nothing] {
        let settings = format!("{TRUSTING}; timeouts {{ handshake \"200ms\" }}");
        let rig = Rig::from_kdl([Backend::default(), Backend::default()], &kdl("ws", &settings));
        let mut phone = phone(&rig);
        say(&mut phone, &request("MESSAGE", 1, "", ""));
        let (asked, mut peer) = rig.accept();
        let _head = peer.read_head();
        behave(&mut peer);
        let mut server = Link::new(rig.backends()[1 - asked].accept(), "ws");
        server.serve("MESSAGE", 1);
        assert!(hear(&mut phone).starts_with("SIP/2.0 200 "));
    }
}

#[test]
fn a_client_that_has_its_server_alone_gets_one_that_is_there() {
    for scheme in ["ws", "tcp"] {
        let text = kdl(scheme, TRUSTING).replace("{ sip }", "{ sip { mode \"transparent\" } }");
        let handshake = Message::upgrade("/sip").with("Sec-WebSocket-Protocol", "sip").to_bytes();
        let backends = [Backend::closed(), Backend::default()];
        let rig = Rig::from_kdl(backends, &text);
        for number in 1..9 {
            let mut client = rig.send(&handshake);
            let mut server = Link::new(rig.backends()[1].accept(), scheme);
            assert_eq!(client.read_head().status(), 101);
            asks(&mut client, &mut server, &request("MESSAGE", number, "", ""), number);
        }
        rig.backends()[1].close();
        let mut client = rig.send(&handshake);
        assert_eq!(client.read_head().status(), 502);
    }
}

#[test]
fn where_no_server_is_there_a_request_is_refused_when_each_has_been_tried_once() {
    for (retries, is_dialled) in [(0, 1.0), (1, 2.0), (10, 2.0)] {
        let backends = [Backend::closed(), Backend::closed()];
        let settings = format!("{TRUSTING}; retries {retries}; timeouts {{ connect \"5s\" }}");
        let rig = Rig::from_kdl(backends, &kdl("tcp", &settings));
        let mut phone = phone(&rig);
        is_refused(&mut phone, &request("MESSAGE", 1, "", ""));
        let failures = rig.metrics().get("framegate_sip_link_failures_total");
        // Each is tried again by the gateway itself soon.
        assert!(failures >= is_dialled, "{retries}: {failures}");
        assert_eq!(rig.metrics().get("framegate_sip_failovers_total"), 0.0);
        let dropped = rig.metrics().get("framegate_sip_dropped_total{reason=\"upstream_down\"}");
        assert_eq!(dropped, 1.0);
    }
}

//! What one connection tells: that it was opened, or why it was not, the SIP messages on it, and how
//! it ended. Whoever holds it drops it when the connection is over; what was not said then is.

use std::cell::{Cell, OnceCell};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use gate_config::model::{SipTransport, TraceEnds};
use gate_core::Side;
use gate_core::ids::RouteId;
use sip_proto::hep::{self, Cut, Ends, Template};

use super::event::{Closing, Direction, Event, Kind, Secured, Status, Value};
use super::switches::Wire;
use super::tracer::Tracer;
use crate::clock;

/// A connection as the gateway sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leg {
    /// The other end; `None` over a unix socket, and where nobody knows it.
    pub(crate) peer: Option<SocketAddr>,
    /// The gateway's end; `None` in the same cases, of which one is that there never was a connection.
    pub(crate) local: Option<SocketAddr>,
    /// An end without an address is at a unix socket.
    pub(crate) is_unix: bool,
    pub(crate) opener: Opener,
    pub(crate) speech: Speech,
    pub(crate) wire: Wire,
    /// That it came to.
    pub(crate) route: Option<RouteId>,
}

/// Who has opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opener {
    Peer,
    Gateway,
}

/// What is spoken on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    WebSocket,
    /// SIP without WebSocket.
    Sip(SipTransport),
}

/// Which way a SIP message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It came from the peer.
    Received,
    /// It went to the peer.
    Sent,
}

/// What is told of the opening beside the connection itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Opening<'a> {
    pub(crate) tls: Option<&'a Secured>,
    /// The heads of the opening handshake.
    pub(crate) request: Option<&'a str>,
    pub(crate) reply: Option<&'a str>,
}

/// Why a connection came to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Failure<'a> {
    /// A stable name, as in the records of the access log.
    pub(crate) reason: &'a str,
    /// In words.
    pub(crate) detail: &'a str,
    /// The status of the answer to the handshake.
    pub(crate) status: Option<u16>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct ConnectionTrace {
    tracer: Arc<Tracer>,
    leg: Leg,
    /// What all its events tell.
    about: Vec<(&'static str, Arc<str>)>,
    /// All packets about it have this in common.
    correlation: u64,
    since: Instant,
    /// What it has ended by if nobody says anything else; `None`: that has been told, or there
    /// never was a connection.
    end: Option<&'static str>,
    /// What copies of SIP messages begin with: those that come, and those that go.
    copies: OnceCell<Box<[Template; 2]>>,
    /// The messages that were counted: those that came, and those that went.
    passed: [Cell<Direction>; 2],
}

impl Tracer {
    /// What is told of a connection that began then; `None`: the filter does not admit it.
    pub(crate) fn connection(self: &Arc<Self>, leg: Leg, since: Instant) -> Option<ConnectionTrace> {
        self.admits(&leg.filtered()).then(|| ConnectionTrace {
            tracer: Arc::clone(self),
            leg,
            about: Vec::new(),
            correlation: rand::random(),
            since,
            end: Some("aborted"),
            copies: OnceCell::new(),
            passed: Default::default(),
        })
    }

    /// Copies a SIP message that passed as a datagram, if such copies are wanted and the filter admits it.
    pub(crate) fn sip(&self, leg: &Leg, way: Way, message: &[u8], call_id: &[u8]) {
        if self.copies_sip(leg.wire) && self.admits(&leg.filtered()) {
            self.send(&self.copy_template(leg, way), call_id, message);
        }
    }

    /// Whether copies of SIP messages on such connections go out at this moment.
    pub(crate) fn copies_sip(&self, wire: Wire) -> bool {
        self.is_on(wire) && self.settings().sip_messages
    }

    fn copy_template(&self, leg: &Leg, way: Way) -> Template {
        Template::new(self.agent(), &leg.ends(way), hep::SIP)
    }
}

impl ConnectionTrace {
    /// Whether its events go out at this moment.
    pub(crate) fn is_on(&self) -> bool {
        self.tracer.is_on(self.leg.wire)
    }

    /// Has all that follows tell this, too. Nothing that is empty.
    pub(crate) fn tell_about(&mut self, key: &'static str, value: &Arc<str>) {
        if !value.is_empty() {
            self.about.push((key, Arc::clone(value)));
        }
    }

    /// What it is to be said to have ended by, if nobody says anything else.
    pub(crate) fn ends_by(&mut self, reason: &'static str) {
        self.end = Some(reason);
    }

    /// It is open, and the handshake on it done.
    pub(crate) fn opened(&self, opening: &Opening<'_>) {
        if self.is_on() {
            let kind = self.opening();
            self.tell(&self.event(kind, Status::Success, kind.in_words(Status::Success), opening));
        }
    }

    /// It came to nothing; whatever has been opened is about to be closed.
    pub(crate) fn failed(&self, failure: &Failure<'_>, opening: &Opening<'_>) {
        if !self.is_on() {
            return;
        }
        let kind = self.opening();
        let words = kind.in_words(Status::Failure);
        let message = if failure.detail.is_empty() { words } else { failure.detail };
        let mut event = self.event(kind, Status::Failure, message, opening);
        event.more.push(("Reason", failure.reason.into()));
        event.more.extend(failure.status.map(|status| ("Http-Status", Value::Number(status.into()))));
        self.tell(&event);
    }

    /// The same where there never was a connection.
    pub(crate) fn never_opened(mut self, failure: &Failure<'_>, opening: &Opening<'_>) {
        self.failed(failure, opening);
        self.end = None;
    }

    /// It is over. What is said later counts no more.
    pub(crate) fn closed(&mut self, closing: &Closing<'_>) {
        if self.end.take().is_none() || !self.is_on() {
            return;
        }
        let lasted = clock::now().saturating_duration_since(self.since);
        let by = if closing.by.is_empty() { String::new() } else { format!(" by {}", closing.by) };
        let detail = if closing.detail.is_empty() { String::new() } else { format!(": {}", closing.detail) };
        let message = format!("{}{by}{detail}", closing.reason);
        let status = if closing.is_orderly { Status::Success } else { Status::Failure };
        let mut event = self.event(Kind::Closed, status, &message, &Opening::default());
        event.more.push(("Reason", closing.reason.into()));
        if !closing.by.is_empty() {
            event.more.push(("By", closing.by.into()));
        }
        for (key, code) in
            [("Close-Code-Received", closing.close_received), ("Close-Code-Sent", closing.close_sent)]
        {
            event.more.extend(code.map(|code| (key, Value::Number(code.into()))));
        }
        let milliseconds = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX);
        event.more.push(("Duration-Ms", Value::Number(milliseconds)));
        for (bytes, messages, passed) in [
            ("Bytes-Received", "Messages-Received", closing.received),
            ("Bytes-Sent", "Messages-Sent", closing.sent),
        ] {
            if let Some(passed) = passed {
                let pairs = [(bytes, passed.bytes), (messages, passed.messages)];
                event.more.extend(pairs.map(|(key, number)| (key, Value::Number(number))));
            }
        }
        self.tell(&event);
    }

    /// Copies a SIP message that passed, if such copies are wanted. Messages of one call have its
    /// Call-ID in common.
    pub(crate) fn sip(&self, way: Way, message: &[u8], call_id: &[u8]) {
        if !self.tracer.copies_sip(self.leg.wire) {
            return;
        }
        let templates = self.copies.get_or_init(|| {
            Box::new([Way::Received, Way::Sent].map(|way| self.tracer.copy_template(&self.leg, way)))
        });
        let [received, sent] = &**templates;
        let template = match way {
            Way::Received => received,
            Way::Sent => sent,
        };
        self.tracer.send(template, call_id, message);
    }

    /// A message has passed.
    pub(crate) fn count(&self, way: Way, message: &[u8]) {
        let passed = self.counter(way);
        let Direction { bytes, messages } = passed.get();
        let length = u64::try_from(message.len()).unwrap_or(u64::MAX);
        passed.set(Direction { bytes: bytes.saturating_add(length), messages: messages + 1 });
    }

    /// What was counted.
    pub(crate) fn passed(&self, way: Way) -> Direction {
        self.counter(way).get()
    }

    const fn counter(&self, way: Way) -> &Cell<Direction> {
        let [received, sent] = &self.passed;
        match way {
            Way::Received => received,
            Way::Sent => sent,
        }
    }

    /// Who the other end is, as `By` tells it.
    pub(crate) const fn peer_name(&self) -> &'static str {
        match self.leg.opener {
            Opener::Peer => Side::Client.name(),
            Opener::Gateway => Side::Upstream.name(),
        }
    }

    /// Whether copies of SIP messages go out at this moment.
    pub(crate) fn copies_sip(&self) -> bool {
        self.tracer.copies_sip(self.leg.wire)
    }

    const fn opening(&self) -> Kind {
        match self.leg.opener {
            Opener::Peer => Kind::Accepted,
            Opener::Gateway => Kind::Connected,
        }
    }

    fn event<'a>(&'a self, kind: Kind, status: Status, message: &'a str, opening: &Opening<'a>) -> Event<'a> {
        let ends = [("Peer", self.leg.peer), ("Local", self.leg.local)];
        let mut more: Vec<(&'static str, Value<'a>)> = ends
            .into_iter()
            .filter_map(|(key, address)| match address {
                Some(address) => Some((key, canonical(address).to_string().into())),
                None => self.leg.is_unix.then(|| (key, "unix:".into())),
            })
            .collect();
        more.extend(self.about.iter().map(|(key, value)| (*key, Value::from(&**value))));
        Event {
            protocol: self.leg.protocol(),
            kind,
            status,
            message: message.into(),
            tls: opening.tls,
            request: opening.request,
            reply: opening.reply,
            more,
        }
    }

    fn tell(&self, event: &Event<'_>) {
        let settings = self.tracer.settings();
        // Who has opened it is the source, whatever it is that is told.
        let way = match self.leg.opener {
            Opener::Peer => Way::Received,
            Opener::Gateway => Way::Sent,
        };
        let template = Template::new(self.tracer.agent(), &self.leg.ends(way), settings.protocol_type);
        let correlation = self.correlation.to_string();
        let room = template.room(correlation.as_bytes(), settings.packet_size_max);
        let (payload, cut) = event.payload(&settings.form, room);
        if cut == Cut::Short && payload.len() <= room {
            self.tracer.count_cut();
        }
        self.tracer.send(&template, correlation.as_bytes(), payload.as_bytes());
    }
}

impl Drop for ConnectionTrace {
    fn drop(&mut self) {
        if let Some(reason) = self.end {
            self.closed(&Closing { reason, by: "gateway", ..Closing::default() });
        }
    }
}

impl Leg {
    /// The same on a route.
    pub(crate) const fn of_route(self, route: Option<RouteId>) -> Self {
        Self { route, ..self }
    }

    /// The name that events tell, as OpenSIPS has them.
    const fn protocol(&self) -> &'static str {
        match (self.speech, self.wire) {
            (Speech::WebSocket, Wire::Plain) => "WS",
            (Speech::WebSocket, Wire::Tls) => "WSS",
            (Speech::Sip(SipTransport::Udp), _) => "UDP",
            (Speech::Sip(SipTransport::Tcp), _) => "TCP",
            (Speech::Sip(SipTransport::Tls), _) => "TLS",
        }
    }

    /// What the filter goes by.
    const fn filtered(&self) -> TraceEnds {
        TraceEnds { peer: self.peer, local: self.local, route: self.route }
    }

    /// Of something that goes this way. An end without an address is `0.0.0.0:0`, or its like.
    fn ends(&self, way: Way) -> Ends {
        let nobody: IpAddr = match self.peer.or(self.local).map(canonical) {
            Some(SocketAddr::V6(_)) => Ipv6Addr::UNSPECIFIED.into(),
            Some(SocketAddr::V4(_)) | None => Ipv4Addr::UNSPECIFIED.into(),
        };
        let of = |address: Option<SocketAddr>| address.unwrap_or_else(|| SocketAddr::new(nobody, 0));
        let (source, destination) = match way {
            Way::Received => (of(self.peer), of(self.local)),
            Way::Sent => (of(self.local), of(self.peer)),
        };
        let ip_protocol = match self.speech {
            Speech::Sip(SipTransport::Udp) => hep::UDP,
            Speech::WebSocket | Speech::Sip(SipTransport::Tcp | SipTransport::Tls) => hep::TCP,
        };
        Ends { source, destination, ip_protocol }
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use gate_config::model::{Config, Peers, Trace, TraceAddress, TraceFilter, TraceRule, TraceVerdict};
    use sip_proto::hep::Packet;
    use tokio::sync::mpsc::Receiver;

    use super::*;

    /// One trace, and what waits to be sent.
    struct Fixture {
        tracer: Arc<Tracer>,
        inbox: Receiver<Vec<u8>>,
    }

    fn fixture(adjust: impl FnOnce(&mut Trace)) -> Fixture {
        let mut trace = Trace::new("homer", TraceAddress { host: "127.0.0.1".to_owned(), port: 9 });
        adjust(&mut trace);
        let config = Config { traces: vec![trace], ..Config::default() };
        let tracer = Tracer::build_all(&config, &[]).unwrap().remove(0);
        let inbox = tracer.outlet().take().unwrap().inbox;
        Fixture { tracer, inbox }
    }

    fn leg(speech: Speech, opener: Opener) -> Leg {
        Leg {
            peer: "10.0.0.1:5060".parse().ok(),
            local: "10.0.0.2:443".parse().ok(),
            is_unix: false,
            opener,
            speech,
            wire: Wire::Plain,
            route: None,
        }
    }

    impl Fixture {
        fn connection(&self, opener: Opener) -> ConnectionTrace {
            self.tracer.connection(leg(Speech::WebSocket, opener), clock::now()).unwrap()
        }

        /// The events that wait.
        fn events(&mut self) -> Vec<serde_json::Value> {
            let packets = std::iter::from_fn(|| self.inbox.try_recv().ok());
            let event = |packet: Vec<u8>| {
                serde_json::from_slice(Packet::parse(&packet).unwrap().payload.unwrap()).unwrap()
            };
            packets.map(event).collect()
        }
    }

    #[test]
    fn messages_are_copied_byte_for_byte_with_the_addresses_of_their_way() {
        const MESSAGE: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nCall-ID: c1\r\n\r\n\xff\0";
        let mut fixture = fixture(|_| {});
        let (peer, local) = ("10.0.0.1:5060", "10.0.0.2:443");
        for (speech, protocol) in [(Speech::WebSocket, hep::TCP), (Speech::Sip(SipTransport::Udp), hep::UDP)]
        {
            for opener in [Opener::Peer, Opener::Gateway] {
                let leg = leg(speech, opener);
                let mut trace = fixture.tracer.connection(leg, clock::now()).unwrap();
                for (way, from, to) in [(Way::Received, peer, local), (Way::Sent, local, peer)] {
                    trace.sip(way, MESSAGE, b"c1");
                    fixture.tracer.sip(&leg, way, MESSAGE, b"c1");
                    for _ in 0..2 {
                        let bytes = fixture.inbox.try_recv().unwrap();
                        let packet = Packet::parse(&bytes).unwrap();
                        assert_eq!(packet.source_address(), from.parse().ok());
                        assert_eq!(packet.destination_address(), to.parse().ok());
                        assert_eq!(
                            (packet.ip_protocol, packet.protocol_type),
                            (Some(protocol), Some(hep::SIP))
                        );
                        assert_eq!((packet.correlation, packet.payload), (Some(&b"c1"[..]), Some(MESSAGE)));
                    }
                }
                trace.end = None;
            }
        }
    }

    #[test]
    fn who_does_not_want_messages_gets_none() {
        for adjust in
            [|trace: &mut Trace| trace.sip_messages = false, |trace: &mut Trace| trace.enabled = false]
        {
            let mut fixture = fixture(adjust);
            let trace = fixture.connection(Opener::Peer);
            assert!(!trace.copies_sip());
            trace.sip(Way::Sent, b"x", b"c");
            assert!(fixture.inbox.try_recv().is_err());
        }
    }

    #[test]
    fn the_end_is_told_once_and_where_nobody_says_it_by_the_drop() {
        let mut fixture = fixture(|_| {});
        let mut trace = fixture.connection(Opener::Peer);
        trace.closed(&Closing { reason: "fin", by: "client", is_orderly: true, ..Closing::default() });
        trace.closed(&Closing { reason: "reset", ..Closing::default() });
        drop(trace);
        let mut trace = fixture.connection(Opener::Gateway);
        trace.ends_by("refused");
        drop(trace);
        let told: Vec<_> = fixture
            .events()
            .into_iter()
            .map(|event| (event["Reason"].clone(), event["Status"].clone()))
            .collect();
        assert_eq!(told, [("fin".into(), "SUCCESS".into()), ("refused".into(), "FAILURE".into())]);
    }

    #[test]
    fn a_connection_that_never_was_has_no_end() {
        let mut fixture = fixture(|_| {});
        let failure = Failure { reason: "upstream_unreachable", detail: "nobody is there", status: None };
        fixture.connection(Opener::Gateway).never_opened(&failure, &Opening::default());
        let events = fixture.events();
        assert_eq!(events.len(), 1);
        assert_eq!((&events[0]["Event"], &events[0]["Status"]), (&"CONNECTED".into(), &"FAILURE".into()));
        assert_eq!(events[0]["Message"], "nobody is there");
    }

    #[test]
    fn an_end_without_an_address_is_a_unix_socket_or_not_told() {
        let (peer, local) = ("10.0.0.1:5060", "10.0.0.2:443");
        for (is_unix, known, told) in [
            (false, [true, true], [Some(peer), Some(local)]),
            (false, [true, false], [Some(peer), None]),
            (false, [false, false], [None, None]),
            (true, [true, false], [Some(peer), Some("unix:")]),
            (true, [false, false], [Some("unix:"), Some("unix:")]),
        ] {
            let mut fixture = fixture(|_| {});
            let whole = leg(Speech::WebSocket, Opener::Gateway);
            let [has_peer, has_local] = known;
            let peer = whole.peer.filter(|_| has_peer);
            let local = whole.local.filter(|_| has_local);
            let trace =
                fixture.tracer.connection(Leg { peer, local, is_unix, ..whole }, clock::now()).unwrap();
            trace.never_opened(&Failure::default(), &Opening::default());
            let events = fixture.events();
            assert_eq!(["Peer", "Local"].map(|key| events[0][key].as_str()), told, "{is_unix} {known:?}");
        }
    }

    #[test]
    fn a_connection_that_the_filter_denies_tells_nothing() {
        let peers = Peers { networks: vec!["10.0.0.0/8".parse().unwrap()], unix: false };
        let deny = TraceRule { peers, ..TraceRule::new(TraceVerdict::Deny) };
        let mut fixture = fixture(|trace| trace.filter = TraceFilter { rules: vec![deny] });
        let leg = leg(Speech::WebSocket, Opener::Peer);
        assert!(fixture.tracer.connection(leg, clock::now()).is_none());
        fixture.tracer.sip(&leg, Way::Sent, b"x", b"c");
        assert!(fixture.inbox.try_recv().is_err());
        let other = Leg { peer: "11.0.0.1:1".parse().ok(), ..leg };
        drop(fixture.tracer.connection(other, clock::now()));
        assert_eq!(fixture.events().len(), 1);
    }

    #[test]
    fn an_end_without_an_address_is_nobody() {
        let nobody = Leg { peer: None, local: None, ..leg(Speech::WebSocket, Opener::Peer) };
        let ends = nobody.ends(Way::Received);
        assert_eq!(
            (ends.source, ends.destination),
            ("0.0.0.0:0".parse().unwrap(), "0.0.0.0:0".parse().unwrap())
        );
        let half = Leg { local: "[::1]:443".parse().ok(), ..nobody };
        assert_eq!(half.ends(Way::Received).source, "[::]:0".parse().unwrap());
    }

    #[test]
    fn a_packet_more_than_the_queue_holds_is_dropped_and_counted() {
        let mut fixture = fixture(|trace| trace.queue_size = 2);
        for _ in 0..5 {
            drop(fixture.connection(Opener::Peer));
        }
        assert_eq!(fixture.events().len(), 2);
        assert_eq!(fixture.tracer.outlet().stats().dropped(), 3);
    }
}

//! A client over WebSocket on a route that carries SIP: how its session begins, what an operator can
//! ask of it, and the records of its open and its end.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use bytes::Bytes;
use gate_core::Side;
use gate_core::endpoint::{Endpoint, Role};
use gate_core::rate::Meter;
use gate_core::session::{Cause, Death, Party as Culprit, Traffic};
use gate_net::Stream;
use sip_proto::edge::Transport;
use tokio::task::{spawn_local, unconstrained};

use crate::admission::Seated;
use crate::observe::record::{Ended, Opened};
use crate::sip::connect::OwnConnection;
use crate::sip::leg::{Framing, Leg, Parts};
use crate::sip::plan::Plan;
use crate::sip::scrutiny::Scrutiny;
use crate::sip::task::{LegTask, Party};
use crate::trace::ConnectionTrace;
use crate::worker::Worker;
use crate::worker::census::Row;
use crate::worker::registry::Place;

/// What is known of a client's session beside its connection.
pub(crate) struct Card {
    worker: Rc<Worker>,
    opened: Rc<Opened>,
    /// The upstream's name.
    upstream: Arc<str>,
    place: Place,
    _seats: Seated,
    /// The server's connection that is this client's alone; `None`: clients share.
    own_server: Option<Rc<RefCell<Leg>>>,
    is_registered: bool,
}

/// What a client's session is made of.
pub(crate) struct Client {
    pub(crate) worker: Rc<Worker>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) stream: Stream,
    /// What came behind its handshake.
    pub(crate) early: Bytes,
    pub(crate) transport: Transport,
    pub(crate) peer: SocketAddr,
    pub(crate) opened: Rc<Opened>,
    pub(crate) place: Place,
    pub(crate) seats: Seated,
    pub(crate) trace: Option<ConnectionTrace>,
    pub(crate) scrutiny: Option<Box<Scrutiny>>,
    pub(crate) meters: Box<[Meter]>,
    /// The connection of its own, where it has one.
    pub(crate) own: Option<OwnConnection>,
}

/// Has a client's session run.
pub(crate) fn begin(client: Client) {
    let Client {
        worker,
        plan,
        stream,
        early,
        transport,
        peer,
        opened,
        place,
        seats,
        trace,
        scrutiny,
        meters,
        own,
    } = client;
    worker.counters.session_opened(&opened.route);
    let local = stream.socket().local_addr();
    let named = || local.map(|local| local.to_string().into());
    let sent_by = plan.sent_by.clone().or_else(named).unwrap_or_default();
    let endpoint = Endpoint::new(Arc::clone(&plan.endpoint), Role::Server, opened.at, rand::random());
    let endpoint = endpoint.metered(meters);
    let framing = Framing::web_socket(endpoint, plan.settings.mirrors_opcode);
    let make = |flow| {
        let mut leg = Leg::new(stream, Parts { framing, flow, transport, sent_by, peer, trace });
        leg.keep(&early, &worker);
        leg.scrutiny = scrutiny;
        leg
    };
    let upstream = plan.upstream.as_ref().map(|cluster| Arc::clone(&cluster.upstream().id));
    let card = Card {
        worker: Rc::clone(&worker),
        opened,
        upstream: upstream.unwrap_or_default(),
        place,
        _seats: seats,
        own_server: None,
        is_registered: false,
    };
    let (leg, mut task) = LegTask::new(&worker, &plan, make, Party::Client(Box::new(card)));
    if let Some(own) = own {
        let (server, other) = own.run(&worker, &plan, leg);
        task.set_own_server(server);
        spawn_local(unconstrained(other));
    }
    spawn_local(unconstrained(task));
}

impl Card {
    pub(super) fn own_server(&self) -> Option<&Rc<RefCell<Leg>>> {
        self.own_server.as_ref()
    }

    pub(super) fn set_own_server(&mut self, server: Rc<RefCell<Leg>>) {
        self.own_server = Some(server);
    }

    /// Does what the session was told, and answers what it was asked.
    pub(super) fn obey(&mut self, leg: &RefCell<Leg>, waker: &Waker, now: Instant) {
        if !self.is_registered {
            self.is_registered = true;
            self.place.set_waker(waker);
        }
        let words = self.place.take_words();
        if let Some(order) = words.order {
            leg.borrow_mut().close(order.cause, order.code, &order.reason, now);
        }
        for question in words.questions {
            question.answer(self.account(&leg.borrow(), now));
        }
    }

    fn account(&self, leg: &Leg, now: Instant) -> Row {
        let opened = &*self.opened;
        Row {
            id: opened.id,
            client: opened.client.clone(),
            route: Arc::clone(&opened.route),
            upstream: Arc::clone(&self.upstream),
            target: Arc::clone(&opened.upstream),
            path: opened.path.clone(),
            request_id: opened.request_id.clone(),
            age: now.saturating_duration_since(opened.at),
            is_ending: leg.is_ending(),
            traffic: traffic(leg),
        }
    }

    /// The session is over: counted and told of.
    pub(super) fn end(&self, leg: &Leg, now: Instant) {
        let Framing::WebSocket { endpoint, .. } = &leg.framing else { return };
        // A task that is dropped or unwinds before its end has no other cause.
        let death = endpoint.death().unwrap_or(Death { cause: Cause::Aborted, by: Culprit::Gateway });
        let lived = now.saturating_duration_since(self.opened.at);
        let worker = &self.worker;
        worker.counters.session_closed(&self.opened.route, death, lived);
        let ended = Ended { death, closes: [Some(endpoint.closes()), None], traffic: traffic(leg) };
        self.opened.record_end(&worker.records, &ended, now);
        if let Some(scrutiny) = &leg.scrutiny {
            scrutiny.end(ended.traffic, death, now);
        }
    }
}

/// What came from the client, and what went to it.
fn traffic(leg: &Leg) -> [Traffic; Side::BOTH.len()] {
    match &leg.framing {
        Framing::WebSocket { endpoint, .. } => [endpoint.received(), endpoint.sent()],
        Framing::Stream { .. } => Default::default(),
    }
}

//! The passage of a message: in by the rules of its plan, out on the way that these say. What its
//! sender is to be answered is given back.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use gate_core::Side;
use sip_proto::edge::{Failure, Reason, Ruling};
use sip_proto::token::Flow;
use sip_proto::{Edits, Fault, Message, Status};

use crate::clock;
use crate::sip::choice::{Asking, Course, Towards};
use crate::sip::hub::{Hub, Named, Origin, Parcel, Way};
use crate::sip::leg::{Leg, Unsent};
use crate::sip::plan::Plan;
use crate::worker::Worker;

impl Hub {
    /// A message came from a client, or in reverse from a server or user agent without WebSocket.
    pub(crate) fn from_downstream(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        plan: &Arc<Plan>,
        origin: &Origin,
        message: &[u8],
    ) -> Option<Vec<u8>> {
        self.go_on(worker, (plan, origin), message, &Course::default())
    }

    /// The same with a message that has that behind it.
    pub(super) fn go_on(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        (plan, origin): (&Arc<Plan>, &Origin),
        message: &[u8],
        course: &Course,
    ) -> Option<Vec<u8>> {
        // Each message is on its own: those of clients that came before a reload go by what it says.
        let plan = &worker.snapshot().sip.in_place_of(plan);
        let mut out = self.edited();
        let split = plan.edge.split(message, &origin.source(), &mut out);
        match &split {
            Err(ruling) => self.carry_out(worker, (Side::Client, origin), (*ruling, None), out),
            // It goes where its Via says, so there is nobody to choose.
            Ok(response) if response.method().is_none() => {
                let nowhere = Named { transport: origin.transport, sent_by: Arc::clone(&origin.sent_by) };
                self.pass(worker, (plan, origin), response, (&nowhere, None, out))
            }
            Ok(request) => match self.towards(worker, Asking { plan, origin, course }, request) {
                Towards::Way(way, named, peer) => {
                    self.pass(worker, (plan, origin), request, (&named, Some((way, peer)), out))
                }
                Towards::Waits => {
                    self.give_back(out);
                    None
                }
                Towards::Nobody(reason) => self.turn_away(worker, (plan, origin, message), reason, out),
                Towards::Full => self.turn_away(worker, (plan, origin, message), "queue_full", out),
            },
        }
    }

    fn turn_away(
        &self,
        worker: &Worker,
        (plan, origin, message): Asked<'_>,
        reason: &'static str,
        out: Vec<u8>,
    ) -> Option<Vec<u8>> {
        worker.counters.sip.dropped(reason);
        self.give_back(out);
        self.refuse(worker, plan, origin, message)
    }

    /// Puts a message of downstream through the rules and on its way.
    fn pass(
        &self,
        worker: &Rc<Worker>,
        (plan, origin): (&Plan, &Origin),
        message: &Message<'_>,
        (named, way, mut out): (&Named, Option<Exit>, Vec<u8>),
    ) -> Option<Vec<u8>> {
        out.clear();
        let ruling = plan.edge.message_from_downstream(message, &origin.source(), &named.hop(), &mut out);
        match (ruling, way) {
            (Ruling::Forward { kind, .. }, Some((way, peer))) => {
                worker.counters.sip.passed(Side::Client, kind);
                let sent = self.send(worker, (&way, peer), &out, clock::now());
                self.give_back(out);
                match sent {
                    Ok(()) => None,
                    Err(unsent) => {
                        worker.counters.sip.dropped(unsent.reason());
                        self.refuse(worker, plan, origin, message.bytes())
                    }
                }
            }
            (ruling, _) => self.carry_out(worker, (Side::Client, origin), (ruling, None), out),
        }
    }

    /// A message came from a server.
    pub(crate) fn from_upstream(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        plan: &Arc<Plan>,
        origin: &Origin,
        message: &[u8],
    ) -> Option<Vec<u8>> {
        let elsewhere = Cell::new(None);
        let mut slot = None;
        let place = &mut slot;
        let mut out = self.edited();
        let elsewhere_of = &elsewhere;
        let named = move |flow: &Flow| {
            if flow.worker != self.worker {
                elsewhere_of.set(Some(flow.worker));
                return None;
            }
            self.way(flow).and_then(|way| way.named(worker)).map(move |named| place.insert(named).hop())
        };
        let ruling = plan.edge.from_upstream(message, &origin.source(), named, &mut out);
        let Some(colleague) = elsewhere.get() else {
            let asked = Some((plan, origin, message));
            return self.carry_out(worker, (Side::Upstream, origin), (ruling, asked), out);
        };
        self.give_back(out);
        let parcel =
            Parcel::Incoming { plan: Arc::clone(plan), origin: origin.clone(), message: message.into() };
        if self.mail(colleague, parcel) {
            return None;
        }
        worker.counters.sip.dropped("mailbox_full");
        self.refuse(worker, plan, origin, message)
    }

    /// A message came to a listener, from whoever that may be: to a flow if it names one, else to the
    /// listener's upstream.
    pub(crate) fn arrived(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        plan: &Arc<Plan>,
        origin: &Origin,
        message: &[u8],
    ) -> Option<Vec<u8>> {
        let plan = &worker.snapshot().sip.in_place_of(plan);
        let is_server = match &plan.upstream {
            None => true,
            // Who is none may answer, but ask only by way of the upstream.
            Some(upstream) => {
                message.starts_with(RESPONSE)
                    || upstream.targets().iter().any(|target| target.is_at_ip(origin.address.ip()))
            }
        };
        if is_server && (plan.upstream.is_none() || plan.edge.is_for_a_flow(message)) {
            self.from_upstream(worker, plan, origin, message)
        } else if worker.is_draining() && message.starts_with(REGISTER) {
            // Its Path would soon lead nowhere.
            self.refuse(worker, plan, origin, message)
        } else {
            self.from_downstream(worker, plan, origin, message)
        }
    }

    /// Hands a message over as it is, but for a Content-Length that a stream needs.
    pub(crate) fn reframe(
        &self,
        worker: &Rc<Worker>,
        (plan, origin, from): (&Plan, &Origin, Side),
        message: &[u8],
        to: &RefCell<Leg>,
    ) -> Option<Vec<u8>> {
        let now = clock::now();
        let mut out = self.edited();
        let parsed = match plan.edge.split(message, &origin.source(), &mut out) {
            Ok(parsed) => parsed,
            Err(ruling) => return self.carry_out(worker, (from, origin), (ruling, None), out),
        };
        out.clear();
        if parsed.content_length().is_some() {
            out.extend_from_slice(parsed.bytes());
        } else {
            let mut edits = Edits::new();
            edits.set_content_length(&parsed, parsed.body().len());
            edits.apply(parsed.bytes(), &mut out);
        }
        worker.counters.sip.passed(from, sip_proto::edge::Kind::of(&parsed));
        let sent = to.try_borrow_mut().map_or(Err(Unsent::Gone), |mut to| to.send(&out, worker, now));
        self.give_back(out);
        let unsent = sent.err()?;
        worker.counters.sip.dropped(unsent.reason());
        self.refuse(worker, plan, origin, message)
    }

    /// Does what was ruled. `asked`: the message, where its sender is to be told that a flow is gone.
    fn carry_out(
        &self,
        worker: &Rc<Worker>,
        (from, origin): (Side, &Origin),
        (ruling, asked): (Ruling, Option<Asked<'_>>),
        out: Vec<u8>,
    ) -> Option<Vec<u8>> {
        match ruling {
            Ruling::ToFlow { flow, kind } => {
                worker.counters.sip.passed(from, kind);
                let sent = self.deliver(worker, &flow, &out, clock::now());
                self.give_back(out);
                let unsent = sent.err()?;
                worker.counters.sip.dropped(unsent.reason());
                let (plan, origin, message) = asked?;
                let failure = match unsent {
                    Unsent::Gone => Failure::FLOW_FAILED,
                    Unsent::Full => LATER,
                };
                self.say(worker, plan, (origin, message), &failure)
            }
            Ruling::Answer { status, fault: Some(fault), .. } => {
                self.tell_fault(worker, origin, fault, Some(status));
                Some(out)
            }
            Ruling::Answer { status, .. } => {
                worker.counters.sip.answered(status);
                Some(out)
            }
            Ruling::Drop(Reason::Malformed(fault)) => {
                self.tell_fault(worker, origin, fault, None);
                self.give_back(out);
                None
            }
            Ruling::Drop(reason) => {
                if reason != Reason::AnswerAcknowledged {
                    worker.counters.sip.dropped(reason.label());
                }
                self.give_back(out);
                None
            }
            // Nobody to forward it to was found before.
            Ruling::Forward { .. } => {
                worker.counters.sip.dropped("no_upstream");
                self.give_back(out);
                None
            }
        }
    }

    /// The upstream cannot be had, or too much came: a request is told so.
    pub(super) fn refuse(
        &self,
        worker: &Worker,
        plan: &Plan,
        origin: &Origin,
        message: &[u8],
    ) -> Option<Vec<u8>> {
        self.say(worker, plan, (origin, message), &LATER)
    }

    /// Makes the answer of the gateway's own to a request.
    pub(super) fn say(
        &self,
        worker: &Worker,
        plan: &Plan,
        (origin, message): (&Origin, &[u8]),
        failure: &Failure,
    ) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        match plan.edge.unavailable(message, &origin.source(), failure, &mut out) {
            Ruling::Answer { status, .. } => {
                worker.counters.sip.answered(status);
                Some(out)
            }
            Ruling::Forward { .. } | Ruling::ToFlow { .. } | Ruling::Drop(_) => None,
        }
    }

    /// What came on a stream cannot be told apart any more, by that fault: its sender is answered as far
    /// as that can be.
    pub(super) fn malformed(
        &self,
        worker: &Worker,
        plan: &Plan,
        (origin, rest): (&Origin, &[u8]),
        fault: Fault,
    ) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let ruling = match plan.edge.split(rest, &origin.source(), &mut out) {
            Err(ruling) => ruling,
            // All is well with it, but for a Content-Length that a stream needs.
            Ok(_) => {
                out.clear();
                plan.edge.unavailable(rest, &origin.source(), &MALFORMED, &mut out)
            }
        };
        let status = match ruling {
            Ruling::Answer { status, .. } => Some(status),
            Ruling::Forward { .. } | Ruling::ToFlow { .. } | Ruling::Drop(_) => None,
        };
        self.tell_fault(worker, origin, fault, status);
        status.map(|_| out)
    }

    /// Has a request answered that was sent, and will not be answered by who got it.
    pub(super) fn undelivered(&self, worker: &Worker, plan: &Plan, forwarded: &[u8], now: Instant) {
        self.decline(worker, plan, (forwarded, None), (&LATER, now));
    }

    /// Has a request answered that was to go on, as it was written: to the flow of a client, or to a
    /// server.
    pub(super) fn decline(
        &self,
        worker: &Worker,
        plan: &Plan,
        (forwarded, to): (&[u8], Option<&Flow>),
        (failure, now): (&Failure, Instant),
    ) {
        let mut out = self.edited();
        if let Ruling::ToFlow { flow, .. } = plan.edge.undelivered(forwarded, to, failure, &mut out) {
            worker.counters.sip.answered(failure.status.code);
            if let Err(unsent) = self.deliver(worker, &flow, &out, now) {
                worker.counters.sip.dropped(unsent.reason());
            }
        }
        self.give_back(out);
    }
}

/// What a registration begins with.
const REGISTER: &[u8] = b"REGISTER ";

/// What a response begins with.
const RESPONSE: &[u8] = b"SIP/";

/// A way, and the peer on it where it has many.
type Exit = (Way, Option<SocketAddr>);

/// A message, where it came from, and by whose rules it goes.
type Asked<'a> = (&'a Arc<Plan>, &'a Origin, &'a [u8]);

/// No server, or no room: the client may ask again after some seconds.
pub(super) const LATER: Failure = Failure { status: Status::SERVICE_UNAVAILABLE, retry_after_s: Some(5) };

const MALFORMED: Failure = Failure { status: Status::BAD_REQUEST, retry_after_s: None };

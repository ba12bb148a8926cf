//! What runs a connection that carries SIP: reads it, hands each message over, keeps it in order, and
//! clears up behind it.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use gate_config::model::SipOnExceed;
use gate_core::Side;
use gate_core::session::Cause;
use sip_proto::stream::Item;
use sip_proto::token::Flow;
use sip_proto::{Framer, Keepalive, MessageError};
use ws_proto::CloseCode;

use crate::clock;
use crate::drive::timer::Timer;
use crate::sip::client::Card;
use crate::sip::hub::{Berth, Origin, Way};
use crate::sip::leg::{Framing, Leg};
use crate::sip::link::LinkKey;
use crate::sip::plan::Plan;
use crate::sip::rates::{self, Buckets};
use crate::upstream::lease::Lease;
use crate::worker::Worker;

/// See the module.
pub(crate) struct LegTask {
    worker: Rc<Worker>,
    plan: Arc<Plan>,
    leg: Rc<RefCell<Leg>>,
    _berth: Berth,
    party: Party,
    buckets: Buckets,
    timer: Timer,
}

/// Who is at the other end.
pub(crate) enum Party {
    /// A client over WebSocket.
    Client(Box<Card>),
    /// Whoever has connected to a listener of SIP.
    Caller,
    /// A server, on a connection that clients share.
    Server { key: LinkKey, _lease: Lease },
    /// A server, on a connection of one client's own.
    OwnServer { client: Rc<RefCell<Leg>>, _lease: Lease },
}

/// Reads before the other connections of the worker get their turn.
const TURN: usize = 16;

impl LegTask {
    /// The leg that `make` makes and the task that runs it.
    pub(crate) fn new(
        worker: &Rc<Worker>,
        plan: &Arc<Plan>,
        make: impl FnOnce(Flow) -> Leg,
        party: Party,
    ) -> (Rc<RefCell<Leg>>, Self) {
        let (berth, leg) = worker.sip.berth(worker.snapshot().sip.process(), |flow| {
            let leg = Rc::new(RefCell::new(make(flow)));
            (Way::Leg(Rc::clone(&leg)), leg)
        });
        let task = Self {
            worker: Rc::clone(worker),
            buckets: rates::buckets(&plan.settings.rates, clock::now()),
            plan: Arc::clone(plan),
            leg: Rc::clone(&leg),
            _berth: berth,
            party,
            timer: Timer::default(),
        };
        (leg, task)
    }

    /// The connection to a server that is this client's alone.
    pub(super) fn set_own_server(&mut self, server: Rc<RefCell<Leg>>) {
        if let Party::Client(card) = &mut self.party {
            card.set_own_server(server);
        }
    }

    fn run(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = clock::now();
        self.leg.borrow_mut().set_waker(cx.waker());
        if let Party::Client(card) = &mut self.party {
            card.obey(&self.leg, cx.waker(), now);
        }
        let was_blocked = self.leg.borrow_mut().flush(cx, &self.worker, now);
        if was_blocked
            && !self.leg.borrow().is_blocked()
            && let Some(other) = self.other()
        {
            other.borrow().wake();
        }
        let mut is_cut = self.read(cx, now);
        let is_due = |leg: &Leg| leg.framing.poll_timeout().is_some_and(|at| at <= now);
        if self.timer.poll(cx).is_ready() && is_due(&self.leg.borrow()) {
            self.leg.borrow_mut().handle_timeout(&self.worker, now);
            is_cut = self.read(cx, now);
        }
        let mut leg = self.leg.borrow_mut();
        leg.carry_out(cx, &self.worker, now);
        if leg.is_over(cx) {
            return Poll::Ready(());
        }
        self.timer.set(leg.framing.poll_timeout(), cx);
        if is_cut {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// The other leg, where each of both has only the other.
    fn other(&self) -> Option<Rc<RefCell<Leg>>> {
        match &self.party {
            Party::Client(card) => card.own_server().map(Rc::clone),
            Party::OwnServer { client, .. } => Some(Rc::clone(client)),
            Party::Caller | Party::Server { .. } => None,
        }
    }

    /// Reads what there is; whether there may be more.
    fn read(&self, cx: &mut Context<'_>, now: Instant) -> bool {
        let worker = Rc::clone(&self.worker);
        for _ in 0..TURN {
            let is_held_up = self.other().is_some_and(|other| other.borrow().is_blocked());
            if is_held_up {
                self.leg.borrow_mut().pause();
                return false;
            }
            self.leg.borrow_mut().resume(now);
            if !self.leg.borrow().framing.wants_read() {
                return false;
            }
            let mut scratch = worker.scratch.borrow_mut();
            let space = scratch.space();
            let read = self.leg.borrow_mut().pipe.poll_read(cx, space, &worker.pool);
            match read {
                Poll::Pending => return false,
                Poll::Ready(Ok(0)) => self.leg.borrow_mut().handle_fin(now),
                Poll::Ready(Ok(length)) => self.take(space.get_mut(..length).unwrap_or_default(), now),
                Poll::Ready(Err(_)) => self.leg.borrow_mut().handle_reset(now),
            }
            self.leg.borrow_mut().carry_out(cx, &worker, now);
        }
        true
    }

    /// Hands over the messages in what was read.
    fn take(&self, bytes: &mut [u8], now: Instant) {
        let is_stream = matches!(self.leg.borrow().framing, Framing::Stream { .. });
        if is_stream {
            self.take_stream(bytes, now);
        } else {
            self.take_frames(bytes, now);
        }
    }

    fn take_frames(&self, mut bytes: &mut [u8], now: Instant) {
        while !bytes.is_empty() {
            let mut leg = self.leg.borrow_mut();
            let Framing::WebSocket { endpoint, kind, mirrors } = &mut leg.framing else { return };
            let step = endpoint.handle_bytes(bytes, now);
            let consumed = step.consumed;
            if let Some(frame) = &step.frame {
                self.worker.counters.frame(self.side(), &frame.header);
            }
            if let Some(message) = step.message {
                if *mirrors {
                    *kind = message.kind;
                }
                if Keepalive::of(&message.payload) == Some(Keepalive::Ping) {
                    leg.answer_keepalive(message.kind, &self.worker, now);
                } else {
                    drop(leg);
                    self.hand_over(&message.payload, now);
                }
            }
            bytes = bytes.get_mut(consumed..).unwrap_or_default();
        }
    }

    fn take_stream(&self, bytes: &[u8], now: Instant) {
        let mut leg = self.leg.borrow_mut();
        let Framing::Stream { framer, crlf, partial, .. } = &mut leg.framing else { return };
        crlf.heard(now);
        let mut framer = std::mem::replace(framer, Framer::new(self.plan.limits));
        let mut kept = std::mem::take(partial);
        drop(leg);
        let taken = if kept.is_empty() {
            let taken = self.take_items(&mut framer, bytes, now);
            kept.extend_from_slice(bytes.get(taken.unwrap_or_default()..).unwrap_or_default());
            taken
        } else {
            kept.extend_from_slice(bytes);
            let taken = self.take_items(&mut framer, &kept, now);
            kept.drain(..taken.unwrap_or_default());
            taken
        };
        let mut leg = self.leg.borrow_mut();
        let Framing::Stream { framer: own, partial, is_over, .. } = &mut leg.framing else { return };
        *own = framer;
        if taken.is_none() {
            *is_over = true;
        } else if !kept.is_empty() {
            *partial = kept;
        }
    }

    /// Takes all that is whole from the front of `bytes`; answers how much. `None`: the stream cannot be
    /// followed any further, which its sender has been told as far as that can be.
    fn take_items(&self, framer: &mut Framer, bytes: &[u8], now: Instant) -> Option<usize> {
        let mut taken = 0;
        loop {
            let rest = bytes.get(taken..).unwrap_or_default();
            match framer.next(rest) {
                Ok(None) => return Some(taken),
                Ok(Some(item)) => {
                    match item {
                        Item::Message { length } => {
                            self.hand_over(rest.get(..length).unwrap_or_default(), now);
                        }
                        Item::Keepalive { kind: Keepalive::Ping, .. } => {
                            self.leg.borrow_mut().write(Keepalive::PONG, &self.worker, now);
                        }
                        Item::Keepalive { kind: Keepalive::Pong, .. } => {}
                    }
                    taken += item.length();
                }
                Err(error) => {
                    self.lost(rest, &error, now);
                    return None;
                }
            }
        }
    }

    /// Where the next message begins nobody can tell: the stream ends.
    fn lost(&self, rest: &[u8], error: &MessageError, now: Instant) {
        self.worker.counters.sip.dropped(error.label());
        let origin = self.leg.borrow().origin();
        if let Some(answer) = self.worker.sip.malformed(&self.worker, &self.plan, &origin, rest) {
            let _gone = self.leg.borrow_mut().send(&answer, &self.worker, now);
        }
    }

    /// A whole message has come.
    fn hand_over(&self, message: &[u8], now: Instant) {
        if Keepalive::of(message).is_some() {
            return;
        }
        self.leg.borrow().has_come(message);
        let origin = self.leg.borrow().origin();
        let exceeded = match self.side() {
            Side::Client => self.worker.sip.users.take(&self.plan, &self.buckets, message, now),
            Side::Upstream => None,
        };
        let answer = match exceeded {
            None => self.pass(&origin, message),
            Some(on_exceed) => self.exceeded(on_exceed, &origin, message, now),
        };
        if let Some(answer) = answer {
            let _gone = self.leg.borrow_mut().send(&answer, &self.worker, now);
        }
    }

    fn pass(&self, origin: &Origin, message: &[u8]) -> Option<Vec<u8>> {
        let (worker, plan) = (&self.worker, &self.plan);
        let hub = &worker.sip;
        match &self.party {
            Party::Client(card) => match card.own_server() {
                Some(server) => hub.reframe(worker, (plan, origin, Side::Client), message, server),
                None => hub.from_downstream(worker, plan, origin, message),
            },
            Party::Caller => hub.arrived(worker, plan, origin, message),
            Party::Server { .. } => {
                let followed = self.leg.borrow().plan();
                hub.from_upstream(worker, followed.as_ref().unwrap_or(plan), origin, message)
            }
            Party::OwnServer { client, .. } => {
                hub.reframe(worker, (plan, origin, Side::Upstream), message, client)
            }
        }
    }

    fn exceeded(
        &self,
        on_exceed: SipOnExceed,
        origin: &Origin,
        message: &[u8],
        now: Instant,
    ) -> Option<Vec<u8>> {
        self.worker.counters.sip.dropped("rate_limit");
        match on_exceed {
            SipOnExceed::Reject => self.worker.sip.refuse(&self.worker, &self.plan, origin, message),
            SipOnExceed::Close => {
                let mut leg = self.leg.borrow_mut();
                leg.close(Cause::RateLimit, CloseCode::POLICY_VIOLATION, "rate limit exceeded", now);
                None
            }
        }
    }

    fn side(&self) -> Side {
        match self.party {
            Party::Client(_) | Party::Caller => Side::Client,
            Party::Server { .. } | Party::OwnServer { .. } => Side::Upstream,
        }
    }
}

impl Future for LegTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.run(cx)
    }
}

impl Drop for LegTask {
    fn drop(&mut self) {
        let now = clock::now();
        let Self { worker, plan, leg, party, .. } = self;
        match party {
            Party::Client(card) => {
                if let Some(server) = card.own_server() {
                    server.borrow_mut().close(Cause::Fin, CloseCode::GOING_AWAY, "", now);
                }
                card.end(&leg.borrow(), now);
            }
            Party::Caller => {}
            Party::Server { key, .. } => worker.sip.link_lost(worker, (plan, leg), key),
            Party::OwnServer { client, .. } => {
                client.borrow_mut().close(
                    Cause::UpstreamLost,
                    CloseCode::SERVICE_RESTART,
                    "upstream lost",
                    now,
                );
            }
        }
        let mut leg = leg.borrow_mut();
        leg.end_trace();
        leg.pipe.release(&worker.pool);
    }
}

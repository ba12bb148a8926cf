//! What runs a connection that carries SIP: reads it, hands each message over, keeps it in order, and
//! clears up behind it.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use gate_config::model::SipOnExceed;
use gate_core::endpoint::Kind;
use gate_core::session::Cause;
use gate_core::{Side, Timeouts};
use sip_proto::stream::Item;
use sip_proto::token::Flow;
use sip_proto::{Framer, Keepalive, MessageError};
use ws_proto::CloseCode;

use crate::admission::Seated;
use crate::clock;
use crate::drive::timer::Timer;
use crate::sip::client::Card;
use crate::sip::hub::{Berth, Origin, Way};
use crate::sip::lane::Fate;
use crate::sip::leg::{Ending, Framing, Leg, Rest};
use crate::sip::link::LinkKey;
use crate::sip::plan::Plan;
use crate::sip::rates::{self, Buckets};
use crate::upstream::lease::Lease;
use crate::worker::Worker;

/// See the module.
pub(crate) struct LegTask {
    pub(super) worker: Rc<Worker>,
    pub(super) plan: Arc<Plan>,
    pub(super) leg: Rc<RefCell<Leg>>,
    _berth: Berth,
    pub(super) party: Party,
    buckets: Buckets,
    timer: Timer,
    /// The connection is over, but not all that has come on it has its verdict.
    lingers_until: Option<Instant>,
}

/// Who is at the other end.
pub(crate) enum Party {
    /// A client over WebSocket.
    Client(Box<Card>),
    /// Whoever has connected to a listener of SIP.
    Caller { _seats: Seated },
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
            lingers_until: None,
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
        // What has been asked for is on its way only once it is polled.
        let mut rounds = 0;
        while self.heed(cx, now) {
            is_cut |= self.read(cx, now);
            rounds += 1;
            // Where everybody answers at once, as a failure-mode does, the others have their turn too.
            if rounds == TURN {
                is_cut = true;
                break;
            }
        }
        self.follow_own_server(now);
        self.leg.borrow_mut().carry_out(cx, &self.worker, now);
        if self.leg.borrow().is_ending() {
            self.forget(Side::Upstream, now);
        }
        let is_over = self.leg.borrow_mut().is_over(cx);
        if is_over && !self.lingers(now) {
            return Poll::Ready(());
        }
        self.timer.set(self.deadline(), cx);
        if is_cut {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn deadline(&self) -> Option<Instant> {
        let leg = self.leg.borrow();
        self.lingers_until.or_else(|| {
            let awaited = leg.scrutiny.as_ref().filter(|_| !leg.is_ending());
            let last_words = awaited.and_then(|scrutiny| scrutiny.last_words_until());
            [leg.framing.poll_timeout(), last_words].into_iter().flatten().min()
        })
    }

    /// Whether the connection is over but what it has brought still has to get its verdict, for which
    /// there is as much time as for a Close.
    fn lingers(&mut self, now: Instant) -> bool {
        let awaits =
            self.leg.borrow().scrutiny.as_ref().is_some_and(|scrutiny| scrutiny.awaits(Side::Client));
        let until = self.lingers_until.get_or_insert_with(|| now + time_to_close(&self.plan));
        awaits && now < *until
    }

    /// The other leg, where each of both has only the other.
    pub(super) fn other(&self) -> Option<Rc<RefCell<Leg>>> {
        match &self.party {
            Party::Client(card) => card.own_server().map(Rc::clone),
            Party::OwnServer { client, .. } => Some(Rc::clone(client)),
            Party::Caller { .. } | Party::Server { .. } => None,
        }
    }

    /// Reads what there is; whether there may be more.
    fn read(&self, cx: &mut Context<'_>, now: Instant) -> bool {
        let worker = Rc::clone(&self.worker);
        for _ in 0..TURN {
            if self.is_held_up() {
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

    /// Whether nobody takes what is read at the moment.
    fn is_held_up(&self) -> bool {
        let takes_nothing = match &self.party {
            Party::Caller { .. } => self.leg.borrow().is_full(),
            // A server that others share is read on: it may be one that reads only while it is read.
            Party::Server { .. } | Party::OwnServer { .. } | Party::Client(_) => false,
        };
        takes_nothing
            || self.leg.borrow().has_enough()
            || self.other().is_some_and(|other| other.borrow().is_blocked())
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
            let mut borrowed = self.leg.borrow_mut();
            let leg = &mut *borrowed;
            let Framing::WebSocket { endpoint, kind, mirrors } = &mut leg.framing else { return };
            let step = endpoint.handle_bytes(bytes, now);
            let consumed = step.consumed;
            if let Some(withheld) = step.withheld {
                self.worker.counters.withheld(self.side(), withheld);
            }
            let of_client = matches!(self.party, Party::Client(_)).then_some(&self.worker.counters);
            if let Some(counters) = of_client {
                counters.direction(Side::Client).bytes.add(u64::try_from(consumed).unwrap_or(u64::MAX));
            }
            if let Some(frame) = &step.frame {
                // What comes from servers counts where it goes to a client.
                if let Some(counters) = of_client {
                    counters.frame(Side::Client, &frame.header);
                }
                if let Some(scrutiny) = &mut leg.scrutiny {
                    scrutiny.frame_came(frame, endpoint, now);
                }
            }
            let mut handed_over = None;
            if let Some(message) = step.message {
                if let Some(counters) = of_client {
                    counters.sip_came(message.kind.opcode());
                }
                if *mirrors {
                    *kind = message.kind;
                }
                if Keepalive::of(&message.payload) == Some(Keepalive::Ping) {
                    leg.answer_keepalive(message.kind, &self.worker, now);
                } else {
                    handed_over = Some(message);
                }
            }
            drop(borrowed);
            if let Some(message) = handed_over {
                self.hand_over(message.kind, &message.payload, now);
            }
            bytes = bytes.get_mut(consumed..).unwrap_or_default();
            if self.leg.borrow().has_enough() {
                return self.leg.borrow_mut().pipe.keep(bytes, &self.worker.pool);
            }
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
        let Framing::Stream { framer: own, partial, watch, .. } = &mut leg.framing else { return };
        *own = framer;
        let Some(taken) = taken else { return leg.end(Ending::Malformed) };
        let rest = if taken > 0 { Rest::Begun } else { Rest::More };
        watch.heard(if kept.is_empty() { Rest::Nothing } else { rest }, now);
        if !kept.is_empty() {
            *partial = kept;
        }
    }

    /// Takes all that is whole from the front of `bytes`; answers how much. `None`: the stream cannot be
    /// followed any further, which its sender has been told as far as that can be.
    fn take_items(&self, framer: &mut Framer, bytes: &[u8], now: Instant) -> Option<usize> {
        let mut taken = 0;
        let mut is_asked = false;
        let found = loop {
            // What came behind its own offence counts no more.
            if matches!(self.leg.borrow().ending(), Some(Ending::Own(_))) {
                break Some(taken);
            }
            let rest = bytes.get(taken..).unwrap_or_default();
            match framer.next(rest) {
                Ok(None) => break Some(taken),
                Ok(Some(item)) => {
                    match item {
                        Item::Message { length } => {
                            self.hand_over(Kind::Binary, rest.get(..length).unwrap_or_default(), now);
                        }
                        Item::Keepalive { kind: Keepalive::Ping, .. } => is_asked = true,
                        Item::Keepalive { kind: Keepalive::Pong, .. } => {}
                    }
                    taken += item.length();
                }
                Err(error) => {
                    self.lost(rest, &error, now);
                    break None;
                }
            }
        };
        // One answer is enough to all that has come at once: nobody can have waited for the others.
        if is_asked {
            self.leg.borrow_mut().answer_ping(&self.worker, now);
        }
        found
    }

    /// Where the next message begins nobody can tell: the stream ends.
    fn lost(&self, rest: &[u8], error: &MessageError, now: Instant) {
        let origin = self.leg.borrow().origin();
        let from = (&origin, rest);
        if let Some(answer) = self.worker.sip.malformed(&self.worker, &self.plan, from, error.fault) {
            let _gone = self.leg.borrow_mut().put(&answer, &self.worker, now);
        }
    }

    /// A whole message has come. Line ends before it are nothing that anybody has to judge (RFC 3261 §7.5).
    fn hand_over(&self, kind: Kind, message: &[u8], now: Instant) {
        let start = message.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
        let Some(message) = start.and_then(|start| message.get(start..)) else { return };
        self.leg.borrow().has_come(message);
        let exceeded = match self.side() {
            Side::Client => rates::take(&self.plan, &self.buckets, message, now),
            Side::Upstream => None,
        };
        if let Some(on_exceed) = exceeded {
            return self.exceeded(on_exceed, message, now);
        }
        let fate = self.leg.borrow_mut().judge(kind, message);
        match fate {
            Fate::Passes => self.go_on(message, now),
            Fate::Waits => {
                self.release(now);
            }
        }
    }

    /// A message goes on its way; whoever has sent it is answered if there is none.
    pub(super) fn go_on(&self, message: &[u8], now: Instant) {
        let origin = self.leg.borrow().origin();
        if let Some(answer) = self.pass(&origin, message) {
            let _gone = self.leg.borrow_mut().put(&answer, &self.worker, now);
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
            Party::Caller { .. } => hub.arrived(worker, plan, origin, message),
            Party::Server { .. } => {
                let followed = self.leg.borrow().plan();
                hub.from_upstream(worker, followed.as_ref().unwrap_or(plan), origin, message)
            }
            Party::OwnServer { client, .. } => {
                hub.reframe(worker, (plan, origin, Side::Upstream), message, client)
            }
        }
    }

    fn exceeded(&self, on_exceed: SipOnExceed, message: &[u8], now: Instant) {
        self.worker.counters.sip.dropped("rate_limit");
        let mut leg = self.leg.borrow_mut();
        match on_exceed {
            SipOnExceed::Reject => {
                let answer = self.worker.sip.refuse(&self.worker, &self.plan, &leg.origin(), message);
                if let Some(answer) = answer {
                    let _gone = leg.put(&answer, &self.worker, now);
                }
            }
            SipOnExceed::Close => {
                leg.close(Cause::RateLimit, CloseCode::POLICY_VIOLATION, "rate limit exceeded", now);
            }
        }
    }

    fn side(&self) -> Side {
        match self.party {
            Party::Client(_) | Party::Caller { .. } => Side::Client,
            Party::Server { .. } | Party::OwnServer { .. } => Side::Upstream,
        }
    }
}

/// What there is time for between the end of a connection and that of what depends on it.
fn time_to_close(plan: &Plan) -> Duration {
    match plan.endpoint.timeouts.close {
        Duration::ZERO => Timeouts::default().close,
        close => close,
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
            Party::Caller { .. } => {
                let ending = leg.borrow().ending().unwrap_or(Ending::Own(Cause::Aborted));
                worker.counters.sip.caller_gone(ending.reason());
            }
            Party::Server { key, .. } => worker.sip.link_lost(worker, (plan, leg), key),
            Party::OwnServer { client, .. } => {
                let mut client = client.borrow_mut();
                let until = now + time_to_close(plan);
                let has_more =
                    client.scrutiny.as_mut().is_some_and(|scrutiny| scrutiny.keep_last_words(until));
                if has_more {
                    client.wake();
                } else {
                    client.own_server_lost(now);
                }
            }
        }
        let mut leg = leg.borrow_mut();
        leg.end_trace();
        leg.pipe.release(&worker.pool);
    }
}

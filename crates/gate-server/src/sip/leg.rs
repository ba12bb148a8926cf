//! A connection that carries SIP: over WebSocket, or as a stream of messages. Messages are sent on it
//! by whoever has them, at once as far as the connection takes them; its own [task](super::task) reads.

mod crlf;
mod ending;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Instant;

use gate_core::Side;
use gate_core::endpoint::{Endpoint, Kind, Message, Output, Role};
use gate_core::session::{Cause, Death, Party, Progress, Traffic};
use gate_net::Stream;
use sip_proto::edge::Transport;
use sip_proto::token::Flow;
use sip_proto::{Framer, Keepalive, Limits};
use ws_proto::mask::MaskKey;
use ws_proto::{CloseCode, Opcode};

use crate::drive::pipe::{Pipe, Written};
use crate::observe::record::close_number;
use crate::sip::hub::{Named, Origin};
use crate::sip::lane::Fate;
use crate::sip::plan::{Breadth, Plan};
use crate::sip::scrutiny::Scrutiny;
use crate::sip::traced;
use crate::trace::{Closing, ConnectionTrace, Direction, Way, is_orderly};
use crate::worker::Worker;
pub(crate) use crlf::{Crlf, Due};
pub(crate) use ending::Ending;
pub(crate) use watch::{Patience, Rest, Watch};

/// See the module.
pub(crate) struct Leg {
    pub(super) pipe: Pipe<Stream>,
    pub(super) framing: Framing,
    /// Of its task.
    waker: Option<Waker>,
    /// What it is called in tokens.
    pub(crate) flow: Flow,
    pub(crate) transport: Transport,
    /// The gateway's end, as it stands in Via, Path and Record-Route.
    pub(crate) sent_by: Arc<str>,
    /// The other end.
    pub(crate) peer: SocketAddr,
    pub(crate) trace: Option<ConnectionTrace>,
    /// Who looks at its messages, of a client's; `None`: nobody.
    pub(super) scrutiny: Option<Box<Scrutiny>>,
    /// Something has failed that the task has yet to find out.
    pub(super) is_broken: bool,
    /// By whose rules a server's messages go: those of whoever has used the connection last.
    plan: Option<Arc<Plan>>,
}

/// How messages are told apart on a connection.
pub(crate) enum Framing {
    WebSocket {
        endpoint: Endpoint,
        /// What the next message goes out as.
        kind: Kind,
        mirrors: bool,
    },
    Stream {
        framer: Framer,
        crlf: Crlf,
        /// What has come of a message that is not whole.
        partial: Vec<u8>,
        /// What the peer has time for.
        watch: Watch,
        /// Nothing more is read or sent.
        ending: Option<Ending>,
    },
}

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsent {
    /// The connection is ending, or gone.
    Gone,
    /// Too much waits already for a peer that does not read.
    Full,
}

impl Unsent {
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Gone => "flow_gone",
            Self::Full => "queue_full",
        }
    }
}

/// What a leg is made of beside its stream.
pub(crate) struct Parts {
    pub(crate) framing: Framing,
    pub(crate) flow: Flow,
    pub(crate) transport: Transport,
    pub(crate) sent_by: Arc<str>,
    pub(crate) peer: SocketAddr,
    pub(crate) trace: Option<ConnectionTrace>,
}

impl Framing {
    pub(crate) fn web_socket(endpoint: Endpoint, mirrors: bool) -> Self {
        Self::WebSocket { endpoint, kind: Kind::Text, mirrors }
    }

    pub(crate) fn stream(limits: Limits, crlf: Crlf, watch: Watch) -> Self {
        Self::Stream { framer: Framer::new(limits), crlf, partial: Vec::new(), watch, ending: None }
    }

    pub(super) fn wants_read(&self) -> bool {
        match self {
            Self::WebSocket { endpoint, .. } => endpoint.wants_read(),
            Self::Stream { ending, .. } => ending.is_none(),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::WebSocket { endpoint, .. } => endpoint.poll_timeout(),
            Self::Stream { crlf, watch, .. } => {
                [crlf.poll_timeout(), watch.poll_timeout()].into_iter().flatten().min()
            }
        }
    }
}

impl Leg {
    pub(crate) fn new(mut stream: Stream, parts: Parts) -> Self {
        // Whoever has made the connection is not who runs it.
        stream.change_task();
        let Parts { framing, flow, transport, sent_by, peer, trace } = parts;
        Self {
            pipe: Pipe::new(stream),
            framing,
            waker: None,
            flow,
            transport,
            sent_by,
            peer,
            trace,
            scrutiny: None,
            is_broken: false,
            plan: None,
        }
    }

    /// Somebody with these rules uses the connection.
    pub(super) fn follow(&mut self, plan: &Arc<Plan>) {
        if !self.plan.as_ref().is_some_and(|known| Arc::ptr_eq(known, plan)) {
            self.plan = Some(Arc::clone(plan));
        }
    }

    /// Has what comes keep to these bounds from here on.
    pub(super) fn set_breadth(&mut self, breadth: &Breadth) {
        match &mut self.framing {
            Framing::WebSocket { endpoint, .. } => endpoint.set_policy(&breadth.link),
            Framing::Stream { framer, .. } => framer.set_limits(breadth.limits),
        }
    }

    pub(super) fn plan(&self) -> Option<Arc<Plan>> {
        self.plan.clone()
    }

    /// Bytes that have come already and are to be read first.
    pub(super) fn keep(&mut self, early: &[u8], worker: &Worker) {
        if !early.is_empty() {
            self.pipe.keep_behind(early, &worker.pool);
        }
    }

    pub(super) fn named(&self) -> Named {
        Named { transport: self.transport, sent_by: Arc::clone(&self.sent_by) }
    }

    pub(super) fn origin(&self) -> Origin {
        let Self { flow, transport, peer: address, .. } = *self;
        Origin { flow, address, transport, sent_by: Arc::clone(&self.sent_by) }
    }

    /// Sends a message of SIP, once those have seen it who judge what goes to a client. What the
    /// connection does not take at once waits, up to a bound.
    ///
    /// # Errors
    /// The connection is ending, or too much waits already.
    pub(crate) fn send(&mut self, message: &[u8], worker: &Worker, now: Instant) -> Result<(), Unsent> {
        if self.scrutiny.is_none() {
            return self.put(message, worker, now);
        }
        if self.is_ending() {
            return Err(Unsent::Gone);
        }
        if self.waiting() > WAITING_MAX {
            return Err(Unsent::Full);
        }
        let kind = self.kind_of(message);
        let judge = |scrutiny: &mut Box<Scrutiny>| scrutiny.judge(Side::Upstream, kind, message);
        match self.scrutiny.as_mut().map_or(Fate::Passes, judge) {
            Fate::Passes => self.put(message, worker, now),
            Fate::Waits => {
                self.wake();
                Ok(())
            }
        }
    }

    /// Sends a message that nobody is to judge any more, or that is the gateway's own.
    ///
    /// # Errors
    /// The connection is ending, or too much waits already.
    pub(super) fn put(&mut self, message: &[u8], worker: &Worker, now: Instant) -> Result<(), Unsent> {
        if self.pipe.waiting() > WAITING_MAX {
            return Err(Unsent::Full);
        }
        let kind = self.kind_of(message);
        match &mut self.framing {
            Framing::WebSocket { endpoint, .. } => {
                let mut frame = worker.sip.frame();
                let framed = Message::new(kind, message);
                endpoint.send_message(&framed, now, &mut mask, &mut frame).map_err(|_| Unsent::Gone)?;
                if endpoint.role() == Role::Server {
                    worker.counters.sip_went(kind.opcode(), message.len(), frame.len());
                }
                self.write(&frame, worker, now);
                if let Some(scrutiny) = &mut self.scrutiny {
                    scrutiny.message_went(kind, message.len(), now);
                }
            }
            Framing::Stream { ending: Some(_), .. } => return Err(Unsent::Gone),
            Framing::Stream { .. } => self.write(message, worker, now),
        }
        if self.is_broken {
            return Err(Unsent::Gone);
        }
        traced::pass(self.trace.as_ref(), Way::Sent, message);
        Ok(())
    }

    /// What a message goes out as: what is no UTF-8 cannot be text (RFC 6455 §5.6).
    fn kind_of(&self, message: &[u8]) -> Kind {
        match &self.framing {
            Framing::WebSocket { kind: Kind::Text, .. } if std::str::from_utf8(message).is_ok() => Kind::Text,
            Framing::WebSocket { .. } | Framing::Stream { .. } => Kind::Binary,
        }
    }

    /// Bytes that wait for the peer, be it for a verdict.
    fn waiting(&self) -> usize {
        let judged = self.scrutiny.as_ref().map_or(0, |scrutiny| scrutiny.waiting(Side::Upstream));
        self.pipe.waiting() + judged
    }

    /// A ping of the peer's, which came as a message of WebSocket, is answered by one of its kind.
    pub(super) fn answer_keepalive(&mut self, kind: Kind, worker: &Worker, now: Instant) {
        let Framing::WebSocket { endpoint, .. } = &mut self.framing else { return };
        if self.pipe.waiting() > WAITING_MAX {
            return;
        }
        let mut frame = worker.sip.frame();
        let pong = Message::new(kind, Keepalive::PONG);
        if endpoint.send_message(&pong, now, &mut mask, &mut frame).is_ok() {
            self.write(&frame, worker, now);
            if let Some(scrutiny) = &mut self.scrutiny {
                scrutiny.message_went(kind, Keepalive::PONG.len(), now);
            }
        }
    }

    /// Pings of the peer's on a stream are answered, unless too much waits for it already.
    pub(super) fn answer_ping(&mut self, worker: &Worker, now: Instant) {
        if !self.is_full() && !self.is_ending() {
            self.write(Keepalive::PONG, worker, now);
        }
    }

    /// So much waits for its peer that it is sent nothing more.
    pub(super) fn is_full(&self) -> bool {
        self.pipe.waiting() > WAITING_MAX
    }

    /// Writes bytes of the connection's own order.
    pub(super) fn write(&mut self, bytes: &[u8], worker: &Worker, now: Instant) {
        let was_blocked = self.pipe.is_blocked();
        let waker = self.waker.as_ref().unwrap_or(Waker::noop());
        let written = self.pipe.write(&mut Context::from_waker(waker), bytes, &worker.pool);
        self.tell(written, now);
        // Its task has a deadline to look after.
        if self.is_broken || (!was_blocked && self.pipe.is_blocked()) {
            self.wake();
        }
    }

    /// Writes what waits; whether it was blocked before.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>, worker: &Worker, now: Instant) -> bool {
        let was_blocked = self.pipe.is_blocked();
        let written = self.pipe.flush(cx, &worker.pool);
        if was_blocked || written == Written::Broken {
            self.tell(written, now);
        }
        was_blocked
    }

    fn tell(&mut self, written: Written, now: Instant) {
        let endpoint = match &mut self.framing {
            Framing::WebSocket { endpoint, .. } => endpoint,
            Framing::Stream { watch, ending, .. } => {
                watch.wrote(written, now);
                if written == Written::Broken {
                    ending.get_or_insert(Ending::Reset);
                    self.is_broken = true;
                }
                return;
            }
        };
        match written {
            Written::All => endpoint.handle_unblocked(now),
            Written::Some => endpoint.handle_blocked(Progress::Some, now),
            Written::Nothing => endpoint.handle_blocked(Progress::None, now),
            Written::Broken => {
                endpoint.handle_write_failed(now);
                self.is_broken = true;
            }
        }
    }

    /// Ends the connection: over WebSocket with this Close.
    pub(crate) fn close(&mut self, cause: Cause, code: CloseCode, reason: &str, now: Instant) {
        let by = match &self.framing {
            // What it sends behind its own offence counts no more.
            Framing::WebSocket { endpoint, .. } if cause == Cause::RateLimit => {
                Party::Peer(endpoint.role().peer())
            }
            Framing::WebSocket { .. } | Framing::Stream { .. } => Party::Gateway,
        };
        self.close_for(Death { cause, by }, (code, reason), now);
    }

    /// The same, whoever is to blame.
    pub(super) fn close_for(&mut self, death: Death, (code, reason): (CloseCode, &str), now: Instant) {
        match &mut self.framing {
            Framing::WebSocket { endpoint, .. } => endpoint.close(death, code, reason.to_owned(), now),
            Framing::Stream { .. } => self.end(Ending::Own(death.cause)),
        }
        self.wake();
    }

    /// The server on which a client depends alone is gone.
    pub(super) fn own_server_lost(&mut self, now: Instant) {
        self.close(Cause::UpstreamLost, CloseCode::SERVICE_RESTART, "upstream lost", now);
    }

    /// Ends a stream, once what waits is sent.
    pub(super) fn end(&mut self, why: Ending) {
        if let Framing::Stream { watch, ending, .. } = &mut self.framing {
            ending.get_or_insert(why);
            watch.last_words();
            self.is_broken |= why.is_abrupt();
        }
    }

    /// Nobody takes what it says, so that it is not read.
    pub(super) fn pause(&mut self) {
        if let Framing::WebSocket { endpoint, .. } = &mut self.framing {
            endpoint.pause();
        }
    }

    pub(super) fn resume(&mut self, now: Instant) {
        if let Framing::WebSocket { endpoint, .. } = &mut self.framing {
            endpoint.resume(now);
        }
    }

    pub(super) fn handle_fin(&mut self, now: Instant) {
        match &mut self.framing {
            Framing::WebSocket { endpoint, .. } => endpoint.handle_fin(now),
            Framing::Stream { .. } => self.end(Ending::Fin),
        }
    }

    pub(super) fn handle_reset(&mut self, now: Instant) {
        match &mut self.framing {
            Framing::WebSocket { endpoint, .. } => endpoint.handle_reset(now),
            Framing::Stream { .. } => self.end(Ending::Reset),
        }
    }

    pub(super) fn handle_timeout(&mut self, worker: &Worker, now: Instant) {
        let due = match &mut self.framing {
            Framing::WebSocket { endpoint, .. } => return endpoint.handle_timeout(now),
            Framing::Stream { watch, crlf, .. } => match watch.overdue(now) {
                Some(why) => return self.end(why),
                None => crlf.handle_timeout(now),
            },
        };
        match due {
            Due::Nothing => {}
            Due::Ping => self.write(Keepalive::PING, worker, now),
            Due::Dead => self.end(Ending::KeepaliveTimeout),
        }
    }

    /// Does what the connection's machine wants done.
    pub(super) fn carry_out(&mut self, cx: &mut Context<'_>, worker: &Worker, now: Instant) {
        while let Framing::WebSocket { endpoint, .. } = &mut self.framing
            && let Some(output) = endpoint.poll_output(now, &mut mask)
        {
            match output {
                Output::Send { opcode, frame } => {
                    if let (Some(scrutiny), Opcode::Close) = (&mut self.scrutiny, opcode) {
                        scrutiny.close_went(&frame);
                    }
                    let written = self.pipe.write(cx, frame.as_bytes(), &worker.pool);
                    self.tell(written, now);
                }
                Output::Finish => {
                    if self.pipe.finish(cx) == Written::Broken {
                        endpoint.handle_write_failed(now);
                    }
                }
                Output::Abort => self.pipe.abort(&worker.pool),
            }
        }
    }

    /// Nothing more will happen on it.
    pub(super) fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        match &self.framing {
            Framing::WebSocket { endpoint, .. } => endpoint.is_over(),
            Framing::Stream { ending, .. } => {
                let is_over = self.is_broken || (ending.is_some() && !self.pipe.is_blocked());
                if is_over {
                    self.pipe.finish(cx);
                }
                is_over
            }
        }
    }

    pub(crate) fn set_waker(&mut self, waker: &Waker) {
        if !self.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            self.waker = Some(waker.clone());
        }
    }

    /// Has its task look at it.
    pub(crate) fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    /// So much waits for its peer that nothing more should be read for it.
    pub(crate) fn is_blocked(&self) -> bool {
        self.waiting() > PAUSE_ABOVE
            || self.scrutiny.as_ref().is_some_and(|scrutiny| scrutiny.is_full(Side::Upstream))
    }

    /// Has a message judged that has come.
    pub(super) fn judge(&mut self, kind: Kind, message: &[u8]) -> Fate {
        let judge = |scrutiny: &mut Box<Scrutiny>| scrutiny.judge(Side::Client, kind, message);
        self.scrutiny.as_mut().map_or(Fate::Passes, judge)
    }

    /// So much has come of its peer, or so fast, that nothing more is to be taken at the moment.
    pub(super) fn has_enough(&self) -> bool {
        let is_delayed = match &self.framing {
            Framing::WebSocket { endpoint, .. } => endpoint.is_delayed(),
            Framing::Stream { .. } => false,
        };
        is_delayed || self.scrutiny.as_ref().is_some_and(|scrutiny| scrutiny.is_full(Side::Client))
    }

    /// A message has come.
    pub(super) fn has_come(&self, message: &[u8]) {
        traced::pass(self.trace.as_ref(), Way::Received, message);
    }

    /// Why it has ended, where it is a stream that has.
    pub(super) fn ending(&self) -> Option<Ending> {
        match &self.framing {
            Framing::WebSocket { .. } => None,
            Framing::Stream { ending, .. } => *ending,
        }
    }

    /// It is over, and nobody will tell traces more.
    pub(super) fn end_trace(&mut self) {
        let Some(trace) = self.trace.as_mut().filter(|trace| trace.is_on()) else { return };
        let endpoint = match &self.framing {
            Framing::WebSocket { endpoint, .. } => endpoint,
            Framing::Stream { ending, .. } => {
                // A task that is dropped or unwinds before its end has no other cause.
                let ending = ending.unwrap_or(Ending::Own(Cause::Aborted));
                return trace.closed(&Closing {
                    reason: ending.reason(),
                    by: ending.by(trace.peer_name()),
                    is_orderly: ending.is_orderly(),
                    received: Some(trace.passed(Way::Received)),
                    sent: Some(trace.passed(Way::Sent)),
                    ..Closing::default()
                });
            }
        };
        let death = endpoint.death().unwrap_or(Death { cause: Cause::Aborted, by: Party::Gateway });
        let closes = endpoint.closes();
        let passed = |traffic: Traffic| Direction { bytes: traffic.bytes, messages: traffic.messages };
        trace.closed(&Closing {
            reason: death.cause.reason(),
            by: death.by.name(),
            detail: "",
            is_orderly: is_orderly(death.cause),
            close_received: closes.received.map(close_number),
            close_sent: closes.sent.map(close_number),
            received: Some(passed(endpoint.received())),
            sent: Some(passed(endpoint.sent())),
        });
    }

    /// It will send nothing any more.
    pub(crate) fn is_ending(&self) -> bool {
        match &self.framing {
            Framing::WebSocket { endpoint, .. } => endpoint.is_ending(),
            Framing::Stream { ending, .. } => ending.is_some() || self.is_broken,
        }
    }
}

/// The key of a frame of the gateway's: fresh and unpredictable for each (RFC 6455 §5.3).
pub(super) fn mask() -> MaskKey {
    rand::random()
}

/// Bytes that may wait for a peer that does not read; more are refused.
const WAITING_MAX: usize = 256 * 1024;

/// Bytes above which a client that has a connection of its own is not read.
const PAUSE_ABOVE: usize = 64 * 1024;

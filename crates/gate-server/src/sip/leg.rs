//! A connection that carries SIP: over WebSocket, or as a stream of messages. Messages are sent on it
//! by whoever has them, at once as far as the connection takes them; its own [task](super::task) reads.

mod crlf;

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use gate_core::endpoint::{Endpoint, Kind, Message, Output};
use gate_core::session::{Cause, Death, Party, Progress, Traffic};
use gate_net::Stream;
use sip_proto::edge::Transport;
use sip_proto::token::Flow;
use sip_proto::{Framer, Keepalive, Limits};
use ws_proto::CloseCode;
use ws_proto::mask::MaskKey;

use crate::drive::pipe::{Pipe, Written};
use crate::observe::record::close_number;
use crate::sip::hub::{Named, Origin};
use crate::sip::plan::Plan;
use crate::sip::traced;
use crate::trace::{Closing, ConnectionTrace, Direction, Way, is_orderly};
use crate::worker::Worker;
pub(crate) use crlf::{Crlf, Due};

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
        /// Nothing more is read or sent.
        is_over: bool,
        /// The peer has not taken bytes since then.
        blocked_since: Option<Instant>,
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

    pub(crate) fn stream(limits: Limits, crlf: Crlf) -> Self {
        Self::Stream {
            framer: Framer::new(limits),
            crlf,
            partial: Vec::new(),
            is_over: false,
            blocked_since: None,
        }
    }

    pub(super) fn wants_read(&self) -> bool {
        match self {
            Self::WebSocket { endpoint, .. } => endpoint.wants_read(),
            Self::Stream { is_over, .. } => !is_over,
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::WebSocket { endpoint, .. } => endpoint.poll_timeout(),
            Self::Stream { crlf, blocked_since, .. } => {
                let send = blocked_since.map(|since| since + SEND_TIME);
                [crlf.poll_timeout(), send].into_iter().flatten().min()
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

    /// Sends a message of SIP. What the connection does not take at once waits, up to a bound.
    ///
    /// # Errors
    /// The connection is ending, or too much waits already.
    pub(crate) fn send(&mut self, message: &[u8], worker: &Worker, now: Instant) -> Result<(), Unsent> {
        if self.pipe.waiting() > WAITING_MAX {
            return Err(Unsent::Full);
        }
        match &mut self.framing {
            Framing::WebSocket { endpoint, kind, .. } => {
                let mut frame = worker.sip.frame();
                let framed = Message::new(*kind, message);
                endpoint.send_message(&framed, now, &mut mask, &mut frame).map_err(|_| Unsent::Gone)?;
                self.write(&frame, worker, now);
            }
            Framing::Stream { is_over: true, .. } => return Err(Unsent::Gone),
            Framing::Stream { .. } => self.write(message, worker, now),
        }
        if self.is_broken {
            return Err(Unsent::Gone);
        }
        traced::copy(self.trace.as_ref(), Way::Sent, message);
        Ok(())
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
        }
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
            Framing::Stream { blocked_since, .. } => {
                *blocked_since = match written {
                    Written::All => None,
                    Written::Some => Some(now),
                    Written::Nothing => blocked_since.or(Some(now)),
                    Written::Broken => {
                        self.is_broken = true;
                        None
                    }
                };
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
        match &mut self.framing {
            Framing::WebSocket { endpoint, .. } => {
                // What it sends behind its own offence counts no more.
                let is_its_own = cause == Cause::RateLimit;
                let by = if is_its_own { Party::Peer(endpoint.role().peer()) } else { Party::Gateway };
                endpoint.close(Death { cause, by }, code, reason.to_owned(), now);
            }
            Framing::Stream { is_over, .. } => *is_over = true,
        }
        self.wake();
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
            Framing::Stream { is_over, .. } => *is_over = true,
        }
    }

    pub(super) fn handle_reset(&mut self, now: Instant) {
        match &mut self.framing {
            Framing::WebSocket { endpoint, .. } => endpoint.handle_reset(now),
            Framing::Stream { is_over, .. } => {
                *is_over = true;
                self.is_broken = true;
            }
        }
    }

    pub(super) fn handle_timeout(&mut self, worker: &Worker, now: Instant) {
        let due = match &mut self.framing {
            Framing::WebSocket { endpoint, .. } => return endpoint.handle_timeout(now),
            Framing::Stream { blocked_since: Some(since), .. } if *since + SEND_TIME <= now => Due::Dead,
            Framing::Stream { crlf, .. } => crlf.handle_timeout(now),
        };
        match due {
            Due::Nothing => {}
            Due::Ping => self.write(Keepalive::PING, worker, now),
            Due::Dead => self.handle_reset(now),
        }
    }

    /// Does what the connection's machine wants done.
    pub(super) fn carry_out(&mut self, cx: &mut Context<'_>, worker: &Worker, now: Instant) {
        while let Framing::WebSocket { endpoint, .. } = &mut self.framing
            && let Some(output) = endpoint.poll_output(now, &mut mask)
        {
            match output {
                Output::Send { frame, .. } => {
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
            Framing::Stream { is_over, .. } => {
                let is_over = self.is_broken || (*is_over && !self.pipe.is_blocked());
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
        self.pipe.waiting() > PAUSE_ABOVE
    }

    /// A message has come.
    pub(super) fn has_come(&self, message: &[u8]) {
        traced::copy(self.trace.as_ref(), Way::Received, message);
    }

    /// It is over, and nobody will tell traces more.
    pub(super) fn end_trace(&mut self) {
        let Some(trace) = self.trace.as_mut().filter(|trace| trace.is_on()) else { return };
        let Framing::WebSocket { endpoint, .. } = &self.framing else {
            return trace.closed(&Closing {
                reason: "eof",
                by: "peer",
                is_orderly: true,
                ..Closing::default()
            });
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
            Framing::Stream { is_over, .. } => *is_over || self.is_broken,
        }
    }
}

/// The key of a frame of the gateway's: fresh and unpredictable for each (RFC 6455 §5.3).
pub(super) fn mask() -> MaskKey {
    rand::random()
}

/// How long the peer of a stream may take no bytes.
const SEND_TIME: Duration = Duration::from_secs(60);

/// Bytes that may wait for a peer that does not read; more are refused.
const WAITING_MAX: usize = 256 * 1024;

/// Bytes above which a client that has a connection of its own is not read.
const PAUSE_ABOVE: usize = 64 * 1024;

//! The HTTP of one client's connection: request after request, until one of them leads
//! elsewhere. hyper reads and writes; the time between requests, and for a request's
//! head, is watched here, so that a client that is late can be told.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use gate_net::Stream;
use http::StatusCode;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::OwnedSemaphorePermit;

use crate::clock;
use crate::drive::timer::Timer;
use crate::front::arrival::{Arrived, Outcome};
use crate::front::request::Exchange;
use crate::front::request_line::{Lines, Watched};
use crate::front::traced::{self, Handshake};
use crate::observe::record::Refused;
use crate::trace::{ConnectionTrace, Failure};
use crate::worker::Worker;

/// See the module.
pub(crate) struct Conversation {
    pub(crate) worker: Rc<Worker>,
    pub(crate) client: Arrived,
    /// The request lines that came.
    pub(crate) lines: Rc<Lines>,
    outcome: RefCell<Option<Outcome>>,
    phase: Cell<Phase>,
    /// Requests whose answers are not over.
    under_way: Cell<u32>,
    /// Requests whose answers are over.
    answered: Cell<u64>,
    /// Requests whose answers are complete, but may not have been written to their end.
    unwritten: RefCell<Vec<Exchange>>,
    permit: RefCell<Option<OwnedSemaphorePermit>>,
    /// The client is to be cut off in the middle of an answer.
    is_stalled: Cell<bool>,
    /// The connection broke before its last answer was written.
    is_cut: Cell<bool>,
    is_broken_off: Cell<bool>,
    head_timeout: Duration,
    keepalive_timeout: Duration,
    send_timeout: Duration,
    /// An opening handshake that is traced, until something comes of it.
    handshake: RefCell<Option<Box<Handshake>>>,
    /// What the connection tells of its end, where nothing came of it.
    refused: RefCell<Option<ConnectionTrace>>,
}

/// Sees to it that no request is kept beyond the end of its conversation, which it would keep
/// in turn.
struct Closing(Rc<Conversation>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.settle();
    }
}

/// What a client's connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The first byte of the next request, since then; so many bytes had come.
    Idle { since: Instant, received: u64 },
    /// The rest of a request's head, since then.
    Head { since: Instant },
    /// An answer.
    Busy,
}

/// How the HTTP of a connection came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// In order: by an answer that was the last one, or by the client.
    Served,
    /// No further request came in time.
    Idle,
    /// A request's head did not come to its end in time.
    HeadTimeout,
    /// The client took nothing of an answer for too long.
    Stalled,
    /// hyper could not go on; it has answered where an answer was due.
    Broken,
}

impl Conversation {
    /// Answers requests on `stream` until the end; gives the stream back, and what has been
    /// read behind the last request.
    pub(crate) async fn hold(
        worker: Rc<Worker>,
        client: Arrived,
        stream: Stream,
        permit: OwnedSemaphorePermit,
    ) -> (Rc<Self>, Stream, Bytes, Ended) {
        let (io, lines) = Watched::new(stream);
        let phase = Cell::new(Phase::Head { since: client.at });
        let (head_timeout, keepalive_timeout, send_timeout) =
            client.listener().map_or_else(Default::default, |listener| {
                (listener.head_timeout, listener.keepalive_timeout, listener.send_timeout)
            });
        let conversation = Rc::new(Self {
            worker,
            client,
            lines,
            outcome: RefCell::default(),
            phase,
            under_way: Cell::new(0),
            answered: Cell::new(0),
            unwritten: RefCell::default(),
            permit: RefCell::new(Some(permit)),
            is_stalled: Cell::new(false),
            is_cut: Cell::new(false),
            is_broken_off: Cell::new(false),
            head_timeout,
            keepalive_timeout,
            send_timeout,
            handshake: RefCell::default(),
            refused: RefCell::default(),
        });
        // Goes behind hyper, which may have answers that are not over.
        let closing = Closing(Rc::clone(&conversation));
        let service = service_fn(|request| {
            // Begun at once: hyper may find the client gone before it looks at the future.
            let exchange = Exchange::begin(&conversation, &request);
            Box::pin(async move { Ok::<_, Infallible>(exchange.answer(request).await) })
        });
        let limits = conversation.client.snapshot.config.limits;
        let mut connection = Builder::new()
            .header_read_timeout(None)
            .max_header_size(limits.head_size_max)
            .max_headers(limits.header_count_max)
            .serve_connection(TokioIo::new(io), service);
        let mut timer = Timer::default();
        let mut draining = pin!(conversation.worker.until_draining());
        let mut is_drained = false;
        let ended = poll_fn(|cx| {
            if !is_drained && draining.as_mut().poll(cx).is_ready() {
                is_drained = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            match Pin::new(&mut connection).poll(cx) {
                Poll::Ready(Ok(())) => return Poll::Ready(Ended::Served),
                // All was written; that the client did not wait for the end is its own affair.
                Poll::Ready(Err(error)) if error.is_shutdown() => return Poll::Ready(Ended::Served),
                Poll::Ready(Err(error)) => {
                    conversation.count_broken(&error);
                    conversation.is_cut.set(true);
                    return Poll::Ready(Ended::Broken);
                }
                Poll::Pending => {}
            }
            if conversation.lines.stalled_since().is_none() {
                conversation.settle();
            }
            conversation.poll_late(&mut timer, cx)
        })
        .await;
        let parts = connection.into_parts();
        let (stream, early) = (parts.io.into_inner().into_inner(), parts.read_buf);
        drop(closing);
        (Rc::clone(&conversation), stream, early, ended)
    }

    /// Ready once the client has been late.
    fn poll_late(&self, timer: &mut Timer, cx: &mut Context<'_>) -> Poll<Ended> {
        loop {
            let late = self.late();
            timer.set(late.map(|(at, _)| at), cx);
            let Some((at, ended)) = late else { return Poll::Pending };
            if clock::now() >= at {
                self.is_stalled.set(ended == Ended::Stalled);
                return Poll::Ready(ended);
            }
            // A timer that runs out early is one of an earlier phase.
            if timer.poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// When the client is late, and for what.
    fn late(&self) -> Option<(Instant, Ended)> {
        if let Phase::Idle { received, .. } = self.phase.get()
            && self.lines.received() != received
        {
            self.phase.set(Phase::Head { since: clock::now() });
        }
        let at = |since: Instant, limit: Duration| (!limit.is_zero()).then(|| since + limit);
        if let Some(since) = self.lines.stalled_since() {
            return at(since, self.send_timeout).map(|at| (at, Ended::Stalled));
        }
        match self.phase.get() {
            Phase::Busy => None,
            Phase::Idle { since, .. } => at(since, self.keepalive_timeout).map(|at| (at, Ended::Idle)),
            Phase::Head { since } => at(since, self.head_timeout).map(|at| (at, Ended::HeadTimeout)),
        }
    }

    /// A request has been read.
    pub(crate) fn begin_exchange(&self) {
        self.under_way.set(self.under_way.get() + 1);
        self.phase.set(Phase::Busy);
    }

    /// The answer of a request is over, or was given up.
    pub(crate) fn end_exchange(&self) {
        self.answered.set(self.answered.get() + 1);
        self.under_way.set(self.under_way.get().saturating_sub(1));
        if self.under_way.get() == 0 {
            self.phase.set(Phase::Idle { since: clock::now(), received: self.lines.received() });
        }
    }

    /// The client is no longer counted among those that wait to be let in.
    pub(crate) fn let_in(&self) {
        self.permit.borrow_mut().take();
    }

    /// Keeps a request whose answer is complete until that has been written.
    pub(crate) fn keep_until_written(&self, exchange: Exchange) {
        self.unwritten.borrow_mut().push(exchange);
    }

    /// What was to be written has been, or never will be.
    fn settle(&self) {
        let settled = std::mem::take(&mut *self.unwritten.borrow_mut());
        drop(settled);
    }

    /// Whether the connection broke before the answer was written.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut.get()
    }

    /// Says what follows on the answer that is being given.
    pub(crate) fn lead_to(&self, outcome: Outcome) {
        self.outcome.replace(Some(outcome));
    }

    pub(crate) fn take_outcome(&self) -> Option<Outcome> {
        self.outcome.take()
    }

    /// Whether the client is cut off because it does not read.
    pub(crate) fn is_stalled(&self) -> bool {
        self.is_stalled.get()
    }

    /// The end of the connection is not to look like one that was meant.
    pub(crate) fn break_off(&self) {
        self.is_broken_off.set(true);
    }

    /// Whether that was asked for.
    pub(crate) fn is_broken_off(&self) -> bool {
        self.is_broken_off.get()
    }

    /// Whether anything was asked and answered.
    pub(crate) fn has_answered(&self) -> bool {
        self.answered.get() > 0
    }

    /// An opening handshake begins that is traced.
    pub(crate) fn trace(&self, handshake: Option<Box<Handshake>>) {
        self.handshake.replace(handshake);
    }

    /// The answer to a handshake goes.
    pub(crate) fn trace_answer(&self, head: &http::response::Parts) {
        if let Some(handshake) = &mut *self.handshake.borrow_mut() {
            handshake.answered(head);
        }
    }

    /// The traced handshake has come to a session, which goes on to tell of the connection.
    pub(crate) fn take_handshake(&self) -> Option<Box<Handshake>> {
        self.handshake.take()
    }

    /// The traced handshake came to nothing.
    pub(crate) fn trace_failure(&self, failure: &Failure<'_>) {
        if let Some(handshake) = self.handshake.take() {
            self.refused.replace(Some(handshake.failed(failure)));
        }
    }

    /// hyper could not read a request, or not write the answer. It has answered 400 or
    /// 431 where an answer was due.
    fn count_broken(&self, error: &hyper::Error) {
        // An answer that could not be written has been counted as what it was.
        // One that could not be given at all is told of with its request.
        if self.outcome.borrow().is_some() || self.under_way.get() > 0 {
            return;
        }
        let (status, reason) = if error.is_parse_too_large() {
            (Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE), "head_too_large")
        } else if error.is_parse() {
            (Some(StatusCode::BAD_REQUEST), "malformed_request")
        } else if self.has_answered() {
            // Between two requests a client may go as it likes.
            return;
        } else {
            (None, "client_gone")
        };
        self.count_without_request(status, reason, &error.to_string());
    }

    /// Counts and records what came to no request.
    pub(crate) fn count_without_request(
        &self,
        status: Option<StatusCode>,
        reason: &'static str,
        detail: &str,
    ) {
        self.worker.counters.handshake_failures.count((reason, ""));
        Refused { client: &self.client.peer_text(), status, reason, detail, ..Refused::default() }
            .record(&self.worker.records);
        let status = status.map(|status| status.as_u16());
        if let Some(trace) = traced::without_request(&self.client, &Failure { reason, detail, status }) {
            self.refused.replace(Some(trace));
        }
    }
}

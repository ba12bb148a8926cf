//! The body of an answer on its way from the target. It keeps the lease and the connection
//! until its end; in order, that of a plain request then waits for the next one.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::task::spawn_local;
use tokio::time::{Instant as TimerInstant, Sleep, sleep_until, timeout};

use crate::clock;
use crate::upstream::error::{BodyError, ExchangeError};
use crate::upstream::lease::Lease;
use crate::upstream::line::Line;
use crate::upstream::pool::Pool;
use crate::upstream::target::Failure;
use crate::upstream::upload::{Progress, Stage};

/// See the module. Dropped before its end it ends the connection, and with it the exchange.
pub(crate) struct Download {
    inner: Incoming,
    /// `None` once the body is over.
    held: Option<Held>,
    /// Since when the target is silent; `None` while it is not.
    silent_since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

/// What an exchange holds until its end.
pub(super) struct Held {
    pub(super) line: Line,
    pub(super) lease: Lease,
    pub(super) of: Of,
}

/// What it is that was answered.
pub(super) enum Of {
    /// A plain request, which may not be whole yet.
    Request { pool: Pool, progress: Rc<Progress> },
    /// An opening handshake.
    Handshake,
}

/// What has not gone on in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Late {
    Answer(Duration),
    Request(Duration),
}

/// The target did not go on with its answer.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the upstream's answer did not go on for {0:?}")]
pub(crate) struct Silent(Duration);

impl Download {
    pub(super) fn new(inner: Incoming, held: Held) -> Self {
        let mut download = Self { inner, held: Some(held), silent_since: None, timer: None };
        download.look_for_the_end();
        download
    }

    fn look_for_the_end(&mut self) {
        if self.inner.is_end_stream()
            && let Some(held) = self.held.take()
        {
            held.finish();
        }
    }

    /// What has gone wrong ends the connection, too.
    fn fail(&mut self, failure: Failure) {
        if let Some(held) = self.held.take()
            && held.is_to_blame(failure)
        {
            held.lease.failed(failure);
        }
    }

    /// Waits until something has taken too long.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Late> {
        let Some(held) = &self.held else { return Poll::Pending };
        let silent_since = *self.silent_since.get_or_insert_with(clock::now);
        loop {
            let Some((deadline, late)) = held.deadline(silent_since, cx) else { return Poll::Pending };
            if clock::now() >= deadline {
                return Poll::Ready(late);
            }
            let deadline = TimerInstant::from_std(deadline);
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            // One that runs out before is set anew then.
            if timer.is_elapsed() || timer.deadline() > deadline {
                timer.as_mut().reset(deadline);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.silent_since = None;
                self.look_for_the_end();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.fail(Failure::Lost);
                Poll::Ready(Some(Err(error.into())))
            }
            Poll::Ready(None) => {
                if let Some(held) = self.held.take() {
                    held.finish();
                }
                Poll::Ready(None)
            }
            Poll::Pending => self.poll_late(cx).map(|late| {
                self.fail(Failure::Timeout);
                let error = match late {
                    Late::Answer(limit) => Silent(limit).into(),
                    Late::Request(limit) => ExchangeError::BodySilent(limit).into(),
                };
                Some(Err(error))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Held {
    /// When which wait is over. An answer that goes on shows that the target is well, even if it
    /// takes no more of the request; a client that goes on reading shows nothing of what it owes.
    fn deadline(&self, silent_since: Instant, cx: &Context<'_>) -> Option<(Instant, Late)> {
        let timeouts = &self.lease.cluster().upstream().timeouts;
        let end = |since: Instant, limit: Duration, late: fn(Duration) -> Late| {
            (!limit.is_zero()).then(|| (since + limit, late(limit)))
        };
        let answer = end(silent_since, timeouts.read, Late::Answer);
        let request = match &self.of {
            Of::Request { progress, .. } => match progress.watch(cx.waker()) {
                Stage::Client => end(progress.since(), timeouts.write, Late::Request),
                Stage::Target | Stage::Answer => None,
            },
            Of::Handshake => None,
        };
        answer.into_iter().chain(request).min_by_key(|(deadline, _)| *deadline)
    }

    /// Whether the target answers for it. It does not where a client that owes it the rest of a
    /// request may have brought it about; and what follows on the head of a refusal is no part
    /// of the handshake, however slow it is.
    fn is_to_blame(&self, failure: Failure) -> bool {
        match &self.of {
            Of::Request { progress, .. } => progress.stage() != Stage::Client,
            Of::Handshake => failure == Failure::Lost,
        }
    }

    /// The answer is whole. The connection may still have to take the rest of the request, where
    /// the target was quick to answer; that is not waited for long.
    fn finish(self) {
        let Self { mut line, lease, of } = self;
        let Of::Request { pool, .. } = of else { return };
        let target = lease.target().lines();
        let limits = lease.cluster().upstream().pool;
        drop(lease);
        if line.is_closed() {
            return;
        }
        if line.is_ready() {
            pool.put(target, line, limits);
            return;
        }
        spawn_local(async move {
            if let Ok(Ok(())) = timeout(READY_WITHIN, line.ready()).await {
                pool.put(target, line, limits);
            }
        });
    }
}

/// For a connection to be ready once an answer is whole.
const READY_WITHIN: Duration = Duration::from_secs(1);

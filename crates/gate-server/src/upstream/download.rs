//! The body of a plain answer on its way from the target. It keeps the lease and the
//! connection until its end; in order, the connection then waits for the next request.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::task::spawn_local;
use tokio::time::{Sleep, sleep, timeout};

use crate::upstream::error::BodyError;
use crate::upstream::lease::Lease;
use crate::upstream::line::Line;
use crate::upstream::pool::Pool;
use crate::upstream::target::Failure;

/// See the module. Dropped before its end it ends the connection, and with it the exchange.
pub(crate) struct Download {
    inner: Incoming,
    /// `None` once the body is over.
    held: Option<Held>,
    /// How long the target may be silent; zero: for ever.
    limit: Duration,
    /// Runs while the target is silent.
    silence: Option<Pin<Box<Sleep>>>,
}

/// What an exchange holds until its end.
pub(super) struct Held {
    pub(super) line: Line,
    pub(super) lease: Lease,
    pub(super) pool: Pool,
}

/// The target did not go on with its answer.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the upstream's answer did not go on for {0:?}")]
pub(crate) struct Silent(Duration);

impl Download {
    pub(super) fn new(inner: Incoming, held: Held, limit: Duration) -> Self {
        let mut download = Self { inner, held: Some(held), limit, silence: None };
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
        if let Some(held) = self.held.take() {
            held.lease.failed(failure);
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
                self.silence = None;
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
            Poll::Pending if self.limit.is_zero() => Poll::Pending,
            Poll::Pending => {
                let limit = self.limit;
                let silence = self.silence.get_or_insert_with(|| Box::pin(sleep(limit)));
                if silence.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.fail(Failure::Timeout);
                Poll::Ready(Some(Err(Silent(limit).into())))
            }
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
    /// The answer is whole. The connection may still have to take the rest of the request, where
    /// the target was quick to answer; that is not waited for long.
    fn finish(self) {
        let Self { mut line, lease, pool } = self;
        let target = lease.key();
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

//! Bodies on their way: requests' are held to a limit, answers' are counted and told of
//! when they are over. Nothing is kept of either.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;

use crate::front::fields::clean_trailers;
pub(crate) use crate::upstream::error::BodyError;

/// An answer's body, of whatever origin.
pub(crate) type AnyBody = Pin<Box<dyn Body<Data = Bytes, Error = BodyError>>>;

/// A body that is there already.
pub(crate) fn full(bytes: impl Into<Bytes>) -> AnyBody {
    Box::pin(Full::new(bytes.into()).map_err(|never| match never {}))
}

/// The body of a request, as the upstream gets it.
pub(crate) struct RequestBody {
    inner: Incoming,
    /// Bytes that may still come; `None`: as many as there are.
    left: Option<u64>,
    progress: Rc<Received>,
}

/// What has come of a request's body, seen from outside.
#[derive(Debug, Default)]
pub(crate) struct Received {
    bytes: Cell<u64>,
    over_limit: Cell<bool>,
}

impl Received {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// More came than the limit allows.
    pub(crate) fn is_over_limit(&self) -> bool {
        self.over_limit.get()
    }
}

/// A body is above its limit.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the body is above max-body-size")]
struct OverLimit;

/// The body of an answer ends before its end.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the answer broke off")]
struct BrokenOff;

impl RequestBody {
    /// A body of at most `limit` bytes (0: no limit).
    pub(crate) fn new(inner: Incoming, limit: u64) -> (Self, Rc<Received>) {
        let progress = Rc::<Received>::default();
        let left = (limit > 0).then_some(limit);
        (Self { inner, left, progress: Rc::clone(&progress) }, progress)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => return Poll::Pending,
        };
        let frame = with_clean_trailers(frame);
        let more = length(&frame);
        self.progress.bytes.set(self.progress.bytes.get().saturating_add(more));
        if let Some(left) = &mut self.left {
            let Some(rest) = left.checked_sub(more) else {
                self.progress.over_limit.set(true);
                return Poll::Ready(Some(Err(OverLimit.into())));
            };
            *left = rest;
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The body of an answer; `at_end` is called once, when it is over or given up, with the
/// bytes that went and how it came to that.
pub(crate) struct ResponseBody {
    inner: AnyBody,
    sent: u64,
    /// What has become of it so far.
    ending: Ending,
    at_end: Option<Box<dyn FnOnce(u64, Ending)>>,
}

/// How the body of an answer came to its end.
#[derive(Debug)]
pub(crate) enum Ending {
    /// All of it went.
    Whole,
    /// It broke off, for this reason.
    Broken(BodyError),
    /// There was more of it that nobody took.
    Untaken,
}

impl ResponseBody {
    pub(crate) fn new(inner: AnyBody, at_end: impl FnOnce(u64, Ending) + 'static) -> Self {
        Self { inner, sent: 0, ending: Ending::Untaken, at_end: Some(Box::new(at_end)) }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.inner.as_mut().poll_frame(cx).map_ok(with_clean_trailers) {
            Poll::Ready(Some(Ok(frame))) => {
                self.sent = self.sent.saturating_add(length(&frame));
                if frame.is_trailers() || self.inner.is_end_stream() {
                    self.ending = Ending::Whole;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.ending = Ending::Broken(error);
                Poll::Ready(Some(Err(BrokenOff.into())))
            }
            Poll::Ready(None) => {
                self.ending = Ending::Whole;
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        if let Some(at_end) = self.at_end.take() {
            let ending = std::mem::replace(&mut self.ending, Ending::Whole);
            // What has no body is not asked for it.
            let is_empty = self.sent == 0 && self.inner.is_end_stream();
            at_end(self.sent, if is_empty { Ending::Whole } else { ending });
        }
    }
}

fn with_clean_trailers(mut frame: Frame<Bytes>) -> Frame<Bytes> {
    if let Some(trailers) = frame.trailers_mut() {
        clean_trailers(trailers);
    }
    frame
}

fn length(frame: &Frame<Bytes>) -> u64 {
    frame.data_ref().map_or(0, |data| u64::try_from(data.remaining()).unwrap_or(u64::MAX))
}

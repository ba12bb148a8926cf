//! The body of a plain request on its way to the target, and how it comes along: whether
//! the client or the target is waited for, and since when.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::clock;
use crate::upstream::error::BodyError;

/// See the module.
pub(crate) struct Upload {
    /// `None`: there is no body.
    inner: Option<Pin<Box<dyn Body<Data = Bytes, Error = BodyError>>>>,
    progress: Rc<Progress>,
}

/// How a request comes along, seen from outside.
#[derive(Debug)]
pub(crate) struct Progress {
    stage: Cell<Stage>,
    since: Cell<Instant>,
    /// Is woken when the stage changes.
    watcher: RefCell<Option<Waker>>,
}

/// Who is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The target, to take what there is of the request.
    Target,
    /// The client, to send more of it, which it may have failed to do.
    Client,
    /// The target, to answer: all has been sent.
    Answer,
}

impl Upload {
    /// A body that comes from a client.
    pub(crate) fn of<B>(body: B, progress: &Rc<Progress>) -> Self
    where
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<BodyError>,
    {
        let body = http_body_util::BodyExt::map_err(body, Into::into);
        Self { inner: Some(Box::pin(body)), progress: Rc::clone(progress) }
    }

    /// No body.
    pub(crate) fn none(progress: &Rc<Progress>) -> Self {
        Self { inner: None, progress: Rc::clone(progress) }
    }
}

impl Progress {
    /// A request that is about to be sent.
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            stage: Cell::new(Stage::Target),
            since: Cell::new(clock::now()),
            watcher: RefCell::default(),
        })
    }

    /// There is progress, or all begins anew.
    pub(crate) fn enter(&self, stage: Stage) {
        self.since.set(clock::now());
        if self.stage.replace(stage) != stage
            && let Some(watcher) = self.watcher.take()
        {
            watcher.wake();
        }
    }

    /// Who is waited for.
    pub(crate) fn stage(&self) -> Stage {
        self.stage.get()
    }

    /// The stage, and whom to wake when there is another.
    pub(crate) fn watch(&self, watcher: &Waker) -> Stage {
        self.watcher.replace(Some(watcher.clone()));
        self.stage.get()
    }

    /// When that stage began, or last made progress.
    pub(crate) fn since(&self) -> Instant {
        self.since.get()
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        let polled = inner.as_mut().poll_frame(cx);
        let stage = match &polled {
            Poll::Pending if self.progress.stage.get() == Stage::Client => return Poll::Pending,
            Poll::Pending => Stage::Client,
            Poll::Ready(Some(Ok(_))) if self.is_end_stream() => Stage::Answer,
            Poll::Ready(Some(Ok(_))) => Stage::Target,
            Poll::Ready(Some(Err(_))) => Stage::Client,
            Poll::Ready(None) => Stage::Answer,
        };
        self.progress.enter(stage);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(|inner| inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), |inner| inner.size_hint())
    }
}

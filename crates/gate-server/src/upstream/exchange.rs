//! A plain request to a target of an upstream and its answer, both streaming.
//!
//! Another target is tried when a request has not been sent, and also when it was, but has
//! no body and a method that may be repeated (RFC 9110 §9.2.2), and the connection was lost
//! before the answer. Fields pass as they are: hop-by-hop fields are the caller's business,
//! but for `Trailer`, which must be left in for trailers to pass. Interim answers (1xx) end here.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use http_body::Body;
use hyper::body::Incoming;
use tokio::time::{Instant as TimerInstant, sleep_until};

use crate::clock;
use crate::upstream::attempts::{Attempts, Retry};
use crate::upstream::cluster::Cluster;
use crate::upstream::dial::dial;
use crate::upstream::download::{Download, Held, Of};
use crate::upstream::error::BodyError;
pub(crate) use crate::upstream::error::ExchangeError;
use crate::upstream::lease::Lease;
use crate::upstream::line::{Line, SendError};
use crate::upstream::pool::Pool;
use crate::upstream::target::Failure;
use crate::upstream::upload::{Progress, Stage, Upload};
use crate::upstream::wish::Wish;

/// An exchange whose answer has begun.
pub(crate) struct Exchanged {
    /// Never a 101 or another 1xx.
    pub(crate) response: Response<Download>,
    /// Where the target was reached.
    pub(crate) address: Arc<str>,
    /// The cookie that binds the client to the target, where it is to get one.
    pub(crate) set_cookie: Option<HeaderValue>,
}

/// Sends `request` and reads the head of the answer. Given up when dropped.
///
/// # Errors
/// No target gave an answer. The error is the one of the last target that was tried.
pub(crate) async fn exchange<B>(
    pool: &Pool,
    cluster: &Arc<Cluster>,
    wish: Wish,
    request: Request<B>,
) -> Result<Exchanged, ExchangeError>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BodyError>,
{
    let mut passage = Passage { pool, cluster, message: Message::new(request) };
    let mut attempts = Attempts::new(cluster, wish);
    let no_target = || ExchangeError::NoTarget(Arc::clone(&cluster.upstream().id));
    let mut lease = attempts.first().ok_or_else(no_target)?;
    loop {
        match passage.attempt(&lease).await {
            Ok((mut response, line)) => {
                lease.succeeded();
                tell_length(&passage.message.method, &mut response);
                let set_cookie = wish.set_cookie(cluster.upstream(), lease.target());
                let address = Arc::clone(line.address());
                let of = Of::Request { pool: pool.clone(), progress: passage.message.progress };
                let held = Held { line, lease, of };
                let response = response.map(|body| Download::new(body, held));
                return Ok(Exchanged { response, address, set_cookie });
            }
            Err(Fault { error, retry, blame }) => {
                if let Some(failure) = blame {
                    lease.failed(failure);
                }
                lease = attempts.next(&lease, retry).ok_or(error)?;
            }
        }
    }
}

/// A request on its way.
struct Passage<'a> {
    pool: &'a Pool,
    cluster: &'a Arc<Cluster>,
    message: Message,
}

/// Why an attempt came to nothing.
struct Fault {
    error: ExchangeError,
    retry: Retry,
    /// What it counts as against the target.
    blame: Option<Failure>,
}

/// Why a line gave no answer.
enum LineFault {
    /// The request was not sent, or may be sent again.
    Again(hyper::Error),
    /// It may not.
    Final(ExchangeError),
}

impl Passage<'_> {
    async fn attempt(&mut self, lease: &Lease) -> Result<(Response<Incoming>, Line), Fault> {
        // A connection that has waited may have been given up by the target meanwhile. That says
        // nothing of the target, and one that is made for this request decides.
        if let Some(mut line) = self.pool.take(lease.target()) {
            match self.send(&mut line, lease).await {
                Ok(response) => return Ok((response, line)),
                Err(LineFault::Again(_)) => {}
                Err(LineFault::Final(error)) => {
                    let blame = self.blame(&error).filter(|failure| *failure != Failure::Lost);
                    return Err(Fault { error, retry: Retry::Never, blame });
                }
            }
        }
        let limit = self.cluster.upstream().timeouts.connect;
        let dialled = dial(self.cluster, lease.target(), limit).await;
        let dialled = dialled.map_err(|error| self.fault(error.into(), Retry::Elsewhere))?;
        let lost = |source| ExchangeError::Lost { target: Arc::clone(lease.text()), source };
        let line = Line::new(dialled).await;
        let mut line = line.map_err(|source| self.fault(lost(source), Retry::Elsewhere))?;
        match self.send(&mut line, lease).await {
            Ok(response) => Ok((response, line)),
            Err(LineFault::Again(source)) => Err(self.fault(lost(source), Retry::Elsewhere)),
            Err(LineFault::Final(error)) => Err(self.fault(error, Retry::Never)),
        }
    }

    fn fault(&self, error: ExchangeError, retry: Retry) -> Fault {
        let blame = self.blame(&error);
        Fault { error, retry, blame }
    }

    /// What an error counts as against the target. One that has hung up on a client that owes it
    /// the rest of a request may have had enough of waiting.
    fn blame(&self, error: &ExchangeError) -> Option<Failure> {
        let owes_the_client = self.message.progress.stage() == Stage::Client;
        error.failure().filter(|failure| !owes_the_client || *failure != Failure::Lost)
    }

    async fn send(&mut self, line: &mut Line, lease: &Lease) -> Result<Response<Incoming>, LineFault> {
        let Some(request) = self.message.take() else {
            return Err(LineFault::Final(ExchangeError::Unsendable));
        };
        let late = |late| LineFault::Final(self.late(late, lease));
        match self.in_time(line.send(request)).await.map_err(late)? {
            Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                let target = Arc::clone(lease.text());
                Err(LineFault::Final(ExchangeError::Switched { target }))
            }
            Ok(response) => Ok(response),
            Err(SendError::Unsent(request, error)) => {
                self.message.put_back(*request);
                Err(LineFault::Again(error))
            }
            Err(SendError::Sent(error)) => Err(self.judge(error, lease)),
        }
    }

    /// What an error behind the first byte sent means.
    fn judge(&self, source: hyper::Error, lease: &Lease) -> LineFault {
        let target = Arc::clone(lease.text());
        if source.is_user() {
            let is_of_body = self.message.has_body;
            let error = if is_of_body { ExchangeError::Body(source) } else { ExchangeError::Unsendable };
            LineFault::Final(error)
        } else if source.is_parse() {
            LineFault::Final(ExchangeError::Malformed { target, source })
        } else if self.message.may_be_repeated {
            LineFault::Again(source)
        } else {
            LineFault::Final(ExchangeError::Lost { target, source })
        }
    }

    fn late(&self, stage: Stage, lease: &Lease) -> ExchangeError {
        let timeouts = &self.cluster.upstream().timeouts;
        let target = Arc::clone(lease.text());
        match stage {
            Stage::Client => ExchangeError::BodySilent(timeouts.write),
            Stage::Target => ExchangeError::NotTaken { target, limit: timeouts.write },
            Stage::Answer => ExchangeError::TimedOut { target, limit: timeouts.request },
        }
    }

    /// What `work` gives, unless a stage of the request takes too long.
    async fn in_time<F: Future>(&self, work: F) -> Result<F::Output, Stage> {
        let mut work = pin!(work);
        let progress = &self.message.progress;
        let mut timer = pin!(None);
        let mut timed = None;
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Ok(done));
            }
            loop {
                let stage = progress.watch(cx.waker());
                let limit = self.limit(stage);
                if limit.is_zero() {
                    return Poll::Pending;
                }
                let deadline = progress.since() + limit;
                if clock::now() >= deadline {
                    return Poll::Ready(Err(stage));
                }
                if timed.replace(stage) != Some(stage) {
                    timer.set(Some(sleep_until(TimerInstant::from_std(deadline))));
                }
                let Some(running) = timer.as_mut().as_pin_mut() else { return Poll::Pending };
                if running.poll(cx).is_pending() {
                    return Poll::Pending;
                }
                // It was set before the last progress.
                timed = None;
            }
        })
        .await
    }

    fn limit(&self, stage: Stage) -> Duration {
        let timeouts = &self.cluster.upstream().timeouts;
        match stage {
            Stage::Client | Stage::Target => timeouts.write,
            Stage::Answer => timeouts.request,
        }
    }
}

/// A request as long as it may have to be sent again.
struct Message {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    /// `None` once it is on its way.
    body: Option<Upload>,
    has_body: bool,
    /// The method is idempotent and there is no body.
    may_be_repeated: bool,
    progress: Rc<Progress>,
}

impl Message {
    fn new<B>(request: Request<B>) -> Self
    where
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<BodyError>,
    {
        let (parts, body) = request.into_parts();
        let has_body = !body.is_end_stream();
        let progress = Progress::new();
        let body = if has_body { Upload::of(body, &progress) } else { Upload::none(&progress) };
        Self {
            may_be_repeated: !has_body && parts.method.is_idempotent(),
            method: parts.method,
            uri: origin_form(&parts.uri),
            headers: parts.headers,
            body: Some(body),
            has_body,
            progress,
        }
    }

    /// The request for one attempt; `None` when there is nothing left to send.
    fn take(&mut self) -> Option<Request<Upload>> {
        let body = self.body.take().or_else(|| self.may_be_repeated.then(|| Upload::none(&self.progress)))?;
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() =
            if self.may_be_repeated { self.headers.clone() } else { std::mem::take(&mut self.headers) };
        self.progress.enter(if self.has_body { Stage::Target } else { Stage::Answer });
        Some(request)
    }

    fn put_back(&mut self, request: Request<Upload>) {
        let (parts, body) = request.into_parts();
        self.headers = parts.headers;
        self.body = Some(body);
    }
}

/// Makes the length of an answer the one number that its body was found to have: the target may
/// have said it more than once, which other receivers may take for something else (RFC 9112 §6.3).
/// Where there is no body, it is the length of another answer.
fn tell_length<B: Body>(method: &Method, response: &mut Response<B>) {
    let is_of_another = *method == Method::HEAD || response.status() == StatusCode::NOT_MODIFIED;
    let length = response.body().size_hint().exact();
    if let (false, Some(length), header::Entry::Occupied(mut told)) =
        (is_of_another, length, response.headers_mut().entry(header::CONTENT_LENGTH))
    {
        told.insert(length.into());
    }
}

/// What a server is asked for (RFC 9112 §3.2.1); the authority is in Host.
fn origin_form(uri: &Uri) -> Uri {
    let target = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    Uri::from(target)
}

#[cfg(test)]
mod tests;

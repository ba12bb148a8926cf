//! Answers that the gateway has itself: `builtin-handler`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use gate_config::model::Handler;
use http::{HeaderValue, Method, Response, StatusCode, header, request};
use http_body::{Body, Frame};
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::{Sleep, sleep};

use crate::clock;
use crate::front::body::{AnyBody, BodyError, RequestBody, full};
use crate::front::refusal::RequestError;
use crate::front::request::Told;
use crate::observe::page::CONTENT_TYPE;
use crate::observe::statistics::Statistics;
use crate::upstream::cluster::Cluster;
use crate::worker::Worker;

/// What a handler needs to know of a request.
pub(crate) struct Asked<'a> {
    pub(crate) head: &'a request::Parts,
    /// Normalised.
    pub(crate) path: &'a str,
    pub(crate) request_id: &'a str,
}

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    timestamp: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unavailable: Vec<&'a str>,
}

#[derive(Serialize)]
struct Status {
    status: &'static str,
    version: &'static str,
    uptime_secs: u64,
    connections: u64,
    worker: u16,
    upstreams: Vec<UpstreamStatus>,
    timestamp: String,
}

#[derive(Serialize)]
struct UpstreamStatus {
    id: String,
    targets: usize,
    available: usize,
}

#[derive(Serialize)]
struct NotFound<'a> {
    error: &'static str,
    status: u16,
    message: &'static str,
    request_id: &'a str,
    timestamp: String,
}

/// The answer of `handler`. Where that is no success, `told` gets the reason.
pub(crate) fn answer(
    handler: Handler,
    asked: &Asked<'_>,
    body: RequestBody,
    worker: &Worker,
    told: &mut Told,
) -> Result<Response<AnyBody>, RequestError> {
    let is_read = matches!(asked.head.method, Method::GET | Method::HEAD);
    Ok(match handler {
        Handler::NotFound => not_found(asked, told),
        Handler::Echo => echo(asked, body),
        Handler::Health | Handler::Status | Handler::Metrics | Handler::WsStat if !is_read => {
            return Err(RequestError::ReadOnly);
        }
        Handler::Health if asks_whether_ready(asked) => readiness(worker, told),
        Handler::Health => {
            let health = Health { status: "healthy", timestamp: timestamp(), unavailable: Vec::new() };
            json(StatusCode::OK, &health)
        }
        Handler::Status => status(worker),
        Handler::Metrics => typed(StatusCode::OK, CONTENT_TYPE, worker.sources.page()),
        Handler::WsStat => ws_stat(asked, worker),
    })
}

/// Whether the process can serve is asked for at a path that ends in `/ready`, or by
/// `?ready`; at any other, whether it lives.
fn asks_whether_ready(asked: &Asked<'_>) -> bool {
    asked.path.ends_with("/ready")
        || asked.head.uri.query().is_some_and(|query| query.split('&').any(|key| key == "ready"))
}

/// Ready is who takes new sessions and has a target for each upstream.
fn readiness(worker: &Worker, told: &mut Told) -> Response<AnyBody> {
    let snapshot = worker.snapshot();
    let unavailable: Vec<&str> = snapshot
        .clusters()
        .iter()
        .filter(|cluster| cluster.available() == 0)
        .map(|cluster| cluster.id())
        .collect();
    let (code, status) = if worker.is_draining() {
        told.fault = Some(("draining", RequestError::Draining.to_string()));
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else if unavailable.is_empty() {
        (StatusCode::OK, "ready")
    } else {
        told.fault = Some(("unready", format!("no target is available of {}", unavailable.join(", "))));
        (StatusCode::SERVICE_UNAVAILABLE, "unready")
    };
    json(code, &Health { status, timestamp: timestamp(), unavailable })
}

fn status(worker: &Worker) -> Response<AnyBody> {
    let snapshot = worker.snapshot();
    let of = |cluster: &Arc<Cluster>| UpstreamStatus {
        id: cluster.id().to_owned(),
        targets: cluster.targets().len(),
        available: cluster.available(),
    };
    let status = Status {
        status: if worker.is_draining() { "draining" } else { "ok" },
        version: env!("CARGO_PKG_VERSION"),
        uptime_secs: worker.sources.uptime().as_secs(),
        connections: worker.sources.connections_active(),
        worker: worker.index,
        upstreams: snapshot.clusters().iter().map(of).collect(),
        timestamp: timestamp(),
    };
    json(StatusCode::OK, &status)
}

/// The counts of WebSocket frames: the text of nginx's module, or JSON for who asks for it.
fn ws_stat(asked: &Asked<'_>, worker: &Worker) -> Response<AnyBody> {
    let statistics = Statistics::of(&worker.sources);
    let mut response = if asks_for_json(asked) {
        json(StatusCode::OK, &statistics)
    } else {
        typed(StatusCode::OK, "text/plain", statistics.module_page())
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    response
}

/// `?format=` decides; without it, whether JSON is named in Accept.
fn asks_for_json(asked: &Asked<'_>) -> bool {
    let query = asked.head.uri.query().unwrap_or_default();
    if let Some(format) = query.split('&').find_map(|pair| pair.strip_prefix("format=")) {
        return format == "json";
    }
    let accepted = asked.head.headers.get_all(header::ACCEPT);
    let mut ranges =
        accepted.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    ranges.any(|range| {
        let kind = range.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/json")
    })
}

fn not_found(asked: &Asked<'_>, told: &mut Told) -> Response<AnyBody> {
    told.fault = Some(("not_found", "the route answers nothing but that".to_owned()));
    let answer = NotFound {
        error: "not_found",
        status: StatusCode::NOT_FOUND.as_u16(),
        message: "there is nothing here",
        request_id: asked.request_id,
        timestamp: timestamp(),
    };
    json(StatusCode::NOT_FOUND, &answer)
}

/// The request as it came: its head as text, and behind it the body as it comes.
fn echo(asked: &Asked<'_>, body: RequestBody) -> Response<AnyBody> {
    let mut head =
        format!("{} {} {:?}\r\n", asked.head.method, asked.head.uri, asked.head.version).into_bytes();
    for (name, value) in &asked.head.headers {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    let mut response = typed(StatusCode::OK, "text/plain; charset=utf-8", Bytes::new());
    // A browser must not take what others have sent for a page.
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    *response.body_mut() = Box::pin(Behind { head: Some(head.into()), body, silence: None });
    response
}

/// A body with bytes in front of it.
struct Behind {
    head: Option<Bytes>,
    body: RequestBody,
    /// Runs while the client does not go on.
    silence: Option<Pin<Box<Sleep>>>,
}

/// The client does not go on with its body.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the body of the request did not go on for {SILENCE_MAX:?}")]
struct Silent;

/// How long a client may be silent within a body that is echoed.
const SILENCE_MAX: Duration = Duration::from_secs(60);

impl Body for Behind {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(head) = self.head.take() {
            return Poll::Ready(Some(Ok(Frame::data(head))));
        }
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if polled.is_ready() {
            self.silence = None;
            return polled;
        }
        let silence = self.silence.get_or_insert_with(|| Box::pin(sleep(SILENCE_MAX)));
        silence.as_mut().poll(cx).map(|()| Some(Err(Silent.into())))
    }
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<AnyBody> {
    // Strings and numbers always have a form in JSON.
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.push('\n');
    typed(status, "application/json", text)
}

fn typed(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<AnyBody> {
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn timestamp() -> String {
    let time = Timestamp::try_from(clock::wall()).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{time:.3}")
}

//! A client's opening handshake: its request is read and judged, the upstream dialled
//! and asked, and only the upstream's valid 101 gives the client its own. What the
//! client sends behind its request waits unread or in hyper's buffer until then.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use gate_core::Session;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header, request};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use ws_proto::CloseCode;
use ws_proto::handshake::request::{self as ws_request, ClientHandshake};
use ws_proto::handshake::response::Agreement;

use crate::clock;
use crate::drive::connection::Established;
use crate::drive::session::{Parts, SessionDriver};
use crate::drive::transport::Tcp;
use crate::drive::turn_away::{linger, turn_away};
use crate::front::fields;
use crate::front::refusal::HandshakeError;
use crate::observe::record::{Negotiated, Opened, Refused};
use crate::upstream::dial::dial;
use crate::upstream::refusal;
use crate::upstream::request::encode;
use crate::upstream::upgrade::{Answer, Switched, upgrade};
use crate::worker::Worker;
use crate::worker::registry::Place;
use crate::worker::seats::Seat;

/// Bytes of a request head.
const HEAD_MAX: usize = 16 * 1024;
/// Header lines of a request.
const HEADERS_MAX: usize = 100;

/// What the answer to a client's request leads to.
enum Outcome {
    /// A session.
    Open(Box<Opening>),
    /// A 101 and at once a Close: there is no seat.
    TurnAway,
    /// Nothing: an ordinary response.
    Refused,
}

/// A session that begins once its 101 has gone.
struct Opening {
    switched: Switched,
    place: Place,
    seat: Seat,
    upstream: SocketAddr,
    path: Box<str>,
    host: Box<str>,
    request_id: String,
}

/// One client's connection until its session.
struct Front {
    worker: Rc<Worker>,
    client: SocketAddr,
    accepted_at: Instant,
    outcome: RefCell<Option<Outcome>>,
}

/// Sees a connection from its accept to its session, if there will be one. `permit` is
/// held until then.
pub(crate) async fn open(
    worker: Rc<Worker>,
    stream: TcpStream,
    client: SocketAddr,
    permit: OwnedSemaphorePermit,
) -> Option<Established> {
    let _permit = permit;
    let _under_way = UnderWay::begin(&worker);
    let front = Rc::new(Front { worker, client, accepted_at: clock::now(), outcome: RefCell::default() });
    let (stream, early, served) = serve(&front, stream).await;
    let close_timeout = front.worker.shared.policy.timeouts.close;
    if let Err(error) = served {
        // An answer that could not be written has been counted as what it was.
        if !matches!(&*front.outcome.borrow(), Some(Outcome::Refused | Outcome::TurnAway)) {
            front.count_broken(&error);
        }
        linger(stream, close_timeout).await;
        return None;
    }
    match front.outcome.take() {
        Some(Outcome::Open(opening)) => Some(front.establish(stream, early, *opening)),
        Some(Outcome::TurnAway) => {
            turn_away(stream, CloseCode::TRY_AGAIN_LATER, "Try Again Later", close_timeout).await;
            None
        }
        Some(Outcome::Refused) => {
            linger(stream, close_timeout).await;
            None
        }
        None => {
            // The client came and went without a word, as health checks do.
            front.worker.counters.handshake_failures.count(("no_request", ""));
            None
        }
    }
}

/// Lets hyper read the request and write the answer; then takes the stream back.
async fn serve(front: &Rc<Front>, stream: TcpStream) -> (TcpStream, Bytes, Result<(), hyper::Error>) {
    let limit = front.worker.shared.settings.handshake.head;
    let limit = if limit.is_zero() { None } else { Some(limit) };
    let service = service_fn(|request| {
        let front = Rc::clone(front);
        Box::pin(async move { Ok::<_, Infallible>(front.answer(request).await) })
    });
    let mut connection = Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limit)
        .max_header_size(HEAD_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let served = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    let parts = connection.into_parts();
    (parts.io.into_inner(), parts.read_buf, served)
}

impl Front {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, _body) = request.into_parts();
        let path: Box<str> = head.uri.path().into();
        // A worker that drains waits until the request is answered.
        let place = self.worker.registry.take_place();
        let mut response = match self.negotiate(head, &path, place).await {
            Ok(response) => response,
            Err(error) => {
                self.refuse(error.status(), error.reason(), &error.detail(), &path);
                error.response()
            }
        };
        // Told by hand, because hyper would have a 101 say `Connection: upgrade, close` too,
        // which not all clients understand.
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            response.headers_mut().append(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    async fn negotiate(
        &self,
        head: request::Parts,
        path: &str,
        place: Place,
    ) -> Result<Response<Full<Bytes>>, HandshakeError> {
        let settings = &self.worker.shared.settings;
        let asked = ws_request::check(&head.method, head.version, &head.uri, &head.headers)?;
        if self.worker.draining.get() {
            return Err(HandshakeError::Draining);
        }
        let Some(seat) = self.worker.shared.seats.take() else {
            return Ok(self.no_seat(&asked, path));
        };
        let request_id = format!("{:032x}", rand::random::<u128>());
        let host =
            head.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().into();
        let request = self.upstream_request(&head.uri, head.headers, &asked, &request_id);
        let stream = dial(&settings.upstream, settings.handshake.dial).await?;
        let upstream = stream.peer_addr().unwrap_or(settings.listen);
        match upgrade(stream, request, &asked, settings.handshake.upstream).await? {
            Answer::Refused(refused) => Ok(self.pass_refusal(refused, path)),
            Answer::Switched(switched) => {
                let mut switched = *switched;
                let headers = std::mem::take(&mut switched.headers);
                let response = switching(headers, &switched.agreement, &asked);
                let opening =
                    Opening { switched, place, seat, upstream, path: path.into(), host, request_id };
                self.outcome.replace(Some(Outcome::Open(Box::new(opening))));
                Ok(response)
            }
        }
    }

    /// The client's request as the upstream gets it.
    fn upstream_request(
        &self,
        uri: &Uri,
        mut headers: HeaderMap,
        asked: &ClientHandshake,
        request_id: &str,
    ) -> Vec<u8> {
        fields::remove_hop_by_hop(&mut headers);
        fields::identify(&mut headers, self.client, request_id);
        asked.put(&mut headers);
        encode(uri, &headers)
    }

    /// The connection limit is told by 1013 behind a 101, which clients can read.
    fn no_seat(&self, asked: &ClientHandshake, path: &str) -> Response<Full<Bytes>> {
        let limit = self.worker.shared.seats.limit();
        let detail = format!("all {limit} connections of max-connections are taken; closed with 1013");
        self.count(Some(StatusCode::SWITCHING_PROTOCOLS), "max_connections", &detail, Some(path));
        self.outcome.replace(Some(Outcome::TurnAway));
        let agreement =
            Agreement { subprotocol: asked.subprotocols.iter().next().map(Into::into), deflate: None };
        switching(HeaderMap::new(), &agreement, asked)
    }

    /// The upstream's own answer, as far as it is not of its hop only.
    fn pass_refusal(&self, refused: refusal::Refused, path: &str) -> Response<Full<Bytes>> {
        let refusal::Refused { status, mut headers, body } = refused;
        self.refuse(status, "upstream_refused", "the upstream did not switch protocols", path);
        fields::remove_hop_by_hop(&mut headers);
        headers.remove(header::CONTENT_LENGTH);
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }

    fn refuse(&self, status: StatusCode, reason: &'static str, detail: &str, path: &str) {
        self.outcome.replace(Some(Outcome::Refused));
        self.count(Some(status), reason, detail, Some(path));
    }

    /// hyper could not read a request, or not write the answer. It has answered 400 or
    /// 431 where an answer was due.
    fn count_broken(&self, error: &hyper::Error) {
        let (status, reason) = if error.is_timeout() {
            (None, "head_timeout")
        } else if error.is_parse_too_large() {
            (Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE), "head_too_large")
        } else if error.is_parse() {
            (Some(StatusCode::BAD_REQUEST), "malformed_request")
        } else {
            (None, "client_gone")
        };
        self.count(status, reason, &error.to_string(), None);
    }

    /// Counts and records a handshake that gave no session.
    fn count(&self, status: Option<StatusCode>, reason: &'static str, detail: &str, path: Option<&str>) {
        self.worker.counters.handshake_failures.count((reason, ""));
        let status = status.map(|status| status.as_u16());
        Refused { client: self.client, status, reason, detail, path }.record(&self.worker.records);
    }

    /// Everything is agreed and the 101 has gone.
    fn establish(&self, client: TcpStream, early: Bytes, opening: Opening) -> Established {
        let Opening { switched, place, seat, upstream, path, host, request_id } = opening;
        let Switched { stream, early: upstream_early, agreement, headers: _ } = switched;
        let opened = Box::new(Opened {
            id: self.worker.next_session_id(),
            client: self.client,
            upstream,
            path,
            at: clock::now(),
        });
        let negotiated = Negotiated {
            host: &host,
            request_id: &request_id,
            subprotocol: agreement.subprotocol.as_deref(),
            deflate: agreement.deflate.is_some(),
            accepted_at: self.accepted_at,
        };
        opened.record_open(&self.worker.records, &negotiated);
        let session = Session::new(Arc::clone(&self.worker.shared.policy), agreement.deflate.is_some());
        let parts =
            Parts { session, client: Tcp::new(client), upstream: Tcp::new(stream), opened, place, seat };
        let driver = SessionDriver::new(Rc::clone(&self.worker), parts);
        Established { driver, early: [early, upstream_early] }
    }
}

/// The client's 101.
fn switching(
    mut headers: HeaderMap,
    agreement: &Agreement,
    asked: &ClientHandshake,
) -> Response<Full<Bytes>> {
    fields::remove_hop_by_hop(&mut headers);
    headers.remove(header::CONTENT_LENGTH);
    agreement.put(asked, &mut headers);
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = headers;
    response
}

/// Counts an opening handshake as under way for as long as it lives.
struct UnderWay(Rc<Worker>);

impl UnderWay {
    fn begin(worker: &Rc<Worker>) -> Self {
        worker.counters.handshakes_begun.add(1);
        Self(Rc::clone(worker))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.counters.handshakes_ended.add(1);
    }
}

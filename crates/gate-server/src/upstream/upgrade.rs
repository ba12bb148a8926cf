//! The opening handshake with the upstream. Only a valid 101 switches protocols; any
//! other answer is an ordinary response, read whole, and its connection is not used
//! again.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::client::conn::http1::{Builder, Connection, Parts};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use ws_proto::handshake::request::ClientHandshake;
use ws_proto::handshake::response::{self, Agreement, ResponseFault};

use crate::upstream::within;

/// What the upstream answered.
pub(crate) enum Answer {
    /// It speaks WebSocket from here on.
    Switched(Box<Switched>),
    /// It does not.
    Refused(Refused),
}

/// A connection behind its 101.
pub(crate) struct Switched {
    pub(crate) stream: TcpStream,
    /// Frames that came with the 101.
    pub(crate) early: Bytes,
    pub(crate) headers: HeaderMap,
    pub(crate) agreement: Agreement,
}

/// A response that opens no WebSocket.
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why the upstream's answer is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpgradeError {
    #[error("the upstream did not answer the handshake within {0:?}")]
    TimedOut(Duration),
    #[error("the upstream's answer cannot be read")]
    Http(#[from] hyper::Error),
    #[error("the upstream's 101 is not valid")]
    Fault(#[from] ResponseFault),
    #[error("the body of the upstream's refusal is above {REFUSAL_BODY_MAX} bytes or broken")]
    RefusalBody,
}

/// The body of a refusal is kept until it is whole; above this it is no use.
const REFUSAL_BODY_MAX: usize = 1024 * 1024;

/// Header lines of a response.
const HEADERS_MAX: usize = 100;

type Upstream = TokioIo<TcpStream>;

/// Sends `request` and reads the answer within `limit` (zero: no limit).
pub(crate) async fn upgrade(
    stream: TcpStream,
    request: Request<Empty<Bytes>>,
    asked: &ClientHandshake,
    limit: Duration,
) -> Result<Answer, UpgradeError> {
    within(limit, exchange(stream, request, asked)).await.unwrap_or(Err(UpgradeError::TimedOut(limit)))
}

async fn exchange(
    stream: TcpStream,
    request: Request<Empty<Bytes>>,
    asked: &ClientHandshake,
) -> Result<Answer, UpgradeError> {
    let (mut sender, connection) =
        Builder::new().max_headers(HEADERS_MAX).handshake(TokioIo::new(stream)).await?;
    let mut driven = Driven { connection, ended: false };
    let response = driven.during(sender.send_request(request)).await?;
    let (head, body) = response.into_parts();
    if head.status != StatusCode::SWITCHING_PROTOCOLS {
        let collected = driven.during(Limited::new(body, REFUSAL_BODY_MAX).collect()).await;
        let body = collected.map_err(refusal_body)?.to_bytes();
        return Ok(Answer::Refused(Refused { status: head.status, headers: head.headers, body }));
    }
    let agreement = response::check(head.status, &head.headers, asked)?;
    driven.until_switched().await?;
    let Parts { io, read_buf, .. } = driven.connection.into_parts();
    Ok(Answer::Switched(Box::new(Switched {
        stream: io.into_inner(),
        early: read_buf,
        headers: head.headers,
        agreement,
    })))
}

/// A connection that is moved on while something else is waited for.
struct Driven {
    connection: Connection<Upstream, Empty<Bytes>>,
    /// It has switched protocols or failed, and is not to be polled again.
    ended: bool,
}

impl Driven {
    /// Waits for `work`. Where the connection fails, `work` is told.
    async fn during<F: Future>(&mut self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|cx| {
            self.ended = self.ended || self.connection.poll_without_shutdown(cx).is_ready();
            work.as_mut().poll(cx)
        })
        .await
    }

    /// Waits until the connection has switched protocols.
    async fn until_switched(&mut self) -> Result<(), hyper::Error> {
        if self.ended {
            return Ok(());
        }
        poll_fn(|cx| self.connection.poll_without_shutdown(cx)).await
    }
}

fn refusal_body(error: Box<dyn std::error::Error + Send + Sync>) -> UpgradeError {
    match error.downcast::<hyper::Error>() {
        Ok(error) => UpgradeError::Http(*error),
        Err(error) => {
            debug_assert!(error.is::<LengthLimitError>(), "a body fails in two ways only");
            UpgradeError::RefusalBody
        }
    }
}

//! The opening handshake with the upstream. Only a valid 101 switches protocols; any
//! other answer is an ordinary response, of which the head alone is read here.
//!
//! Written and parsed by hand: an HTTP client brings a channel and three buffers to an
//! exchange of one request and one head, and every session pays for them.

use std::time::Duration;

use bytes::Bytes;
use gate_net::Stream;
use http::{HeaderMap, StatusCode, Version};
use tokio::io::AsyncWriteExt;
use ws_proto::handshake::request::ClientHandshake;
use ws_proto::handshake::response::{self, Agreement};

use crate::clock::within;
use crate::upstream::error::UpgradeError;
use crate::upstream::head::{self, Head};
use crate::upstream::trail::Trail;

/// What the upstream answered.
pub(crate) enum Upgraded {
    /// It speaks WebSocket from here on.
    Switched(Box<Switched>),
    /// It does not.
    Refused(Box<Refused>),
}

/// A connection behind its 101.
pub(crate) struct Switched {
    pub(crate) stream: Stream,
    /// Frames that came with the 101.
    pub(crate) early: Bytes,
    pub(crate) headers: HeaderMap,
    pub(crate) agreement: Agreement,
}

/// A connection behind the head of another answer.
pub(crate) struct Refused {
    pub(super) stream: Stream,
    pub(crate) head: Head,
}

/// Sends `request`, which asks for what `asked` says, and reads the head of the answer within `limit`
/// (zero: no limit).
pub(crate) async fn upgrade(
    stream: Stream,
    request: &[u8],
    (asked, trail): (&ClientHandshake, &mut Trail),
    limit: Duration,
) -> Result<Upgraded, UpgradeError> {
    within(limit, exchange(stream, request, asked, trail)).await.unwrap_or(Err(UpgradeError::TimedOut(limit)))
}

async fn exchange(
    mut stream: Stream,
    request: &[u8],
    asked: &ClientHandshake,
    trail: &mut Trail,
) -> Result<Upgraded, UpgradeError> {
    trail.ask();
    stream.write_all(request).await.map_err(UpgradeError::Lost)?;
    stream.flush().await.map_err(UpgradeError::Lost)?;
    let head = head::read(&mut stream).await?;
    trail.answer(head.status, &head.headers);
    if head.status != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Upgraded::Refused(Box::new(Refused { stream, head })));
    }
    if head.version != Version::HTTP_11 {
        return Err(UpgradeError::Version);
    }
    let agreement = response::check(head.status, &head.headers, asked)?;
    let switched = Switched { stream, early: head.behind, headers: head.headers, agreement };
    Ok(Upgraded::Switched(Box::new(switched)))
}

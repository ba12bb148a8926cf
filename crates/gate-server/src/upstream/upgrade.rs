//! The opening handshake with the upstream. Only a valid 101 switches protocols; any
//! other answer is an ordinary response, read whole, and its connection is not used
//! again.
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

use crate::upstream::error::UpgradeError;
use crate::upstream::refusal::{self, Refused};
use crate::upstream::{head, within};

/// What the upstream answered.
pub(crate) enum Answer {
    /// It speaks WebSocket from here on.
    Switched(Box<Switched>),
    /// It does not.
    Refused(Refused),
}

/// A connection behind its 101.
pub(crate) struct Switched {
    pub(crate) stream: Stream,
    /// Frames that came with the 101.
    pub(crate) early: Bytes,
    pub(crate) headers: HeaderMap,
    pub(crate) agreement: Agreement,
}

/// Sends `request` and reads the answer within `limit` (zero: no limit).
pub(crate) async fn upgrade(
    stream: Stream,
    request: &[u8],
    asked: &ClientHandshake,
    limit: Duration,
) -> Result<Answer, UpgradeError> {
    within(limit, exchange(stream, request, asked)).await.unwrap_or(Err(UpgradeError::TimedOut(limit)))
}

async fn exchange(
    mut stream: Stream,
    request: &[u8],
    asked: &ClientHandshake,
) -> Result<Answer, UpgradeError> {
    stream.write_all(request).await.map_err(UpgradeError::Lost)?;
    stream.flush().await.map_err(UpgradeError::Lost)?;
    let head = head::read(&mut stream).await?;
    if head.status != StatusCode::SWITCHING_PROTOCOLS {
        // Boxed: few handshakes come here, and all of them would be the larger for it.
        return Ok(Answer::Refused(Box::pin(refusal::read(stream, head)).await?));
    }
    if head.version != Version::HTTP_11 {
        return Err(UpgradeError::Version);
    }
    let agreement = response::check(head.status, &head.headers, asked)?;
    let switched = Switched { stream, early: head.behind, headers: head.headers, agreement };
    Ok(Answer::Switched(Box::new(switched)))
}

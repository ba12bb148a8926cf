//! Opening a WebSocket on a target of an upstream, and on another one where the first
//! cannot be reached, or is lost before it answers.

use std::sync::Arc;

use http::HeaderValue;
use ws_proto::handshake::request::ClientHandshake;

use crate::upstream::attempts::{Attempts, Retry};
use crate::upstream::cluster::Cluster;
use crate::upstream::dial::{Dialled, dial};
pub(crate) use crate::upstream::error::OpenError;
use crate::upstream::lease::Lease;
use crate::upstream::upgrade::{Answer, upgrade};
use crate::upstream::wish::Wish;

/// An opening handshake that was answered.
pub(crate) struct Opened {
    pub(crate) answer: Answer,
    /// To be kept for as long as the session lives.
    pub(crate) lease: Lease,
    /// Where the target was reached.
    pub(crate) address: Arc<str>,
    /// The cookie that binds the client to the target, where it is to get one.
    pub(crate) set_cookie: Option<HeaderValue>,
}

/// Sends `request`, a whole opening handshake that asks for what `asked` says, and reads
/// the answer.
///
/// # Errors
/// No target gave a valid answer. The error is the one of the last target that was tried.
pub(crate) async fn open(
    cluster: &Arc<Cluster>,
    wish: Wish,
    request: &[u8],
    asked: &ClientHandshake,
) -> Result<Opened, OpenError> {
    let mut attempts = Attempts::new(cluster, wish);
    let no_target = || OpenError::NoTarget(Arc::clone(&cluster.upstream().id));
    let mut lease = attempts.first().ok_or_else(no_target)?;
    loop {
        let (error, retry) = match attempt(cluster, &lease, request, asked).await {
            Ok((answer, address)) => {
                lease.succeeded();
                let set_cookie = wish.set_cookie(cluster.upstream(), lease.target());
                return Ok(Opened { answer, lease, address, set_cookie });
            }
            Err(fault) => fault,
        };
        lease = attempts.next(&lease, retry).ok_or(error)?;
    }
}

/// The error, and whether another attempt may do better.
type Fault = (OpenError, Retry);

async fn attempt(
    cluster: &Arc<Cluster>,
    lease: &Lease,
    request: &[u8],
    asked: &ClientHandshake,
) -> Result<(Answer, Arc<str>), Fault> {
    let timeouts = &cluster.upstream().timeouts;
    let Dialled { stream, address } =
        dial(cluster, lease.target(), timeouts.connect).await.map_err(|error| {
            lease.failed(error.failure());
            (error.into(), Retry::Elsewhere)
        })?;
    match upgrade(stream, request, asked, timeouts.handshake).await {
        Ok(answer) => Ok((answer, address)),
        Err(source) => {
            lease.failed(source.failure());
            let retry = if source.is_unanswered() { Retry::Elsewhere } else { Retry::Never };
            Err((OpenError::Upgrade { target: Arc::clone(lease.text()), source }, retry))
        }
    }
}

#[cfg(test)]
mod tests;

//! Opening a WebSocket on a target of an upstream, and on another one where the first
//! cannot be reached, or is lost before it answers.

use std::sync::Arc;

use http::{HeaderValue, Response};
use hyper::body::Incoming;
use ws_proto::handshake::request::ClientHandshake;

use crate::upstream::attempts::{Attempts, Retry};
use crate::upstream::cluster::Cluster;
use crate::upstream::dial::{Dialled, dial_told};
use crate::upstream::download::{Download, Held, Of};
pub(crate) use crate::upstream::error::OpenError;
use crate::upstream::error::UpgradeError;
use crate::upstream::lease::Lease;
use crate::upstream::line::Line;
use crate::upstream::refusal;
use crate::upstream::trail::Trail;
use crate::upstream::upgrade::{Switched, Upgraded, upgrade};
use crate::upstream::wish::Wish;

/// An opening handshake that was answered.
pub(crate) struct Opened {
    pub(crate) answer: Answer,
    /// Where the target was reached.
    pub(crate) address: Arc<str>,
    /// The cookie that binds the client to the target, where it is to get one.
    pub(crate) set_cookie: Option<HeaderValue>,
    /// How it was reached.
    pub(crate) trail: Trail,
}

/// Who is told of each attempt that fails, as it does.
pub(crate) type Witness<'a> = dyn Fn(&Trail, &OpenError) + 'a;

/// What the target answered.
pub(crate) enum Answer {
    /// It speaks WebSocket from here on. The lease is to be kept for as long as the session lives.
    Switched(Box<Switched>, Lease),
    /// It does not; this is what it says instead, on a connection that is not used again.
    Refused(Box<Response<Download>>),
}

/// Sends `request`, a whole opening handshake that asks for what `asked` says, and reads
/// the answer, a refusal's body excepted. `witness` is told of targets that gave none.
///
/// # Errors
/// No target gave a valid answer. The error is the one of the last target that was tried.
pub(crate) async fn open(
    cluster: &Arc<Cluster>,
    wish: Wish,
    request: &[u8],
    asked: &ClientHandshake,
    witness: Option<&Witness<'_>>,
) -> Result<Opened, OpenError> {
    let mut trail = if witness.is_some() { Trail::told() } else { Trail::untold() };
    let tell = |trail: &Trail, error: &OpenError| {
        if let Some(witness) = witness {
            witness(trail, error);
        }
    };
    let mut attempts = Attempts::new(cluster, wish);
    let Some(mut lease) = attempts.first() else {
        let error = OpenError::NoTarget(Arc::clone(&cluster.upstream().id));
        tell(&trail, &error);
        return Err(error);
    };
    loop {
        let (error, retry) = match attempt(&lease, request, asked, &mut trail).await {
            Ok((begun, address)) => {
                lease.succeeded();
                let set_cookie = wish.set_cookie(cluster.upstream(), lease.target());
                let answer = begun.held_by(lease);
                return Ok(Opened { answer, address, set_cookie, trail });
            }
            Err(fault) => fault,
        };
        tell(&trail, &error);
        lease = attempts.next(&lease, retry).ok_or(error)?;
    }
}

/// An answer of which no lease has been taken yet.
enum Begun {
    Switched(Box<Switched>),
    Refused(Box<Response<Incoming>>, Line),
}

impl Begun {
    fn held_by(self, lease: Lease) -> Answer {
        match self {
            Self::Switched(switched) => Answer::Switched(switched, lease),
            Self::Refused(response, line) => {
                let held = Held { line, lease, of: Of::Handshake };
                Answer::Refused(Box::new(response.map(|body| Download::new(body, held))))
            }
        }
    }
}

/// The error, and whether another attempt may do better.
type Fault = (OpenError, Retry);

async fn attempt(
    lease: &Lease,
    request: &[u8],
    asked: &ClientHandshake,
    trail: &mut Trail,
) -> Result<(Begun, Arc<str>), Fault> {
    let cluster = lease.cluster();
    let timeouts = &cluster.upstream().timeouts;
    let dialled = dial_told(cluster, lease.target(), timeouts.connect, trail).await;
    let Dialled { stream, address } = dialled.map_err(|error| {
        lease.failed(error.failure());
        (error.into(), Retry::Elsewhere)
    })?;
    let begun = match upgrade(stream, request, (asked, trail), timeouts.handshake).await {
        Ok(Upgraded::Switched(switched)) => Ok(Begun::Switched(switched)),
        // Boxed: few handshakes come here, and all of them would be the larger for it.
        Ok(Upgraded::Refused(refused)) => {
            match Box::pin(refusal::response(*refused, Arc::clone(&address))).await {
                Ok((response, line)) => Ok(Begun::Refused(Box::new(response), line)),
                Err(error) => Err(UpgradeError::Refusal(error)),
            }
        }
        Err(error) => Err(error),
    };
    match begun {
        Ok(begun) => Ok((begun, address)),
        Err(source) => {
            lease.failed(source.failure());
            let retry = if source.is_unanswered() { Retry::Elsewhere } else { Retry::Never };
            Err((OpenError::Upgrade { target: Arc::clone(lease.text()), source }, retry))
        }
    }
}

#[cfg(test)]
mod tests;

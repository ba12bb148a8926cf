//! The way to the upstream: dialling it, and the opening handshake with it.

pub(crate) mod dial;
pub(crate) mod error;
mod head;
pub(crate) mod refusal;
pub(crate) mod request;
pub(crate) mod upgrade;

use std::time::Duration;

use tokio::time::timeout;

/// What `work` gives within `limit`, which is none when zero.
async fn within<F: Future>(limit: Duration, work: F) -> Option<F::Output> {
    if limit.is_zero() { Some(work.await) } else { timeout(limit, work).await.ok() }
}

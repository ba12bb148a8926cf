//! The only place that reads the clock; and waiting within a limit.

use std::time::{Duration, Instant, SystemTime};

use tokio::time::timeout;

/// The monotonic time, for deadlines and durations.
#[expect(clippy::disallowed_methods, reason = "this is the clock module")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The time of day, for records.
#[expect(clippy::disallowed_methods, reason = "this is the clock module")]
pub(crate) fn wall() -> SystemTime {
    SystemTime::now()
}

/// What `work` gives within `limit`, which is none when zero; `None`: it did not end in time.
pub(crate) async fn within<F: Future>(limit: Duration, work: F) -> Option<F::Output> {
    if limit.is_zero() { Some(work.await) } else { timeout(limit, work).await.ok() }
}

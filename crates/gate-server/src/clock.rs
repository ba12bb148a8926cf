//! The only place that reads the clock.

use std::time::{Instant, SystemTime};

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

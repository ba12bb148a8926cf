//! The time that tests allow. Nothing waits without a limit from here, and a test that
//! needs to know how long something took asks here as well.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take that has no time of its own. Long, because it only passes
/// when a test fails, and the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks at something that will come about.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// An instant by which something is to have happened.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// `limit` from here.
    ///
    /// # Panics
    /// When that is beyond all time.
    #[must_use]
    pub fn after(limit: Duration) -> Self {
        Self(now().checked_add(limit).expect("limits are short"))
    }

    /// [`PATIENCE`] from here.
    #[must_use]
    pub fn patient() -> Self {
        Self::after(PATIENCE)
    }

    /// What is left; `None` when the time is up.
    #[must_use]
    pub fn left(self) -> Option<Duration> {
        self.0.checked_duration_since(now()).filter(|left| !left.is_zero())
    }
}

/// Measures how long things take.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins at zero.
    #[must_use]
    pub fn start() -> Self {
        Self(now())
    }

    /// The time since the start.
    #[must_use]
    pub fn read(self) -> Duration {
        now().saturating_duration_since(self.0)
    }
}

/// Looks again and again until `look` finds something.
///
/// # Panics
/// When it finds nothing within [`PATIENCE`].
#[track_caller]
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Deadline::patient();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(deadline.left().is_some(), "this did not come about: {what}");
        thread::sleep(LOOK_AGAIN);
    }
}

#[expect(clippy::disallowed_methods, reason = "deadlines of tests are in real time")]
fn now() -> Instant {
    Instant::now()
}

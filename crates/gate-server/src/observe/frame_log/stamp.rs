//! Times of day as text, made once a second.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use gate_core::template::Stamp;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// See the module.
#[derive(Debug)]
pub(super) struct Stamps(RefCell<Second>);

/// One second as text.
#[derive(Debug)]
struct Second {
    /// Since 1970; `None`: none yet.
    number: Option<u64>,
    zone: TimeZone,
    local: String,
    iso8601: String,
}

impl Default for Stamps {
    /// In the time zone of the system.
    fn default() -> Self {
        Self::within(TimeZone::system())
    }
}

impl Stamps {
    fn within(zone: TimeZone) -> Self {
        Self(RefCell::new(Second { number: None, zone, local: String::new(), iso8601: String::new() }))
    }

    /// Hands `write` a time as text.
    pub(super) fn with<T>(&self, at: SystemTime, write: impl FnOnce(Stamp<'_>) -> T) -> T {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = since.as_secs();
        let mut second = self.0.borrow_mut();
        if second.number != Some(seconds) {
            second.become_that(seconds);
        }
        let millis = u16::try_from(since.subsec_millis()).unwrap_or_default();
        write(Stamp { local: &second.local, iso8601: &second.iso8601, seconds, millis })
    }
}

impl Second {
    fn become_that(&mut self, seconds: u64) {
        let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        let time = time.unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(self.zone.clone());
        self.number = Some(seconds);
        self.local = time.strftime("%d/%b/%Y:%H:%M:%S %z").to_string();
        self.iso8601 = time.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::tz::Offset;

    use super::*;

    #[test]
    fn times_look_as_in_nginx() {
        let east = TimeZone::fixed(Offset::from_seconds(-(3 * 3600 + 1800)).unwrap());
        for (zone, local, iso8601) in [
            (TimeZone::UTC, "22/Nov/2026:05:00:00 +0000", "2026-11-22T05:00:00+00:00"),
            (east, "22/Nov/2026:01:30:00 -0330", "2026-11-22T01:30:00-03:30"),
        ] {
            let stamps = Stamps::within(zone);
            let at = UNIX_EPOCH + Duration::from_millis(1_795_323_600_042);
            stamps.with(at, |stamp| {
                assert_eq!((stamp.local, stamp.iso8601), (local, iso8601));
                assert_eq!((stamp.seconds, stamp.millis), (1_795_323_600, 42));
            });
            stamps.with(at + Duration::from_secs(1), |stamp| assert_ne!(stamp.local, local));
        }
    }
}

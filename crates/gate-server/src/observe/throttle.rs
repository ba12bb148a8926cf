//! Records of which there could be a flood: one of a kind is written in a second, and says how many of
//! its kind were not since the one before.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Throttle(RefCell<HashMap<&'static str, Seen>>);

#[derive(Debug)]
struct Seen {
    recorded_at: Instant,
    suppressed: u64,
}

impl Throttle {
    /// Whether one of that kind may be recorded; then how many others were not.
    pub(crate) fn admit(&self, kind: &'static str, now: Instant) -> Option<u64> {
        let mut kinds = self.0.borrow_mut();
        if let Some(seen) = kinds.get_mut(kind)
            && now.saturating_duration_since(seen.recorded_at) < PAUSE
        {
            seen.suppressed += 1;
            return None;
        }
        let before = kinds.insert(kind, Seen { recorded_at: now, suppressed: 0 });
        Some(before.map_or(0, |seen| seen.suppressed))
    }
}

const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn one_of_a_kind_is_recorded_in_a_second() {
        let throttle = Throttle::default();
        let began = clock::now();
        let at = |kind, millis| throttle.admit(kind, began + Duration::from_millis(millis));
        let seen = [at("a", 0), at("a", 1), at("b", 2), at("a", 999), at("a", 1000), at("a", 2000)];
        assert_eq!(seen, [Some(0), None, Some(0), None, Some(2), Some(0)]);
    }
}

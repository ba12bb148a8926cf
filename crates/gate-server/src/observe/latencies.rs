//! How long calls to others took, as a histogram of one worker.

use std::time::Duration;

use crate::observe::counters::Counter;

/// The upper bounds of the buckets but the last, which has none, with their names on the page.
pub(crate) const BOUNDS: [(Duration, &str); 14] = [
    (Duration::from_micros(100), "0.0001"),
    (Duration::from_micros(250), "0.00025"),
    (Duration::from_micros(500), "0.0005"),
    (Duration::from_millis(1), "0.001"),
    (Duration::from_micros(2500), "0.0025"),
    (Duration::from_millis(5), "0.005"),
    (Duration::from_millis(10), "0.01"),
    (Duration::from_millis(25), "0.025"),
    (Duration::from_millis(50), "0.05"),
    (Duration::from_millis(100), "0.1"),
    (Duration::from_millis(250), "0.25"),
    (Duration::from_millis(500), "0.5"),
    (Duration::from_secs(1), "1.0"),
    (Duration::from_secs(5), "5.0"),
];

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    /// By bucket; each call is in one.
    counts: [Counter; BOUNDS.len() + 1],
    nanoseconds: Counter,
}

/// The histograms of several workers, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LatencySums {
    /// Calls that took no longer than each of [`BOUNDS`], and then all.
    pub(crate) cumulative: [u64; BOUNDS.len() + 1],
    /// Of all calls together.
    pub(crate) total: Duration,
}

impl Latencies {
    pub(crate) fn record(&self, took: Duration) {
        let bucket = BOUNDS.iter().take_while(|(bound, _)| *bound < took).count();
        if let Some(count) = self.counts.get(bucket) {
            count.add(1);
        }
        self.nanoseconds.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn add_to(&self, sums: &mut LatencySums) {
        let mut below = 0;
        for (sum, count) in sums.cumulative.iter_mut().zip(&self.counts) {
            below += count.get();
            *sum += below;
        }
        sums.total += Duration::from_nanos(self.nanoseconds.get());
    }
}

impl LatencySums {
    /// All calls.
    pub(crate) fn count(&self) -> u64 {
        self.cumulative.last().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_rise_and_are_called_what_they_are() {
        assert!(BOUNDS.is_sorted_by(|(one, _), (next, _)| one < next));
        for (bound, name) in BOUNDS {
            assert_eq!(name.parse::<f64>().unwrap(), bound.as_secs_f64());
        }
    }

    #[test]
    fn a_call_is_in_every_bucket_from_its_own_on() {
        let latencies = Latencies::default();
        for took in [0, 100, 101, 6_000_000].map(Duration::from_micros) {
            latencies.record(took);
        }
        let mut sums = LatencySums::default();
        latencies.add_to(&mut sums);
        assert_eq!(sums.cumulative[..3], [2, 3, 3]);
        assert_eq!((sums.cumulative[13], sums.count()), (3, 4));
    }
}

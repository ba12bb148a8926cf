//! How long sessions lived, as a histogram of one worker: a count for each bound, so that a
//! quantile can be told without keeping the lives themselves.

use std::time::Duration;

use crate::observe::counters::Counter;

/// The upper bounds of the buckets but the last, which has none, with their names on the page: as
/// Prometheus itself writes numbers of that kind.
pub(crate) const BOUNDS: [(Duration, &str); 15] = [
    (Duration::from_millis(100), "0.1"),
    (Duration::from_millis(500), "0.5"),
    (Duration::from_secs(1), "1.0"),
    (Duration::from_secs(5), "5.0"),
    (Duration::from_secs(15), "15.0"),
    (Duration::from_secs(60), "60.0"),
    (Duration::from_secs(3 * 60), "180.0"),
    (Duration::from_secs(10 * 60), "600.0"),
    (Duration::from_secs(30 * 60), "1800.0"),
    (Duration::from_secs(3600), "3600.0"),
    (Duration::from_secs(2 * 3600), "7200.0"),
    (Duration::from_secs(6 * 3600), "21600.0"),
    (Duration::from_secs(12 * 3600), "43200.0"),
    (Duration::from_secs(24 * 3600), "86400.0"),
    (Duration::from_secs(7 * 24 * 3600), "604800.0"),
];

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Lifetimes {
    /// By bucket; each life is in one.
    counts: [Counter; BOUNDS.len() + 1],
    nanoseconds: Counter,
}

/// The histograms of several workers, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LifetimeSums {
    /// Lives not longer than each of [`BOUNDS`], and then all: a life is in every bucket from its
    /// own on.
    pub(crate) cumulative: [u64; BOUNDS.len() + 1],
    /// Of all lives together.
    pub(crate) total: Duration,
}

impl Lifetimes {
    pub(crate) fn record(&self, lived: Duration) {
        let bucket = BOUNDS.iter().take_while(|(bound, _)| *bound < lived).count();
        if let Some(count) = self.counts.get(bucket) {
            count.add(1);
        }
        self.nanoseconds.add(u64::try_from(lived.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn add_to(&self, sums: &mut LifetimeSums) {
        let mut below = 0;
        for (sum, count) in sums.cumulative.iter_mut().zip(&self.counts) {
            below += count.get();
            *sum += below;
        }
        sums.total += Duration::from_nanos(self.nanoseconds.get());
    }
}

impl LifetimeSums {
    /// All lives.
    pub(crate) fn count(&self) -> u64 {
        self.cumulative.last().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_in_the_first_bucket_whose_bound_it_does_not_pass_and_in_all_behind() {
        let lifetimes = Lifetimes::default();
        let lives = [0, 100, 101, 1_000, 1_001, 700_000_000].map(Duration::from_millis);
        for lived in lives {
            lifetimes.record(lived);
        }
        let mut sums = LifetimeSums::default();
        lifetimes.add_to(&mut sums);
        assert_eq!(sums.cumulative[..4], [2, 3, 4, 5]);
        assert_eq!(sums.cumulative[4..15], [5; 11], "700,000 s are more than a week");
        assert_eq!((sums.cumulative[15], sums.count()), (6, 6));
        assert_eq!(sums.total, lives.iter().sum());
        lifetimes.add_to(&mut sums);
        assert_eq!(sums.count(), 12, "workers add up");
    }

    #[test]
    fn bounds_rise_and_are_called_what_they_are() {
        assert!(BOUNDS.is_sorted_by(|(one, _), (next, _)| one < next));
        for (bound, name) in BOUNDS {
            assert_eq!(name.parse::<f64>().unwrap(), bound.as_secs_f64());
        }
    }
}

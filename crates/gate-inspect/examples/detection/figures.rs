//! Shares with their intervals, and thresholds.

use std::fmt;

/// So many of so many.
#[derive(Clone, Copy, Default)]
pub(crate) struct Share {
    pub(crate) hits: u32,
    pub(crate) of: u32,
}

impl Share {
    pub(crate) fn count(&mut self, hit: bool) {
        self.of += 1;
        self.hits += u32::from(hit);
    }

    pub(crate) fn percent(self) -> f64 {
        100.0 * f64::from(self.hits) / f64::from(self.of.max(1))
    }

    /// The bounds between which the true share lies with a probability of 95 % (Wilson), in percent.
    fn interval(self) -> (f64, f64) {
        const Z: f64 = 1.959_964;
        let (n, p) = (f64::from(self.of.max(1)), self.percent() / 100.0);
        let middle = p + Z * Z / (2.0 * n);
        let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let bound = |edge: f64| 100.0 * (edge / (1.0 + Z * Z / n)).clamp(0.0, 1.0);
        (bound(middle - spread), bound(middle + spread))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.of == 0 {
            return f.pad("-");
        }
        let (low, high) = self.interval();
        let Self { hits, of } = self;
        f.pad(&format!("{:.2} % [{low:.2}, {high:.2}] {hits}/{of}", self.percent()))
    }
}

/// The lowest threshold at which at most `percent` of these scores reach it.
pub(crate) fn threshold(scores: &[u16], percent: f64) -> u16 {
    let share = |threshold: u16| {
        let mut share = Share::default();
        scores.iter().for_each(|score| share.count(*score >= threshold));
        share.percent()
    };
    (1..u16::MAX).find(|threshold| share(*threshold) <= percent).unwrap_or(u16::MAX)
}

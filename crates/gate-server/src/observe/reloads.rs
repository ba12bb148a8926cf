//! What became of reloads.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use gate_config::model::Fingerprint;

use crate::clock;
use crate::observe::page::Page;

/// See the module.
#[derive(Debug)]
pub(crate) struct Reloads {
    changed: AtomicU64,
    same: AtomicU64,
    failed: AtomicU64,
    runs: Mutex<Runs>,
}

/// The configuration that runs.
#[derive(Clone, Copy, Debug)]
struct Runs {
    content: Fingerprint,
    since: SystemTime,
    /// Whether the last reload succeeded.
    is_latest: bool,
}

/// What a reload came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Another configuration runs.
    Changed(Fingerprint),
    /// It says what the one that runs says.
    Same,
    /// The one that runs goes on.
    Failed,
}

impl Reloads {
    /// There were none yet.
    pub(crate) fn new(content: Fingerprint) -> Self {
        let runs = Runs { content, since: clock::wall(), is_latest: true };
        Self {
            changed: AtomicU64::new(0),
            same: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            runs: Mutex::new(runs),
        }
    }

    pub(crate) fn count(&self, outcome: Outcome) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.is_latest = outcome != Outcome::Failed;
        match outcome {
            Outcome::Changed(content) => {
                self.changed.fetch_add(1, Ordering::Relaxed);
                *runs = Runs { content, since: clock::wall(), is_latest: true };
            }
            Outcome::Same => {
                self.same.fetch_add(1, Ordering::Relaxed);
                runs.since = clock::wall();
            }
            Outcome::Failed => {
                self.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn write(&self, page: &mut Page) {
        let runs = *self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        page.family("framegate_config_reloads_total", "counter", "Reloads of the configuration, by result.");
        for (result, count) in [("changed", &self.changed), ("same", &self.same), ("failed", &self.failed)] {
            page.sample(&[("result", result)], count.load(Ordering::Relaxed));
        }
        page.family(
            "framegate_config_last_reload_successful",
            "gauge",
            "Whether the last reload succeeded; 1 where there was none.",
        );
        page.sample(&[], u8::from(runs.is_latest));
        page.family(
            "framegate_config_last_reload_success_timestamp_seconds",
            "gauge",
            "When the configuration was last read with success, the start included.",
        );
        let since = runs.since.duration_since(UNIX_EPOCH).unwrap_or_default();
        page.sample(&[], since.as_secs_f64());
        page.family(
            "framegate_config_info",
            "gauge",
            "Always 1; the hash is of what the configuration and the files that it names say.",
        );
        page.sample(&[("hash", &runs.content.to_string())], 1);
    }
}

#[cfg(test)]
mod tests {
    use gate_config::model::fingerprint;

    use super::*;

    fn page(reloads: &Reloads) -> String {
        let mut page = Page::default();
        reloads.write(&mut page);
        page.text
    }

    #[test]
    fn a_failed_reload_is_told_until_one_succeeds() {
        let (first, second) = (fingerprint(&1, []), fingerprint(&2, []));
        let reloads = Reloads::new(first);
        let checks = [
            (None, "framegate_config_last_reload_successful 1"),
            (Some(Outcome::Failed), "framegate_config_last_reload_successful 0"),
            (Some(Outcome::Same), "framegate_config_last_reload_successful 1"),
            (Some(Outcome::Changed(second)), "framegate_config_reloads_total{result=\"changed\"} 1"),
        ];
        for (outcome, expected) in checks {
            let hash = if matches!(outcome, Some(Outcome::Changed(_))) { second } else { first };
            if let Some(outcome) = outcome {
                reloads.count(outcome);
            }
            let page = page(&reloads);
            assert!(page.contains(&format!("{expected}\n")), "{outcome:?}: {page}");
            assert!(
                page.contains(&format!("framegate_config_info{{hash=\"{hash}\"}} 1\n")),
                "{outcome:?}: {page}"
            );
        }
    }
}

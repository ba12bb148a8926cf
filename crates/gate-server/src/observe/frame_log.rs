//! Frame logs: lines of what passes in sessions. A session writes to the buffers of its worker,
//! which take no lock; whole buffers go to the writers of their targets.

mod buffer;
mod session;
mod stamp;

use std::sync::Arc;

use gate_config::model::{Config, FrameLog as Settings, Objection};

pub(crate) use buffer::Buffers;
pub(crate) use session::SessionLog;

use crate::observe::sink::{Sink, Sinks, Stats};

/// A log that is open. It is closed when no configuration names it and the last session that
/// writes to it is gone.
#[derive(Debug)]
pub(crate) struct FrameLog {
    settings: Settings,
    /// `None`: it goes nowhere.
    sink: Option<Arc<Sink>>,
    stats: Arc<Stats>,
}

/// Opens all logs of a configuration, by their [`gate_core::ids::FrameLogId`].
///
/// # Errors
/// What there is against their targets.
pub(crate) fn open(config: &Config, sinks: &Sinks) -> Result<Vec<Arc<FrameLog>>, Vec<Objection>> {
    let mut logs = Vec::new();
    let mut objections = Vec::new();
    for settings in &config.frame_logs {
        let name = name(settings);
        match sinks.open(&name, &settings.target, settings.rotation) {
            Ok(sink) => {
                let stats = sinks.stats(&name);
                logs.push(Arc::new(FrameLog { settings: settings.clone(), sink, stats }));
            }
            Err(objection) => objections.push(objection),
        }
    }
    if objections.is_empty() { Ok(logs) } else { Err(objections) }
}

/// What there is against the targets, without opening or making any.
pub(crate) fn check(config: &Config) -> Vec<Objection> {
    let logs = config.frame_logs.iter();
    logs.filter_map(|settings| Sinks::check(&name(settings), &settings.target)).collect()
}

/// What has become of the lines of all frame logs there have been, by name.
pub(crate) fn stats(sinks: &Sinks) -> Vec<(Arc<str>, Arc<Stats>)> {
    sinks.all_stats(PREFIX)
}

/// A frame log's name among those of all logs.
fn name(settings: &Settings) -> String {
    format!("{PREFIX}{}", settings.id)
}

const PREFIX: &str = "frame-log ";

#[cfg(test)]
mod tests;

//! The access log and the error log: who writes records reaches them here. A full queue drops
//! the record and counts it; a worker never waits for a disk.

use std::sync::Arc;

use arc_swap::ArcSwap;
use gate_config::model::{At, Level, LogFormat, LogTarget, Logging, Objection, Rotation};

use crate::clock;
use crate::observe::line::Line;
use crate::observe::sink::{ErrorLog, Lines, Sink, Sinks, Stats};

/// The way to the two logs, for all threads that write records. All clones are one.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    outlets: Arc<ArcSwap<Outlets>>,
    sinks: Arc<Sinks>,
}

/// The two logs of one configuration.
#[derive(Debug)]
pub(crate) struct Outlets {
    access: Outlet,
    error: Outlet,
    level: Level,
    format: LogFormat,
}

#[derive(Debug)]
struct Outlet {
    /// `None`: the log is off.
    sink: Option<Arc<Sink>>,
    stats: Arc<Stats>,
}

/// Records that did not come to their log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lost([(&'static str, u64); 2]);

impl Lost {
    /// By reason, all reasons there are.
    pub(crate) fn by_reason(self) -> [(&'static str, u64); 2] {
        self.0
    }
}

impl Records {
    /// Opens the targets and starts their threads.
    ///
    /// # Errors
    /// When a file cannot be opened, or no thread started.
    #[cfg(test)]
    pub(crate) fn open(logging: &Logging) -> Result<Self, Objection> {
        let sinks = Arc::new(Sinks::default());
        let outlets = Outlets::open(logging, &sinks)?;
        Ok(Self::new(sinks, outlets))
    }

    /// The way to logs that are open.
    pub(crate) fn new(sinks: Arc<Sinks>, outlets: Outlets) -> Self {
        sinks.complain_to(outlets.error_log());
        Self { outlets: Arc::new(ArcSwap::from_pointee(outlets)), sinks }
    }

    /// From this moment on records go to the logs of another configuration. What was open
    /// before and is in neither is closed.
    pub(crate) fn install(&self, outlets: Outlets) {
        self.sinks.complain_to(outlets.error_log());
        self.outlets.store(Arc::new(outlets));
    }

    /// What there is against the targets, without opening or making any.
    pub(crate) fn check(logging: &Logging) -> Vec<Objection> {
        // Of a file that both go to it is told once.
        let access = logging.access.iter().filter(|target| **target != logging.error);
        let access = access.map(|target| (ACCESS, target));
        let targets = access.chain([(ERROR, &logging.error)]);
        targets.filter_map(|(log, target)| Sinks::check(log, target)).collect()
    }

    /// Where the lines of all logs go, these and others.
    pub(crate) fn sinks(&self) -> &Arc<Sinks> {
        &self.sinks
    }

    /// Writes the record of `event` to the access log; `fill` adds its fields.
    pub(crate) fn access(&self, event: &'static str, fill: impl FnOnce(&mut Line)) {
        let outlets = self.outlets.load();
        if outlets.access.sink.is_none() {
            return;
        }
        let mut line = Line::new(outlets.format, clock::wall(), event);
        fill(&mut line);
        outlets.access.send(line);
    }

    /// Writes the record of `event` to the access log, or to the error log where that is off: it is
    /// to be found wherever anything is.
    pub(crate) fn audit(&self, event: &'static str, fill: impl FnOnce(&mut Line)) {
        if self.outlets.load().access.sink.is_some() {
            self.access(event, fill);
        } else {
            self.error(event, Level::Warn, fill);
        }
    }

    /// Writes the record of `event` to the error log, unless it tells more than is asked for.
    pub(crate) fn error(&self, event: &'static str, level: Level, fill: impl FnOnce(&mut Line)) {
        let outlets = self.outlets.load();
        if outlets.error.sink.is_none() || level > outlets.level {
            return;
        }
        let mut line = Line::new(outlets.format, clock::wall(), event);
        line.plain("level", level.name());
        fill(&mut line);
        outlets.error.send(line);
    }

    /// Records of both logs that did not come to them.
    pub(crate) fn lost(&self) -> Lost {
        let [mut lost, of_error] = [ACCESS, ERROR].map(|log| self.sinks.stats(log).lost());
        for ((_, sum), (_, more)) in lost.iter_mut().zip(of_error) {
            *sum += more;
        }
        Lost(lost)
    }
}

impl Outlets {
    /// Opens the targets and starts their threads; those that are open already stay as they are.
    ///
    /// # Errors
    /// When a file cannot be opened, or no thread started.
    pub(crate) fn open(logging: &Logging, sinks: &Sinks) -> Result<Self, Objection> {
        let off = At::nowhere(LogTarget::Off);
        let access = logging.access.as_ref().unwrap_or(&off);
        Ok(Self {
            access: Outlet::open(ACCESS, access, logging.access_rotation, sinks)?,
            error: Outlet::open(ERROR, &logging.error, logging.error_rotation, sinks)?,
            level: logging.level,
            format: logging.format,
        })
    }

    fn error_log(&self) -> Option<ErrorLog> {
        let sink = Arc::downgrade(self.error.sink.as_ref()?);
        Some(ErrorLog { sink, stats: Arc::clone(&self.error.stats), format: self.format })
    }
}

impl Outlet {
    fn open(
        log: &str,
        target: &At<LogTarget>,
        rotation: Option<Rotation>,
        sinks: &Sinks,
    ) -> Result<Self, Objection> {
        Ok(Self { sink: sinks.open(log, target, rotation)?, stats: sinks.stats(log) })
    }

    fn send(&self, line: Line) {
        let Some(sink) = &self.sink else { return };
        let bytes = line.finish().into_bytes();
        self.stats.count_made(1, bytes.len());
        if sink.offer(Lines { bytes, stats: Arc::clone(&self.stats) }).is_err() {
            self.stats.count_queue_full(1);
        }
    }
}

const ACCESS: &str = "access-log";
const ERROR: &str = "error-log";

#[cfg(test)]
mod tests;

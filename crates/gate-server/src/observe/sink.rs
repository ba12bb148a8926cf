//! Where the lines of all logs go: for each target one thread that writes what waits in a
//! bounded queue, in batches, so that no line is torn and all are in order. Logs with the same
//! target share its thread. A target is closed when the last who may write to it is gone.

mod complaint;
mod file;
mod output;
mod queue;
mod syslog;
mod thread;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use gate_config::model::{At, LogTarget, Objection, Rotation};

use complaint::Complaints;
pub(crate) use complaint::ErrorLog;
use output::{Output, Settings};
pub(crate) use queue::Lines;
use queue::{Job, Queue};

/// The way to one target. Its thread writes what waits and ends once this is gone.
#[derive(Debug)]
pub(crate) struct Sink {
    queue: Arc<Queue>,
}

impl Sink {
    /// Hands lines over; gives them back where there is no room.
    pub(crate) fn offer(&self, lines: Lines) -> Result<(), Lines> {
        self.queue.push(lines)
    }

    /// Hands lines over, waits for room where there is none; gives them back where there will
    /// never be any.
    pub(crate) fn hand_over(&self, lines: Lines) -> Result<(), Lines> {
        self.queue.push_waiting(lines, PATIENCE)
    }

    /// An empty buffer, which may have been used before.
    pub(crate) fn buffer(&self) -> Vec<u8> {
        self.queue.take_spare()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// What has become of the lines of one log.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    lines: AtomicU64,
    bytes: AtomicU64,
    queue_full: AtomicU64,
    not_written: AtomicU64,
}

impl Stats {
    pub(crate) fn count_made(&self, lines: u64, bytes: usize) {
        self.lines.fetch_add(lines, Ordering::Relaxed);
        self.bytes.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn count_queue_full(&self, lines: u64) {
        self.queue_full.fetch_add(lines, Ordering::Relaxed);
    }

    pub(crate) fn count_not_written(&self, lines: u64) {
        self.not_written.fetch_add(lines, Ordering::Relaxed);
    }

    /// Lines that were made, those included that are lost.
    pub(crate) fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    /// Bytes of those lines.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Lines that did not come to their target, by reason, all reasons there are.
    pub(crate) fn lost(&self) -> [(&'static str, u64); 2] {
        [
            ("queue_full", self.queue_full.load(Ordering::Relaxed)),
            ("not_written", self.not_written.load(Ordering::Relaxed)),
        ]
    }
}

/// All targets that are open.
#[derive(Debug, Default)]
pub(crate) struct Sinks {
    open: Mutex<Open>,
    complaints: Arc<Complaints>,
}

#[derive(Debug)]
struct Open {
    targets: Vec<OpenTarget>,
    /// Each thread has a copy of the first for as long as it runs; nobody sends anything.
    writers: (SyncSender<Infallible>, Receiver<Infallible>),
    /// By the name of the log; kept when a log is gone, for it may come back.
    stats: BTreeMap<Arc<str>, Arc<Stats>>,
}

#[derive(Debug)]
struct OpenTarget {
    target: LogTarget,
    rotation: Option<Rotation>,
    sink: Weak<Sink>,
}

impl Sinks {
    /// The way to the target of a log, which is opened unless it is open; `None`: the log is off.
    /// If it was open, it is rotated from now on as is said here.
    ///
    /// # Errors
    /// When it cannot be opened, or no thread started.
    pub(crate) fn open(
        &self,
        log: &str,
        target: &At<LogTarget>,
        rotation: Option<Rotation>,
    ) -> Result<Option<Arc<Sink>>, Objection> {
        let mut open = self.lock();
        open.forget_closed();
        if target.value == LogTarget::Off {
            return Ok(None);
        }
        if let Some((known, sink)) = open.find(|known| known.target == target.value) {
            known.rotate(rotation, &sink);
            return Ok(Some(sink));
        }
        let output = Output::open(&target.value, rotation).map_err(|error| objection(log, target, &error))?;
        // A file may have several names.
        if let Some((known, sink)) = open.find(|known| output.is_file_of(&known.target)) {
            known.rotate(rotation, &sink);
            return Ok(Some(sink));
        }
        let queue = Arc::new(Queue::default());
        let voice = complaint::Voice::new(&target.value, &queue, &self.complaints);
        let running = open.writers.0.clone();
        thread::start(log, Arc::clone(&queue), output, (voice, running)).map_err(|error| Objection {
            place: target.place,
            message: format!("no thread can be started for the {log}: {error}"),
            help: "allow the process more threads".to_owned(),
        })?;
        let sink = Arc::new(Sink { queue });
        let known = OpenTarget { target: target.value.clone(), rotation, sink: Arc::downgrade(&sink) };
        open.targets.push(known);
        Ok(Some(sink))
    }

    /// What there is against a target, without opening or making any.
    pub(crate) fn check(log: &str, target: &At<LogTarget>) -> Option<Objection> {
        Output::check(&target.value).err().map(|error| objection(log, target, &error))
    }

    /// Opens all files anew, as they have been moved away. What was handed over before goes to
    /// the old ones.
    pub(crate) fn reopen(&self) {
        for known in &self.lock().targets {
            if let Some(sink) = known.sink.upgrade() {
                sink.queue.order(Job::Reopen);
            }
        }
    }

    /// What has become of the lines of a log, since the process began.
    pub(crate) fn stats(&self, log: &str) -> Arc<Stats> {
        Arc::clone(self.lock().stats.entry(log.into()).or_default())
    }

    /// The same of all logs whose names begin so, without that.
    pub(crate) fn all_stats(&self, prefix: &str) -> Vec<(Arc<str>, Arc<Stats>)> {
        let open = self.lock();
        let named = open.stats.iter().filter_map(|(name, stats)| Some((name.strip_prefix(prefix)?, stats)));
        named.map(|(name, stats)| (name.into(), Arc::clone(stats))).collect()
    }

    /// Where it is told from now on that a target cannot be written to.
    pub(crate) fn complain_to(&self, log: Option<ErrorLog>) {
        self.complaints.set(log);
    }

    /// The process is about to end: whoever waits for room waits no longer than a while for a
    /// target that takes nothing.
    pub(crate) fn end_soon(&self) {
        for sink in self.lock().targets.iter().filter_map(|known| known.sink.upgrade()) {
            sink.queue.end_soon();
        }
    }

    /// Closes all targets and returns when all that was handed over is written, or after a
    /// while: a target that takes nothing must not keep the process from ending. Lines that come
    /// later are lost.
    pub(crate) fn finish(&self) {
        self.finish_within(LAST_WRITES);
    }

    fn finish_within(&self, limit: Duration) {
        let all_ended = {
            let mut open = self.lock();
            for sink in open.targets.iter().filter_map(|known| known.sink.upgrade()) {
                sink.queue.close();
            }
            std::mem::replace(&mut open.writers, sync_channel(1)).1
        };
        // The last of them to drop its end ends this.
        let _ended_or_stuck = all_ended.recv_timeout(limit);
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Open {
    fn default() -> Self {
        Self { targets: Vec::new(), writers: sync_channel(1), stats: BTreeMap::new() }
    }
}

impl Open {
    fn forget_closed(&mut self) {
        self.targets.retain(|known| known.sink.strong_count() > 0);
    }

    /// The first open target that fits, which stays open meanwhile.
    fn find(&mut self, fits: impl Fn(&OpenTarget) -> bool) -> Option<(&mut OpenTarget, Arc<Sink>)> {
        let mut known = self.targets.iter_mut().filter(|known| fits(known));
        known.find_map(|known| known.sink.upgrade().map(|sink| (known, sink)))
    }
}

impl OpenTarget {
    fn rotate(&mut self, rotation: Option<Rotation>, sink: &Sink) {
        if self.rotation != rotation {
            self.rotation = rotation;
            sink.queue.order(Job::Set(Settings { rotation }));
        }
    }
}

fn objection(log: &str, target: &At<LogTarget>, error: &io::Error) -> Objection {
    let remedies = [
        (io::ErrorKind::NotFound, "the file's directory must exist"),
        (io::ErrorKind::NotADirectory, "the file's directory must exist"),
        (io::ErrorKind::IsADirectory, "name a file, not a directory"),
        (io::ErrorKind::PermissionDenied, "the user that the gateway runs as must be able to write there"),
    ];
    let remedy = remedies.iter().find(|(kind, _)| *kind == error.kind());
    let help = match (&target.value, remedy) {
        (LogTarget::Syslog(_), _) => "syslog must run and listen there",
        (LogTarget::File(_) | LogTarget::Stderr | LogTarget::Stdout | LogTarget::Off, Some((_, help))) => {
            help
        }
        (LogTarget::File(_) | LogTarget::Stderr | LogTarget::Stdout | LogTarget::Off, None) => {
            "name a file that can be written, or one of `stderr`, `stdout` and `off`"
        }
    };
    Objection {
        place: target.place,
        message: format!("the {log} cannot be written to {}: {error}", output::name(&target.value)),
        help: help.to_owned(),
    }
}

/// How long a target may take nothing before those who wait for it at the end give up.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long all targets have to take what is left at the end.
const LAST_WRITES: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;

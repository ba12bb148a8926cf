//! Where records go: the access log and the error log, one thread per target, fed through a
//! bounded queue. A full queue drops the record and counts it; a worker never waits for a
//! disk.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use gate_config::model::{At, Level, LogFormat, LogTarget, Logging, Objection};

use crate::clock;
use crate::observe::line::Line;

/// Lines that may wait to be written. The channel ends when the last [`Records`] goes.
const QUEUE: usize = 16 * 1024;
/// Bytes that are written at a time, but for the last line of them.
const BATCH: usize = 64 * 1024;

/// The way to the logs, one for each thread that writes records.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    /// `None`: the log is off.
    access: Option<SyncSender<String>>,
    /// The same.
    error: Option<SyncSender<String>>,
    level: Level,
    format: LogFormat,
    lost: Arc<Lost>,
}

/// Records that did not come to their log.
#[derive(Debug, Default)]
pub(crate) struct Lost {
    queue_full: AtomicU64,
    not_written: AtomicU64,
}

impl Lost {
    /// By reason, all reasons there are.
    pub(crate) fn by_reason(&self) -> [(&'static str, u64); 2] {
        [
            ("queue_full", self.queue_full.load(Ordering::Relaxed)),
            ("not_written", self.not_written.load(Ordering::Relaxed)),
        ]
    }
}

impl Records {
    /// Opens the targets and starts their threads, which end with the last clone.
    ///
    /// # Errors
    /// When a file cannot be opened, or no thread started.
    pub(crate) fn open(logging: &Logging) -> Result<(Self, Vec<JoinHandle<()>>), Objection> {
        let mut writers = Writers::default();
        let access = match &logging.access {
            Some(target) => writers.queue_to("access-log", target)?,
            None => None,
        };
        let error = writers.queue_to("error-log", &logging.error)?;
        let Writers { lost, threads, .. } = writers;
        Ok((Self { access, error, level: logging.level, format: logging.format, lost }, threads))
    }

    /// What there is against the targets, without opening or making any.
    pub(crate) fn check(logging: &Logging) -> Vec<Objection> {
        let access = logging.access.iter().map(|target| ("access-log", target));
        let targets = access.chain([("error-log", &logging.error)]);
        let objections = targets.filter_map(|(log, target)| match &target.value {
            LogTarget::File(path) => {
                let error = try_append(path).err()?;
                Some(of_target(log, target, path, &error))
            }
            LogTarget::Stderr | LogTarget::Stdout | LogTarget::Off => None,
        });
        objections.collect()
    }

    /// Writes the record of `event` to the access log; `fill` adds its fields.
    pub(crate) fn access(&self, event: &'static str, fill: impl FnOnce(&mut Line)) {
        let Some(queue) = &self.access else { return };
        let mut line = Line::new(self.format, clock::wall(), event);
        fill(&mut line);
        self.send(queue, line);
    }

    /// Writes the record of `event` to the error log, unless it tells more than is asked for.
    pub(crate) fn error(&self, event: &'static str, level: Level, fill: impl FnOnce(&mut Line)) {
        let Some(queue) = self.error.as_ref().filter(|_| level <= self.level) else { return };
        let mut line = Line::new(self.format, clock::wall(), event);
        line.plain("level", name(level));
        fill(&mut line);
        self.send(queue, line);
    }

    /// Records that did not come to their log.
    pub(crate) fn lost(&self) -> &Lost {
        &self.lost
    }

    fn send(&self, queue: &SyncSender<String>, line: Line) {
        if queue.try_send(line.finish()).is_err() {
            self.lost.queue_full.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn name(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
    }
}

/// The threads that write. Logs with one target have one thread, so that each line stays whole
/// and all of them in order.
#[derive(Default)]
struct Writers {
    running: Vec<(Identity, SyncSender<String>)>,
    lost: Arc<Lost>,
    threads: Vec<JoinHandle<()>>,
}

/// What makes two targets one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identity {
    Stderr,
    Stdout,
    /// A file by its device and number, as it may have several names.
    File(u64, u64),
}

impl Writers {
    fn queue_to(
        &mut self,
        log: &str,
        target: &At<LogTarget>,
    ) -> Result<Option<SyncSender<String>>, Objection> {
        let (identity, output): (_, Box<dyn Write + Send>) = match &target.value {
            LogTarget::Off => return Ok(None),
            LogTarget::Stderr => (Identity::Stderr, Box::new(io::stderr())),
            LogTarget::Stdout => (Identity::Stdout, Box::new(io::stdout())),
            LogTarget::File(path) => {
                let opened = append(path).map_err(|error| of_target(log, target, path, &error))?;
                (opened.0, Box::new(opened.1))
            }
        };
        if let Some((_, queue)) = self.running.iter().find(|(running, _)| *running == identity) {
            return Ok(Some(queue.clone()));
        }
        let (sender, receiver) = sync_channel(QUEUE);
        let lost = Arc::clone(&self.lost);
        let thread = thread::Builder::new()
            .name(log.to_owned())
            .spawn(move || write_all(&receiver, output, &lost))
            .map_err(|error| Objection {
                place: target.place,
                message: format!("no thread can be started for the {log}: {error}"),
                help: "allow the process more threads".to_owned(),
            })?;
        self.threads.push(thread);
        self.running.push((identity, sender.clone()));
        Ok(Some(sender))
    }
}

fn append(path: &Path) -> io::Result<(Identity, fs::File)> {
    let file = OpenOptions::new().append(true).create(true).open(path)?;
    let metadata = file.metadata()?;
    Ok((Identity::File(metadata.dev(), metadata.ino()), file))
}

/// Whether [`append`] would do, as far as can be told without making the file.
fn try_append(path: &Path) -> io::Result<()> {
    match OpenOptions::new().append(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            match path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
                Some(directory) => fs::metadata(directory).map(drop),
                None => Ok(()),
            }
        }
        opened => opened.map(drop),
    }
}

fn of_target(log: &str, target: &At<LogTarget>, path: &Path, error: &io::Error) -> Objection {
    let remedies = [
        (io::ErrorKind::NotFound, "the file's directory must exist"),
        (io::ErrorKind::NotADirectory, "the file's directory must exist"),
        (io::ErrorKind::IsADirectory, "name a file, not a directory"),
        (io::ErrorKind::PermissionDenied, "the user that the gateway runs as must be able to write there"),
    ];
    let remedy = remedies.iter().find(|(kind, _)| *kind == error.kind());
    let help = remedy
        .map_or("name a file that can be written, or one of `stderr`, `stdout` and `off`", |(_, help)| help);
    Objection {
        place: target.place,
        message: format!("the {log} cannot be written to {}: {error}", path.display()),
        help: help.to_owned(),
    }
}

/// Writes what comes, in batches of all that waits: a record is late by the time of one batch
/// at most.
fn write_all(queue: &Receiver<String>, mut output: impl Write, lost: &Lost) {
    let mut batch = String::new();
    while let Ok(first) = queue.recv() {
        let mut lines = 0;
        let mut next = Some(first);
        while let Some(line) = next {
            batch.push_str(&line);
            lines += 1;
            next = if batch.len() < BATCH { queue.try_recv().ok() } else { None };
        }
        let written = output.write_all(batch.as_bytes()).and_then(|()| output.flush());
        if written.is_err() {
            // Some of the first may have come through; that cannot be known.
            lost.not_written.fetch_add(lines, Ordering::Relaxed);
        }
        batch.clear();
    }
}

#[cfg(test)]
mod tests;

//! Where records go: one thread per target, fed through a bounded queue. A full queue
//! drops the record and counts it; a worker never waits for a disk.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};

use crate::clock;
use crate::observe::line::Line;
use crate::settings::{LogFormat, LogSettings, LogTarget};

/// Lines that may wait to be written. The channel ends when the last [`Records`] goes.
const QUEUE: usize = 16 * 1024;

/// The way to the log, one for each thread that writes records.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    /// `None`: records are off.
    queue: Option<SyncSender<String>>,
    format: LogFormat,
    lost: Arc<AtomicU64>,
}

impl Records {
    /// Opens the target and starts its thread, which ends with the last clone.
    ///
    /// # Errors
    /// When the file cannot be opened or the thread not be started.
    pub(crate) fn open(settings: &LogSettings) -> io::Result<(Self, Option<JoinHandle<()>>)> {
        let target: Box<dyn Write + Send> = match &settings.target {
            LogTarget::Off => return Ok((Self::to(None, settings.format), None)),
            LogTarget::Stderr => Box::new(io::stderr()),
            LogTarget::Stdout => Box::new(io::stdout()),
            LogTarget::File(path) => Box::new(OpenOptions::new().append(true).create(true).open(path)?),
        };
        let (sender, receiver) = sync_channel(QUEUE);
        let records = Self::to(Some(sender), settings.format);
        let lost = Arc::clone(&records.lost);
        let thread = thread::Builder::new()
            .name("records".to_owned())
            .spawn(move || write_all(&receiver, BufWriter::new(target), &lost))?;
        Ok((records, Some(thread)))
    }

    fn to(queue: Option<SyncSender<String>>, format: LogFormat) -> Self {
        Self { queue, format, lost: Arc::default() }
    }

    /// Writes the record of `event`, whose fields `fill` adds.
    pub(crate) fn write(&self, event: &'static str, fill: impl FnOnce(&mut Line)) {
        let Some(queue) = &self.queue else { return };
        let mut line = Line::new(self.format, clock::wall(), event);
        fill(&mut line);
        if queue.try_send(line.finish()).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Records that were dropped or could not be written.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

fn write_all(queue: &Receiver<String>, mut target: BufWriter<Box<dyn Write + Send>>, lost: &AtomicU64) {
    while let Ok(first) = queue.recv() {
        let mut next = Ok(first);
        // Flushed when nothing waits: a record is late by the time of one batch at most.
        while let Ok(line) = next {
            if target.write_all(line.as_bytes()).is_err() {
                lost.fetch_add(1, Ordering::Relaxed);
            }
            next = queue.try_recv();
        }
        let flushed = target.flush();
        if flushed.is_err() {
            lost.fetch_add(1, Ordering::Relaxed);
        }
        if next == Err(TryRecvError::Disconnected) {
            return;
        }
    }
}

//! The thread of a target: takes all that waits, writes it in batches, and gives the buffers
//! back.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::{self, JoinHandle};

use super::Stats;
use super::complaint::Voice;
use super::output::{Output, Unwritten};
use super::queue::{Job, Lines, Queue};

/// Bytes that are written at a time, unless more are handed over at once.
const BATCH: usize = 64 * 1024;
/// Bytes of room that are kept for the next batch.
const BATCH_KEPT: usize = 4 * BATCH;

/// Starts it; what is `running` is dropped when it ends.
pub(super) fn start(
    log: &str,
    queue: Arc<Queue>,
    output: Output,
    (voice, running): (Voice, SyncSender<Infallible>),
) -> io::Result<JoinHandle<()>> {
    // The system shows the first 15 bytes of it.
    let name: String = log.chars().filter(char::is_ascii_graphic).collect();
    let writer = Writer { queue, output, voice, batch: Vec::new(), parts: Vec::new() };
    thread::Builder::new().name(name).spawn(move || {
        let _running = running;
        writer.run();
    })
}

pub(super) struct Writer {
    queue: Arc<Queue>,
    output: Output,
    voice: Voice,
    /// Lines that are written next.
    batch: Vec<u8>,
    /// Whose they are, and where they end.
    parts: Vec<(Arc<Stats>, usize)>,
}

impl Writer {
    fn run(mut self) {
        let mut jobs = VecDeque::new();
        while self.queue.take(&mut jobs) {
            for job in jobs.drain(..) {
                match job {
                    Job::Write(Lines { bytes, stats }) => {
                        if self.batch.len() + bytes.len() > self.output.room_max().min(BATCH) {
                            self.write();
                        }
                        self.batch.extend_from_slice(&bytes);
                        self.queue.give_spare(bytes);
                        self.parts.push((stats, self.batch.len()));
                    }
                    Job::Reopen => {
                        self.write();
                        let reopened = self.output.reopen();
                        self.voice.tell_renewed(reopened);
                    }
                    Job::Set(settings) => self.output.set(settings),
                }
            }
            self.write();
            self.batch.shrink_to(BATCH_KEPT);
        }
    }

    fn write(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let renewed = self.output.make_room(self.batch.len());
        self.voice.tell_renewed(renewed);
        match self.output.write(&self.batch) {
            Ok(()) => self.voice.tell_written(),
            Err(Unwritten { written, error }) => {
                let lost = self.count_lost(written);
                self.voice.tell_lost(lost, &error);
            }
        }
        self.batch.clear();
        self.parts.clear();
    }

    /// Counts the lines whose ends are not among the first `written` bytes, for those whose they are.
    fn count_lost(&self, written: usize) -> u64 {
        let mut start = 0;
        let mut all = 0;
        for (stats, end) in &self.parts {
            let unwritten = self.batch.get(written.clamp(start, *end)..*end).unwrap_or_default();
            let lost = memchr::memchr_iter(b'\n', unwritten).count();
            let lost = u64::try_from(lost).unwrap_or(u64::MAX);
            stats.count_not_written(lost);
            all += lost;
            start = *end;
        }
        all
    }
}

//! Telling that a log cannot be written: once, on the error log, or on standard error where it
//! is that one which cannot be; and once more when it can be again.

use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use gate_config::model::{Level, LogFormat, LogTarget};

use super::queue::{Lines, Queue};
use super::{Sink, Stats, output};
use crate::clock;
use crate::observe::line::Line;

/// Where complaints go.
#[derive(Debug, Default)]
pub(super) struct Complaints(Mutex<Option<ErrorLog>>);

/// The error log, as far as complaints need it. It does not keep the log open.
#[derive(Clone, Debug)]
pub(crate) struct ErrorLog {
    pub(crate) sink: Weak<Sink>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) format: LogFormat,
}

impl Complaints {
    pub(super) fn set(&self, log: Option<ErrorLog>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = log;
    }

    /// The error log, unless it is the one that is complained of.
    fn log_other_than(&self, queue: &Queue) -> Option<(Arc<Sink>, ErrorLog)> {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let sink = log.sink.upgrade().filter(|sink| !std::ptr::eq(&raw const *sink.queue, queue))?;
        Some((sink, log))
    }
}

/// What one writer has to say.
pub(super) struct Voice {
    /// Its target in words.
    target: String,
    is_stderr: bool,
    queue: Arc<Queue>,
    complaints: Arc<Complaints>,
    /// It is known that lines cannot be written; so many were lost.
    failing: Option<u64>,
    /// It is known that the target cannot be opened anew or rotated.
    stuck: bool,
}

impl Voice {
    pub(super) fn new(target: &LogTarget, queue: &Arc<Queue>, complaints: &Arc<Complaints>) -> Self {
        Self {
            target: output::name(target),
            is_stderr: *target == LogTarget::Stderr,
            queue: Arc::clone(queue),
            complaints: Arc::clone(complaints),
            failing: None,
            stuck: false,
        }
    }

    /// So many lines could not be written.
    pub(super) fn tell_lost(&mut self, lines: u64, error: &io::Error) {
        if let Some(lost) = &mut self.failing {
            *lost += lines;
            return;
        }
        self.failing = Some(lines);
        self.tell("log_not_written", Level::Error, |line| line.text("detail", &error.to_string()));
    }

    /// Lines could be written.
    pub(super) fn tell_written(&mut self) {
        if let Some(lost) = self.failing.take() {
            self.tell("log_written_again", Level::Warn, |line| line.number("lost", lost));
        }
    }

    /// The target was opened anew or rotated, or could not be.
    pub(super) fn tell_renewed(&mut self, renewed: io::Result<()>) {
        match renewed {
            Ok(()) => self.stuck = false,
            Err(error) if !self.stuck => {
                self.stuck = true;
                self.tell("log_not_renewed", Level::Error, |line| line.text("detail", &error.to_string()));
            }
            Err(_) => {}
        }
    }

    fn tell(&self, event: &'static str, level: Level, fill: impl FnOnce(&mut Line)) {
        let other = self.complaints.log_other_than(&self.queue);
        let format = other.as_ref().map_or(LogFormat::Text, |(_, log)| log.format);
        let mut line = Line::new(format, clock::wall(), event);
        line.plain("level", level.name());
        line.text("target", &self.target);
        fill(&mut line);
        let bytes = line.finish().into_bytes();
        match other {
            Some((sink, log)) => {
                log.stats.count_made(1, bytes.len());
                if sink.offer(Lines { bytes, stats: Arc::clone(&log.stats) }).is_err() {
                    log.stats.count_queue_full(1);
                }
            }
            None if self.is_stderr => {}
            None => {
                // There is nobody left who could be told that it fails.
                let _told = io::stderr().write_all(&bytes);
            }
        }
    }
}

//! The lines of one worker that wait for others: one buffer for each log. It goes to the log's
//! writer when it is full, or when its first line has waited for long enough.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use gate_config::model::WhenFull;
use gate_core::template::{Kind, Stamp};
use tokio::sync::Notify;
use tokio::time::sleep_until;

use super::FrameLog;
use super::stamp::Stamps;
use crate::clock;
use crate::observe::sink::{Lines, Sink};

/// The buffers of one worker.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    open: RefCell<Vec<Rc<Buffer>>>,
    /// By the names of the logs, whose sessions and settings come and go.
    samples: RefCell<HashMap<Arc<str>, Rc<Samples>>>,
    /// Told when something begins to wait.
    waiting: Rc<Notify>,
    pub(super) stamps: Stamps,
}

/// The lines of a log that wait.
#[derive(Debug)]
pub(super) struct Buffer {
    pub(super) log: Arc<FrameLog>,
    sink: Arc<Sink>,
    state: RefCell<State>,
    samples: Rc<Samples>,
    waiting: Rc<Notify>,
}

/// Frames and messages that could have had a line since the last that has.
#[derive(Debug, Default)]
struct Samples {
    frames: Cell<u32>,
    messages: Cell<u32>,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    lines: u64,
    /// Something waits since then.
    since: Option<Instant>,
    /// Lines that were dropped and of which nothing is told yet.
    dropped: u64,
    /// The same, of those that the buffer begins with telling of.
    telling: u64,
}

impl Buffers {
    /// The buffer of a log; `None`: the log goes nowhere.
    pub(super) fn of(&self, log: &Arc<FrameLog>) -> Option<Rc<Buffer>> {
        let sink = log.sink.as_ref()?;
        let mut open = self.open.borrow_mut();
        if let Some(buffer) = open.iter().find(|buffer| Arc::ptr_eq(&buffer.log, log)) {
            return Some(Rc::clone(buffer));
        }
        // Those that no session has any more and that have nothing to say are let go of.
        open.retain(|buffer| Rc::strong_count(buffer) > 1 || buffer.state.borrow().since.is_some());
        let buffer = Rc::new(Buffer {
            log: Arc::clone(log),
            sink: Arc::clone(sink),
            state: RefCell::default(),
            samples: Rc::clone(self.samples.borrow_mut().entry(Arc::clone(&log.settings.id)).or_default()),
            waiting: Rc::clone(&self.waiting),
        });
        open.push(Rc::clone(&buffer));
        Some(buffer)
    }

    /// Passes on what has waited for long enough, for as long as the worker lives. There is a
    /// timer only while something waits.
    pub(crate) async fn flush(&self) {
        loop {
            let due = self.open.borrow().iter().filter_map(|buffer| buffer.due()).min();
            tokio::select! {
                () = self.waiting.notified() => {}
                () = until(due) => self.flush_due(clock::now()),
            }
        }
    }

    fn flush_due(&self, now: Instant) {
        let mut open = self.open.borrow_mut();
        for buffer in open.iter().filter(|buffer| buffer.due().is_some_and(|due| due <= now)) {
            self.stamps.with(clock::wall(), |stamp| buffer.pass_on(stamp));
        }
        // A log that is no longer configured is closed when nobody holds it.
        open.retain(|buffer| Rc::strong_count(buffer) > 1 || buffer.due().is_some());
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(at) => sleep_until(at.into()).await,
        None => pending().await,
    }
}

impl Buffer {
    /// Adds a line, which `render` appends with its end.
    pub(super) fn add(&self, stamp: Stamp<'_>, render: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state.borrow_mut();
        if state.bytes.is_empty() {
            self.begin(&mut state, stamp);
        }
        render(&mut state.bytes);
        state.lines += 1;
        if state.bytes.len() >= self.log.settings.buffer_size {
            self.pass(&mut state);
        } else if state.since.is_none() {
            state.since = Some(clock::now());
            self.waiting.notify_one();
        }
    }

    /// Whether the next frame or message that could have a line has one.
    pub(super) fn takes_sample(&self, kind: Kind) -> bool {
        let sample = self.log.settings.sample;
        if sample <= 1 {
            return true;
        }
        let passed = match kind {
            Kind::Frame => &self.samples.frames,
            Kind::Message => &self.samples.messages,
            Kind::Open | Kind::Close => return true,
        };
        let number = passed.get();
        passed.set((number + 1) % sample);
        number == 0
    }

    fn due(&self) -> Option<Instant> {
        let since = self.state.borrow().since?;
        since.checked_add(self.log.settings.flush_interval)
    }

    /// Passes on what waits, be it only that something was dropped.
    fn pass_on(&self, stamp: Stamp<'_>) {
        let mut state = self.state.borrow_mut();
        if state.bytes.is_empty() {
            self.begin(&mut state, stamp);
        }
        self.pass(&mut state);
    }

    /// Lines that were dropped are told of in the place where they would be.
    fn begin(&self, state: &mut State, stamp: Stamp<'_>) {
        if state.bytes.capacity() == 0 {
            state.bytes = self.sink.buffer();
            let wanted = self.log.settings.buffer_size + LINE_ROOM;
            state.bytes.reserve(wanted.saturating_sub(state.bytes.len()));
        }
        let dropped = std::mem::take(&mut state.dropped);
        state.telling += dropped;
        if dropped > 0 {
            let line = if self.log.is_json() {
                format!(
                    "{{\"time_iso8601\":\"{}\",\"ws_event\":\"dropped\",\"records\":{dropped}}}\n",
                    stamp.iso8601
                )
            } else {
                format!("{} framegate: {dropped} records dropped\n", stamp.local)
            };
            state.bytes.extend_from_slice(line.as_bytes());
        }
    }

    fn pass(&self, state: &mut State) {
        let bytes = std::mem::take(&mut state.bytes);
        let lines = std::mem::take(&mut state.lines);
        state.since = None;
        if bytes.is_empty() {
            return;
        }
        let stats = &self.log.stats;
        stats.count_made(lines, bytes.len());
        let handed = Lines { bytes, stats: Arc::clone(stats) };
        let refused = match self.log.settings.when_full {
            WhenFull::Drop => self.sink.offer(handed),
            WhenFull::Block => self.sink.hand_over(handed),
        };
        let telling = std::mem::take(&mut state.telling);
        if let Err(Lines { mut bytes, .. }) = refused {
            stats.count_queue_full(lines);
            state.dropped += telling + lines;
            // That is told when there is room again, even if there is nothing else to tell.
            state.since = Some(clock::now());
            self.waiting.notify_one();
            bytes.clear();
            state.bytes = bytes;
        }
    }
}

/// Room for the line that makes a buffer full.
const LINE_ROOM: usize = 1024;

impl Drop for Buffer {
    /// The worker ends, or no session has the log any more.
    fn drop(&mut self) {
        let mut state = self.state.take();
        if state.bytes.is_empty() && state.dropped > 0 {
            Stamps::default().with(clock::wall(), |stamp| self.begin(&mut state, stamp));
        }
        self.pass(&mut state);
    }
}

impl FrameLog {
    fn is_json(&self) -> bool {
        let formats = &self.settings.formats;
        Kind::ALL.iter().any(|kind| formats.of(*kind).is_some_and(|template| template.is_json()))
    }
}

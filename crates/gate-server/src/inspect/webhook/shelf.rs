//! A worker's connections to the server of a webhook that wait for the next call.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::sleep;

use crate::clock;
use crate::inspect::webhook::origin::{Origin, Seat};
use crate::upstream::line::Line;
use crate::upstream::target::Target;

/// See the module.
pub(super) struct Shelf {
    pub(super) origin: Arc<Origin>,
    /// The one that was used last at the end.
    idle: RefCell<VecDeque<Idle>>,
    /// Calls of this worker that wait.
    waiting: Cell<usize>,
    /// Told when a connection has come.
    come: Notify,
    /// A connection went to a call of this worker though others waited; the next is theirs.
    has_kept: Cell<bool>,
    has_sweeper: Cell<bool>,
    /// When a failure was last recorded, and how many have been since.
    pub(super) told: Cell<(Option<Instant>, u64)>,
}

struct Idle {
    held: Held,
    until: Instant,
}

/// A connection and its place.
pub(super) struct Held {
    pub(super) line: Line,
    pub(super) seat: Seat,
}

/// By what a call goes.
pub(super) enum Way {
    /// A connection that was used before.
    Kept(Held),
    /// One that may be made.
    Fresh(Seat),
}

impl Shelf {
    pub(super) fn new(origin: Arc<Origin>) -> Self {
        Self {
            origin,
            idle: RefCell::default(),
            waiting: Cell::new(0),
            come: Notify::new(),
            has_kept: Cell::new(false),
            has_sweeper: Cell::new(false),
            told: Cell::default(),
        }
    }

    /// A connection to where `target` is, or a place for one, as soon as there is either.
    pub(super) async fn way(&self, target: &Target) -> Way {
        if let Some(way) = self.way_at_once(target) {
            return way;
        }
        self.waiting.set(self.waiting.get() + 1);
        let _waits = Waiting(self);
        loop {
            tokio::select! {
                seat = self.origin.wait_for_seat() => return Way::Fresh(seat),
                () = self.come.notified() => {}
            }
            if let Some(way) = self.way_at_once(target) {
                return way;
            }
        }
    }

    /// Whether a call can go at once.
    fn way_at_once(&self, target: &Target) -> Option<Way> {
        let seat = || self.origin.seat().map(Way::Fresh);
        self.take(target).map(Way::Kept).or_else(seat).or_else(|| {
            // What lies idle here leads elsewhere, where the name stood for another address. Its place
            // may be the call's; where others have waited for longer it is theirs.
            let idle = self.idle.borrow_mut().pop_front()?;
            drop(idle);
            seat()
        })
    }

    /// A connection that still stands, as far as can be seen.
    fn take(&self, target: &Target) -> Option<Held> {
        let now = clock::now();
        let mut idle = self.idle.borrow_mut();
        // A name may stand for other addresses than when the connection was made; who may be
        // asked depends on the address.
        let fits = |idle: &Idle| idle.is_of_use(now) && target.whereabouts().is_at(idle.held.line.address());
        let last = idle.iter().rposition(fits)?;
        idle.remove(last).map(|idle| idle.held)
    }

    /// Keeps a connection that is ready for a call, unless others have a better use for its place.
    pub(super) fn put(self: &Rc<Self>, held: Held) {
        let here = self.waiting.get();
        let elsewhere = self.origin.waiting().saturating_sub(here);
        let is_kept = elsewhere == 0 || (here > 0 && !self.has_kept.get());
        self.has_kept.set(is_kept && elsewhere > 0);
        if !is_kept {
            return;
        }
        self.idle.borrow_mut().push_back(Idle { held, until: clock::now() + IDLE_MAX });
        if here > 0 {
            self.come.notify_one();
        }
        if !self.has_sweeper.replace(true) {
            spawn_local(sweep(Rc::clone(self)));
        }
    }

    /// Gives up connections that have waited long enough or have ended, and the oldest of the others
    /// where another worker has calls that wait.
    fn tidy(&self) {
        let now = clock::now();
        let mut idle = self.idle.borrow_mut();
        idle.retain(|idle| idle.is_of_use(now));
        if self.waiting.get() == 0 && self.origin.waiting() > 0 {
            idle.pop_front();
        }
    }

    /// Whether a failure is to be recorded; the number of those that have not been since the last one.
    pub(super) fn may_tell(&self) -> Option<u64> {
        let now = clock::now();
        let (last, untold) = self.told.get();
        let is_due = last.is_none_or(|last| now.saturating_duration_since(last) >= TELLING_PAUSE);
        self.told.set(if is_due { (Some(now), 0) } else { (last, untold + 1) });
        is_due.then_some(untold)
    }
}

/// Ends when there is nothing to give up any more.
async fn sweep(shelf: Rc<Shelf>) {
    loop {
        {
            let mut wanted = std::pin::pin!(shelf.origin.wanted().notified());
            // Who comes between the look and the wait must not be missed.
            wanted.as_mut().enable();
            shelf.tidy();
            if shelf.idle.borrow().is_empty() {
                shelf.has_sweeper.set(false);
                return;
            }
            tokio::select! {
                () = wanted => {}
                () = sleep(SWEEP_INTERVAL) => {}
            }
        }
    }
}

impl Idle {
    fn is_of_use(&self, now: Instant) -> bool {
        now < self.until && !self.held.line.is_closed()
    }
}

/// Counts as waiting until it is dropped.
struct Waiting<'a>(&'a Shelf);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get().saturating_sub(1));
    }
}

/// For how long a connection waits for a call. Many servers give up theirs after 60 seconds.
const IDLE_MAX: Duration = Duration::from_secs(30);
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Between two records of failures.
const TELLING_PAUSE: Duration = Duration::from_secs(1);

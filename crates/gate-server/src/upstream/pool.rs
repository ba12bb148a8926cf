//! Connections to targets that wait for the next plain request: one pool to a worker, and
//! nothing of it is shared between threads.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use gate_config::model;
use tokio::task::spawn_local;
use tokio::time::sleep;

use crate::clock;
use crate::upstream::line::Line;
use crate::upstream::target::{LinesKey, Target};

/// See the module. A clone is the same pool.
#[derive(Clone, Default)]
pub(crate) struct Pool(Rc<Shelves>);

#[derive(Default)]
struct Shelves {
    /// By target: the connection that waits longest in front. No list is empty.
    idle: RefCell<HashMap<LinesKey, VecDeque<Idle>>>,
    /// There is a task that clears up; only while there is something to clear.
    has_sweeper: Cell<bool>,
}

struct Idle {
    line: Line,
    /// When it has waited long enough; `None`: never.
    until: Option<Instant>,
}

impl Pool {
    /// A connection to where the target is that still stands, as far as can be seen: the one
    /// that was used last, which the target is least likely to have given up.
    pub(super) fn take(&self, target: &Target) -> Option<Line> {
        let mut idle = self.0.idle.borrow_mut();
        let lines = idle.get_mut(&target.lines())?;
        let now = clock::now();
        let mut taken = None;
        while let Some(last) = lines.pop_back() {
            if last.is_of_use(now) && target.whereabouts().is_at(last.line.address()) {
                taken = Some(last.line);
                break;
            }
        }
        if lines.is_empty() {
            idle.remove(&target.lines());
        }
        taken
    }

    /// Keeps a connection that is ready for a request. Of more than `max_idle` (0: no
    /// limit) for one target the oldest goes.
    pub(super) fn put(&self, target: LinesKey, line: Line, limits: model::Pool) {
        let until = (!limits.idle_timeout.is_zero()).then(|| clock::now() + limits.idle_timeout);
        let mut idle = self.0.idle.borrow_mut();
        let lines = idle.entry(target).or_default();
        let is_full =
            limits.max_idle > 0 && u32::try_from(lines.len()).map_or(true, |count| count >= limits.max_idle);
        if is_full {
            lines.pop_front();
        }
        lines.push_back(Idle { line, until });
        drop(idle);
        if !self.0.has_sweeper.replace(true) {
            spawn_local(sweep(Rc::downgrade(&self.0)));
        }
    }

    /// Connections that wait, to all targets.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.idle.borrow().values().map(VecDeque::len).sum()
    }
}

/// Drops connections whose time is over, or that the target has ended, for as long as there
/// are any. Ends with the pool.
async fn sweep(shelves: Weak<Shelves>) {
    loop {
        sleep(SWEEP_INTERVAL).await;
        let Some(shelves) = shelves.upgrade() else { return };
        let now = clock::now();
        let mut idle = shelves.idle.borrow_mut();
        idle.retain(|_, lines| {
            lines.retain(|idle| idle.is_of_use(now));
            !lines.is_empty()
        });
        if idle.is_empty() {
            shelves.has_sweeper.set(false);
            return;
        }
    }
}

impl Idle {
    fn is_of_use(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now < until) && !self.line.is_closed()
    }
}

/// How late a connection may be dropped.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

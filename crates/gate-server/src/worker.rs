//! What the sessions of one worker share, without a lock: a worker is one thread, and
//! sessions stay on the one that accepted them.

pub(crate) mod pool;
pub(crate) mod registry;
pub(crate) mod scratch;
pub(crate) mod seats;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use gate_core::{Policy, SessionId};
use tokio::sync::Semaphore;

use crate::observe::counters::WorkerCounters;
use crate::observe::writer::Records;
use crate::settings::Settings;
use pool::BufferPool;
use registry::Registry;
use scratch::Scratch;
use seats::Seats;

/// What all workers share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    /// Kept by every session that it opened.
    pub(crate) policy: Arc<Policy>,
    pub(crate) seats: Arc<Seats>,
}

/// See the module.
pub(crate) struct Worker {
    pub(crate) index: u16,
    pub(crate) shared: Arc<Shared>,
    pub(crate) counters: Arc<WorkerCounters>,
    pub(crate) records: Records,
    /// Borrowed for the length of one poll.
    pub(crate) scratch: RefCell<Scratch>,
    pub(crate) pool: BufferPool,
    pub(crate) registry: Rc<Registry>,
    /// Opening handshakes that may be under way at a time; accepting waits for one to end.
    pub(crate) handshakes: Arc<Semaphore>,
    pub(crate) draining: Cell<bool>,
    serial: Cell<u64>,
}

impl Worker {
    pub(crate) fn new(
        index: u16,
        shared: Arc<Shared>,
        counters: Arc<WorkerCounters>,
        records: Records,
    ) -> Self {
        Self {
            index,
            shared,
            counters,
            records,
            scratch: RefCell::new(Scratch::new()),
            pool: BufferPool::default(),
            registry: Rc::default(),
            handshakes: Arc::new(Semaphore::new(HANDSHAKES_MAX)),
            draining: Cell::new(false),
            serial: Cell::new(0),
        }
    }

    pub(crate) fn next_session_id(&self) -> SessionId {
        self.serial.set(self.serial.get() + 1);
        SessionId::new(self.index, self.serial.get())
    }
}

/// Opening handshakes under way per worker. Each takes some 10 KiB.
const HANDSHAKES_MAX: usize = 16 * 1024;

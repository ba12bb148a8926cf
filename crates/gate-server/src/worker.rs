//! A worker: one thread, one single-threaded runtime, and all that its sessions share
//! without a lock. Sessions stay on the worker that accepted them.

pub(crate) mod drain;
pub(crate) mod registry;
pub(crate) mod seats;
mod tidy;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use gate_core::{Policy, SessionId};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_local;

use crate::drive::backlog::BufferPool;
use crate::drive::scratch::Scratch;
use crate::front::listener;
use crate::observe::counters::WorkerCounters;
use crate::observe::writer::Records;
use crate::settings::Settings;
use registry::Registry;
use seats::Seats;

/// What all workers share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    /// Kept by every session that it opened.
    pub(crate) policy: Arc<Policy>,
    pub(crate) seats: Arc<Seats>,
}

/// What a worker is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Command {
    /// Stop accepting, close all sessions, end.
    Drain,
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
    pub(crate) registry: Registry,
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
            registry: Registry::default(),
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

/// Commands that may wait; whoever sends more waits. Ended by the gateway.
pub(crate) const MAILBOX: usize = 16;

/// Accepts and relays until the mailbox says otherwise.
pub(crate) async fn run(worker: Rc<Worker>, listener: TcpListener, mut mailbox: mpsc::Receiver<Command>) {
    let accepting = spawn_local(listener::accept(Rc::clone(&worker), listener));
    if let Some(give_back) = worker.shared.settings.give_memory_back {
        spawn_local(tidy::tidy(Rc::clone(&worker), give_back));
    }
    // A gateway that is gone without a word ends its workers in the same way.
    let (Some(Command::Drain) | None) = mailbox.recv().await;
    accepting.abort();
    drain::drain(&worker).await;
}

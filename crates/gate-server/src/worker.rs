//! What the sessions of one worker share, without a lock: a worker is one thread, and
//! sessions stay on the one that accepted them.

pub(crate) mod census;
pub(crate) mod pool;
pub(crate) mod registry;
pub(crate) mod scratch;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use gate_core::SessionId;
use tokio::sync::{Notify, Semaphore};

use crate::inspect::agent::Agents;
use crate::inspect::desk::Desk;
use crate::inspect::webhook::Webhooks;
use crate::observe::counters::WorkerCounters;
use crate::observe::exposition::Sources;
use crate::observe::frame_log::Buffers;
use crate::observe::writer::Records;
use crate::sip::hub::{Colleagues, Hub};
use crate::snapshot::{ListenerId, Snapshot};
use crate::upstream::pool::Pool as HttpPool;
use pool::BufferPool;
use registry::Registry;
use scratch::Scratch;

/// See the module.
pub(crate) struct Worker {
    pub(crate) index: u16,
    /// The configuration of the moment; a request keeps the one that it found.
    snapshot: RefCell<Arc<Snapshot>>,
    /// The figures of all workers.
    pub(crate) sources: Arc<Sources>,
    pub(crate) counters: Arc<WorkerCounters>,
    pub(crate) records: Records,
    /// Lines of frame logs that wait to be written.
    pub(crate) frame_logs: Rc<Buffers>,
    /// Borrowed for the length of one poll.
    pub(crate) scratch: RefCell<Scratch>,
    pub(crate) pool: BufferPool,
    /// Where messages are taken apart.
    pub(crate) desk: Desk,
    /// Who is asked about requests and messages.
    pub(crate) agents: Agents,
    /// Who is asked about messages over HTTP.
    pub(crate) webhooks: Webhooks,
    /// Who carries SIP.
    pub(crate) sip: Rc<Hub>,
    /// Where streams of SIP are accepted.
    sip_doors: RefCell<Vec<Door>>,
    /// Connections to upstreams that wait for the next plain request.
    pub(crate) http: HttpPool,
    pub(crate) registry: Rc<Registry>,
    /// Connections before their first answer that may be there at a time; accepting waits
    /// for one to get it.
    pub(crate) handshakes: Arc<Semaphore>,
    /// Clients that have their answer and may be waited for until they go.
    pub(crate) farewells: Semaphore,
    draining: Cell<bool>,
    /// Told when draining begins.
    drained: Notify,
    serial: Cell<u64>,
}

/// A socket that streams are accepted from: the listener of the moment, for as long as it is there, and
/// its address.
pub(crate) type Door = (Weak<Cell<ListenerId>>, Arc<str>);

impl Worker {
    pub(crate) fn new(
        index: u16,
        snapshot: Arc<Snapshot>,
        (sources, counters): (Arc<Sources>, Arc<WorkerCounters>),
        records: Records,
        colleagues: Colleagues,
    ) -> Self {
        let agents = Agents::new(Arc::clone(&counters), records.clone());
        let webhooks = Webhooks::new(Arc::clone(&counters), records.clone());
        Self {
            index,
            snapshot: RefCell::new(snapshot),
            sources,
            counters,
            records,
            frame_logs: Rc::default(),
            scratch: RefCell::new(Scratch::new()),
            pool: BufferPool::default(),
            desk: Desk::default(),
            agents,
            webhooks,
            sip: Rc::new(Hub::new(index, colleagues)),
            sip_doors: RefCell::default(),
            http: HttpPool::default(),
            registry: Rc::default(),
            handshakes: Arc::new(Semaphore::new(usize::try_from(HANDSHAKES_MAX).unwrap_or(usize::MAX))),
            farewells: Semaphore::new(FAREWELLS_MAX),
            draining: Cell::new(false),
            drained: Notify::new(),
            serial: Cell::new(0),
        }
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.borrow())
    }

    /// Requests that come from this moment on find another configuration.
    pub(crate) fn set_snapshot(&self, snapshot: Arc<Snapshot>) {
        self.snapshot.replace(snapshot);
    }

    /// Where a listener of SIP over streams is reached, by its name.
    pub(crate) fn sip_address(&self, listener: &str) -> Option<Arc<str>> {
        let snapshot = self.snapshot();
        let doors = self.sip_doors.borrow();
        let (plan, address) = doors.iter().find_map(|(id, address)| {
            let plan = snapshot.sip.of_listener(id.upgrade()?.get())?;
            (*plan.name == *listener).then_some((plan, address))
        })?;
        let advertised = plan.sent_by.clone();
        Some(advertised.unwrap_or_else(|| Arc::clone(address)))
    }

    /// Whether streams of SIP are accepted at that address.
    pub(crate) fn has_sip_door(&self, address: &str) -> bool {
        let snapshot = self.snapshot();
        let is_sip = |id: &Weak<Cell<ListenerId>>| {
            id.upgrade().is_some_and(|id| snapshot.sip.of_listener(id.get()).is_some())
        };
        self.sip_doors.borrow().iter().any(|(id, known)| **known == *address && is_sip(id))
    }

    /// A socket is accepted from at that address.
    pub(crate) fn open_door(&self, id: &Rc<Cell<ListenerId>>, address: Arc<str>) {
        let mut doors = self.sip_doors.borrow_mut();
        doors.retain(|(id, _)| id.strong_count() > 0);
        doors.push((Rc::downgrade(id), address));
    }

    pub(crate) fn next_session_id(&self) -> SessionId {
        self.serial.set(self.serial.get() + 1);
        SessionId::new(self.index, self.serial.get())
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Begins to drain: no request is taken any more, and whoever waits for one is told.
    pub(crate) fn begin_draining(&self) {
        self.draining.set(true);
        self.drained.notify_waiters();
    }

    /// Waits until everybody who was accepted has a first answer. For when nobody is accepted
    /// any more: whoever accepts takes part in this, too.
    pub(crate) async fn all_answered(&self) {
        // Nobody closes the semaphore.
        let _all = self.handshakes.acquire_many(HANDSHAKES_MAX).await;
    }

    /// Waits until draining begins.
    pub(crate) async fn until_draining(&self) {
        let told = self.drained.notified();
        if !self.is_draining() {
            told.await;
        }
    }
}

/// Connections of a worker that have not been answered. Each takes some 10 KiB.
const HANDSHAKES_MAX: u32 = 16 * 1024;

/// Clients of a worker that have their answer, and need not go, that are waited for: a storm of
/// refused ones must not take the descriptors of those who are in.
const FAREWELLS_MAX: usize = 1024;

//! A worker's ways for SIP, by the flows that tokens name. Flows of other workers are reached by
//! mailbox.

use std::cell::{Cell, RefCell, RefMut};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use sip_proto::edge::{Hop, Source, Transport};
use sip_proto::token::Flow;
use slab::Slab;

use crate::clock;
use crate::observe::throttle::Throttle;
use crate::sip::choice::Detours;
use crate::sip::large::Large;
use crate::sip::leg::{Leg, Unsent};
use crate::sip::link::Links;
use crate::sip::own_sockets::OwnSockets;
use crate::sip::plan::Plan;
use crate::sip::socket::Socket;
use crate::worker::Worker;

/// See the module.
pub(crate) struct Hub {
    pub(super) worker: u16,
    /// Of the flows' ids.
    serial: Cell<u32>,
    ways: RefCell<Slab<(u32, Way)>>,
    /// Streams to servers that clients share.
    pub(super) links: Links,
    pub(super) large: Large,
    pub(super) detours: Detours,
    /// Sockets towards servers over UDP; none of a listener.
    pub(super) own_sockets: OwnSockets,
    /// Those of listeners.
    pub(super) listening: RefCell<Vec<Rc<Socket>>>,
    colleagues: Colleagues,
    /// Of the records of malformed messages.
    pub(super) faults: Throttle,
    /// Where messages are edited, and where they get their frames.
    edited: RefCell<Vec<u8>>,
    frame: RefCell<Vec<u8>>,
}

/// Puts a parcel into a worker's mailbox, if there is room; there once all workers run.
pub(crate) type Colleagues = Arc<OnceLock<Box<Mail>>>;

/// See [`Colleagues`].
pub(crate) type Mail = dyn Fn(u16, Parcel) -> bool + Send + Sync;

/// How a message gets to its receiver.
#[derive(Clone)]
pub(crate) enum Way {
    Leg(Rc<RefCell<Leg>>),
    Socket(Rc<Socket>),
}

/// A place in the hub; free again when dropped.
pub(crate) struct Berth {
    hub: Rc<Hub>,
    index: usize,
}

/// Where a message came from.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) flow: Flow,
    pub(crate) address: SocketAddr,
    pub(crate) transport: Transport,
    pub(crate) sent_by: Arc<str>,
}

/// How the gateway is named on the side that a message goes to.
#[derive(Clone)]
pub(crate) struct Named {
    pub(crate) transport: Transport,
    pub(crate) sent_by: Arc<str>,
}

/// A message for another worker.
pub(crate) enum Parcel {
    /// One that has come there, for a flow that is here.
    Incoming { plan: Arc<Plan>, origin: Origin, message: Box<[u8]> },
    /// One that is ready to go on a flow that is here.
    Outgoing { flow: Flow, message: Box<[u8]> },
}

impl std::fmt::Debug for Parcel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Incoming { .. } => "Incoming",
            Self::Outgoing { .. } => "Outgoing",
        })
    }
}

impl Origin {
    pub(crate) fn source(&self) -> Source<'_> {
        Source { flow: self.flow, address: self.address, transport: self.transport, sent_by: &self.sent_by }
    }
}

impl Named {
    pub(crate) fn hop(&self) -> Hop<'_> {
        Hop { transport: self.transport, sent_by: &self.sent_by }
    }
}

impl Hub {
    pub(crate) fn new(worker: u16, colleagues: Colleagues) -> Self {
        Self {
            worker,
            serial: Cell::new(0),
            ways: RefCell::default(),
            links: Links::default(),
            large: Large::default(),
            detours: Detours::default(),
            own_sockets: OwnSockets::default(),
            listening: RefCell::default(),
            colleagues,
            faults: Throttle::default(),
            edited: RefCell::default(),
            frame: RefCell::default(),
        }
    }

    /// Takes a place for the way that `make` makes.
    pub(crate) fn berth<T>(self: &Rc<Self>, process: u32, make: impl FnOnce(Flow) -> (Way, T)) -> (Berth, T) {
        let serial = self.serial.get().wrapping_add(1);
        self.serial.set(serial);
        let mut ways = self.ways.borrow_mut();
        let entry = ways.vacant_entry();
        let index = entry.key();
        let id = u64::from(serial) << 32 | u64::try_from(index).unwrap_or_default();
        let flow = Flow { process, worker: self.worker, id, peer: None };
        let (way, made) = make(flow);
        entry.insert((serial, way));
        (Berth { hub: Rc::clone(self), index }, made)
    }

    /// The way that a flow of this worker names, if it is still there.
    pub(super) fn way(&self, flow: &Flow) -> Option<Way> {
        let index = usize::try_from(flow.id & u64::from(u32::MAX)).ok()?;
        let ways = self.ways.borrow();
        let (serial, way) = ways.get(index)?;
        (u64::from(*serial) == flow.id >> 32).then(|| way.clone())
    }

    /// An empty buffer for a frame.
    pub(super) fn frame(&self) -> RefMut<'_, Vec<u8>> {
        let mut frame = self.frame.borrow_mut();
        frame.clear();
        frame
    }

    /// An empty buffer for a message, which is to be given back.
    pub(super) fn edited(&self) -> Vec<u8> {
        let mut edited = self.edited.take();
        edited.clear();
        edited
    }

    pub(super) fn give_back(&self, edited: Vec<u8>) {
        if edited.capacity() <= EDITED_MAX {
            self.edited.replace(edited);
        }
    }

    /// Sends a message that is ready on a flow, wherever that is.
    pub(super) fn deliver(
        &self,
        worker: &Worker,
        flow: &Flow,
        message: &[u8],
        now: Instant,
    ) -> Result<(), Unsent> {
        if flow.worker == self.worker {
            let way = self.way(flow).ok_or(Unsent::Gone)?;
            return self.send(worker, (&way, flow.peer), message, now);
        }
        let parcel = Parcel::Outgoing { flow: *flow, message: message.into() };
        if self.mail(flow.worker, parcel) { Ok(()) } else { Err(Unsent::Full) }
    }

    pub(super) fn send(
        &self,
        worker: &Worker,
        (way, peer): (&Way, Option<SocketAddr>),
        message: &[u8],
        now: Instant,
    ) -> Result<(), Unsent> {
        match way {
            // Whoever is at work on a leg answers it by what it gives back.
            Way::Leg(leg) => leg.try_borrow_mut().map_err(|_| Unsent::Gone)?.send(message, worker, now),
            Way::Socket(socket) => socket.send(worker, message, peer).map_err(|_| Unsent::Full),
        }
    }

    /// What came from a colleague.
    pub(crate) fn unpack(self: &Rc<Self>, worker: &Rc<Worker>, parcel: Parcel) {
        let now = clock::now();
        match parcel {
            Parcel::Outgoing { flow, message } => {
                if let Err(unsent) = self.deliver(worker, &flow, &message, now) {
                    worker.counters.sip.dropped(unsent.reason());
                }
            }
            Parcel::Incoming { plan, origin, message } => {
                let answer = self.from_upstream(worker, &plan, &origin, &message);
                self.answer(worker, &origin, answer);
            }
        }
    }

    /// Sends what somebody is answered who is not waiting for it here.
    pub(super) fn answer(&self, worker: &Worker, origin: &Origin, answer: Option<Vec<u8>>) {
        if let Some(answer) = answer
            && let Err(unsent) = self.deliver(worker, &origin.flow, &answer, clock::now())
        {
            worker.counters.sip.dropped(unsent.reason());
        }
    }

    /// Puts a parcel into a colleague's mailbox, if that has room.
    pub(super) fn mail(&self, worker: u16, parcel: Parcel) -> bool {
        self.colleagues.get().is_some_and(|mail| mail(worker, parcel))
    }
}

impl Way {
    /// How the gateway is named towards its other end; `None`: it takes nothing any more.
    pub(super) fn named(&self, worker: &Worker) -> Option<Named> {
        match self {
            Self::Leg(leg) => {
                let leg = leg.try_borrow().ok()?;
                (!leg.is_ending()).then(|| leg.named())
            }
            Self::Socket(socket) => Some(socket.named(worker)),
        }
    }
}

impl Drop for Berth {
    fn drop(&mut self) {
        self.hub.ways.borrow_mut().try_remove(self.index);
    }
}

/// A buffer that is larger is not kept.
const EDITED_MAX: usize = 128 * 1024;

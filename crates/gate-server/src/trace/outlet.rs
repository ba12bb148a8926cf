//! The way of one trace's packets out of the workers: a bounded queue. A reload keeps it, and the
//! connection behind it, where the trace still goes to the same server in the same way.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use gate_config::model::{Fingerprint, Objection, Trace, fingerprint};
use tokio::sync::mpsc::{self, error::TrySendError};

use super::carrier::Destination;
use crate::observe::traces::{Loss, Stats};

/// See the module. Its packets are sent for as long as it lives, and what waits then.
pub(super) struct Outlet {
    name: Arc<str>,
    /// Of what would need another one.
    fingerprint: Fingerprint,
    destination: Arc<Destination>,
    /// As many packets as `queue-size` says. Whoever sends them ends it.
    queue: mpsc::Sender<Vec<u8>>,
    /// The other end, until somebody takes it.
    waiting: Mutex<Option<mpsc::Receiver<Vec<u8>>>>,
    stats: Arc<Stats>,
}

/// What is to be sent, and where to.
pub(super) struct Consignment {
    pub(super) name: Arc<str>,
    pub(super) destination: Arc<Destination>,
    pub(super) inbox: mpsc::Receiver<Vec<u8>>,
    pub(super) stats: Arc<Stats>,
}

impl Outlet {
    /// The one for `trace`, which is the one `before` if that does.
    ///
    /// # Errors
    /// All that the world has against its TLS.
    pub(super) fn after(before: Option<&Arc<Self>>, trace: &Trace) -> Result<Arc<Self>, Vec<Objection>> {
        let way = (&trace.address, &trace.transport, trace.queue_size);
        let fingerprint = fingerprint(&way, trace.files());
        if let Some(same) = before.filter(|before| before.fingerprint == fingerprint) {
            return Ok(Arc::clone(same));
        }
        let destination = Arc::new(Destination::new(trace)?);
        let (queue, inbox) = mpsc::channel(trace.queue_size);
        Ok(Arc::new(Self {
            name: Arc::clone(&trace.id),
            fingerprint,
            destination,
            queue,
            waiting: Mutex::new(Some(inbox)),
            stats: before.map(|before| Arc::clone(&before.stats)).unwrap_or_default(),
        }))
    }

    /// Hands a packet over, or drops it where too many wait.
    pub(super) fn send(&self, packet: Vec<u8>) {
        match self.queue.try_send(packet) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.stats.count_lost(Loss::QueueFull, 1),
            Err(TrySendError::Closed(_)) => self.stats.count_lost(Loss::NotSent, 1),
        }
    }

    /// What there is to be sent, for the one who does it; `None`: somebody does already.
    pub(super) fn take(&self) -> Option<Consignment> {
        let inbox = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(Consignment {
            name: Arc::clone(&self.name),
            destination: Arc::clone(&self.destination),
            inbox,
            stats: Arc::clone(&self.stats),
        })
    }

    pub(super) fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet").field("name", &self.name).finish_non_exhaustive()
    }
}

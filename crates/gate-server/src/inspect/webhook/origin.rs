//! How many connections there are to the servers of webhooks, of all workers together.
//!
//! A connection counts from its making to its end, also while it waits for the next call. So a
//! worker with calls that wait asks the others to give up what they have lying idle.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use gate_config::model::Webhook;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// The places for connections to one scheme, host and port.
#[derive(Debug)]
pub(crate) struct Origin {
    places: Arc<Semaphore>,
    /// Calls that wait for a place, of all workers.
    waiting: AtomicUsize,
    /// Told when there is one more.
    wanted: Notify,
}

/// A place for one connection; free again when dropped.
pub(super) type Seat = OwnedSemaphorePermit;

/// What tells origins apart. Two limits for one of them are two origins, each with its own places.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct OriginKey {
    is_tls: bool,
    host: String,
    port: u16,
    connections_max: u32,
}

impl OriginKey {
    pub(super) fn of(webhook: &Webhook) -> Self {
        let url = &webhook.url.value;
        Self {
            is_tls: url.is_tls,
            host: url.host.clone(),
            port: url.port,
            connections_max: webhook.settings.connections_max,
        }
    }
}

/// The origins in use, of a process and all its configurations.
#[derive(Debug, Default)]
pub(crate) struct Origins(Mutex<HashMap<OriginKey, Weak<Origin>>>);

impl Origins {
    /// The places for the connections of a webhook.
    pub(super) fn get(&self, key: &OriginKey) -> Arc<Origin> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(origin) = known.get(key).and_then(Weak::upgrade) {
            return origin;
        }
        known.retain(|_, origin| origin.strong_count() > 0);
        let origin = Arc::new(Origin::new(key.connections_max));
        known.insert(key.clone(), Arc::downgrade(&origin));
        origin
    }
}

impl Origin {
    fn new(connections_max: u32) -> Self {
        let places = usize::try_from(connections_max).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))),
            waiting: AtomicUsize::new(0),
            wanted: Notify::new(),
        }
    }

    /// A place, if there is one at once.
    pub(super) fn seat(&self) -> Option<Seat> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// A place, as soon as there is one.
    pub(super) async fn wait_for_seat(&self) -> Seat {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _waits = Waiting(self);
        self.wanted.notify_waiters();
        match Arc::clone(&self.places).acquire_owned().await {
            Ok(seat) => seat,
            // Nobody closes the semaphore.
            Err(_closed) => std::future::pending().await,
        }
    }

    /// Calls that wait, of all workers.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Told when one more call waits.
    pub(super) fn wanted(&self) -> &Notify {
        &self.wanted
    }
}

/// Counts as waiting until it is dropped.
struct Waiting<'a>(&'a Origin);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

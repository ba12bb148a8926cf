//! The sessions of a worker as the rest of the worker sees them: something that can be
//! told to end. A session has its place here from the time its request is read, and
//! looks for orders whenever it is woken.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Waker;

use slab::Slab;
use tokio::sync::Notify;
use ws_proto::CloseCode;

use crate::upstream::cluster::TargetKey;

/// A session's place, valid until it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionKey(usize);

/// A session's place, or that of a request that may become one; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    registry: Rc<Registry>,
    key: SessionKey,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    entries: RefCell<Slab<Entry>>,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Entry {
    waker: Option<Waker>,
    /// End with this code.
    order: Option<CloseCode>,
    /// The target that it is on, once it is a session.
    target: Option<TargetKey>,
}

impl Entry {
    fn give(&mut self, order: CloseCode) {
        self.order = Some(order);
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

impl Registry {
    pub(crate) fn take_place(self: &Rc<Self>) -> Place {
        let key = self.entries.borrow_mut().insert(Entry::default());
        Place { registry: Rc::clone(self), key: SessionKey(key) }
    }

    /// Tells a session to end; one that is gone is not told.
    pub(crate) fn order_close(&self, key: SessionKey, code: CloseCode) {
        if let Some(entry) = self.entries.borrow_mut().get_mut(key.0) {
            entry.give(code);
        }
    }

    /// Tells all sessions on a target to end.
    pub(crate) fn order_close_of(&self, target: TargetKey, code: CloseCode) {
        for (_, entry) in self.entries.borrow_mut().iter_mut() {
            if entry.target == Some(target) {
                entry.give(code);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.borrow().is_empty()
    }

    /// All sessions there are.
    pub(crate) fn keys(&self) -> Vec<SessionKey> {
        self.entries.borrow().iter().map(|(key, _)| SessionKey(key)).collect()
    }

    /// Waits until there is no session.
    pub(crate) async fn empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.is_empty() {
                return;
            }
            emptied.await;
        }
    }
}

impl Place {
    /// Whom to wake when there is an order.
    pub(crate) fn set_waker(&self, waker: &Waker) {
        if let Some(entry) = self.registry.entries.borrow_mut().get_mut(self.key.0) {
            entry.waker = Some(waker.clone());
        }
    }

    /// The target that the session is on.
    pub(crate) fn set_target(&self, target: TargetKey) {
        if let Some(entry) = self.registry.entries.borrow_mut().get_mut(self.key.0) {
            entry.target = Some(target);
        }
    }

    /// The order that the session has yet to follow.
    pub(crate) fn take_order(&self) -> Option<CloseCode> {
        let mut entries = self.registry.entries.borrow_mut();
        entries.get_mut(self.key.0).and_then(|entry| entry.order.take())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut entries = self.registry.entries.borrow_mut();
        entries.try_remove(self.key.0);
        if entries.is_empty() {
            self.registry.emptied.notify_waiters();
        }
    }
}

//! The sessions of a worker as the rest of the worker sees them: something that can be
//! told to end. A session has its place here from the time its request is read, and
//! looks for orders whenever it is woken.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use gate_core::SessionId;
use gate_core::session::Cause;
use slab::Slab;
use tokio::sync::Notify;
use ws_proto::CloseCode;

use crate::observe::record::Opened;
use crate::upstream::cluster::TargetKey;
use crate::worker::census::Question;

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

/// What a session is told: to end, with this Close on both sides.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// What is told of the session's end.
    pub(crate) cause: Cause,
    pub(crate) code: CloseCode,
    pub(crate) reason: Arc<str>,
}

impl Order {
    /// The gateway, or a target, is to have no sessions any more.
    pub(crate) fn shutdown(code: CloseCode) -> Self {
        Self { cause: Cause::Shutdown, code, reason: Arc::default() }
    }
}

/// What a session is told and asked. Both come up rarely, so neither takes room.
#[derive(Debug, Default)]
pub(crate) struct Words {
    pub(crate) order: Option<Box<Order>>,
    /// One for each list that is being made at the moment.
    pub(crate) questions: Vec<Question>,
}

#[derive(Debug, Default)]
struct Entry {
    waker: Option<Waker>,
    words: Words,
    /// It has been told to end.
    is_told: bool,
    /// The target that it is on, once it is a session.
    target: Option<TargetKey>,
    /// What is known of it, once it is a session.
    opened: Option<Rc<Opened>>,
}

/// What is known of a session without asking it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    pub(crate) opened: &'a Opened,
    pub(crate) target: Option<TargetKey>,
    /// It has been told to end.
    pub(crate) is_told: bool,
}

impl Entry {
    fn is(&self, id: SessionId) -> bool {
        self.opened.as_ref().is_some_and(|opened| opened.id == id)
    }

    fn give(&mut self, order: &Order) {
        self.words.order = Some(Box::new(order.clone()));
        self.is_told = true;
        self.wake();
    }

    fn wake(&self) {
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
    pub(crate) fn order_close(&self, key: SessionKey, order: &Order) {
        if let Some(entry) = self.entries.borrow_mut().get_mut(key.0) {
            entry.give(order);
        }
    }

    /// The same for one that is still the session of that id.
    pub(crate) fn order_close_one(&self, key: SessionKey, id: SessionId, order: &Order) {
        if let Some(entry) = self.entries.borrow_mut().get_mut(key.0).filter(|entry| entry.is(id)) {
            entry.give(order);
        }
    }

    /// Asks the session of that id.
    pub(crate) fn ask(&self, key: SessionKey, id: SessionId, question: impl FnOnce() -> Question) {
        if let Some(entry) = self.entries.borrow_mut().get_mut(key.0).filter(|entry| entry.is(id)) {
            entry.words.questions.push(question());
            entry.wake();
        }
    }

    /// Shows the sessions at `count` places from the place `from` on. Answers where to go on;
    /// `None`: those were the last.
    pub(crate) fn visit(
        &self,
        from: usize,
        count: usize,
        mut show: impl FnMut(SessionKey, &Known<'_>),
    ) -> Option<usize> {
        let entries = self.entries.borrow();
        let next = from.saturating_add(count);
        for place in from..next.min(entries.capacity()) {
            if let Some(Entry { opened: Some(opened), target, is_told, .. }) = entries.get(place) {
                show(SessionKey(place), &Known { opened, target: *target, is_told: *is_told });
            }
        }
        (next < entries.capacity()).then_some(next)
    }

    /// Tells all sessions on a target to end.
    pub(crate) fn order_close_of(&self, target: TargetKey, order: &Order) {
        for (_, entry) in self.entries.borrow_mut().iter_mut() {
            if entry.target == Some(target) {
                entry.give(order);
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

    /// It is a session from here on, on that target.
    pub(crate) fn set_session(&self, opened: &Rc<Opened>, target: TargetKey) {
        if let Some(entry) = self.registry.entries.borrow_mut().get_mut(self.key.0) {
            entry.target = Some(target);
            entry.opened = Some(Rc::clone(opened));
        }
    }

    /// It is a session from here on that shares its targets with others.
    pub(crate) fn set_member(&self, opened: &Rc<Opened>) {
        if let Some(entry) = self.registry.entries.borrow_mut().get_mut(self.key.0) {
            entry.opened = Some(Rc::clone(opened));
        }
    }

    /// What the session has yet to follow and to answer.
    pub(crate) fn take_words(&self) -> Words {
        let mut entries = self.registry.entries.borrow_mut();
        entries.get_mut(self.key.0).map(|entry| std::mem::take(&mut entry.words)).unwrap_or_default()
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

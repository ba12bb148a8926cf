//! The switches of traces: two for each name, one for what connections in plain text tell and one for
//! what those over TLS tell. Whether a trace is on is one relaxed load.
//!
//! A switch belongs to a name, not to a configuration: it keeps its position through reloads and
//! acts on live connections at once. Not here: what is told, and where it goes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which connections a switch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Those in plain text.
    Plain,
    /// Those over TLS.
    Tls,
}

/// Both switches of one trace.
#[derive(Debug)]
pub(crate) struct Switch {
    plain: AtomicBool,
    tls: AtomicBool,
}

impl Switch {
    /// Both in one position, `enabled` of the trace.
    pub(crate) fn new(on: bool) -> Self {
        Self { plain: AtomicBool::new(on), tls: AtomicBool::new(on) }
    }

    /// Whether events of such connections go out at this moment.
    pub(crate) fn is_on(&self, wire: Wire) -> bool {
        self.of(wire).load(Ordering::Relaxed)
    }

    /// From here on they do, or do not.
    pub(crate) fn set(&self, wire: Wire, on: bool) {
        self.of(wire).store(on, Ordering::Relaxed);
    }

    const fn of(&self, wire: Wire) -> &AtomicBool {
        match wire {
            Wire::Plain => &self.plain,
            Wire::Tls => &self.tls,
        }
    }
}

/// The switches of a configuration's traces, by their names.
pub(crate) type Named = BTreeMap<Arc<str>, Arc<Switch>>;

/// The switches of the traces that run, for whoever asks and orders. The gateway and the operator's
/// desk share one.
#[derive(Debug, Default)]
pub(crate) struct Switchboard {
    running: Mutex<Named>,
}

impl Switchboard {
    /// These run from here on. Those that ran before and do not any more are off for good: connections
    /// outlive the configuration that had them traced.
    pub(crate) fn put_in_place(&self, running: Named) {
        let mut current = self.lock();
        let before = std::mem::replace(&mut *current, running);
        let is_gone = |switch: &&Arc<Switch>| !current.values().any(|other| Arc::ptr_eq(other, switch));
        for switch in before.values().filter(is_gone) {
            switch.set(Wire::Plain, false);
            switch.set(Wire::Tls, false);
        }
    }

    /// Switches all traces for such connections. Answers how many there are.
    pub(crate) fn set_all(&self, wire: Wire, on: bool) -> usize {
        let running = self.lock();
        running.values().for_each(|switch| switch.set(wire, on));
        running.len()
    }

    /// Whether any trace is on for such connections.
    pub(crate) fn is_any_on(&self, wire: Wire) -> bool {
        self.lock().values().any(|switch| switch.is_on(wire))
    }

    /// All that run.
    pub(crate) fn running(&self) -> Named {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Named> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(traces: &[(&str, &Arc<Switch>)]) -> Named {
        traces.iter().map(|(name, switch)| (Arc::from(*name), Arc::clone(switch))).collect()
    }

    #[test]
    fn each_of_the_two_is_switched_alone() {
        let switch = Switch::new(false);
        switch.set(Wire::Tls, true);
        assert_eq!((switch.is_on(Wire::Plain), switch.is_on(Wire::Tls)), (false, true));
        switch.set(Wire::Plain, true);
        switch.set(Wire::Tls, false);
        assert_eq!((switch.is_on(Wire::Plain), switch.is_on(Wire::Tls)), (true, false));
    }

    #[test]
    fn all_that_run_are_switched_and_whoever_holds_one_sees_it_at_once() {
        let board = Switchboard::default();
        assert_eq!((board.set_all(Wire::Plain, true), board.is_any_on(Wire::Plain)), (0, false));
        let (homer, other) = (Arc::new(Switch::new(false)), Arc::new(Switch::new(false)));
        board.put_in_place(named(&[("homer", &homer)]));
        assert_eq!(board.set_all(Wire::Tls, true), 1);
        assert!(homer.is_on(Wire::Tls) && !homer.is_on(Wire::Plain));
        board.put_in_place(named(&[("homer", &homer), ("other", &other)]));
        assert!(board.is_any_on(Wire::Tls) && !other.is_on(Wire::Tls));
        assert_eq!(board.set_all(Wire::Tls, false), 2);
        assert!(!board.is_any_on(Wire::Tls));
        homer.set(Wire::Tls, true);
        board.put_in_place(named(&[("other", &other)]));
        assert!(!homer.is_on(Wire::Tls), "what does not run any more is off");
        assert_eq!(board.set_all(Wire::Plain, true), 1);
        assert!(!homer.is_on(Wire::Plain), "what does not run is not switched");
    }
}

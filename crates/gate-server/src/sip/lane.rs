//! Messages of one direction that wait for their verdicts, or for those before them.

use std::collections::VecDeque;

use gate_core::endpoint::Kind;
use gate_core::policy::Inspection as Bounds;
use gate_core::session::{Ruling, Verdict};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Messages that have come so far.
    messages: u64,
    held: VecDeque<Held>,
    /// Of what is held.
    bytes: usize,
}

#[derive(Debug)]
struct Held {
    index: u64,
    kind: Kind,
    message: Box<[u8]>,
    ruling: Option<Ruling>,
}

/// A message that has its verdict, as all before it have had.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) kind: Kind,
    pub(super) message: Box<[u8]>,
    pub(super) ruling: Ruling,
}

/// What becomes of a message that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on at once.
    Passes,
    /// It waits in its lane.
    Waits,
}

impl Lane {
    /// The number that the next message has.
    pub(super) fn next_index(&self) -> u64 {
        self.messages
    }

    /// A message has come; `ruling`: its verdict, if there is one already.
    pub(super) fn take(&mut self, kind: Kind, message: &[u8], ruling: Option<Ruling>) -> Fate {
        let index = self.messages;
        self.messages += 1;
        let is_allowed = matches!(&ruling, Some(Ruling { verdict: Verdict::Allow, .. }));
        if is_allowed && self.held.is_empty() {
            return Fate::Passes;
        }
        self.bytes += message.len();
        self.held.push_back(Held { index, kind, message: message.into(), ruling });
        Fate::Waits
    }

    /// A verdict has come.
    pub(super) fn rule(&mut self, index: u64, ruling: Ruling) {
        if let Some(held) = self.held.iter_mut().find(|held| held.index == index) {
            held.ruling.get_or_insert(ruling);
        }
    }

    /// The message in front, if it has its verdict.
    pub(super) fn pop(&mut self) -> Option<Settled> {
        self.held.front()?.ruling.as_ref()?;
        let Held { kind, message, ruling, .. } = self.held.pop_front()?;
        self.bytes = self.bytes.saturating_sub(message.len());
        Some(Settled { kind, message, ruling: ruling? })
    }

    /// Whether no more should come; one may always wait.
    pub(super) fn is_full(&self, bounds: &Bounds) -> bool {
        let count = u64::try_from(self.held.len()).unwrap_or(u64::MAX);
        let bytes = u64::try_from(self.bytes).unwrap_or(u64::MAX);
        count > 0 && (count >= u64::from(bounds.in_flight_max) || bytes >= bounds.in_flight_bytes_max)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Bytes of what waits.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What waits goes nowhere any more.
    pub(super) fn abandon(&mut self) -> impl Iterator<Item = Box<[u8]>> {
        self.bytes = 0;
        std::mem::take(&mut self.held).into_iter().map(|held| held.message)
    }
}

#[cfg(test)]
mod tests {
    use gate_core::session::Cause;

    use super::*;

    const DROP: Ruling = Ruling { verdict: Verdict::Drop, cause: Cause::Finding };

    fn popped(lane: &mut Lane) -> Vec<(Vec<u8>, Verdict)> {
        std::iter::from_fn(|| lane.pop()).map(|held| (held.message.to_vec(), held.ruling.verdict)).collect()
    }

    #[test]
    fn verdicts_that_come_in_any_order_let_messages_go_in_theirs() {
        let mut lane = Lane::default();
        assert_eq!(lane.take(Kind::Text, b"0", Some(Ruling::ALLOW)), Fate::Passes);
        for message in [b"1", b"2", b"3"] {
            assert_eq!(lane.take(Kind::Text, message, None), Fate::Waits);
        }
        assert_eq!(lane.take(Kind::Text, b"4", Some(Ruling::ALLOW)), Fate::Waits, "others are before it");
        lane.rule(3, Ruling::ALLOW);
        lane.rule(2, DROP);
        assert_eq!(popped(&mut lane), []);
        lane.rule(1, Ruling::ALLOW);
        lane.rule(1, DROP);
        let expected = [
            (b"1".to_vec(), Verdict::Allow),
            (b"2".to_vec(), Verdict::Drop),
            (b"3".to_vec(), Verdict::Allow),
            (b"4".to_vec(), Verdict::Allow),
        ];
        assert_eq!(popped(&mut lane), expected);
        assert!(lane.is_empty());
        assert_eq!(lane.take(Kind::Text, b"5", Some(Ruling::ALLOW)), Fate::Passes);
    }

    #[test]
    fn a_lane_is_full_by_messages_or_bytes_but_never_empty_and_full() {
        let bounds = |in_flight_max, in_flight_bytes_max| Bounds {
            in_flight_max,
            in_flight_bytes_max,
            ..Bounds::default()
        };
        let mut lane = Lane::default();
        assert!(!lane.is_full(&bounds(0, 0)));
        lane.take(Kind::Text, b"12345", None);
        assert!(lane.is_full(&bounds(1, 100)) && lane.is_full(&bounds(100, 5)));
        assert!(!lane.is_full(&bounds(2, 6)));
        assert_eq!(lane.bytes(), 5);
        assert_eq!(lane.abandon().count(), 1);
        assert!(lane.is_empty() && lane.bytes() == 0);
    }
}

//! Whose turn it is: of one direction of a session an agent is asked about so many messages at a
//! time, in the order in which they came.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use gate_core::Side;
use tokio::sync::Semaphore;

/// See the module.
#[derive(Debug)]
pub(super) struct Turns {
    at_a_time: usize,
    /// Those with calls, by the session and who speaks.
    lines: RefCell<HashMap<Key, Rc<Semaphore>>>,
}

type Key = (Arc<str>, Side);

/// A turn, which is over when it is dropped. So it is where it had not come yet.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    key: Key,
    line: Rc<Semaphore>,
    has_come: bool,
}

impl Turns {
    pub(super) fn new(at_a_time: u32) -> Self {
        let at_a_time = usize::try_from(at_a_time).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { at_a_time, lines: RefCell::default() }
    }

    /// Waits until it is the turn of a message. Who asks first is first.
    pub(super) async fn take(&self, session: &Arc<str>, from: Side) -> Turn<'_> {
        let key = (Arc::clone(session), from);
        let line = {
            let mut lines = self.lines.borrow_mut();
            let line = lines.entry(key.clone()).or_insert_with(|| Rc::new(Semaphore::new(self.at_a_time)));
            Rc::clone(line)
        };
        let mut turn = Turn { turns: self, key, line, has_come: false };
        // Nobody closes the semaphore.
        if let Ok(permit) = turn.line.acquire().await {
            permit.forget();
            turn.has_come = true;
        }
        turn
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.lines.borrow().is_empty()
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.has_come {
            self.line.add_permits(1);
        }
        // The map's and this one: nobody else waits.
        if Rc::strong_count(&self.line) <= 2 {
            self.turns.lines.borrow_mut().remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use super::*;
    use crate::upstream::fake::run;

    #[test]
    fn a_direction_has_one_turn_at_a_time_and_leaves_nothing_behind() {
        run(async {
            let turns = Turns::new(1);
            let session: Arc<str> = "1".into();
            let first = turns.take(&session, Side::Client).await;
            let other = turns.take(&session, Side::Upstream).await;
            let mut second = pin!(turns.take(&session, Side::Client));
            let is_pending = poll_fn(|cx| Poll::Ready(second.as_mut().poll(cx).is_pending())).await;
            assert!(is_pending);
            drop(first);
            drop(second.await);
            drop(other);
            assert!(turns.is_empty());
        });
    }

    #[test]
    fn whoever_gives_up_waiting_leaves_its_place_to_the_next() {
        run(async {
            let turns = Turns::new(1);
            let session: Arc<str> = "1".into();
            let first = turns.take(&session, Side::Client).await;
            {
                let mut second = pin!(turns.take(&session, Side::Client));
                let _pending = poll_fn(|cx| Poll::Ready(second.as_mut().poll(cx).is_pending())).await;
            }
            drop(first);
            drop(turns.take(&session, Side::Client).await);
            assert!(turns.is_empty());
        });
    }
}

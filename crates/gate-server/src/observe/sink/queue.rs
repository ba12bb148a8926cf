//! What waits for a writer. Bounded in bytes and in pieces; the lock is held for as long as it
//! takes to put a piece in or to take all of them out.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Stats;
use super::output::Settings;

/// Pieces that may wait to be taken; as many again may be in the writer's hands.
const PIECES_MAX: usize = 16 * 1024;
/// Bytes of those pieces.
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// Buffers that are kept for another use.
const SPARE_MAX: usize = 16;
/// Smaller ones are not worth keeping, and larger ones are too much to keep.
const SPARE_SIZES: std::ops::RangeInclusive<usize> = 4 * 1024..=2 * 1024 * 1024;

/// Whole lines of one log.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(crate) bytes: Vec<u8>,
    /// Whose they are.
    pub(crate) stats: Arc<Stats>,
}

/// What a writer is to do.
#[derive(Debug)]
pub(super) enum Job {
    Write(Lines),
    Reopen,
    Set(Settings),
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Job>,
    bytes: usize,
    spare: Vec<Vec<u8>>,
    is_closed: bool,
    /// It will be closed before long.
    is_ending: bool,
}

impl State {
    /// A piece that is larger than the bound has room where it is alone.
    fn has_room(&self, lines: &Lines) -> bool {
        self.waiting.is_empty()
            || (self.waiting.len() < PIECES_MAX && self.bytes.saturating_add(lines.bytes.len()) <= BYTES_MAX)
    }
}

impl Queue {
    pub(super) fn push(&self, lines: Lines) -> Result<(), Lines> {
        let state = self.lock();
        if state.is_closed || !state.has_room(&lines) {
            return Err(lines);
        }
        self.put(state, lines);
        Ok(())
    }

    /// The same, but waits for room. Once the queue is to end, a writer that has taken nothing
    /// for as long as `patience` will take nothing more: then it is closed.
    pub(super) fn push_waiting(&self, lines: Lines, patience: Duration) -> Result<(), Lines> {
        let mut state = self.lock();
        while !state.is_closed && !state.has_room(&lines) {
            let waited = self.emptied.wait_timeout(state, patience);
            let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.is_closed |= timeout.timed_out() && state.is_ending && !state.has_room(&lines);
        }
        if state.is_closed {
            return Err(lines);
        }
        self.put(state, lines);
        Ok(())
    }

    fn put(&self, mut state: MutexGuard<'_, State>, lines: Lines) {
        state.bytes = state.bytes.saturating_add(lines.bytes.len());
        let was_empty = state.waiting.is_empty();
        state.waiting.push_back(Job::Write(lines));
        drop(state);
        if was_empty {
            self.filled.notify_one();
        }
    }

    /// Puts an order behind what waits; there are few of them.
    pub(super) fn order(&self, job: Job) {
        self.lock().waiting.push_back(job);
        self.filled.notify_one();
    }

    /// Takes all that waits, and waits for something; `false`: nothing will come any more.
    pub(super) fn take(&self, into: &mut VecDeque<Job>) -> bool {
        let mut state = self.lock();
        while state.waiting.is_empty() {
            if state.is_closed {
                return false;
            }
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut state.waiting, into);
        state.bytes = 0;
        drop(state);
        self.emptied.notify_all();
        true
    }

    pub(super) fn take_spare(&self) -> Vec<u8> {
        self.lock().spare.pop().unwrap_or_default()
    }

    pub(super) fn give_spare(&self, mut buffer: Vec<u8>) {
        if SPARE_SIZES.contains(&buffer.capacity()) {
            buffer.clear();
            let mut state = self.lock();
            if state.spare.len() < SPARE_MAX {
                state.spare.push(buffer);
            }
        }
    }

    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.filled.notify_one();
        self.emptied.notify_all();
    }

    /// It will be closed before long.
    pub(super) fn end_soon(&self) {
        self.lock().is_ending = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(1);

    fn lines(length: usize) -> Lines {
        Lines { bytes: vec![b'x'; length], stats: Arc::default() }
    }

    #[test]
    fn the_queue_is_bounded_in_pieces_and_in_bytes() {
        let queue = Queue::default();
        for _ in 0..PIECES_MAX {
            queue.push(lines(1)).unwrap();
        }
        assert_eq!(queue.push(lines(1)).unwrap_err().bytes.len(), 1);
        let mut taken = VecDeque::new();
        assert!(queue.take(&mut taken));
        assert_eq!(taken.len(), PIECES_MAX);
        taken.clear();
        queue.push(lines(BYTES_MAX - 1)).unwrap();
        queue.push(lines(1)).unwrap();
        queue.push(lines(1)).unwrap_err();
        assert!(queue.take(&mut taken));
        queue.push(lines(BYTES_MAX + 1)).unwrap();
        queue.push(lines(0)).unwrap_err();
    }

    #[test]
    fn whoever_waits_goes_on_when_there_is_room_or_none_will_ever_be() {
        let queue = Queue::default();
        queue.push(lines(BYTES_MAX)).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.push_waiting(lines(7), PATIENCE));
            let mut taken = VecDeque::new();
            let mut sizes = Vec::new();
            while sizes.len() < 2 {
                assert!(queue.take(&mut taken));
                sizes.extend(taken.drain(..).map(|job| match job {
                    Job::Write(lines) => lines.bytes.len(),
                    Job::Reopen | Job::Set(_) => 0,
                }));
            }
            assert_eq!(sizes, [BYTES_MAX, 7]);
            waiting.join().unwrap().unwrap();
        });
        queue.push(lines(BYTES_MAX)).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.push_waiting(lines(7), PATIENCE));
            queue.close();
            waiting.join().unwrap().unwrap_err();
        });
        let mut taken = VecDeque::new();
        assert!(queue.take(&mut taken), "what waits is still written");
        taken.clear();
        assert!(!queue.take(&mut taken));
    }

    #[test]
    fn at_the_end_nobody_waits_for_a_writer_that_takes_nothing() {
        let queue = Queue::default();
        queue.push(lines(BYTES_MAX)).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.push_waiting(lines(7), PATIENCE));
            queue.end_soon();
            waiting.join().unwrap().unwrap_err();
        });
        queue.push(lines(0)).unwrap_err();
        let mut taken = VecDeque::new();
        assert!(queue.take(&mut taken), "what waits is still written");
    }

    #[test]
    fn buffers_are_used_again_unless_they_are_too_small_or_too_large() {
        let queue = Queue::default();
        for capacity in [1, 64 * 1024, 64 * 1024 * 1024] {
            let mut buffer = Vec::with_capacity(capacity);
            buffer.push(1);
            queue.give_spare(buffer);
        }
        let spare = queue.take_spare();
        assert!(spare.is_empty() && spare.capacity() == 64 * 1024);
        assert_eq!(queue.take_spare().capacity(), 0);
    }
}

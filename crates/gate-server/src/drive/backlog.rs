//! What a peer's connection would not take yet, or, as `unread` has it, may not go yet.
//!
//! A backlog holds what is left of one read and the Close frame that may follow, because
//! the other side is not read while there is one: at most 64 KiB and a few bytes.

use crate::worker::pool::BufferPool;

/// Bytes that wait to be written. Empty, it holds no buffer.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    buffer: Vec<u8>,
    written: usize,
}

impl Backlog {
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// How much is to be written.
    pub(crate) fn len(&self) -> usize {
        self.bytes().len()
    }

    /// What is to be written next.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.written..).unwrap_or_default()
    }

    pub(crate) fn push(&mut self, bytes: &[u8], pool: &BufferPool) {
        if self.buffer.capacity() == 0 {
            self.buffer = pool.take();
        }
        // A peer that takes some now and then, and never all, must not make it grow for ever.
        if self.written > 0 && self.written >= self.len() {
            self.buffer.drain(..self.written);
            self.written = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// `count` bytes have been written; whether that was all.
    pub(crate) fn advance(&mut self, count: usize, pool: &BufferPool) -> bool {
        self.written += count;
        let done = self.written >= self.buffer.len();
        if done {
            self.clear(pool);
        }
        done
    }

    pub(crate) fn clear(&mut self, pool: &BufferPool) {
        self.written = 0;
        pool.give_back(std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drained_backlog_keeps_no_buffer_and_the_pool_gives_it_out_again() {
        let pool = BufferPool::default();
        let mut backlog = Backlog::default();
        backlog.push(b"abcdef", &pool);
        assert!(!backlog.advance(2, &pool));
        backlog.push(b"gh", &pool);
        assert_eq!(backlog.bytes(), b"cdefgh");
        assert!(backlog.advance(6, &pool));
        assert!(backlog.is_empty());
        assert_eq!(backlog.buffer.capacity(), 0);
        assert_eq!(pool.spare(), 1);
        backlog.push(b"x", &pool);
        assert_eq!(pool.spare(), 0);
    }

    #[test]
    fn what_has_been_written_is_let_go_of_while_more_comes() {
        let pool = BufferPool::default();
        let mut backlog = Backlog::default();
        backlog.push(&[7; 1_000], &pool);
        for _ in 0..1_000 {
            assert!(!backlog.advance(900, &pool));
            backlog.push(&[7; 900], &pool);
            assert_eq!(backlog.len(), 1_000);
        }
        assert!(backlog.buffer.len() <= 4_000, "{}", backlog.buffer.len());
    }
}

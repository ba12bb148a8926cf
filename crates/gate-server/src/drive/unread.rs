//! What was read of a peer and has to wait, because the session lets its next frame pass only
//! later. It goes before what is read next.
//!
//! It holds what is left of one read, because that peer is not read meanwhile: at most 64 KiB,
//! or what came with the opening handshake.

use crate::drive::backlog::Backlog;
use crate::worker::pool::BufferPool;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    waiting: Backlog,
    /// The first of them, which have been lent out and may come back.
    lent: usize,
}

impl Unread {
    /// Takes bytes that follow on those there are.
    pub(crate) fn push(&mut self, bytes: &[u8], pool: &BufferPool) {
        self.waiting.push(bytes, pool);
    }

    /// Copies the next bytes to `space` and says how many; none: there are no more. What was lent
    /// before does not come back any more.
    pub(crate) fn lend(&mut self, space: &mut [u8], pool: &BufferPool) -> usize {
        self.waiting.advance(self.lent, pool);
        let rest = self.waiting.bytes();
        self.lent = rest.len().min(space.len());
        if let (Some(space), Some(bytes)) = (space.get_mut(..self.lent), rest.get(..self.lent)) {
            space.copy_from_slice(bytes);
        }
        self.lent
    }

    /// The last `count` of the bytes that were lent out have to wait again.
    pub(crate) fn take_back(&mut self, count: usize) {
        self.lent = self.lent.saturating_sub(count);
    }

    /// Gives the buffer back.
    pub(crate) fn release(mut self, pool: &BufferPool) {
        self.waiting.clear(pool);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_in_their_order_until_there_are_none() {
        let pool = BufferPool::default();
        let mut unread = Unread::default();
        unread.push(b"abc", &pool);
        unread.push(b"defgh", &pool);
        let mut space = [0; 4];
        assert_eq!((unread.lend(&mut space, &pool), &space), (4, b"abcd"));
        unread.take_back(3);
        assert_eq!((unread.lend(&mut space, &pool), &space), (4, b"bcde"));
        assert_eq!((unread.lend(&mut space, &pool), &space[..3]), (3, &b"fgh"[..]));
        assert_eq!(unread.lend(&mut space, &pool), 0);
        unread.release(&pool);
        assert_eq!(pool.spare(), 1);
    }
}

//! What was read of a peer and has to wait, because the session lets its next frame pass only
//! later. It goes before what is read next.
//!
//! It holds what is left of one read, because that peer is not read meanwhile: at most 64 KiB,
//! or what came with the opening handshake.

use crate::worker::pool::BufferPool;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    buffer: Vec<u8>,
    /// Bytes of it that have been lent out.
    lent: usize,
}

impl Unread {
    /// Takes bytes that follow on those there are.
    pub(crate) fn push(&mut self, bytes: &[u8], pool: &BufferPool) {
        if self.buffer.capacity() == 0 {
            self.buffer = pool.take();
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Copies the next bytes to `space` and says how many; none: there are no more.
    pub(crate) fn lend(&mut self, space: &mut [u8]) -> usize {
        let rest = self.buffer.get(self.lent..).unwrap_or_default();
        let count = rest.len().min(space.len());
        if let (Some(space), Some(bytes)) = (space.get_mut(..count), rest.get(..count)) {
            space.copy_from_slice(bytes);
        }
        self.lent += count;
        count
    }

    /// The last `count` of the bytes that were lent out have to wait again.
    pub(crate) fn take_back(&mut self, count: usize) {
        self.lent = self.lent.saturating_sub(count);
    }

    /// Gives the buffer back.
    pub(crate) fn release(self, pool: &BufferPool) {
        pool.give_back(self.buffer);
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
        assert_eq!((unread.lend(&mut space), &space), (4, b"abcd"));
        unread.take_back(3);
        assert_eq!((unread.lend(&mut space), &space), (4, b"bcde"));
        assert_eq!((unread.lend(&mut space), &space[..3]), (3, &b"fgh"[..]));
        assert_eq!(unread.lend(&mut space), 0);
        unread.release(&pool);
        assert_eq!(pool.spare(), 1);
    }
}

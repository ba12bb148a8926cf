//! One peer's connection as the driver holds it: the transport, what it would not take
//! yet, the FIN that waits behind that, and what was read of it before its time.

use std::io;
use std::task::{Context, Poll};

use gate_net::Transport;

use crate::drive::backlog::Backlog;
use crate::drive::unread::Unread;
use crate::worker::pool::BufferPool;

/// See the module.
pub(crate) struct Pipe<T> {
    /// `None` once aborted.
    io: Option<T>,
    backlog: Backlog,
    /// Boxed: few sessions ever have it.
    unread: Option<Box<Unread>>,
    /// A FIN is due once the backlog is written.
    finish_due: bool,
    /// A write has failed, so that the connection does not end in order.
    broken: bool,
}

/// What became of bytes that were to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// The connection took all there was.
    All,
    /// Some wait, but some went.
    Some,
    /// Bytes wait and none went.
    Nothing,
    /// The connection takes nothing any more.
    Broken,
}

impl<T: Transport> Pipe<T> {
    pub(crate) fn new(io: T) -> Self {
        Self { io: Some(io), backlog: Backlog::default(), unread: None, finish_due: false, broken: false }
    }

    pub(crate) fn is_blocked(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Bytes that wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.backlog.len()
    }

    /// Reads into `space`, first what had to wait; an aborted connection is at its end.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        space: &mut [u8],
        pool: &BufferPool,
    ) -> Poll<io::Result<usize>> {
        if let Some(unread) = &mut self.unread {
            let count = unread.lend(space, pool);
            if count > 0 {
                return Poll::Ready(Ok(count));
            }
            self.forget_unread(pool);
        }
        let Some(io) = &mut self.io else { return Poll::Ready(Ok(0)) };
        let read = io.poll_read(cx, space);
        // The kernel reports an RST once. Where the report went to a write, what a read
        // finds behind the last bytes looks like a FIN.
        if self.broken && matches!(read, Poll::Ready(Ok(0))) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        read
    }

    /// What is left of the last read has to wait.
    pub(crate) fn keep(&mut self, rest: &[u8], pool: &BufferPool) {
        match &mut self.unread {
            Some(unread) => unread.take_back(rest.len()),
            None => self.keep_behind(rest, pool),
        }
    }

    /// Bytes that have to wait behind those that wait.
    pub(crate) fn keep_behind(&mut self, bytes: &[u8], pool: &BufferPool) {
        self.unread.get_or_insert_default().push(bytes, pool);
    }

    /// Writes `bytes` behind all that went before; what does not go at once waits, and
    /// the task is woken when it can.
    pub(crate) fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8], pool: &BufferPool) -> Written {
        if self.is_blocked() {
            self.backlog.push(bytes, pool);
            return Written::Nothing;
        }
        let Some(io) = &mut self.io else { return Written::Broken };
        let mut rest = bytes;
        while !rest.is_empty() {
            match io.poll_write(cx, rest) {
                Poll::Ready(Ok(count @ 1..)) => rest = rest.get(count..).unwrap_or_default(),
                Poll::Ready(Ok(0) | Err(_)) => return self.broke(pool),
                Poll::Pending => {
                    self.backlog.push(rest, pool);
                    return if rest.len() < bytes.len() { Written::Some } else { Written::Nothing };
                }
            }
        }
        Written::All
    }

    /// Writes what waits, and the FIN behind it.
    pub(crate) fn flush(&mut self, cx: &mut Context<'_>, pool: &BufferPool) -> Written {
        let Some(io) = &mut self.io else { return Written::All };
        let mut progress = Written::Nothing;
        while !self.backlog.is_empty() {
            match io.poll_write(cx, self.backlog.bytes()) {
                Poll::Ready(Ok(count @ 1..)) => {
                    progress = Written::Some;
                    self.backlog.advance(count, pool);
                }
                Poll::Ready(Ok(0) | Err(_)) => return self.broke(pool),
                Poll::Pending => return progress,
            }
        }
        self.poll_finish(cx)
    }

    /// Ends the stream to the peer once all that waits has gone.
    pub(crate) fn finish(&mut self, cx: &mut Context<'_>) -> Written {
        self.finish_due = true;
        if self.is_blocked() { Written::Nothing } else { self.poll_finish(cx) }
    }

    /// Cuts the peer off and forgets what waits.
    pub(crate) fn abort(&mut self, pool: &BufferPool) {
        if let Some(mut io) = self.io.take() {
            io.abort();
        }
        self.finish_due = false;
        self.release(pool);
    }

    /// Gives all buffers back; nothing more will be written or read.
    pub(crate) fn release(&mut self, pool: &BufferPool) {
        self.backlog.clear(pool);
        self.forget_unread(pool);
    }

    fn forget_unread(&mut self, pool: &BufferPool) {
        if let Some(unread) = self.unread.take() {
            unread.release(pool);
        }
    }

    /// A write has failed: what waits will never go.
    fn broke(&mut self, pool: &BufferPool) -> Written {
        self.broken = true;
        self.backlog.clear(pool);
        Written::Broken
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Written {
        if !self.finish_due {
            return Written::All;
        }
        let Some(io) = &mut self.io else { return Written::All };
        match io.poll_finish(cx) {
            Poll::Ready(Ok(())) => {
                self.finish_due = false;
                Written::All
            }
            Poll::Ready(Err(_)) => {
                self.broken = true;
                self.finish_due = false;
                Written::Broken
            }
            Poll::Pending => Written::All,
        }
    }
}

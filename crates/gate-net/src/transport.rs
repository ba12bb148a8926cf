//! The seam between the drivers and what bytes travel on. Readiness is kept by the
//! transport: a read or write that comes up short has used it up, so that no call is
//! made only to be told that there is nothing.

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::task::coop::has_budget_remaining;

use crate::socket::Socket;

/// A stream of bytes in each direction, driven by one task.
pub trait Transport: Unpin {
    /// Reads into `buffer`; 0 bytes are the end of the stream.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;
    /// Writes some of `bytes`. What was refused must be offered again, behind `Pending`, with
    /// the same bytes in front: a transport may have taken them in already.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;
    /// Ends the stream to the peer, behind all that was written.
    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// Makes the coming drop tell the peer that the stream is broken.
    fn abort(&mut self);
}

/// A socket as it is, with the system calls made directly: the C library's are points of cancellation,
/// which costs in a process of several threads.
#[derive(Debug)]
pub struct Plain {
    socket: Socket,
    /// The task is registered to be woken when there is something to read, and has not
    /// been since. A session has two connections and is woken for one of them: the other
    /// need not be registered anew.
    is_armed: bool,
}

impl Plain {
    /// A transport over `socket`.
    #[must_use]
    pub fn new(socket: Socket) -> Self {
        Self { socket, is_armed: false }
    }

    /// See [`crate::Stream::change_task`].
    pub(crate) fn change_task(&mut self) {
        self.is_armed = false;
    }

    /// What it is over.
    #[must_use]
    pub fn socket(&self) -> &Socket {
        &self.socket
    }
}

impl Transport for Plain {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            let was_armed = self.is_armed;
            let mut read = None;
            let tried = self.socket.try_io(Interest::READABLE, || {
                self.is_armed = false;
                let (count, _) = recv(&self.socket, &mut *buffer, RecvFlags::empty())?;
                read = Some(count);
                use_up(count > 0 && count < buffer.len())
            });
            if let Some(count) = read {
                return Poll::Ready(Ok(count));
            }
            if let Err(error) = tried
                && !is_for_later(&error)
            {
                return Poll::Ready(Err(error));
            }
            if was_armed && self.is_armed {
                return Poll::Pending;
            }
            match self.socket.poll_read_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    // To a task whose budget is used up tokio says this without asking the socket.
                    self.is_armed = has_budget_remaining();
                    return Poll::Pending;
                }
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut written = None;
            let tried = self.socket.try_io(Interest::WRITABLE, || {
                let count = send(&self.socket, bytes, SendFlags::NOSIGNAL)?;
                written = Some(count);
                use_up(count < bytes.len())
            });
            if let Some(count) = written {
                return Poll::Ready(Ok(count));
            }
            if let Err(error) = tried
                && !is_for_later(&error)
            {
                return Poll::Ready(Err(error));
            }
            match self.socket.poll_write_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn poll_finish(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(shutdown(&self.socket, Shutdown::Write).map_err(io::Error::from))
    }

    fn abort(&mut self) {
        // Without lingering, close(2) sends an RST. Where that is refused the peer gets a
        // FIN, which ends it as well.
        let _best_effort = SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
    }
}

/// The call was not made, found nothing to do, or was interrupted by a signal.
fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Tells tokio that the readiness of a stream is used up, where it is: a call that moved
/// less than it could has left the socket empty, or full.
fn use_up(is_short: bool) -> io::Result<()> {
    if is_short { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
}

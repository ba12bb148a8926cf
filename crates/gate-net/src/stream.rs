//! One stream for all that a peer can be reached by. To drivers it is a [`Transport`], to
//! HTTP libraries an `AsyncRead` and `AsyncWrite`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::socket::Socket;
use crate::tls::{Negotiated, Tls};
use crate::transport::{Plain, Transport};

/// See the module.
#[derive(Debug)]
pub enum Stream {
    /// Bytes as they are.
    Plain(Plain),
    /// Bytes within TLS.
    Tls(Box<Tls>),
}

impl Stream {
    /// A stream without TLS.
    #[must_use]
    pub fn plain(socket: Socket) -> Self {
        Self::Plain(Plain::new(socket))
    }

    /// The socket at the bottom.
    #[must_use]
    pub fn socket(&self) -> &Socket {
        match self {
            Self::Plain(plain) => plain.socket(),
            Self::Tls(tls) => tls.plain().socket(),
        }
    }

    /// Another task reads it from here on than the one that did so far: that one must not be woken in
    /// its place.
    pub fn change_task(&mut self) {
        match self {
            Self::Plain(plain) => plain.change_task(),
            Self::Tls(tls) => tls.plain_mut().change_task(),
        }
    }

    /// What was agreed on with the peer; `None` without TLS. To be asked for once: the name
    /// that the client asked for is not kept behind that.
    pub fn negotiated(&mut self) -> Option<Negotiated> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(tls) => Some(tls.negotiated()),
        }
    }
}

impl Stream {
    fn is_cut(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.is_cut(),
        }
    }
}

impl Transport for Stream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(plain) => plain.poll_read(cx, buffer),
            Self::Tls(tls) => tls.poll_read(cx, buffer),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(plain) => plain.poll_write(cx, bytes),
            Self::Tls(tls) => tls.poll_write(cx, bytes),
        }
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(plain) => plain.poll_finish(cx),
            Self::Tls(tls) => tls.poll_finish(cx),
        }
    }

    fn abort(&mut self) {
        match self {
            Self::Plain(plain) => plain.abort(),
            Self::Tls(tls) => tls.abort(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let space = into.initialize_unfilled();
        let has_room = !space.is_empty();
        match Transport::poll_read(&mut *self, cx, space) {
            // The end of a body may be the end of the stream, which must then be the upstream's
            // own word: anybody on the way can forge a FIN.
            Poll::Ready(Ok(0)) if has_room && self.is_cut() => {
                Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()))
            }
            Poll::Ready(Ok(count)) => {
                into.advance(count);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Transport::poll_write(&mut *self, cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Tls(tls) => tls.poll_send(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_finish(cx)
    }
}

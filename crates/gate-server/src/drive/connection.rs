//! The one task of a client's connection: its opening handshake, then its session. The
//! state of the handshake is boxed, so that none of it is left when the session runs.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use gate_net::Stream;

use crate::drive::session::SessionDriver;

/// What an opening handshake comes to.
pub(crate) struct Established {
    pub(crate) driver: SessionDriver<Stream, Stream>,
    /// Bytes that came behind the two handshakes: the client's, the upstream's.
    pub(crate) early: [Bytes; 2],
}

/// An opening handshake under way; `None` when it comes to nothing.
pub(crate) type Handshake = Pin<Box<dyn Future<Output = Option<Established>>>>;

/// See the module.
#[expect(clippy::large_enum_variant, reason = "the session is what a connection is for nearly all its life")]
pub(crate) enum Connection {
    Handshake(Handshake),
    Session(SessionDriver<Stream, Stream>),
}

impl Future for Connection {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Self::Handshake(handshake) = &mut *self {
            let established = match handshake.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Ready(Some(established)) => established,
            };
            let Established { mut driver, early: [client, upstream] } = established;
            driver.begin(cx, [&client, &upstream]);
            self.set(Self::Session(driver));
        }
        match &mut *self {
            Self::Handshake(_) => Poll::Pending,
            Self::Session(driver) => driver.poll(cx),
        }
    }
}

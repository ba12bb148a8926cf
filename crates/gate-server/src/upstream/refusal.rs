//! An answer other than 101. How long its body is and how it is coded is HTTP's business
//! and hyper's: it is given the stream with the head put back in front, and made to
//! believe that it has sent the request.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use gate_net::Stream;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;

use crate::upstream::line::{Line, SendError};
use crate::upstream::upgrade::Refused;
use crate::upstream::upload::{Progress, Upload};

/// The response that has begun at `address`, and the connection that its body comes on. Its head
/// is there, so nothing is waited for.
pub(super) async fn response(
    refused: Refused,
    address: Arc<str>,
) -> Result<(Response<Incoming>, Line), hyper::Error> {
    let Refused { stream, head } = refused;
    let stream = TokioIo::new(stream);
    let replay = Replay { front: [head.raw, head.behind], stream, asked: false, reader: None };
    let mut line = Line::over(replay, address).await?;
    match line.send(Request::new(Upload::none(&Progress::new()))).await {
        Ok(response) => Ok((response, line)),
        Err(SendError::Unsent(_, error) | SendError::Sent(error)) => Err(error),
    }
}

/// A stream that gives bytes already read once more, and takes what is written for sent.
struct Replay {
    front: [Bytes; 2],
    stream: TokioIo<Stream>,
    /// The request has been written. A response before it would be a fault to hyper.
    asked: bool,
    /// Who waits to read until then.
    reader: Option<Waker>,
}

impl Read for Replay {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.asked {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if let Some(bytes) = self.front.iter_mut().find(|bytes| !bytes.is_empty()) {
            let count = bytes.len().min(into.remaining());
            into.put_slice(bytes.get(..count).unwrap_or_default());
            bytes.advance(count);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl Write for Replay {
    fn poll_write(mut self: Pin<&mut Self>, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.asked = true;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

//! An answer other than 101. How long its body is and how it is coded is HTTP's business
//! and hyper's: it is given the stream with the head put back in front, and made to
//! believe that it has sent the request.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use gate_net::Stream;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1::Builder;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;

use crate::upstream::error::{BODY_MAX, UpgradeError};
use crate::upstream::head::Head;

/// A response that opens no WebSocket.
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Reads the whole response whose head has been read from `stream`.
pub(crate) async fn read(stream: Stream, head: Head) -> Result<Refused, UpgradeError> {
    let stream = TokioIo::new(stream);
    let replay = Replay { front: [head.raw, head.behind], stream, asked: false, reader: None };
    let (mut sender, connection) = Builder::new().handshake(replay).await?;
    let response = async {
        let (head, body) = sender.send_request(Request::new(Empty::<Bytes>::new())).await?.into_parts();
        let body = Limited::new(body, BODY_MAX).collect().await.map_err(|_| UpgradeError::RefusalBody)?;
        Ok(Refused { status: head.status, headers: head.headers, body: body.to_bytes() })
    };
    // The connection may end before the response has been taken, and is not to be waited for.
    let connection = async {
        let _response_is_told = connection.await;
        pending().await
    };
    tokio::select! {
        response = response => response,
        never = connection => never,
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

//! One connection to a target for plain HTTP: hyper's, and the task that runs it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::task::{AbortHandle, spawn_local, unconstrained};

use crate::upstream::dial::Dialled;
use crate::upstream::upload::Upload;

/// See the module. Dropped, the connection ends at once, whatever is under way on it.
pub(crate) struct Line {
    sender: SendRequest<Upload>,
    task: AbortHandle,
    /// Where it leads.
    address: Arc<str>,
}

/// Why a request got no answer on a line.
pub(crate) enum SendError {
    /// Nothing of it was sent: here it is again.
    Unsent(Box<Request<Upload>>, hyper::Error),
    /// It was sent, or some of it.
    Sent(hyper::Error),
}

impl Line {
    /// Takes a connection into use.
    pub(crate) async fn new(dialled: Dialled) -> Result<Self, hyper::Error> {
        let Dialled { stream, address } = dialled;
        Self::over(Heard { stream: TokioIo::new(stream), takes_nothing: false }, address).await
    }

    /// The same of any bytes that go to `address` and come from there.
    pub(crate) async fn over<S>(io: S, address: Arc<str>) -> Result<Self, hyper::Error>
    where
        S: Read + Write + Unpin + 'static,
    {
        let (sender, connection) = Builder::new().max_header_size(HEAD_MAX).handshake(io).await?;
        // Without tokio's budget, as the socket needs it. What goes wrong is told to whoever
        // waits for an answer.
        let task = spawn_local(unconstrained(async move {
            let _told = connection.await;
        }));
        Ok(Self { sender, task: task.abort_handle(), address })
    }

    pub(crate) fn address(&self) -> &Arc<str> {
        &self.address
    }

    /// Sends a request and waits for the head of the answer. To be given up by dropping it, and
    /// the line with it.
    pub(crate) async fn send(&mut self, request: Request<Upload>) -> Result<Response<Incoming>, SendError> {
        self.sender.try_send_request(request).await.map_err(|mut error| match error.take_message() {
            Some(request) => SendError::Unsent(Box::new(request), error.into_error()),
            None => SendError::Sent(error.into_error()),
        })
    }

    /// The target has ended it, or something went wrong on it.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// The last exchange is wholly over, and another may begin.
    pub(crate) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// Waits for that.
    pub(crate) async fn ready(&mut self) -> Result<(), hyper::Error> {
        self.sender.ready().await
    }
}

/// A stream whose end is told by reading alone. A target that answers before it has all of a
/// request and ends the connection lets writing fail while the answer waits to be read, and to
/// hyper what comes first is what became of the request.
struct Heard<S> {
    stream: S,
    /// Writing has failed; what is still to be written is dropped.
    takes_nothing: bool,
}

impl<S> Heard<S> {
    /// Takes what a target does not take any more for written.
    fn or_dropped<T>(&mut self, polled: Poll<io::Result<T>>, all: T) -> Poll<io::Result<T>> {
        match polled {
            Poll::Ready(Err(error)) if is_end(&error) => {
                self.takes_nothing = true;
                Poll::Ready(Ok(all))
            }
            polled @ (Poll::Pending | Poll::Ready(Ok(_) | Err(_))) => polled,
        }
    }
}

/// The target has closed the connection, in order or not; reading will say so too.
fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

impl<S: Read + Unpin> Read for Heard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: Write + Unpin> Write for Heard<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.takes_nothing {
            return Poll::Ready(Ok(bytes.len()));
        }
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.or_dropped(polled, bytes.len())
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = parts.iter().map(|part| part.len()).sum();
        if self.takes_nothing {
            return Poll::Ready(Ok(all));
        }
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.or_dropped(polled, all)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.takes_nothing {
            return Poll::Ready(Ok(()));
        }
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.or_dropped(polled, ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Bytes of an answer's head, and of its trailers. Lines there may be 100, which is hyper's own limit.
const HEAD_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::{BodyExt, Full};
    use std::task::Waker;

    use super::*;
    use crate::upstream::fake::run;

    /// A connection that the target has ended behind its answer, which is noticed by writing first.
    #[derive(Default)]
    struct Ended {
        answer: &'static [u8],
        has_failed: bool,
        reader: Option<Waker>,
    }

    impl Read for Ended {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            mut into: ReadBufCursor<'_>,
        ) -> Poll<io::Result<()>> {
            if !self.has_failed {
                self.reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
            into.put_slice(std::mem::take(&mut self.answer));
            Poll::Ready(Ok(()))
        }
    }

    impl Write for Ended {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            self.has_failed = true;
            if let Some(reader) = self.reader.take() {
                reader.wake();
            }
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// What becomes of a request on such a connection: the status and the body, or nothing.
    fn heard(answer: &'static [u8]) -> Option<(u16, Bytes)> {
        run(async {
            let ended = Ended { answer, ..Ended::default() };
            let io = Heard { stream: ended, takes_nothing: false };
            let (mut sender, connection) = Builder::new().handshake(io).await.unwrap();
            spawn_local(connection);
            let request = Request::post("/").body(Full::new(Bytes::from_static(&[b'x'; 100_000]))).unwrap();
            let response = sender.send_request(request).await.ok()?;
            let status = response.status().as_u16();
            Some((status, response.into_body().collect().await.ok()?.to_bytes()))
        })
    }

    #[test]
    fn an_answer_is_heard_though_nothing_of_the_request_is_taken() {
        let answer = b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno";
        assert_eq!(heard(answer), Some((403, Bytes::from_static(b"no"))));
    }

    #[test]
    fn a_connection_that_ends_without_an_answer_is_lost() {
        assert_eq!(heard(b""), None);
    }
}

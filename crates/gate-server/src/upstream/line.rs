//! One connection to a target for plain HTTP: hyper's, and the task that runs it.

use std::sync::Arc;

use gate_net::Stream;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::task::{AbortHandle, spawn_local, unconstrained};

use crate::upstream::dial::Dialled;
use crate::upstream::upload::Upload;

/// See the module. Dropped, the connection ends at once, whatever is under way on it.
pub(super) struct Line {
    sender: SendRequest<Upload>,
    task: AbortHandle,
    /// Where it leads.
    address: Arc<str>,
}

/// Why a request got no answer on a line.
pub(super) enum SendError {
    /// Nothing of it was sent: here it is again.
    Unsent(Box<Request<Upload>>, hyper::Error),
    /// It was sent, or some of it.
    Sent(hyper::Error),
}

impl Line {
    /// Takes a connection into use.
    pub(super) async fn new(dialled: Dialled) -> Result<Self, hyper::Error> {
        let Dialled { stream, address } = dialled;
        let io: TokioIo<Stream> = TokioIo::new(stream);
        let (sender, connection) = Builder::new().max_header_size(HEAD_MAX).handshake(io).await?;
        // Without tokio's budget, as the socket needs it. What goes wrong is told to whoever
        // waits for an answer.
        let task = spawn_local(unconstrained(async move {
            let _told = connection.await;
        }));
        Ok(Self { sender, task: task.abort_handle(), address })
    }

    pub(super) fn address(&self) -> &Arc<str> {
        &self.address
    }

    /// Sends a request and waits for the head of the answer. To be given up by dropping it, and
    /// the line with it.
    pub(super) async fn send(&mut self, request: Request<Upload>) -> Result<Response<Incoming>, SendError> {
        self.sender.try_send_request(request).await.map_err(|mut error| match error.take_message() {
            Some(request) => SendError::Unsent(Box::new(request), error.into_error()),
            None => SendError::Sent(error.into_error()),
        })
    }

    /// The target has ended it, or something went wrong on it.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// The last exchange is wholly over, and another may begin.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// Waits for that.
    pub(super) async fn ready(&mut self) -> Result<(), hyper::Error> {
        self.sender.ready().await
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Bytes of an answer's head, and of its trailers. Lines there may be 100, which is hyper's own limit.
const HEAD_MAX: usize = 64 * 1024;

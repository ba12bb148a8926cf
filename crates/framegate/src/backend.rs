//! The embedded WebSocket backend: an echo, a chat room, and a page to try both in a browser.
//!
//! It owns its listener and one task per connection. It knows nothing of the gateway but the address that the
//! page should open its sockets at. Message sizes are unlimited on the echo, so that in front of it only the
//! gateway's own limits show; it is for trying and testing, not for the open internet.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

mod chat;
mod session;
mod site;

use site::Site;

/// What the backend needs to know besides its listener.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Where the page opens its WebSockets.
    pub(crate) sockets: Sockets,
}

/// Where the page opens its WebSockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sockets {
    /// At the backend itself, under the address that the page came from.
    Here,
    /// At a gateway in front of it. An unspecified address (`0.0.0.0`, `[::]`) means the host of the page.
    Gateway(SocketAddr),
}

/// Serves until `shutdown` resolves, then closes every WebSocket with 1001 and waits a moment for answers.
pub(crate) async fn serve(listener: TcpListener, settings: Settings, shutdown: impl Future<Output = ()>) {
    let site = Arc::new(Site::new(settings));
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let stopping = Stopping(stopping.clone());
                    connections.spawn(serve_connection(stream, Arc::clone(&site), stopping));
                }
                // Usually the process is out of descriptors; at once it would only fail again, at full speed.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    stop.send_replace(true);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    // Dropping the set aborts whoever has not answered by then.
    let _late = tokio::time::timeout(SHUTDOWN_WAIT, all_ended).await;
}

/// Tells a connection that the backend is being shut down.
#[derive(Debug, Clone)]
struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Resolves when shutdown begins, at once if it has begun.
    async fn begun(&mut self) {
        // An error means that the sender is gone, and with it the backend.
        let _gone = self.0.wait_for(|stopping| *stopping).await;
    }
}

/// How long an HTTP client may take for a request's head.
const HEAD_WAIT: Duration = Duration::from_secs(10);
/// How long peers have for answering the Close at shutdown.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(2);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// One connection's life: HTTP requests, then at most one WebSocket in the same task.
async fn serve_connection(stream: TcpStream, site: Arc<Site>, mut stopping: Stopping) {
    // Without this the kernel holds small frames back until the peer acknowledges the ones before.
    let _refused = stream.set_nodelay(true);
    // Capacity one: HTTP/1.1 upgrades a connection once. Ends with the service, which owns the sender.
    let (upgrades, mut upgraded) = mpsc::channel(1);
    let service = service_fn(move |request| {
        let response = site.answer(request, &upgrades);
        async { Ok::<_, Infallible>(response) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WAIT);
    {
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
        // A peer that breaks off or speaks no HTTP is its own affair: nobody would learn from the error.
        let _broken_off = tokio::select! {
            result = connection.as_mut() => result,
            () = stopping.begun() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
    }
    if let Ok(opening) = upgraded.try_recv() {
        session::run(opening, stopping).await;
    }
}

#[cfg(test)]
mod tests;

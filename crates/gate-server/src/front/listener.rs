//! Accepting: one task per listener and worker. It pauses while too many connections wait
//! for their first answer, so that clients wait in the kernel's queue and not in memory.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use gate_config::model::Level;
use gate_net::Socket;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::{spawn_local, unconstrained};
use tokio::time::sleep;

use crate::drive::connection::Connection;
use crate::front::arrival;
use crate::snapshot::ListenerId;
use crate::worker::Worker;

/// After a failed accept (no files left, as a rule) others get time to end.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// A socket that listens for one of the configured listeners.
pub(crate) struct Listening {
    pub(crate) id: ListenerId,
    pub(crate) socket: Acceptable,
}

/// See [`Listening`].
pub(crate) enum Acceptable {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Acceptable {
    /// A connection, and its peer's address, of which the socket itself knows nothing once
    /// the peer has reset it; `None` over a unix socket.
    async fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Socket::Tcp(stream), Some(peer)))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Socket::Unix(stream), None))
            }
        }
    }
}

/// Accepts for ever.
pub(crate) async fn accept(worker: Rc<Worker>, listening: Listening) {
    let Listening { id, socket: listener } = listening;
    loop {
        let Ok(permit) = Arc::clone(&worker.handshakes).acquire_owned().await else { return };
        match listener.accept().await {
            Ok(accepted) => {
                worker.counters.accepted.add(1);
                let arrival = arrival::open(Rc::clone(&worker), id, accepted, permit);
                // Without tokio's budget: a session takes turns by its own count of reads.
                spawn_local(unconstrained(Connection::Handshake(Box::pin(arrival))));
            }
            Err(error) if is_of_one_client(&error) => worker.counters.accept_errors.add(1),
            Err(error) => {
                worker.counters.accept_errors.add(1);
                worker
                    .records
                    .error("accept_error", Level::Error, |line| line.text("detail", &error.to_string()));
                sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
}

/// The client was gone before it was accepted (accept(2)).
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

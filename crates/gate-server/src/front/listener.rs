//! Accepting: one task per socket. It pauses while too many connections wait for their first
//! answer, so that clients wait in the kernel's queue and not in memory.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use gate_config::model::Level;
use gate_net::Socket;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixListener, UnixStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{JoinHandle, spawn_local, unconstrained};
use tokio::time::sleep;

use crate::drive::connection::Connection;
use crate::front::arrival;
use crate::sip;
use crate::snapshot::ListenerId;
use crate::sockets::{Bound, SocketKey};
use crate::worker::Worker;

/// After a failed accept (no files left, as a rule) others get time to end.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// A socket that listens for one of the configured listeners.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) key: SocketKey,
    pub(crate) id: ListenerId,
    pub(crate) socket: Acceptable,
}

/// See [`Listening`].
#[derive(Debug)]
pub(crate) enum Acceptable {
    Tcp(TcpListener),
    Unix(UnixListener),
    /// Nobody connects: messages are read from it.
    Udp(Rc<UdpSocket>),
}

/// A connection, and its peer's address, of which the socket itself knows nothing once the peer
/// has reset it; `None` over a unix socket.
type Accepted = (Socket, Option<SocketAddr>);

impl Acceptable {
    /// Registers a socket with the runtime that this is called in.
    ///
    /// # Errors
    /// When the runtime cannot watch it.
    pub(crate) fn register(bound: Bound) -> io::Result<Self> {
        match bound {
            Bound::Tcp(listener) => TcpListener::from_std(listener).map(Self::Tcp),
            Bound::Unix(listener) => UnixListener::from_std(listener).map(Self::Unix),
            Bound::Udp(socket) => UdpSocket::from_std(socket).map(|socket| Self::Udp(Rc::new(socket))),
        }
    }

    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Socket::Tcp(stream), Some(peer)))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Socket::Unix(stream), None))
            }
            Self::Udp(_) => std::future::pending().await,
        }
    }

    /// A connection that waits already. The runtime is not asked: it may not have heard of it yet.
    fn accept_at_once(&self) -> io::Result<Accepted> {
        let accept = |listener: SockRef<'_>| {
            let (stream, peer) = listener.accept()?;
            stream.set_nonblocking(true)?;
            Ok::<_, io::Error>((stream, peer))
        };
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = accept(SockRef::from(listener))?;
                Ok((Socket::Tcp(TcpStream::from_std(stream.into())?), peer.as_socket()))
            }
            Self::Unix(listener) => {
                let (stream, _) = accept(SockRef::from(listener))?;
                Ok((Socket::Unix(UnixStream::from_std(stream.into())?), None))
            }
            Self::Udp(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

/// A socket that is accepted from.
#[derive(Debug)]
pub(crate) struct Accepting {
    key: SocketKey,
    /// The listener that clients come to; another one, perhaps, after a reload.
    id: Rc<Cell<ListenerId>>,
    socket: Rc<Acceptable>,
    task: JoinHandle<()>,
}

impl Accepting {
    /// Accepts from a socket until told otherwise.
    pub(crate) fn begin(worker: &Rc<Worker>, listening: Listening) -> Self {
        let Listening { key, id, socket } = listening;
        let (id, socket) = (Rc::new(Cell::new(id)), Rc::new(socket));
        let task = match &*socket {
            Acceptable::Udp(socket) => {
                spawn_local(sip::socket::listen(Rc::clone(worker), Rc::clone(&id), Rc::clone(socket)))
            }
            Acceptable::Tcp(listener) => {
                if let Ok(address) = listener.local_addr() {
                    worker.open_door(&id, address.to_string().into());
                }
                spawn_local(accept(Rc::clone(worker), Rc::clone(&id), Rc::clone(&socket)))
            }
            Acceptable::Unix(_) => spawn_local(accept(Rc::clone(worker), Rc::clone(&id), Rc::clone(&socket))),
        };
        Self { key, id, socket, task }
    }

    pub(crate) fn key(&self) -> SocketKey {
        self.key
    }

    /// Whoever comes from this moment on comes to listener `id`.
    pub(crate) fn go_on_as(&self, id: ListenerId) {
        self.id.set(id);
    }

    /// Stops accepting from a socket on which others go on: who waits there waits for them.
    pub(crate) async fn leave(self) -> Rc<Acceptable> {
        self.task.abort();
        // Until the task has let go of the socket.
        let _cancelled = self.task.await;
        self.socket
    }

    /// The worker is about to drain. Answers what goes on until its sessions are gone: datagrams, and
    /// connections of servers that have something for the clients that are still there. All else is closed.
    pub(crate) async fn drain(self, worker: &Rc<Worker>) -> Option<Self> {
        match &*self.socket {
            Acceptable::Udp(_) => Some(self),
            Acceptable::Tcp(_) if self.is_for_servers(worker) => {
                let (key, id) = (self.key, Rc::clone(&self.id));
                let socket = self.leave().await;
                let late = accept_late(Rc::clone(worker), Rc::clone(&id), Rc::clone(&socket));
                Some(Self { key, id, socket, task: spawn_local(late) })
            }
            Acceptable::Tcp(_) | Acceptable::Unix(_) => {
                self.close(worker).await;
                None
            }
        }
    }

    /// Whether nobody comes there but servers of SIP.
    fn is_for_servers(&self, worker: &Worker) -> bool {
        worker.snapshot().sip.of_listener(self.id.get()).is_some_and(|plan| plan.upstream.is_none())
    }

    /// Stops accepting for good: who waits already is let in.
    pub(crate) async fn close(self, worker: &Rc<Worker>) {
        let id = self.id.get();
        let socket = self.leave().await;
        // Without a permit there are so many before them that they would not be served.
        while let Ok(permit) = Arc::clone(&worker.handshakes).try_acquire_owned() {
            match socket.accept_at_once() {
                Ok(accepted) => let_in(worker, id, accepted, permit),
                Err(error) if is_of_one_client(&error) => worker.counters.accept_errors.add(1),
                Err(_) => return,
            }
        }
    }
}

async fn accept(worker: Rc<Worker>, id: Rc<Cell<ListenerId>>, listener: Rc<Acceptable>) {
    loop {
        let Ok(permit) = Arc::clone(&worker.handshakes).acquire_owned().await else { return };
        match listener.accept().await {
            Ok(accepted) => let_in(&worker, id.get(), accepted, permit),
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

/// Accepts while the worker drains, which waits until nobody else is being let in: whoever waits here holds
/// no permit.
async fn accept_late(worker: Rc<Worker>, id: Rc<Cell<ListenerId>>, listener: Rc<Acceptable>) {
    loop {
        match listener.accept().await {
            Ok(accepted) => {
                let Ok(permit) = Arc::clone(&worker.handshakes).acquire_owned().await else { return };
                let_in(&worker, id.get(), accepted, permit);
            }
            Err(error) if is_of_one_client(&error) => worker.counters.accept_errors.add(1),
            Err(_) => {
                worker.counters.accept_errors.add(1);
                sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
}

fn let_in(worker: &Rc<Worker>, id: ListenerId, accepted: Accepted, permit: OwnedSemaphorePermit) {
    worker.counters.accepted.add(1);
    // Taken here and not in the task, which runs later: the id is one of this configuration.
    let snapshot = worker.snapshot();
    let arrival = arrival::open(Rc::clone(worker), (snapshot, id), accepted, permit);
    // Without tokio's budget: a session takes turns by its own count of reads.
    spawn_local(unconstrained(Connection::Handshake(Box::pin(arrival))));
}

/// The client was gone before it was accepted (accept(2)).
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

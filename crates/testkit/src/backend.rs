//! The place that the gateway dials: a listener whose connections the test takes and
//! drives by hand.

use std::fmt;
use std::io::{ErrorKind, Result};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpStream};
use std::path::Path;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use crate::deadline::PATIENCE;
use crate::peer::Peer;

/// A connection that takes longer on this machine finds the queue full.
const FULL: Duration = Duration::from_millis(200);

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// See the module. Displayed, it is its address as a configuration has it.
#[derive(Debug)]
pub struct Backend {
    listener: Socket,
}

impl Default for Backend {
    fn default() -> Self {
        let backend = Self::closed();
        backend.open();
        backend
    }
}

impl Backend {
    /// A backend whose connections take up no more than some `bytes` before they are read.
    ///
    /// # Panics
    /// When the system does not allow it.
    #[must_use]
    pub fn with_small_buffers(bytes: usize) -> Self {
        let backend = Self::closed();
        // What a connection accepts without being read has to be set before it comes about.
        backend.listener.set_recv_buffer_size(bytes).expect("a socket");
        backend.listener.set_send_buffer_size(bytes).expect("a socket");
        backend.open();
        backend
    }

    /// A backend that refuses connections until it is opened. Its address is its own.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn closed() -> Self {
        let bind = |port| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a free descriptor");
            socket.set_reuse_address(true).expect("a socket");
            socket.bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, port).into()).expect("a free port");
            Self { listener: socket }
        };
        // A port that was asked for by its number stays this socket's, whatever becomes of it.
        let found = bind(0);
        bind(found.address().port())
    }

    /// A backend at a unix socket.
    ///
    /// # Panics
    /// When there can be none at `path`.
    #[must_use]
    pub fn unix(path: &Path) -> Self {
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a free descriptor");
        let address = SockAddr::unix(path).expect("a path that is short enough");
        listener.bind(&address).expect("a path where nothing is");
        let backend = Self { listener };
        backend.open();
        backend
    }

    /// A backend that completes no connection: the kernel's queue is full. What fills it is
    /// to be kept.
    ///
    /// # Panics
    /// When the queue has no end.
    #[must_use]
    pub fn full() -> (Self, Vec<TcpStream>) {
        let backend = Self::default();
        backend.listener.listen(0).expect("a shorter queue");
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&backend.address(), FULL) {
            waiting.push(stream);
            assert!(waiting.len() < 64, "a queue of length 0 has an end");
        }
        (backend, waiting)
    }

    /// Accepts connections from here on.
    ///
    /// # Panics
    /// When the socket is of no use.
    pub fn open(&self) {
        self.listener.listen(BACKLOG).expect("a bound socket");
        // On Linux this is the limit of accept(2) as well.
        self.listener.set_read_timeout(Some(PATIENCE)).expect("a limit that is not zero");
    }

    /// Refuses connections until it is opened anew; those that were accepted live on.
    ///
    /// # Panics
    /// When the socket is of no use.
    pub fn close(&self) {
        // What this does to a listening socket is Linux' own.
        self.listener.shutdown(Shutdown::Read).expect("a socket that listens");
    }

    /// Where it listens.
    ///
    /// # Panics
    /// When that is no address of TCP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let address = self.listener.local_addr().expect("a socket that listens");
        address.as_socket().expect("a socket of TCP")
    }

    /// The next connection.
    ///
    /// # Panics
    /// When none comes.
    #[must_use]
    #[track_caller]
    pub fn accept(&self) -> Peer {
        self.take().expect("the gateway dials")
    }

    /// The connection that is there, if there is one.
    ///
    /// # Panics
    /// When the socket is of no use.
    #[must_use]
    #[track_caller]
    pub fn try_accept(&self) -> Option<Peer> {
        self.listener.set_nonblocking(true).expect("a socket");
        let taken = self.take();
        self.listener.set_nonblocking(false).expect("a socket");
        match taken {
            Ok(peer) => Some(peer),
            // Nobody waits, or the socket does not listen.
            Err(error) => {
                let kinds = [ErrorKind::WouldBlock, ErrorKind::InvalidInput];
                assert!(kinds.contains(&error.kind()), "{error}");
                None
            }
        }
    }

    /// The next connection, if one comes before patience ends.
    pub(crate) fn accept_patiently(&self) -> Option<Peer> {
        self.take().ok()
    }

    fn take(&self) -> Result<Peer> {
        let (socket, gateway) = self.listener.accept()?;
        Ok(if gateway.is_unix() { Peer::new(socket) } else { Peer::over_tcp(socket) })
    }

    /// Fails if there is a connection that was not accepted.
    ///
    /// # Panics
    /// When there is one.
    #[track_caller]
    pub fn assert_not_dialled(&self) {
        assert!(self.try_accept().is_none(), "the gateway dialled");
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.listener.local_addr().map_err(|_| fmt::Error)?;
        match (address.as_socket(), address.as_pathname()) {
            (Some(address), _) => write!(f, "{address}"),
            (None, Some(path)) => write!(f, "unix:{}", path.display()),
            (None, None) => Err(fmt::Error),
        }
    }
}

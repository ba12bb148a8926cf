//! The place that the gateway dials: a listener whose connections the test takes and
//! drives by hand.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use crate::deadline::PATIENCE;
use crate::peer::Peer;

/// A connection that takes longer on this machine finds the queue full.
const FULL: Duration = Duration::from_millis(200);

/// See the module.
#[derive(Debug)]
pub struct Backend {
    listener: TcpListener,
}

impl Default for Backend {
    fn default() -> Self {
        Self::bind(None)
    }
}

impl Backend {
    /// A backend whose connections take up no more than some `bytes` before they are read.
    #[must_use]
    pub fn with_small_buffers(bytes: usize) -> Self {
        Self::bind(Some(bytes))
    }

    /// A backend that completes no connection: the kernel's queue is full. What fills it is
    /// to be kept.
    ///
    /// # Panics
    /// When the queue has no end.
    #[must_use]
    pub fn full() -> (Self, Vec<TcpStream>) {
        let backend = Self::default();
        SockRef::from(&backend.listener).listen(0).expect("a shorter queue");
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&backend.address(), FULL) {
            waiting.push(stream);
            assert!(waiting.len() < 64, "a queue of length 0 has an end");
        }
        (backend, waiting)
    }

    /// What a connection accepts without being read has to be set before it comes about.
    fn bind(buffer: Option<usize>) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a free descriptor");
        if let Some(bytes) = buffer {
            socket.set_recv_buffer_size(bytes).expect("a socket");
            socket.set_send_buffer_size(bytes).expect("a socket");
        }
        socket.bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
        socket.listen(4096).expect("a bound socket");
        // On Linux this is the limit of accept(2) as well.
        socket.set_read_timeout(Some(PATIENCE)).expect("a limit that is not zero");
        Self { listener: socket.into() }
    }

    /// Where it listens.
    ///
    /// # Panics
    /// When the socket is of no use.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("a socket that listens")
    }

    /// The next connection.
    ///
    /// # Panics
    /// When none comes.
    #[must_use]
    #[track_caller]
    pub fn accept(&self) -> Peer {
        let (stream, _gateway) = self.listener.accept().expect("the gateway dials");
        Peer::new(stream)
    }

    /// Fails if there is a connection that was not accepted.
    ///
    /// # Panics
    /// When there is one.
    #[track_caller]
    pub fn assert_not_dialled(&self) {
        let socket = SockRef::from(&self.listener);
        socket.set_nonblocking(true).expect("a socket");
        let waiting = self.listener.accept();
        socket.set_nonblocking(false).expect("a socket");
        let error = waiting.err().map(|error| error.kind());
        assert_eq!(error, Some(ErrorKind::WouldBlock), "the gateway dialled");
    }
}

//! How packets travel: datagrams, or one behind the other over TCP or TLS.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use gate_config::model::{Objection, Trace, TraceAddress, TraceTransport};
use gate_net::tls::TlsError;
use gate_net::tls::client::Connector;
use gate_net::{Plain, Socket, Stream, socket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::upstream::resolve;

/// A capture server, and how it is reached.
pub(super) struct Destination {
    address: TraceAddress,
    by: By,
}

enum By {
    Udp,
    Tcp,
    Tls(Connector),
}

/// The way to a capture server.
pub(super) enum Carrier {
    Udp(UdpSocket),
    Stream(Box<Stream>),
}

/// Why there is no way.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("the name cannot be resolved: {0}")]
    Name(String),
    #[error("cannot connect to {0}")]
    Connect(SocketAddr, #[source] io::Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("it takes too long")]
    TimedOut,
}

impl Destination {
    /// Where `trace` goes.
    ///
    /// # Errors
    /// All that the world has against its TLS.
    pub(super) fn new(trace: &Trace) -> Result<Self, Vec<Objection>> {
        let by = match &trace.transport {
            TraceTransport::Udp => By::Udp,
            TraceTransport::Tcp => By::Tcp,
            TraceTransport::Tls(tls) => By::Tls(Connector::new(tls)?),
        };
        Ok(Self { address: trace.address.value.clone(), by })
    }

    /// Whether it must be looked up.
    pub(super) fn is_name(&self) -> bool {
        self.address.host.parse::<std::net::IpAddr>().is_err()
    }

    /// Goes to the first of its addresses that answers; a datagram's is the first there is.
    ///
    /// # Errors
    /// None does. The error is the last one.
    pub(super) async fn connect(&self) -> Result<Carrier, ConnectError> {
        let mut error = ConnectError::Name("it has no address".to_owned());
        for address in self.addresses().await? {
            match self.reach(address).await {
                Ok(carrier) => return Ok(carrier),
                Err(other) => error = other,
            }
        }
        Err(error)
    }

    async fn addresses(&self) -> Result<Vec<SocketAddr>, ConnectError> {
        let TraceAddress { host, port } = &self.address;
        if let Ok(address) = host.parse() {
            return Ok(vec![SocketAddr::new(address, *port)]);
        }
        let (found, _) = resolve::look_up(host).await.map_err(ConnectError::Name)?;
        Ok(found.into_iter().map(|address| SocketAddr::new(address, *port)).collect())
    }

    async fn reach(&self, address: SocketAddr) -> Result<Carrier, ConnectError> {
        let refused = |error| ConnectError::Connect(address, error);
        let connector = match &self.by {
            By::Udp => return datagrams(address).await.map(Carrier::Udp).map_err(refused),
            By::Tcp => None,
            By::Tls(connector) => Some(connector),
        };
        let stream = TcpStream::connect(address).await.map_err(refused)?;
        // A connection that refuses these options works all the same.
        let _best_effort = socket::tune(&stream);
        let plain = Plain::new(Socket::Tcp(stream));
        let stream = match connector {
            None => Stream::Plain(plain),
            Some(connector) => connector.connect(plain, &self.address.host).await?,
        };
        Ok(Carrier::Stream(Box::new(stream)))
    }
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let by = match &self.by {
            By::Udp => "udp",
            By::Tcp => "tcp",
            By::Tls(_) => "tls",
        };
        write!(f, "{by}:{}", self.address)
    }
}

/// Connected, so that the system tells where nobody listens.
async fn datagrams(address: SocketAddr) -> io::Result<UdpSocket> {
    let from: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(from).await?;
    socket.connect(address).await?;
    Ok(socket)
}

impl Carrier {
    /// Whether a server that is not there is told of only by what becomes of datagrams.
    pub(super) fn is_unproven(&self) -> bool {
        matches!(self, Self::Udp(_))
    }

    /// Sends a whole packet.
    pub(super) async fn send(&mut self, packet: &[u8]) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.send(packet).await.map(drop),
            Self::Stream(stream) => {
                stream.write_all(packet).await?;
                stream.flush().await
            }
        }
    }

    /// Waits until the server is found to be gone. What it says meanwhile is of no interest.
    pub(super) async fn lost(&mut self) -> io::Error {
        let mut unread = [0; 256];
        loop {
            let read = match self {
                Self::Udp(socket) => match socket.recv(&mut unread).await {
                    Ok(_) => continue,
                    Err(error) => Err(error),
                },
                Self::Stream(stream) => stream.read(&mut unread).await,
            };
            match read {
                Ok(0) => return io::Error::other("the server ended the connection"),
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    }
}

/// The same for a way that may not be there, which is never lost.
pub(super) async fn lost(carrier: Option<&mut Carrier>) -> io::Error {
    match carrier {
        Some(carrier) => carrier.lost().await,
        None => pending().await,
    }
}

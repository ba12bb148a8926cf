//! Sockets of the system: options, listening, connecting. Streams are TCP or unix.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::fs::Access;
use socket2::{Domain, Protocol, SockRef, Socket as Raw, TcpKeepalive, Type};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

/// A connection of either kind.
#[derive(Debug)]
pub enum Socket {
    /// Over the network.
    Tcp(TcpStream),
    /// Within the machine.
    Unix(UnixStream),
}

impl Socket {
    /// The peer's address; `None` over a unix socket, or when the peer is gone.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    /// The address that the peer connected to; `None` over a unix socket.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    pub(crate) fn try_io<R>(
        &self,
        interest: Interest,
        call: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        match self {
            Self::Tcp(stream) => stream.try_io(interest, call),
            Self::Unix(stream) => stream.try_io(interest, call),
        }
    }

    pub(crate) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx),
            Self::Unix(stream) => stream.poll_read_ready(cx),
        }
    }

    pub(crate) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_write_ready(cx),
            Self::Unix(stream) => stream.poll_write_ready(cx),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

/// Connections that the kernel completes before they are accepted; the system's own
/// limit (net.core.somaxconn) may be lower.
const BACKLOG: i32 = 4096;

/// A TCP peer that is silent is probed after a minute; four probes without an answer end
/// its connection. Frames are never held back to be sent together.
///
/// # Errors
/// When the system refuses an option, as it does for sockets that are gone.
pub fn tune(socket: &impl AsFd) -> io::Result<()> {
    let socket = SockRef::from(socket);
    let probes = TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(15))
        .with_retries(4);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&probes)
}

/// Whether several sockets listen on one address, the kernel spreading connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// One socket only.
    Alone,
    /// Several sockets of this process.
    WithOthers,
}

/// Whether `address` can be had, without listening on it.
///
/// # Errors
/// When it cannot.
pub fn try_bind(address: SocketAddr) -> io::Result<()> {
    bind(address, Sharing::Alone).map(drop)
}

/// A TCP socket that listens. What it accepts inherits the options of [`tune`].
///
/// # Errors
/// When the address cannot be had.
pub fn listen(address: SocketAddr, sharing: Sharing) -> io::Result<std::net::TcpListener> {
    let socket = bind(address, sharing)?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Whether `address` can be had for datagrams.
///
/// # Errors
/// When it cannot.
pub fn try_bind_datagrams(address: SocketAddr) -> io::Result<()> {
    datagrams(address, Sharing::Alone).map(drop)
}

/// A UDP socket at `address`. Sockets that share it each get the datagrams of other peers, as the
/// kernel spreads them.
///
/// # Errors
/// When the address cannot be had.
pub fn datagrams(address: SocketAddr, sharing: Sharing) -> io::Result<std::net::UdpSocket> {
    let socket = Raw::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if sharing == Sharing::WithOthers {
        socket.set_reuse_port(true)?;
    }
    // A burst of requests waits here rather than being lost; the system may allow less.
    let _best_effort = socket.set_recv_buffer_size(DATAGRAMS_WAITING);
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Bytes of datagrams that may wait to be read.
const DATAGRAMS_WAITING: usize = 4 * 1024 * 1024;

fn bind(address: SocketAddr, sharing: Sharing) -> io::Result<Raw> {
    let socket = Raw::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // `[::]` is for IPv6 alone, so that `0.0.0.0` can be listened on beside it.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    if sharing == Sharing::WithOthers {
        socket.set_reuse_port(true)?;
    }
    tune(&socket)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// A unix socket that listens at `path` with the permissions `mode`. A socket's file that
/// nobody listens on any more is replaced; anything else there is an error.
///
/// # Errors
/// When the path is taken or cannot be made.
pub fn listen_unix(path: &Path, mode: u32) -> io::Result<std::os::unix::net::UnixListener> {
    if is_abandoned(path)? {
        std::fs::remove_file(path)?;
    }
    let socket = Raw::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&socket2::SockAddr::unix(path)?)?;
    // Nobody can connect before `listen`, so there is no time at which the mode is another.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Whether [`listen_unix`] would work, without leaving a file behind.
///
/// # Errors
/// As those of [`listen_unix`].
pub fn try_listen_unix(path: &Path) -> io::Result<()> {
    let _may_be_removed = is_abandoned(path)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or_else(|| Path::new("."));
    if !std::fs::metadata(directory)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    Ok(rustix::fs::access(directory, Access::WRITE_OK | Access::EXEC_OK)?)
}

/// Whether there is the file of a socket that nobody listens on.
fn is_abandoned(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::FileTypeExt;
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => {
            let socket = Raw::new(Domain::UNIX, Type::STREAM, None)?;
            // One that listens may have no room in its queue.
            socket.set_nonblocking(true)?;
            match socket.connect(&socket2::SockAddr::unix(path)?) {
                Ok(()) => Err(io::ErrorKind::AddrInUse.into()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    Err(io::ErrorKind::AddrInUse.into())
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(true),
                Err(error) => Err(error),
            }
        }
        Ok(_) => Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file that is no socket is there")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

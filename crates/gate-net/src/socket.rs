//! Socket options.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// Connections that the kernel completes before they are accepted; the system's own
/// limit (net.core.somaxconn) may be lower.
const BACKLOG: i32 = 4096;

/// A peer that is silent is probed after a minute; four probes without an answer end
/// its connection. Frames are never held back to be sent together.
pub(crate) fn tune(socket: &impl AsFd) -> io::Result<()> {
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
pub(crate) enum Sharing {
    Alone,
    WithOthers,
}

/// A socket that listens. What it accepts inherits the options of [`tune`].
pub(crate) fn listen(address: SocketAddr, sharing: Sharing) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if sharing == Sharing::WithOthers {
        socket.set_reuse_port(true)?;
    }
    tune(&socket)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

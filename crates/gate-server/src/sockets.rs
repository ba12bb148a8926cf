//! Sockets that listen: bound here, or adopted from whoever had them before. Each has a key by
//! which the gateway, which keeps a descriptor of it, and the worker that accepts from it mean
//! the same socket.

pub(crate) mod inherited;
pub(crate) mod post;
pub(crate) mod posts;

use std::fmt;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use gate_config::model::ListenAddress;

/// Names a socket for the life of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SocketKey(u64);

impl SocketKey {
    fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

/// A socket that listens.
#[derive(Debug)]
pub(crate) enum Bound {
    Tcp(std::net::TcpListener),
    Unix(UnixListener),
    /// Datagrams have nothing to accept; they are read from it.
    Udp(UdpSocket),
}

impl Bound {
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(listener) => listener.try_clone().map(Self::Tcp),
            Self::Unix(listener) => listener.try_clone().map(Self::Unix),
            Self::Udp(socket) => socket.try_clone().map(Self::Udp),
        }
    }

    /// Where it listens: with the port that the system chose.
    pub(crate) fn place(&self) -> Option<Listens> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(Listens::Tcp),
            Self::Udp(socket) => socket.local_addr().ok().map(Listens::Udp),
            Self::Unix(listener) => {
                listener.local_addr().ok()?.as_pathname().map(|path| Listens::Unix(path.to_owned()))
            }
        }
    }
}

/// Where a socket listens, whatever the permissions of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listens {
    Tcp(SocketAddr),
    Udp(SocketAddr),
    Unix(PathBuf),
}

impl fmt::Display for Listens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp:{address}"),
            Self::Udp(address) => write!(f, "udp:{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl From<&ListenAddress> for Listens {
    fn from(address: &ListenAddress) -> Self {
        match address {
            ListenAddress::Tcp(address) => Self::Tcp(*address),
            ListenAddress::Udp(address) => Self::Udp(*address),
            ListenAddress::Unix { path, .. } => Self::Unix(path.clone()),
        }
    }
}

/// The file of a unix socket; gone when dropped, unless it is for somebody else to remove.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    owner: Owner,
}

/// Who removes a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// This gateway.
    This,
    /// Whoever listened there before, or goes on to.
    Another,
}

impl SocketFile {
    pub(crate) fn new(path: &Path, owner: Owner) -> Self {
        Self { path: path.to_owned(), owner }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.owner == Owner::This {
            // What cannot be removed is found to be abandoned at the next start.
            let _best_effort = std::fs::remove_file(&self.path);
        }
    }
}

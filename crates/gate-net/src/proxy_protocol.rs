//! The PROXY protocol, versions 1 and 2: ahead of all else on a connection, a proxy tells who
//! its own client is.
//!
//! Whether a peer speaks it is for the configuration to say, and is not to be guessed from
//! what comes: a client that may choose could pass for anybody. So a peer that is listed
//! must begin with a header, and from all others a header is read as what it is there,
//! garbage in front of TLS or HTTP.

mod binary;
pub mod fuzz;
mod line;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Poll, ready};

use rustix::net::{RecvFlags, recv};
use tokio::io::Interest;

use crate::socket::Socket;

/// Bytes of the longest header that is read: the fixed part of version 2, and 4 KiB of
/// addresses and attributes.
pub const LENGTH_MAX: usize = binary::FIXED + binary::BODY_MAX;

/// Both ends of the connection between the client and the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The client.
    pub source: SocketAddr,
    /// What the client connected to.
    pub destination: SocketAddr,
}

/// What the first bytes of a connection come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// All of them are of a header, and more of it must come.
    Incomplete,
    /// A whole header.
    Header {
        /// Its bytes; what follows is not of this protocol.
        length: usize,
        /// `None`: the ends of the connection itself count (LOCAL, UNKNOWN, UNSPEC), because the
        /// proxy speaks for itself or its client has no address.
        addresses: Option<Addresses>,
    },
}

/// Why bytes are no header that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyFault {
    /// Neither version begins like this.
    #[error("the connection does not begin with a PROXY protocol header")]
    Missing,
    /// A line of version 1 that is not as it must be.
    #[error(
        "the PROXY line is not `PROXY TCP4|TCP6 <source> <destination> <port> <port>` or `PROXY UNKNOWN`"
    )]
    Line,
    /// A line of version 1 that does not end.
    #[error("the PROXY line has no CRLF within 107 bytes")]
    LineTooLong,
    /// Another version than 1 and 2.
    #[error("the PROXY header is of version {0}, where 2 is understood")]
    Version(u8),
    /// A command other than LOCAL and PROXY.
    #[error("the PROXY header has the command {0}, where there are 0 (LOCAL) and 1 (PROXY)")]
    Command(u8),
    /// A family or protocol of addresses that does not exist.
    #[error("the PROXY header has the address family and protocol {0:#04x}, which do not exist")]
    Family(u8),
    /// More than [`LENGTH_MAX`].
    #[error("the PROXY header announces {0} bytes, where 4096 are read")]
    TooLong(usize),
    /// Less than the addresses of the family take.
    #[error("the PROXY header is too short for the addresses of its family")]
    Addresses,
    /// Attributes behind the addresses that do not end where the header does.
    #[error("the attributes of the PROXY header do not end where it does")]
    Attributes,
    /// The CRC32c of the header is another.
    #[error("the checksum of the PROXY header is wrong")]
    Checksum,
}

/// Why no header could be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// What came is no header.
    #[error(transparent)]
    Fault(#[from] ProxyFault),
    /// The peer ended the stream first.
    #[error("the connection ended before the PROXY header did")]
    Ended,
    /// The connection broke.
    #[error("the connection broke before the PROXY header was read")]
    Lost(#[from] io::Error),
}

impl ProxyError {
    /// A stable name for logs and metric labels.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Fault(ProxyFault::Missing) => "proxy_header_missing",
            Self::Fault(ProxyFault::Checksum) => "proxy_header_checksum",
            Self::Fault(
                ProxyFault::Line
                | ProxyFault::LineTooLong
                | ProxyFault::Version(_)
                | ProxyFault::Command(_)
                | ProxyFault::Family(_)
                | ProxyFault::TooLong(_)
                | ProxyFault::Addresses
                | ProxyFault::Attributes,
            ) => "proxy_header_malformed",
            Self::Ended | Self::Lost(_) => "proxy_header_incomplete",
        }
    }
}

/// Reads the header that `bytes` begin with.
///
/// # Errors
/// When no header can begin like this. More bytes never make a fault good, nor do they
/// change what a whole header says.
pub fn parse(bytes: &[u8]) -> Result<Parsed, ProxyFault> {
    if agree(bytes, &binary::SIGNATURE) {
        binary::parse(bytes)
    } else if agree(bytes, line::SIGNATURE) {
        line::parse(bytes)
    } else {
        Err(ProxyFault::Missing)
    }
}

/// Whether neither differs from the other before one of them ends.
fn agree(bytes: &[u8], signature: &[u8]) -> bool {
    bytes.iter().zip(signature).all(|(byte, expected)| byte == expected)
}

/// Takes the header off the connection and nothing that follows it, so that TLS or HTTP can
/// begin right behind. The caller bounds the time: a header should come at once, and three
/// seconds allow for a packet that is sent again.
///
/// # Errors
/// When what comes is no header, or none comes. The connection is of no use then.
pub async fn read(socket: &Socket) -> Result<Option<Addresses>, ProxyError> {
    let mut header = vec![0; LENGTH_MAX];
    let mut taken = 0;
    loop {
        let seen =
            taken + receive(socket, header.get_mut(taken..).unwrap_or_default(), RecvFlags::PEEK).await?;
        let parsed = parse(header.get(..seen).unwrap_or_default())?;
        let end = match parsed {
            Parsed::Incomplete => seen,
            Parsed::Header { length, .. } => length,
        };
        while taken < end {
            let known = header.get_mut(taken..end).unwrap_or_default();
            taken += receive(socket, known, RecvFlags::empty()).await?;
        }
        if let Parsed::Header { addresses, .. } = parsed {
            return Ok(addresses);
        }
    }
}

/// Reads at least one byte.
async fn receive(socket: &Socket, buffer: &mut [u8], flags: RecvFlags) -> Result<usize, ProxyError> {
    let received = poll_fn(|cx| {
        loop {
            ready!(socket.poll_read_ready(cx))?;
            let tried = socket.try_io(Interest::READABLE, || Ok(recv(socket, &mut *buffer, flags)?.0));
            match tried {
                Err(error) if is_for_later(&error) => {}
                Ok(_) | Err(_) => return Poll::Ready(tried),
            }
        }
    });
    match received.await? {
        0 => Err(ProxyError::Ended),
        count => Ok(count),
    }
}

/// Nothing was there after all, or a signal came in between.
fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests;

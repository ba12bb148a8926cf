//! The system's log: a datagram for each line, as RFC 3164 has it and nginx writes it.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::os::unix::net::UnixDatagram;

use gate_config::model::{Syslog, SyslogServer};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::output::Unwritten;
use crate::clock;

/// See the module.
pub(super) struct SyslogSocket {
    to: Syslog,
    socket: Socket,
    hostname: String,
    datagram: Vec<u8>,
}

enum Socket {
    Unix(UnixDatagram),
    Udp(UdpSocket),
}

impl SyslogSocket {
    pub(super) fn open(to: Syslog) -> io::Result<Self> {
        let socket = Socket::connect(&to.server)?;
        let hostname = if to.has_hostname { hostname() } else { String::new() };
        Ok(Self { to, socket, hostname, datagram: Vec::new() })
    }

    /// Sends each line. One that the socket does not take is tried once more over another one,
    /// as the receiver may have been started anew.
    pub(super) fn write(&mut self, lines: &[u8]) -> Result<(), Unwritten> {
        let head = self.head();
        let mut written = 0;
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            self.datagram.clear();
            self.datagram.extend_from_slice(head.as_bytes());
            self.datagram.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
            self.datagram.truncate(DATAGRAM_MAX);
            if self.socket.send(&self.datagram).is_err() {
                let again = Socket::connect(&self.to.server).and_then(|socket| {
                    self.socket = socket;
                    self.socket.send(&self.datagram)
                });
                again.map_err(|error| Unwritten { written, error })?;
            }
            written += line.len();
        }
        Ok(())
    }

    /// `<190>Nov 22 05:00:00 host tag: `
    fn head(&self) -> String {
        let Syslog { facility, severity, tag, .. } = &self.to;
        let priority = u16::from(*facility) * 8 + u16::from(*severity);
        let time = Timestamp::try_from(clock::wall()).unwrap_or(Timestamp::UNIX_EPOCH);
        let time = time.to_zoned(TimeZone::system());
        let blank = if self.hostname.is_empty() { "" } else { " " };
        format!("<{priority}>{} {}{blank}{tag}: ", time.strftime("%b %e %H:%M:%S"), self.hostname)
    }
}

impl Socket {
    fn connect(server: &SyslogServer) -> io::Result<Self> {
        match server {
            SyslogServer::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                Ok(Self::Unix(socket))
            }
            SyslogServer::Udp(address) => {
                let address = address.to_socket_addrs()?.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
                let any: SocketAddr = match address {
                    SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                    SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
                };
                let socket = UdpSocket::bind(any)?;
                socket.connect(address)?;
                Ok(Self::Udp(socket))
            }
        }
    }

    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        match self {
            Self::Unix(socket) => socket.send(datagram),
            Self::Udp(socket) => socket.send(datagram),
        }
        .map(drop)
    }
}

/// Bytes of a datagram, which UDP has room for; of a longer line the end is not sent.
const DATAGRAM_MAX: usize = 65_000;

/// The first label of this host's name (RFC 3164 §4.1.2).
fn hostname() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    name.split('.').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_no_datagram_holds_is_cut_and_takes_no_other_with_it() {
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let to = Syslog {
            server: SyslogServer::Udp(server.local_addr().unwrap().to_string()),
            facility: 23,
            severity: 6,
            tag: "ws".to_owned(),
            has_hostname: false,
        };
        let mut socket = SyslogSocket::open(to).unwrap();
        let long = "x".repeat(70_000);
        socket.write(format!("{long}\nshort\n").as_bytes()).unwrap();
        let mut datagram = vec![0; 70_000];
        assert_eq!(server.recv(&mut datagram).unwrap(), DATAGRAM_MAX);
        let length = server.recv(&mut datagram).unwrap();
        assert!(datagram[..length].ends_with(b" ws: short"));
    }
}

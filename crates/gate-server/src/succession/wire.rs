//! What goes over the socket of a take-over: messages in JSON behind their length (four bytes, the
//! highest first), and sockets, each behind a byte of its own.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::net::sockopt::socket_peercred;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use rustix::process::geteuid;
use serde::Serialize;
use serde::de::DeserializeOwned;
use socket2::{Domain, SockRef, Type};

use super::SuccessionError;
use crate::sockets::Bound;

/// Changed when an older process could misunderstand.
pub(crate) const VERSION: u32 = 1;

/// Bytes of a message.
const MESSAGE_SIZE_MAX: usize = 1024 * 1024;

/// One end of the socket. Calls block, but not for ever.
#[derive(Debug)]
pub(crate) struct Connection(UnixStream);

impl Connection {
    /// Over `stream`, whose other end must be of the same user, or of root. Nothing takes longer
    /// than `limit`.
    pub(crate) fn new(stream: UnixStream, limit: Duration) -> Result<Self, SuccessionError> {
        let peer = socket_peercred(&stream).map_err(|error| SuccessionError::Lost(error.into()))?;
        if !peer.uid.is_root() && peer.uid != geteuid() {
            return Err(SuccessionError::Stranger { uid: peer.uid.as_raw() });
        }
        let connection = Self(stream);
        connection.0.set_nonblocking(false).map_err(SuccessionError::Lost)?;
        connection.0.set_write_timeout(Some(limit)).map_err(SuccessionError::Lost)?;
        connection.wait_at_most(limit)?;
        Ok(connection)
    }

    /// How long the next message may take to come.
    pub(crate) fn wait_at_most(&self, limit: Duration) -> Result<(), SuccessionError> {
        self.0.set_read_timeout(Some(limit)).map_err(SuccessionError::Lost)
    }

    pub(crate) fn say(&mut self, message: &impl Serialize) -> Result<(), SuccessionError> {
        let text = serde_json::to_vec(message).map_err(malformed)?;
        let length = u32::try_from(text.len()).map_err(malformed)?;
        let bytes = [&length.to_be_bytes()[..], &text].concat();
        self.0.write_all(&bytes).map_err(SuccessionError::Lost)
    }

    pub(crate) fn hear<M: DeserializeOwned>(&mut self) -> Result<M, SuccessionError> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).map_err(SuccessionError::Lost)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > MESSAGE_SIZE_MAX {
            return Err(malformed(format!("a message of {length} bytes")));
        }
        let mut text = vec![0; length];
        self.0.read_exact(&mut text).map_err(SuccessionError::Lost)?;
        serde_json::from_slice(&text).map_err(malformed)
    }

    /// Gives the other process a descriptor of a socket.
    pub(crate) fn send(&self, socket: &Bound) -> Result<(), SuccessionError> {
        let descriptor = [match socket {
            Bound::Tcp(listener) => listener.as_fd(),
            Bound::Unix(listener) => listener.as_fd(),
            Bound::Udp(socket) => socket.as_fd(),
        }];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(&descriptor)) {
            return Err(malformed("a descriptor needs more room than there is"));
        }
        let sent = sendmsg(&self.0, &[IoSlice::new(&[SOCKET])], &mut control, SendFlags::NOSIGNAL);
        sent.map(drop).map_err(|error| SuccessionError::Lost(error.into()))
    }

    /// A socket that the other process gives.
    pub(crate) fn receive(&self) -> Result<Bound, SuccessionError> {
        let mut byte = [0];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = recvmsg(&self.0, &mut [IoSliceMut::new(&mut byte)], &mut control, flags);
        let received = received.map_err(|error| SuccessionError::Lost(error.into()))?;
        if received.bytes == 0 {
            return Err(SuccessionError::Lost(io::ErrorKind::UnexpectedEof.into()));
        }
        let mut descriptors = control.drain().filter_map(|message| {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message { Some(descriptors) } else { None }
        });
        let descriptor = descriptors.next().and_then(|mut descriptors| descriptors.next());
        match descriptor {
            Some(descriptor) if byte == [SOCKET] => listening(descriptor),
            Some(_) | None => Err(malformed("a socket was announced, but none came")),
        }
    }
}

/// Goes before a descriptor, which cannot go alone.
const SOCKET: u8 = b'*';

fn malformed(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> SuccessionError {
    SuccessionError::Malformed(io::Error::new(io::ErrorKind::InvalidData, why))
}

/// The socket behind a descriptor, if it is one that listens for streams, or is of UDP.
fn listening(descriptor: OwnedFd) -> Result<Bound, SuccessionError> {
    let socket = SockRef::from(&descriptor);
    let is_of = |kind: Type| socket.r#type().is_ok_and(|found| found == kind);
    let is_datagrams = is_of(Type::DGRAM);
    if !is_datagrams && (!is_of(Type::STREAM) || !socket.is_listener().unwrap_or(false)) {
        return Err(malformed("a descriptor is no socket that listens"));
    }
    match socket.domain() {
        Ok(Domain::IPV4 | Domain::IPV6) if is_datagrams => Ok(Bound::Udp(descriptor.into())),
        Ok(_) if is_datagrams => Err(malformed("a socket for datagrams is not of UDP")),
        Ok(Domain::UNIX) => Ok(Bound::Unix(descriptor.into())),
        Ok(Domain::IPV4 | Domain::IPV6) => Ok(Bound::Tcp(descriptor.into())),
        Ok(_) | Err(_) => Err(malformed("a socket is of no family that can be accepted from")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    fn pair() -> (Connection, Connection) {
        let (one, other) = UnixStream::pair().unwrap();
        (Connection::new(one, SOON).unwrap(), Connection::new(other, SOON).unwrap())
    }

    #[test]
    fn messages_and_sockets_arrive_in_order_and_sockets_still_listen() {
        let (mut one, mut other) = pair();
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        one.say(&"first").unwrap();
        one.send(&Bound::Tcp(tcp)).unwrap();
        one.say(&"second").unwrap();
        assert_eq!(other.hear::<String>().unwrap(), "first");
        let Bound::Tcp(received) = other.receive().unwrap() else { panic!("another family") };
        assert_eq!(other.hear::<String>().unwrap(), "second");
        // The sender's own descriptor is gone by now.
        let _client = std::net::TcpStream::connect(address).unwrap();
        received.accept().unwrap();
    }

    #[test]
    fn what_is_no_listening_socket_is_refused() {
        let (one, other) = pair();
        let (stream, _peer) = UnixStream::pair().unwrap();
        one.send(&Bound::Unix(OwnedFd::from(stream).into())).unwrap();
        assert!(matches!(other.receive(), Err(SuccessionError::Malformed(_))));
    }

    #[test]
    fn an_end_of_the_connection_and_nonsense_are_told_apart() {
        let (mut one, mut other) = pair();
        one.0.write_all(b"\0\0\0\x03???").unwrap();
        assert!(matches!(other.hear::<String>(), Err(SuccessionError::Malformed(_))));
        one.0.write_all(b"\xff\0\0\0").unwrap();
        assert!(matches!(other.hear::<String>(), Err(SuccessionError::Malformed(_))));
        one.0.write_all(b"\0\0\0\x09cut").unwrap();
        drop(one);
        assert!(matches!(other.hear::<String>(), Err(SuccessionError::Lost(_))));
        let (one, other) = pair();
        drop(one);
        assert!(matches!(other.receive(), Err(SuccessionError::Lost(_))));
    }

    #[test]
    fn whoever_says_nothing_is_not_waited_for_without_end() {
        let (one, mut other) = pair();
        other.wait_at_most(Duration::from_millis(20)).unwrap();
        assert!(matches!(other.hear::<String>(), Err(SuccessionError::Lost(_))));
        drop(one);
    }
}

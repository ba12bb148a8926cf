//! A capture server of HEP: takes what the gateway tells it, over UDP, TCP or TLS. Packets are taken
//! apart by hand here, so that what is written is not read by the code that wrote it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::deadline::{Deadline, eventually};
use crate::tls::Authority;

/// See the module.
#[derive(Debug)]
pub struct Capture {
    by: By,
}

#[derive(Debug)]
enum By {
    Datagrams(UdpSocket),
    Stream(RefCell<Streamed>),
}

#[derive(Debug)]
struct Streamed {
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    connection: Option<Connection>,
    accepted: usize,
    /// Bytes of packets that are not taken yet.
    bytes: Vec<u8>,
}

#[derive(Debug)]
enum Connection {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

/// What the gateway has told: the data of chunks by their types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    chunks: BTreeMap<u16, Vec<u8>>,
}

impl Capture {
    /// One for datagrams.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn udp() -> Self {
        Self::udp_at(Ipv4Addr::LOCALHOST.into())
    }

    /// One for datagrams at an address of this machine.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn udp_at(address: IpAddr) -> Self {
        let socket = UdpSocket::bind((address, 0)).expect("a free port");
        Self { by: By::Datagrams(socket) }
    }

    /// One for TCP.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn tcp() -> Self {
        Self::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), None)
    }

    /// One for TCP where another one was.
    ///
    /// # Panics
    /// When the address cannot be had.
    #[must_use]
    pub fn tcp_at(address: SocketAddr) -> Self {
        eventually("the address is free again", || TcpListener::bind(address).ok().map(drop));
        Self::listen(address, None)
    }

    /// One for TLS, with the authority's certificate.
    ///
    /// # Panics
    /// When the certificate is of no use.
    #[must_use]
    pub fn tls(authority: &Authority) -> Self {
        let certificate = fs::read(&authority.cert_file).expect("a file");
        let key = fs::read(&authority.key_file).expect("a file");
        let certificate = CertificateDer::from_pem_slice(&certificate).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(&key).expect("a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions that go with it")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a pair");
        Self::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), Some(Arc::new(config)))
    }

    fn listen(address: SocketAddr, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let streamed = Streamed { listener, tls, connection: None, accepted: 0, bytes: Vec::new() };
        Self { by: By::Stream(RefCell::new(streamed)) }
    }

    /// Where it is.
    ///
    /// # Panics
    /// When the socket is of no use.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let address = match &self.by {
            By::Datagrams(socket) => socket.local_addr(),
            By::Stream(streamed) => streamed.borrow().listener.local_addr(),
        };
        address.expect("an address")
    }

    /// The next packet.
    ///
    /// # Panics
    /// When none comes in time, or it is none.
    #[must_use]
    #[track_caller]
    pub fn packet(&self) -> Packet {
        let deadline = Deadline::patient();
        loop {
            assert!(deadline.left().is_some(), "no packet comes");
            if let Some(packet) = self.packet_within(Duration::from_millis(50)) {
                return packet;
            }
        }
    }

    /// The next packet if one comes within `time`.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    #[track_caller]
    pub fn packet_within(&self, time: Duration) -> Option<Packet> {
        match &self.by {
            By::Datagrams(socket) => {
                let mut bytes = vec![0; 65_536];
                socket.set_read_timeout(Some(time)).expect("a socket");
                let length = socket.recv(&mut bytes).ok()?;
                bytes.truncate(length);
                Some(Packet::parse(&bytes))
            }
            By::Stream(streamed) => streamed.borrow_mut().packet_within(time),
        }
    }

    /// The payloads of `count` packets as JSON, in the order of their coming.
    ///
    /// # Panics
    /// When they do not come, or are not JSON.
    #[must_use]
    #[track_caller]
    pub fn events(&self, count: usize) -> Vec<Value> {
        (0..count).map(|_| self.packet().json()).collect()
    }

    /// Fails if a packet comes within `time`.
    ///
    /// # Panics
    /// When one does.
    #[track_caller]
    pub fn expect_silence(&self, time: Duration) {
        let packet = self.packet_within(time);
        assert!(packet.is_none(), "{}", packet.expect("one").text());
    }

    /// Connections that were accepted; 0 for datagrams.
    #[must_use]
    pub fn accepted(&self) -> usize {
        match &self.by {
            By::Datagrams(_) => 0,
            By::Stream(streamed) => streamed.borrow().accepted,
        }
    }
}

impl Streamed {
    #[track_caller]
    fn packet_within(&mut self, time: Duration) -> Option<Packet> {
        let deadline = Deadline::after(time);
        loop {
            if let Some(packet) = self.take() {
                return Some(packet);
            }
            let left = deadline.left()?;
            match &mut self.connection {
                None => self.accept(left),
                Some(connection) => {
                    let mut space = [0; 4096];
                    match connection.read(&mut space, left) {
                        Ok(0) => self.connection = None,
                        Ok(count) => self.bytes.extend_from_slice(space.get(..count).unwrap_or_default()),
                        Err(error) if is_for_later(error.kind()) => {}
                        Err(_) => self.connection = None,
                    }
                }
            }
        }
    }

    fn accept(&mut self, left: Duration) {
        let Ok((stream, _)) = self.listener.accept() else {
            std::thread::sleep(left.min(Duration::from_millis(2)));
            return;
        };
        stream.set_nonblocking(false).expect("a socket");
        self.accepted += 1;
        self.bytes.clear();
        self.connection = Some(match &self.tls {
            None => Connection::Plain(stream),
            Some(config) => {
                let connection = ServerConnection::new(Arc::clone(config)).expect("a configuration");
                Connection::Tls(Box::new(StreamOwned::new(connection, stream)))
            }
        });
    }

    fn take(&mut self) -> Option<Packet> {
        let length = usize::from(u16::from_be_bytes([*self.bytes.get(4)?, *self.bytes.get(5)?]));
        if self.bytes.len() < length {
            return None;
        }
        let rest = self.bytes.split_off(length);
        let packet = std::mem::replace(&mut self.bytes, rest);
        Some(Packet::parse(&packet))
    }
}

impl Connection {
    fn read(&mut self, space: &mut [u8], time: Duration) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => {
                stream.set_read_timeout(Some(time))?;
                stream.read(space)
            }
            Self::Tls(stream) => {
                stream.sock.set_read_timeout(Some(time))?;
                stream.read(space)
            }
        }
    }
}

/// The number in the first two bytes, and what follows them.
#[track_caller]
fn number(bytes: &[u8]) -> (usize, &[u8]) {
    let (number, rest) = bytes.split_first_chunk::<2>().expect("two bytes");
    (usize::from(u16::from_be_bytes(*number)), rest)
}

fn is_for_later(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

impl Packet {
    #[track_caller]
    fn parse(bytes: &[u8]) -> Self {
        let rest = bytes.strip_prefix(b"HEP3").expect("a packet of version 3");
        let (length, mut rest) = number(rest);
        assert_eq!(length, bytes.len(), "the length of the packet");
        let mut chunks = BTreeMap::new();
        while !rest.is_empty() {
            let (vendor, behind) = number(rest);
            let (kind, behind) = number(behind);
            let (length, behind) = number(behind);
            assert_eq!(vendor, 0, "the vendor");
            let (data, next) = behind.split_at_checked(length - 6).expect("a chunk that ends");
            let kind = u16::try_from(kind).expect("two bytes");
            assert!(chunks.insert(kind, data.to_vec()).is_none(), "a chunk stands twice");
            rest = next;
        }
        Self { chunks }
    }

    /// The data of the chunk of a type.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn chunk(&self, kind: u16) -> &[u8] {
        let chunk = self.chunks.get(&kind);
        assert!(chunk.is_some(), "a chunk of type {kind}");
        chunk.expect("it is there")
    }

    /// Whether there is a chunk of a type.
    #[must_use]
    pub fn has(&self, kind: u16) -> bool {
        self.chunks.contains_key(&kind)
    }

    /// The number in the chunk of a type.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn number(&self, kind: u16) -> u64 {
        self.chunk(kind).iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// Who sent what it is about.
    ///
    /// # Panics
    /// When it does not say so.
    #[must_use]
    #[track_caller]
    pub fn source(&self) -> SocketAddr {
        self.address([3, 5, 7])
    }

    /// Who got it.
    ///
    /// # Panics
    /// When it does not say so.
    #[must_use]
    #[track_caller]
    pub fn destination(&self) -> SocketAddr {
        self.address([4, 6, 8])
    }

    #[track_caller]
    fn address(&self, [v4, v6, port]: [u16; 3]) -> SocketAddr {
        let port = u16::try_from(self.number(port)).expect("two bytes");
        let address: IpAddr = match self.chunks.get(&v4) {
            Some(octets) => Ipv4Addr::from(<[u8; 4]>::try_from(&**octets).expect("an address")).into(),
            None => Ipv6Addr::from(<[u8; 16]>::try_from(self.chunk(v6)).expect("an address")).into(),
        };
        SocketAddr::new(address, port)
    }

    /// What packets that belong together have in common.
    ///
    /// # Panics
    /// When it is no text.
    #[must_use]
    #[track_caller]
    pub fn correlation(&self) -> &str {
        std::str::from_utf8(self.chunk(0x11)).expect("a text")
    }

    /// The payload.
    ///
    /// # Panics
    /// When it is no text.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(self.chunk(0x0f)).expect("a text")
    }

    /// The payload as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(self.text()).expect("JSON")
    }
}

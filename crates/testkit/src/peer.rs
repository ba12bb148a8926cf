//! One end of a connection, driven by hand: exact bytes out, exact bytes in, FIN and RST
//! told apart. Every wait has a deadline; a peer that waits in vain panics.

use std::io::{ErrorKind, Read as _, Result, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::path::Path;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use crate::deadline::{Deadline, PATIENCE};
use crate::frame::Frame;
use crate::head::Head;
use crate::tls::{Authority, Wire};

/// How the other end of a connection came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// In order.
    Fin,
    /// The connection was broken off.
    Reset,
}

/// See the module.
#[derive(Debug)]
pub struct Peer {
    wire: Wire,
    /// Read, but not asked for yet.
    ahead: Vec<u8>,
}

/// What one read gave.
enum Got {
    Bytes,
    End(Ending),
    /// Nothing before the deadline.
    Nothing,
}

impl Peer {
    /// Drives `socket`.
    pub(crate) fn new(socket: Socket) -> Self {
        socket.set_write_timeout(Some(PATIENCE)).expect("a limit that is not zero");
        Self { wire: Wire::Plain(socket), ahead: Vec::new() }
    }

    /// The same over TCP: what is sent goes at once.
    pub(crate) fn over_tcp(socket: Socket) -> Self {
        socket.set_tcp_nodelay(true).expect("a connection");
        Self::new(socket)
    }

    /// Connects to `address`.
    ///
    /// # Panics
    /// When nobody listens there.
    #[must_use]
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Self {
        Self::connect_from(address.ip(), address)
    }

    /// The same from an address of this machine.
    ///
    /// # Panics
    /// When it is none, or nobody listens at the other end.
    #[must_use]
    #[track_caller]
    pub fn connect_from(own: IpAddr, address: SocketAddr) -> Self {
        let socket =
            Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a free descriptor");
        if own != address.ip() {
            socket.bind(&SocketAddr::new(own, 0).into()).expect("an address of this machine");
        }
        socket.connect_timeout(&address.into(), PATIENCE).expect("somebody listens");
        Self::over_tcp(socket)
    }

    /// Connects to a unix socket.
    ///
    /// # Panics
    /// When nobody listens there.
    #[must_use]
    #[track_caller]
    pub fn connect_unix(path: &Path) -> Self {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a free descriptor");
        let address = SockAddr::unix(path).expect("a path that is short enough");
        socket.connect(&address).expect("somebody listens");
        Self::new(socket)
    }

    /// Goes on with TLS: the other end has a certificate of `authority` for `name`.
    ///
    /// # Panics
    /// When the handshake fails.
    #[must_use]
    #[track_caller]
    pub fn secure(self, authority: &Authority, name: &str) -> Self {
        self.try_secure(authority, name).expect("a TLS handshake")
    }

    /// The same, if the handshake comes to its end.
    ///
    /// # Errors
    /// When it fails: what this end has to say of it.
    #[track_caller]
    pub fn try_secure(self, authority: &Authority, name: &str) -> Result<Self> {
        assert!(self.ahead.is_empty(), "TLS begins with this end");
        let Self { wire, ahead } = self;
        Ok(Self { wire: wire.secure(authority, name)?, ahead })
    }

    /// Goes on with TLS: this end has the certificate of `authority`.
    ///
    /// # Errors
    /// The other end breaks the handshake off.
    #[track_caller]
    pub fn serve_secured(self, authority: &Authority) -> Result<Self> {
        assert!(self.ahead.is_empty(), "TLS begins with the other end");
        let Self { wire, ahead } = self;
        Ok(Self { wire: wire.serve(authority)?, ahead })
    }

    /// The address of this end.
    ///
    /// # Panics
    /// When it has none, as over a unix socket.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let own = self.wire.socket().local_addr().expect("a connection");
        own.as_socket().expect("a connection over TCP")
    }

    /// The address of the other end.
    ///
    /// # Panics
    /// When it has none, as over a unix socket.
    #[must_use]
    pub fn peer_address(&self) -> SocketAddr {
        let other = self.wire.socket().peer_addr().expect("a connection");
        other.as_socket().expect("a connection over TCP")
    }

    /// A second hand on the same connection, for another thread: one writes, one reads.
    ///
    /// # Panics
    /// When no descriptor is left.
    #[must_use]
    pub fn second_hand(&self) -> Self {
        let socket = self.wire.socket().try_clone().expect("a free descriptor");
        Self { wire: Wire::Plain(socket), ahead: Vec::new() }
    }

    /// Keeps the kernel from holding more than some `bytes` in each direction.
    ///
    /// # Panics
    /// When the socket is of no use.
    pub fn keep_buffers_small(&self, bytes: usize) {
        let socket = self.wire.socket();
        socket.set_send_buffer_size(bytes).expect("a connection");
        socket.set_recv_buffer_size(bytes).expect("a connection");
    }

    /// Sends all of `bytes`.
    ///
    /// # Panics
    /// When the connection takes them not, or not in time.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("a connection that takes bytes");
    }

    /// Sends all of `bytes`, if the connection still takes them.
    ///
    /// # Errors
    /// When it does not, or not in time.
    pub fn try_send(&mut self, bytes: &[u8]) -> Result<()> {
        self.wire.write_all(bytes)
    }

    /// Sends as much of `bytes` as the connection takes, until it has taken nothing for
    /// `time`, and says how much that was.
    ///
    /// # Panics
    /// When the connection breaks.
    #[must_use]
    #[track_caller]
    pub fn send_until_blocked(&mut self, bytes: &[u8], time: Duration) -> usize {
        self.wire.socket().set_write_timeout(Some(time)).expect("a limit that is not zero");
        let mut sent = 0;
        while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
            match self.wire.write(rest) {
                Ok(count) => sent += count,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
                    break;
                }
            }
        }
        self.wire.socket().set_write_timeout(Some(PATIENCE)).expect("a limit that is not zero");
        sent
    }

    /// Sends each byte in a segment of its own.
    ///
    /// # Panics
    /// As [`Peer::send`].
    #[track_caller]
    pub fn send_bytewise(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.send(std::slice::from_ref(byte));
        }
    }

    /// Sends a FIN; bytes still come in.
    ///
    /// # Panics
    /// When the connection is gone.
    #[track_caller]
    pub fn finish(&mut self) {
        self.wire.socket().shutdown(Shutdown::Write).expect("a connection that is still there");
    }

    /// Breaks the connection off with an RST.
    ///
    /// # Panics
    /// When the socket is of no use.
    pub fn abort(self) {
        self.wire.socket().set_linger(Some(Duration::ZERO)).expect("a connection");
    }

    /// The next `count` bytes.
    ///
    /// # Panics
    /// When they do not come.
    #[must_use]
    #[track_caller]
    pub fn read(&mut self, count: usize) -> Vec<u8> {
        self.fill_until("as many bytes as are wanted", |ahead| (ahead.len() >= count).then_some(()));
        self.ahead.drain(..count).collect()
    }

    /// Reads until `bytes` have come, and nothing else.
    ///
    /// # Panics
    /// When others come, or none.
    #[track_caller]
    pub fn expect(&mut self, bytes: &[u8]) {
        let read = self.read(bytes.len());
        if read != bytes {
            let same = read.iter().zip(bytes).take_while(|(read, expected)| read == expected).count();
            let shown = same..bytes.len().min(same + 16);
            let (read, expected) = (read.get(shown.clone()), bytes.get(shown));
            assert_eq!(read, expected, "behind {same} bytes of {}", bytes.len());
        }
    }

    /// The next HTTP head. What comes behind it is left.
    ///
    /// # Panics
    /// When none comes, or one that is not well formed.
    #[must_use]
    #[track_caller]
    pub fn read_head(&mut self) -> Head {
        let end = self.fill_until("an HTTP head", |ahead| {
            ahead.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
        });
        let head: Vec<u8> = self.ahead.drain(..end).collect();
        Head::parse(&head)
    }

    /// The next HTTP head, or `None` at an end before its first byte.
    ///
    /// # Panics
    /// When nothing comes, or what is no head.
    #[must_use]
    #[track_caller]
    pub fn read_head_or_end(&mut self) -> Option<Head> {
        if self.ahead.is_empty() {
            match self.fill(Deadline::patient()) {
                Got::Bytes => {}
                Got::End(_) => return None,
                Got::Nothing => unreachable!("neither an HTTP head nor an end came"),
            }
        }
        Some(self.read_head())
    }

    /// The next line, without its CRLF.
    ///
    /// # Panics
    /// When none comes, or one that is not text.
    #[must_use]
    #[track_caller]
    pub fn read_line(&mut self) -> String {
        let end = self.fill_until("a line", |ahead| ahead.windows(2).position(|window| window == b"\r\n"));
        let mut line: Vec<u8> = self.ahead.drain(..end + 2).collect();
        line.truncate(end);
        String::from_utf8(line).expect("text")
    }

    /// The next chunk of a chunked body (RFC 9112 §7.1). Behind the last one, which is empty,
    /// follow the trailers.
    ///
    /// # Panics
    /// When none comes, or one that is not well formed.
    #[must_use]
    #[track_caller]
    pub fn read_chunk(&mut self) -> Vec<u8> {
        let line = self.read_line();
        let size = usize::from_str_radix(&line, 16).expect("a size in hexadecimal and nothing else");
        let chunk = self.read(size);
        if size > 0 {
            self.expect(b"\r\n");
        }
        chunk
    }

    /// The lines behind the last chunk.
    ///
    /// # Panics
    /// When they have no end.
    #[must_use]
    #[track_caller]
    pub fn read_trailers(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.read_line() {
                line if line.is_empty() => return lines,
                line => lines.push(line),
            }
        }
    }

    /// The body of the message with this head, which is framed by its length or in chunks
    /// without trailers. Without either there is none.
    ///
    /// # Panics
    /// When it does not come, or both are there.
    #[must_use]
    #[track_caller]
    pub fn read_body(&mut self, head: &Head) -> Vec<u8> {
        match (head.get("Content-Length"), head.get("Transfer-Encoding")) {
            (Some(length), None) => self.read(length.parse().expect("a length")),
            (None, None) => Vec::new(),
            (None, Some(coding)) => {
                assert_eq!(coding, "chunked");
                let mut body = Vec::new();
                loop {
                    match self.read_chunk() {
                        chunk if chunk.is_empty() => break,
                        chunk => body.extend(chunk),
                    }
                }
                assert_eq!(self.read_trailers(), [""; 0]);
                body
            }
            (Some(_), Some(_)) => unreachable!("two ways to frame a body: {head:?}"),
        }
    }

    /// The next frame.
    ///
    /// # Panics
    /// When none comes.
    #[must_use]
    #[track_caller]
    pub fn read_frame(&mut self) -> Frame {
        let (frame, length) = self.fill_until("a frame", Frame::parse);
        self.ahead.drain(..length);
        frame
    }

    /// The next frame, or `None` at an end before its first byte.
    ///
    /// # Panics
    /// When neither comes.
    #[must_use]
    #[track_caller]
    pub fn read_frame_or_end(&mut self) -> Option<Frame> {
        if self.ahead.is_empty() {
            match self.fill(Deadline::patient()) {
                Got::Bytes => {}
                Got::End(_) => return None,
                Got::Nothing => unreachable!("neither a frame nor an end came"),
            }
        }
        Some(self.read_frame())
    }

    /// All bytes up to the end, and how that came.
    ///
    /// # Panics
    /// When there is no end.
    #[must_use]
    #[track_caller]
    pub fn read_to_end(&mut self) -> (Vec<u8>, Ending) {
        let deadline = Deadline::patient();
        loop {
            match self.fill(deadline) {
                Got::Bytes => {}
                Got::End(ending) => return (std::mem::take(&mut self.ahead), ending),
                Got::Nothing => {
                    assert!(deadline.left().is_some(), "no end came behind {:x?}", self.ahead);
                }
            }
        }
    }

    /// Reads the end, with no byte before it.
    ///
    /// # Panics
    /// When bytes come, or another end, or none.
    #[track_caller]
    pub fn expect_end(&mut self, expected: Ending) {
        let (bytes, ending) = self.read_to_end();
        assert_eq!((&*bytes, ending), (&[][..], expected), "{}", String::from_utf8_lossy(&bytes));
    }

    /// Whether bytes come within `time`; they are kept.
    ///
    /// # Panics
    /// When an end comes.
    #[track_caller]
    pub fn has_bytes_within(&mut self, time: Duration) -> bool {
        let got = self.fill(Deadline::after(time));
        assert!(!matches!(got, Got::End(_)), "an end in place of bytes");
        !self.ahead.is_empty()
    }

    /// Nothing comes for `time`, neither bytes nor an end.
    ///
    /// # Panics
    /// When something comes.
    #[track_caller]
    pub fn expect_silence(&mut self, time: Duration) {
        let got = if self.ahead.is_empty() { self.fill(Deadline::after(time)) } else { Got::Bytes };
        assert!(matches!(got, Got::Nothing), "no silence: {:x?}", self.ahead);
    }

    /// What is there, at least one byte and at most `count_max`; for large amounts.
    ///
    /// # Panics
    /// When nothing comes, or an end.
    #[track_caller]
    pub fn read_some<'b>(&mut self, buffer: &'b mut [u8], count_max: usize) -> &'b [u8] {
        assert!(self.ahead.is_empty(), "bytes that were read ahead come first");
        self.wire.socket().set_read_timeout(Some(PATIENCE)).expect("a limit that is not zero");
        let (space, _) = buffer.split_at_mut(count_max.min(buffer.len()));
        let count = self.wire.read(space).expect("bytes in time");
        assert!(count > 0, "an end came in place of bytes");
        space.get(..count).unwrap_or_default()
    }

    /// Reads until `find` finds something in what has come.
    #[track_caller]
    fn fill_until<T>(&mut self, what: &str, find: impl Fn(&[u8]) -> Option<T>) -> T {
        let deadline = Deadline::patient();
        loop {
            if let Some(found) = find(&self.ahead) {
                return found;
            }
            let end = match self.fill(deadline) {
                Got::Bytes => continue,
                Got::End(ending) => format!("{ending:?}"),
                Got::Nothing => "nothing more".to_owned(),
            };
            let shown = self.ahead.get(..self.ahead.len().min(200)).unwrap_or_default();
            assert!(
                end.is_empty(),
                "in place of {what} came {end}, behind {:?}",
                shown.escape_ascii().to_string()
            );
        }
    }

    /// One read, with what it gave put behind what is there.
    #[track_caller]
    fn fill(&mut self, deadline: Deadline) -> Got {
        let Some(left) = deadline.left() else { return Got::Nothing };
        self.wire.socket().set_read_timeout(Some(left)).expect("a limit that is not zero");
        let mut buffer = [0; 16 * 1024];
        match self.wire.read(&mut buffer) {
            Ok(0) => Got::End(Ending::Fin),
            Ok(count) => {
                self.ahead.extend_from_slice(buffer.get(..count).unwrap_or_default());
                Got::Bytes
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Got::Nothing,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
                Got::End(Ending::Reset)
            }
        }
    }
}

//! A socket with TLS over it.
//!
//! Ciphertext goes through the thread's scratch buffer in both directions. A connection keeps
//! bytes of its own only while it must: a record of which not all has come, plaintext that the
//! reader had no room for, records that the socket does not take.
//!
//! ```text
//! reading:  Open ──close_notify──▶ Closed      writing:  until close_notify is made, or
//!             ├───FIN────────────▶ Cut                   reading has failed
//!             └───fault──────────▶ Failed
//! ```

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::task::{Context, Poll, ready};

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::{Error, HandshakeKind, InvalidMessage, ProtocolVersion};

use crate::tls::connection::{Connection, Delivery, Received, Stage};
use crate::tls::{PeerCertificate, TlsError, refused, scratch, sni};
use crate::transport::{Plain, Transport};

/// See the module.
pub struct Tls {
    plain: Plain,
    connection: Connection,
    reading: Reading,
    /// Our close_notify is made, so that nothing can be written any more.
    is_finished: bool,
    /// Ciphertext that makes no whole record, or no whole handshake message, yet.
    incoming: Vec<u8>,
    /// Plaintext that was not read yet.
    unread: Remnant,
    /// Records that the socket has not taken yet.
    outgoing: Remnant,
    /// Bytes of the plaintext being offered that are in `outgoing` already.
    taken: usize,
    /// The host that the client asked for, until it is asked for here.
    server_name: Option<Box<str>>,
}

/// See the module.
enum Reading {
    Open,
    Closed,
    Cut,
    Failed(Box<Fault>),
}

/// What was wrong with what came.
struct Fault {
    error: Error,
    /// The certificate that was refused.
    refused: Option<Box<PeerCertificate>>,
}

impl Fault {
    fn told(&self) -> TlsError {
        let source = self.error.clone();
        match &self.refused {
            Some(certificate) => TlsError::Refused { error: source, certificate: certificate.clone() },
            None => TlsError::Protocol(source),
        }
    }
}

/// What the two ends agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// By its IANA name, as `TLS_AES_128_GCM_SHA256`.
    pub cipher: &'static str,
    /// The host that the client asked for (SNI), in lower case.
    pub server_name: Option<Box<str>>,
    /// The session of an earlier connection goes on.
    pub is_resumed: bool,
    /// What the peer showed, if it was asked to show one.
    pub peer_certificate: Option<PeerCertificate>,
}

impl Tls {
    pub(super) fn server(plain: Plain, connection: UnbufferedServerConnection) -> Box<Self> {
        Self::new(plain, Connection::Server(connection))
    }

    pub(super) fn client(plain: Plain, connection: UnbufferedClientConnection) -> Box<Self> {
        Self::new(plain, Connection::Client(connection))
    }

    fn new(plain: Plain, connection: Connection) -> Box<Self> {
        Box::new(Self {
            plain,
            connection,
            reading: Reading::Open,
            is_finished: false,
            incoming: Vec::new(),
            unread: Remnant::default(),
            outgoing: Remnant::default(),
            taken: 0,
            server_name: None,
        })
    }

    /// Does the handshake. What the peer sends behind its own is kept for the first read.
    pub(super) async fn handshake(self: Box<Self>) -> Result<Box<Self>, TlsError> {
        self.handshake_after(&mut []).await
    }

    /// The same where `received` has been read from the socket already.
    pub(super) async fn handshake_after(
        mut self: Box<Self>,
        received: &mut [u8],
    ) -> Result<Box<Self>, TlsError> {
        // Of a client the first words wait in the connection.
        self.take_in(received, &mut []);
        self.server_name = sni::take_asked();
        if let Reading::Failed(_) = self.reading {
            // There may be an alert.
            poll_fn(|cx| self.poll_send(cx)).await?;
        }
        poll_fn(|cx| self.poll_handshake(cx)).await?;
        Ok(self)
    }

    pub(crate) fn plain_mut(&mut self) -> &mut Plain {
        &mut self.plain
    }

    /// The socket at the bottom.
    pub(crate) fn plain(&self) -> &Plain {
        &self.plain
    }

    /// What was agreed on. The server's name is moved out: whoever wants it keeps it.
    pub(crate) fn negotiated(&mut self) -> Negotiated {
        let common = self.connection.common();
        let cipher = common.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
        let certificate = common.peer_certificates().and_then(|chain| chain.first());
        Negotiated {
            version: match common.protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
                Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
                Some(_) | None => "unknown",
            },
            cipher: match cipher {
                Some("TLS13_AES_128_GCM_SHA256") => "TLS_AES_128_GCM_SHA256",
                Some("TLS13_AES_256_GCM_SHA384") => "TLS_AES_256_GCM_SHA384",
                Some("TLS13_CHACHA20_POLY1305_SHA256") => "TLS_CHACHA20_POLY1305_SHA256",
                Some(name) => name,
                None => "unknown",
            },
            is_resumed: common.handshake_kind() == Some(HandshakeKind::Resumed),
            peer_certificate: certificate.map(|certificate| PeerCertificate::read(certificate)),
            server_name: self.server_name.take(),
        }
    }

    /// Whether reading has ended without the peer's close_notify where that may mean that
    /// somebody has cut the end of an answer off.
    pub(crate) fn is_cut(&self) -> bool {
        matches!((&self.reading, &self.connection), (Reading::Cut, Connection::Client(_)))
    }

    /// Sends the records that the socket did not take.
    pub(crate) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            let count = ready!(self.plain.poll_write(cx, self.outgoing.bytes()))?;
            self.outgoing.advance(count);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TlsError>> {
        for _ in 0..READS_PER_POLL {
            match &self.reading {
                Reading::Open => ready!(self.poll_send(cx))?,
                Reading::Closed | Reading::Cut => return Poll::Ready(Err(TlsError::Closed)),
                // The alert was sent as far as the socket took it.
                Reading::Failed(fault) => return Poll::Ready(Err(fault.told())),
            }
            if !self.connection.common().is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_receive(cx, &mut []))?;
            // A server is told the name in what was just taken in.
            if let Some(name) = sni::take_asked() {
                self.server_name = Some(name);
            }
        }
        yield_now(cx)
    }

    /// Reads from the socket once. 0 bytes are headway here, of which `reading` tells more.
    fn poll_receive(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let held = self.incoming.len();
        let count = ready!(scratch::borrow(|scratch| {
            let end = readable(buffer).min(scratch.len());
            // A handshake message may be larger than any record.
            let end = if held < end { end } else { scratch.len() };
            let space = scratch.get_mut(held..end).unwrap_or_default();
            if space.is_empty() {
                self.fail(Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge));
                return Poll::Ready(Ok(0));
            }
            let count = ready!(self.plain.poll_read(cx, space))?;
            if count == 0 {
                self.reading = Reading::Cut;
                return Poll::Ready(Ok(0));
            }
            let ciphertext = scratch.get_mut(..held + count).unwrap_or_default();
            if let Some(front) = ciphertext.get_mut(..held) {
                front.copy_from_slice(&self.incoming);
            }
            Poll::Ready(io::Result::Ok(self.take_in(ciphertext, buffer)))
        }))?;
        // An alert, if anything. A socket that has failed says so to whoever reads or writes
        // next, and one that is full has the task woken.
        let _later = self.poll_send(cx);
        Poll::Ready(Ok(count))
    }

    /// Takes in what there is of ciphertext and keeps what makes no whole record; answers how
    /// much of `buffer` is in use.
    fn take_in(&mut self, ciphertext: &mut [u8], buffer: &mut [u8]) -> usize {
        let mut delivery =
            Delivery { buffer, filled: 0, rest: &mut self.unread.bytes, outgoing: &mut self.outgoing.bytes };
        let Received { consumed, outcome } = self.connection.receive(ciphertext, &mut delivery);
        let filled = delivery.filled;
        match outcome {
            Ok(Stage::Open) => {
                let rest = ciphertext.get(consumed..).unwrap_or_default();
                if rest.is_empty() {
                    self.incoming = Vec::new();
                } else {
                    self.incoming.clear();
                    self.incoming.extend_from_slice(rest);
                }
            }
            // Whatever comes behind it is to be ignored (RFC 8446 §6.1).
            Ok(Stage::Closed) => {
                self.reading = Reading::Closed;
                self.incoming = Vec::new();
            }
            Err(error) => self.fail(error),
        }
        filled
    }

    fn fail(&mut self, error: Error) {
        self.reading = Reading::Failed(Box::new(Fault { error, refused: refused::take() }));
        self.incoming = Vec::new();
    }

    /// Makes records of the front of `bytes` and sends what the socket takes of them.
    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> io::Result<()> {
        if self.is_finished || matches!(self.reading, Reading::Failed(_)) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let plaintext = bytes.get(..scratch::BATCH).unwrap_or(bytes);
        scratch::borrow(|scratch| {
            let count = match self.connection.encrypt(&mut self.incoming, plaintext, scratch) {
                Ok(count) => count,
                Err(error) => {
                    // The keys may be used up, of which the peer is told by a close_notify.
                    self.connection.drain(&mut self.incoming, &mut self.outgoing.bytes);
                    self.is_finished = true;
                    return Err(broken(error));
                }
            };
            let records = scratch.get(..count).unwrap_or_default();
            let sent = match self.plain.poll_write(cx, records) {
                Poll::Ready(sent) => sent?,
                Poll::Pending => 0,
            };
            self.taken = plaintext.len();
            self.outgoing.bytes.extend_from_slice(records.get(sent..).unwrap_or_default());
            Ok(())
        })
    }
}

impl Transport for Tls {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let count = self.unread.read(buffer);
        if count > 0 || buffer.is_empty() {
            return Poll::Ready(Ok(count));
        }
        for _ in 0..READS_PER_POLL {
            match &self.reading {
                Reading::Open => {}
                Reading::Closed | Reading::Cut => return Poll::Ready(Ok(0)),
                Reading::Failed(fault) => return Poll::Ready(Err(broken(fault.error.clone()))),
            }
            let count = ready!(self.poll_receive(cx, buffer))?;
            if count > 0 {
                return Poll::Ready(Ok(count));
            }
        }
        yield_now(cx)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_send(cx))?;
            // Whoever offers less than before must not be told of more than it offers.
            let taken = mem::take(&mut self.taken).min(bytes.len());
            if taken > 0 || bytes.is_empty() {
                return Poll::Ready(Ok(taken));
            }
            self.write(cx, bytes)?;
        }
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_finished {
            self.is_finished = true;
            if !matches!(self.reading, Reading::Failed(_)) {
                self.connection.close(&mut self.incoming, &mut self.outgoing.bytes);
            }
        }
        ready!(self.poll_send(cx))?;
        self.plain.poll_finish(cx)
    }

    fn abort(&mut self) {
        self.plain.abort();
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("plain", &self.plain).finish_non_exhaustive()
    }
}

/// Bytes that are used up from the front. Used up, it holds no memory.
#[derive(Debug, Default)]
struct Remnant {
    bytes: Vec<u8>,
    start: usize,
}

impl Remnant {
    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    fn advance(&mut self, count: usize) {
        self.start += count;
        if self.start >= self.bytes.len() {
            *self = Self::default();
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> usize {
        if self.is_empty() {
            return 0;
        }
        let bytes = self.bytes();
        let count = bytes.len().min(buffer.len());
        if let (Some(from), Some(to)) = (bytes.get(..count), buffer.get_mut(..count)) {
            to.copy_from_slice(from);
        }
        self.advance(count);
        count
    }
}

/// Reads of the socket in one poll that bring nothing to the reader (tickets, new keys, parts
/// of large records), before other tasks get their turn.
const READS_PER_POLL: usize = 8;

/// How much ciphertext to read for a reader with this buffer: one record at least, and no more
/// than what it has room for when decrypted.
fn readable(buffer: &[u8]) -> usize {
    let full_records = buffer.len() / scratch::MAX_PLAINTEXT;
    (buffer.len() + full_records * RECORD_OVERHEAD).max(scratch::MAX_RECORD)
}

/// Header, content type and tag of a record in TLS 1.3; in TLS 1.2 it is a byte less or some
/// more, by cipher.
const RECORD_OVERHEAD: usize = 5 + 1 + 16;

fn yield_now<T>(cx: &Context<'_>) -> Poll<T> {
    cx.waker().wake_by_ref();
    Poll::Pending
}

fn broken(error: Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, TlsError::Protocol(error))
}

#[cfg(test)]
mod tests;

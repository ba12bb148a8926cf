//! The TLS machine: ciphertext in, plaintext and ciphertext out. Both ends of a connection
//! are driven alike.
//!
//! It reads no socket and keeps no bytes: what it has not consumed must be offered again, in
//! front of what follows.

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError, UnbufferedStatus,
};
use rustls::{CommonState, Error};

/// One end of a connection.
pub(super) enum Connection {
    /// We were connected to.
    Server(UnbufferedServerConnection),
    /// We connect.
    Client(UnbufferedClientConnection),
}

/// Where what comes of ciphertext goes.
pub(super) struct Delivery<'a> {
    /// Plaintext goes here first.
    pub(super) buffer: &'a mut [u8],
    /// Bytes of `buffer` that are in use.
    pub(super) filled: usize,
    /// Plaintext that `buffer` has no room for.
    pub(super) rest: &'a mut Vec<u8>,
    /// Records that are to be sent: handshake messages and alerts.
    pub(super) outgoing: &'a mut Vec<u8>,
}

/// What ciphertext came to.
pub(super) struct Received {
    /// Bytes that must not be offered again.
    pub(super) consumed: usize,
    /// How far the peer is, or why it is refused.
    pub(super) outcome: Result<Stage, Error>,
}

/// How far the peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// More must come.
    Open,
    /// It has ended its stream in order (close_notify).
    Closed,
}

/// What is to be done after one step of the machine.
enum Step {
    Again,
    PeerClosed,
    Idle,
}

impl Connection {
    /// What was negotiated.
    pub(super) fn common(&self) -> &CommonState {
        match self {
            Self::Server(connection) => connection,
            Self::Client(connection) => connection,
        }
    }

    /// Takes in `ciphertext` as far as it makes whole records. With an error, the alert that
    /// tells the peer is in `delivery.outgoing`.
    pub(super) fn receive(&mut self, ciphertext: &mut [u8], delivery: &mut Delivery<'_>) -> Received {
        let mut consumed = 0;
        let mut stage = Stage::Open;
        loop {
            let rest = ciphertext.get_mut(consumed..).unwrap_or_default();
            let (discard, step) = match self {
                Self::Server(connection) => advance(connection.process_tls_records(rest), delivery),
                Self::Client(connection) => advance(connection.process_tls_records(rest), delivery),
            };
            consumed += discard;
            match step {
                Ok(Step::Again) => {}
                Ok(Step::PeerClosed) => stage = Stage::Closed,
                Ok(Step::Idle) => return Received { consumed, outcome: Ok(stage) },
                Err(error) => {
                    self.drain(ciphertext.get_mut(consumed..).unwrap_or_default(), delivery.outgoing);
                    return Received { consumed, outcome: Err(error) };
                }
            }
        }
    }

    /// Encrypts `plaintext` to the front of `records`, and says how many bytes that makes.
    /// `unconsumed` is what was offered last and not consumed.
    pub(super) fn encrypt(
        &mut self,
        unconsumed: &mut [u8],
        plaintext: &[u8],
        records: &mut [u8],
    ) -> Result<usize, Error> {
        match self {
            Self::Server(connection) => {
                encrypt(connection.process_tls_records(unconsumed), plaintext, records)
            }
            Self::Client(connection) => {
                encrypt(connection.process_tls_records(unconsumed), plaintext, records)
            }
        }
    }

    /// Appends the record that ends our stream (close_notify) to `outgoing`, unless an alert
    /// has ended it already. `unconsumed` as for [`Connection::encrypt`].
    pub(super) fn close(&mut self, unconsumed: &mut [u8], outgoing: &mut Vec<u8>) {
        match self {
            Self::Server(connection) => queue_close(connection.process_tls_records(unconsumed)),
            Self::Client(connection) => queue_close(connection.process_tls_records(unconsumed)),
        }
        self.drain(unconsumed, outgoing);
    }

    /// Appends what waits to be sent to `outgoing`.
    pub(super) fn drain(&mut self, unconsumed: &mut [u8], outgoing: &mut Vec<u8>) {
        // Each round takes one record off; the state machine must not be asked for more, as it
        // would go on reading `unconsumed`.
        while self.common().wants_write() {
            let encoded = match self {
                Self::Server(connection) => encode_next(connection.process_tls_records(unconsumed), outgoing),
                Self::Client(connection) => encode_next(connection.process_tls_records(unconsumed), outgoing),
            };
            if !encoded {
                return;
            }
        }
    }
}

impl Delivery<'_> {
    fn plaintext(&mut self, bytes: &[u8]) {
        let space = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let (fits, rest) = bytes.split_at(bytes.len().min(space.len()));
        if let Some(space) = space.get_mut(..fits.len()) {
            space.copy_from_slice(fits);
        }
        self.filled += fits.len();
        self.rest.extend_from_slice(rest);
    }
}

/// Does what the machine asks for; answers the bytes consumed as well.
fn advance<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    delivery: &mut Delivery<'_>,
) -> (usize, Result<Step, Error>) {
    let UnbufferedStatus { mut discard, state } = status;
    let step = match state {
        Ok(ConnectionState::ReadTraffic(mut traffic)) => loop {
            match traffic.next_record() {
                Some(Ok(record)) => {
                    discard += record.discard;
                    delivery.plaintext(record.payload);
                }
                Some(Err(error)) => break Err(error),
                None => break Ok(Step::Again),
            }
        },
        Ok(ConnectionState::EncodeTlsData(mut data)) => {
            encode(&mut data, delivery.outgoing);
            Ok(Step::Again)
        }
        Ok(ConnectionState::TransmitTlsData(data)) => {
            // Everything that is sent later goes behind it.
            data.done();
            Ok(Step::Again)
        }
        Ok(ConnectionState::PeerClosed) => Ok(Step::PeerClosed),
        Ok(
            ConnectionState::BlockedHandshake | ConnectionState::WriteTraffic(_) | ConnectionState::Closed,
        ) => Ok(Step::Idle),
        // Early data is never offered or accepted.
        Ok(_) => Err(Error::General("an unexpected state".into())),
        Err(error) => Err(error),
    };
    (discard, step)
}

fn encrypt<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    plaintext: &[u8],
    records: &mut [u8],
) -> Result<usize, Error> {
    debug_assert_eq!(status.discard, 0, "whole records were taken in before");
    let ConnectionState::WriteTraffic(mut traffic) = status.state? else {
        return Err(Error::HandshakeNotComplete);
    };
    traffic.encrypt(plaintext, records).map_err(|error| match error {
        EncryptError::EncryptExhausted => {
            Error::General("the keys have encrypted as many records as is safe".into())
        }
        EncryptError::InsufficientSize(_) => Error::General("the records have no room".into()),
    })
}

fn queue_close<Data>(status: UnbufferedStatus<'_, '_, Data>) {
    if let Ok(ConnectionState::WriteTraffic(mut traffic)) = status.state {
        // Told of no room, the connection keeps the record for when it is drained.
        let _kept = traffic.queue_close_notify(&mut []);
    }
}

/// Whether there was a record to append.
fn encode_next<Data>(status: UnbufferedStatus<'_, '_, Data>, outgoing: &mut Vec<u8>) -> bool {
    if let Ok(ConnectionState::EncodeTlsData(mut data)) = status.state {
        encode(&mut data, outgoing);
        return true;
    }
    false
}

fn encode<Data>(data: &mut EncodeTlsData<'_, Data>, outgoing: &mut Vec<u8>) {
    let start = outgoing.len();
    loop {
        match data.encode(outgoing.get_mut(start..).unwrap_or_default()) {
            Ok(count) => return outgoing.truncate(start + count),
            Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) => {
                outgoing.resize(start + required_size, 0);
            }
            Err(EncodeError::AlreadyEncoded) => return,
        }
    }
}

//! The first words of a client, read before a handshake is begun with it: where the name that it
//! asks for decides on more than a certificate, it decides which handshake there is.

use std::future::poll_fn;
use std::task::ready;

use rustls::server::{Accepted, Acceptor};
use rustls::{Error, InvalidMessage};

use crate::tls::{TlsError, scratch};
use crate::transport::{Plain, Transport};

/// What a client has said.
pub(super) struct Hello {
    /// All that was read, for the handshake to begin with.
    pub(super) bytes: Vec<u8>,
    /// The host that it asks for, in lower case.
    pub(super) server_name: Option<Box<str>>,
}

impl Hello {
    /// Reads as far as the name can be told. It takes as long as the client does.
    ///
    /// # Errors
    /// When these are not the first words of TLS. The client has been told, where TLS has a word
    /// for it.
    pub(super) async fn read(plain: &mut Plain) -> Result<Self, TlsError> {
        let mut reader = Acceptor::default();
        let mut bytes = Vec::new();
        loop {
            let begin = bytes.len();
            if receive(plain, &mut bytes).await? == 0 {
                return Err(TlsError::Closed);
            }
            let mut fresh = bytes.get(begin..).unwrap_or_default();
            while !fresh.is_empty() {
                // Its buffer is as large as a handshake message can be.
                if reader.read_tls(&mut fresh)? == 0 {
                    break;
                }
                match reader.accept() {
                    Ok(None) => {}
                    Ok(Some(accepted)) => return Ok(Self { server_name: name(&accepted), bytes }),
                    Err((error, mut alert)) => {
                        let mut told = Vec::new();
                        // Writing to memory does not fail.
                        let _infallible = alert.write(&mut told);
                        tell(plain, &told).await;
                        return Err(TlsError::Protocol(error));
                    }
                }
            }
            if bytes.len() > SIZE_MAX {
                return Err(TlsError::Protocol(Error::InvalidMessage(
                    InvalidMessage::HandshakePayloadTooLarge,
                )));
            }
        }
    }
}

/// Tells a client that nobody here has the name it asks for, which ends the handshake.
pub(super) async fn refuse_name(plain: &mut Plain) {
    tell(plain, &UNRECOGNIZED_NAME).await;
}

/// A record with an alert: fatal, `unrecognized_name` (RFC 8446 §5.1, §6.2).
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// A message of 64 KiB, in records of a size that is not absurd.
const SIZE_MAX: usize = 128 * 1024;

fn name(accepted: &Accepted) -> Option<Box<str>> {
    accepted.client_hello().server_name().map(Into::into)
}

async fn receive(plain: &mut Plain, bytes: &mut Vec<u8>) -> Result<usize, TlsError> {
    let count = poll_fn(|cx| {
        scratch::borrow(|scratch| {
            let space = scratch.get_mut(..scratch::MAX_RECORD).unwrap_or_default();
            let count = ready!(plain.poll_read(cx, space))?;
            bytes.extend_from_slice(space.get(..count).unwrap_or_default());
            std::task::Poll::Ready(std::io::Result::Ok(count))
        })
    });
    Ok(count.await?)
}

/// Sends an alert as far as the socket takes it, which is whole where nothing was sent before.
async fn tell(plain: &mut Plain, alert: &[u8]) {
    let _best_effort = poll_fn(|cx| plain.poll_write(cx, alert)).await;
}

//! What can go wrong in the opening handshake with the upstream.

use std::io;
use std::time::Duration;

use ws_proto::handshake::response::ResponseFault;

/// Why the upstream's answer is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpgradeError {
    #[error("the upstream did not answer the handshake within {0:?}")]
    TimedOut(Duration),
    #[error("the connection to the upstream broke during the handshake")]
    Lost(#[source] io::Error),
    #[error("the upstream ended the connection before it answered the handshake")]
    Ended,
    #[error("the head of the upstream's answer is not HTTP")]
    Malformed(#[from] httparse::Error),
    #[error("the upstream's answer is not one of HTTP/1.1")]
    Version,
    #[error("a header field of the upstream's answer is not valid")]
    Field,
    #[error("the head of the upstream's answer is above 16 KiB")]
    HeadTooLarge,
    #[error("the upstream's 101 is not valid")]
    Fault(#[from] ResponseFault),
    #[error("the upstream's refusal cannot be read")]
    Refusal(#[from] hyper::Error),
    #[error("the body of the upstream's refusal is above {} bytes or broken", BODY_MAX)]
    RefusalBody,
}

/// The body of a refusal is kept until it is whole; above this it is of no use.
pub(crate) const BODY_MAX: usize = 1024 * 1024;

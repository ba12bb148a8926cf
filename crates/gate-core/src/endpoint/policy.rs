//! What one end of a connection must keep to: one immutable value that all connections of a
//! configuration share.

use ws_proto::walk::Limits;

use crate::policy::{Age, Keepalive, Timeouts};

/// The rules of an [`super::Endpoint`].
#[derive(Clone, Debug)]
pub struct EndpointPolicy {
    /// Sizes and counts of what the peer sends. Default: messages up to 65,535 bytes in 1,024
    /// frames. Without a `message_size_max` a peer can make the gateway keep what it likes.
    pub limits: Limits,
    /// Reads that leave a message, or a frame, incomplete, at which the connection ends with 1008.
    /// It depends on how the bytes arrive, which no peer decides; 0, the default: no limit.
    pub chunks_max: u32,
    /// How long things may take. `half_close` has no meaning here: the peer's FIN is the end.
    pub timeouts: Timeouts,
    /// How old a connection may become. `code` and `reason` are for clients; servers are told 1001.
    pub age: Age,
    /// How the peer is asked whether it is there.
    pub keepalive: Keepalive,
}

impl Default for EndpointPolicy {
    fn default() -> Self {
        Self {
            limits: Limits { message_size_max: 65_535, fragments_max: 1024, ..Limits::default() },
            chunks_max: 0,
            timeouts: Timeouts::default(),
            age: Age::default(),
            keepalive: Keepalive::default(),
        }
    }
}

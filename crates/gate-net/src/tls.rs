//! TLS over sockets, both ends of it: [`server::Acceptor`] for clients that come,
//! [`client::Connector`] for upstreams. What they make is a [`Tls`], which holds no buffer while
//! it is idle.

pub mod client;
pub mod server;

mod certificate;
mod client_auth;
mod connection;
mod error;
mod hello;
mod identity;
mod key_log;
mod refused;
mod scratch;
mod sni;
mod stream;
mod tickets;
mod unverified;
mod versions;
mod words;

use std::sync::{Arc, LazyLock};

use gate_config::model::Alpn;
use rustls::crypto::{CryptoProvider, aws_lc_rs};

pub use certificate::PeerCertificate;
pub use error::TlsError;
pub use stream::{Negotiated, Tls};

/// The cryptography of all connections.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));
    Arc::clone(&PROVIDER)
}

/// The protocols that are offered, or chosen from. A client that offers others only is refused, one that
/// offers none is not.
fn protocols(alpn: Alpn) -> Vec<Vec<u8>> {
    match alpn {
        Alpn::Http => vec![b"http/1.1".to_vec()],
        Alpn::None => Vec::new(),
    }
}

//! Streams of bytes: sockets, TLS, and the seam that drivers see them through.

pub mod proxy_protocol;
pub mod socket;
pub mod stream;
pub mod tls;
pub mod transport;

pub use socket::Socket;
pub use stream::Stream;
pub use transport::{Plain, Transport};

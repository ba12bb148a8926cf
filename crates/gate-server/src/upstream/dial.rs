//! A TCP connection to the upstream: every address of its name in turn, all within one
//! time limit.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};

use crate::settings::UpstreamAddress;
use crate::socket;
use crate::upstream::within;

/// Why the upstream could not be reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("the name {upstream} cannot be resolved")]
    Resolve {
        upstream: UpstreamAddress,
        #[source]
        source: io::Error,
    },
    #[error("the name {upstream} has no address")]
    NoAddress { upstream: UpstreamAddress },
    #[error("cannot connect to {upstream}")]
    Connect {
        upstream: UpstreamAddress,
        #[source]
        source: io::Error,
    },
    #[error("no address of {upstream} answered within {limit:?}")]
    TimedOut { upstream: UpstreamAddress, limit: Duration },
}

/// Connects within `limit` (zero: no limit).
pub(crate) async fn dial(upstream: &UpstreamAddress, limit: Duration) -> Result<TcpStream, DialError> {
    let timed_out = || DialError::TimedOut { upstream: upstream.clone(), limit };
    let stream = within(limit, connect(upstream)).await.ok_or_else(timed_out)??;
    // A connection that refuses these options works all the same.
    let _best_effort = socket::tune(&stream);
    Ok(stream)
}

async fn connect(upstream: &UpstreamAddress) -> Result<TcpStream, DialError> {
    if let Ok(address) = upstream.host.parse::<IpAddr>() {
        let address = SocketAddr::new(address, upstream.port);
        return TcpStream::connect(address)
            .await
            .map_err(|source| DialError::Connect { upstream: upstream.clone(), source });
    }
    let addresses = lookup_host((upstream.host.as_str(), upstream.port))
        .await
        .map_err(|source| DialError::Resolve { upstream: upstream.clone(), source })?;
    let mut failure = DialError::NoAddress { upstream: upstream.clone() };
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(source) => failure = DialError::Connect { upstream: upstream.clone(), source },
        }
    }
    Err(failure)
}

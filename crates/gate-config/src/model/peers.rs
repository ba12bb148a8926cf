//! Peers by their addresses.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// Peers by their addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peers {
    /// Networks.
    pub networks: Vec<IpNet>,
    /// `"unix:"`: whoever comes over a unix socket.
    pub unix: bool,
}

impl Peers {
    /// Whether there is anybody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && !self.unix
    }

    /// Whether a peer is one of them; `None` is one that came over a unix socket. An IPv4
    /// address that is written as IPv6 is the IPv4 address.
    #[must_use]
    pub fn contain(&self, peer: Option<IpAddr>) -> bool {
        match peer {
            None => self.unix,
            Some(address) => {
                let address = address.to_canonical();
                self.networks.iter().any(|network| network.contains(&address))
            }
        }
    }
}

impl fmt::Display for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks = self.networks.iter().map(ToString::to_string);
        let all: Vec<String> = networks.chain(self.unix.then(|| "unix:".to_owned())).collect();
        f.write_str(&all.join(", "))
    }
}

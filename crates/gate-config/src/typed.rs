//! Single values as they are typed, for command lines: they read as they do in a
//! configuration, and what is wrong is told in one line.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::{At, ListenAddress, Peers, Target, Url};
use crate::value::{self, Schemes};

/// A number of bytes: `65536`, `64KB`; all units are binary.
///
/// # Errors
/// What is wrong, and what would be right.
pub fn size(text: &str) -> Result<u64, String> {
    value::size(text).map_err(|why| {
        format!(
            "{why}; a size is a whole number of bytes, or one with B, KB, MB or GB, such as 65536, 64KB, 1MB"
        )
    })
}

/// A duration: `500ms`, `1h30m`, `0`.
///
/// # Errors
/// What is wrong, and what would be right.
pub fn duration(text: &str) -> Result<Duration, String> {
    value::duration(text).map_err(|why| {
        format!(
            "{why}; a duration is whole numbers with d, h, m, s or ms, such as 500ms, 30s, 1h30m, 2d, or 0"
        )
    })
}

/// A target of weight 1: `ws://127.0.0.1:9001`, `wss://backend`, `unix:/path`.
///
/// # Errors
/// What is wrong, and what would be right.
pub fn target(text: &str) -> Result<Target, String> {
    let (address, speaks) = value::target_address(text, |path| PathBuf::from(path))
        .map_err(|fault| format!("{}; {}", fault.why, fault.help))?;
    Ok(Target { address: At::nowhere(address), tls: speaks.tls, sip: speaks.sip, weight: 1 })
}

/// An address that is listened on: `127.0.0.1:9091`, `[::1]:9091`, `unix:/run/admin.sock`.
///
/// # Errors
/// What is wrong, and what would be right.
pub fn listen_address(text: &str) -> Result<ListenAddress, String> {
    value::listen_address(text, 0, None, |path| PathBuf::from(path))
        .map_err(|fault| format!("{}; {}", fault.why, fault.help))
}

/// A URL of http or https.
///
/// # Errors
/// What is wrong, and what would be right.
pub fn http_url(text: &str) -> Result<Url, String> {
    value::url(text, Schemes::Http).map_err(|fault| format!("{}; {}", fault.why, fault.help))
}

/// A URL of ws or wss.
///
/// # Errors
/// What is wrong, and what would be right.
pub fn websocket_url(text: &str) -> Result<Url, String> {
    value::url(text, Schemes::WebSocket).map_err(|fault| format!("{}; {}", fault.why, fault.help))
}

/// A network of peers: `10.0.0.0/8`, `::1`, `unix:`.
///
/// # Errors
/// What is wrong, and what would be right.
pub fn peers(texts: &[String]) -> Result<Peers, String> {
    let mut peers = Peers::default();
    for text in texts {
        match value::network(text).map_err(|fault| format!("{text}: {}; {}", fault.why, fault.help))? {
            Some(network) => peers.networks.push(network),
            None => peers.unix = true,
        }
    }
    Ok(peers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_the_configuration() {
        assert_eq!(size("64KB"), Ok(65_536));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5_400)));
        let told = |text| target(text).map(|target| (target.address.value.to_string(), target.tls));
        assert_eq!(told("ws://127.0.0.1:9001"), Ok(("127.0.0.1:9001".to_owned(), false)));
        assert_eq!(told("wss://[::1]"), Ok(("[::1]:443".to_owned(), true)));
        assert_eq!(told("unix:/run/b.sock"), Ok(("unix:/run/b.sock".to_owned(), false)));
        let told = |text| listen_address(text).map(|address| address.to_string());
        assert_eq!(told("[::1]:9091"), Ok("[::1]:9091".to_owned()));
        assert_eq!(told("unix:/run/a.sock"), Ok("unix:/run/a.sock".to_owned()));
    }

    #[test]
    fn what_is_wrong_is_told_with_what_would_be_right() {
        for (told, expected) in [
            (size("1x").map(drop), "not a unit of size; a size is "),
            (duration("30").map(drop), "a unit is missing; a duration is "),
            (target("ws://h/chat").map(drop), "a path does not belong here; "),
            (listen_address("localhost:1").map(drop), "a name can have several addresses; "),
        ] {
            assert!(told.clone().is_err_and(|told| told.starts_with(expected)), "{told:?}");
        }
    }
}

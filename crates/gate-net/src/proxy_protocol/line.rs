//! Version 1 of the PROXY protocol: one line of text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::{Addresses, Parsed, ProxyFault};

/// How the line begins.
pub(super) const SIGNATURE: &[u8] = b"PROXY ";
/// Bytes of the longest line, its CRLF included.
const LENGTH_MAX: usize = 107;

/// Reads the line that `bytes`, which agree with the signature, begin with. Nothing of it
/// is looked at before its end is there.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, ProxyFault> {
    let window = bytes.get(..LENGTH_MAX).unwrap_or(bytes);
    let Some(end) = window.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
        return if window.len() < LENGTH_MAX { Ok(Parsed::Incomplete) } else { Err(ProxyFault::LineTooLong) };
    };
    // Neither CR nor LF ends the line alone.
    match window.get(end..).unwrap_or_default() {
        [b'\r', b'\n', ..] => {}
        [b'\r'] if window.len() < LENGTH_MAX => return Ok(Parsed::Incomplete),
        _ => return Err(ProxyFault::Line),
    }
    let line = window.get(SIGNATURE.len()..end).unwrap_or_default();
    let line = str::from_utf8(line).map_err(|_| ProxyFault::Line)?;
    Ok(Parsed::Header { length: end + 2, addresses: addresses(line)? })
}

/// What stands between `PROXY ` and the CRLF.
fn addresses(line: &str) -> Result<Option<Addresses>, ProxyFault> {
    let mut words = line.split(' ');
    let family = words.next();
    if family == Some("UNKNOWN") {
        // Whatever else is on the line means nothing.
        return Ok(None);
    }
    let rest = [words.next(), words.next(), words.next(), words.next(), words.next()];
    let [Some(source), Some(destination), Some(source_port), Some(destination_port), None] = rest else {
        return Err(ProxyFault::Line);
    };
    let address = match family {
        Some("TCP4") => ip::<Ipv4Addr>,
        Some("TCP6") => ip::<Ipv6Addr>,
        Some(_) | None => return Err(ProxyFault::Line),
    };
    Ok(Some(Addresses {
        source: SocketAddr::new(address(source)?, port(source_port)?),
        destination: SocketAddr::new(address(destination)?, port(destination_port)?),
    }))
}

fn ip<T: FromStr + Into<IpAddr>>(word: &str) -> Result<IpAddr, ProxyFault> {
    word.parse::<T>().map(Into::into).map_err(|_| ProxyFault::Line)
}

/// A decimal number without leading zeros, which some would take for octal.
fn port(word: &str) -> Result<u16, ProxyFault> {
    let is_plain = word.bytes().all(|byte| byte.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
    if is_plain { word.parse().map_err(|_| ProxyFault::Line) } else { Err(ProxyFault::Line) }
}

//! Hosts: names and addresses, with ports.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::syntax;

/// A host as it stands in URIs and Vias. Names are equal whatever their case; addresses are, however
/// they are written.
#[derive(Clone, Copy, Debug)]
pub enum Host<'a> {
    /// A name: letters, digits, `-`, `.` and `_`.
    Name(&'a str),
    /// An address; one of IPv6 stands in brackets.
    Address(IpAddr),
}

impl<'a> Host<'a> {
    /// Reads a host without a port.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let text = core::str::from_utf8(text).ok()?;
        if let Some(inside) = text.strip_prefix('[') {
            let address: Ipv6Addr = inside.strip_suffix(']')?.parse().ok()?;
            return Some(Self::Address(IpAddr::V6(address)));
        }
        let is_name = !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
        if !is_name {
            return None;
        }
        // The last label of a name has a letter first, so most names are not tried as addresses.
        let address =
            text.ends_with(|last: char| last.is_ascii_digit()).then(|| text.parse::<Ipv4Addr>().ok());
        Some(address.flatten().map_or(Self::Name(text), |address| Self::Address(IpAddr::V4(address))))
    }

    /// Reads `host[:port]`, where white space may stand around the colon.
    #[must_use]
    pub fn parse_with_port(text: &'a [u8]) -> Option<(Self, Option<u16>)> {
        // The colons of an IPv6 address stand before the bracket.
        let bracket = memchr::memchr(b']', text).unwrap_or(0);
        let Some(colon) = memchr::memchr(b':', text.get(bracket..)?).map(|found| bracket + found) else {
            return Some((Self::parse(syntax::trimmed(text))?, None));
        };
        let host = Self::parse(syntax::trimmed(syntax::slice(text, 0..colon)))?;
        let port = syntax::trimmed(syntax::slice(text, colon + 1..text.len()));
        let port = syntax::number(port, u64::from(u16::MAX)).and_then(|port| u16::try_from(port).ok())?;
        Some((host, Some(port)))
    }
}

impl PartialEq for Host<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(one), Self::Name(two)) => one.eq_ignore_ascii_case(two),
            (Self::Address(one), Self::Address(two)) => one == two,
            (Self::Name(_), Self::Address(_)) | (Self::Address(_), Self::Name(_)) => false,
        }
    }
}

impl Eq for Host<'_> {}

impl fmt::Display for Host<'_> {
    /// As it stands in URIs: IPv6 in brackets.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => out.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(out),
            Self::Address(IpAddr::V6(address)) => write!(out, "[{address}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, Option<u16>)>) {
        let found = Host::parse_with_port(text.as_bytes()).map(|(host, port)| (host.to_string(), port));
        assert_eq!(found, expected.map(|(host, port)| (host.to_owned(), port)), "{text}");
    }

    #[test]
    fn hosts_are_names_or_addresses_with_ports() {
        check("example.org", Some(("example.org", None)));
        check("a_b-c.Example.org:5060", Some(("a_b-c.Example.org", Some(5060))));
        check("df7jal23ls0d.invalid", Some(("df7jal23ls0d.invalid", None)));
        check("192.0.2.1 : 5061 ", Some(("192.0.2.1", Some(5061))));
        check("[2001:DB8:0::1]", Some(("[2001:db8::1]", None)));
        check("[::1]:65535", Some(("[::1]", Some(65535))));
        check("300.0.2.1", Some(("300.0.2.1", None)));
        for none in [
            "",
            ":5060",
            "a:",
            "a:65536",
            "a:+1",
            "a b",
            "[::1",
            "::1",
            "[192.0.2.1]",
            "[::1]x",
            "a:1:2",
            "a]",
        ] {
            check(none, None);
        }
    }

    #[test]
    fn hosts_are_equal_however_they_are_written() {
        let host = |text: &'static str| Host::parse(text.as_bytes()).unwrap();
        assert_eq!(host("Example.ORG"), host("example.org"));
        assert_eq!(host("[2001:db8:0:0::1]"), host("[2001:DB8::1]"));
        assert_ne!(host("example.org"), host("example.com"));
        assert_ne!(host("192.0.2.1"), host("example.org"));
    }
}

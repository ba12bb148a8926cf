//! The authority a request names: `uri-host [":" port]`, RFC 3986 §3.2.2 and RFC 9110 §7.2.
//!
//! Borrows; allocates nothing. Compares as addresses are meant, not as they are typed.
//! Refuses: user information, empty hosts, zones and future literals in brackets, blanks, lists.
//! Not here: whether the name is one that is served.

use std::net::Ipv6Addr;

/// A host, and a port if one was written.
#[derive(Debug, Clone, Copy)]
pub struct Authority<'a> {
    host: Host<'a>,
    port: Option<u16>,
}

#[derive(Debug, Clone, Copy)]
enum Host<'a> {
    /// A registered name or an IPv4 address.
    Name(&'a str),
    /// What stood in brackets.
    V6(Ipv6Addr),
}

impl<'a> Authority<'a> {
    /// Reads `text` whole; `None` if it is not an authority.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(inside) => {
                let (address, after) = inside.split_once(']')?;
                (Host::V6(address.parse().ok()?), after)
            }
            None => {
                let end = text.find(':').unwrap_or(text.len());
                let (name, after) = text.split_at(end);
                (Host::Name(is_name(name).then_some(name)?), after)
            }
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            None => return None,
            // An empty port stands for the scheme's default (RFC 3986 §3.2.3).
            Some("") => None,
            // `u16` would read a plus sign as well.
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
            Some(_) => return None,
        };
        Some(Self { host, port })
    }

    /// The port, or what the scheme has for a default.
    pub fn port_or(&self, default: u16) -> u16 {
        self.port.unwrap_or(default)
    }

    /// Whether both name the same host and port: names without regard to case, addresses by value.
    pub fn same_as(&self, other: &Authority<'_>, default_port: u16) -> bool {
        let same_host = match (self.host, other.host) {
            (Host::Name(one), Host::Name(two)) => one.eq_ignore_ascii_case(two),
            (Host::V6(one), Host::V6(two)) => one == two,
            (Host::Name(_), Host::V6(_)) | (Host::V6(_), Host::Name(_)) => false,
        };
        same_host && self.port_or(default_port) == other.port_or(default_port)
    }
}

/// `reg-name` of RFC 3986 §3.2.2, which IPv4 addresses match too, but not empty (RFC 9110 §4.2.1).
fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let legal = match byte {
            b'%' => {
                let mut hex = || bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit());
                hex() && hex()
            }
            // Unreserved characters and sub-delimiters.
            b'-' | b'.' | b'_' | b'~' => true,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' => true,
            other => other.is_ascii_alphanumeric(),
        };
        if !legal {
            return false;
        }
    }
    !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_12_authorities_that_exist() {
        for (text, port) in [
            ("example.org", 80),
            ("EXAMPLE.org:8080", 8080),
            ("example.org:", 80),
            ("example.org:0080", 80),
            ("a_b-c~d", 80),
            ("ex%61mple", 80),
            ("127.0.0.1:65535", 65535),
            ("[::1]", 80),
            ("[2001:DB8::1]:9", 9),
            ("[::ffff:127.0.0.1]:9", 9),
        ] {
            assert_eq!(Authority::parse(text).map(|read| read.port_or(80)), Some(port), "{text:?}");
        }
    }

    #[test]
    fn row_12_authorities_that_do_not() {
        for text in [
            "",
            ":",
            ":80",
            "a:b",
            "a:80:80",
            "a:+80",
            "a:-1",
            "a:65536",
            "a:8 0",
            "a b",
            " a",
            "a ",
            "user@a",
            "user:word@a",
            "a/b",
            "a?b",
            "a#b",
            "a\\b",
            "a\"b",
            "<a>",
            "a, b",
            "a\tb",
            "a\0b",
            "a\r\nb",
            "caf\u{e9}",
            "%",
            "%4",
            "%4g",
            "a%",
            "[",
            "[]",
            "[::1",
            "::1",
            "[::1]a",
            "[::1]80",
            "[::1]:x",
            "[::1%25eth0]",
            "[v1.a]",
            "[127.0.0.1]",
            "[[::1]]",
            "a]",
            "a[",
        ] {
            assert!(Authority::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn row_12_the_same_authority_has_several_spellings() {
        for (one, two, same) in [
            ("example.org", "Example.ORG", true),
            ("example.org", "example.org:80", true),
            ("example.org:", "example.org:080", true),
            ("[::1]", "[0:0::1]:80", true),
            ("[2001:db8::a]:9", "[2001:DB8::A]:9", true),
            ("example.org", "example.org:443", false),
            ("example.org", "example.org.", false),
            ("example.org", "example.com", false),
            ("example.org:81", "example.org:82", false),
            ("[::1]", "[::2]", false),
            ("[::1]", "localhost", false),
        ] {
            let [first, second] = [one, two].map(|text| Authority::parse(text).unwrap());
            assert_eq!(first.same_as(&second, 80), same, "{one} {two}");
            assert_eq!(second.same_as(&first, 80), same, "{two} {one}");
        }
    }
}

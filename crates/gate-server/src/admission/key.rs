//! What clients have in common that share a bucket or a limit.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gate_config::model::RateKey;
use gate_core::route::query_values;
use http::HeaderValue;

use crate::upstream::sticky::cookies;
use crate::upstream::wish::Ask;

/// What a session has that others may have too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// The network of a client.
    Network(IpAddr),
    /// The print of a value: values may be long, and may be secrets.
    Value(u128),
    /// Nothing. Whoever lacks a value, or has it twice, so that the upstream may take either, shares
    /// with all that do.
    Nothing,
}

/// What of an address counts as one client: of IPv6 a /64, since a host has all of that. A client
/// behind a stateless translator is the IPv4 address that it has on the other side.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) if address.to_bits() >> 32 == TRANSLATED => {
            let [.., a, b, c, d] = address.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

/// The prefix 64:ff9b::/96, behind which an IPv4 address stands (RFC 6052 §2.1).
const TRANSLATED: u128 = 0x0064_ff9b_0000_0000_0000_0000;

/// Makes prints that nobody outside can make collide.
#[derive(Debug, Default)]
pub(super) struct Printer(RandomState, RandomState);

impl Printer {
    fn print(&self, value: &[u8]) -> u128 {
        u128::from(self.0.hash_one(value)) << 64 | u128::from(self.1.hash_one(value))
    }

    /// The key of whoever has that value.
    pub(super) fn key_of(&self, value: &[u8]) -> Key {
        Key::Value(self.print(value))
    }

    /// The key of a session that begins with this handshake.
    pub(super) fn key(&self, by: &RateKey, ask: &Ask<'_>) -> Key {
        match by {
            RateKey::Connection | RateKey::Route => Key::Nothing,
            RateKey::Address => ask.client.map_or(Key::Nothing, |client| Key::Network(network(client))),
            RateKey::Header(name) => self.only(ask.headers.get_all(name).iter().map(HeaderValue::as_bytes)),
            RateKey::Cookie(name) => self.only(cookies(ask.headers, name)),
            RateKey::Query(name) => self.only(query_values(ask.query.unwrap_or_default(), name)),
        }
    }

    fn only(&self, mut values: impl Iterator<Item: AsRef<[u8]>>) -> Key {
        match (values.next(), values.next()) {
            (Some(value), None) => Key::Value(self.print(value.as_ref())),
            (None, _) | (Some(_), Some(_)) => Key::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, header};

    use super::*;

    /// The keys of two handshakes by each of the ways.
    fn keys(printer: &Printer, client: Option<&str>, query: &str, fields: &[(&str, &str)]) -> [Key; 4] {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let client = client.map(|client| client.parse().unwrap());
        let ask = Ask { client, path: "/", query: Some(query), headers: &headers, is_secure: false };
        [
            RateKey::Address,
            RateKey::Header(header::AUTHORIZATION),
            RateKey::Query("user".to_owned()),
            RateKey::Cookie("id".to_owned()),
        ]
        .map(|by| printer.key(&by, &ask))
    }

    #[test]
    fn the_same_in_another_spelling_is_the_same_client() {
        let printer = Printer::default();
        let fields = [("authorization", "a"), ("cookie", "id=7; x=1")];
        let first = keys(&printer, Some("10.0.0.1"), "user=7&x=1", &fields);
        let fields = [("cookie", "x=2"), ("Authorization", "a"), ("cookie", "y=1; id=7")];
        assert_eq!(keys(&printer, Some("::ffff:10.0.0.1"), "x=2&us%65r=%37", &fields), first);
        let fields = [("authorization", "b"), ("cookie", "id=8")];
        let other = keys(&printer, Some("10.0.0.2"), "user=8", &fields);
        assert!(first.iter().zip(&other).all(|(first, other)| first != other));
    }

    #[test]
    fn whoever_lacks_it_or_has_it_twice_is_one_of_those_without() {
        let printer = Printer::default();
        assert_eq!(keys(&printer, None, "", &[]), [Key::Nothing; 4]);
        let twice = [("authorization", "a"), ("authorization", "b"), ("cookie", "id=1; id=2")];
        let [_, header, query, cookie] = keys(&printer, None, "user=1&user=2", &twice);
        assert_eq!([header, query, cookie], [Key::Nothing; 3]);
    }

    #[test]
    fn of_ipv6_a_64_is_one_client() {
        for (address, expected) in [
            ("10.0.0.1", "10.0.0.1"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("2001:db8::ffff:1:2:3", "2001:db8::"),
            ("64:ff9b::c000:221", "192.0.2.33"),
            ("64:ff9b:0:0:1::", "64:ff9b::"),
            ("2001:db8:0:1::1", "2001:db8:0:1::"),
        ] {
            assert_eq!(network(address.parse().unwrap()), expected.parse::<IpAddr>().unwrap(), "{address}");
        }
    }
}

//! What of a request decides its target: what is hashed, and the client's cookie.

use std::net::IpAddr;
use std::sync::Arc;

use gate_config::model::{HashKey, Upstream};
use gate_core::balance::{Algorithm, hash};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::clock;
use crate::upstream::sticky::{self, Cookie};
use crate::upstream::target::Target;

/// A client's request, as far as the choice of a target is concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    /// The client; `None` over a unix socket.
    pub(crate) client: Option<IpAddr>,
    /// The path as it is forwarded.
    pub(crate) path: &'a str,
    /// The query without its question mark.
    pub(crate) query: Option<&'a str>,
    /// The client's own fields.
    pub(crate) headers: &'a HeaderMap,
    /// The client came by TLS, to here or to a proxy that is believed.
    pub(crate) is_secure: bool,
}

/// What has been made of an [`Ask`]; borrows nothing of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(super) hash: u64,
    pub(super) bond: Bond,
    is_secure: bool,
}

/// What binds a client to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bond {
    /// Nothing ever does.
    Never,
    /// Nothing yet.
    NotYet,
    /// A cookie.
    To {
        /// The target's place.
        index: usize,
        /// The cookie is old enough to be given anew.
        is_due: bool,
    },
}

impl Wish {
    pub(super) fn new(upstream: &Upstream, targets: &[Arc<Target>], ask: &Ask<'_>) -> Self {
        Self { hash: hash_of(upstream, ask), bond: bond(upstream, targets, ask), is_secure: ask.is_secure }
    }

    /// By this hash, whatever there is to choose by.
    pub(super) fn by_hash(hash: u64) -> Self {
        Self { hash, bond: Bond::Never, is_secure: false }
    }

    /// The same, but bound to the target at that place, if there is one.
    pub(super) fn bound_to(self, place: Option<usize>) -> Self {
        let bond = place.map_or(Bond::Never, |index| Bond::To { index, is_due: false });
        Self { bond, ..self }
    }

    /// The cookie that binds the client to `target`, unless it has it already.
    pub(super) fn set_cookie(&self, upstream: &Upstream, target: &Target) -> Option<HeaderValue> {
        let sticky = upstream.sticky.as_ref()?;
        if self.bond == (Bond::To { index: target.index(), is_due: false }) {
            return None;
        }
        let cookie = Cookie { target: target.stable(), given_at: clock::wall() };
        sticky::set(sticky, &cookie, self.is_secure)
    }
}

fn bond(upstream: &Upstream, targets: &[Arc<Target>], ask: &Ask<'_>) -> Bond {
    let Some(sticky) = &upstream.sticky else { return Bond::Never };
    let bonds = sticky::cookies(ask.headers, &sticky.cookie_name).filter_map(|value| {
        let cookie = Cookie::parse(value)?;
        let index = targets.iter().position(|target| target.stable() == cookie.target)?;
        Some(Bond::To { index, is_due: cookie.is_due(sticky, clock::wall()) })
    });
    bonds.into_iter().next().unwrap_or(Bond::NotYet)
}

/// The hash of what the operator named, or of the client's address where the request has no
/// such thing. Clients over a unix socket have none, and are spread by chance.
fn hash_of(upstream: &Upstream, ask: &Ask<'_>) -> u64 {
    let named = match upstream.algorithm {
        Algorithm::ConsistentHash => named(&upstream.hash_key, ask),
        Algorithm::IpHash => None,
        Algorithm::RoundRobin | Algorithm::LeastConnections | Algorithm::Random | Algorithm::PowerOfTwo => {
            return 0;
        }
    };
    match (named, ask.client.map(|client| client.to_canonical())) {
        (Some(bytes), _) => hash(bytes),
        (None, Some(IpAddr::V4(address))) => hash(&address.octets()),
        (None, Some(IpAddr::V6(address))) => hash(&address.octets()),
        (None, None) => rand::random(),
    }
}

fn named<'a>(key: &HashKey, ask: &Ask<'a>) -> Option<&'a [u8]> {
    match key {
        HashKey::ClientIp => None,
        HashKey::Path => Some(ask.path.as_bytes()),
        HashKey::Header(name) => header(ask.headers, name),
        HashKey::Cookie(name) => sticky::cookies(ask.headers, name).next(),
        HashKey::Query(name) => {
            let pairs = ask.query.unwrap_or_default().split('&');
            let mut values = pairs.filter_map(|pair| pair.split_once('=')).filter(|(key, _)| key == name);
            values.next().map(|(_, value)| value.as_bytes())
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    headers.get(name).map(HeaderValue::as_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gate_config::model::{self, TargetAddress};

    fn upstream(algorithm: Algorithm, hash_key: HashKey) -> Upstream {
        let target = model::Target::new(TargetAddress::Unix("/a".into()));
        Upstream { algorithm, hash_key, ..Upstream::new("a", vec![target]) }
    }

    fn hash_for(key: HashKey, path: &str, cookie: &str, client: &str) -> u64 {
        let mut headers = HeaderMap::new();
        headers.insert("cookie", HeaderValue::from_str(cookie).unwrap());
        headers.insert("x-user", HeaderValue::from_str(cookie).unwrap());
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let ask =
            Ask { client: Some(client.parse().unwrap()), path, query, headers: &headers, is_secure: false };
        Wish::new(&upstream(Algorithm::ConsistentHash, key), &[], &ask).hash
    }

    #[test]
    fn what_the_operator_names_is_hashed() {
        let a = ("/room/1?user=7&x=1", "sid=5; other=1", "10.0.0.1");
        let b = ("/room/1?user=8&x=1", "sid=6; other=1", "10.0.0.2");
        let cases = [
            (HashKey::ClientIp, hash(&[10, 0, 0, 1]), hash(&[10, 0, 0, 2])),
            (HashKey::Path, hash(b"/room/1"), hash(b"/room/1")),
            (HashKey::Query("user".to_owned()), hash(b"7"), hash(b"8")),
            (HashKey::Cookie("sid".to_owned()), hash(b"5"), hash(b"6")),
            (HashKey::Header(HeaderName::from_static("x-user")), hash(a.1.as_bytes()), hash(b.1.as_bytes())),
        ];
        for (key, first, second) in cases {
            assert_eq!(hash_for(key.clone(), a.0, a.1, a.2), first, "{key:?}");
            assert_eq!(hash_for(key.clone(), b.0, b.1, b.2), second, "{key:?}");
        }
    }

    #[test]
    fn a_request_without_it_is_hashed_by_its_client() {
        let absent = [
            HashKey::Query("none".to_owned()),
            HashKey::Cookie("none".to_owned()),
            HashKey::Header(HeaderName::from_static("none")),
        ];
        for key in absent {
            assert_eq!(hash_for(key, "/", "a=1", "::ffff:10.0.0.1"), hash(&[10, 0, 0, 1]));
        }
    }
}

//! Flow tokens: names of the gateway's own connections that stand in Vias, Paths and Record-Routes.
//!
//! A token is a [`Flow`] in base64url behind which stands a part of an HMAC. Whoever has no key can
//! neither make one nor change one, nor use one for another [`Purpose`] than it was made for. It survives
//! wherever SIP has a token or a user part.
//!
//! Not here: whether the flow still exists.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A way that messages come and go: a connection, or a peer of a socket for datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// Which start of which gateway it belongs to.
    pub process: u32,
    /// Which worker of it.
    pub worker: u16,
    /// Which connection or socket; never used twice in a process.
    pub id: u64,
    /// The other end, where the socket has many.
    pub peer: Option<SocketAddr>,
}

/// What a token is for. One made for one purpose is worth nothing for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// In Path and Record-Route as servers are to read them: requests go to that downstream flow.
    Request,
    /// In Record-Route as a user agent on that downstream flow is to read it: requests come from there.
    RequestUpstream,
    /// In the branch of a Via pushed onto a request from downstream: its responses go to that flow.
    ResponseDownstream,
    /// In the branch of a Via pushed onto a request from upstream: its responses go to that flow, if they
    /// come from the flow that the request was sent to.
    ResponseUpstream {
        /// The flow that the request was sent to.
        sent_to: Flow,
    },
}

impl Purpose {
    const fn code(self) -> u8 {
        match self {
            Self::Request => 1,
            Self::ResponseDownstream => 2,
            Self::ResponseUpstream { .. } => 3,
            Self::RequestUpstream => 4,
        }
    }
}

/// Why a text is no token that may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// It does not look like a token at all.
    NotAToken,
    /// It is of another process than this. Such a one is not checked further: keys need not outlive a
    /// process, and nothing goes to its flow either way.
    OtherProcess,
    /// It was not made with this key for this purpose.
    Forged,
}

/// The key that tokens are signed with.
#[derive(Clone)]
pub struct TokenKey(Hmac<Sha256>);

impl TokenKey {
    /// The key that is made of a secret, which should have at least 16 bytes that nobody can guess.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("an HMAC takes keys of any length"))
    }

    /// The token of a flow for a purpose.
    #[must_use]
    pub fn sign(&self, flow: &Flow, purpose: Purpose) -> Token {
        let mut bytes = Packed::of(flow, purpose);
        let mac = self.mac(bytes.as_slice(), purpose).finalize().into_bytes();
        bytes.push(mac.get(..MAC_LENGTH).unwrap_or_default());
        let mut token = Token { text: [0; TEXT_MAX], length: 0 };
        token.length = URL_SAFE_NO_PAD
            .encode_slice(bytes.as_slice(), &mut token.text)
            .expect("the longest flow and its HMAC have place in a token");
        token
    }

    /// The flow that a token of this process names.
    ///
    /// # Errors
    /// It is no token, is another process's, or was not made with this key for this purpose.
    pub fn verify(&self, text: &[u8], purpose: Purpose, process: u32) -> Result<Flow, TokenError> {
        let mut bytes = [0; BYTES_MAX];
        let length =
            if text.len() <= TEXT_MAX { URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok() } else { None };
        let bytes = length.and_then(|length| bytes.get(..length)).ok_or(TokenError::NotAToken)?;
        let payload = bytes.len().checked_sub(MAC_LENGTH).ok_or(TokenError::NotAToken)?;
        let (payload, mac) = bytes.split_at_checked(payload).ok_or(TokenError::NotAToken)?;
        let flow = unpacked(payload).ok_or(TokenError::NotAToken)?;
        if flow.process != process {
            return Err(TokenError::OtherProcess);
        }
        // The code of the purpose is signed with the rest, so another one never passes.
        let is_ours = payload.first().is_some_and(|head| head & CODE == purpose.code())
            && self.mac(payload, purpose).verify_truncated_left(mac).is_ok();
        if is_ours { Ok(flow) } else { Err(TokenError::Forged) }
    }

    fn mac(&self, payload: &[u8], purpose: Purpose) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(payload);
        if let Purpose::ResponseUpstream { sent_to } = purpose {
            // Not its peer: a datagram's answer may come from another port than the request was sent to.
            mac.update(&sent_to.worker.to_be_bytes());
            mac.update(&sent_to.id.to_be_bytes());
        }
        mac
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("TokenKey")
    }
}

/// A token as text: letters, digits, `-` and `_`, at most 66 of them (36 for a flow without a peer).
#[derive(Clone, Copy)]
pub struct Token {
    text: [u8; TEXT_MAX],
    length: usize,
}

impl Token {
    /// The text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.text.get(..self.length).unwrap_or_default()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().escape_ascii().fmt(out)
    }
}

/// What is signed: one byte for purpose and kind of peer, process, worker, id, peer. Big-endian.
struct Packed {
    bytes: [u8; BYTES_MAX],
    length: usize,
}

impl Packed {
    fn of(flow: &Flow, purpose: Purpose) -> Self {
        let mut packed = Self { bytes: [0; BYTES_MAX], length: 0 };
        let kind = match flow.peer {
            None => NO_PEER,
            Some(SocketAddr::V4(_)) => PEER_V4,
            Some(SocketAddr::V6(peer)) if peer.scope_id() == 0 => PEER_V6,
            Some(SocketAddr::V6(_)) => PEER_V6_SCOPED,
        };
        packed.push(&[kind | purpose.code()]);
        packed.push(&flow.process.to_be_bytes());
        packed.push(&flow.worker.to_be_bytes());
        packed.push(&flow.id.to_be_bytes());
        if let Some(peer) = flow.peer {
            packed.push(&peer.port().to_be_bytes());
            match peer {
                SocketAddr::V4(peer) => packed.push(&peer.ip().octets()),
                SocketAddr::V6(peer) => {
                    packed.push(&peer.ip().octets());
                    if kind == PEER_V6_SCOPED {
                        packed.push(&peer.scope_id().to_be_bytes());
                    }
                }
            }
        }
        packed
    }

    fn push(&mut self, piece: &[u8]) {
        let end = self.length + piece.len();
        if let Some(place) = self.bytes.get_mut(self.length..end) {
            place.copy_from_slice(piece);
            self.length = end;
        }
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

fn unpacked(payload: &[u8]) -> Option<Flow> {
    let (head, rest) = payload.split_first()?;
    let (process, rest) = rest.split_first_chunk()?;
    let (worker, rest) = rest.split_first_chunk()?;
    let (id, rest) = rest.split_first_chunk()?;
    let (peer, rest) = unpacked_peer(head & !CODE, rest)?;
    rest.is_empty().then_some(Flow {
        process: u32::from_be_bytes(*process),
        worker: u16::from_be_bytes(*worker),
        id: u64::from_be_bytes(*id),
        peer,
    })
}

fn unpacked_peer(kind: u8, bytes: &[u8]) -> Option<(Option<SocketAddr>, &[u8])> {
    if kind == NO_PEER {
        return Some((None, bytes));
    }
    let (port, rest) = bytes.split_first_chunk()?;
    let port = u16::from_be_bytes(*port);
    if kind == PEER_V4 {
        let (address, rest) = rest.split_first_chunk::<4>()?;
        return Some((Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(*address)), port)), rest));
    }
    let (address, rest) = rest.split_first_chunk::<16>()?;
    let address = Ipv6Addr::from(*address);
    let (scope, rest) = match kind {
        PEER_V6 => (0, rest),
        PEER_V6_SCOPED => rest.split_first_chunk().map(|(scope, rest)| (u32::from_be_bytes(*scope), rest))?,
        _ => return None,
    };
    Some((Some(SocketAddr::V6(SocketAddrV6::new(address, port, 0, scope))), rest))
}

/// The bits of the first byte that tell the purpose; the others tell the kind of peer.
const CODE: u8 = 0x0f;
const NO_PEER: u8 = 0x00;
const PEER_V4: u8 = 0x10;
const PEER_V6: u8 = 0x20;
const PEER_V6_SCOPED: u8 = 0x30;

/// Bytes of the HMAC in a token: 96 bits, which cannot be guessed at the rate of any network.
const MAC_LENGTH: usize = 12;
/// Bytes of the longest token before base64, and after it.
const BYTES_MAX: usize = 1 + 4 + 2 + 8 + 2 + 16 + 4 + MAC_LENGTH;
const TEXT_MAX: usize = (BYTES_MAX * 4).div_ceil(3);

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(peer: Option<&str>) -> Flow {
        Flow {
            process: 0xdead_beef,
            worker: 3,
            id: 0x0123_4567_89ab_cdef,
            peer: peer.map(|peer| peer.parse().unwrap()),
        }
    }

    const PEERS: [Option<&str>; 5] =
        [None, Some("192.0.2.7:5060"), Some("[2001:db8::9]:5061"), Some("[::]:0"), Some("[fe80::1%7]:5060")];

    fn purposes() -> [Purpose; 4] {
        [
            Purpose::Request,
            Purpose::RequestUpstream,
            Purpose::ResponseDownstream,
            Purpose::ResponseUpstream { sent_to: Flow { id: 77, ..flow(None) } },
        ]
    }

    fn key() -> TokenKey {
        TokenKey::new(b"a secret of more than sixteen bytes")
    }

    #[test]
    fn a_token_names_its_flow_for_its_own_purpose_only() {
        for peer in PEERS {
            for purpose in purposes() {
                let token = key().sign(&flow(peer), purpose);
                for other in purposes() {
                    let expected = if other == purpose { Ok(flow(peer)) } else { Err(TokenError::Forged) };
                    assert_eq!(
                        key().verify(token.as_bytes(), other, 0xdead_beef),
                        expected,
                        "{peer:?} {purpose:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_token_is_short_and_made_of_what_user_parts_and_branches_may_have() {
        for (peer, length) in PEERS.into_iter().zip([36, 44, 60, 60, 66]) {
            let token = key().sign(&flow(peer), Purpose::Request);
            assert_eq!(token.as_bytes().len(), length, "{peer:?}");
            assert!(token.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)));
        }
    }

    #[test]
    fn a_token_with_any_bit_changed_is_refused() {
        for peer in PEERS {
            let token = key().sign(&flow(peer), Purpose::Request);
            for at in 0..token.as_bytes().len() {
                for bit in 0..8 {
                    let mut text = token.as_bytes().to_vec();
                    text[at] ^= 1 << bit;
                    let read = key().verify(&text, Purpose::Request, 0xdead_beef);
                    assert!(read.is_err(), "{peer:?}: bit {bit} of character {at} does not matter");
                }
            }
        }
    }

    #[test]
    fn a_token_that_is_cut_or_longer_is_refused() {
        for peer in PEERS {
            let token = key().sign(&flow(peer), Purpose::Request);
            let text = token.as_bytes();
            for end in 0..text.len() {
                assert!(
                    key().verify(&text[..end], Purpose::Request, 0xdead_beef).is_err(),
                    "{peer:?} up to {end}"
                );
            }
            for more in ["A", "AAAA", "=", "==", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
                let longer = [text, more.as_bytes()].concat();
                assert!(
                    key().verify(&longer, Purpose::Request, 0xdead_beef).is_err(),
                    "{peer:?} with {more}"
                );
            }
        }
    }

    #[test]
    fn a_token_of_another_process_is_known_as_such_and_one_of_another_key_is_forged() {
        let token = key().sign(&flow(None), Purpose::Request);
        assert_eq!(key().verify(token.as_bytes(), Purpose::Request, 1), Err(TokenError::OtherProcess));
        let other = TokenKey::new(b"another secret of more than 16 bytes");
        assert_eq!(other.verify(token.as_bytes(), Purpose::Request, 1), Err(TokenError::OtherProcess));
        assert_eq!(other.verify(token.as_bytes(), Purpose::Request, 0xdead_beef), Err(TokenError::Forged));
    }

    #[test]
    fn a_response_is_bound_to_the_connection_that_the_request_was_sent_to() {
        let sent_to =
            |worker, id, peer| Purpose::ResponseUpstream { sent_to: Flow { worker, id, ..flow(peer) } };
        let token = key().sign(&flow(None), sent_to(1, 2, None));
        let read = |purpose| key().verify(token.as_bytes(), purpose, 0xdead_beef);
        assert_eq!(read(sent_to(1, 2, Some("192.0.2.7:5060"))), Ok(flow(None)));
        assert_eq!(read(sent_to(1, 3, None)), Err(TokenError::Forged));
        assert_eq!(read(sent_to(2, 2, None)), Err(TokenError::Forged));
    }

    #[test]
    fn what_is_no_token_is_told_from_what_is_forged() {
        for text in ["", "alice", "+15551234567", "a b", "%41", "AQAA", "====", "\u{e9}"] {
            let read = key().verify(text.as_bytes(), Purpose::Request, 1);
            assert_eq!(read, Err(TokenError::NotAToken), "{text}");
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        assert_eq!(format!("{:?}", key()), "TokenKey");
    }
}

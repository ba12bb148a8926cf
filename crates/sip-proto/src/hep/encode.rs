//! Writes packets of version 3. What all packets of one connection begin with is made once; each
//! packet is that, the time put in its place, the correlation, and the payload behind all.

use std::net::{IpAddr, SocketAddr};

use super::Cut;
use super::chunk::{self, put};

/// What the gateway is to a capture server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agent<'a> {
    /// Its number.
    pub capture_id: u32,
    /// What the server knows it by; it goes in plain text. At most 255 bytes count.
    pub auth_key: Option<&'a [u8]>,
    /// Its name. At most 255 bytes count.
    pub node_name: Option<&'a [u8]>,
}

/// Between whom something passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Who sent it.
    pub source: SocketAddr,
    /// Who got it.
    pub destination: SocketAddr,
    /// The number of the protocol over IP.
    pub ip_protocol: u8,
}

/// When something passed, since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Whole seconds.
    pub seconds: u32,
    /// The rest, below a million.
    pub microseconds: u32,
}

/// What one packet tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told<'a> {
    /// When it passed.
    pub stamp: Stamp,
    /// What packets that belong together have in common; 255 bytes count. Empty: it is left out.
    pub correlation: &'a [u8],
    /// What passed.
    pub payload: &'a [u8],
}

/// What all packets of one kind on one connection begin with.
#[derive(Clone, Debug)]
pub struct Template {
    /// The packet up to its correlation.
    head: Vec<u8>,
}

/// The longest that a packet can be beside its payload: so much of a packet's limit is not for
/// payloads.
pub const HEAD_MAX: usize = chunk::PREFIX + FIXED + 3 * (chunk::HEAD + TEXT_MAX) + chunk::HEAD;

/// Bytes of the chunks with numbers and addresses, of IPv6.
const FIXED: usize = 7 + 7 + 22 + 22 + 8 + 8 + 10 + 10 + 7 + 10;

/// Bytes of a key, a name or a correlation.
const TEXT_MAX: usize = 255;

/// Where the length of the packet stands.
const LENGTH_AT: usize = 4;

/// The seconds' data stand there, and those of the microseconds.
const SECONDS_AT: usize = chunk::PREFIX + chunk::HEAD;
const MICROSECONDS_AT: usize = SECONDS_AT + 4 + chunk::HEAD;

/// The length of a packet has 16 bits.
const PACKET_MAX: usize = 65_535;

impl Template {
    /// Packets of `agent` about what passes between `ends`, with payloads of `protocol_type`.
    /// Addresses of IPv4 that are written as IPv6 are those of IPv4; where only one of the two is
    /// of IPv4 both go as IPv6.
    #[must_use]
    pub fn new(agent: Agent<'_>, ends: &Ends, protocol_type: u8) -> Self {
        let mut head = Vec::with_capacity(128);
        head.extend_from_slice(&chunk::MAGIC);
        head.extend_from_slice(&[0; 2]);
        // First, so that their places are known.
        put(&mut head, chunk::SECONDS, &[0; 4]);
        put(&mut head, chunk::MICROSECONDS, &[0; 4]);
        addresses(&mut head, ends);
        put(&mut head, chunk::PROTOCOL_TYPE, &[protocol_type]);
        put(&mut head, chunk::CAPTURE_ID, &agent.capture_id.to_be_bytes());
        for (kind, text) in [(chunk::AUTH_KEY, agent.auth_key), (chunk::NODE_NAME, agent.node_name)] {
            if let Some(text) = text {
                put(&mut head, kind, cut(text, TEXT_MAX));
            }
        }
        head.shrink_to_fit();
        Self { head }
    }

    /// Bytes of payload that go whole into a packet of at most `size_max` bytes.
    #[must_use]
    pub fn room(&self, correlation: &[u8], size_max: usize) -> usize {
        let told = cut(correlation, TEXT_MAX).len();
        let correlation = if told == 0 { 0 } else { chunk::HEAD + told };
        let used = self.head.len() + correlation + chunk::HEAD;
        size_max.clamp(HEAD_MAX, PACKET_MAX).saturating_sub(used)
    }

    /// Writes a packet of at most `size_max` bytes behind what there is in `out`. A `size_max`
    /// below [`HEAD_MAX`] counts as that.
    pub fn write(&self, told: &Told<'_>, size_max: usize, out: &mut Vec<u8>) -> Cut {
        let Told { stamp, correlation, payload } = *told;
        let start = out.len();
        out.extend_from_slice(&self.head);
        if !correlation.is_empty() {
            put(out, chunk::CORRELATION, cut(correlation, TEXT_MAX));
        }
        let part = cut(payload, self.room(correlation, size_max));
        put(out, chunk::PAYLOAD, part);
        let length = u16::try_from(out.len() - start).unwrap_or(u16::MAX);
        patch(out, start + LENGTH_AT, &length.to_be_bytes());
        patch(out, start + SECONDS_AT, &stamp.seconds.to_be_bytes());
        patch(out, start + MICROSECONDS_AT, &stamp.microseconds.to_be_bytes());
        if part.len() == payload.len() { Cut::Whole } else { Cut::Short }
    }
}

fn addresses(head: &mut Vec<u8>, ends: &Ends) {
    let (source, destination) = (ends.source.ip().to_canonical(), ends.destination.ip().to_canonical());
    let family = match (source, destination) {
        (IpAddr::V4(_), IpAddr::V4(_)) => chunk::FAMILY_V4,
        (IpAddr::V6(_), _) | (_, IpAddr::V6(_)) => chunk::FAMILY_V6,
    };
    put(head, chunk::FAMILY, &[family]);
    put(head, chunk::IP_PROTOCOL, &[ends.ip_protocol]);
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            put(head, chunk::SOURCE_V4, &source.octets());
            put(head, chunk::DESTINATION_V4, &destination.octets());
        }
        (source, destination) => {
            put(head, chunk::SOURCE_V6, &as_v6(source));
            put(head, chunk::DESTINATION_V6, &as_v6(destination));
        }
    }
    put(head, chunk::SOURCE_PORT, &ends.source.port().to_be_bytes());
    put(head, chunk::DESTINATION_PORT, &ends.destination.port().to_be_bytes());
}

fn as_v6(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

fn cut(bytes: &[u8], length_max: usize) -> &[u8] {
    bytes.get(..length_max).unwrap_or(bytes)
}

fn patch(out: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = out.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

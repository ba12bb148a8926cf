//! Reads packets of versions 1, 2 and 3, in whatever order their chunks stand. Of a chunk that
//! stands twice the last counts; those of other vendors and of unknown types are passed over.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::chunk;

/// One packet. What it does not say is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packet<'a> {
    /// By which it was written.
    pub version: Version,
    /// The address family by Linux' number: 2 or 10.
    pub family: Option<u8>,
    /// The number of the protocol over IP.
    pub ip_protocol: Option<u8>,
    /// Who sent what it is about.
    pub source: Option<IpAddr>,
    /// Who got it.
    pub destination: Option<IpAddr>,
    /// The sender's port.
    pub source_port: Option<u16>,
    /// The other's port.
    pub destination_port: Option<u16>,
    /// When, in seconds since 1970.
    pub seconds: Option<u32>,
    /// The rest of them.
    pub microseconds: Option<u32>,
    /// What the payload is.
    pub protocol_type: Option<u8>,
    /// Who tells it.
    pub capture_id: Option<u32>,
    /// The sender's keepalive time in seconds.
    pub keepalive: Option<u16>,
    /// By which the sender is known.
    pub auth_key: Option<&'a [u8]>,
    /// What passed.
    pub payload: Option<&'a [u8]>,
    /// The same, compressed.
    pub compressed_payload: Option<&'a [u8]>,
    /// What packets that belong together have in common.
    pub correlation: Option<&'a [u8]>,
    /// The number of a virtual network.
    pub vlan: Option<u16>,
    /// The sender's name.
    pub node_name: Option<&'a [u8]>,
}

/// The version of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// Addresses and the payload.
    V1,
    /// With the time.
    V2,
    /// Chunks.
    #[default]
    V3,
}

/// Why bytes are no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HepError {
    /// They begin as no version does.
    #[error("this is no packet of HEP 1, 2 or 3")]
    NoHep,
    /// There are fewer, or more, than the packet says.
    #[error("the packet says that it has {said} bytes, and there are {found}")]
    Length {
        /// By the packet.
        said: usize,
        /// In truth.
        found: usize,
    },
    /// A chunk that does not end within the packet, or is shorter than its own head.
    #[error("the chunk at byte {at} has a length that it cannot have")]
    Chunk {
        /// Where it begins.
        at: usize,
    },
    /// A chunk whose data have another length than its type has.
    #[error("a chunk of type {kind} cannot have {length} bytes of data")]
    Data {
        /// Its type.
        kind: u16,
        /// Of its data.
        length: usize,
    },
    /// A head of version 1 or 2 that is not that of its family.
    #[error("the head of this packet is not that of its address family")]
    Head,
}

/// The length of the packet of version 3 that begins here; `None`: that cannot be told yet.
///
/// # Errors
/// When no packet of version 3 begins here, or it says a length that none has.
pub fn packet_len(bytes: &[u8]) -> Result<Option<usize>, HepError> {
    let begun = bytes.len().min(chunk::MAGIC.len());
    if bytes.get(..begun) != chunk::MAGIC.get(..begun) {
        return Err(HepError::NoHep);
    }
    let Some(&[high, low]) = bytes.get(chunk::MAGIC.len()..chunk::PREFIX).and_then(|b| b.first_chunk())
    else {
        return Ok(None);
    };
    let said = usize::from(u16::from_be_bytes([high, low]));
    if said < chunk::PREFIX {
        return Err(HepError::Length { said, found: bytes.len() });
    }
    Ok(Some(said))
}

impl<'a> Packet<'a> {
    /// Reads one whole packet, behind which nothing stands.
    ///
    /// # Errors
    /// When the bytes are not one.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, HepError> {
        match bytes {
            [1, ..] => old(bytes, Version::V1),
            [2, ..] => old(bytes, Version::V2),
            _ => {
                let found = bytes.len();
                let said = packet_len(bytes)?.ok_or(HepError::Length { said: chunk::PREFIX, found })?;
                if said != found {
                    return Err(HepError::Length { said, found });
                }
                chunks(bytes)
            }
        }
    }

    /// Who sent what it is about, if it says so.
    #[must_use]
    pub fn source_address(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.source?, self.source_port?))
    }

    /// Who got it, if it says so.
    #[must_use]
    pub fn destination_address(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.destination?, self.destination_port?))
    }

    fn take(&mut self, kind: u16, data: &'a [u8]) -> Result<(), HepError> {
        match kind {
            chunk::FAMILY => self.family = Some(u8::from_be_bytes(exactly(kind, data)?)),
            chunk::IP_PROTOCOL => self.ip_protocol = Some(u8::from_be_bytes(exactly(kind, data)?)),
            chunk::SOURCE_V4 => self.source = Some(v4(exactly(kind, data)?)),
            chunk::DESTINATION_V4 => self.destination = Some(v4(exactly(kind, data)?)),
            chunk::SOURCE_V6 => self.source = Some(v6(exactly(kind, data)?)),
            chunk::DESTINATION_V6 => self.destination = Some(v6(exactly(kind, data)?)),
            chunk::SOURCE_PORT => self.source_port = Some(u16::from_be_bytes(exactly(kind, data)?)),
            chunk::DESTINATION_PORT => {
                self.destination_port = Some(u16::from_be_bytes(exactly(kind, data)?));
            }
            chunk::SECONDS => self.seconds = Some(u32::from_be_bytes(exactly(kind, data)?)),
            chunk::MICROSECONDS => self.microseconds = Some(u32::from_be_bytes(exactly(kind, data)?)),
            chunk::PROTOCOL_TYPE => self.protocol_type = Some(u8::from_be_bytes(exactly(kind, data)?)),
            chunk::CAPTURE_ID => self.capture_id = Some(u32::from_be_bytes(exactly(kind, data)?)),
            chunk::KEEPALIVE => self.keepalive = Some(u16::from_be_bytes(exactly(kind, data)?)),
            chunk::VLAN => self.vlan = Some(u16::from_be_bytes(exactly(kind, data)?)),
            chunk::AUTH_KEY => self.auth_key = Some(data),
            chunk::PAYLOAD => self.payload = Some(data),
            chunk::COMPRESSED_PAYLOAD => self.compressed_payload = Some(data),
            chunk::CORRELATION => self.correlation = Some(data),
            chunk::NODE_NAME => self.node_name = Some(data),
            _ => {}
        }
        Ok(())
    }
}

fn chunks(bytes: &[u8]) -> Result<Packet<'_>, HepError> {
    let mut packet = Packet::default();
    let mut rest = bytes.get(chunk::PREFIX..).unwrap_or_default();
    while !rest.is_empty() {
        let bad = HepError::Chunk { at: bytes.len() - rest.len() };
        let (head, behind) = rest.split_first_chunk::<{ chunk::HEAD }>().ok_or(bad)?;
        let &[vendor_high, vendor_low, kind_high, kind_low, length_high, length_low] = head;
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        let length = length.checked_sub(chunk::HEAD).ok_or(bad)?;
        let (data, next) = behind.split_at_checked(length).ok_or(bad)?;
        if u16::from_be_bytes([vendor_high, vendor_low]) == chunk::GENERIC {
            packet.take(u16::from_be_bytes([kind_high, kind_low]), data)?;
        }
        rest = next;
    }
    Ok(packet)
}

/// Version 1, and version 2 with the time between the addresses and the payload.
fn old(bytes: &[u8], version: Version) -> Result<Packet<'_>, HepError> {
    let (head, rest) = bytes.split_first_chunk::<8>().ok_or(HepError::Head)?;
    let &[_, length, family, ip_protocol, source_high, source_low, destination_high, destination_low] = head;
    let mut packet = Packet {
        version,
        family: Some(family),
        ip_protocol: Some(ip_protocol),
        source_port: Some(u16::from_be_bytes([source_high, source_low])),
        destination_port: Some(u16::from_be_bytes([destination_high, destination_low])),
        ..Packet::default()
    };
    let rest = match (family, length) {
        (chunk::FAMILY_V4, 16) => {
            let (source, rest) = rest.split_first_chunk::<4>().ok_or(HepError::Head)?;
            let (destination, rest) = rest.split_first_chunk::<4>().ok_or(HepError::Head)?;
            (packet.source, packet.destination) = (Some(v4(*source)), Some(v4(*destination)));
            rest
        }
        (chunk::FAMILY_V6, 40) => {
            let (source, rest) = rest.split_first_chunk::<16>().ok_or(HepError::Head)?;
            let (destination, rest) = rest.split_first_chunk::<16>().ok_or(HepError::Head)?;
            (packet.source, packet.destination) = (Some(v6(*source)), Some(v6(*destination)));
            rest
        }
        _ => return Err(HepError::Head),
    };
    packet.payload = Some(match version {
        Version::V1 | Version::V3 => rest,
        Version::V2 => {
            // In the sender's own order of bytes, which is little-endian wherever this was seen.
            let (seconds, rest) = rest.split_first_chunk::<4>().ok_or(HepError::Head)?;
            let (microseconds, rest) = rest.split_first_chunk::<4>().ok_or(HepError::Head)?;
            let (&[low, high, _, _], rest) = rest.split_first_chunk::<4>().ok_or(HepError::Head)?;
            packet.seconds = Some(u32::from_le_bytes(*seconds));
            packet.microseconds = Some(u32::from_le_bytes(*microseconds));
            packet.capture_id = Some(u32::from(u16::from_le_bytes([low, high])));
            rest
        }
    });
    Ok(packet)
}

fn exactly<const N: usize>(kind: u16, data: &[u8]) -> Result<[u8; N], HepError> {
    data.try_into().map_err(|_| HepError::Data { kind, length: data.len() })
}

fn v4(octets: [u8; 4]) -> IpAddr {
    Ipv4Addr::from(octets).into()
}

fn v6(octets: [u8; 16]) -> IpAddr {
    Ipv6Addr::from(octets).into()
}

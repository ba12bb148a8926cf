//! Version 2 of the PROXY protocol: a header of bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Addresses, Parsed, ProxyFault};

/// How the header begins.
pub(super) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, the version and command, the family and protocol, and the length.
pub(super) const FIXED: usize = 16;
/// Bytes behind the fixed part.
pub(super) const BODY_MAX: usize = 4096;

/// Bytes of the two paths of unix sockets.
const UNIX_PATHS: usize = 2 * 108;
/// The attribute that has the header's CRC32c.
const CRC32C: u8 = 0x03;

/// Reads the header that `bytes`, which agree with the signature, begin with.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, ProxyFault> {
    let Some((fixed, behind)) = bytes.split_first_chunk::<FIXED>() else { return Ok(Parsed::Incomplete) };
    let [.., version_and_command, family, high, low] = *fixed;
    let is_local = is_local(version_and_command)?;
    // Of a LOCAL connection everything but the length is to be ignored.
    if !is_local && (family >> 4 > 3 || family & 0x0f > 2) {
        return Err(ProxyFault::Family(family));
    }
    let body_length = usize::from(u16::from_be_bytes([high, low]));
    if body_length > BODY_MAX {
        return Err(ProxyFault::TooLong(body_length));
    }
    let length = FIXED + body_length;
    let (Some(header), Some(mut rest)) = (bytes.get(..length), behind.get(..body_length)) else {
        return Ok(Parsed::Incomplete);
    };
    let addresses = match (is_local, family) {
        (false, 0x11 | 0x12) => Some(addresses::<4, Ipv4Addr>(&mut rest)?),
        (false, 0x21 | 0x22) => Some(addresses::<16, Ipv6Addr>(&mut rest)?),
        (false, 0x31 | 0x32) => {
            // The client came to the proxy over a unix socket: it has no address that could be used.
            take::<UNIX_PATHS>(&mut rest)?;
            None
        }
        // Without a family there is no layout, so that attributes cannot be found.
        _ => return Ok(Parsed::Header { length, addresses: None }),
    };
    check_attributes(header, rest)?;
    Ok(Parsed::Header { length, addresses })
}

/// The proxy speaks for itself, to see whether we are well, say.
fn is_local(version_and_command: u8) -> Result<bool, ProxyFault> {
    match version_and_command {
        0x20 => Ok(true),
        0x21 => Ok(false),
        0x22..=0x2f => Err(ProxyFault::Command(version_and_command & 0x0f)),
        _ => Err(ProxyFault::Version(version_and_command >> 4)),
    }
}

fn addresses<const SIZE: usize, Address: From<[u8; SIZE]> + Into<IpAddr>>(
    rest: &mut &[u8],
) -> Result<Addresses, ProxyFault> {
    let source = Address::from(take(rest)?).into();
    let destination = Address::from(take(rest)?).into();
    let source_port = u16::from_be_bytes(take(rest)?);
    let destination_port = u16::from_be_bytes(take(rest)?);
    Ok(Addresses {
        source: SocketAddr::new(source, source_port),
        destination: SocketAddr::new(destination, destination_port),
    })
}

fn take<const SIZE: usize>(rest: &mut &[u8]) -> Result<[u8; SIZE], ProxyFault> {
    let (taken, behind) = rest.split_first_chunk().ok_or(ProxyFault::Addresses)?;
    *rest = behind;
    Ok(*taken)
}

/// Walks over the attributes, which are the end of `header`, and looks into none but the
/// checksum.
fn check_attributes(header: &[u8], mut attributes: &[u8]) -> Result<(), ProxyFault> {
    while !attributes.is_empty() {
        let [kind, high, low, behind @ ..] = attributes else { return Err(ProxyFault::Attributes) };
        let size = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, behind) = behind.split_at_checked(size).ok_or(ProxyFault::Attributes)?;
        if *kind == CRC32C {
            let expected = <[u8; 4]>::try_from(value).map_err(|_| ProxyFault::Attributes)?;
            // The sum is taken with its own place left blank.
            let (front, _) = header.split_at(header.len() - behind.len() - value.len());
            let sum = [front, &[0; 4], behind].into_iter().flatten().fold(!0, crc32c_step);
            if !sum != u32::from_be_bytes(expected) {
                return Err(ProxyFault::Checksum);
            }
        }
        attributes = behind;
    }
    Ok(())
}

/// One byte of a CRC with Castagnoli's polynomial, bits reversed. A table would be faster,
/// and one header of a hundred bytes is all there is in the life of a connection.
pub(super) fn crc32c_step(sum: u32, byte: &u8) -> u32 {
    (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
        let polynomial = if sum & 1 == 1 { 0x82f6_3b78 } else { 0 };
        sum >> 1 ^ polynomial
    })
}

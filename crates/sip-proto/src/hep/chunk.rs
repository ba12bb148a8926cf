//! The chunks that packets of version 3 are made of: vendor, type, length with its own six bytes,
//! data. Numbers are big-endian.

/// Bytes before the data of a chunk.
pub(super) const HEAD: usize = 6;

/// Bytes before the chunks of a packet: the magic and the packet's length.
pub(super) const PREFIX: usize = 6;

pub(super) const MAGIC: [u8; 4] = *b"HEP3";

/// The vendor of all types below.
pub(super) const GENERIC: u16 = 0;

pub(super) const FAMILY: u16 = 0x01;
pub(super) const IP_PROTOCOL: u16 = 0x02;
pub(super) const SOURCE_V4: u16 = 0x03;
pub(super) const DESTINATION_V4: u16 = 0x04;
pub(super) const SOURCE_V6: u16 = 0x05;
pub(super) const DESTINATION_V6: u16 = 0x06;
pub(super) const SOURCE_PORT: u16 = 0x07;
pub(super) const DESTINATION_PORT: u16 = 0x08;
pub(super) const SECONDS: u16 = 0x09;
pub(super) const MICROSECONDS: u16 = 0x0a;
pub(super) const PROTOCOL_TYPE: u16 = 0x0b;
pub(super) const CAPTURE_ID: u16 = 0x0c;
pub(super) const KEEPALIVE: u16 = 0x0d;
pub(super) const AUTH_KEY: u16 = 0x0e;
pub(super) const PAYLOAD: u16 = 0x0f;
pub(super) const COMPRESSED_PAYLOAD: u16 = 0x10;
pub(super) const CORRELATION: u16 = 0x11;
pub(super) const VLAN: u16 = 0x12;
pub(super) const NODE_NAME: u16 = 0x13;

/// The address families as Linux numbers them.
pub(super) const FAMILY_V4: u8 = 2;
pub(super) const FAMILY_V6: u8 = 10;

/// Writes a chunk behind what there is. Data is at most 65,529 bytes, which callers see to.
pub(super) fn put(out: &mut Vec<u8>, kind: u16, data: &[u8]) {
    let length = u16::try_from(HEAD + data.len()).unwrap_or(u16::MAX);
    debug_assert_eq!(usize::from(length), HEAD + data.len(), "callers cut what is too long");
    out.extend_from_slice(&GENERIC.to_be_bytes());
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(data);
}

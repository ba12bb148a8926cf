//! Packets as others write them, byte by byte, and those that are written here.

use std::net::SocketAddr;

use super::chunk::put;
use super::*;

/// A packet of version 3 of these chunks.
fn packet(chunks: &[(u16, u16, &[u8])]) -> Vec<u8> {
    let mut bytes = b"HEP3\0\0".to_vec();
    for (vendor, kind, data) in chunks {
        bytes.extend_from_slice(&vendor.to_be_bytes());
        bytes.extend_from_slice(&kind.to_be_bytes());
        bytes.extend_from_slice(&u16::try_from(6 + data.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(data);
    }
    with_length(bytes)
}

fn with_length(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    bytes[4..6].copy_from_slice(&length.to_be_bytes());
    bytes
}

/// What an OpenSIPS server told of a connection that it had accepted: the head as it was captured,
/// and a payload of the same length.
fn captured() -> Vec<u8> {
    let mut bytes = vec![
        0x48, 0x45, 0x50, 0x33, 0x02, 0x1a, // HEP3, 538 bytes
        0x00, 0x00, 0x00, 0x01, 0x00, 0x07, 0x02, // IPv4
        0x00, 0x00, 0x00, 0x02, 0x00, 0x07, 0x32, // WebSocket, as OpenSIPS numbers it
        0x00, 0x00, 0x00, 0x07, 0x00, 0x08, 0xb9, 0x5e, // from port 47454
        0x00, 0x00, 0x00, 0x08, 0x00, 0x08, 0x6d, 0xb0, // to port 28080
        0x00, 0x00, 0x00, 0x09, 0x00, 0x0a, 0x6b, 0x02, 0x05, 0x68, // seconds
        0x00, 0x00, 0x00, 0x0a, 0x00, 0x0a, 0x00, 0x03, 0x6a, 0xb9, // microseconds
        0x00, 0x00, 0x00, 0x0b, 0x00, 0x07, 0x59, // a network event
        0x00, 0x00, 0x00, 0x0c, 0x00, 0x0a, 0x00, 0x00, 0x07, 0xd1, // capture id 2001
        0x00, 0x00, 0x00, 0x03, 0x00, 0x0a, 0x7f, 0x00, 0x00, 0x01, // from
        0x00, 0x00, 0x00, 0x04, 0x00, 0x0a, 0x7f, 0x00, 0x00, 0x01, // to
        0x00, 0x00, 0x00, 0x0f, 0x01, 0xa4, // 414 bytes of payload
    ];
    let text = "WS:ACCEPTED:GET / HTTP/1.1\r\n:SUCCESS:HTTP/1.1 101 Switching Protocols\r\n\r\n:";
    bytes.extend_from_slice(format!("{text:-<414}").as_bytes());
    bytes.extend_from_slice(&[0x00, 0x00, 0x00, 0x11, 0x00, 0x19]);
    bytes.extend_from_slice(b"8935710544050737694");
    bytes
}

#[test]
fn a_captured_packet_is_read_field_by_field() {
    let bytes = captured();
    assert_eq!(bytes.len(), 538);
    assert_eq!(packet_len(&bytes), Ok(Some(538)));
    let packet = Packet::parse(&bytes).unwrap();
    assert_eq!(packet.version, Version::V3);
    assert_eq!((packet.family, packet.ip_protocol), (Some(2), Some(OPENSIPS_WS)));
    assert_eq!(packet.source_address(), Some("127.0.0.1:47454".parse().unwrap()));
    assert_eq!(packet.destination_address(), Some("127.0.0.1:28080".parse().unwrap()));
    assert_eq!((packet.seconds, packet.microseconds), (Some(1_795_294_568), Some(223_929)));
    assert_eq!((packet.protocol_type, packet.capture_id), (Some(89), Some(2001)));
    assert_eq!(packet.correlation, Some(&b"8935710544050737694"[..]));
    let payload = packet.payload.unwrap();
    assert!(payload.starts_with(b"WS:ACCEPTED:GET / HTTP/1.1") && payload.len() == 414);
    assert_eq!((packet.auth_key, packet.node_name, packet.vlan), (None, None, None));
}

#[test]
fn packets_of_the_old_versions_are_read() {
    let v2 = [
        0x02, 0x10, 0x02, 0x32, 0xa9, 0x64, 0x6d, 0xb0, 127, 0, 0, 1, 127, 0, 0, 1, // addresses
        0x16, 0x06, 0x02, 0x6b, 0x9f, 0xea, 0x05, 0x00, 0xd1, 0x07, 0x00, 0x00, // time, capture id
        0, 0, 0, 0, 0, 0, 0, 0, // spare bytes that OpenSIPS appends
    ];
    let packet = Packet::parse(&v2).unwrap();
    assert_eq!((packet.version, packet.ip_protocol), (Version::V2, Some(50)));
    assert_eq!(packet.source_address(), Some("127.0.0.1:43364".parse().unwrap()));
    assert_eq!(packet.destination_address(), Some("127.0.0.1:28080".parse().unwrap()));
    assert_eq!((packet.seconds, packet.microseconds), (Some(0x6b02_0616), Some(0x0005_ea9f)));
    assert_eq!((packet.capture_id, packet.payload), (Some(2001), Some(&[0; 8][..])));

    let mut v1 = vec![1, 40, 10, 17, 0x13, 0xc4, 0x13, 0xc5];
    v1.extend_from_slice(&[[0; 15].as_slice(), &[1], &[0; 15], &[2], b"OPTIONS"].concat());
    let packet = Packet::parse(&v1).unwrap();
    assert_eq!(packet.source_address(), Some("[::1]:5060".parse().unwrap()));
    assert_eq!(packet.destination_address(), Some("[::2]:5061".parse().unwrap()));
    assert_eq!((packet.version, packet.payload), (Version::V1, Some(&b"OPTIONS"[..])));
    assert_eq!((packet.seconds, packet.capture_id), (None, None));

    for cut in 1..v2.len() - 8 {
        assert_eq!(Packet::parse(&v2[..cut]), Err(HepError::Head), "cut at {cut}");
    }
    for (length, family) in [(16, 10), (40, 2), (15, 2), (16, 0), (8, 2)] {
        let bytes = [&[1, length, family, 6][..], &[0; 60]].concat();
        assert_eq!(Packet::parse(&bytes), Err(HepError::Head), "{length} {family}");
    }
}

#[test]
fn chunks_stand_in_any_order_and_the_last_of_a_kind_counts() {
    let bytes = packet(&[
        (0, 0x11, b"call"),
        (0, 0x0f, b"first"),
        (0, 0x13, b"node"),
        (0, 0x0e, b"key"),
        (0, 0x0d, &[0, 60]),
        (0, 0x12, &[0, 7]),
        (0, 0x10, b"zip"),
        (0, 0x0f, b"last"),
        (0, 0x04, &[10, 0, 0, 2]),
        (0, 0x03, &[10, 0, 0, 1]),
    ]);
    let packet = Packet::parse(&bytes).unwrap();
    assert_eq!((packet.payload, packet.correlation), (Some(&b"last"[..]), Some(&b"call"[..])));
    assert_eq!((packet.auth_key, packet.node_name), (Some(&b"key"[..]), Some(&b"node"[..])));
    assert_eq!((packet.keepalive, packet.vlan), (Some(60), Some(7)));
    assert_eq!(packet.compressed_payload, Some(&b"zip"[..]));
    assert_eq!(packet.source, Some("10.0.0.1".parse().unwrap()));
    assert_eq!(packet.source_address(), None, "it says no port");
}

#[test]
fn chunks_of_others_are_passed_over() {
    let bytes = packet(&[
        (2, 0x01, b"not a family"),
        (3, 0x0f, b"not the payload"),
        (0, 0x65, b"{}"),
        (0, 0xffff, b""),
        (0, 0x0f, b""),
    ]);
    let packet = Packet::parse(&bytes).unwrap();
    assert_eq!(packet, Packet { payload: Some(b""), ..Packet::default() });
}

#[test]
fn lengths_are_checked() {
    let good = packet(&[(0, 0x0f, b"hello")]);
    for cut in 6..good.len() {
        let bytes = &good[..cut];
        assert_eq!(Packet::parse(bytes), Err(HepError::Length { said: 17, found: cut }));
    }
    let more = [&good[..], b"x"].concat();
    assert_eq!(Packet::parse(&more), Err(HepError::Length { said: 17, found: 18 }));
    for bytes in [&b"HEP4\0\x06"[..], b"EEP1", b"\x03", b"GET / HTTP/1.1"] {
        assert_eq!(Packet::parse(bytes), Err(HepError::NoHep));
        assert_eq!(packet_len(bytes), Err(HepError::NoHep));
    }
    assert!(Packet::parse(b"").is_err());
    assert_eq!(packet_len(b"HEP3\0\x05"), Err(HepError::Length { said: 5, found: 6 }));
    for begin in [&b""[..], b"H", b"HEP3", b"HEP3\0"] {
        assert_eq!(packet_len(begin), Ok(None));
    }
    for length in [0, 5, 12, 0xffff_u16] {
        let mut bytes = good.clone();
        bytes[10..12].copy_from_slice(&length.to_be_bytes());
        assert_eq!(Packet::parse(&bytes), Err(HepError::Chunk { at: 6 }), "{length}");
    }
    let torn = with_length([&good[..], &[0, 0, 0]].concat());
    assert_eq!(Packet::parse(&torn), Err(HepError::Chunk { at: 17 }));
}

#[test]
fn numbers_and_addresses_have_one_size() {
    let sizes = [
        (0x01, 1),
        (0x02, 1),
        (0x03, 4),
        (0x04, 4),
        (0x05, 16),
        (0x06, 16),
        (0x07, 2),
        (0x08, 2),
        (0x09, 4),
        (0x0a, 4),
        (0x0b, 1),
        (0x0c, 4),
        (0x0d, 2),
        (0x12, 2),
    ];
    for (kind, size) in sizes {
        for length in [0, size - 1, size, size + 1] {
            let data = vec![0; length];
            let bytes = packet(&[(0, kind, &data)]);
            let expected = (length != size).then_some(HepError::Data { kind, length });
            assert_eq!(Packet::parse(&bytes).err(), expected, "{kind} {length}");
        }
    }
}

fn ends(source: &str, destination: &str) -> Ends {
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    Ends { source: address(source), destination: address(destination), ip_protocol: TCP }
}

fn told<'a>(correlation: &'a [u8], payload: &'a [u8]) -> Told<'a> {
    let stamp = Stamp { seconds: 0x6b02_0568, microseconds: 223_929 };
    Told { stamp, correlation, payload }
}

#[test]
fn a_packet_is_written_as_the_public_description_has_it() {
    let agent = Agent { capture_id: 2001, auth_key: Some(b"key"), node_name: Some(b"gw1") };
    let template = Template::new(agent, &ends("10.0.0.1:5060", "10.0.0.2:443"), 100);
    let mut found = Vec::new();
    assert_eq!(template.write(&told(b"42", b"{}"), 1400, &mut found), Cut::Whole);
    let mut expected = b"HEP3\0\0".to_vec();
    for (kind, data) in [
        (0x09, &[0x6b, 0x02, 0x05, 0x68][..]),
        (0x0a, &[0x00, 0x03, 0x6a, 0xb9]),
        (0x01, &[2]),
        (0x02, &[6]),
        (0x03, &[10, 0, 0, 1]),
        (0x04, &[10, 0, 0, 2]),
        (0x07, &[0x13, 0xc4]),
        (0x08, &[0x01, 0xbb]),
        (0x0b, &[100]),
        (0x0c, &[0, 0, 0x07, 0xd1]),
        (0x0e, b"key"),
        (0x13, b"gw1"),
        (0x11, b"42"),
        (0x0f, b"{}"),
    ] {
        put(&mut expected, kind, data);
    }
    assert_eq!(found, with_length(expected));
}

#[test]
fn what_is_written_is_read_back() {
    for (source, destination, expected) in [
        ("10.0.0.1:1", "10.0.0.2:2", ("10.0.0.1:1", "10.0.0.2:2", 2)),
        ("[::ffff:10.0.0.1]:1", "10.0.0.2:2", ("10.0.0.1:1", "10.0.0.2:2", 2)),
        ("[fd00::1]:1", "[fd00::2]:2", ("[fd00::1]:1", "[fd00::2]:2", 10)),
        ("10.0.0.1:1", "[fd00::2]:2", ("[::ffff:10.0.0.1]:1", "[fd00::2]:2", 10)),
    ] {
        for (key, node) in [(None, None), (Some(&b"k"[..]), Some(&[7; 300][..]))] {
            let agent = Agent { capture_id: u32::MAX, auth_key: key, node_name: node };
            let template = Template::new(agent, &ends(source, destination), 89);
            for correlation in [&b""[..], b"9", &[b'x'; 300]] {
                let mut bytes = b"before".to_vec();
                let cut = template.write(&told(correlation, b"payload"), 65_535, &mut bytes);
                assert_eq!((&bytes[..6], cut), (&b"before"[..], Cut::Whole));
                let read = Packet::parse(&bytes[6..]).unwrap();
                let (from, to, family) = expected;
                assert_eq!(read.source_address(), Some(from.parse().unwrap()));
                assert_eq!(read.destination_address(), Some(to.parse().unwrap()));
                assert_eq!((read.family, read.ip_protocol), (Some(family), Some(TCP)));
                assert_eq!((read.seconds, read.microseconds), (Some(0x6b02_0568), Some(223_929)));
                assert_eq!((read.protocol_type, read.capture_id), (Some(89), Some(u32::MAX)));
                assert_eq!(read.auth_key, key);
                assert_eq!(read.node_name, node.map(|node| &node[..255]));
                let kept = &correlation[..correlation.len().min(255)];
                assert_eq!(read.correlation.unwrap_or_default(), kept);
                assert_eq!(read.payload, Some(&b"payload"[..]));
            }
        }
    }
}

#[test]
fn no_packet_is_longer_than_its_limit() {
    let long = [255_u8; 300];
    let agent = Agent { capture_id: 1, auth_key: Some(&long), node_name: Some(&long) };
    let template = Template::new(agent, &ends("[::1]:1", "[::2]:2"), 1);
    let payload = vec![b'p'; 70_000];
    for limit in [HEAD_MAX, 1400, 65_507, 65_535, usize::MAX] {
        let mut bytes = Vec::new();
        assert_eq!(template.write(&told(&long, &payload), limit, &mut bytes), Cut::Short);
        assert_eq!(bytes.len(), limit.min(65_535));
        let read = Packet::parse(&bytes).unwrap();
        assert_eq!(read.payload.map(<[u8]>::len), Some(limit.min(65_535) - HEAD_MAX));
    }
    let mut bytes = Vec::new();
    assert_eq!(template.write(&told(&long, b""), 0, &mut bytes), Cut::Whole);
    assert_eq!(bytes.len(), HEAD_MAX, "a limit below the head does not cut it");
    let exactly = vec![b'p'; template.room(&long, 1400)];
    assert_eq!(exactly.len(), 1400 - HEAD_MAX);
    let mut bytes = Vec::new();
    assert_eq!(template.write(&told(&long, &exactly), 1400, &mut bytes), Cut::Whole);
    assert_eq!(bytes.len(), 1400);
}

#[test]
fn nothing_that_is_fuzzed_breaks_it() {
    let seeds = [captured(), packet(&[(0, 0x0f, b"x")]), b"HEP3".to_vec(), vec![1, 16, 2, 6]];
    for seed in seeds {
        fuzz::fuzz_hep(&seed);
        for at in 0..seed.len() {
            fuzz::fuzz_hep(&seed[..at]);
            for bits in [0, 1, 0x80, 0xff] {
                let mut bytes = seed.clone();
                bytes[at] ^= bits;
                fuzz::fuzz_hep(&bytes);
            }
        }
    }
}

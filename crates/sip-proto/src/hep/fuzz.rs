//! The entry point for fuzzing: any bytes for a packet.
//!
//! What holds for every input: reading it ends, the length that it begins with is told from its
//! first bytes alone, and what can be read can be written and read again.

use super::{Agent, Cut, Ends, Packet, Stamp, Template, Told, Version, packet_len};

/// Reads `data` as a packet, and as the begin of a stream.
///
/// # Panics
/// One of the invariants does not hold: that is a bug to be found.
pub fn fuzz_hep(data: &[u8]) {
    let whole = packet_len(data);
    for cut in 0..data.len().min(8) {
        let (begin, _) = data.split_at(cut);
        match packet_len(begin) {
            Ok(Some(length)) => assert_eq!(whole, Ok(Some(length)), "cut at {cut}"),
            Ok(None) => assert!(cut < 6, "six bytes tell the length"),
            Err(_) => assert!(whole.is_err(), "cut at {cut}"),
        }
    }
    let Ok(packet) = Packet::parse(data) else { return };
    if packet.version == Version::V3 {
        assert_eq!(whole, Ok(Some(data.len())), "a packet has the length that it says");
    }
    write_again(&packet);
}

fn write_again(packet: &Packet<'_>) {
    let (Some(source), Some(destination), Some(payload)) =
        (packet.source_address(), packet.destination_address(), packet.payload)
    else {
        return;
    };
    let agent = Agent { capture_id: packet.capture_id.unwrap_or(7), ..Agent::default() };
    let ends = Ends { source, destination, ip_protocol: packet.ip_protocol.unwrap_or(6) };
    let stamp = Stamp { seconds: packet.seconds.unwrap_or(1), microseconds: 2 };
    let template = Template::new(agent, &ends, packet.protocol_type.unwrap_or(100));
    let mut bytes = vec![0xff; 3];
    let told = Told { stamp, correlation: packet.correlation.unwrap_or_default(), payload };
    let cut = template.write(&told, 65_535, &mut bytes);
    let written = bytes.get(3..).unwrap_or_default();
    let read = Packet::parse(written).expect("what is written can be read");
    let canonical = |address: std::net::SocketAddr| (address.ip().to_canonical(), address.port());
    assert_eq!(read.source_address().map(canonical), Some(canonical(source)));
    assert_eq!(read.destination_address().map(canonical), Some(canonical(destination)));
    assert_eq!((read.seconds, read.microseconds), (Some(stamp.seconds), Some(2)));
    assert_eq!(read.capture_id, Some(agent.capture_id));
    match cut {
        Cut::Whole => assert_eq!(read.payload, Some(payload)),
        Cut::Short => assert!(read.payload.is_some_and(|told| payload.starts_with(told))),
    }
}

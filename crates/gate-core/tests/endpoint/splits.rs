//! A recorded conversation, cut up: however the peer's bytes are cut into reads, the driver gets
//! the same messages and the peer the same frames.

use super::*;

/// What one peer sends, with something of everything.
fn recording(role: Role) -> Vec<u8> {
    [
        text(role, "REGISTER"),
        frame(role, 0x89, b"1"),
        frame(role, 0x01, "k\u{f6}".as_bytes()),
        frame(role, 0x00, b""),
        frame(role, 0x8a, b"pong"),
        // The second "ö" is cut by the end of a fragment.
        frame(role, 0x00, b"\xc3"),
        frame(role, 0x80, b"\xb6n"),
        frame(role, 0x82, &[0xff; 130]),
        text(role, ""),
        text(role, "\r\n\r\n"),
        close(role, 4000, "done"),
        text(role, "nobody hears this"),
    ]
    .concat()
}

/// What came of it: all that the driver and the peer can tell.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    messages: Vec<(Kind, Vec<u8>)>,
    frames: usize,
    told: Vec<(Opcode, Vec<u8>)>,
    ending: Option<Ending>,
    death: Option<(Cause, Party)>,
    reason: String,
    received: gate_core::session::Traffic,
}

fn outcome(role: Role, reads: &[&[u8]]) -> Outcome {
    let mut lone = open(role);
    for read in reads {
        lone.send(read);
    }
    lone.fin();
    lone.check_streams();
    assert!(lone.endpoint().is_over());
    Outcome {
        messages: lone.messages().iter().map(|got| (got.kind, got.payload.clone())).collect(),
        frames: lone.frames().len(),
        told: lone.told(),
        ending: lone.ending(),
        death: death(&lone),
        reason: lone.endpoint().peer_reason().to_owned(),
        received: lone.endpoint().received(),
    }
}

#[test]
fn every_double_cut_gives_the_same() {
    for role in ROLES {
        let bytes = recording(role);
        let whole = outcome(role, &[&bytes]);
        assert_eq!(whole.messages.len(), 5);
        assert_eq!(whole.messages[1].1, "k\u{f6}\u{f6}n".as_bytes());
        assert_eq!(whole.told, [(Opcode::Pong, b"1".to_vec()), close_frame(4000, "")]);
        for first in 0..bytes.len() {
            for second in first..bytes.len() {
                let reads = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(outcome(role, &reads), whole, "cut at {first} and {second}");
            }
        }
    }
}

#[test]
fn byte_by_byte_gives_the_same() {
    for role in ROLES {
        let bytes = recording(role);
        let reads: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(outcome(role, &reads), outcome(role, &[&bytes]));
    }
}

//! The entry point for fuzzing an endpoint.
//!
//! What holds for every script: what [`Lone`] checks, and an endpoint that is told to end is over
//! within the close deadline, whatever its peer does.

use std::time::{Duration, Instant};

use ws_proto::CloseCode;
use ws_proto::walk::Limits;

use super::{Lone, Operands, appetite, long_length};
use crate::endpoint::{EndpointPolicy, Kind, Role};
use crate::policy::{Age, Keepalive, PingTo, Timeouts};
use crate::session::{Cause, Death, Party};

/// Plays `script`: a byte of flags, then commands with their operands. `now` is where virtual time
/// begins; any instant will do.
///
/// # Panics
/// One of the invariants does not hold: that is a bug to be found.
pub fn fuzz_endpoint(script: &[u8], now: Instant) {
    let Some((flags, commands)) = script.split_first() else { return };
    let role = if flags & 0x01 != 0 { Role::Client } else { Role::Server };
    let mut lone = Lone::new(policy(*flags), role, now);
    let mut operands = Operands(commands);
    while let Some(command) = operands.byte() {
        play(command, &mut operands, &mut lone);
    }
    lone.check_streams();
    lone.shut_down();
    let took = lone.run_out();
    assert!(lone.endpoint().is_over() && took <= Timeouts::default().close);
    lone.check_streams();
}

fn policy(flags: u8) -> EndpointPolicy {
    let with = |flag: u8, seconds| Duration::from_secs(if flags & flag != 0 { seconds } else { 0 });
    EndpointPolicy {
        limits: Limits {
            frame_size_max: if flags & 0x02 != 0 { 200 } else { 0 },
            message_size_max: if flags & 0x04 != 0 { 300 } else { 0x2_0000 },
            fragments_max: if flags & 0x08 != 0 { 3 } else { 0 },
            validate_utf8: flags & 0x10 == 0,
        },
        chunks_max: if flags & 0x20 != 0 { 3 } else { 0 },
        timeouts: Timeouts { frame: with(0x80, 3), idle: with(0x40, 40), ..Timeouts::default() },
        age: Age { max: with(0x40, 300), ..Age::default() },
        keepalive: Keepalive { interval: with(0x40, 5), timeout: Duration::from_secs(10), to: PingTo::Both },
    }
}

fn play(command: u8, operands: &mut Operands<'_>, lone: &mut Lone) {
    match command & 0x0f {
        0 | 1 => {
            let first = operands.byte().unwrap_or(0x82);
            let piece = usize::from(operands.byte().unwrap_or_default());
            let bytes = frame(lone.endpoint().role(), first, operands.bytes());
            let piece = if piece == 0 { bytes.len() } else { piece };
            bytes.chunks(piece).for_each(|piece| lone.send(piece));
        }
        2 => lone.send(operands.bytes()),
        3 => lone.fin(),
        4 => lone.reset(),
        5 => lone.break_writes(),
        6 => lone.set_appetite(appetite(operands.byte().unwrap_or_default())),
        7 => lone.wait(Duration::from_millis(300) * u32::from(operands.byte().unwrap_or_default())),
        8 => lone.shut_down(),
        9 => {
            let payload = vec![b'x'; long_length(operands.byte().unwrap_or_default())];
            let bytes = frame(lone.endpoint().role(), 0x81, &payload);
            lone.send(&bytes);
        }
        10 => {
            let answer = lone.pings().last().map(|ping| frame(lone.endpoint().role(), 0x8a, ping));
            lone.send(&answer.unwrap_or_default());
        }
        11 => lone.take_messages(usize::from(operands.byte().unwrap_or_default())),
        12 => {
            let kind = if command & 0x80 == 0 { Kind::Text } else { Kind::Binary };
            let is_ending = lone.endpoint().is_ending();
            // What is said is to be legal, and text is.
            let text = String::from_utf8_lossy(operands.bytes()).into_owned();
            assert_eq!(lone.say(kind, text.as_bytes()).is_err(), is_ending);
        }
        13 => {
            let by = Party::Peer(lone.endpoint().role().peer());
            lone.close(Death { cause: Cause::RateLimit, by }, CloseCode::POLICY_VIOLATION, "too much");
        }
        14 => {
            // Several frames in one read.
            let role = lone.endpoint().role();
            let count = usize::from(operands.byte().unwrap_or_default() & 0x07);
            let frames: Vec<u8> = (0..count)
                .flat_map(|_| frame(role, operands.byte().unwrap_or(0x81), operands.bytes()))
                .collect();
            lone.send(&frames);
        }
        _ => lone.wait(Duration::from_secs(60)),
    }
}

/// The frame that the peer of an endpoint in that role sends.
fn frame(role: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    super::frame(role.peer(), first, payload)
}

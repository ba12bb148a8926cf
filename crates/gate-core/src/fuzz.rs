//! The entry points for fuzzing, and the driver's model that tests share with that of a session.
//!
//! What holds for every script of a session: what [`Pair`] checks at every step, and a session that is
//! told to end is over within the close deadline, whatever its peers do.

mod deadlines;
mod endpoint;
mod lone;
mod pair;
mod path;
mod streams;
mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ws_proto::CloseCode;
use ws_proto::fuzz::by_the_book;
use ws_proto::walk::Limits;

pub use endpoint::fuzz_endpoint;
pub use lone::{Got, Lone};
pub use pair::{Observed, Pair};
pub use path::fuzz_path;
pub use wire::{Appetite, Ending, Wire};

use crate::policy::{Age, Inspection, Keepalive, PingTo, Policy, Timeouts};
use crate::rate::{Bucket, Meter, Metered, OnExceed, Rate};
use crate::side::Side;

/// Plays `script`: a byte of flags, then commands with their operands. `now` is where
/// virtual time begins; any instant will do.
///
/// # Panics
/// One of the invariants does not hold: that is a bug to be found.
pub fn fuzz_session(script: &[u8], now: Instant) {
    let Some((flags, commands)) = script.split_first() else { return };
    let mut pair = Pair::with_meters(policy(*flags), flags & 0x01 != 0, now, meters(*flags, now));
    let mut operands = Operands(commands);
    while let Some(command) = operands.byte() {
        play(command, &mut operands, &mut pair);
    }
    pair.check_streams();
    pair.shut_down(CloseCode::GOING_AWAY);
    let took = pair.run_out();
    assert!(pair.session().is_over() && took <= Timeouts::default().close);
    pair.check_streams();
}

fn policy(flags: u8) -> Policy {
    let watched = |seconds| if flags & WATCHED != 0 { Duration::from_secs(seconds) } else { Duration::ZERO };
    let frame = if flags & 0x10 != 0 { Duration::from_secs(3) } else { Duration::ZERO };
    Policy {
        limits: Limits {
            frame_size_max: if flags & 0x02 != 0 { 200 } else { 0 },
            message_size_max: if flags & 0x04 != 0 { 300 } else { 0 },
            fragments_max: if flags & 0x08 != 0 { 3 } else { 0 },
            // What goes nowhere is not judged, but the reading by the book judges all.
            validate_utf8: flags & 0x20 == 0 && flags & METERED == 0,
        },
        upstream_limits: None,
        timeouts: Timeouts { frame, idle: watched(40), ..Timeouts::default() },
        age: Age { max: watched(300), ..Age::default() },
        keepalive: Keepalive { interval: watched(5), timeout: watched(10), to: PingTo::Both },
        inspection: Inspection::default(),
    }
}

/// Buckets of every kind for the client, and one that makes the upstream wait.
fn meters(flags: u8, now: Instant) -> Vec<Meter> {
    let meter = |of, from, burst, on_exceed| {
        let rate = Rate { tokens: burst, per: Duration::from_secs(10), burst };
        Meter { of, from, on_exceed, bucket: Arc::new(Bucket::new(rate, now)) }
    };
    let meters = [
        meter(Metered::Messages, Side::Client, 5, OnExceed::Drop),
        meter(Metered::ControlFrames, Side::Client, 4, OnExceed::Drop),
        meter(Metered::Frames, Side::Client, 7, OnExceed::Delay),
        meter(Metered::Bytes, Side::Client, 2000, OnExceed::Close),
        meter(Metered::Bytes, Side::Upstream, 100, OnExceed::Delay),
        meter(Metered::ControlFrames, Side::Upstream, 2, OnExceed::Delay),
    ];
    if flags & METERED != 0 { meters.into() } else { Vec::new() }
}

/// The flag with which the session is looked after.
const WATCHED: u8 = 0x40;
/// The flag with which frames are counted.
const METERED: u8 = 0x80;

fn play(command: u8, operands: &mut Operands<'_>, pair: &mut Pair) {
    let side = if command & 0x80 == 0 { Side::Client } else { Side::Upstream };
    match command & 0x0f {
        0 => {
            let first = operands.byte().unwrap_or(0x82);
            let piece = usize::from(operands.byte().unwrap_or_default());
            let frame = frame(side, first, operands.bytes());
            let piece = if piece == 0 { frame.len() } else { piece };
            frame.chunks(piece).for_each(|bytes| pair.send(side, bytes));
        }
        1 => pair.send(side, operands.bytes()),
        2 => pair.send(side, &frame(side, 0x88, b"\x03\xe8")),
        3 => pair.fin(side),
        4 => pair.reset(side),
        5 => pair.break_writes(side),
        6 => pair.set_appetite(side, appetite(operands.byte().unwrap_or_default())),
        7 => pair.wait(Duration::from_millis(300) * u32::from(operands.byte().unwrap_or_default())),
        8 => pair.wait(Duration::from_secs(60)),
        9 => pair.shut_down(CloseCode::GOING_AWAY),
        10 => {
            let payload = vec![0; long_length(operands.byte().unwrap_or_default())];
            pair.send(side, &frame(side, 0x82, &payload));
        }
        11 => {
            if let Some(ping) = pair.pings(side).last() {
                let pong = frame(side, 0x8a, ping);
                let piece = usize::from(operands.byte().unwrap_or_default());
                pong.chunks(piece.max(1)).for_each(|bytes| pair.send(side, bytes));
            }
        }
        _ => {}
    }
}

/// A length that may need the longer forms, of which the longest is slow to play.
fn long_length(operand: u8) -> usize {
    if operand == u8::MAX { 0x1_0000 } else { usize::from(operand) * 2 }
}

fn appetite(operand: u8) -> Appetite {
    if operand == u8::MAX { Appetite::Endless } else { Appetite::Bytes(usize::from(operand)) }
}

/// The frame that a peer sends, masked where it must be. `first` is its first byte: FIN,
/// reserved bits and opcode.
#[must_use]
pub fn frame(from: Side, first: u8, payload: &[u8]) -> Vec<u8> {
    let key = match from {
        Side::Client => Some([0x11, 0x22, 0x84, 0xff]),
        Side::Upstream => None,
    };
    by_the_book::frame(first, payload, key)
}

/// What is left of a script.
struct Operands<'a>(&'a [u8]);

impl<'a> Operands<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A length of one byte and as many bytes, or as there are.
    fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte().unwrap_or_default());
        let (bytes, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        bytes
    }
}

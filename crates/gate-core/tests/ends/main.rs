//! What ends a session and what each peer sees of it, row by row: who gets which Close,
//! which FIN, which RST, and when.

use std::time::{Duration, Instant};

use gate_core::fuzz::{Appetite, Ending, Pair, frame};
use gate_core::session::{Cause, Party};
use gate_core::{Limits, Policy, Side, Start, Timeouts};
use ws_proto::{CloseCode, FrameError};

use Ending::{Fin, Rst};
use Side::{Client, Upstream};

mod age;
mod broken_writes;
mod closing_handshake;
mod frame_boundaries;
mod idle;
mod keepalive;
mod lost_peers;
mod rates;
mod shutdown;
mod timeouts;
mod violations;

#[test]
fn a_session_needs_less_than_half_a_kibibyte() {
    assert!(size_of::<gate_core::Session>() <= 512, "{}", size_of::<gate_core::Session>());
}

/// Just short of a deadline.
const MOMENT: Duration = Duration::from_millis(1);
const CLOSE: Duration = Duration::from_secs(5);
const HALF_CLOSE: Duration = Duration::from_secs(60);
const SEND: Duration = Duration::from_secs(60);
/// What an offender's Close waits for answers.
const ANSWERS: Duration = Duration::from_secs(1);
const FRAME: Duration = Duration::from_secs(2);

fn open() -> Pair {
    Pair::new(Policy::default(), false, start())
}

fn with_frame_timeout() -> Pair {
    let timeouts = Timeouts { frame: FRAME, ..Timeouts::default() };
    Pair::new(Policy { timeouts, ..Policy::default() }, false, start())
}

#[expect(clippy::disallowed_methods, reason = "virtual time begins somewhere; it passes by hand")]
fn start() -> Instant {
    Instant::now()
}

fn text(from: Side, text: &str) -> Vec<u8> {
    frame(from, 0x81, text.as_bytes())
}

/// A peer's Close.
fn close(from: Side, code: u16, reason: &str) -> Vec<u8> {
    frame(from, 0x88, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// The gateway's Close.
fn by_gateway(to: Side, code: u16, reason: &str) -> Vec<u8> {
    Pair::gateway_close(to, CloseCode::new(code).expect("a code that may be sent"), reason)
}

/// What the side that is not to blame is told.
fn told_of(offender: Side) -> Vec<u8> {
    match offender {
        Client => by_gateway(Upstream, 1001, ""),
        Upstream => by_gateway(Client, 1011, "upstream violated the protocol"),
    }
}

fn endings(pair: &Pair) -> [Option<Ending>; 2] {
    Side::BOTH.map(|side| pair.ending(side))
}

fn death(pair: &Pair) -> Option<(Cause, Party)> {
    pair.session().death().map(|death| (death.cause, death.by))
}

#[track_caller]
fn assert_over(pair: &Pair, expected: [Ending; 2], cause: Cause, by: Party) {
    assert!(pair.session().is_over());
    assert_eq!(endings(pair), expected.map(Some));
    assert_eq!(death(pair), Some((cause, by)));
}

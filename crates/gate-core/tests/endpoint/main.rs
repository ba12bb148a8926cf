//! One end of a connection: what messages its driver gets, what its peer is sent, and how both
//! come to an end, in both roles.

use std::time::{Duration, Instant};

use gate_core::endpoint::{Kind, Role};
use gate_core::fuzz::{Appetite, Ending, Got, Lone, frame as frame_of};
use gate_core::session::{Cause, Death, Party};
use gate_core::{Age, Endpoint, EndpointPolicy, Keepalive, Limits, PingTo, Timeouts};
use ws_proto::{CloseCode, FrameError, Opcode};

use Ending::{Fin, Rst};

mod chunks;
mod clocks;
mod closing;
mod lost_peers;
mod messages;
mod other_peers;
mod pauses;
mod pings;
mod random;
mod rates;
mod sending;
mod splits;
mod violations;

const ROLES: [Role; 2] = [Role::Server, Role::Client];
/// Just short of a deadline.
const MOMENT: Duration = Duration::from_millis(1);
const CLOSE: Duration = Duration::from_secs(5);
const SEND: Duration = Duration::from_secs(60);

#[test]
fn an_endpoint_needs_little_more_than_three_hundred_bytes() {
    assert!(size_of::<Endpoint>() <= 304, "{}", size_of::<Endpoint>());
}

fn open(role: Role) -> Lone {
    with(role, EndpointPolicy::default())
}

fn with(role: Role, policy: EndpointPolicy) -> Lone {
    Lone::new(policy, role, start())
}

fn with_limits(role: Role, limits: Limits) -> Lone {
    with(role, EndpointPolicy { limits, ..EndpointPolicy::default() })
}

fn with_timeouts(role: Role, timeouts: Timeouts) -> Lone {
    with(role, EndpointPolicy { timeouts, ..EndpointPolicy::default() })
}

#[expect(clippy::disallowed_methods, reason = "virtual time begins somewhere; it passes by hand")]
fn start() -> Instant {
    Instant::now()
}

/// The frame that the peer of an endpoint in that role sends.
fn frame(role: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    frame_of(role.peer(), first, payload)
}

fn text(role: Role, text: &str) -> Vec<u8> {
    frame(role, 0x81, text.as_bytes())
}

/// A peer's Close.
fn close(role: Role, code: u16, reason: &str) -> Vec<u8> {
    frame(role, 0x88, &close_body(code, reason))
}

fn close_body(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// A Close as a peer hears it.
fn close_frame(code: u16, reason: &str) -> (Opcode, Vec<u8>) {
    (Opcode::Close, close_body(code, reason))
}

fn peer(role: Role) -> Party {
    Party::Peer(role.peer())
}

fn death(lone: &Lone) -> Option<(Cause, Party)> {
    lone.endpoint().death().map(|death| (death.cause, death.by))
}

/// What the messages said that came.
fn texts(lone: &Lone) -> Vec<&str> {
    let texts = lone.messages().iter().map(|got| std::str::from_utf8(&got.payload));
    texts.collect::<Result<_, _>>().expect("it is text")
}

fn assert_over(lone: &Lone, ending: Ending, cause: Cause, by: Party) {
    assert!(lone.endpoint().is_over());
    assert_eq!(lone.ending(), Some(ending));
    assert_eq!(death(lone), Some((cause, by)));
    assert_eq!(lone.endpoint().poll_timeout(), None, "nothing more will happen");
    lone.check_streams();
}

//! Whether a peer is there: it is sent pings of the gateway's own, and their pongs are kept
//! from the other peer.
//!
//! A ping says a secret that is another for each peer and session, and a number. A pong
//! that says both, the number being one that was sent, is an answer to the gateway; all
//! others are between the peers.

use std::time::Instant;

/// What the gateway's pings say: a secret and a number.
pub type PingPayload = [u8; 12];

/// The pings to one peer.
#[derive(Debug)]
pub(crate) struct Pings {
    secret: u64,
    sent: u32,
    state: State,
}

/// ```text
///           interval        boundary         any pong
/// Quiet ──────────────▶ Due ────────▶ Asked ──────────▶ Quiet
///   ▲ │                                 ▲ │
///   └─┴── bytes: since then             └─┴── bytes: since then
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It was heard then.
    Quiet(Instant),
    /// A ping is to go between the next two frames.
    Due,
    /// A ping went to it, or something that is no pong came from it, then.
    Asked(Instant),
}

impl Pings {
    pub(crate) fn new(secret: u64, now: Instant) -> Self {
        Self { secret, sent: 0, state: State::Quiet(now) }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// Bytes came from the peer, or could not come until now: its time begins anew.
    pub(crate) fn restart(&mut self, now: Instant) {
        match &mut self.state {
            State::Quiet(since) | State::Asked(since) => *since = now,
            State::Due => {}
        }
    }

    /// A pong came. Whose ping it answers does not matter: a peer may leave out all pongs
    /// but the last (RFC 6455 §5.5.3).
    pub(crate) fn answered(&mut self, now: Instant) {
        match self.state {
            State::Asked(_) => self.state = State::Quiet(now),
            State::Quiet(_) | State::Due => {}
        }
    }

    /// The interval is over.
    pub(crate) fn fall_due(&mut self) {
        self.state = State::Due;
    }

    /// The next ping, which goes now.
    pub(crate) fn ask(&mut self, now: Instant) -> PingPayload {
        self.sent = self.sent.wrapping_add(1);
        self.state = State::Asked(now);
        self.payload(self.sent)
    }

    /// Whether a pong with so much payload may be an answer to the gateway.
    pub(crate) fn may_be_answered_by(&self, payload_len: u64) -> bool {
        self.sent > 0 && u64::try_from(size_of::<PingPayload>()) == Ok(payload_len)
    }

    /// Whether a pong that says this is an answer to the gateway.
    pub(crate) fn are_answered_by(&self, payload: &[u8]) -> bool {
        let number = payload.last_chunk().map_or(0, |number| u32::from_be_bytes(*number));
        (1..=self.sent).contains(&number) && payload == self.payload(number)
    }

    fn payload(&self, number: u32) -> PingPayload {
        let mut payload = PingPayload::default();
        let (secret, last) = payload.split_at_mut(size_of::<u64>());
        secret.copy_from_slice(&self.secret.to_be_bytes());
        last.copy_from_slice(&number.to_be_bytes());
        payload
    }
}

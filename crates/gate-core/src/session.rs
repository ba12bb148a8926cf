//! The session: both directions of one WebSocket connection from its 101 to its end.
//!
//! A machine without I/O. The driver feeds it what the sockets gave and what time it
//! is; it answers which part of the input goes on unchanged ([`Step`]) and what else is
//! to be done ([`Output`]). It decides everything that ends a session: violations,
//! closing handshakes, half-closes, resets, timeouts.
//!
//! After every `handle_*`, drain [`Session::poll_output`], then look at
//! [`Session::poll_timeout`].

mod clocks;
mod death;
mod glance;
mod inspect;
mod lane;
mod leg;
mod meters;
mod pings;
mod tally;
mod verdict;
mod watch;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ws_proto::walk::{End, Extent, Held, Message};
use ws_proto::{CloseCode, FrameError, FrameHeader, Opcode};

pub(crate) use clocks::{deadline, is_over};
pub use death::{Cause, Death, Party};
use leg::{CloseOrder, Leg, Receiving, Sending, Then};
pub use leg::{Closes, Traffic};
pub(crate) use meters::{Verdict as Toll, charge_rest, judge as charge};
pub use pings::PingPayload;
pub(crate) use pings::{Pings, State as PingState};
use tally::{Dropped, Tally};
pub use verdict::{Judged, Part, Ruling, Ticket, Verdict, Whole};
use watch::Watch;
pub(crate) use watch::{age_at, draw};

use crate::policy::{Inspection, Policy};
use crate::rate::Meter;
use crate::side::Side;

/// Is told what passes, on the hot path: implementations count or copy.
pub trait Observe {
    /// A frame from that side has passed whole. `message`: the one that a data frame belongs
    /// to, as far as it has come, this frame included; `None` for a control frame.
    fn frame(&mut self, from: Side, header: &FrameHeader, message: Option<&Message>);
    /// A data message from that side has passed whole.
    fn message(&mut self, from: Side, message: &Message);
    /// What the Close frame from that side said that was the last one to pass.
    fn close(&mut self, from: Side, code: Option<CloseCode>, reason: &str);
    /// A frame from that side goes nowhere, or not at once.
    fn withheld(&mut self, from: Side, what: Withheld);

    /// What becomes of a message of an inspected direction, before any of it goes on.
    fn judge(&mut self, _from: Side, _message: &Whole<'_>) -> Judged {
        Judged::Now(Ruling::ALLOW)
    }

    /// Inflates a whole message of an inspected direction into `out`, within the policy.
    ///
    /// # Errors
    /// It is no DEFLATE data, or too much of it.
    fn inflate(
        &mut self,
        _from: Side,
        _compressed: &[u8],
        _policy: &Inspection,
        _out: &mut Vec<u8>,
    ) -> Result<(), FrameError> {
        Err(FrameError::BadDeflate)
    }
}

/// What does not pass, though it is legal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// A pong that answers the gateway's ping.
    OwnPong,
    /// A data message with all its frames, for which a meter has nothing left.
    Message,
    /// A ping or pong, for the same reason.
    Control,
    /// A frame, until a meter has something left.
    Delayed,
    /// A message, or a ping or pong, by a verdict.
    Judged,
}

impl Withheld {
    /// A frame that a meter does not let pass.
    pub(crate) fn of(header: &FrameHeader) -> Self {
        if header.opcode.is_control() { Self::Control } else { Self::Message }
    }
}

/// What becomes of the input of [`Session::handle_bytes`].
#[derive(Debug)]
pub struct Step {
    /// Bytes that are done with. The rest is to be handed in again, after the outputs.
    pub consumed: usize,
    /// Earlier bytes that go to the other side before `forward`.
    pub held: Held,
    /// The part of the input that goes to the other side as it is.
    pub forward: Range<usize>,
}

/// What a session begins with, beside its policy.
#[derive(Debug)]
pub struct Start {
    /// permessage-deflate was agreed between the peers.
    pub deflate: bool,
    /// When its 101 went to the client.
    pub now: Instant,
    /// A number that no peer can guess: of it are made the jitter of the session's age and
    /// what its pings say.
    pub random: u64,
    /// What its frames are counted by.
    pub meters: Box<[Meter]>,
}

/// What the driver does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send that side a Close frame, behind all that was forwarded to it. Towards the
    /// upstream it is masked with a fresh random key.
    SendClose {
        /// To whom.
        to: Side,
        /// The code.
        code: CloseCode,
        /// The reason; what is above 123 bytes is cut off.
        reason: Cow<'static, str>,
    },
    /// Send that side a Ping frame, behind all that was forwarded to it; masked as a Close.
    SendPing {
        /// To whom.
        to: Side,
        /// What it says.
        payload: PingPayload,
    },
    /// Send that side these frames, which its peer has sent, behind all that was forwarded to it.
    Send {
        /// To whom.
        to: Side,
        /// Whole frames, or parts of one that is large.
        bytes: Vec<u8>,
    },
    /// Send that side a message in the place of one that its peer has sent: one uncompressed frame,
    /// masked as a Close.
    SendMessage {
        /// To whom.
        to: Side,
        /// [`Opcode::Text`] or [`Opcode::Binary`].
        opcode: Opcode,
        /// What it says.
        payload: Vec<u8>,
    },
    /// End the stream to that side with a FIN, behind all that goes before.
    Finish(Side),
    /// Cut that side off with an RST and forget what was still to go.
    Abort(Side),
}

/// Both directions of a WebSocket connection.
#[derive(Debug)]
pub struct Session {
    policy: Arc<Policy>,
    client: Leg,
    upstream: Leg,
    closing: Closing,
    death: Option<Death>,
    watch: Option<Box<Watch>>,
}

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    /// Frames pass.
    No,
    /// A peer said FIN without a Close; the other was last heard then.
    HalfClosed { last_heard: Instant },
    /// A peer's Close has passed; the two peers bring it to an end between them.
    Relayed { since: Instant },
    /// The gateway has sent or owes a Close; each side ends by itself.
    Ours { since: Instant },
}

impl Session {
    /// A session whose 101 has just gone to the client.
    #[must_use]
    pub fn new(policy: Arc<Policy>, start: Start) -> Self {
        Self {
            client: Leg::new(Side::Client, start.deflate, &policy.inspection),
            upstream: Leg::new(Side::Upstream, start.deflate, &policy.inspection),
            closing: Closing::No,
            death: None,
            watch: Watch::new(&policy, start),
            policy,
        }
    }

    /// Takes bytes that came from a side, following on those of the last call. Hand in
    /// what [`Step::consumed`] leaves over once the outputs are drained, unless
    /// [`Session::is_delayed`]: then it is for later.
    pub fn handle_bytes(
        &mut self,
        from: Side,
        bytes: &[u8],
        now: Instant,
        observer: &mut impl Observe,
    ) -> Step {
        if let Closing::HalfClosed { last_heard } = &mut self.closing {
            *last_heard = now;
        }
        if let Some(watch) = &mut self.watch {
            watch.heard(from, now);
        }
        if self.leg(from).lane.is_some() {
            return self.inspect_bytes(from, bytes, now, observer);
        }
        let awaits_boundary = self.owes_ping(from.other());
        let Self { policy, client, upstream, watch, .. } = self;
        let (leg, other) = match from {
            Side::Client => (client, upstream),
            Side::Upstream => (upstream, client),
        };
        let extent = match (leg.receiving, &other.sending) {
            (Receiving::Open, Sending::Open) if awaits_boundary => Some(Extent::Boundary),
            (Receiving::Open, Sending::Open | Sending::CloseHeld(..)) => Some(Extent::All),
            (Receiving::Open, Sending::CloseDue(_)) => Some(Extent::Boundary),
            // The other side takes no more frames, but this side's Close is still awaited.
            (Receiving::Open, _) => None,
            (Receiving::Closed | Receiving::Failed | Receiving::Ended, _) => {
                return Step { consumed: bytes.len(), held: Held::Nothing, forward: 0..0 };
            }
        };
        let other_is_closed = other.sending != Sending::Open;
        let frames_before = leg.traffic.frames;
        let (walked, frames_nowhere, passed_data) = match extent {
            Some(extent) => {
                let traffic = &mut leg.traffic;
                let watch = watch.as_deref_mut();
                let mut tally =
                    Tally { from, traffic, other_is_closed, watch, observer, skipped: 0, passed_data: false };
                let walked = leg.walker.walk(bytes, extent, policy.limits_of(from), &mut tally);
                (walked, tally.skipped, tally.passed_data)
            }
            None => {
                let mut dropped = Dropped { frames: 0 };
                let walked = leg.walker.walk(bytes, Extent::All, policy.limits_of(from), &mut dropped);
                (walked, dropped.frames, false)
            }
        };
        if !policy.timeouts.frame.is_zero() {
            leg.time_frame(leg.traffic.frames - frames_before + frames_nowhere, now);
        }
        let mut step = Step { consumed: walked.consumed, held: walked.held, forward: walked.forward };
        let close_is_for_us = other_is_closed && matches!(walked.end, Some(End::Close(_)));
        if close_is_for_us {
            step.forward.end = walked.close_at;
        }
        if extent.is_none() || (close_is_for_us && walked.close_at == 0) {
            step.held = Held::Nothing;
            step.forward = 0..0;
        }
        let passed = length(step.held.as_bytes().len()) + length(step.forward.len());
        leg.traffic.bytes += passed;
        if let Some(watch) = watch
            && passed > 0
            && (passed_data || leg.walker.is_within_data() || policy.timeouts.idle_counts_control)
        {
            watch.used_at = now;
        }
        match walked.end {
            None => {}
            Some(End::Close(code)) => self.close_came(from, code, now),
            Some(End::Violation(error)) => self.fail(from, error, now),
            Some(End::Refused) => self.exceed(from, now),
        }
        step
    }

    /// A FIN came from a side.
    pub fn handle_fin(&mut self, from: Side, now: Instant) {
        self.die(Cause::Fin, Party::Peer(from));
        let closing = self.closing;
        let (leg, other) = self.legs(from);
        leg.receiving = Receiving::Ended;
        match closing {
            Closing::No => {
                other.order_finish();
                self.closing = Closing::HalfClosed { last_heard: now };
            }
            Closing::HalfClosed { .. } | Closing::Relayed { .. } => other.order_finish(),
            Closing::Ours { .. } => leg.order_finish(),
        }
    }

    /// The connection to a side broke: RST, or an error that means the same.
    pub fn handle_reset(&mut self, from: Side, now: Instant) {
        self.die(Cause::Reset, Party::Peer(from));
        let closing = self.closing;
        let (leg, other) = self.legs(from);
        let said_close = leg.closes.received.is_some();
        leg.order_abort();
        match closing {
            // Behind a Close the other side has all it needs: the end is an end.
            Closing::Relayed { .. } if said_close => other.order_finish(),
            Closing::No | Closing::HalfClosed { .. } | Closing::Relayed { .. } => other.order_abort(),
            Closing::Ours { .. } => {}
        }
        self.start_closing_clock(now);
    }

    /// A side takes no more bytes because its connection broke. What it sent before may
    /// still be read; its end follows as a FIN or a reset.
    pub fn handle_write_failed(&mut self, to: Side, now: Instant) {
        let leg = self.leg_mut(to);
        leg.blocked_since = None;
        match &leg.sending {
            Sending::AbortDue | Sending::Aborted => {}
            Sending::Open
            | Sending::CloseHeld(..)
            | Sending::CloseDue(_)
            | Sending::CloseSent
            | Sending::FinishDue
            | Sending::Finished => leg.sending = Sending::Finished,
        }
        self.start_closing_clock(now);
    }

    /// Bytes for a side wait because its connection takes no more. `progress`: it has
    /// taken some since the last call.
    pub fn handle_blocked(&mut self, to: Side, progress: Progress, now: Instant) {
        if progress == Progress::Some
            && let Closing::HalfClosed { last_heard } = &mut self.closing
        {
            *last_heard = now;
        }
        let leg = self.leg_mut(to);
        match progress {
            Progress::Some => leg.blocked_since = Some(now),
            Progress::None => {
                leg.blocked_since.get_or_insert(now);
            }
        }
    }

    /// No bytes wait for a side any more.
    pub fn handle_unblocked(&mut self, to: Side, now: Instant) {
        let (leg, other) = self.legs(to);
        if leg.blocked_since.take().is_none() {
            return;
        }
        // What the other side could not go on sending is not its fault.
        if other.frame_since.is_some() {
            other.frame_since = Some(now);
        }
        self.resume(now);
    }

    /// Somebody who may wants this session to end, with this Close on both sides; unless a
    /// closing handshake is under way.
    pub fn handle_order(&mut self, cause: Cause, code: CloseCode, reason: &str, now: Instant) {
        match self.closing {
            Closing::No | Closing::HalfClosed { .. } => {}
            Closing::Relayed { .. } | Closing::Ours { .. } => return,
        }
        self.die(cause, Party::Gateway);
        for side in Side::BOTH {
            self.close(side, code, reason.to_owned(), now);
        }
    }

    /// What to do next, if anything.
    pub fn poll_output(&mut self) -> Option<Output> {
        Side::BOTH.into_iter().find_map(|side| self.output_for(side))
    }

    /// Whether bytes from a side are to be read. Not while the other side is blocked or the
    /// next frame has to wait, unless they would be dropped anyway.
    #[must_use]
    pub fn wants_read(&self, from: Side) -> bool {
        let (leg, other) = (self.leg(from), self.leg(from.other()));
        match leg.receiving {
            Receiving::Open => {
                (other.blocked_since.is_none() || !other.takes_frames()) && !self.is_delayed(from)
            }
            Receiving::Closed | Receiving::Failed => true,
            Receiving::Ended => false,
        }
    }

    /// Whether the next frame of a side has to wait. What [`Step::consumed`] left over is to
    /// be kept until [`Session::wants_read`], and handed in before what is read then.
    #[must_use]
    pub fn is_delayed(&self, from: Side) -> bool {
        self.delayed_until(from).is_some() || self.is_stopped(from)
    }

    /// The next frame of a side waits for verdicts on those before it.
    fn is_stopped(&self, from: Side) -> bool {
        self.leg(from).lane.as_ref().is_some_and(|lane| lane.is_stopped)
            && self.leg(from.other()).takes_frames()
    }

    /// Nothing more will happen: the session can be dropped.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.client.is_over() && self.upstream.is_over()
    }

    /// Why the session ends; `None` while it lives.
    #[must_use]
    pub fn death(&self) -> Option<Death> {
        self.death
    }

    /// What came from a side and was passed on.
    #[must_use]
    pub fn traffic(&self, from: Side) -> Traffic {
        self.leg(from).traffic
    }

    /// The Close frames on a side's connection.
    #[must_use]
    pub fn closes(&self, side: Side) -> Closes {
        self.leg(side).closes
    }

    /// Panics where the states contradict each other. For tests, after every step.
    pub fn check_invariants(&self) {
        for leg in [&self.client, &self.upstream] {
            assert!(
                leg.sending != Sending::Aborted || leg.receiving == Receiving::Ended,
                "an aborted connection gives nothing to read"
            );
            assert!(
                leg.closes.received.is_some() || leg.receiving != Receiving::Closed,
                "a connection is closed by a Close frame"
            );
        }
        let is_ending = self.closing != Closing::No;
        let has_cause = self.death.is_some() || self.broken_side().is_some();
        assert!(!is_ending || has_cause, "an end has a cause, or a broken connection will give one");
        assert!(!self.is_over() || self.death.is_some(), "a session ends for a reason");
    }

    /// A valid Close frame came from a side, and went on unless the other side had one.
    fn close_came(&mut self, from: Side, code: Option<CloseCode>, now: Instant) {
        self.die(Cause::Close(code), Party::Peer(from));
        let closing = self.closing;
        let (leg, other) = self.legs(from);
        leg.receiving = Receiving::Closed;
        leg.closes.received = Some(code);
        leg.frame_since = None;
        match &other.sending {
            Sending::Open => {
                other.sending = Sending::CloseSent;
                other.closes.sent = Some(code);
            }
            Sending::CloseHeld(..)
            | Sending::CloseDue(_)
            | Sending::CloseSent
            | Sending::FinishDue
            | Sending::Finished
            | Sending::AbortDue
            | Sending::Aborted => {}
        }
        match closing {
            Closing::No | Closing::HalfClosed { .. } => self.closing = Closing::Relayed { since: now },
            Closing::Relayed { .. } => {}
            // The server ends the TCP connection first (RFC 6455 §7.1.1): towards the
            // client that is the gateway, towards the upstream it is the upstream.
            Closing::Ours { .. } if from == Side::Client => leg.order_finish(),
            Closing::Ours { .. } => {}
        }
    }

    /// A side's frames are at fault.
    fn fail(&mut self, offender: Side, error: FrameError, now: Instant) {
        self.die(Cause::Violation(error), Party::Peer(offender));
        self.refuse(offender, (error.close_code(), error.reason().into()), told_of(offender), now);
    }

    /// A side sends faster than it may.
    fn exceed(&mut self, offender: Side, now: Instant) {
        self.die(Cause::RateLimit, Party::Peer(offender));
        let told: Told = (CloseCode::POLICY_VIOLATION, Cause::RateLimit.reason().into());
        self.refuse(offender, told.clone(), told, now);
    }

    /// Ends both sides because one of them did what it must not. The other side is `told`
    /// at once; the offender, who gets a FIN with its Close, once the answers to what it
    /// sent before have reached it.
    fn refuse(&mut self, offender: Side, said: Told, told: Told, now: Instant) {
        let wait = match self.policy.timeouts.close {
            Duration::ZERO => ANSWERS_IN_FLIGHT,
            close => ANSWERS_IN_FLIGHT.min(close / 2),
        };
        let (code, reason) = said;
        let leg = self.leg_mut(offender);
        // A verdict may come when nothing more does.
        if leg.receiving != Receiving::Ended {
            leg.receiving = Receiving::Failed;
        }
        leg.frame_since = None;
        leg.order_close(CloseOrder { code, reason, then: Then::Finish });
        leg.hold_close(now + wait);
        self.close(offender.other(), told.0, told.1, now);
    }

    /// Closes a side that is not to blame.
    fn close(&mut self, to: Side, code: CloseCode, reason: impl Into<Cow<'static, str>>, now: Instant) {
        let leg = self.leg_mut(to);
        // A peer that has sent its Close awaits none but an answer, which this is; a peer
        // that has said FIN sends none.
        let then = match leg.receiving {
            Receiving::Open => Then::AwaitAnswer,
            Receiving::Closed | Receiving::Failed | Receiving::Ended => Then::Finish,
        };
        leg.order_close(CloseOrder { code, reason: reason.into(), then });
        // The clock runs from the first Close on the session, whoever sent it.
        let since = match self.closing {
            Closing::No | Closing::HalfClosed { .. } => now,
            Closing::Relayed { since } | Closing::Ours { since } => since,
        };
        self.closing = Closing::Ours { since };
    }

    fn output_for(&mut self, side: Side) -> Option<Output> {
        if let Some(ready) = self.ready_for(side) {
            return Some(ready);
        }
        if self.leg(side).sending == Sending::Open {
            return self.ping(side);
        }
        let has_to_wait = self.awaits_verdict(side.other());
        let at_boundary = self.is_at_boundary(side.other());
        let (leg, other) = self.legs(side);
        if other.receiving != Receiving::Open && !has_to_wait {
            leg.release_close();
        }
        match &mut leg.sending {
            // Messages that came before wait for their verdicts.
            Sending::CloseDue(_) | Sending::FinishDue if has_to_wait => None,
            Sending::CloseDue(order) => {
                if at_boundary {
                    let (code, then) = (order.code, order.then);
                    let reason = std::mem::take(&mut order.reason);
                    leg.closes.sent = Some(Some(code));
                    leg.sending = match then {
                        Then::AwaitAnswer => Sending::CloseSent,
                        Then::Finish => Sending::FinishDue,
                    };
                    return Some(Output::SendClose { to: side, code, reason });
                }
                match other.receiving {
                    Receiving::Open => None,
                    // The rest of the frame will never come, nor a boundary.
                    Receiving::Closed | Receiving::Failed | Receiving::Ended => {
                        leg.order_abort();
                        self.output_for(side)
                    }
                }
            }
            Sending::FinishDue => {
                leg.sending = Sending::Finished;
                Some(Output::Finish(side))
            }
            Sending::AbortDue => {
                leg.sending = Sending::Aborted;
                leg.blocked_since = None;
                Some(Output::Abort(side))
            }
            Sending::Open
            | Sending::CloseHeld(..)
            | Sending::CloseSent
            | Sending::Finished
            | Sending::Aborted => None,
        }
    }

    /// The ping that is due to a side, once it can go.
    fn ping(&mut self, to: Side) -> Option<Output> {
        let can_go = self.owes_ping(to) && self.is_at_boundary(to.other());
        let watch = self.watch.as_mut().filter(|_| can_go)?;
        let now = watch.now;
        let payload = watch.peer_mut(to).pings.as_mut()?.ask(now);
        Some(Output::SendPing { to, payload })
    }

    fn abort_what_is_left(&mut self) {
        if self.death.is_none()
            && let Some(broken) = self.broken_side()
        {
            self.die(Cause::Reset, Party::Peer(broken));
        }
        for side in Side::BOTH {
            let leg = self.leg_mut(side);
            if !leg.is_over() {
                leg.order_abort();
            }
        }
    }

    /// The clock that ends a session whose connections are broken, should none run yet.
    fn start_closing_clock(&mut self, now: Instant) {
        match self.closing {
            Closing::No | Closing::HalfClosed { .. } => self.closing = Closing::Relayed { since: now },
            Closing::Relayed { .. } | Closing::Ours { .. } => {}
        }
    }

    /// While nothing else has ended the session: the side that could not be written to.
    fn broken_side(&self) -> Option<Side> {
        Side::BOTH.into_iter().find(|side| self.leg(*side).sending == Sending::Finished)
    }

    fn is_blocked(&self) -> bool {
        self.client.blocked_since.is_some() || self.upstream.blocked_since.is_some()
    }

    fn die(&mut self, cause: Cause, by: Party) {
        self.death.get_or_insert(Death { cause, by });
    }

    fn leg(&self, side: Side) -> &Leg {
        match side {
            Side::Client => &self.client,
            Side::Upstream => &self.upstream,
        }
    }

    fn leg_mut(&mut self, side: Side) -> &mut Leg {
        match side {
            Side::Client => &mut self.client,
            Side::Upstream => &mut self.upstream,
        }
    }

    /// The leg of `side`, then the other one.
    fn legs(&mut self, side: Side) -> (&mut Leg, &mut Leg) {
        match side {
            Side::Client => (&mut self.client, &mut self.upstream),
            Side::Upstream => (&mut self.upstream, &mut self.client),
        }
    }
}

/// Whether a blocked side has taken any bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It has.
    Some,
    /// It has not.
    None,
}

/// How long an offender's Close waits for what the other side has yet to say to it, but
/// at most half the close timeout. A peer that answers a Close does so long before.
const ANSWERS_IN_FLIGHT: Duration = Duration::from_secs(1);

/// A code and a reason of a Close.
type Told = (CloseCode, Cow<'static, str>);

/// What the side is told that is not to blame.
fn told_of(offender: Side) -> Told {
    match offender {
        Side::Client => (CloseCode::GOING_AWAY, "".into()),
        Side::Upstream => (CloseCode::INTERNAL_ERROR, "upstream violated the protocol".into()),
    }
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

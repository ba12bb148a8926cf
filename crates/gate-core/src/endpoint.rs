//! One end of a WebSocket connection: whole messages come out of the peer's bytes, messages and
//! all that keeps the connection in order go to it.
//!
//! A machine without I/O, for when the gateway is no relay between two peers but speaks to one
//! itself. It reads fragments and pieces into messages, answers pings, sends pings of its own,
//! and decides all that ends the connection. No extension is ever agreed on it.
//!
//! After every `handle_*`, drain [`Endpoint::poll_output`], then look at
//! [`Endpoint::poll_timeout`].
//!
//! Not here: what messages say.

mod clocks;
mod ending;
mod intake;
mod pace;
mod policy;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use ws_proto::mask::MaskKey;
use ws_proto::walk::{self, End};
use ws_proto::{CloseCode, ControlFrame, FrameHeader, Opcode, Sender, message};

use crate::rate::Meter;
use crate::session::{Cause, Closes, Death, PingState, Pings, Progress, Traffic, Withheld, age_at, draw};
use crate::side::Side;
use ending::{Ending, Receiving, Sending};
use intake::{Intake, Tollgate, Took};
use pace::Pace;
pub use policy::EndpointPolicy;

/// Which end the gateway is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It has accepted the connection: the peer masks its frames.
    Server,
    /// It has dialled: it masks its own frames.
    Client,
}

impl Role {
    /// Who the peer is in records and labels.
    #[must_use]
    pub const fn peer(self) -> Side {
        match self {
            Self::Server => Side::Client,
            Self::Client => Side::Upstream,
        }
    }

    /// Whose frames come.
    const fn sender(self) -> Sender {
        match self {
            Self::Server => Sender::Client,
            Self::Client => Sender::Server,
        }
    }
}

/// What a message is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

impl Kind {
    /// The opcode of its first frame.
    #[must_use]
    pub const fn opcode(self) -> Opcode {
        match self {
            Self::Text => Opcode::Text,
            Self::Binary => Opcode::Binary,
        }
    }
}

/// A whole data message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Text or binary.
    pub kind: Kind,
    /// What it says, unmasked. Of a message that came: where it was read, if it came in one frame
    /// and one read; else put together, and its receiver's to keep.
    pub payload: Cow<'a, [u8]>,
}

impl<'a> Message<'a> {
    /// A message that says `payload`.
    #[must_use]
    pub const fn new(kind: Kind, payload: &'a [u8]) -> Self {
        Self { kind, payload: Cow::Borrowed(payload) }
    }
}

/// A frame that has come whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its header.
    pub header: FrameHeader,
    /// The message that a data frame belongs to, as far as it has come, this frame included;
    /// `None` for a control frame.
    pub message: Option<walk::Message>,
}

/// What became of the input of [`Endpoint::handle_bytes`].
#[derive(Debug)]
pub struct Step<'a> {
    /// Bytes that are done with. The rest is untouched, and is to be handed in again.
    pub consumed: usize,
    /// The frame that has ended here, for those who count or record frames.
    pub frame: Option<Frame>,
    /// The message that has ended with it.
    pub message: Option<Message<'a>>,
    /// A frame that goes nowhere, or not at once, by a rate.
    pub withheld: Option<Withheld>,
}

/// What the driver does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this behind all that was sent.
    Send {
        /// Close, ping or pong.
        opcode: Opcode,
        /// The frame, masked where it must be.
        frame: ControlFrame,
    },
    /// End the stream with a FIN, behind all that goes before.
    Finish,
    /// Cut the peer off with an RST and forget what was still to go.
    Abort,
}

/// Nothing more can be sent: the connection is at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection is ending, so that nothing more can be sent")]
pub struct NotOpen;

/// One end of a WebSocket connection, from its 101 to its end.
#[derive(Debug)]
pub struct Endpoint {
    policy: Arc<EndpointPolicy>,
    intake: Intake,
    receiving: Receiving,
    sending: Sending,
    role: Role,
    /// Nobody takes messages, so that the peer is not read.
    is_paused: bool,
    /// `None`: the peer may send as fast as it likes.
    pace: Option<Box<Pace>>,
    /// `None` while the connection lives. Boxed: it comes up once.
    ending: Option<Box<Ending>>,
    received: Traffic,
    sent: Traffic,
    /// What the peer's last ping said that has no answer yet.
    pong_due: Option<Box<[u8]>>,
    pings: Option<Pings>,
    /// The peer has not taken bytes since then.
    blocked_since: Option<Instant>,
    /// The unfinished frame of the peer began then; kept only with a frame timeout.
    frame_since: Option<Instant>,
    /// What counts against the idle timeout went either way then.
    used_at: Instant,
    /// When the connection is too old.
    age_at: Option<Instant>,
}

impl Endpoint {
    /// An end of a connection whose 101 has just gone, or come. `random`: a number that no peer
    /// can guess; of it are made the jitter of the connection's age and what its pings say.
    #[must_use]
    pub fn new(policy: Arc<EndpointPolicy>, role: Role, now: Instant, random: u64) -> Self {
        let keepalive = &policy.keepalive;
        let has_pings = !keepalive.interval.is_zero() && keepalive.to.includes(role.peer());
        Self {
            intake: Intake::new(role.sender()),
            receiving: Receiving::Open,
            sending: Sending::Open,
            role,
            is_paused: false,
            pace: None,
            ending: None,
            received: Traffic::default(),
            sent: Traffic::default(),
            pong_due: None,
            pings: has_pings.then(|| Pings::new(draw(random, role.peer().name()), now)),
            blocked_since: None,
            frame_since: None,
            used_at: now,
            age_at: age_at(&policy.age, random, now),
            policy,
        }
    }

    /// Goes by other rules from here on. How old the connection may become, and whether it sends pings, was
    /// decided when it began.
    pub fn set_policy(&mut self, policy: &Arc<EndpointPolicy>) {
        if !Arc::ptr_eq(&self.policy, policy) {
            self.policy = Arc::clone(policy);
        }
    }

    /// The same end, where the peer's frames are counted by these meters. What is above a rate ends the
    /// connection with 1008, goes nowhere, or waits, as its meter says.
    #[must_use]
    pub fn metered(self, meters: Box<[Meter]>) -> Self {
        Self { pace: Pace::new(meters, self.role.peer()), ..self }
    }

    /// Takes bytes that came from the peer, following on those of the last call: one frame at the
    /// most, so that whoever takes messages can stop behind each. Hand in what [`Step::consumed`]
    /// leaves over: at once, or after [`Endpoint::pause`] when messages are taken again, or once
    /// [`Endpoint::is_delayed`] is over. A payload
    /// is unmasked where it lies.
    ///
    /// Messages still come while the connection closes, up to the peer's Close: the peer may have
    /// sent them before it knew.
    pub fn handle_bytes<'a>(&mut self, bytes: &'a mut [u8], now: Instant) -> Step<'a> {
        self.resume(now);
        let length = bytes.len();
        if let Some(pings) = &mut self.pings {
            pings.restart(now);
        }
        if self.receiving != Receiving::Open {
            return Step { consumed: length, frame: None, message: None, withheld: None };
        }
        let toll = Tollgate { pace: self.pace.as_deref_mut(), pings: self.pings.as_ref(), now };
        let took = self.intake.take(bytes, &self.policy.limits, toll);
        self.count(&took, now);
        let Took { consumed, frame, message, ping, end, withheld, .. } = took;
        if let Some(payload) = ping.filter(|_| self.sending == Sending::Open) {
            self.pong_due = Some(payload);
        }
        match end {
            None => {}
            Some((End::Close(code), reason)) => self.close_came(code, reason, now),
            Some((End::Violation(error), _)) => self.fail(error, now),
            // By a rate: nothing else refuses frames here.
            Some((End::Refused, _)) => self.refuse(Cause::RateLimit, CloseCode::POLICY_VIOLATION, now),
        }
        if self.receiving != Receiving::Open {
            return Step { consumed: length, frame, message: None, withheld };
        }
        let ends_read = length > 0 && consumed == length;
        if ends_read && self.intake.is_cut_too_often(&self.policy) {
            self.exceed_chunks(now);
        }
        let message = message.map(|ended| self.intake.message(ended, bytes));
        Step { consumed, frame, message, withheld }
    }

    /// Nobody takes messages at the moment, and the peer is not read: what it does not say
    /// meanwhile is not held against it.
    pub fn pause(&mut self) {
        self.is_paused = true;
    }

    /// Messages are taken again. Bytes that are handed in say so as well.
    pub fn resume(&mut self, now: Instant) {
        if !self.is_paused {
            return;
        }
        self.is_paused = false;
        self.restart(now);
        if self.frame_since.is_some() {
            self.frame_since = Some(now);
        }
    }

    /// Whether the peer is to be read.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        !self.is_unread() && self.receiving != Receiving::Ended
    }

    /// Whether the next frame waits for its time, and with it whatever has come behind it: until
    /// [`Endpoint::poll_timeout`] says.
    #[must_use]
    pub fn is_delayed(&self) -> bool {
        self.receiving == Receiving::Open && self.delayed_until().is_some()
    }

    fn delayed_until(&self) -> Option<Instant> {
        self.pace.as_ref()?.until()
    }

    /// Whether the peer is not read, so that what it does not say is not held against it.
    fn is_unread(&self) -> bool {
        self.is_paused || self.is_delayed()
    }

    /// Bytes for the peer wait because its connection takes no more. `progress`: it has taken some
    /// since the last call.
    pub fn handle_blocked(&mut self, progress: Progress, now: Instant) {
        match progress {
            Progress::Some => self.blocked_since = Some(now),
            Progress::None => {
                self.blocked_since.get_or_insert(now);
            }
        }
    }

    /// No bytes wait for the peer any more.
    pub fn handle_unblocked(&mut self, now: Instant) {
        if self.blocked_since.take().is_some() {
            self.restart(now);
        }
    }

    /// Puts a message behind what there is in `out`, as one frame. `mask` gives fresh random keys;
    /// only a client needs them.
    ///
    /// # Errors
    /// A Close is under way, or the connection is gone.
    pub fn send_message(
        &mut self,
        message: &Message<'_>,
        now: Instant,
        mask: &mut impl FnMut() -> MaskKey,
        out: &mut Vec<u8>,
    ) -> Result<(), NotOpen> {
        if self.sending != Sending::Open {
            return Err(NotOpen);
        }
        let start = out.len();
        message::encode_into(out, message.kind.opcode(), &message.payload, self.key(mask));
        self.sent.messages += 1;
        self.count_sent(out.len() - start);
        self.used_at = now;
        Ok(())
    }

    /// What to do next, if anything. `mask` as for [`Endpoint::send_message`].
    pub fn poll_output(&mut self, now: Instant, mask: &mut impl FnMut() -> MaskKey) -> Option<Output> {
        if self.sending != Sending::Open {
            return self.poll_ending(mask);
        }
        // What waits for the peer is bounded: while bytes do, only its last ping is remembered.
        if self.blocked_since.is_some() {
            return None;
        }
        if let Some(payload) = self.pong_due.take() {
            let frame = ControlFrame::pong(&payload, self.key(mask));
            return Some(self.send(Opcode::Pong, frame));
        }
        let pings = self.pings.as_mut().filter(|pings| pings.state() == PingState::Due)?;
        let payload = pings.ask(now);
        let frame = ControlFrame::ping(&payload, self.key(mask));
        Some(self.send(Opcode::Ping, frame))
    }

    /// Whether what comes from the peer is still looked at.
    #[must_use]
    pub fn is_hearing(&self) -> bool {
        self.receiving == Receiving::Open
    }

    /// Nothing more can be sent: a Close is under way, or the connection is gone.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.sending != Sending::Open
    }

    /// Nothing more will happen: the endpoint can be dropped.
    #[must_use]
    pub fn is_over(&self) -> bool {
        match self.sending {
            Sending::Aborted => true,
            Sending::Finished => self.receiving == Receiving::Ended && self.blocked_since.is_none(),
            Sending::Open
            | Sending::CloseDue(_)
            | Sending::CloseSent
            | Sending::FinishDue
            | Sending::AbortDue => false,
        }
    }

    /// Why the connection ends; `None` while it lives.
    #[must_use]
    pub fn death(&self) -> Option<Death> {
        self.ending.as_ref()?.death
    }

    /// The Close frames on the connection.
    #[must_use]
    pub fn closes(&self) -> Closes {
        self.ending.as_ref().map(|ending| ending.closes).unwrap_or_default()
    }

    /// The reason in words that the peer's Close gave; empty where it gave none.
    #[must_use]
    pub fn peer_reason(&self) -> &str {
        self.ending.as_ref().map(|ending| &*ending.said).unwrap_or_default()
    }

    /// What has come, up to the first fault.
    #[must_use]
    pub fn received(&self) -> Traffic {
        self.received
    }

    /// What has gone.
    #[must_use]
    pub fn sent(&self) -> Traffic {
        self.sent
    }

    /// Which end this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Bytes that are kept of a message of which the rest has not come.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.intake.buffered()
    }

    /// Panics where the states contradict each other. For tests, after every step.
    pub fn check_invariants(&self) {
        let is_ending = self.sending != Sending::Open || self.receiving != Receiving::Open;
        assert_eq!(is_ending, self.ending.is_some(), "the end has a clock");
        let (has_cause, was_closed) = (self.death().is_some(), self.closes().received.is_some());
        assert!(
            has_cause || !is_ending || self.sending == Sending::Finished,
            "an end has a cause, or a broken connection will give one"
        );
        assert!(has_cause || !self.is_over(), "a connection ends for a reason");
        assert!(self.sending != Sending::Aborted || self.receiving == Receiving::Ended);
        match self.receiving {
            Receiving::Open | Receiving::Failed => assert!(!was_closed),
            Receiving::Closed => assert!(was_closed, "a connection is closed by a Close frame"),
            Receiving::Ended => {}
        }
        assert!(self.intake.is_within_message() || self.intake.buffered() == 0, "a buffer is given back");
        assert!(self.pong_due.is_none() || self.sending == Sending::Open, "no pong follows on a Close");
        assert!(self.receiving == Receiving::Open || self.intake.buffered() == 0, "nothing more will come");
    }

    fn count(&mut self, took: &Took, now: Instant) {
        self.received.bytes += took.passed;
        self.received.frames += u64::from(took.frame.is_some());
        self.received.messages += u64::from(took.message.is_some());
        let timeouts = &self.policy.timeouts;
        if took.passed > 0 && (took.is_data || timeouts.idle_counts_control) {
            self.used_at = now;
        }
        if took.is_pong
            && let Some(pings) = &mut self.pings
        {
            pings.answered(now);
        }
        if !timeouts.frame.is_zero() {
            let is_within_frame = self.intake.is_within_frame();
            self.frame_since = is_within_frame.then(|| self.frame_since.unwrap_or(now));
        }
    }

    fn send(&mut self, opcode: Opcode, frame: ControlFrame) -> Output {
        self.count_sent(frame.as_bytes().len());
        Output::Send { opcode, frame }
    }

    fn count_sent(&mut self, bytes: usize) {
        self.sent.frames += 1;
        self.sent.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
    }

    fn key(&self, mask: &mut impl FnMut() -> MaskKey) -> Option<MaskKey> {
        match self.role {
            Role::Server => None,
            Role::Client => Some(mask()),
        }
    }

    /// The peer could not be heard, or could be told nothing, until now.
    fn restart(&mut self, now: Instant) {
        self.used_at = now;
        if let Some(pings) = &mut self.pings {
            pings.restart(now);
        }
    }
}

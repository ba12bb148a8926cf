//! One peer's half of a session: what comes from it and what goes to it.

use std::borrow::Cow;
use std::time::Instant;

use ws_proto::walk::Walker;
use ws_proto::{CloseCode, Sender};

use super::lane::Lane;
use crate::policy::Inspection;
use crate::side::Side;

/// The state of one peer's connection.
#[derive(Debug)]
pub(super) struct Leg {
    /// The walk over what this peer sends.
    pub(super) walker: Walker,
    /// Where its messages wait; `None`: they are not looked into.
    pub(super) lane: Option<Box<Lane>>,
    pub(super) receiving: Receiving,
    pub(super) sending: Sending,
    /// What this peer sent and the gateway passed on.
    pub(super) traffic: Traffic,
    /// The Close frames on this connection.
    pub(super) closes: Closes,
    /// This peer has not taken bytes since then.
    pub(super) blocked_since: Option<Instant>,
    /// The unfinished frame of this peer began then; kept only with a frame timeout.
    pub(super) frame_since: Option<Instant>,
}

/// What comes from a peer.
///
/// ```text
/// Open ──Close frame──▶ Closed ──┐
///  │ └──violation─────▶ Failed ──┼──FIN──▶ Ended
///  └──FIN────────────────────────┘
///  any ──RST──▶ Ended
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receiving {
    /// Frames.
    Open,
    /// Nothing that counts: its Close frame has come (RFC 6455 §5.5.1).
    Closed,
    /// Nothing that can be parsed (RFC 6455 §7.1.7).
    Failed,
    /// Nothing: FIN or RST was read.
    Ended,
}

/// What goes to a peer. "Due" is what [`super::Session::poll_output`] has yet to say.
///
/// ```text
/// Open ──▶ CloseHeld ──▶ CloseDue ──▶ CloseSent ──▶ FinishDue ──▶ Finished
///   ├───────────────────────┘            │
///   └────────────────────────────────────┘        any ──▶ AbortDue ──▶ Aborted
/// ```
///
/// What is owed is boxed: it comes up once in a session's life.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sending {
    /// What the other peer sends.
    Open,
    /// What the other peer still has to say to it, until that peer's Close or the given
    /// time; then a Close of the gateway.
    CloseHeld(Box<CloseOrder>, Instant),
    /// The rest of the current frame, then a Close of the gateway.
    CloseDue(Box<CloseOrder>),
    /// Nothing more: a Close has gone, the other peer's or the gateway's.
    CloseSent,
    /// A FIN.
    FinishDue,
    /// Nothing: the FIN has gone, or the connection takes nothing any more.
    Finished,
    /// An RST.
    AbortDue,
    /// Nothing: the connection is gone.
    Aborted,
}

/// A Close frame that the gateway owes a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CloseOrder {
    pub(super) code: CloseCode,
    pub(super) reason: Cow<'static, str>,
    pub(super) then: Then,
}

/// What follows on the gateway's Close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The peer's own Close is awaited.
    AwaitAnswer,
    /// FIN: the peer cannot be understood any more (RFC 6455 §7.1.7), or said FIN itself.
    Finish,
}

/// Bytes on the wire, frames and messages of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes passed on, frame headers included.
    pub bytes: u64,
    /// Frames that passed whole, or came whole where messages are looked into.
    pub frames: u64,
    /// Data messages, in the same way.
    pub messages: u64,
}

/// The Close frames seen on one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closes {
    /// From the peer; the inner `None` is a Close without a code.
    pub received: Option<Option<CloseCode>>,
    /// To the peer.
    pub sent: Option<Option<CloseCode>>,
}

impl Leg {
    pub(super) fn new(side: Side, deflate: bool, inspection: &Inspection) -> Self {
        let sender = match side {
            Side::Client => Sender::Client,
            Side::Upstream => Sender::Server,
        };
        Self {
            walker: Walker::new(sender, deflate),
            lane: inspection.includes(side).then(Box::default),
            receiving: Receiving::Open,
            sending: Sending::Open,
            traffic: Traffic::default(),
            closes: Closes::default(),
            blocked_since: None,
            frame_since: None,
        }
    }

    /// Owes the peer a Close, unless one has gone or none can go any more.
    pub(super) fn order_close(&mut self, order: CloseOrder) {
        match (&mut self.sending, order.then) {
            (Sending::Open, _) => self.sending = Sending::CloseDue(Box::new(order)),
            (Sending::CloseHeld(first, _) | Sending::CloseDue(first), then) => first.then = then,
            (Sending::CloseSent, Then::Finish) => self.sending = Sending::FinishDue,
            (
                Sending::CloseSent
                | Sending::FinishDue
                | Sending::Finished
                | Sending::AbortDue
                | Sending::Aborted,
                _,
            ) => {}
        }
    }

    /// Lets a Close that is owed wait until `until` for what the other peer has yet to say.
    pub(super) fn hold_close(&mut self, until: Instant) {
        if let Sending::CloseDue(order) = &self.sending {
            self.sending = Sending::CloseHeld(order.clone(), until);
        }
    }

    /// Lets a Close wait no longer.
    pub(super) fn release_close(&mut self) {
        if let Sending::CloseHeld(order, _) = &self.sending {
            self.sending = Sending::CloseDue(order.clone());
        }
    }

    /// Until when a Close may wait.
    pub(super) fn held_until(&self) -> Option<Instant> {
        match &self.sending {
            Sending::CloseHeld(_, until) => Some(*until),
            Sending::Open
            | Sending::CloseDue(_)
            | Sending::CloseSent
            | Sending::FinishDue
            | Sending::Finished
            | Sending::AbortDue
            | Sending::Aborted => None,
        }
    }

    /// Owes the peer a FIN behind whatever goes before it.
    pub(super) fn order_finish(&mut self) {
        match &mut self.sending {
            Sending::Open | Sending::CloseSent => self.sending = Sending::FinishDue,
            Sending::CloseHeld(order, _) | Sending::CloseDue(order) => order.then = Then::Finish,
            Sending::FinishDue | Sending::Finished | Sending::AbortDue | Sending::Aborted => {}
        }
    }

    pub(super) fn order_abort(&mut self) {
        if self.sending != Sending::Aborted {
            self.sending = Sending::AbortDue;
        }
        self.receiving = Receiving::Ended;
    }

    /// Keeps the time at which the unfinished frame began. `frames_ended`: in the last walk.
    pub(super) fn time_frame(&mut self, frames_ended: u64, now: Instant) {
        self.frame_since = match self.frame_since {
            _ if !self.walker.is_within_frame() => None,
            Some(since) if frames_ended == 0 => Some(since),
            Some(_) | None => Some(now),
        };
    }

    /// Frames of the other peer still go to this one.
    pub(super) fn takes_frames(&self) -> bool {
        matches!(self.sending, Sending::Open | Sending::CloseHeld(..) | Sending::CloseDue(_))
    }

    /// Nothing more will come from this peer nor go to it, and nothing waits for it.
    pub(super) fn is_over(&self) -> bool {
        match self.sending {
            Sending::Aborted => true,
            Sending::Finished => self.receiving == Receiving::Ended && self.blocked_since.is_none(),
            Sending::Open
            | Sending::CloseHeld(..)
            | Sending::CloseDue(_)
            | Sending::CloseSent
            | Sending::FinishDue
            | Sending::AbortDue => false,
        }
    }
}

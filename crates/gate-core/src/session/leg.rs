//! One peer's half of a session: what comes from it and what goes to it.

use std::time::Instant;

use ws_proto::walk::Walker;
use ws_proto::{CloseCode, Sender};

use crate::side::Side;

/// The state of one peer's connection.
#[derive(Debug)]
pub(super) struct Leg {
    /// The walk over what this peer sends.
    pub(super) walker: Walker,
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
/// Open ──▶ CloseDue ──▶ CloseSent ──▶ FinishDue ──▶ Finished
///   └────────────────▶──┘                 any ──▶ AbortDue ──▶ Aborted
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    /// What the other peer sends.
    Open,
    /// The rest of the current frame, then a Close of the gateway.
    CloseDue(CloseOrder),
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CloseOrder {
    pub(super) code: CloseCode,
    pub(super) reason: &'static str,
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
    /// Frames that passed whole.
    pub frames: u64,
    /// Data messages that passed whole.
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
    pub(super) fn new(side: Side, deflate: bool) -> Self {
        let sender = match side {
            Side::Client => Sender::Client,
            Side::Upstream => Sender::Server,
        };
        Self {
            walker: Walker::new(sender, deflate),
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
        self.sending = match (self.sending, order.then) {
            (Sending::Open, _) => Sending::CloseDue(order),
            (Sending::CloseDue(first), then) => Sending::CloseDue(CloseOrder { then, ..first }),
            (Sending::CloseSent, Then::Finish) => Sending::FinishDue,
            (sending, _) => sending,
        };
    }

    /// Owes the peer a FIN behind whatever goes before it.
    pub(super) fn order_finish(&mut self) {
        self.sending = match self.sending {
            Sending::Open | Sending::CloseSent => Sending::FinishDue,
            Sending::CloseDue(order) => Sending::CloseDue(CloseOrder { then: Then::Finish, ..order }),
            sending @ (Sending::FinishDue | Sending::Finished | Sending::AbortDue | Sending::Aborted) => {
                sending
            }
        };
    }

    pub(super) fn order_abort(&mut self) {
        if self.sending != Sending::Aborted {
            self.sending = Sending::AbortDue;
        }
        self.receiving = Receiving::Ended;
    }

    /// Keeps the time at which the unfinished frame began. `frames_before`: frames that
    /// had passed before the last walk.
    pub(super) fn time_frame(&mut self, frames_before: u64, now: Instant) {
        let is_the_same = self.traffic.frames == frames_before;
        self.frame_since = match self.frame_since {
            _ if !self.walker.is_within_frame() => None,
            Some(since) if is_the_same => Some(since),
            Some(_) | None => Some(now),
        };
    }

    /// Nothing more will come from this peer nor go to it.
    pub(super) fn is_over(&self) -> bool {
        match self.sending {
            Sending::Aborted => true,
            Sending::Finished => self.receiving == Receiving::Ended,
            Sending::Open
            | Sending::CloseDue(_)
            | Sending::CloseSent
            | Sending::FinishDue
            | Sending::AbortDue => false,
        }
    }
}

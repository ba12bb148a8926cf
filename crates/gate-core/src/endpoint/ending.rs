//! How a connection comes to its end: Closes, FIN and RST in both directions, and whose doing it
//! was.

use std::borrow::Cow;
use std::mem;
use std::time::Instant;

use ws_proto::mask::MaskKey;
use ws_proto::{CloseCode, ControlFrame, FrameError, Opcode};

use super::{Endpoint, Output, Role};
use crate::session::{Cause, Closes, Death, Party};

/// What comes from the peer.
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
    /// Nothing that is looked at: it did what it must not (RFC 6455 §7.1.7).
    Failed,
    /// Nothing: FIN or RST was read.
    Ended,
}

/// What goes to the peer. "Due" is what [`Endpoint::poll_output`] has yet to say.
///
/// ```text
/// Open ──▶ CloseDue ──▶ CloseSent ──▶ FinishDue ──▶ Finished
///   │          └────────────────────────▲  any ──▶ AbortDue ──▶ Aborted
///   └───────────────────────────────────┘
/// ```
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sending {
    /// Messages, pings and pongs.
    Open,
    /// A Close. Boxed: it comes up once in a connection's life.
    CloseDue(Box<CloseOrder>),
    /// Nothing more: the Close has gone.
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

/// A Close frame that is owed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CloseOrder {
    /// `None`: it answers one without a code.
    code: Option<CloseCode>,
    reason: Cow<'static, str>,
    then: Then,
}

/// What follows on the Close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// The peer's Close, or the server's FIN, is awaited.
    Await,
    /// FIN.
    Finish,
}

/// The end of a connection, as far as it has come.
#[derive(Debug)]
pub(super) struct Ending {
    /// When it began.
    pub(super) since: Instant,
    /// Why; `None` while all that is known is that nothing can be written.
    pub(super) death: Option<Death>,
    pub(super) closes: Closes,
    /// The reason that the peer's Close gave.
    pub(super) said: Box<str>,
}

impl Endpoint {
    /// Ends the connection with this Close, unless its end has begun. `death`: why, and whose doing
    /// it is. If it is the peer's, nothing that it sends counts any more, and a FIN follows at
    /// once; else its own Close is awaited.
    pub fn close(
        &mut self,
        death: Death,
        code: CloseCode,
        reason: impl Into<Cow<'static, str>>,
        now: Instant,
    ) {
        if self.ending.is_some() {
            return;
        }
        self.begin_end(death, now);
        if death.by == Party::Peer(self.role.peer()) {
            self.end_receiving(Receiving::Failed);
        }
        self.order_close(Some(code), reason.into());
    }

    /// A FIN came from the peer.
    pub fn handle_fin(&mut self, now: Instant) {
        self.begin_end(self.by_peer(Cause::Fin), now);
        self.end_receiving(Receiving::Ended);
        match &mut self.sending {
            Sending::Open | Sending::CloseSent => self.sending = Sending::FinishDue,
            Sending::CloseDue(order) => order.then = Then::Finish,
            Sending::FinishDue | Sending::Finished | Sending::AbortDue | Sending::Aborted => {}
        }
    }

    /// The connection broke: RST, or an error that means the same.
    pub fn handle_reset(&mut self, now: Instant) {
        self.begin_end(self.by_peer(Cause::Reset), now);
        self.order_abort();
    }

    /// The peer takes no more bytes because its connection broke. What it sent before may still be
    /// read; its end follows as a FIN or a reset.
    pub fn handle_write_failed(&mut self, now: Instant) {
        self.blocked_since = None;
        self.pong_due = None;
        self.ending(now);
        match self.sending {
            Sending::AbortDue | Sending::Aborted => {}
            Sending::Open
            | Sending::CloseDue(_)
            | Sending::CloseSent
            | Sending::FinishDue
            | Sending::Finished => self.sending = Sending::Finished,
        }
    }

    /// A valid Close frame came.
    pub(super) fn close_came(&mut self, code: Option<CloseCode>, reason: Box<str>, now: Instant) {
        self.begin_end(self.by_peer(Cause::Close(code)), now);
        self.end_receiving(Receiving::Closed);
        let ending = self.ending(now);
        ending.closes.received = Some(code);
        ending.said = reason;
        // The Close is answered with its own code (RFC 6455 §5.5.1).
        self.order_close(code, Cow::Borrowed(""));
    }

    /// The peer's frames are at fault.
    pub(super) fn fail(&mut self, error: FrameError, now: Instant) {
        self.refuse(Cause::Violation(error), error.close_code(), now);
    }

    /// The peer's message came in too many reads.
    pub(super) fn exceed_chunks(&mut self, now: Instant) {
        self.refuse(Cause::TooManyChunks, CloseCode::POLICY_VIOLATION, now);
    }

    /// Ends the connection because the peer did what it must not.
    pub(super) fn refuse(&mut self, cause: Cause, code: CloseCode, now: Instant) {
        self.begin_end(self.by_peer(cause), now);
        self.end_receiving(Receiving::Failed);
        self.order_close(Some(code), Cow::Borrowed(cause.reason()));
    }

    /// Cuts off a peer that is not there.
    pub(super) fn give_up(&mut self, cause: Cause, now: Instant) {
        self.begin_end(self.by_peer(cause), now);
        self.order_abort();
    }

    /// Cuts off what has not come to its end in time.
    pub(super) fn abort_what_is_left(&mut self, now: Instant) {
        self.begin_end(self.by_peer(Cause::Reset), now);
        if !self.is_over() {
            self.order_abort();
        }
    }

    /// The next step towards the end.
    pub(super) fn poll_ending(&mut self, mask: &mut impl FnMut() -> MaskKey) -> Option<Output> {
        match &mut self.sending {
            Sending::CloseDue(order) => {
                let (code, then) = (order.code, order.then);
                let reason = mem::take(&mut order.reason);
                self.sending = match then {
                    Then::Await => Sending::CloseSent,
                    Then::Finish => Sending::FinishDue,
                };
                if let Some(ending) = &mut self.ending {
                    ending.closes.sent = Some(code);
                }
                let key = self.key(mask);
                let frame = match code {
                    Some(code) => ControlFrame::close(code, &reason, key),
                    None => ControlFrame::empty_close(key),
                };
                Some(self.send(Opcode::Close, frame))
            }
            Sending::FinishDue => {
                self.sending = Sending::Finished;
                Some(Output::Finish)
            }
            Sending::AbortDue => {
                self.sending = Sending::Aborted;
                Some(Output::Abort)
            }
            Sending::Open | Sending::CloseSent | Sending::Finished | Sending::Aborted => None,
        }
    }

    /// Owes the peer a Close, unless one has gone or none can go any more.
    fn order_close(&mut self, code: Option<CloseCode>, reason: Cow<'static, str>) {
        let then = self.after_close();
        match &mut self.sending {
            Sending::Open => {
                // Nothing but the Close is owed to a peer any more.
                self.pong_due = None;
                self.sending = Sending::CloseDue(Box::new(CloseOrder { code, reason, then }));
            }
            Sending::CloseDue(first) => first.then = then,
            Sending::CloseSent if then == Then::Finish => self.sending = Sending::FinishDue,
            Sending::CloseSent
            | Sending::FinishDue
            | Sending::Finished
            | Sending::AbortDue
            | Sending::Aborted => {}
        }
    }

    fn after_close(&self) -> Then {
        match (self.receiving, self.role) {
            (Receiving::Open, _) => Then::Await,
            // The server ends the TCP connection first (RFC 6455 §7.1.1).
            (Receiving::Closed, Role::Client) => Then::Await,
            (Receiving::Closed, Role::Server) | (Receiving::Failed | Receiving::Ended, _) => Then::Finish,
        }
    }

    fn order_abort(&mut self) {
        if self.sending != Sending::Aborted {
            self.sending = Sending::AbortDue;
        }
        self.blocked_since = None;
        self.end_receiving(Receiving::Ended);
    }

    /// No message will come any more.
    fn end_receiving(&mut self, receiving: Receiving) {
        self.receiving = receiving;
        self.intake.abandon();
        self.frame_since = None;
        self.pong_due = None;
    }

    /// The first event that decides the end is its cause; what follows from it changes nothing.
    fn begin_end(&mut self, death: Death, now: Instant) {
        self.ending(now).death.get_or_insert(death);
    }

    /// The end, which begins here unless it has begun.
    fn ending(&mut self, now: Instant) -> &mut Ending {
        self.ending.get_or_insert_with(|| {
            Box::new(Ending { since: now, death: None, closes: Closes::default(), said: Box::default() })
        })
    }

    fn by_peer(&self, cause: Cause) -> Death {
        Death { cause, by: Party::Peer(self.role.peer()) }
    }
}

//! One inspected session, its two wires, and a judge who says what he is told to.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gate_core::session::{Cause, Judged, Output, Part, Ruling, Ticket, Verdict, Whole, Withheld};
use gate_core::{Inspection, Observe, Policy, Session, Side, Start};
use ws_proto::walk::Message;
use ws_proto::{CloseCode, ControlFrame, FrameError, FrameHeader, Opcode, message};

/// See the module.
pub(crate) struct Table {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    pub(crate) judge: Judge,
    client: Peer,
    upstream: Peer,
}

/// One side of the table.
#[derive(Default)]
pub(crate) struct Peer {
    /// What went to it.
    pub(crate) wire: Vec<u8>,
    /// How that ended.
    pub(crate) ended: Option<End>,
    /// What it sent and is read once the session wants it.
    unread: VecDeque<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Fin,
    Rst,
}

/// Says to each message what its text asks for: one that begins with `later` has to wait, `drop`,
/// `close`, `fail` and `rewrite` are as they say, all others may pass.
#[derive(Default)]
pub(crate) struct Judge {
    /// All that was to be judged.
    pub(crate) seen: Vec<(Side, Opcode, Part, Vec<u8>)>,
    pub(crate) withheld: Vec<(Side, Withheld)>,
    /// Bytes that a compressed message says above those that came.
    pub(crate) padding: usize,
}

pub(crate) fn ruling(verdict: Verdict) -> Ruling {
    Ruling { verdict, cause: Cause::Finding }
}

pub(crate) fn close(cause: Cause, code: CloseCode, reason: &'static str) -> Ruling {
    Ruling { verdict: Verdict::Close { code, reason: reason.into() }, cause }
}

impl Observe for Judge {
    fn frame(&mut self, _from: Side, _header: &FrameHeader, _message: Option<&Message>) {}

    fn message(&mut self, _from: Side, _message: &Message) {}

    fn close(&mut self, _from: Side, _code: Option<CloseCode>, _reason: &str) {}

    fn withheld(&mut self, from: Side, what: Withheld) {
        self.withheld.push((from, what));
    }

    fn judge(&mut self, from: Side, message: &Whole<'_>) -> Judged {
        self.seen.push((from, message.opcode, message.part, message.payload.to_vec()));
        let text = message.payload;
        let has = |word: &str| text.windows(word.len()).any(|window| window == word.as_bytes());
        if text.starts_with(b"later") {
            return Judged::Later;
        }
        Judged::Now(if has("close") {
            close(Cause::Finding, CloseCode::POLICY_VIOLATION, "found")
        } else if has("fail") {
            close(Cause::AgentFailed, CloseCode::INTERNAL_ERROR, "failed")
        } else if has("drop") {
            ruling(Verdict::Drop)
        } else if has("rewrite") {
            ruling(Verdict::Rewrite(b"rewritten".to_vec()))
        } else {
            Ruling::ALLOW
        })
    }

    /// "Compressed" is the text behind a `z`.
    fn inflate(
        &mut self,
        _from: Side,
        compressed: &[u8],
        _policy: &Inspection,
        out: &mut Vec<u8>,
    ) -> Result<(), FrameError> {
        let [b'z', text @ ..] = compressed else { return Err(FrameError::BadDeflate) };
        out.extend_from_slice(text);
        out.resize(out.len() + self.padding, b' ');
        Ok(())
    }
}

impl Table {
    pub(crate) fn new(inspection: Inspection) -> Self {
        Self::with_policy(Policy { inspection, ..Policy::default() })
    }

    #[expect(clippy::disallowed_methods, reason = "virtual time begins somewhere; it passes by hand")]
    pub(crate) fn with_policy(policy: Policy) -> Self {
        let now = Instant::now();
        let start = Start { deflate: true, now, random: 7, meters: Box::default() };
        Self {
            session: Session::new(Arc::new(policy), start),
            now,
            judge: Judge::default(),
            client: Peer::default(),
            upstream: Peer::default(),
        }
    }

    /// Both directions are looked into.
    pub(crate) fn both() -> Self {
        Self::new(Inspection { client: true, upstream: true, ..Inspection::default() })
    }

    fn peer(&self, side: Side) -> &Peer {
        match side {
            Side::Client => &self.client,
            Side::Upstream => &self.upstream,
        }
    }

    fn peer_mut(&mut self, side: Side) -> &mut Peer {
        match side {
            Side::Client => &mut self.client,
            Side::Upstream => &mut self.upstream,
        }
    }

    /// How what goes to the two sides has ended.
    pub(crate) fn ended(&self) -> [Option<End>; 2] {
        [self.client.ended, self.upstream.ended]
    }

    pub(crate) fn wire(&self, to: Side) -> &[u8] {
        &self.peer(to).wire
    }

    /// A peer sends bytes, which are read as far as the session wants them.
    pub(crate) fn send(&mut self, from: Side, bytes: &[u8]) {
        self.peer_mut(from).unread.extend(bytes);
        self.read();
    }

    /// A FIN comes from a peer; whatever it sent has been read.
    pub(crate) fn fin(&mut self, from: Side) {
        assert!(self.peer(from).unread.is_empty(), "a FIN is read behind what was sent");
        self.session.handle_fin(from, self.now);
        self.carry_out();
    }

    pub(crate) fn rule(&mut self, from: Side, index: u64, ruling: Ruling) {
        self.session.handle_ruling(Ticket { from, index }, ruling, self.now, &mut self.judge);
        self.carry_out();
        self.read();
    }

    pub(crate) fn pass_time(&mut self, time: Duration) {
        self.now += time;
        self.session.handle_timeout(self.now);
        self.carry_out();
        self.read();
    }

    /// Bytes of a peer that the session does not want yet.
    pub(crate) fn unread(&self, from: Side) -> usize {
        self.peer(from).unread.len()
    }

    fn read(&mut self) {
        for from in Side::BOTH {
            while !self.peer(from).unread.is_empty() && self.session.wants_read(from) {
                let bytes: Vec<u8> = self.peer(from).unread.iter().copied().collect();
                let step = self.session.handle_bytes(from, &bytes, self.now, &mut self.judge);
                let wire = &mut self.peer_mut(from.other()).wire;
                wire.extend_from_slice(step.held.as_bytes());
                wire.extend_from_slice(bytes.get(step.forward).unwrap_or_default());
                self.peer_mut(from).unread.drain(..step.consumed);
                self.carry_out();
                let is_stuck = step.consumed == 0 && self.session.wants_read(from);
                assert!(!is_stuck || self.session.death().is_some(), "a walk makes headway");
            }
        }
    }

    pub(crate) fn carry_out(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::SendClose { to, code, reason } => {
                    self.write(to, ControlFrame::close(code, &reason, mask(to)).as_bytes());
                }
                Output::SendPing { to, payload } => {
                    self.write(to, ControlFrame::ping(&payload, mask(to)).as_bytes());
                }
                Output::Send { to, bytes } => self.write(to, &bytes),
                Output::SendMessage { to, opcode, payload } => {
                    self.write(to, &message::encode(opcode, &payload, mask(to)));
                }
                Output::Finish(to) => self.peer_mut(to).ended = Some(End::Fin),
                Output::Abort(to) => self.peer_mut(to).ended = Some(End::Rst),
            }
        }
        self.session.check_invariants();
    }

    fn write(&mut self, to: Side, bytes: &[u8]) {
        assert_eq!(self.peer(to).ended, None, "nothing follows on an end");
        self.peer_mut(to).wire.extend_from_slice(bytes);
    }
}

pub(crate) fn mask(to: Side) -> Option<[u8; 4]> {
    (to == Side::Upstream).then_some([9, 8, 7, 6])
}

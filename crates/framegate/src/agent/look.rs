//! What is to become of one frame: the order of the checks, and what follows from each.

use std::str;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use agent_proto::{Opcode, WebSocketDecision, WebSocketFrame};
use gate_core::Side;
use gate_inspect::{Finding, Inspection, Scratch, Subject};

use crate::cli::agent::{InspectorArgs, OnMatch};

use super::audit::{self, Report};
use super::fragments::{Fragments, Frame, Kind, Piece};
use super::msgpack;
use super::rates::{Exceeded, Rates};
use super::settings::Active;

/// What is counted and kept of connections.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) rates: Mutex<Rates>,
    pub(super) fragments: Mutex<Fragments>,
}

/// Bytes of a message above which the room for decoding is not kept.
const KEEP: usize = 64 * 1024;

/// What both peers are told whose message met a rule.
const BLOCKED: &str = "Message blocked";

/// Judges a frame.
pub(super) fn judge(
    frame: &WebSocketFrame<'_>,
    active: &Active,
    ledger: &Ledger,
    scratch: &mut Scratch,
    now: Instant,
) -> Report {
    let Some(payload) = frame.data.bytes() else {
        return held(&active.args, undecodable(&active.args));
    };
    let report = admit(frame, payload, &active.args, ledger, now)
        .unwrap_or_else(|| contents(frame, payload, active, ledger, (scratch, now)));
    if payload.len() > KEEP {
        *scratch = Scratch::default();
    }
    held(&active.args, report)
}

/// Holds a report against the mode: only where it blocks does something follow.
fn held(args: &InspectorArgs, report: Report) -> Report {
    if args.block_mode { report } else { report.detect_only() }
}

fn undecodable(args: &InspectorArgs) -> Report {
    if args.fail_open {
        return Report::fail_open();
    }
    Report::drop(audit::ERROR).because("decode-error")
}

/// Sizes and rates, which need no look inside; `None`: nothing is against it.
fn admit(
    frame: &WebSocketFrame<'_>,
    payload: &[u8],
    args: &InspectorArgs,
    ledger: &Ledger,
    now: Instant,
) -> Option<Report> {
    let size = u64::try_from(payload.len()).unwrap_or(u64::MAX);
    let of_frame = match frame.opcode {
        Opcode::Text | Opcode::Continuation => args.max_text_frame_size,
        Opcode::Binary => args.max_binary_frame_size,
        // A ping, pong or Close has 125 bytes at most, and costs no connection anything.
        Opcode::Ping | Opcode::Pong | Opcode::Close | Opcode::Reserved => return None,
    };
    if is_above(size, of_frame) || is_above(size, args.max_message_size) {
        return Some(too_large());
    }
    let messages = u64::from(Kind::begun_by(frame.opcode).is_some());
    match lock(&ledger.rates).count(&frame.correlation_id, messages, size, now) {
        Ok(()) => None,
        Err(Exceeded::Messages) => Some(Report::close(audit::RATE, POLICY, "Rate limit exceeded: messages")),
        Err(Exceeded::Bytes) => Some(Report::close(audit::RATE, POLICY, "Rate limit exceeded: bytes")),
    }
}

fn contents(
    frame: &WebSocketFrame<'_>,
    payload: &[u8],
    active: &Active,
    ledger: &Ledger,
    (scratch, now): (&mut Scratch, Instant),
) -> Report {
    let args = &active.args;
    let is_in_pieces = !frame.fin || frame.opcode == Opcode::Continuation;
    let cannot_be_dropped = is_in_pieces || frame.opcode == Opcode::Close;
    let mut look = Look { active, scratch, cannot_be_dropped, side: side(frame) };
    match frame.opcode {
        Opcode::Ping | Opcode::Pong | Opcode::Reserved => look.control(payload),
        // What stands before the reason is the code.
        Opcode::Close => look.control(payload.get(2..).unwrap_or_default()),
        Opcode::Text | Opcode::Binary | Opcode::Continuation => {
            let data = Frame {
                id: &frame.correlation_id,
                from_client: frame.client_to_server,
                begins: Kind::begun_by(frame.opcode),
                is_last: frame.fin,
                payload,
            };
            let max = match args.max_message_size {
                0 => usize::MAX,
                max => usize::try_from(max).unwrap_or(usize::MAX),
            };
            let piece = lock(&ledger.fragments).add(data, max, now);
            match piece {
                Piece::Whole => look.message(data.begins.unwrap_or(Kind::Text), payload),
                Piece::Part(kind) => look.part(kind, payload),
                Piece::End(kind, message) => look.message(kind, &message),
                Piece::WithoutBeginning if args.fail_open => look.part(Kind::Text, payload),
                Piece::WithoutBeginning => {
                    Report::close(audit::ERROR, POLICY, "Fragment without its beginning")
                        .because("no-beginning")
                }
                Piece::TooLarge => too_large(),
                Piece::NoRoom => Report::close(audit::ERROR, TRY_AGAIN_LATER, "Try again later")
                    .because("too-many-fragments"),
            }
        }
    }
}

/// A look into one payload.
struct Look<'a> {
    active: &'a Active,
    scratch: &'a mut Scratch,
    /// A Close that were dropped would leave both peers waiting, and a piece that were would spoil what is left of
    /// its message: these close the connection.
    cannot_be_dropped: bool,
    side: Side,
}

impl Look<'_> {
    fn control(&mut self, payload: &[u8]) -> Report {
        let active = self.active;
        self.inspect(&active.piece, gate_inspect::Kind::Control, payload)
    }

    /// A piece of a message by itself; the whole is looked at when it is there.
    fn part(&mut self, kind: Kind, payload: &[u8]) -> Report {
        let active = self.active;
        match kind {
            Kind::Text => self.inspect(&active.piece, gate_inspect::Kind::Text, payload),
            Kind::Binary if active.args.inspect_binary => {
                self.inspect(&active.piece, gate_inspect::Kind::Binary, payload)
            }
            Kind::Binary => Report::allow(),
        }
    }

    fn message(&mut self, kind: Kind, message: &[u8]) -> Report {
        let active = self.active;
        match kind {
            Kind::Text => {
                let report = self.inspect(&active.whole, gate_inspect::Kind::Text, message);
                if report.is_remarkable() || str::from_utf8(message).is_ok() {
                    return report;
                }
                Report::close(audit::ERROR, INVALID_PAYLOAD, "Text that is not UTF-8").because("invalid-utf8")
            }
            Kind::Binary if active.args.msgpack_validation => match msgpack::to_json(message) {
                Ok(json) => self.inspect(&active.whole, gate_inspect::Kind::Text, &json),
                Err(fault) => self.refused(SCHEMA).because(&format!("Invalid MessagePack: {fault}")),
            },
            Kind::Binary if active.args.inspect_binary => {
                self.inspect(&active.whole, gate_inspect::Kind::Binary, message)
            }
            Kind::Binary => Report::allow(),
        }
    }

    fn inspect(&mut self, inspection: &Inspection, kind: gate_inspect::Kind, payload: &[u8]) -> Report {
        let subject = Subject { from: self.side, kind, payload };
        let findings: Vec<Finding> = inspection.judge(subject, self.scratch).findings;
        if findings.is_empty() {
            return Report::allow();
        }
        Report::found(&findings, self.decision())
    }

    fn refused(&self, tag: &str) -> Report {
        match self.decision() {
            WebSocketDecision::Drop => Report::drop(tag),
            WebSocketDecision::Allow | WebSocketDecision::Close { .. } => Report::close(tag, POLICY, BLOCKED),
        }
    }

    fn decision(&self) -> WebSocketDecision {
        match self.active.args.on_match {
            OnMatch::Drop if !self.cannot_be_dropped => WebSocketDecision::Drop,
            OnMatch::Drop | OnMatch::Close => audit::close(POLICY, BLOCKED),
        }
    }
}

const SCHEMA: &str = "ws-schema-invalid";

/// Close codes (RFC 6455 §7.4.1).
const INVALID_PAYLOAD: u16 = 1007;
const POLICY: u16 = 1008;
const TOO_BIG: u16 = 1009;
const TRY_AGAIN_LATER: u16 = 1013;

fn too_large() -> Report {
    Report::close(audit::SIZE, TOO_BIG, "Message too large")
}

const fn is_above(size: u64, max: u64) -> bool {
    max > 0 && size > max
}

const fn side(frame: &WebSocketFrame<'_>) -> Side {
    if frame.client_to_server { Side::Client } else { Side::Upstream }
}

/// What is behind these locks is whole between any two lines, so a panic of another thread has broken nothing.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

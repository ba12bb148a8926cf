//! What is asked and kept of the frame that a walk over an inspected direction meets.

use std::ops::Range;

use ws_proto::walk::{Admission, Message, Observer};
use ws_proto::{CloseCode, FrameHeader, Opcode};

use super::lane::Lane;
use super::tally::Tally;
use super::verdict::{Judged, Part, Ruling, Verdict, Whole};
use super::{Observe, Withheld};
use crate::policy::Inspection;

/// What has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// A part of a frame, which is of data: control frames are seen whole.
    Part,
    /// A data frame.
    Data,
    /// A control frame.
    Control,
}

/// Looks at the frames of one walk, of which there is one at the most.
pub(super) struct Glance<'a, O> {
    pub(super) tally: Tally<'a, O>,
    pub(super) lane: &'a mut Lane,
    pub(super) policy: &'a Inspection,
    pub(super) came: Came,
    pub(super) ended: Option<Message>,
    /// Why a frame was refused, where it was not for its rate.
    pub(super) refusal: Option<Ruling>,
}

impl<'a, O: Observe> Glance<'a, O> {
    pub(super) fn new(tally: Tally<'a, O>, lane: &'a mut Lane, policy: &'a Inspection) -> Self {
        Self { tally, lane, policy, came: Came::Part, ended: None, refusal: None }
    }

    /// What becomes of a control frame by its payload, which is judged in passing.
    fn judge_control(&mut self, opcode: Opcode, payload: &[u8]) -> Admission {
        if payload.is_empty() {
            return Admission::Pass;
        }
        let whole = Whole { opcode, index: self.lane.messages, payload, part: Part::Whole };
        match self.tally.observer.judge(self.tally.from, &whole) {
            Judged::Now(Ruling { verdict: Verdict::Allow, .. }) => Admission::Pass,
            Judged::Now(Ruling { verdict: Verdict::Drop | Verdict::Rewrite(_), .. })
                if opcode != Opcode::Close =>
            {
                self.tally.observer.withheld(self.tally.from, Withheld::Judged);
                Admission::Skip
            }
            Judged::Now(ruling) => {
                self.refusal = Some(ruling);
                Admission::Refuse
            }
            // Nobody is asked about control frames.
            Judged::Later => Admission::Refuse,
        }
    }
}

impl<O: Observe> Observer for Glance<'_, O> {
    fn frame(&mut self, header: &FrameHeader, message: Option<&Message>) {
        self.came = if header.opcode.is_control() { Came::Control } else { Came::Data };
        self.tally.frame(header, message);
    }

    fn message(&mut self, message: &Message) {
        self.ended = Some(*message);
        self.tally.message(message);
    }

    fn payload(&mut self, header: &FrameHeader, bytes: &[u8], passed: Range<u64>) {
        self.lane.take_payload(header, bytes, passed.start);
        self.tally.payload(header, bytes, passed);
    }

    fn close(&mut self, code: Option<CloseCode>, reason: &str) {
        self.tally.close(code, reason);
    }

    fn admit(&mut self, header: &FrameHeader, message: Option<&Message>) -> Admission {
        let begins_message = matches!(header.opcode, Opcode::Text | Opcode::Binary);
        let is_close = header.opcode == Opcode::Close;
        let has_to_wait =
            (is_close && !self.lane.is_settled()) || (begins_message && self.lane.is_full(self.policy));
        if has_to_wait {
            self.lane.is_stopped = true;
            return Admission::Wait;
        }
        if is_close {
            return Admission::Whole;
        }
        let admission = self.tally.admit(header, message);
        let is_judged = header.opcode.is_control() && header.payload_len > 0;
        if admission == Admission::Pass && is_judged {
            self.lane.is_paid = true;
            return Admission::Whole;
        }
        admission
    }

    fn admit_whole(&mut self, header: &FrameHeader, payload: &[u8]) -> Admission {
        if header.opcode == Opcode::Close {
            return self.judge_control(header.opcode, payload.get(2..).unwrap_or_default());
        }
        let is_paid = std::mem::take(&mut self.lane.is_paid);
        let admission = if is_paid { Admission::Pass } else { self.tally.admit_whole(header, payload) };
        match admission {
            Admission::Pass => self.judge_control(header.opcode, payload),
            Admission::Skip | Admission::Whole | Admission::Wait | Admission::Refuse => admission,
        }
    }

    fn skipped(&mut self, header: &FrameHeader) {
        self.came = Came::Control;
        self.tally.skipped(header);
    }
}

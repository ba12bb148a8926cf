//! The way of an inspected direction: a frame at a time, messages put together and judged,
//! and only then let go. Control frames overtake them, but for Close frames.

use std::ops::Range;
use std::str;
use std::time::Instant;

use ws_proto::walk::{Admission, End, Extent, Held, Message, Observer, Walked};
use ws_proto::{CloseCode, FrameError, FrameHeader, Opcode};

use super::lane::{Lane, Ready, Released};
use super::leg::{Leg, Receiving, Sending};
use super::tally::{Dropped, Tally};
use super::verdict::{Judged, Part, Ruling, Verdict, Whole};
use super::{Cause, Observe, Output, Party, Session, Step, Told, Withheld, length};
use crate::policy::Inspection;
use crate::side::Side;

impl Session {
    /// What [`Session::handle_bytes`] does where messages are looked into. A step goes over one
    /// frame at the most.
    pub(super) fn inspect_bytes(
        &mut self,
        from: Side,
        bytes: &[u8],
        now: Instant,
        observer: &mut impl Observe,
    ) -> Step {
        let nothing = |consumed| Step { consumed, held: Held::Nothing, forward: 0..0 };
        let Self { policy, client, upstream, watch, .. } = self;
        let (leg, other) = match from {
            Side::Client => (client, upstream),
            Side::Upstream => (upstream, client),
        };
        let Leg { walker, receiving, lane: Some(lane), traffic, .. } = leg else {
            return nothing(bytes.len());
        };
        match (*receiving, &other.sending) {
            (Receiving::Open, Sending::Open | Sending::CloseHeld(..)) => {}
            (Receiving::Open, _) => {
                // The other side takes no more, but this side's Close is still awaited.
                lane.abandon_message();
                lane.is_stopped = false;
                let walked = walker.walk(bytes, Extent::All, policy.limits_of(from), &mut Dropped { frames: 0 });
                self.end_walk(from, walked.end, None, now);
                return nothing(walked.consumed);
            }
            (Receiving::Closed | Receiving::Failed | Receiving::Ended, _) => return nothing(bytes.len()),
        }
        let other_is_closed = other.sending != Sending::Open;
        let frames_before = traffic.frames;
        let watch = watch.as_deref_mut();
        let tally = Tally { from, traffic, other_is_closed, watch, observer, skipped: 0, passed_data: false };
        let mut glance =
            Glance { tally, lane, policy: &policy.inspection, came: Came::Part, ended: None, refusal: None };
        let walked = walker.walk(bytes, Extent::Frame, policy.limits_of(from), &mut glance);
        let Glance { tally: Tally { skipped, .. }, came, ended, refusal, .. } = glance;
        let is_within_data = came != Came::Control;
        if !policy.timeouts.frame.is_zero() {
            let frames_ended = leg.traffic.frames - frames_before + skipped;
            leg.time_frame(frames_ended, now);
        }
        if let Some(watch) = &mut self.watch
            && (is_within_data || self.policy.timeouts.idle_counts_control)
        {
            watch.used_at = now;
        }
        if walked.end.is_some() {
            return self.end_inspected(from, walked, refusal, now);
        }
        self.go_on(from, bytes, walked, Frame { came, ended }, now, observer)
    }

    /// A verdict has come to a message that waits for one.
    pub fn handle_ruling(
        &mut self,
        from: Side,
        index: u64,
        ruling: Ruling,
        now: Instant,
        observer: &mut impl Observe,
    ) {
        if let Some(lane) = &mut self.leg_mut(from).lane {
            lane.rule(index, ruling);
            lane.is_stopped = false;
            self.release(from, now, observer);
        }
    }

    /// What an inspected direction has for `to`.
    pub(super) fn ready_for(&mut self, to: Side) -> Option<Output> {
        let (leg, other) = self.legs(to);
        let lane = other.lane.as_mut()?;
        loop {
            let ready = lane.pop_ready()?;
            // A FIN that is due waits for it; behind a Close there is none.
            if leg.takes_frames() || leg.sending == Sending::FinishDue {
                return Some(match ready {
                    Ready::Raw(bytes) => Output::Send { to, bytes },
                    Ready::Rewritten(opcode, payload) => Output::SendMessage { to, opcode, payload },
                });
            }
        }
    }

    /// Whether another frame may be put behind what `from` has sent and went on.
    pub(super) fn is_at_boundary(&self, from: Side) -> bool {
        let leg = self.leg(from);
        leg.lane.as_ref().map_or_else(|| leg.walker.at_boundary(), |lane| lane.is_at_boundary())
    }

    /// Whether what `from` has sent may still have to go before a Close or a FIN can.
    pub(super) fn awaits_verdict(&self, from: Side) -> bool {
        self.leg(from).lane.as_ref().is_some_and(|lane| !lane.is_settled())
    }

    /// A Close frame or a fault was reached. What of a message has come goes nowhere.
    fn end_inspected(&mut self, from: Side, walked: Walked, refusal: Option<Ruling>, now: Instant) -> Step {
        let (leg, other) = self.legs(from);
        if let Some(lane) = &mut leg.lane {
            lane.abandon_message();
        }
        // Before a Close all has its verdict and has gone.
        let goes_on = matches!(walked.end, Some(End::Close(_)))
            && other.sending == Sending::Open
            && self.is_at_boundary(from);
        let step = if goes_on {
            let passed = length(walked.held.as_bytes().len()) + length(walked.forward.len());
            self.leg_mut(from).traffic.bytes += passed;
            Step { consumed: walked.consumed, held: walked.held, forward: walked.forward }
        } else {
            Step { consumed: walked.consumed, held: Held::Nothing, forward: 0..0 }
        };
        self.end_walk(from, walked.end, refusal, now);
        step
    }

    fn end_walk(&mut self, from: Side, end: Option<End>, refusal: Option<Ruling>, now: Instant) {
        match (end, refusal) {
            (None, _) => {}
            (Some(End::Close(code)), _) => self.close_came(from, code, now),
            (Some(End::Violation(error)), _) => self.fail(from, error, now),
            (Some(End::Refused), None) => self.exceed(from, now),
            (Some(End::Refused), Some(ruling)) => self.end_by_ruling(from, ruling, now),
        }
    }

    /// A frame, or a part of one, has come.
    fn go_on(
        &mut self,
        from: Side,
        bytes: &[u8],
        walked: Walked,
        frame: Frame,
        now: Instant,
        observer: &mut impl Observe,
    ) -> Step {
        let Walked { consumed, held, forward, .. } = walked;
        let policy = self.policy.inspection;
        let nothing = Step { consumed, held: Held::Nothing, forward: 0..0 };
        let at_boundary = self.leg(from).walker.at_boundary();
        let message_so_far = self.leg(from).walker.message().copied();
        let Leg { lane: Some(lane), traffic, .. } = self.leg_mut(from) else { return nothing };
        let pieces = [held.as_bytes(), bytes.get(forward.clone()).unwrap_or_default()];
        let came_bytes = length(pieces.iter().map(|piece| piece.len()).sum());
        // Within a message that goes on piece by piece a control frame keeps its place.
        if frame.came == Came::Control && !lane.is_streaming() {
            traffic.bytes += came_bytes;
            return Step { consumed, held, forward };
        }
        let Some(message) = frame.ended else {
            lane.take_raw(pieces);
            if message_so_far.is_some_and(|message| lane.has_piece(&message, &policy)) {
                self.stream(from, Range { start: at_boundary, end: false }, now, observer);
            }
            return nothing;
        };
        if lane.is_streaming() {
            lane.take_raw(pieces);
            self.stream(from, Range { start: true, end: true }, now, observer);
            return nothing;
        }
        let payload = match self.unpack(from, &message, observer) {
            Ok(payload) => payload,
            Err(error) => {
                if let Some(lane) = &mut self.leg_mut(from).lane {
                    lane.abandon_message();
                }
                self.fail(from, error, now);
                return nothing;
            }
        };
        let Leg { lane: Some(lane), traffic, .. } = self.leg_mut(from) else { return nothing };
        let index = lane.messages;
        let whole = Whole { opcode: message.opcode, index, payload: &payload, part: Part::Whole };
        let judged = observer.judge(from, &whole);
        let is_alone = lane.is_settled() && lane.has_no_raw();
        let ruling = match judged {
            // The common case: all of it is in this input, and goes on as it is.
            Judged::Now(Ruling { verdict: Verdict::Allow, .. }) if is_alone => {
                lane.messages += 1;
                traffic.bytes += came_bytes;
                return Step { consumed, held, forward };
            }
            Judged::Now(ruling) => Some(ruling),
            Judged::Later => None,
        };
        lane.take_raw(pieces);
        lane.push(message.opcode, ruling);
        self.release(from, now, observer);
        nothing
    }

    /// What a whole message says.
    fn unpack(
        &mut self,
        from: Side,
        message: &Message,
        observer: &mut impl Observe,
    ) -> Result<Vec<u8>, FrameError> {
        let Self { policy, .. } = self;
        let policy = std::sync::Arc::clone(policy);
        let Some(lane) = &mut self.leg_mut(from).lane else { return Ok(Vec::new()) };
        let came = lane.take_message();
        if !message.compressed {
            return Ok(came);
        }
        let mut payload = Vec::new();
        observer.inflate(from, &came, &policy.inspection, &mut payload)?;
        let is_text = message.opcode == Opcode::Text;
        if is_text && policy.limits_of(from).validate_utf8 && str::from_utf8(&payload).is_err() {
            return Err(FrameError::InvalidUtf8);
        }
        Ok(payload)
    }

    /// A piece of a large message is judged. `end.start`: it ends between two frames; `end.end`: it
    /// is the last.
    fn stream(&mut self, from: Side, end: Range<bool>, now: Instant, observer: &mut impl Observe) {
        let Leg { lane: Some(lane), traffic, .. } = self.leg_mut(from) else { return };
        let whole =
            Whole { opcode: Opcode::Text, index: lane.messages, payload: lane.piece(), part: Part::Piece };
        match observer.judge(from, &whole) {
            Judged::Now(Ruling { verdict: Verdict::Allow, .. }) => {
                let bytes = if end.end { lane.release_last() } else { lane.release_piece(end.start) };
                traffic.bytes += bytes;
            }
            // Of a message that has begun to pass nothing can be left out or changed.
            Judged::Now(ruling) => self.end_by_ruling(from, ruling, now),
            Judged::Later => {
                self.end_by_ruling(from, Ruling { verdict: Verdict::Drop, cause: Cause::Finding }, now)
            }
        }
    }

    fn release(&mut self, from: Side, now: Instant, observer: &mut impl Observe) {
        let Leg { lane: Some(lane), traffic, .. } = self.leg_mut(from) else { return };
        let Released { bytes, dropped, close } = lane.release();
        traffic.bytes += bytes;
        for _ in 0..dropped {
            observer.withheld(from, Withheld::Judged);
        }
        if let Some(ruling) = close {
            self.end_by_ruling(from, ruling, now);
        }
    }

    /// A verdict ends the session.
    fn end_by_ruling(&mut self, from: Side, ruling: Ruling, now: Instant) {
        if let Some(lane) = &mut self.leg_mut(from).lane {
            lane.abandon();
        }
        let told: Told = match ruling.verdict {
            Verdict::Close { code, reason } => (code, reason),
            Verdict::Allow | Verdict::Drop | Verdict::Rewrite(_) => {
                (CloseCode::POLICY_VIOLATION, ruling.cause.reason().into())
            }
        };
        match ruling.cause {
            Cause::AgentFailed | Cause::WebhookFailed => {
                self.die(ruling.cause, Party::Gateway);
                for side in Side::BOTH {
                    self.close(side, told.0, told.1.clone(), now);
                }
            }
            cause => {
                self.die(cause, Party::Peer(from));
                self.refuse(from, told.clone(), told, now);
            }
        }
    }
}

/// What a step has gone over.
struct Frame {
    came: Came,
    /// The message that has ended.
    ended: Option<Message>,
}

/// What has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    /// A part of a frame, which is of data: control frames are seen whole.
    Part,
    /// A data frame.
    Data,
    /// A control frame.
    Control,
}

/// Looks at the frames of one walk, of which there is one at the most.
struct Glance<'a, O> {
    tally: Tally<'a, O>,
    lane: &'a mut Lane,
    policy: &'a Inspection,
    came: Came,
    ended: Option<Message>,
    /// Why a frame was refused, where it was not for its rate.
    refusal: Option<Ruling>,
}

impl<O: Observe> Glance<'_, O> {
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
        let has_to_wait = match header.opcode {
            Opcode::Close => !self.lane.is_settled(),
            _ => begins_message && self.lane.is_full(self.policy),
        };
        if has_to_wait {
            self.lane.is_stopped = true;
            return Admission::Wait;
        }
        if header.opcode == Opcode::Close {
            return Admission::Whole;
        }
        match self.tally.admit(header, message) {
            Admission::Pass if header.opcode.is_control() && header.payload_len > 0 => {
                self.lane.is_paid = true;
                Admission::Whole
            }
            admission => admission,
        }
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

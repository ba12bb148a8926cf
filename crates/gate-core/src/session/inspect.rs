//! The way of an inspected direction: a frame at a time, messages put together and judged,
//! and only then let go. Control frames overtake them, but for Close frames.

use std::str;
use std::sync::Arc;
use std::time::Instant;

use ws_proto::walk::{End, Extent, Held, Message, Walked};
use ws_proto::{CloseCode, FrameError, InflateBound, Opcode};

use super::glance::{Came, Glance};
use super::lane::{PieceEnd, Ready, Released};
use super::leg::{Leg, Receiving, Sending};
use super::tally::{Dropped, Tally};
use super::verdict::{Judged, Part, Ruling, Ticket, Verdict, Whole};
use super::{Cause, Observe, Output, Party, Session, Step, Told, Withheld, length};
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
            // A Close can go once the frame is over of which a part has gone.
            (Receiving::Open, Sending::CloseDue(_)) if !lane.is_at_boundary() => {}
            (Receiving::Open, _) => {
                // The other side takes no more, but this side's Close is still awaited.
                lane.abandon_message();
                lane.is_stopped = false;
                let walked =
                    walker.walk(bytes, Extent::All, policy.limits_of(from), &mut Dropped { frames: 0 });
                self.end_walk(from, walked.end, None, now);
                return nothing(walked.consumed);
            }
            (Receiving::Closed | Receiving::Failed | Receiving::Ended, _) => return nothing(bytes.len()),
        }
        let other_is_closed = other.sending != Sending::Open;
        let frames_before = traffic.frames;
        let watch = watch.as_deref_mut();
        let tally = Tally { from, traffic, other_is_closed, watch, observer, skipped: 0, passed_data: false };
        let mut glance = Glance::new(tally, lane, &policy.inspection);
        let walked = walker.walk(bytes, Extent::Frame, policy.limits_of(from), &mut glance);
        let Glance { tally: Tally { skipped, .. }, came, ended, refusal, .. } = glance;
        let is_within_data = came != Came::Control;
        if !policy.timeouts.frame.is_zero() {
            let frames_ended = leg.traffic.frames - frames_before + skipped;
            leg.time_frame(frames_ended, now);
        }
        if let Some(watch) = &mut self.watch
            && (is_within_data || (self.policy.timeouts.idle_counts_control && skipped == 0))
        {
            watch.used_at = now;
        }
        if walked.end.is_some() {
            return self.end_inspected(from, walked, refusal, now);
        }
        let input = Input { bytes, walked, came, ended };
        self.go_on(from, input, now, observer)
    }

    /// A verdict has come to a message that waits for one.
    pub fn handle_ruling(
        &mut self,
        ticket: Ticket,
        ruling: Ruling,
        now: Instant,
        observer: &mut impl Observe,
    ) {
        let Ticket { from, index } = ticket;
        if let Some(lane) = &mut self.leg_mut(from).lane {
            lane.rule(index, ruling);
            let was_stopped = std::mem::take(&mut lane.is_stopped);
            self.end_wait(from, was_stopped, now);
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
    fn go_on(&mut self, from: Side, input: Input<'_>, now: Instant, observer: &mut impl Observe) -> Step {
        let Input { bytes, walked: Walked { consumed, held, forward, .. }, came, ended } = input;
        let nothing = Step { consumed, held: Held::Nothing, forward: 0..0 };
        let policy = self.policy.inspection;
        let Leg { lane: Some(lane), traffic, walker, .. } = self.leg_mut(from) else { return nothing };
        let pieces = [held.as_bytes(), bytes.get(forward.clone()).unwrap_or_default()];
        let came_bytes = length(pieces.iter().map(|piece| piece.len()).sum());
        let Some(message) = ended else {
            // Messages are on the wire whole, or up to the end of a frame.
            if came == Came::Control {
                traffic.bytes += came_bytes;
                return Step { consumed, held, forward };
            }
            lane.take_raw(pieces);
            let ends_frame_of_large = came == Came::Data && lane.is_streaming();
            if ends_frame_of_large || walker.message().is_some_and(|message| lane.has_piece(message, &policy))
            {
                let end = if came == Came::Data { PieceEnd::Frame } else { PieceEnd::WithinFrame };
                self.stream(from, end, now, observer);
            }
            return nothing;
        };
        if lane.is_streaming() {
            lane.take_raw(pieces);
            self.stream(from, PieceEnd::Message, now, observer);
            return nothing;
        }
        let payload = match self.unpack(from, &message, now, observer) {
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
        lane.push(message.opcode, &payload, ruling);
        self.release(from, now, observer);
        nothing
    }

    /// What a whole message says.
    fn unpack(
        &mut self,
        from: Side,
        message: &Message,
        now: Instant,
        observer: &mut impl Observe,
    ) -> Result<Vec<u8>, FrameError> {
        let Self { policy, .. } = self;
        let policy = Arc::clone(policy);
        let Some(lane) = &mut self.leg_mut(from).lane else { return Ok(Vec::new()) };
        let came = lane.take_message();
        if !message.compressed {
            return Ok(came);
        }
        let mut payload = Vec::new();
        observer.inflate(from, &came, &policy.inspection, &mut payload)?;
        if !lane.charge_inflated(length(payload.len()), &policy.inspection, now) {
            let bound = InflateBound::Rate(policy.inspection.inflate_rate_max);
            return Err(FrameError::InflatedTooLarge(bound));
        }
        let is_text = message.opcode == Opcode::Text;
        if is_text && policy.limits_of(from).validate_utf8 && str::from_utf8(&payload).is_err() {
            return Err(FrameError::InvalidUtf8);
        }
        Ok(payload)
    }

    /// A piece of a large message is judged.
    fn stream(&mut self, from: Side, end: PieceEnd, now: Instant, observer: &mut impl Observe) {
        let Leg { lane: Some(lane), traffic, .. } = self.leg_mut(from) else { return };
        let whole =
            Whole { opcode: Opcode::Text, index: lane.messages, payload: lane.piece(), part: Part::Piece };
        let refused = match observer.judge(from, &whole) {
            Judged::Now(Ruling { verdict: Verdict::Allow, .. }) => None,
            // Of a message that has begun to pass nothing can be left out or changed.
            Judged::Now(ruling) => Some(ruling),
            Judged::Later => Some(Ruling { verdict: Verdict::Drop, cause: Cause::Finding }),
        };
        match refused {
            None => traffic.bytes += lane.release_piece(end),
            Some(ruling) => self.end_by_ruling(from, ruling, now),
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
        if matches!(ruling.cause, Cause::AgentFailed | Cause::WebhookFailed) {
            self.die(ruling.cause, Party::Gateway);
            for side in Side::BOTH {
                self.close(side, told.0, told.1.clone(), now);
            }
        } else {
            self.die(ruling.cause, Party::Peer(from));
            self.refuse(from, told.clone(), told, now);
        }
    }
}

/// What a step has gone over.
struct Input<'a> {
    bytes: &'a [u8],
    walked: Walked,
    came: Came,
    /// The message that has ended.
    ended: Option<Message>,
}

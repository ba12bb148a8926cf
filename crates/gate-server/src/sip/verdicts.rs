//! Verdicts on the messages of a client's session, carried out.
//!
//! What is allowed goes on as if nobody had looked. What goes nowhere is answered with 403, if it is a
//! request, whoever has sent it: else its sender would send it again until its patience is over. A
//! server is never closed for what it has sent, since other clients have it too.

use std::task::Context;
use std::time::Instant;

use gate_core::Side;
use gate_core::session::{Cause, Death, Party as Culprit, Ruling, Verdict};
use sip_proto::edge::Failure;
use sip_proto::{Edits, Limits, Message, Status};

use crate::sip::lane::Settled;
use crate::sip::leg::Unsent;
use crate::sip::passage::LATER;
use crate::sip::task::{LegTask, Party};

impl LegTask {
    /// A client's own server is gone: its connection ends as soon as what that server has sent last has got
    /// its verdict, or the time for that is over.
    pub(super) fn follow_own_server(&self, now: Instant) {
        let mut leg = self.leg.borrow_mut();
        let Some(until) = leg.scrutiny.as_ref().and_then(|scrutiny| scrutiny.last_words_until()) else {
            return;
        };
        let awaits = leg.scrutiny.as_ref().is_some_and(|scrutiny| scrutiny.awaits(Side::Upstream));
        if (!awaits || until <= now) && !leg.is_ending() {
            leg.own_server_lost(now);
        }
    }

    /// Takes the verdicts that have come from outside and carries out all that can be; whether there
    /// were any.
    pub(super) fn heed(&self, cx: &mut Context<'_>, now: Instant) -> bool {
        {
            let mut leg = self.leg.borrow_mut();
            let Some(scrutiny) = &mut leg.scrutiny else { return false };
            scrutiny.hear(cx);
        }
        self.release(now)
    }

    /// Carries out the verdicts on the messages in front; whether there were any.
    pub(super) fn release(&self, now: Instant) -> bool {
        let mut has_released = false;
        while let Some((from, settled)) = self.settled() {
            self.carry_out_verdict(from, settled, now);
            has_released = true;
        }
        if has_released && let Some(server) = self.other() {
            server.borrow().wake();
        }
        has_released
    }

    fn settled(&self) -> Option<(Side, Settled)> {
        self.leg.borrow_mut().scrutiny.as_mut()?.pop()
    }

    fn carry_out_verdict(&self, from: Side, settled: Settled, now: Instant) {
        let Settled { message, ruling: Ruling { verdict, cause }, .. } = settled;
        match verdict {
            Verdict::Allow => self.forward(from, &message, now),
            Verdict::Rewrite(changed) => {
                // What is for a client has got what forwarding adds.
                let limits = self.plan.edge.limits_of_forwarded();
                self.forward(from, &with_content_length(changed, &limits), now);
            }
            Verdict::Drop => self.withhold(from, &message, now),
            Verdict::Close { code, reason } => {
                self.withhold(from, &message, now);
                let is_own = matches!(cause, Cause::AgentFailed | Cause::WebhookFailed);
                let by = if is_own { Culprit::Gateway } else { Culprit::Peer(from) };
                self.leg.borrow_mut().close_for(Death { cause, by }, (code, &reason), now);
                Side::BOTH.into_iter().for_each(|from| self.forget(from, now));
            }
        }
    }

    fn forward(&self, from: Side, message: &[u8], now: Instant) {
        match from {
            Side::Client => self.go_on(message, now),
            Side::Upstream => {
                let sent = self.leg.borrow_mut().put(message, &self.worker, now);
                if let Err(unsent) = sent {
                    self.worker.counters.sip.dropped(unsent.reason());
                    let failure = match unsent {
                        Unsent::Gone => Failure::FLOW_FAILED,
                        Unsent::Full => LATER,
                    };
                    self.decline(from, message, &failure, now);
                }
            }
        }
    }

    /// A message goes nowhere by its verdict.
    fn withhold(&self, from: Side, message: &[u8], now: Instant) {
        self.worker.counters.sip.dropped("inspection");
        self.decline(from, message, &FORBIDDEN, now);
    }

    /// What waits of a side goes nowhere any more.
    pub(super) fn forget(&self, from: Side, now: Instant) {
        let waiting = self.leg.borrow_mut().scrutiny.as_mut().map(|scrutiny| scrutiny.abandon(from));
        for message in waiting.unwrap_or_default() {
            self.worker.counters.sip.dropped(Unsent::Gone.reason());
            self.decline(from, &message, &Failure::FLOW_FAILED, now);
        }
    }

    /// Tells whoever has sent a request that it goes nowhere.
    fn decline(&self, from: Side, message: &[u8], failure: &Failure, now: Instant) {
        let Self { worker, plan, leg, .. } = self;
        let hub = &worker.sip;
        let own_server = match &self.party {
            Party::Client(card) => card.own_server(),
            Party::Caller { .. } | Party::Server { .. } | Party::OwnServer { .. } => None,
        };
        let sender = match (from, own_server) {
            (Side::Client, _) => leg,
            (Side::Upstream, Some(server)) => server,
            (Side::Upstream, None) => {
                let flow = leg.borrow().flow;
                return hub.decline(worker, plan, (message, Some(&flow)), (failure, now));
            }
        };
        let origin = sender.borrow().origin();
        if let Some(answer) = hub.say(worker, plan, (&origin, message), failure) {
            let _gone = sender.borrow_mut().put(&answer, worker, now);
        }
    }
}

/// What somebody has written in a message's place, with a Content-Length that is right. What is no
/// message of SIP stays as it is, and is refused further on.
fn with_content_length(changed: Vec<u8>, limits: &Limits) -> Vec<u8> {
    let Ok(message) = Message::parse_changed(&changed, limits) else { return changed };
    let mut edits = Edits::new();
    edits.set_content_length(&message, message.body().len());
    if edits.is_empty() {
        return changed;
    }
    let mut out = Vec::new();
    edits.apply(message.bytes(), &mut out);
    out
}

/// Somebody who judges messages does not let it pass.
const FORBIDDEN: Failure = Failure { status: Status::FORBIDDEN, retry_after_s: None };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_message_says_how_long_its_body_is() {
        let cases = [
            ("Content-Length: 5\r\n\r\nhello", "Content-Length: 5\r\n\r\nhello"),
            ("Content-Length: 50\r\n\r\nhello", "Content-Length: 5\r\n\r\nhello"),
            ("l: 1\r\nTo: <sip:a@b>\r\n\r\nhello", "l: 5\r\nTo: <sip:a@b>\r\n\r\nhello"),
            ("To: <sip:a@b>\r\n\r\n", "To: <sip:a@b>\r\nContent-Length: 0\r\n\r\n"),
            (
                "Content-Length: 9\r\nContent-Length: 9\r\n\r\nx",
                "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
            ),
            ("Content-Length: many\r\n\r\nx", "Content-Length: many\r\n\r\nx"),
        ];
        for (changed, expected) in cases {
            let [changed, expected] =
                [changed, expected].map(|rest| format!("MESSAGE sip:a@b SIP/2.0\r\n{rest}").into_bytes());
            assert_eq!(with_content_length(changed, &Limits::default()), expected);
        }
        assert_eq!(with_content_length(b"{}".to_vec(), &Limits::default()), b"{}");
    }
}

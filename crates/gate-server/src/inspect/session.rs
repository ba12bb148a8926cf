//! The judge of one session's messages: the rules of its route at once, then those outside, of
//! whom each message is a matter of its own.

use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;

use bytes::Bytes;
use gate_core::Side;
use gate_core::policy::Inspection as Bounds;
use gate_core::session::{Cause, Judged, Part, Ruling, Verdict, Whole};
use gate_inspect::{Kind, Subject};
use ws_proto::deflate::inflate::{InflateLimits, Inflater};
use ws_proto::{CloseCode, FrameError, Opcode};

use crate::inspect::audit::{self, About};
use crate::inspect::chain::Chain;
use crate::inspect::credential::Credential;
use crate::inspect::doorkeepers::Doorkeepers;
use crate::inspect::errands::{Answered, Errands};
use crate::inspect::opinion::Message;
use crate::inspect::rules::RuleCell;
use crate::observe::record::Opened;
use crate::worker::Worker;

/// See the module.
pub(crate) struct SessionInspection {
    worker: Rc<Worker>,
    opened: Rc<Opened>,
    /// `None`: the route has no rules.
    rules: Option<Arc<RuleCell>>,
    /// `None`: nobody outside is asked.
    chain: Option<Rc<Chain>>,
    /// `None`: nobody is being asked.
    errands: Option<Box<Errands>>,
    /// Where messages refer to what was compressed before them: the client's, the upstream's.
    inflaters: Option<Box<[Inflater; 2]>>,
}

/// What to build it from.
pub(crate) struct Means {
    pub(crate) rules: Option<Arc<RuleCell>>,
    pub(crate) chain: Option<Rc<Chain>>,
    /// The peers agreed that messages may refer to those before them.
    pub(crate) context_takeover: bool,
}

impl SessionInspection {
    pub(crate) fn new(worker: Rc<Worker>, opened: Rc<Opened>, means: Means) -> Self {
        let Means { rules, chain, context_takeover } = means;
        let inflaters =
            context_takeover.then(|| Box::new([Inflater::with_context(), Inflater::with_context()]));
        Self { worker, opened, rules, chain, errands: None, inflaters }
    }

    /// What becomes of a message.
    pub(crate) fn judge(&mut self, from: Side, message: &Whole<'_>) -> Judged {
        let mut verdict = Verdict::Allow;
        if let Some(cell) = &self.rules {
            let rules = cell.load();
            if let Some(rules) = &*rules {
                let subject = Subject { from, kind: kind(message.opcode), payload: message.payload };
                let mut judgement = rules.judge(subject, &mut self.worker.desk.scratch.borrow_mut());
                if self.inflaters.is_some() && !message.opcode.is_control() {
                    judgement.verdict = in_context(judgement.verdict);
                }
                if !judgement.findings.is_empty() {
                    audit::findings(&self.worker, &self.opened, from, message, &judgement);
                }
                verdict = judgement.verdict;
            }
        }
        let payload = match &verdict {
            Verdict::Allow => message.payload,
            Verdict::Rewrite(payload) => payload,
            Verdict::Drop | Verdict::Close { .. } => return now(verdict),
        };
        let Some(chain) = self.chain.as_ref().filter(|_| is_for_others(message)) else { return now(verdict) };
        let token = match chain.credential(from, message) {
            Credential::None => None,
            Credential::Token(token) => Some(token),
            Credential::Unreadable => {
                let about = About { from, index: message.index, opcode: message.opcode };
                let opinion = Doorkeepers::refuse_unreadable(&self.worker, &self.opened, about);
                return Judged::Now(opinion.into_ruling());
            }
        };
        if token.is_none() && !chain.has(from) {
            return now(verdict);
        }
        let (chain, payload) = (Rc::clone(chain), Bytes::copy_from_slice(payload));
        let asked = Message { from, opcode: message.opcode, index: message.index, payload, token };
        self.ask(&chain, asked, verdict);
        Judged::Later
    }

    fn ask(&mut self, chain: &Rc<Chain>, message: Message, verdict: Verdict) {
        let Self { worker, opened, errands, .. } = self;
        let errands = errands.get_or_insert_with(|| {
            Box::new(Errands::new(Rc::clone(worker), Rc::clone(opened), Rc::clone(chain)))
        });
        errands.ask(message, verdict);
    }

    /// The next answer of those outside, if there is one; else the task is woken when there is.
    pub(crate) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Option<Answered> {
        let answered = self.errands.as_mut()?.poll_answer(cx);
        if answered.is_none() {
            // What waits for nothing keeps nothing.
            self.errands.take_if(|errands| errands.is_empty());
        }
        answered
    }

    /// Inflates a message.
    ///
    /// # Errors
    /// It is no DEFLATE data, or too much of it.
    pub(crate) fn inflate(
        &mut self,
        from: Side,
        compressed: &[u8],
        bounds: &Bounds,
        out: &mut Vec<u8>,
    ) -> Result<(), FrameError> {
        let size_max = bounds.inflated_size_max_of(from);
        let limits = InflateLimits { size_max, ratio_max: bounds.inflate_ratio_max };
        match (&mut self.inflaters, from) {
            (None, _) => self.worker.desk.inflater.borrow_mut().inflate(compressed, &limits, out),
            (Some(inflaters), from) => {
                let [client, upstream] = &mut **inflaters;
                let inflater = match from {
                    Side::Client => client,
                    Side::Upstream => upstream,
                };
                inflater.inflate(compressed, &limits, out)
            }
        }
    }
}

/// Where messages refer to those before them, a receiver that has missed one would read the next
/// otherwise than it was judged. The configuration rules this out, but a reload may give a live
/// session rules that drop or rewrite.
fn in_context(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Allow | Verdict::Close { .. } => verdict,
        Verdict::Drop | Verdict::Rewrite(_) => {
            Verdict::Close { code: CloseCode::POLICY_VIOLATION, reason: "Policy Violation".into() }
        }
    }
}

/// Others are asked about whole data messages.
fn is_for_others(message: &Whole<'_>) -> bool {
    message.part == Part::Whole && !message.opcode.is_control()
}

fn now(verdict: Verdict) -> Judged {
    Judged::Now(Ruling { verdict, cause: Cause::Finding })
}

fn kind(opcode: Opcode) -> Kind {
    match opcode {
        Opcode::Text => Kind::Text,
        Opcode::Binary | Opcode::Continuation => Kind::Binary,
        Opcode::Close | Opcode::Ping | Opcode::Pong => Kind::Control,
    }
}

//! Webhooks: servers of HTTP that are asked about each message of a session, whose answer's
//! status decides.
//!
//! A call has one time limit for all of it, and ends, with its connection, when the session does.
//! Redirects are not followed: they are refusals as any other status that is not 2xx.

mod answer;
mod call;
mod kit;
mod origin;
mod shelf;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use gate_config::model::{FailureMode, Fingerprint, Level, OnOther};
use gate_core::Side;
use gate_core::session::{Cause, Verdict};
use ws_proto::{CloseCode, Opcode};

use crate::clock;
use crate::inspect::opinion::{Message, Opinion, Speaker};
use crate::inspect::webhook::answer::Answer;
use crate::inspect::webhook::call::CallError;
pub(crate) use crate::inspect::webhook::kit::{Credentials, Equipment, Kit};
use crate::inspect::webhook::origin::OriginKey;
pub(crate) use crate::inspect::webhook::origin::Origins;
use crate::inspect::webhook::shelf::Shelf;
use crate::observe::counters::WorkerCounters;
use crate::observe::webhooks::{HookFigures, Outcome, direction};
use crate::observe::writer::Records;
use crate::upstream::error::chain;

/// The webhooks of one worker: its connections to them.
pub(crate) struct Webhooks {
    shelves: RefCell<HashMap<ShelfKey, Weak<Shelf>>>,
    counters: Arc<WorkerCounters>,
    records: Records,
}

/// What tells connections apart.
type ShelfKey = (OriginKey, Fingerprint);

impl Webhooks {
    pub(crate) fn new(counters: Arc<WorkerCounters>, records: Records) -> Self {
        Self { shelves: RefCell::default(), counters, records }
    }

    /// A webhook as the sessions of `route` ask it.
    pub(crate) fn get(&self, kit: &Arc<Kit>, route: &Arc<str>) -> Rc<Hook> {
        let from = kit.from();
        Rc::new(Hook {
            name: format!("webhook {} {}", direction(from), kit.webhook.url.value),
            shelf: self.shelf(kit),
            figures: self.counters.webhooks.of(route, from),
            records: self.records.clone(),
            kit: Arc::clone(kit),
        })
    }

    fn shelf(&self, kit: &Kit) -> Rc<Shelf> {
        let key = (OriginKey::of(&kit.webhook), kit.trust);
        let mut shelves = self.shelves.borrow_mut();
        let same = shelves.get(&key).and_then(Weak::upgrade);
        // One that nobody had for a while may count by places that are no longer the origin's.
        if let Some(shelf) = same.filter(|shelf| Arc::ptr_eq(&shelf.origin, &kit.origin)) {
            return shelf;
        }
        shelves.retain(|_, shelf| shelf.strong_count() > 0);
        let shelf = Rc::new(Shelf::new(Arc::clone(&kit.origin)));
        shelves.insert(key, Rc::downgrade(&shelf));
        shelf
    }
}

/// One webhook as one session asks it.
pub(crate) struct Hook {
    kit: Arc<Kit>,
    shelf: Rc<Shelf>,
    figures: Arc<HookFigures>,
    records: Records,
    name: String,
}

impl Hook {
    /// Whose messages it is asked about.
    pub(crate) fn from(&self) -> Side {
        self.kit.from()
    }

    /// What it is called in records.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What it says to a message. Who drops this gives up the call.
    pub(crate) async fn judge(&self, speaker: &Speaker, message: &Message) -> Opinion {
        let settings = &self.kit.webhook.settings;
        let is_asked = match message.opcode {
            Opcode::Text => settings.opcodes.text,
            Opcode::Binary | Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong => {
                settings.opcodes.binary
            }
        };
        if !is_asked {
            return self.judge_other();
        }
        let (begun, call) = (clock::now(), self.figures.begin());
        let answered = self.call(speaker, message).await;
        let took = clock::now().saturating_duration_since(begun);
        match answered {
            Ok(answer) => {
                call.end(answer.outcome(), took);
                self.heed(answer, speaker, message)
            }
            Err(error) => {
                call.end(error.outcome(), took);
                self.fail(&error, speaker, message)
            }
        }
    }

    fn judge_other(&self) -> Opinion {
        match self.kit.webhook.settings.on_other {
            OnOther::Pass => Opinion::ALLOW,
            OnOther::Close => {
                self.figures.refused_other();
                let reason = "messages of this type are not accepted";
                Opinion::close(Cause::Webhook, CloseCode::UNSUPPORTED_DATA, reason)
            }
        }
    }

    fn heed(&self, answer: Answer, speaker: &Speaker, message: &Message) -> Opinion {
        let of = |verdict| Opinion { verdict, cause: Cause::Webhook, rules: Vec::new() };
        match answer {
            Answer::Allow => Opinion::ALLOW,
            Answer::Drop => of(Verdict::Drop),
            Answer::Rewrite(payload) => of(Verdict::Rewrite(payload)),
            Answer::Refuse(status) => {
                self.records.error("webhook_refused", Level::Info, |line| {
                    self.tell(line, speaker, message);
                    line.number("status", status.as_u16());
                });
                let settings = &self.kit.webhook.settings;
                Opinion::close(Cause::Webhook, settings.close_code, settings.close_reason.to_string())
            }
        }
    }

    /// There is no answer that could be used.
    fn fail(&self, error: &CallError, speaker: &Speaker, message: &Message) -> Opinion {
        if let Some(untold) = self.shelf.may_tell() {
            self.records.error("webhook_failed", Level::Warn, |line| {
                self.tell(line, speaker, message);
                line.plain("result", error.outcome().name());
                line.text("detail", &chain(error));
                if untold > 0 {
                    line.number("untold", untold);
                }
            });
        }
        match self.kit.webhook.settings.failure_mode {
            FailureMode::Closed => {
                Opinion::close(Cause::WebhookFailed, CloseCode::INTERNAL_ERROR, "webhook failed")
            }
            FailureMode::Open => {
                self.figures.failed_open();
                Opinion::ALLOW
            }
        }
    }

    fn tell(&self, line: &mut crate::observe::line::Line, speaker: &Speaker, message: &Message) {
        line.text("session", &speaker.session);
        line.text("route", &speaker.route);
        line.text("request_id", &speaker.request_id);
        line.plain("direction", direction(message.from));
        line.number("index", message.index);
        line.text("url", &self.kit.webhook.url.value.to_string());
    }
}

impl Answer {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Allow => Outcome::Allow,
            Self::Drop => Outcome::Drop,
            Self::Rewrite(_) => Outcome::Rewrite,
            Self::Refuse(_) => Outcome::Refuse,
        }
    }
}

//! What is recorded and counted of findings and opinions.

use std::fmt;

use gate_core::Side;
use gate_core::session::{Verdict, Whole};
use gate_inspect::{Finding, Judgement};
use ws_proto::Opcode;

use crate::inspect::opinion::Opinion;
use crate::observe::findings::{Action, Judge};
use crate::observe::record::Opened;
use crate::worker::Worker;

/// Findings of one message that have records of their own; the last of them says how many more
/// there are.
const RECORDS_MAX: usize = 8;

/// The rules have judged a message and found something.
pub(crate) fn findings(
    worker: &Worker,
    opened: &Opened,
    from: Side,
    message: &Whole<'_>,
    judgement: &Judgement,
) {
    let action = Action::of(&judgement.verdict).unwrap_or(Action::Detect);
    let counters = &worker.counters.findings;
    counters.count_judged(Judge::Rules, action, &opened.route);
    for Finding { category, .. } in &judgement.findings {
        counters.count_finding(*category, from, action);
    }
    let more = judgement.findings.len().saturating_sub(RECORDS_MAX);
    for (finding, at) in judgement.findings.iter().take(RECORDS_MAX).zip(1..) {
        worker.records.audit("finding", |line| {
            opened.fields(line);
            line.plain("from", from.name());
            line.number("message", message.index);
            line.plain("opcode", message.opcode.name());
            line.plain("by", Judge::Rules.name());
            line.plain("action", action.name());
            line.text("rule", finding.rule.as_str());
            line.plain("category", finding.category.name());
            line.number("score", finding.score);
            line.text("place", &finding.place);
            line.text("excerpt", &finding.excerpt);
            if more > 0 && at == RECORDS_MAX {
                line.number("more", more);
            }
        });
    }
}

/// The message that somebody outside has said something about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    pub(crate) from: Side,
    /// Data messages of its direction that came before.
    pub(crate) index: u64,
    pub(crate) opcode: Opcode,
}

/// Somebody outside.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who<'a> {
    /// By its name in the configuration.
    Agent(&'a str),
    /// On behalf of those that could not be asked.
    Agents,
    /// By what it is called in records.
    Webhook(&'a str),
}

/// Somebody outside has said something about a message.
pub(crate) fn opinion(worker: &Worker, opened: &Opened, message: About, who: Who<'_>, opinion: &Opinion) {
    let About { from, index, opcode } = message;
    let action = Action::of(&opinion.verdict);
    if let Some(action) = action {
        worker.counters.findings.count_judged(who.judge(), action, &opened.route);
    }
    // A webhook that rewrites every message is no news.
    let is_told = match action {
        None | Some(Action::Detect | Action::Rewrite) => !opinion.rules.is_empty(),
        Some(Action::Drop | Action::Close) => true,
    };
    if !is_told {
        return;
    }
    worker.records.audit("finding", |line| {
        opened.fields(line);
        line.plain("from", from.name());
        line.number("message", index);
        line.plain("opcode", opcode.name());
        line.text("by", &who.to_string());
        line.plain("action", action.unwrap_or(Action::Detect).name());
        if action == Some(Action::Close) {
            line.plain("reason", opinion.cause.reason());
        }
        if !opinion.rules.is_empty() {
            line.text("rules", &opinion.rules.join(" "));
        }
    });
}

impl Who<'_> {
    fn judge(self) -> Judge {
        match self {
            Self::Agent(_) | Self::Agents => Judge::Agent,
            Self::Webhook(_) => Judge::Webhook,
        }
    }
}

impl fmt::Display for Who<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(name) => write!(formatter, "agent {name}"),
            Self::Agents => formatter.write_str("agents"),
            Self::Webhook(name) => formatter.write_str(name),
        }
    }
}

impl Action {
    /// What a verdict does to the message; `None`: nothing.
    fn of(verdict: &Verdict) -> Option<Self> {
        match verdict {
            Verdict::Allow => None,
            Verdict::Drop => Some(Self::Drop),
            Verdict::Rewrite(_) => Some(Self::Rewrite),
            Verdict::Close { .. } => Some(Self::Close),
        }
    }
}

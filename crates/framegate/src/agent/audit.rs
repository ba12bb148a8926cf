//! What the agent answers: decisions with their reasons, in the words that dashboards know.

use agent_proto::{Answer, Audit, WebSocketDecision};
use gate_inspect::{Category, Finding};

/// The tag beside another that says that nothing follows from it.
const DETECT_ONLY: &str = "detect-only";

/// A tag of its own for everything that is no finding.
pub(super) const SIZE: &str = "ws-size-limit";
pub(super) const RATE: &str = "ws-rate-limit";
pub(super) const ERROR: &str = "ws-error";
pub(super) const FAIL_OPEN: &str = "fail-open";

/// What is to become of a frame, and why.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Report {
    audit: Audit,
    decision: Option<WebSocketDecision>,
}

impl Report {
    /// It goes on.
    pub(super) fn allow() -> Self {
        Self { audit: Audit::default(), decision: Some(WebSocketDecision::Allow) }
    }

    /// The connection is closed for one reason.
    pub(super) fn close(tag: &str, code: u16, reason: &str) -> Self {
        let audit = Audit { tags: vec![tag.to_owned()], ..Audit::default() };
        Self { audit, decision: Some(close(code, reason)) }
    }

    /// The frame goes nowhere.
    pub(super) fn drop(tag: &str) -> Self {
        Self {
            audit: Audit { tags: vec![tag.to_owned()], ..Audit::default() },
            decision: Some(WebSocketDecision::Drop),
        }
    }

    /// A reason more.
    pub(super) fn because(mut self, reason: &str) -> Self {
        self.audit.reason_codes.push(reason.to_owned());
        self
    }

    /// For findings, of which there is at least one.
    ///
    /// A schema is of interest only where nothing worse was found.
    pub(super) fn found(findings: &[Finding], decision: WebSocketDecision) -> Self {
        let is_schema = |finding: &&Finding| finding.category == Category::JsonSchema;
        let mut audit = Audit::default();
        for finding in findings.iter().filter(|finding| !is_schema(finding)) {
            add(&mut audit.tags, tag(finding.category));
            add(&mut audit.rule_ids, finding.rule.as_str());
        }
        if audit.tags.is_empty() {
            audit.tags.push(tag(Category::JsonSchema).to_owned());
            audit.reason_codes.extend(findings.iter().filter(is_schema).take(REASONS_MAX).map(violation));
        }
        Self { audit, decision: Some(decision) }
    }

    /// The same where nothing is to follow from it.
    pub(super) fn detect_only(mut self) -> Self {
        if self.decision != Some(WebSocketDecision::Allow) {
            self.audit.tags.push(DETECT_ONLY.to_owned());
            self.decision = Some(WebSocketDecision::Allow);
        }
        self
    }

    /// The same where what cannot be looked into may pass.
    pub(super) fn fail_open() -> Self {
        let audit = Audit { tags: vec![FAIL_OPEN.to_owned()], ..Audit::default() };
        Self { audit, decision: Some(WebSocketDecision::Allow) }
    }

    /// Whether there is something to tell of.
    pub(super) fn is_remarkable(&self) -> bool {
        !self.audit.tags.is_empty()
    }

    /// In a few words, for a line of the log.
    pub(super) fn line(&self) -> String {
        let Audit { tags, rule_ids, reason_codes, .. } = &self.audit;
        let words: Vec<_> = tags.iter().chain(rule_ids).chain(reason_codes).map(String::as_str).collect();
        let what = match &self.decision {
            Some(WebSocketDecision::Close { code, .. }) => format!("close {code}"),
            Some(WebSocketDecision::Drop) => "drop".to_owned(),
            Some(WebSocketDecision::Allow) | None => "allow".to_owned(),
        };
        format!("{what}: {}", words.join(", "))
    }

    /// As the protocol has it.
    pub(super) fn into_answer(self) -> Answer {
        Answer { audit: self.audit, websocket_decision: self.decision, ..Answer::default() }
    }
}

/// Reasons that are told of one message.
const REASONS_MAX: usize = 16;

pub(super) fn close(code: u16, reason: &str) -> WebSocketDecision {
    WebSocketDecision::Close { code, reason: reason.to_owned() }
}

/// Where a message does not keep to its schema, and what would be right.
fn violation(finding: &Finding) -> String {
    if finding.place.is_empty() {
        return finding.excerpt.clone();
    }
    format!("{} at {}", finding.excerpt, finding.place)
}

fn add(list: &mut Vec<String>, word: &str) {
    if !list.iter().any(|known| known == word) {
        list.push(word.to_owned());
    }
}

/// The tag of a category.
const fn tag(category: Category) -> &'static str {
    match category {
        Category::Xss => "ws-xss",
        Category::Sqli => "ws-sqli",
        Category::CommandInjection => "ws-cmd-injection",
        Category::PathTraversal => "ws-path-traversal",
        Category::NoSql => "ws-nosql",
        Category::TemplateInjection => "ws-template-injection",
        Category::Xxe => "ws-xxe",
        Category::Custom => "ws-custom-pattern",
        Category::JsonSchema => "ws-schema-invalid",
        Category::Evasion => "ws-evasion",
    }
}

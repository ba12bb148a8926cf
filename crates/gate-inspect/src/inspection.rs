//! Compiled settings: one message in, one judgement out.

use gate_core::session::Verdict;

use crate::category::{Categories, Category};
use crate::decode::{self, Equals, Views};
use crate::detect::{self, Detectors, Found, Room, SCHEMA};
use crate::excerpt::{self, excerpt, shorten};
use crate::finding::{Finding, RuleId};
use crate::redact::{Edits, Grain, Redactor, spot};
use crate::schema::Schema;
use crate::settings::{Directions, Fault, Mode, OnMatch, Settings};
use crate::subject::{Kind, Subject};

/// What is to become of a message, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What is to become of it.
    pub verdict: Verdict,
    /// What was found; in [`crate::Mode::Detect`] nothing follows from it. Empty without an
    /// allocation.
    pub findings: Vec<Finding>,
}

/// Room for decoding, used again for each message; one for each thread.
#[derive(Debug, Default)]
pub struct Scratch {
    views: Views,
    room: Room,
}

/// See the module.
#[derive(Debug)]
pub struct Inspection {
    settings: Settings,
    detectors: Detectors,
    redactor: Redactor,
    schemas: Vec<(Directions, Schema)>,
}

impl Inspection {
    /// Compiles settings, and all that is built once for all of them: no message waits for that.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn compile(settings: Settings) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let detectors = Detectors::compile(&settings, &mut faults);
        let redactor = Redactor::compile(&settings.redactions, &mut faults);
        let mut schemas = Vec::with_capacity(settings.schemas.len());
        for (index, source) in settings.schemas.iter().enumerate() {
            match Schema::compile(&source.text) {
                Ok(schema) => schemas.push((source.directions, schema)),
                Err(fault) => faults.push(Fault::Schema { index, message: fault.message }),
            }
        }
        detect::warm_up();
        excerpt::warm_up();
        match detectors {
            Some(detectors) if faults.is_empty() => Ok(Self { settings, detectors, redactor, schemas }),
            Some(_) | None => Err(faults),
        }
    }

    /// What it was compiled of.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Looks through one message.
    #[must_use]
    pub fn judge(&self, subject: Subject<'_>, scratch: &mut Scratch) -> Judgement {
        self.search(&subject, scratch);
        let found = scratch.room.found();
        // What a part says the whole says, too, but where it stands is told better by the part.
        let is_told_of_part = |whole: &&Found| {
            found.iter().any(|part| part.rule == whole.rule && scratch.views.is_part(part.place, whole.place))
        };
        let told = found.iter().filter(|whole| !is_told_of_part(whole)).take(FINDINGS_MAX);
        let mut findings: Vec<_> =
            told.map(|found| self.finding(found, &scratch.views, subject.payload)).collect();
        self.check_schemas(&subject, &mut findings);
        let edits = self.redactor.edits(&subject);
        let verdict = if findings.is_empty() || self.settings.mode == Mode::Detect {
            rewritten(&subject, &edits).unwrap_or(Verdict::Allow)
        } else {
            self.consequence(&subject, &findings, &edits, scratch)
        };
        Judgement { verdict, findings }
    }

    fn search(&self, subject: &Subject<'_>, scratch: &mut Scratch) {
        let Scratch { views, room } = scratch;
        room.clear();
        if self.settings.directions.has(subject.from) && self.settings.categories != Categories::NONE {
            // Each of two equal strings is to be blackened.
            let is_blackened = self.settings.mode == Mode::Block && self.settings.on_match == OnMatch::Redact;
            let equals = if is_blackened { Equals::Each } else { Equals::Once };
            decode::decode(subject, &self.settings.limits, equals, views);
            self.detectors.search(subject.payload, views, room);
        }
    }

    fn finding(&self, found: &Found, views: &Views, payload: &[u8]) -> Finding {
        Finding {
            rule: self.detectors.id(found.rule),
            category: found.category,
            score: found.score,
            place: views.place(found.view, payload),
            excerpt: excerpt(found, views, payload, &self.redactor),
        }
    }

    fn check_schemas(&self, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
        if subject.kind == Kind::Control || !self.detectors.counts(&SCHEMA) {
            return;
        }
        let schemas = self.schemas.iter().filter(|(directions, _)| directions.has(subject.from));
        let violations = schemas.flat_map(|(_, schema)| schema.check(subject.payload));
        findings.extend(violations.take(FINDINGS_MAX).map(|violation| Finding {
            rule: RuleId::BuiltIn(SCHEMA.id),
            category: SCHEMA.category,
            score: SCHEMA.score,
            place: violation.path,
            excerpt: shorten(&violation.message),
        }));
    }

    fn consequence(
        &self,
        subject: &Subject<'_>,
        findings: &[Finding],
        edits: &Edits,
        scratch: &mut Scratch,
    ) -> Verdict {
        match self.settings.on_match {
            OnMatch::Close => {
                Verdict::Close { code: self.settings.code, reason: self.settings.reason.to_string().into() }
            }
            OnMatch::Drop => Verdict::Drop,
            OnMatch::Redact => {
                // What a schema objects to is the whole, and a ping that says something else is no ping.
                let is_broken = findings.iter().any(|finding| finding.category == Category::JsonSchema);
                if is_broken || subject.kind == Kind::Control {
                    return Verdict::Drop;
                }
                self.blackened(subject, edits, scratch).map_or(Verdict::Drop, Verdict::Rewrite)
            }
        }
    }

    /// The message without what met rules, if it is then clean.
    fn blackened(&self, subject: &Subject<'_>, always: &Edits, scratch: &mut Scratch) -> Option<Vec<u8>> {
        let mut attempts = Vec::new();
        for grain in [Grain::Hit, Grain::Text] {
            let mut edits = Edits::default();
            edits.extend(always);
            for found in scratch.room.found() {
                let (range, ink) = spot(found, &scratch.views, subject, grain)?;
                edits.add(range, ink);
            }
            attempts.push(edits.apply(subject.payload));
        }
        attempts.into_iter().find(|payload| {
            self.search(&Subject { payload, ..*subject }, scratch);
            scratch.room.found().is_empty()
        })
    }
}

fn rewritten(subject: &Subject<'_>, edits: &Edits) -> Option<Verdict> {
    (!edits.is_empty()).then(|| Verdict::Rewrite(edits.apply(subject.payload)))
}

/// Findings of a kind that are told of one message.
const FINDINGS_MAX: usize = 32;

#[cfg(test)]
mod tests;

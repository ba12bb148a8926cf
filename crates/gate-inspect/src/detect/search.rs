//! The search through all texts of a message, and what of it counts.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use memchr::memchr;

use super::pattern::Patterns;
use super::{ByteSet, Hits, RULES, Rule, Text, detect, shape};
use crate::category::{Categories, Category};
use crate::decode::{Search, Views};
use crate::finding::RuleId;
use crate::settings::{Fault, Settings};

/// The detectors of one inspection.
#[derive(Debug)]
pub(crate) struct Detectors {
    categories: Categories,
    threshold: u16,
    patterns: Patterns,
    excepted: BTreeSet<Arc<str>>,
}

/// A rule that one view has met.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) rule: FoundRule,
    pub(crate) category: Category,
    pub(crate) score: u16,
    /// The first view of its place.
    pub(crate) place: usize,
    pub(crate) view: usize,
    /// In the text of that view.
    pub(crate) at: Range<usize>,
}

/// A rule, in the order in which those of one place are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FoundRule {
    BuiltIn(&'static str),
    /// The pattern with this index.
    Pattern(usize),
}

/// Room for a search, used again for each message.
#[derive(Debug, Default)]
pub(crate) struct Room {
    hits: Hits,
    lower: Vec<u8>,
    found: Vec<Found>,
}

impl Room {
    pub(crate) fn clear(&mut self) {
        self.found.clear();
    }

    /// What was found and counts.
    pub(crate) fn found(&self) -> &[Found] {
        &self.found
    }
}

impl Detectors {
    /// Compiles what the settings ask for; patterns and exceptions that are wrong are faults.
    pub(crate) fn compile(settings: &Settings, faults: &mut Vec<Fault>) -> Option<Self> {
        let patterns = Patterns::compile(&settings.patterns, faults);
        let is_known = |id: &str| {
            RULES.iter().any(|rules| rules.iter().any(|rule| rule.id == id))
                || settings.patterns.iter().any(|pattern| &*pattern.id == id)
        };
        for (index, id) in settings.exceptions.iter().enumerate().filter(|(_, id)| !is_known(id)) {
            faults.push(Fault::Exception { index, id: id.clone() });
        }
        let excepted = settings.exceptions.iter().cloned().collect();
        Some(Self {
            categories: settings.categories,
            threshold: settings.threshold,
            patterns: patterns?,
            excepted,
        })
    }

    /// Looks through all views of the message that `payload` is. What counts is then in `room`.
    pub(crate) fn search(&self, payload: &[u8], views: &Views, room: &mut Room) {
        room.clear();
        for (index, view) in views.iter() {
            let text = views.text(view, payload);
            let categories = match view.search {
                Search::All if view.bytes.is_within(HARMLESS) || view.bytes.is_within(NUMBERS) => {
                    Categories::NONE
                }
                Search::All => self.categories,
                Search::Markup => self.markup_categories(text),
                Search::Plain | Search::Patterns => Categories::NONE,
            };
            if categories != Categories::NONE {
                search_text(text, view.bytes, categories, room);
                for hit in room.hits.list() {
                    if self.counts(hit.rule) {
                        room.found.push(Found {
                            rule: FoundRule::BuiltIn(hit.rule.id),
                            category: hit.rule.category,
                            score: hit.rule.score,
                            place: view.place,
                            view: index,
                            at: hit.at.clone(),
                        });
                    }
                }
            }
            if view.search.is_of_text() {
                self.search_patterns(text, (view.place, index), &mut room.found);
            }
        }
        self.search_vessels(payload, views, &mut room.found);
        self.add_overruns(views, &mut room.found);
        self.keep_what_counts(&mut room.found);
    }

    /// The id by which others know a rule.
    pub(crate) fn id(&self, rule: FoundRule) -> RuleId {
        match rule {
            FoundRule::BuiltIn(id) => RuleId::BuiltIn(id),
            FoundRule::Pattern(index) => RuleId::Custom(self.patterns.id(index).cloned().unwrap_or_default()),
        }
    }

    /// Whether an operator wants to hear of a rule.
    pub(crate) fn counts(&self, rule: &Rule) -> bool {
        self.excepted.is_empty() || !self.excepted.contains(rule.id)
    }

    /// What may come of strings that are shown together: tags that one opens and another closes.
    fn markup_categories(&self, text: &[u8]) -> Categories {
        let wanted = self.categories.has(Category::Xss) && memchr(b'<', text).is_some();
        if wanted { Categories::NONE.with(Category::Xss) } else { Categories::NONE }
    }

    fn search_patterns(&self, text: &[u8], (place, view): (usize, usize), found: &mut Vec<Found>) {
        if self.patterns.is_empty() || !self.categories.has(Category::Custom) {
            return;
        }
        self.patterns.search(text, |index, at| {
            let is_excepted = self.patterns.id(index).is_some_and(|id| self.excepted.contains(id));
            if !is_excepted {
                let score = self.patterns.score(index);
                found.push(Found {
                    rule: FoundRule::Pattern(index),
                    category: Category::Custom,
                    score,
                    place,
                    view,
                    at,
                });
            }
        });
    }

    /// Patterns that match a text as it stands, but none of the texts within it: they are meant
    /// for its structure.
    fn search_vessels(&self, payload: &[u8], views: &Views, found: &mut Vec<Found>) {
        if self.patterns.is_empty() {
            return;
        }
        let within: BTreeSet<_> = found.iter().map(|one| one.rule).collect();
        let start = found.len();
        for (index, view) in views.iter().filter(|(_, view)| !view.search.is_of_text()) {
            self.search_patterns(views.text(view, payload), (view.place, index), found);
        }
        let vessels: Vec<_> = found.drain(start..).collect();
        found.extend(vessels.into_iter().filter(|one| !within.contains(&one.rule)));
    }

    fn add_overruns(&self, views: &Views, found: &mut Vec<Found>) {
        if !self.categories.has(Category::Evasion) {
            return;
        }
        for (overrun, view) in views.overruns() {
            let Some(rule) = shape::of(*overrun).filter(|rule| self.counts(rule)) else { continue };
            found.push(Found {
                rule: FoundRule::BuiltIn(rule.id),
                category: rule.category,
                score: rule.score,
                place: views.get(*view).map_or(0, |view| view.place),
                view: *view,
                at: 0..0,
            });
        }
    }

    /// Drops what a place has met of a category if all of it together is below the threshold.
    fn keep_what_counts(&self, found: &mut Vec<Found>) {
        if found.is_empty() {
            return;
        }
        found.sort_unstable_by_key(|one| (one.place, one.category, one.rule, one.view));
        found.dedup_by_key(|one| (one.place, one.category, one.rule));
        let places = found.chunk_by(|a, b| (a.place, a.category) == (b.place, b.category));
        let verdicts: Vec<_> =
            places.flat_map(|place| std::iter::repeat_n(self.decides(place), place.len())).collect();
        let mut verdicts = verdicts.into_iter();
        found.retain(|_| verdicts.next().unwrap_or_default());
    }

    /// Whether what one place has met of one category makes findings.
    fn decides(&self, met: &[Found]) -> bool {
        let sum = met.iter().fold(0_u16, |sum, one| sum.saturating_add(one.score));
        // What cannot be looked through is never let pass because a threshold is high.
        sum >= self.threshold || met.iter().any(|one| one.category == Category::Evasion)
    }
}

fn search_text(text: &[u8], bytes: ByteSet, categories: Categories, room: &mut Room) {
    let Room { hits, lower, .. } = room;
    hits.clear();
    lower.clear();
    lower.extend_from_slice(text);
    lower.make_ascii_lowercase();
    detect(Text { raw: text, lower, bytes }, categories, hits);
}

/// A text of these alone is one word, which is no attack: nothing of it ends a value or separates
/// a command from what a shell is given. `whoami` and `id` by themselves are names and answers, and would
/// be run only where whole commands are asked for.
const HARMLESS: ByteSet = ByteSet::of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-:");

/// Times, addresses and versions.
const NUMBERS: ByteSet = ByteSet::of(b"0123456789TZ.:+-");

//! Reads `inspect` of `websocket`.

use std::sync::Arc;

use gate_core::Side;
use gate_inspect::{
    Categories, Category, DecodeLimits, Directions, Fault, Inspection, OnMatch, Pattern, RULES, Redaction,
    Settings,
};

use super::{Context, lifetime};
use crate::fields::{Field, Fields, get};
use crate::model::{At, Inspect, Place, SchemaFile, Senders};
use crate::nearest::nearest;
use crate::report::Code;
use crate::schema::{Block, INSPECT, JSON_SCHEMA, PATTERN, REDACT};
use crate::words::{Consequence, InspectMode};

/// `inspect { … }`.
pub(super) fn read(websocket: &Fields<'_>, cx: &mut Context<'_>) -> Option<Inspect> {
    let fields = websocket.sub("inspect", cx.report)?;
    let defaults = Settings::default();
    let (patterns, pattern_places) = patterns(&fields, cx);
    let (redactions, redaction_places) = redactions(&fields, cx);
    let (exceptions, exception_places) = exceptions(&fields, cx);
    let report = &mut *cx.report;
    let settings = Settings {
        categories: categories(&fields, defaults.categories, report),
        threshold: fields.number("threshold", report).unwrap_or(defaults.threshold),
        directions: directions(&fields, report).unwrap_or(defaults.directions),
        mode: fields.word("mode", report).map_or(defaults.mode, |word| {
            let InspectMode(mode) = word.value;
            mode
        }),
        on_match: fields.word("on-match", report).map_or(defaults.on_match, |word| {
            let Consequence(on_match) = word.value;
            on_match
        }),
        code: lifetime::close_code(&fields, "close-code", report).unwrap_or(defaults.code),
        reason: lifetime::close_reason(&fields, "close-reason", report).unwrap_or(defaults.reason),
        patterns,
        exceptions,
        redactions,
        schemas: Vec::new(),
        limits: decode(&fields, defaults.limits, report),
    };
    let places =
        Places { patterns: pattern_places, redactions: redaction_places, exceptions: exception_places };
    try_out(&settings, &places, &fields, cx);
    let schemas = schemas(&fields, cx);
    warn_of_no_close(&fields, settings.on_match, cx);
    let stream_above = fields.size("stream-above", cx.report).zip(fields.one("stream-above"));
    let stream_above = stream_above.map(|(value, field)| At { value, place: field.place() });
    Some(Inspect { settings, schemas, stream_above })
}

/// Where the values stood, by their indices.
struct Places {
    patterns: Vec<Place>,
    redactions: Vec<Place>,
    exceptions: Vec<Place>,
}

const CATEGORIES: [Category; 7] = [
    Category::Xss,
    Category::Sqli,
    Category::CommandInjection,
    Category::PathTraversal,
    Category::NoSql,
    Category::TemplateInjection,
    Category::Xxe,
];

fn categories(fields: &Fields<'_>, defaults: Categories, report: &mut crate::report::Report) -> Categories {
    CATEGORIES.into_iter().fold(defaults, |categories, category| match fields.flag(category.name(), report) {
        Some(true) => categories.with(category),
        Some(false) => categories.without(category),
        None => categories,
    })
}

/// `direction`, wherever it stands.
fn directions(fields: &Fields<'_>, report: &mut crate::report::Report) -> Option<Directions> {
    let senders = fields.word::<Senders>("direction", report)?.value;
    Some(Directions {
        client: senders.sides().contains(&Side::Client),
        upstream: senders.sides().contains(&Side::Upstream),
    })
}

fn decode(inspect: &Fields<'_>, defaults: DecodeLimits, report: &mut crate::report::Report) -> DecodeLimits {
    let Some(fields) = inspect.sub("decode", report) else { return defaults };
    DecodeLimits {
        depth: fields.number("depth", report).unwrap_or(defaults.depth),
        nesting: fields.number("nesting", report).unwrap_or(defaults.nesting),
        nodes: fields.number("nodes", report).unwrap_or(defaults.nodes),
        growth: fields.number("growth", report).unwrap_or(defaults.growth),
    }
}

/// Settings of the same kind, and where each stood.
type Placed<T> = (Vec<T>, Vec<Place>);

/// `pattern "id" "expression" score=5`.
fn patterns(fields: &Fields<'_>, cx: &mut Context<'_>) -> Placed<Pattern> {
    const HELP: &str = "write pattern \"id\" \"regular expression\"";
    let mut patterns: Placed<Pattern> = Default::default();
    for field in fields.all("pattern") {
        let own = of(&PATTERN, *field, cx);
        let score = own.number("score", cx.report).unwrap_or(5);
        let texts = texts_of(*field, &["an id", "a regular expression"], HELP, cx);
        let [Some(id), Some(regex)] = texts.as_slice() else { continue };
        let is_taken = patterns.0.iter().any(|pattern: &Pattern| *pattern.id == *id.value);
        let is_rule = rule_ids().any(|rule| rule == id.value);
        if is_taken || is_rule {
            cx.report
                .error(Code::DuplicateId, id.place, format!("the pattern `{}` is defined twice", id.value))
                .label(if is_rule { "a built-in rule is called so" } else { "for the second time" })
                .help("each pattern needs an id of its own");
        }
        patterns.0.push(Pattern { id: id.value.into(), regex: regex.value.into(), score });
        patterns.1.push(regex.place);
    }
    patterns
}

/// `redact pointer="/a/b"` and `redact pattern="expression"`.
fn redactions(fields: &Fields<'_>, cx: &mut Context<'_>) -> Placed<Redaction> {
    let mut redactions: Placed<Redaction> = Default::default();
    for field in fields.all("redact") {
        let own = of(&REDACT, *field, cx);
        if let Some(extra) = field.arguments.first() {
            cx.report
                .error(Code::ExtraValue, extra.place, "`redact` has no value without a name")
                .label("too much")
                .help("write redact pointer=\"/a/b\", or redact pattern=\"regular expression\"");
        }
        let (pointer, pattern) = (own.text("pointer", cx.report), own.text("pattern", cx.report));
        let (redaction, place) = match (pointer, pattern) {
            (Some(pointer), None) => (Redaction::Pointer(pointer.value.into()), pointer.place),
            (None, Some(pattern)) => (Redaction::Pattern(pattern.value.into()), pattern.place),
            (Some(_), Some(second)) => {
                cx.report
                    .error(Code::Conflict, second.place, "a `redact` has both `pointer` and `pattern`")
                    .label("the second of them")
                    .help("write a `redact` for each");
                continue;
            }
            (None, None) => {
                let is_bare = ["pointer", "pattern"].iter().all(|name| own.one(name).is_none());
                if field.arguments.is_empty() && is_bare {
                    cx.report
                        .error(Code::Incomplete, field.place(), "this `redact` does not say what")
                        .label("blackens nothing")
                        .help("write redact pointer=\"/a/b\", or redact pattern=\"regular expression\"");
                }
                continue;
            }
        };
        redactions.0.push(redaction);
        redactions.1.push(place);
    }
    redactions
}

/// `except "rule-id" …`.
fn exceptions(fields: &Fields<'_>, cx: &mut Context<'_>) -> Placed<Arc<str>> {
    let mut exceptions: Placed<Arc<str>> = Default::default();
    for text in fields.texts("except", cx.report) {
        if exceptions.0.iter().any(|other| **other == *text.value) {
            cx.report
                .error(Code::DuplicateValue, text.place, format!("the rule `{}` is named twice", text.value))
                .label("for the second time")
                .help("keep one of them");
            continue;
        }
        exceptions.0.push(text.value.into());
        exceptions.1.push(text.place);
    }
    exceptions
}

/// `json-schema "file" direction="client"`.
fn schemas(fields: &Fields<'_>, cx: &mut Context<'_>) -> Vec<SchemaFile> {
    let mut schemas: Vec<SchemaFile> = Vec::new();
    for field in fields.all("json-schema") {
        let own = of(&JSON_SCHEMA, *field, cx);
        let directions = directions(&own, cx.report).unwrap_or(Directions::CLIENT);
        let texts = texts_of(*field, &["a path"], "write json-schema \"file.json\"", cx);
        let [Some(path)] = texts.as_slice() else { continue };
        schemas.push(SchemaFile { file: cx.path(*path), directions });
    }
    schemas
}

/// What stands behind a setting with a name.
fn of<'a>(block: &'static Block, field: Field<'a>, cx: &mut Context<'_>) -> Fields<'a> {
    let pieces: Vec<_> = field.node.into_iter().collect();
    Fields::of(block, &pieces, cx.report)
}

/// The texts behind a setting, of which there must be these; each that is missing, empty or no text
/// is reported.
fn texts_of<'a>(
    field: Field<'a>,
    wanted: &[&str],
    help: &str,
    cx: &mut Context<'_>,
) -> Vec<Option<At<&'a str>>> {
    let name = &field.name.text;
    if let Some(extra) = field.arguments.get(wanted.len()) {
        cx.report
            .error(
                Code::ExtraValue,
                extra.place,
                format!("`{name}` has {} and no more", wanted.join(" and ")),
            )
            .label("too much")
            .help(help);
    }
    let key = INSPECT.key(name);
    let read = |(at, what): (usize, &&str)| {
        let Some(value) = field.arguments.get(at) else {
            cx.report
                .error(Code::MissingValue, field.place(), format!("this `{name}` lacks {what}"))
                .label(format!("{what} belongs behind it"))
                .help(help);
            return None;
        };
        let text = get::text(key?, value, cx.report)?;
        if text.value.is_empty() {
            cx.report
                .error(Code::MissingValue, text.place, format!("this `{name}` lacks {what}"))
                .label("empty")
                .help(help);
            return None;
        }
        Some(text)
    };
    wanted.iter().enumerate().map(read).collect()
}

/// Compiles what there is, for what only that can tell.
fn try_out(settings: &Settings, places: &Places, fields: &Fields<'_>, cx: &mut Context<'_>) {
    let Err(faults) = Inspection::compile(settings.clone()) else { return };
    let at = |places: &[Place], index: usize| places.get(index).copied().unwrap_or(fields.place);
    for fault in faults {
        match fault {
            Fault::Pattern { index, message } => {
                let place = at(&places.patterns, index);
                cx.report
                    .error(Code::BadRegex, place, "this regular expression cannot be used")
                    .help(message);
            }
            Fault::Redaction { index, message } => {
                let place = at(&places.redactions, index);
                match settings.redactions.get(index) {
                    Some(Redaction::Pointer(_)) => {
                        cx.report
                            .error(Code::BadPath, place, "this is not a JSON pointer")
                            .label(message)
                            .help(
                                "a pointer is like \"/user/password\"; `~` is written ~0, `/` in a name ~1",
                            );
                    }
                    Some(Redaction::Pattern(_)) | None => {
                        cx.report
                            .error(Code::BadRegex, place, "this regular expression cannot be used")
                            .help(message);
                    }
                }
            }
            Fault::Exception { index, id } => refuse_rule(&id, at(&places.exceptions, index), settings, cx),
            // There are none in these settings.
            Fault::Schema { message, .. } => {
                cx.report.error(Code::Objection, fields.place, message);
            }
        }
    }
}

fn refuse_rule(id: &str, place: Place, settings: &Settings, cx: &mut Context<'_>) {
    let mut known: Vec<&str> = rule_ids().collect();
    known.extend(settings.patterns.iter().map(|pattern| &*pattern.id));
    let help = match nearest(id, known) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => "docs/rules.md lists the rules".to_owned(),
    };
    cx.report
        .error(Code::UnknownReference, place, format!("no rule is called `{}`", id.escape_debug()))
        .label("not a rule")
        .help(help);
}

fn rule_ids() -> impl Iterator<Item = &'static str> {
    RULES.iter().flat_map(|rules| rules.iter()).map(|rule| rule.id)
}

fn warn_of_no_close(fields: &Fields<'_>, on_match: OnMatch, cx: &mut Context<'_>) {
    if on_match == OnMatch::Close {
        return;
    }
    for name in ["close-code", "close-reason"] {
        if let Some(field) = fields.one(name) {
            cx.report
                .warn(
                    Code::Useless,
                    field.place(),
                    format!("`{name}` has no effect: nothing closes the session"),
                )
                .label("has no effect")
                .help("write on-match \"close\", or remove it");
        }
    }
}

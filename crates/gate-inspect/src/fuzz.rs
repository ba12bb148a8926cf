//! The entry point for fuzzing: what holds of the judgement on any message.
//!
//! It is the same twice, what it tells is short and harmless, what goes on rewritten is clean and
//! still JSON, decoding keeps to its bounds, and JSON around a message hides nothing of it.

use std::fmt::Write;
use std::sync::LazyLock;

use gate_core::Side;
use gate_core::session::Verdict;

use crate::decode::{Equals, Views, decode, packet};
use crate::inspection::{Inspection, Judgement, Scratch};
use crate::settings::{DecodeLimits, Mode, OnMatch, Pattern, Redaction, Settings};
use crate::subject::{Kind, Subject};

/// Judges a message: a byte of flags, then the payload.
///
/// # Panics
/// Something does not hold: that is a bug to be found.
pub fn fuzz_inspection(data: &[u8]) {
    let Some((flags, payload)) = data.split_first() else { return };
    let kind = match (flags & 0x03, std::str::from_utf8(payload)) {
        (0 | 1, Ok(_)) => Kind::Text,
        (2, _) => Kind::Control,
        _ => Kind::Binary,
    };
    let subject = Subject { from: Side::Client, kind, payload };
    let mut scratch = Scratch::default();
    for inspection in [&*CLOSING, &*REDACTING] {
        let judgement = inspection.judge(subject, &mut scratch);
        check(&judgement);
        assert_eq!(judgement, inspection.judge(subject, &mut scratch), "another judgement the second time");
    }
    check_rewritten(&subject, &mut scratch);
    check_wrapped(&subject, &mut scratch);
    check_bounds(&subject);
}

fn check(judgement: &Judgement) {
    for finding in &judgement.findings {
        assert!(finding.excerpt.chars().count() <= 64, "{finding:?}");
        let is_harmless = |text: &str| !text.chars().any(char::is_control);
        assert!(is_harmless(&finding.excerpt) && is_harmless(&finding.place), "{finding:?}");
    }
}

/// What goes on in the place of a message with findings has none, and is JSON if the message was.
fn check_rewritten(subject: &Subject<'_>, scratch: &mut Scratch) {
    let judgement = REDACTING.judge(*subject, scratch);
    let Verdict::Rewrite(payload) = judgement.verdict else { return };
    let again = REDACTING.judge(Subject { payload: &payload, ..*subject }, scratch);
    assert_eq!(again.findings, [], "{}", payload.escape_ascii());
    let is_json = |payload: &[u8]| serde_json::from_slice::<serde_json::Value>(payload).is_ok();
    assert!(!is_json(subject.payload) || is_json(&payload), "{}", payload.escape_ascii());
}

/// A text that is stopped is stopped within a JSON string, however that is written.
fn check_wrapped(subject: &Subject<'_>, scratch: &mut Scratch) {
    let Ok(text) = std::str::from_utf8(subject.payload) else { return };
    // Several packets in one message are the message's own.
    let is_packet =
        text.bytes().any(|byte| byte == packet::SEPARATOR) || !packet::read(text.as_bytes()).head.is_empty();
    let plain = CLOSING.judge(Subject { kind: Kind::Text, ..*subject }, scratch);
    if is_packet || plain.verdict == Verdict::Allow {
        return;
    }
    let mut wrapped = String::from("[\"");
    for unit in text.encode_utf16() {
        let written = write!(wrapped, "\\u{unit:04x}");
        debug_assert!(written.is_ok(), "a string takes all that is written to it");
    }
    wrapped.push_str("\"]");
    let judgement =
        CLOSING.judge(Subject { kind: Kind::Text, payload: wrapped.as_bytes(), ..*subject }, scratch);
    assert_ne!(judgement.verdict, Verdict::Allow, "{plain:?}");
}

fn check_bounds(subject: &Subject<'_>) {
    let limits = DecodeLimits::default();
    let mut views = Views::default();
    decode(subject, &limits, Equals::Once, &mut views);
    let searched: usize = views.iter().map(|(_, view)| views.text(view, subject.payload).len()).sum();
    let factor = usize::from(limits.growth) * 4;
    assert!(searched <= factor * subject.payload.len() + (128 << 10), "{searched} bytes are searched");
}

static CLOSING: LazyLock<Inspection> = LazyLock::new(|| compile(Settings::default()));

static REDACTING: LazyLock<Inspection> = LazyLock::new(|| {
    let redactions = vec![Redaction::Pointer("/a".into()), Redaction::Pattern("[0-9]{4}-[0-9]{4}".into())];
    compile(Settings { mode: Mode::Block, on_match: OnMatch::Redact, redactions, ..Settings::default() })
});

fn compile(settings: Settings) -> Inspection {
    let patterns = vec![Pattern { id: "evil".into(), regex: "EVIL".into(), score: 5 }];
    let compiled = Inspection::compile(Settings { patterns, ..settings });
    compiled.expect("settings that do not depend on the input")
}

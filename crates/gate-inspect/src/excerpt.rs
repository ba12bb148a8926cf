//! Pieces of messages for logs: short, harmless to who reads them, without secrets.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder};

use crate::decode::{PathStep, Views};
use crate::detect::Found;
use crate::redact::Redactor;

/// A piece of the text around what met a rule.
pub(crate) fn excerpt(found: &Found, views: &Views, payload: &[u8], redactor: &Redactor) -> String {
    if is_secret(found.view, views, payload, redactor) {
        return HIDDEN.to_owned();
    }
    let text = views.get(found.view).map_or(&[][..], |view| views.text(view, payload));
    cut(text, &found.at, redactor)
}

/// At most so many characters of a text that is not a message's.
pub(crate) fn shorten(text: &str) -> String {
    let mut out = String::new();
    text.chars().try_for_each(|character| push(character, &mut out));
    out
}

/// Whether a text is, or came out of, what is nobody's business.
fn is_secret(index: usize, views: &Views, payload: &[u8], redactor: &Redactor) -> bool {
    let is_vessel = views.get(index).is_some_and(|view| !view.search.is_of_text());
    if is_vessel && views.iter().any(|(_, view)| view.is_auth()) {
        return true;
    }
    views.way_to(index).into_iter().any(|(parent, view)| {
        let text = parent.map_or(&[][..], |parent| views.text(parent, payload));
        let path = view.path(text);
        let is_named = path.iter().any(|step| matches!(step, PathStep::Key(key) if is_secret_name(key)));
        let is_redacted = !path.is_empty() && redactor.has_above(&path);
        view.is_auth() || is_named || is_redacted || view.offset().is_some_and(|at| is_in_secret(text, at))
    })
}

/// Whether that byte of a text is part of a secret.
fn is_in_secret(text: &[u8], at: usize) -> bool {
    let start = at.saturating_sub(BEFORE_MAX);
    let window = text.get(start..text.len().min(at + AFTER_MAX)).unwrap_or_default();
    credentials(window).any(|secret| secret.contains(&(at - start)))
}

/// The piece around `at`, with all secrets hidden.
fn cut(text: &[u8], at: &Range<usize>, redactor: &Redactor) -> String {
    let start = at.start.saturating_sub(BEFORE_MAX);
    let window = text.get(start..text.len().min(at.start + AFTER_MAX)).unwrap_or_default();
    let mut secrets: Vec<_> =
        credentials(window).chain(tokens(window)).chain(redactor.matches(window)).collect();
    secrets.retain(|secret| !secret.is_empty());
    secrets.sort_unstable_by_key(|secret| secret.start);
    let mut out = String::new();
    let mut next = (at.start - start).saturating_sub(CONTEXT);
    // The window may begin within a character.
    while window.get(next).is_some_and(|byte| byte & 0xc0 == 0x80) {
        next += 1;
    }
    let mut is_whole = true;
    for secret in &secrets {
        if secret.end <= next {
            continue;
        }
        let plain = window.get(next..secret.start.max(next)).unwrap_or_default();
        is_whole = is_whole && push_all(plain, &mut out) && push_all(HIDDEN.as_bytes(), &mut out);
        next = next.max(secret.end);
    }
    if is_whole {
        push_all(window.get(next..).unwrap_or_default(), &mut out);
    }
    out
}

/// Appends text as long as there is room; false if there was not enough.
fn push_all(text: &[u8], out: &mut String) -> bool {
    let head = text.get(..text.len().min(4 * LENGTH_MAX)).unwrap_or_default();
    String::from_utf8_lossy(head).chars().try_for_each(|character| push(character, out)).is_some()
        && head.len() == text.len()
}

fn push(character: char, out: &mut String) -> Option<()> {
    let is_plain = !character.is_control() && !is_invisible(character);
    let length = if is_plain { 1 } else { character.escape_default().count() };
    if out.chars().count() + length > LENGTH_MAX {
        return None;
    }
    if is_plain {
        out.push(character);
    } else {
        out.extend(character.escape_default());
    }
    Some(())
}

/// Whether a character changes how others are shown, or is not shown.
const fn is_invisible(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Whether the value of such a key is a secret.
fn is_secret_name(key: &[u8]) -> bool {
    let letters = key.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase);
    let name: Vec<_> = letters.take(NAME_MAX).collect();
    let has = |word: &&str| memchr::memmem::find(&name, word.as_bytes()).is_some();
    SECRET_WORDS.iter().any(has) || SECRET_NAMES.iter().any(|known| known.as_bytes() == name)
}

/// Values behind the names of secrets, and tokens that are told by their form.
fn credentials(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let group = |found: regex::bytes::Captures<'_>| found.get(1).map(|value| value.range());
    let named = NAMED.captures_iter(text).filter_map(group);
    let schemes = SCHEME.captures_iter(text).filter_map(group);
    named.chain(schemes).chain(JWT.find_iter(text).map(|found| found.range()))
}

/// Long words that nobody has written by hand.
fn tokens(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let is_random = |word: &[u8]| {
        let has = |is_of: fn(&u8) -> bool| word.iter().any(is_of);
        has(u8::is_ascii_digit)
            && (has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase)
                || word.iter().all(u8::is_ascii_hexdigit))
    };
    WORD.find_iter(text).filter(move |word| is_random(word.as_bytes())).map(|word| word.range())
}

static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r#"(?i)(?:passw(?:or)?d|passphrase|pwd|secret|token|credential|authorization|cookie|api[_-]?key|access[_-]?key|private[_-]?key|session[_-]?id)[a-z0-9_-]{0,16}["'\\]{0,4}\s{0,4}(?:[:=]|%3d)\s{0,4}["'\\]{0,4}(?:(?:bearer|basic|token)\s{1,4})?([^\s"'&;,<>(){}\[\]\\]+)"#,
    )
});
static SCHEME: LazyLock<Regex> =
    LazyLock::new(|| compile(r"(?i)\b(?:bearer|basic)\s{1,4}([a-z0-9._~+/=-]{8,})"));
static JWT: LazyLock<Regex> =
    LazyLock::new(|| compile(r"eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?"));
static WORD: LazyLock<Regex> = LazyLock::new(|| compile(r"[A-Za-z0-9+/_-]{32,}={0,2}"));

/// Builds what is built once, before a message needs it.
pub(crate) fn warm_up() {
    LazyLock::force(&NAMED);
    LazyLock::force(&SCHEME);
    LazyLock::force(&JWT);
    LazyLock::force(&WORD);
}

fn compile(expression: &str) -> Regex {
    let built = RegexBuilder::new(expression).unicode(false).build();
    built.expect("a constant that the tests compile")
}

/// What a key of a secret has in it, without its punctuation.
const SECRET_WORDS: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "authorization",
    "apikey",
    "accesskey",
    "privatekey",
    "sessionid",
    "cookie",
    "signature",
    "bearer",
];
/// What it may be called altogether.
const SECRET_NAMES: [&str; 9] = ["auth", "pwd", "pass", "pin", "otp", "cvv", "cvc", "jwt", "sid"];

const HIDDEN: &str = "***";
/// How long an excerpt is at most, in characters.
const LENGTH_MAX: usize = 64;
/// What is shown before that which met the rule, in bytes.
const CONTEXT: usize = 16;
/// How far before the excerpt the name of a secret may stand, and how long that secret may be.
const BEFORE_MAX: usize = 4096;
const AFTER_MAX: usize = 1024;
/// How much of a key is looked at.
const NAME_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str, at: &str) -> String {
        let start = text.find(at).expect("it is there");
        cut(text.as_bytes(), &(start..start + at.len()), &Redactor::default())
    }

    #[test]
    fn a_piece_around_the_hit_is_shown() {
        let long = format!("{}<script>{}", "a ".repeat(50), "b ".repeat(50));
        let shown = show(&long, "<script>");
        assert!(shown.starts_with("a a a a a a a a <script>b b ") && shown.chars().count() == 64, "{shown}");
        assert_eq!(show("short", "or"), "short");
        assert_eq!(show("ééééééééééééé<b>", "<b>"), "éééééééé<b>");
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(show("a\r\nb\u{1b}[31m<b>\u{0}\u{202e}x", "<b>"), r"a\r\nb\u{1b}[31m<b>\u{0}\u{202e}x");
        assert_eq!(shorten("a\nb"), r"a\nb");
        assert_eq!(shorten(&"x".repeat(100)).len(), 64);
    }

    #[test]
    fn secrets_are_hidden() {
        let cases = [
            ("password=hunter2&q=<b>", "<b>", "sword=***&q=<b>"),
            ("{\"token\": \"abc\", q: <b>", "<b>", "ken\": \"***\", q: <b>"),
            ("Authorization: Bearer abc.def <b>", "<b>", " Bearer *** <b>"),
            ("basic dXNlcjpwYXNz <b>", "<b>", "ic *** <b>"),
            ("x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln <b>", "<b>", "*** <b>"),
            ("AAAABBBBCCCCDDDDeeeeffff00001111222 <b>", "<b>", "*** <b>"),
            ("0123456789abcdef0123456789abcdef <b>", "<b>", "*** <b>"),
            ("a/long/path/to/some/where/and/further/on <b>", "<b>", "/and/further/on <b>"),
            ("api_key='k' or 1=1", "or", "api_key='***' or 1=1"),
            ("the secret is <b>", "<b>", "the secret is <b>"),
        ];
        for (text, at, expected) in cases {
            assert_eq!(show(text, at), expected, "{text}");
        }
        let far = format!("password={}<b>", "x".repeat(2000));
        assert_eq!(show(&far, "<b>"), "***<b>");
    }

    #[test]
    fn names_of_secrets_are_known_in_any_spelling() {
        for name in
            ["password", "newPassword", "API-Key", "x_api_key", "access_token", "auth", "client.secret"]
        {
            assert!(is_secret_name(name.as_bytes()), "{name}");
        }
        for name in ["author", "passenger", "side", "text", "pinned", ""] {
            assert!(!is_secret_name(name.as_bytes()), "{name}");
        }
    }
}

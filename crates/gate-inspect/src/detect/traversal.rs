//! Paths out of where they belong, and to files of the system.
//!
//! A text is brought into its plain form ([`mod@canonical`]), cut into paths, and each path is walked
//! ([`run`]): what counts is how far it climbs, how much of it was disguised and where it leads
//! ([`targets`]). A few steps up to a source file is how programs name their neighbours.

mod canonical;
mod run;
mod targets;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::bytes::Regex;

use self::canonical::{Unit, canonical, is_slash};
use self::run::Climb;
use self::targets::{TARGETS, ends_privately};
use super::{ByteSet, Hits, Rule, Text};
use crate::category::Category;

const fn rule(id: &'static str, score: u16, what: &'static str) -> Rule {
    Rule { id, category: Category::PathTraversal, score, what }
}

pub(super) static RULES: &[Rule] = &[
    rule(
        "traversal-encoded",
        5,
        "dots or slashes of a climbing path in disguise (%2e%2e%2f, ..%c0%af, 0x2e)",
    ),
    rule("traversal-sensitive-file", 5, "a path that climbs to a file attackers want (../etc/passwd)"),
    rule("traversal-above-root", 5, "a path that climbs above its root (/../x, /a/../../x)"),
    rule("traversal-deep", 5, "six steps up or more in a row"),
    rule("traversal-relative", 3, "three steps up or more in a row"),
    rule("traversal-server-file", 2, "a climbing path to a kind of file that servers keep to themselves"),
    rule("traversal-filter-dots", 5, "segments that become .. once a filter has cut .. out (....//)"),
    rule("traversal-self-chain", 5, "a long chain of ./, or one with both kinds of slashes"),
    rule("traversal-system-file", 5, "a value that is the path of a file of the system (/etc/passwd)"),
    rule("traversal-wrapper", 5, "a URL that makes a runtime read a file (php://filter, file:///etc/passwd)"),
    rule("traversal-admin-share", 5, "a UNC path to an administrative share (\\\\host\\c$)"),
    rule("traversal-nul", 3, "an escaped NUL behind a path, which ends it for C code"),
];

const PATH_BYTES: ByteSet = ByteSet::of(b"\0/\\%\xc0\xc1\xe2\xef");
const ZERO: ByteSet = ByteSet::of(b"0");
const EX: ByteSet = ByteSet::of(b"xX");

/// One of these is in every text that a rule meets.
static HINTS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let hints: [&[u8]; 41] = [
        b"\0",
        b"..",
        b"%2e",
        b"2e%",
        b"%c0",
        b"%c1",
        b"%u",
        b"%25",
        b"%%",
        b"%5c",
        b"%2f",
        b"%00",
        b"%e0",
        b"%ef",
        b"\xc0",
        b"\xc1",
        b"\xef\xbc",
        b"\xe2\x88",
        b"\xe2\x80\xa4",
        b"\xe2\x80\xa5",
        b"0x2e",
        b"0x5c",
        b"0x2f",
        b"./",
        b".\\",
        b"etc/",
        b"etc\\",
        b".ini",
        b"proc/",
        b"/.",
        b"\\.",
        b"://",
        b"$",
        b"-inf",
        b"winnt",
        b"system32",
        b"repair",
        b"sam",
        b"windows",
        b"file:",
        b"pd9wa",
    ];
    AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(hints).ok()
});

/// Schemes by which runtimes read files, and the shares by which Windows gives out its disks.
static WRAPPER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?-u)\bphp://(?:filter\b[^\s]*(?:resource|convert|read|string|zlib)|input\b|fd/\d)",
        r"|\b(?:expect|ogg|ssh2\.\w+|rar|zip|phar|glob|compress\.\w+)://[^\s/]*[/\w]|\b(?:netdoc|jar):(?:file:|https?:)?/",
        r"|\bdata:(?://)?(?:text/plain)?;base64,pd9wa|\bfile:(?:/{1,4}|\\+)(?:localhost|127\.0\.0\.1)?[/\\]*",
        r"(?:etc/(?:passwd|shadow|group|hosts|issue)|proc/|c:[/\\]+(?:boot|win)|c:[/\\]+windows|[a-z]:/winnt|var/log|dev/|root/|\w+/\.ssh)",
    ))
    .ok()
});
static ADMIN_SHARE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?-u)(?:^|[^\\/\w])(?:\\\\|//)[\w.-]{1,64}[\\/](?:[a-z]\$|admin\$|ipc\$)(?:[\\/]|$|\W)").ok()
});

static NUL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?-u)[\w/\\]\.\w{1,8}(?:%(?:25)*00|\x00)\.?\w").ok());

pub(super) fn detect(text: Text<'_>, hits: &mut Hits) {
    let hexadecimal = text.bytes.has_any(ZERO) && text.bytes.has_any(EX);
    if !text.bytes.has_any(PATH_BYTES) && !hexadecimal {
        return;
    }
    let (Some(hints), Some(targets)) = (&*HINTS, &*TARGETS) else { return };
    if !hints.is_match(text.lower) {
        return;
    }
    let units = canonical(text.lower);
    let is_edge = |unit: &&Unit| is_boundary(unit.byte);
    let edges = units.iter().take_while(is_edge).count() + units.iter().rev().take_while(is_edge).count();
    let mut paths = Paths { rest: &units, behind: None };
    while let Some((path, behind)) = paths.next() {
        look_at(path, targets, hits);
        let whole = path.len() + edges >= units.len();
        if (whole || behind == Some(b'=')) && targets.is_system(&rooted(path)) {
            meet("traversal-system-file", range(path), hits);
        }
    }
    for (id, regex) in
        [("traversal-wrapper", &WRAPPER), ("traversal-admin-share", &ADMIN_SHARE), ("traversal-nul", &NUL)]
    {
        if let Some(found) = regex.as_ref().and_then(|regex| regex.find(text.lower)) {
            meet(id, found.range(), hits);
        }
    }
}

fn look_at(path: &[Unit], targets: &targets::Targets, hits: &mut Hits) {
    if !path.iter().any(|unit| unit.byte == b'.') || !path.iter().any(|unit| is_slash(unit.byte)) {
        return;
    }
    let climb = Climb::of(path);
    let climbs = climb.ups > 0 || climb.dots > 0 || climb.selves > 1;
    let hidden = climb.disguised > 0 || climb.escaped > 0;
    let high = climb.chain > 2 || climb.dots > 1 || hidden;
    let leads = targets.is_secret(&climb.tail) || (high && targets.is_private(&climb.tail));
    let facts = [
        ("traversal-encoded", climb.disguised > 0 || climb.escaped > 1),
        ("traversal-sensitive-file", (climbs || hidden) && leads),
        ("traversal-above-root", climb.above_root),
        ("traversal-deep", climb.chain > 5),
        ("traversal-relative", climb.chain > 2),
        ("traversal-server-file", (climb.ups > 1 || hidden) && ends_privately(&climb.tail)),
        ("traversal-filter-dots", climb.dots > 2 || climb.long_dots && climb.ups + climb.dots > 1),
        ("traversal-self-chain", climb.selves > if climb.mixed { 1 } else { 5 }),
    ];
    for (id, _) in facts.into_iter().filter(|(_, met)| *met) {
        meet(id, range(path), hits);
    }
}

/// The paths of a text: what stands between blanks, quotes and the marks between values.
struct Paths<'a> {
    rest: &'a [Unit],
    /// What stood before `rest`.
    behind: Option<u8>,
}

impl<'a> Paths<'a> {
    fn next(&mut self) -> Option<(&'a [Unit], Option<u8>)> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let behind = self.behind;
            let end = self.rest.iter().position(|unit| is_boundary(unit.byte)).unwrap_or(self.rest.len());
            let (path, after) = self.rest.split_at_checked(end)?;
            self.behind = after.first().map(|unit| unit.byte);
            self.rest = after.get(1..).unwrap_or_default();
            if path.len() > 1 {
                return Some((path, behind));
            }
        }
    }
}

const fn is_boundary(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'|' | b',' | b'=')
        || matches!(byte, b'(' | b')' | b'[' | b']' | b'&' | b'!')
}

/// A path without needless slashes and dots, a slash at its start.
fn rooted(path: &[Unit]) -> Vec<u8> {
    let mut plain = vec![b'/'];
    for unit in path {
        let byte = if is_slash(unit.byte) { b'/' } else { unit.byte };
        if byte == b'/' && plain.ends_with(b"/.") {
            plain.pop();
        } else if byte != b'/' || plain.last() != Some(&b'/') {
            plain.push(byte);
        }
    }
    plain
}

fn range(path: &[Unit]) -> Range<usize> {
    let start = path.first().map_or(0, |unit| unit.at);
    start..path.last().map_or(start, |unit| unit.at + 1)
}

fn meet(id: &str, at: Range<usize>, hits: &mut Hits) {
    if let Some(rule) = RULES.iter().find(|rule| rule.id == id) {
        hits.add(rule, at);
    }
}

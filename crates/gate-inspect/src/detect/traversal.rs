//! Paths out of where they belong, and to files of the system.
//!
//! A text is brought into its plain form ([`mod@canonical`]), cut into paths, and each path is walked
//! ([`run`]): what counts is how far it climbs, how much of it was disguised and where it leads
//! ([`targets`], [`place`]). A few steps up to a source file is how programs name their neighbours.

mod canonical;
mod place;
mod run;
mod targets;
#[cfg(test)]
mod tests;
mod value;

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use memchr::memmem;
use regex::bytes::Regex;

use self::canonical::{Unit, bare_slash, canonical, is_slash};
use self::run::Climb;
use self::targets::{TARGETS, ends_privately};
use self::value::Of;
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
    rule(
        "traversal-wrapper",
        5,
        "a URL that makes a runtime read a file or tell a secret (php://filter, file:///etc/passwd)",
    ),
    rule(
        "traversal-admin-share",
        5,
        "a UNC path to an administrative share or a program (\\\\host\\c$, \\\\host\\x.dll)",
    ),
    rule("traversal-file-name", 5, "the name of a given file that climbs (filename=\"../x\")"),
    rule(
        "traversal-remote-file",
        5,
        "an address of a script with what hides the ending that is put behind it",
    ),
    rule("traversal-stream", 5, "a stream of Windows in place of a file (x.asp::$DATA)"),
    rule("traversal-nul", 3, "an escaped NUL behind a path, which ends it for C code"),
];

const PATH_BYTES: ByteSet = ByteSet::of(b"\0/\\%\xc0\xc1\xe2\xef");
const ZERO: ByteSet = ByteSet::of(b"0");
const EX: ByteSet = ByteSet::of(b"xX");
const COLON: ByteSet = ByteSet::of(b":");
const DOLLAR: ByteSet = ByteSet::of(b"$");
const BLANK: ByteSet = ByteSet::of(b" ");

/// One of these is in every text that a rule meets.
static HINTS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let hints: [&[u8]; 55] = [
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
        b"%e2",
        b"%f0",
        b"%f8",
        b"%fc",
        b"%bg%",
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
        b"git/",
        b"svn/",
        b"/.",
        b"\\.",
        b"://",
        b"::$",
        b"$/",
        b"$\\",
        b"c$",
        b"d$",
        b"e$",
        b"admin$",
        b"ipc$",
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
        r"|\bdata:(?://)?(?:text/plain)?(?:;base64,pd9wa|,\s*<\?)|\bfile:(?:/{1,4}|\\+)(?:localhost|127\.0\.0\.1)?[/\\]*",
        r"(?:etc/(?:passwd|shadow|group|hosts|issue)|proc/|c:[/\\]+(?:boot|win)|c:[/\\]+windows|[a-z]:/winnt|var/log|dev/|root/|\w+/\.ssh)",
        // What is named in manuals, too, but there not as a value of its own.
        r"|(?:^|=)\W{0,4}(?:php://(?:stdin|temp|memory|output)(?:[&?/]|\s*$)|gopher://[^\s/]+/_|dict://[^\s/]+:\d",
        r"|https?://(?:169\.254\.169\.254|100\.100\.100\.200|metadata\.google\.internal|\[fd00:ec2::254\])(?:[/:?]|$))",
    ))
    .ok()
});
static SHARE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?-u)(?:^|[^\\/\w])[\\/]{2}[\w.:@-]+[\\/](?:[a-z]\$|admin\$|ipc\$)(?:[\\/]|$|\W)",
        r"|^\s*\\\\[\w.:-]+(?:@(?:\d+|ssl)[\w@]*\\|\\\S*\.(?:dll|exe|php\d?|aspx?|jsp|hta|ps1|bat|cmd|vbs|scr|xel|trc)\s*$)",
    ))
    .ok()
});

static NUL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?-u)[\w/\\]\.\w{1,8}(?:%(?:25)*00|\x00)\.?\w").ok());
/// The name under which a form gives a file, as far up as it climbs.
static FILE_NAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?-u)\bfilename\*?=[\x22']?[^\x22'\s]*\.\.[/\\](?:\.\.[/\\]|[^\x22'\s]*\.(?:php|phtml|jspx?|aspx?|sh|py|pl|cgi|exe|dll)\b)").ok()
});
static STREAM: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?-u)^\S*::\$(?:data|index_allocation)\b").ok());

/// Builds what is built once, before a message needs it.
pub(super) fn warm_up() {
    LazyLock::force(&HINTS);
    LazyLock::force(&WRAPPER);
    LazyLock::force(&SHARE);
    LazyLock::force(&NUL);
    LazyLock::force(&STREAM);
    LazyLock::force(&FILE_NAME);
    targets::warm_up();
}

pub(super) fn detect(text: Text<'_>, hits: &mut Hits) {
    let hexadecimal = text.bytes.has_any(ZERO) && text.bytes.has_any(EX);
    let stream = text.bytes.has_any(COLON) && text.bytes.has_any(DOLLAR);
    let bare = bare_slash(text.lower).is_some();
    if !text.bytes.has_any(PATH_BYTES) && !hexadecimal && !stream && !bare {
        return;
    }
    let (Some(hints), Some(targets)) = (&*HINTS, &*TARGETS) else { return };
    if !value::is_like_path(text.lower) && !hints.is_match(text.lower) {
        return;
    }
    let units = canonical(text.lower);
    let is_edge = |unit: &&Unit| is_boundary(unit.byte);
    let edges = units.iter().take_while(is_edge).count() + units.iter().rev().take_while(is_edge).count();
    let is_parameter = !text.bytes.has_any(BLANK);
    let mut paths = Paths { rest: &units, behind: None, has_blanks: value::has_blanks(text.lower) };
    while let Some((path, behind)) = paths.next() {
        look_at(path, targets, hits);
        let whole = path.len() + edges >= units.len();
        if (whole || behind == Some(b'=')) && targets.is_system(&rooted(path)) {
            meet("traversal-system-file", range(path), hits);
        }
        let parameter = behind == Some(b'=') && is_parameter && !is_variable(text.raw, path);
        let is_of = if parameter { Of::Parameter } else { Of::Text };
        if (whole || parameter)
            && let Some(rule) = value::look_at(path, is_of)
        {
            meet(rule, range(path), hits);
        }
    }
    if value::is_remote_file(text.lower) {
        meet("traversal-remote-file", 0..text.lower.len(), hits);
    }
    search_patterns(text, hits);
}

/// What is not a path of its own: each pattern costs a search, so the bytes that it wants come first.
fn search_patterns(text: Text<'_>, hits: &mut Hits) {
    let has = |set: ByteSet| text.bytes.has_any(set);
    let patterns = [
        ("traversal-wrapper", &WRAPPER, has(COLON)),
        ("traversal-admin-share", &SHARE, has(const { ByteSet::of(b"\\$") })),
        ("traversal-nul", &NUL, has(const { ByteSet::of(b"%\0") })),
        ("traversal-stream", &STREAM, has(COLON) && has(DOLLAR)),
        ("traversal-file-name", &FILE_NAME, memmem::find(text.lower, b"filename").is_some()),
    ];
    for (id, regex, _) in patterns.into_iter().filter(|(_, _, may)| *may) {
        if let Some(found) = regex.as_ref().and_then(|regex| regex.find(text.lower)) {
            meet(id, found.range(), hits);
        }
    }
}

/// Whether the name before a path is that of a variable of the environment: `PATH=/usr/bin`.
fn is_variable(raw: &[u8], path: &[Unit]) -> bool {
    let name = path.first().and_then(|unit| unit.at.checked_sub(2)).and_then(|at| raw.get(at));
    name.is_some_and(u8::is_ascii_uppercase)
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
        (
            "traversal-filter-dots",
            climb.dots > 2 || climb.nested > 1 || climb.long_dots && climb.ups + climb.dots > 1,
        ),
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
    /// Whether names of the paths have blanks and parentheses.
    has_blanks: bool,
}

impl<'a> Paths<'a> {
    fn next(&mut self) -> Option<(&'a [Unit], Option<u8>)> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let behind = self.behind;
            let is_end = |unit: &Unit| {
                is_boundary(unit.byte) && !(self.has_blanks && matches!(unit.byte, b' ' | b'(' | b')'))
            };
            let end = self.rest.iter().position(is_end).unwrap_or(self.rest.len());
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

//! `location`: which paths, and in which order nginx asks.

use gate_core::path::normalise;
use regex::{Regex, RegexBuilder};

use crate::kdl::Node;

use super::notes::Notes;
use super::parser::Directive;
use super::scope::Scope;
use crate::slug::slug;

/// A location, wherever it was nested.
#[derive(Clone, Debug)]
pub(super) struct Location<'a> {
    /// `None`: what stands in the server itself.
    pub(super) directive: Option<&'a Directive>,
    pub(super) scope: Scope<'a>,
    pub(super) kind: Kind,
    /// The path of the outermost location that it stands in.
    pub(super) within: Option<String>,
    /// Why `kind` fits more paths than the location does in nginx; `None`: it does not.
    pub(super) excess: Option<&'static str>,
    /// A field that requests must have as well, from an `if`.
    pub(super) field: Option<Node>,
}

/// Which paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `= /path`
    Exact(String),
    /// `/path`, and `^~ /path`, which keeps expressions from being asked.
    Prefix { path: String, stops: bool },
    /// `~ expression`, and `~*`, for which the case does not count.
    Regex(String),
    /// `@name`
    Named(String),
}

/// Why a prefix is also an expression.
const BEYOND: &str = "As in nginx the path need not end there: /chatter begins with /chat. Without the next line only what \
                      is below fits.";

/// Bytes that a compiled regular expression may have in Framegate's files.
const REGEX_SIZE_MAX: usize = 1024 * 1024;

impl Kind {
    /// Reads the arguments: `= /a`, `=/a`, `/a`.
    fn of(directive: &Directive) -> Self {
        let (mark, pattern) = match (directive.arg(0), directive.arg(1)) {
            (Some(mark), Some(pattern)) => (mark, pattern),
            (first, _) => {
                let text = first.unwrap_or_default();
                let mark = ["=", "^~", "~*", "~"]
                    .into_iter()
                    .find(|mark| text.starts_with(mark))
                    .unwrap_or_default();
                (mark, text.strip_prefix(mark).unwrap_or(text))
            }
        };
        match mark {
            "=" => Self::Exact(pattern.to_owned()),
            "~" => Self::Regex(pattern.to_owned()),
            "~*" => Self::Regex(format!("(?i){pattern}")),
            _ if pattern.starts_with('@') => Self::Named(pattern.to_owned()),
            _ => Self::Prefix { path: pattern.to_owned(), stops: mark == "^~" },
        }
    }

    /// For the name of the route; empty for `/`.
    pub(super) fn slug(&self) -> String {
        match self {
            Self::Exact(path) => format!("{}-exact", slug(path)).trim_start_matches('-').to_owned(),
            Self::Prefix { path, .. } => slug(path),
            Self::Regex(text) => {
                let slug = slug(&words(text.strip_prefix("(?i)").unwrap_or(text)));
                if slug.is_empty() { "expression".to_owned() } else { slug }
            }
            Self::Named(name) => slug(name),
        }
    }

    /// The path of a prefix.
    fn prefix(&self) -> Option<String> {
        match self {
            Self::Prefix { path, .. } => Some(path.clone()),
            Self::Exact(_) | Self::Regex(_) | Self::Named(_) => None,
        }
    }

    /// Whether every path fits.
    pub(super) fn is_all(&self) -> bool {
        matches!(self, Self::Prefix { path, .. } if path == "/" || path.is_empty())
    }

    /// The conditions of a route; none for all paths.
    ///
    /// # Errors
    /// No route can have them: why.
    pub(super) fn conditions(&self) -> Result<Vec<Node>, String> {
        match self {
            Self::Exact(path) => Ok(vec![Node::new("path").text(&normal(path)?)]),
            Self::Prefix { .. } if self.is_all() => Ok(Vec::new()),
            Self::Prefix { path, .. } => {
                let path = normal(path)?;
                let mut nodes = vec![Node::new("path-prefix").text(&path)];
                if !path.ends_with('/') {
                    let any = Node::new("path-regex").text(&format!("^{}", regex::escape(&path)));
                    nodes.push(any.comment(BEYOND));
                }
                Ok(nodes)
            }
            Self::Regex(text) => match RegexBuilder::new(text).size_limit(REGEX_SIZE_MAX).build() {
                Ok(_) => Ok(vec![Node::new("path-regex").text(text)]),
                Err(regex::Error::CompiledTooBig(_)) => Err("the expression is too large".to_owned()),
                Err(_) => Err("expressions have no look-around and no back-references".to_owned()),
            },
            Self::Named(_) => Err("no request asks for a name".to_owned()),
        }
    }

    /// Conditions for at least the same paths, where there are none for the same: of an expression
    /// without its look-around, or of what it begins with.
    pub(super) fn wider(&self) -> Option<Vec<Node>> {
        let Self::Regex(text) = self else { return None };
        let found = without_look_around(text).and_then(|text| Self::Regex(text).conditions().ok());
        let beginning = || Some(vec![Node::new("path-regex").text(&beginning(text))]);
        found.or_else(beginning)
    }

    /// Whether requests are compared in a spelling that an expression cannot foresee: nginx
    /// compares octets, Framegate escapes.
    pub(super) fn is_spelled_otherwise(&self) -> bool {
        let Self::Regex(text) = self else { return false };
        let octets = |c: char| !c.is_ascii() || " \"<>`%".contains(c);
        text.contains(octets) || ["\\s", "\\x", "\\p", "\\P"].iter().any(|class| text.contains(class))
    }
}

/// An expression without look-around, which fits at least as much.
fn without_look_around(text: &str) -> Option<String> {
    let mut wider = text.to_owned();
    while let Some(start) = LOOK_AROUND.iter().find_map(|opening| wider.find(opening)) {
        let end = start + depths(wider.get(start..)?).find(|(_, _, depth)| *depth == 0)?.0;
        wider.replace_range(start..=end, "");
    }
    (wider != text).then_some(wider)
}

/// The characters of an expression, each with its place and how many groups are open behind it.
fn depths(text: &str) -> impl Iterator<Item = (usize, char, i32)> {
    let (mut depth, mut is_class, mut is_escaped) = (0_i32, false, false);
    text.char_indices().map(move |(at, c)| {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '[' => is_class = true,
            ']' => is_class = false,
            '(' if !is_class => depth += 1,
            ')' if !is_class => depth -= 1,
            _ => {}
        }
        (at, c, depth)
    })
}

/// An expression for all that begins as what fits another one must; for every path, if that
/// does not say how.
fn beginning(text: &str) -> String {
    let (flags, text) = text.strip_prefix("(?i)").map_or(("", text), |rest| ("(?i)", rest));
    let anchored = text.strip_prefix('^').filter(|rest| !has_alternatives(rest)).unwrap_or_default();
    let mut literal = String::new();
    let mut chars = anchored.chars().peekable();
    while let Some(c) = chars.next() {
        let c = match c {
            '\\' => match chars.next() {
                Some(c) if c.is_ascii_punctuation() => c,
                Some(_) | None => break,
            },
            c if c.is_ascii_alphanumeric() || "/-_~@:,;=&!%".contains(c) => c,
            _ => break,
        };
        // A quantifier may take it away.
        if matches!(chars.peek(), Some('*' | '?' | '{' | '+')) {
            break;
        }
        literal.push(c);
    }
    format!("{flags}^{}", regex::escape(&literal))
}

/// Whether an expression may fit what does not begin as its text does.
fn has_alternatives(text: &str) -> bool {
    depths(text).any(|(_, c, depth)| c == '|' && depth <= 0)
}

/// The words in an expression, for a name.
fn words(expression: &str) -> String {
    let mut words = String::new();
    let mut chars = expression.chars();
    while let Some(c) = chars.next() {
        let next = match c {
            '\\' => chars.next().filter(|escaped| !escaped.is_ascii_alphanumeric()),
            '{' | '[' => {
                let end = if c == '{' { '}' } else { ']' };
                chars.by_ref().find(|c| *c == end).and(None)
            }
            c if c.is_ascii_alphanumeric() || c == '_' => Some(c),
            _ => None,
        };
        words.push(next.unwrap_or('-'));
    }
    words
}

/// How look-around begins.
const LOOK_AROUND: [&str; 4] = ["(?!", "(?=", "(?<!", "(?<="];

/// A path as requests are compared: nginx's are decoded, Framegate's are not.
fn normal(path: &str) -> Result<String, String> {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~:@!$&'()*+,;=".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    normalise(&encoded).map(|path| path.into_owned()).map_err(|fault| fault.to_string())
}

/// All locations of a server, those in others included, in the order in which nginx asks
/// expressions: those in the fitting location first.
pub(super) fn locations<'a>(
    scope: &Scope<'a>,
    comments: &mut Vec<String>,
    notes: &mut Notes<'_>,
) -> Vec<Location<'a>> {
    let mut all = Vec::new();
    for directive in scope.own().iter().filter(|directive| directive.is("location")) {
        let location = Location {
            directive: Some(directive),
            scope: scope.inner(directive.children()),
            kind: Kind::of(directive),
            within: None,
            excess: None,
            field: None,
        };
        let mut inner = Vec::new();
        nested(&location, &mut inner);
        all.push((0, location));
        all.extend(inner.into_iter().map(|location| (1, location)));
    }
    let paths: Vec<String> = all
        .iter()
        .filter(|(depth, _)| *depth == 0)
        .filter_map(|(_, location)| location.kind.prefix())
        .collect();
    for (_, location) in all.iter().filter(|(depth, _)| *depth > 0) {
        comments.extend(beyond(location, &paths, notes));
    }
    for (_, location) in &all {
        comments.extend(unasked(location, &all, notes));
    }
    // Only expressions are asked in their order, and those in a block before those around it.
    all.sort_by_key(|(depth, location)| !(*depth > 0 && matches!(location.kind, Kind::Regex(_))));
    all.into_iter().map(|(_, location)| location).collect()
}

/// A prefix below one that stops goes before expressions here, since it has to go before that.
fn unasked(location: &Location<'_>, all: &[(u8, Location<'_>)], notes: &mut Notes<'_>) -> Option<String> {
    let Kind::Prefix { path, stops: false } = &location.kind else { return None };
    let kinds = || all.iter().map(|(_, other)| &other.kind);
    let is_below =
        |kind: &Kind| matches!(kind, Kind::Prefix { path: stop, stops: true } if path.starts_with(stop));
    let has_expressions = kinds().any(|kind| matches!(kind, Kind::Regex(_)));
    let what = "nginx asks the expressions before it, Framegate does not, since it is below one with ^~";
    let directive = location.directive.filter(|_| has_expressions && kinds().any(is_below));
    directive.map(|directive| notes.differs(directive, what))
}

/// An expression within a block is not asked by nginx where a longer prefix fits.
fn beyond(location: &Location<'_>, paths: &[String], notes: &mut Notes<'_>) -> Option<String> {
    let (Kind::Regex(_), Some(outer)) = (&location.kind, &location.within) else { return None };
    let longer = paths.iter().find(|path| path.starts_with(&**outer) && path.len() > outer.len())?;
    let what = format!("nginx does not ask it below `{longer}`, Framegate does");
    location.directive.map(|directive| notes.differs(directive, &what))
}

fn nested<'a>(outer: &Location<'a>, found: &mut Vec<Location<'a>>) {
    for directive in outer.scope.own().iter().filter(|directive| directive.is("location")) {
        let kind = match (&outer.kind, Kind::of(directive)) {
            (Kind::Prefix { path, .. }, Kind::Regex(text)) => within(path, &text).map(Kind::Regex),
            (Kind::Prefix { .. }, kind @ (Kind::Exact(_) | Kind::Prefix { .. })) => Some(kind),
            (Kind::Regex(_) | Kind::Exact(_) | Kind::Named(_), _) | (Kind::Prefix { .. }, Kind::Named(_)) => {
                None
            }
        };
        let excess = kind.is_none().then_some(TWO_CONDITIONS);
        let kind = kind.unwrap_or_else(|| Kind::of(directive));
        let within = outer.within.clone().or_else(|| outer.kind.prefix());
        let scope = outer.scope.inner(directive.children());
        let location = Location { directive: Some(directive), scope, kind, within, excess, field: None };
        found.push(location.clone());
        nested(&location, found);
    }
}

/// What a location in another one would need, where their paths cannot be had in one expression.
const TWO_CONDITIONS: &str = "a route has one condition for the path, and this would need two";

/// An expression for the paths below a prefix that fit another expression.
fn within(prefix: &str, text: &str) -> Option<String> {
    let (flags, text) = text.strip_prefix("(?i)").map_or(("", text), |rest| ("(?i)", rest));
    let literal = regex::escape(prefix);
    if text.starts_with('^') {
        let goes_on =
            text.strip_prefix('^').is_some_and(|rest| rest.starts_with(prefix) || rest.starts_with(&literal));
        return (goes_on && !text.contains('|')).then(|| format!("{flags}{text}"));
    }
    // What fits within the prefix fits all that is below it, unless it asks for the end.
    let asks_for_end = ["$", "\\b", "\\B", "\\z"].iter().any(|end| text.contains(end));
    let fits_prefix = || Regex::new(&format!("{flags}{text}")).is_ok_and(|regex| regex.is_match(prefix));
    if !asks_for_end && fits_prefix() {
        return Some(format!("^{literal}"));
    }
    let exactly =
        |literal: &str| if flags.is_empty() { literal.to_owned() } else { format!("(?-i:{literal})") };
    match literal.strip_suffix('/').filter(|_| text.starts_with('/')) {
        Some(parent) => Some(format!("{flags}^{}(?:/.*)?(?:{text})", exactly(parent))),
        None => Some(format!("{flags}^{}.*(?:{text})", exactly(&literal))),
    }
}

/// How much higher than the priority of its server that of a location is, for nginx's order:
/// exact paths, then expressions in prefixes that stop, then these prefixes, then other
/// expressions, then other prefixes. Without both a stop and an expression Framegate's own
/// order is the same. With each kind comes the prefix that it stands in.
pub(super) fn ranks(kinds: &[(&Kind, Option<&str>)]) -> Vec<u64> {
    let stops: Vec<&str> = kinds
        .iter()
        .filter_map(|(kind, _)| match kind {
            Kind::Prefix { path, stops: true } => Some(&**path),
            Kind::Prefix { .. } | Kind::Exact(_) | Kind::Regex(_) | Kind::Named(_) => None,
        })
        .collect();
    let has_expressions = kinds.iter().any(|(kind, _)| matches!(kind, Kind::Regex(_)));
    let is_stopped = |path: &str| stops.iter().any(|stop| path.starts_with(stop));
    let rank = |kind: &Kind, within: Option<&str>| match kind {
        _ if stops.is_empty() || !has_expressions => 0,
        Kind::Exact(_) => 20,
        // A longer prefix goes before the one that stops.
        Kind::Prefix { path, .. } if is_stopped(path) => 10,
        Kind::Regex(_) if within.is_some_and(is_stopped) => 15,
        Kind::Prefix { .. } | Kind::Regex(_) | Kind::Named(_) => 0,
    };
    kinds.iter().map(|(kind, within)| rank(kind, *within)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Kind, Node, Regex, normal, ranks, within};
    use crate::kdl::render;

    fn prefix(path: &str, stops: bool) -> Kind {
        Kind::Prefix { path: path.to_owned(), stops }
    }

    #[test]
    fn paths_are_compared_in_their_normal_form() {
        for (path, expected) in [
            ("/chat", Ok("/chat")),
            ("/a b", Ok("/a%20b")),
            ("/ä", Ok("/%C3%A4")),
            ("/a/../b", Ok("/b")),
            ("/100%", Ok("/100%25")),
            ("chat", Err("the path does not begin with `/`")),
            ("/a\\b", Err("the path has a `\\` or `%5C`, which some backends take for a `/`")),
        ] {
            assert_eq!(normal(path), expected.map(str::to_owned).map_err(str::to_owned), "{path}");
        }
    }

    #[test]
    fn expressions_in_a_prefix_fit_only_below_it() {
        for (outer, text, fits, others) in [
            ("/a/", r"\.php$", ["/a/x.php", "/a/b/y.php"], ["/b/x.php", "/a/x.txt"]),
            ("/a/", "/b$", ["/a/b", "/a/x/b"], ["/ax/b", "/b"]),
            ("/a/", "a", ["/a/b", "/a/"], ["/b/a", "/ab"]),
            ("/a", "^/a/b", ["/a/b", "/a/bc"], ["/b/a/b", "/a/c"]),
            ("/a/", r"(?i)\.PHP$", ["/a/x.php", "/a/x.PHP"], ["/A/x.php", "/b/x.php"]),
        ] {
            let regex = Regex::new(&within(outer, text).expect(text)).expect(text);
            for path in fits {
                assert!(regex.is_match(path), "{path} fits {regex}");
            }
            for path in others {
                assert!(!regex.is_match(path), "{path} does not fit {regex}");
            }
        }
        assert_eq!(within("/a", "^/b"), None);
        assert_eq!(within("/a", "^/a/x|y"), None);
    }

    #[test]
    fn wider_expressions_fit_all_that_the_others_do() {
        for (text, expected) in [
            (r"^/admin(?!/public)", "^/admin"),
            (r"^/a(?=[)])(?<!\))b$", "^/ab$"),
            (r"^/twice/(a|b)/\1", "^/twice/"),
            (r"^/a\.b/(x)\1", r"^/a\.b/"),
            (r"^/ab?(x)\1", "^/a"),
            (r"^/a(x)\1|^/b", "^"),
            (r"/a(x)\1", "^"),
            (r"(?i)^/A(x)\1", "(?i)^/A"),
        ] {
            let wider = Kind::Regex(text.to_owned()).wider().map(|nodes| render(&nodes));
            let expected = render(&[Node::new("path-regex").text(expected)]);
            assert_eq!(wider, Some(expected), "{text}");
        }
    }

    #[test]
    fn ranks_stand_only_where_the_order_would_differ() {
        let (exact, regex) = (&Kind::Exact("/a".to_owned()), &Kind::Regex("x".to_owned()));
        let (stop, longer, plain) = (&prefix("/a/", true), &prefix("/a/b/", false), &prefix("/", false));
        let [exact, regex, stop, longer, plain] =
            [exact, regex, stop, longer, plain].map(|kind| (kind, None));
        let nested = (regex.0, Some("/a/"));
        assert_eq!(ranks(&[exact, regex, nested, stop, longer, plain]), [20, 0, 15, 10, 10, 0]);
        assert_eq!(ranks(&[exact, stop, plain]), [0, 0, 0], "no expression could come before");
        assert_eq!(ranks(&[exact, regex, plain]), [0, 0, 0], "no prefix stops");
    }
}

//! The normal form of a request's path (RFC 3986 §6.2.2): the form that routes are matched
//! against and that goes to the upstream, so that both judge the same octets.
//!
//! Owns: removing dot segments, decoding escapes that need none, writing the others in
//! upper case, escaping what clients send unescaped. `%2F` and `//` stay as they are.
//! Refuses: what a backend could read as another path than the one that was matched.
//! Not here: the query, and `*` as the target of OPTIONS.

use std::borrow::Cow;

/// Why a path has no normal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PathFault {
    /// It does not begin with `/`.
    #[error("the path does not begin with `/`")]
    NotAbsolute,
    /// NUL, where a backend in C would see the end of the path.
    #[error("the path has a NUL or `%00`")]
    Nul,
    /// A fragment is for the client and is never sent (RFC 9110 §4.2.5).
    #[error("the path has a `#`")]
    Fragment,
    /// `\` or `%5C`. Backends on Windows, and all that read URLs as browsers do, take it for
    /// a `/`: `/chat/..%5Cadmin` would be `/admin` to them and below `/chat` here. It has no
    /// use that would be worth this.
    #[error("the path has a `\\` or `%5C`, which some backends take for a `/`")]
    Backslash,
    /// `%` without two hexadecimal digits behind it.
    #[error("the path has a `%` that is not followed by two hexadecimal digits")]
    Escape,
    /// More `..` than there are segments to leave.
    #[error("the path leads out of the root")]
    OutOfRoot,
    /// `..;` and its kind. Java's servers cut off the parameters of a segment before they
    /// look for dots: `/chat/..;/admin` is `/admin` to them and below `/chat` to others.
    #[error("the path has a segment of dots with parameters, like `..;`")]
    DotParameters,
    /// A control, a blank, `?` or what is not ASCII.
    #[error("the path has the octet 0x{0:02X}, which must be escaped")]
    Octet(u8),
}

impl PathFault {
    /// A short name for records and counters.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NotAbsolute => "path_not_absolute",
            Self::Nul => "path_nul",
            Self::Fragment => "path_fragment",
            Self::Backslash => "path_backslash",
            Self::Escape => "path_escape",
            Self::OutOfRoot => "path_out_of_root",
            Self::DotParameters => "path_dot_parameters",
            Self::Octet(_) => "path_octet",
        }
    }
}

/// The normal form of the path of a request target, without its query. Borrowed when the
/// path is in that form already. The normal form of a normal form is itself.
///
/// # Errors
/// The path has no normal form, or one that not all backends would understand alike.
pub fn normalise(path: &str) -> Result<Cow<'_, str>, PathFault> {
    if is_normal(path) {
        return Ok(Cow::Borrowed(path));
    }
    if !path.starts_with('/') {
        return Err(PathFault::NotAbsolute);
    }
    // Dots may be escaped, so they are looked for behind the escapes.
    remove_dot_segments(&rewrite_octets(path)?).map(Cow::Owned)
}

/// What a path in normal form is to a server that decodes escapes and takes several `/` for one,
/// as nginx does where it looks for a `location`: `/a//b` and `/a%2Fb` are `/a/b`, `/a%3Bb` is
/// `/a;b`. Of use for choosing a route only: to the upstream the normal form goes, since escapes
/// may tell it one thing from another.
///
/// # Errors
/// Behind the escapes there are dot segments that lead out of the root, or that have parameters.
pub fn decoded(normal: &str) -> Result<Cow<'_, str>, PathFault> {
    if !normal.contains('%') && !normal.contains("//") {
        return Ok(Cow::Borrowed(normal));
    }
    let mut path = String::with_capacity(normal.len());
    let mut left = normal.as_bytes();
    while let Some((&octet, rest)) = left.split_first() {
        let (octet, rest) = match (octet, rest) {
            (b'%', [high, low, rest @ ..]) => match octet_of(*high, *low) {
                Some(escaped) if is_path_octet(escaped) => (escaped, rest),
                Some(escaped) => {
                    push_escape(&mut path, escaped);
                    left = rest;
                    continue;
                }
                None => return Err(PathFault::Escape),
            },
            _ => (octet, rest),
        };
        left = rest;
        if octet != b'/' || !path.ends_with('/') {
            path.push(char::from(octet));
        }
    }
    remove_dot_segments(&path).map(Cow::Owned)
}

/// Whether `normalise` has nothing to do.
fn is_normal(path: &str) -> bool {
    let mut left = path.as_bytes();
    if !left.starts_with(b"/") {
        return false;
    }
    while let Some((&octet, rest)) = left.split_first() {
        left = match (octet, rest) {
            (b'/', [b'.', ..]) if starts_with_dot_segment(rest) => return false,
            (b'%', [high, low, rest @ ..]) if is_normal_escape(*high, *low) => rest,
            _ if is_path_octet(octet) => rest,
            _ => return false,
        };
    }
    true
}

fn starts_with_dot_segment(path: &[u8]) -> bool {
    let behind_dots = path.strip_prefix(b"..").or_else(|| path.strip_prefix(b"."));
    behind_dots.is_some_and(|rest| matches!(rest, [] | [b'/' | b';', ..] | [b'%', b'3', b'B' | b'b', ..]))
}

/// Whether an escape is in upper case and of an octet that may and must be escaped.
fn is_normal_escape(high: u8, low: u8) -> bool {
    let is_upper = |digit: u8| matches!(digit, b'0'..=b'9' | b'A'..=b'F');
    let octet = octet_of(high, low);
    is_upper(high) && is_upper(low) && octet.is_some_and(|octet| !is_unreserved(octet) && is_harmless(octet))
}

/// The path with every octet in its one spelling.
fn rewrite_octets(path: &str) -> Result<String, PathFault> {
    let mut rewritten = String::with_capacity(path.len() + 8);
    let mut left = path.as_bytes();
    while let Some((&octet, rest)) = left.split_first() {
        left = rest;
        match octet {
            b'%' => {
                let [high, low, rest @ ..] = rest else { return Err(PathFault::Escape) };
                let escaped = octet_of(*high, *low).ok_or(PathFault::Escape)?;
                left = rest;
                match escaped {
                    0 => return Err(PathFault::Nul),
                    b'\\' => return Err(PathFault::Backslash),
                    _ if is_unreserved(escaped) => rewritten.push(char::from(escaped)),
                    _ => push_escape(&mut rewritten, escaped),
                }
            }
            _ if is_path_octet(octet) => rewritten.push(char::from(octet)),
            // Browsers send some of these as they are, other clients the rest. None has a
            // meaning in a path, so the escape says the same, and only one form is matched.
            b'"' | b'<' | b'>' | b'[' | b']' | b'^' | b'`' | b'{' | b'|' | b'}' => {
                push_escape(&mut rewritten, octet);
            }
            0 => return Err(PathFault::Nul),
            b'#' => return Err(PathFault::Fragment),
            b'\\' => return Err(PathFault::Backslash),
            // RFC 9112 §3.2: what no target may contain is not put right. What is not ASCII
            // would mean one thing or another by the backend's character set.
            _ => return Err(PathFault::Octet(octet)),
        }
    }
    Ok(rewritten)
}

/// RFC 3986 §5.2.4, but for `..` at the root, which is a fault here.
fn remove_dot_segments(path: &str) -> Result<String, PathFault> {
    let mut kept = String::with_capacity(path.len());
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match name(segment) {
            "." | ".." if name(segment) != segment => return Err(PathFault::DotParameters),
            "." => {}
            ".." => kept.truncate(kept.rfind('/').ok_or(PathFault::OutOfRoot)?),
            _ => {
                kept.push('/');
                kept.push_str(segment);
                continue;
            }
        }
        // A path that ends in dots names a directory: `/a/b/..` is `/a/`.
        if is_last {
            kept.push('/');
        }
    }
    Ok(kept)
}

/// A segment without its parameters. A `;` counts when it is escaped too, because a proxy on
/// the way may decode it.
fn name(segment: &str) -> &str {
    let end = segment.find(';').into_iter().chain(segment.find("%3B")).min();
    end.and_then(|end| segment.get(..end)).unwrap_or(segment)
}

/// The `/` and what RFC 3986 §3.3 allows in a segment, other than escapes.
const fn is_path_octet(octet: u8) -> bool {
    is_unreserved(octet)
        || matches!(octet, b'/' | b':' | b'@')
        || matches!(octet, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}

/// What never needs an escape (RFC 3986 §2.3).
const fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~')
}

/// Whether an octet may stand in a path at all, if only escaped.
const fn is_harmless(octet: u8) -> bool {
    !matches!(octet, 0 | b'\\')
}

/// What two hexadecimal digits stand for.
fn octet_of(high: u8, low: u8) -> Option<u8> {
    let digit = |octet: u8| char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

fn push_escape(path: &mut String, octet: u8) {
    path.push('%');
    for digit in [octet >> 4, octet & 0x0f] {
        path.extend(char::from_digit(u32::from(digit), 16).map(|digit| digit.to_ascii_uppercase()));
    }
}

#[cfg(test)]
mod tests {
    use super::PathFault::{Backslash, DotParameters, Escape, Fragment, NotAbsolute, Nul, Octet, OutOfRoot};
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Result<&str, PathFault>) {
        let normal = normalise(path);
        assert_eq!(normal.as_deref(), expected.as_ref().copied(), "{path}");
        let is_borrowed = matches!(normal, Ok(Cow::Borrowed(_)));
        assert_eq!(is_borrowed, expected == Ok(path), "{path} is copied only when it changes");
    }

    #[test]
    fn a_normal_path_stays_as_it_is() {
        for path in [
            "/",
            "/a",
            "/a/",
            "//",
            "//a//b",
            "/a/.b",
            "/a/..b",
            "/a/b.",
            "/a/...",
            "/...;/a",
            "/a;b=c/d",
            "/x/..%2Fdeny",
            "/%2F..%2F",
            "/%25",
            "/a%3Bb",
            "/%C3%A4",
            "/-._~!$&'()*+,;=:@",
        ] {
            check(path, Ok(path));
        }
    }

    #[test]
    fn dot_segments_are_removed() {
        check("/a/../b", Ok("/b"));
        check("/a/./b", Ok("/a/b"));
        check("/a/b/..", Ok("/a/"));
        check("/a/b/.", Ok("/a/b/"));
        check("/a/..", Ok("/"));
        check("/.", Ok("/"));
        check("/./", Ok("/"));
        check("/a/b/c/./../../g", Ok("/a/g"));
        check("/a//../b", Ok("/a/b"));
        check("/a/..//b", Ok("//b"));
    }

    #[test]
    fn escapes_that_need_none_are_decoded_and_then_dots_are_looked_for() {
        check("/%61", Ok("/a"));
        check("/%7Euser/%2d", Ok("/~user/-"));
        check("/a/%2e%2e/b", Ok("/b"));
        check("/a/.%2E/b", Ok("/b"));
        check("/a/%2e/b", Ok("/a/b"));
        check("/%2561", Ok("/%2561"));
        check("/a/%252e%252e/b", Ok("/a/%252e%252e/b"));
    }

    #[test]
    fn other_escapes_are_upper_case() {
        check("/x/..%2fdeny", Ok("/x/..%2Fdeny"));
        check("/%c3%A4", Ok("/%C3%A4"));
        check("/%3f%23", Ok("/%3F%23"));
    }

    #[test]
    fn what_clients_send_unescaped_is_escaped() {
        check("/a[0]|b^c", Ok("/a%5B0%5D%7Cb%5Ec"));
        check("/{\"<>`}", Ok("/%7B%22%3C%3E%60%7D"));
    }

    #[test]
    fn what_a_backend_could_misread_is_refused() {
        check("", Err(NotAbsolute));
        check("*", Err(NotAbsolute));
        check("a/b", Err(NotAbsolute));
        check("%2Fa", Err(NotAbsolute));
        check("/a\0b", Err(Nul));
        check("/a%00b", Err(Nul));
        check("/a#b", Err(Fragment));
        check("/chat\\..\\admin", Err(Backslash));
        check("/chat/..%5cadmin", Err(Backslash));
        check("/chat/..%5Cadmin", Err(Backslash));
        check("/a%", Err(Escape));
        check("/a%2", Err(Escape));
        check("/a%zz", Err(Escape));
        check("/a%+1", Err(Escape));
        check("/..", Err(OutOfRoot));
        check("/../a", Err(OutOfRoot));
        check("/a/../../a", Err(OutOfRoot));
        check("/a/%2e%2e/%2E./b", Err(OutOfRoot));
        check("/a b", Err(Octet(b' ')));
        check("/a?b", Err(Octet(b'?')));
        check("/a\r\nb", Err(Octet(b'\r')));
        check("/a\x7f", Err(Octet(0x7f)));
        check("/\u{e4}", Err(Octet(0xc3)));
    }

    #[test]
    fn a_segment_of_dots_with_parameters_is_refused() {
        for path in
            ["/chat/..;/admin", "/chat/.;a=b/c", "/chat/%2e%2e;", "/chat/..%3b/a", "/..;..", "/a/..;%2Fb"]
        {
            check(path, Err(DotParameters));
        }
    }

    #[test]
    fn a_decoded_path_has_one_slash_where_a_server_sees_one() {
        for (normal, expected) in [
            ("/a/b", Ok("/a/b")),
            ("/", Ok("/")),
            ("//", Ok("/")),
            ("//admin", Ok("/admin")),
            ("/%2Fadmin", Ok("/admin")),
            ("/a%2F%2F/b/", Ok("/a/b/")),
            ("/a%3Bb%40c", Ok("/a;b@c")),
            ("/a%2F..%2Fb", Ok("/b")),
            ("/a%2F.", Ok("/a/")),
            ("/%C3%A4%25%3F", Ok("/%C3%A4%25%3F")),
            ("/%2F..", Err(OutOfRoot)),
            ("/a%2F..;b", Err(DotParameters)),
        ] {
            assert_eq!(decoded(normal).as_deref(), expected.as_ref().copied(), "{normal}");
        }
        assert!(matches!(decoded("/a/b"), Ok(Cow::Borrowed(_))), "copied only when it changes");
    }

    #[test]
    fn every_fault_has_its_own_label() {
        let faults = [NotAbsolute, Nul, Fragment, Backslash, Escape, OutOfRoot, DotParameters, Octet(1)];
        let labels: std::collections::BTreeSet<_> = faults.map(PathFault::label).into_iter().collect();
        assert_eq!(labels.len(), faults.len());
    }
}

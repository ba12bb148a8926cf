//! `server_name`: which hosts a server is for.

use regex::Regex;

use super::notes::Notes;
use super::scope::Scope;

/// The hosts of a server.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts {
    /// As Framegate's routes have them: `example.org`, `*.example.org`.
    pub(super) patterns: Vec<String>,
    /// Whether there is a name that no pattern can stand for.
    pub(super) has_others: bool,
}

/// How nginx prefers servers for a host; less is preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Class {
    /// Whole names.
    Exact,
    /// Names below another; longer ones first. The number is how much shorter than 253 it is.
    Below(usize),
}

/// How nginx prefers a pattern.
pub(super) fn class(pattern: &str) -> Class {
    if pattern.starts_with("*.") {
        Class::Below(255_usize.saturating_sub(pattern.len()))
    } else {
        Class::Exact
    }
}

/// Whether a host can fit both.
pub(super) fn overlap(a: &str, b: &str) -> bool {
    covers(a, b) || covers(b, a)
}

/// Whether every host that fits `narrow` fits `wide`.
fn covers(wide: &str, narrow: &str) -> bool {
    wide == narrow || wide.strip_prefix('*').is_some_and(|below| narrow.ends_with(below))
}

/// Reads the names of a server.
pub(super) fn hosts(scope: &Scope<'_>, comments: &mut Vec<String>, notes: &mut Notes<'_>) -> Hosts {
    let mut hosts = Hosts::default();
    for directive in scope.own().iter().filter(|directive| directive.is("server_name")) {
        let mut refused: Vec<(&str, &str)> = Vec::new();
        for word in &directive.args {
            match patterns(&word.text) {
                Ok(found) => {
                    for pattern in found {
                        if !hosts.patterns.contains(&pattern) {
                            hosts.patterns.push(pattern);
                        }
                    }
                }
                Err("") => {}
                Err(why) => {
                    hosts.has_others = true;
                    refused.push((&word.text, why));
                }
            }
        }
        for (name, why) in refused {
            comments
                .push(notes.differs(directive, &format!("`{}` is left out: {why}", name.replace('`', " "))));
        }
    }
    hosts
}

/// The patterns that a name stands for, or why there are none. An empty reason: the name is
/// one that no host has, such as `_`.
fn patterns(name: &str) -> Result<Vec<String>, &'static str> {
    if let Some(expression) = name.strip_prefix('~') {
        return of_expression(expression).map(|pattern| vec![pattern]);
    }
    if name.is_empty() {
        return Err("a route cannot ask for a request without a host");
    }
    if name.starts_with('$') {
        return Err("write the name of this machine");
    }
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    if let Some(domain) = name.strip_prefix("*.") {
        return if is_host(domain) { Ok(vec![name.to_owned()]) } else { Err("it is not the name of a host") };
    }
    if let Some(domain) = name.strip_prefix('.') {
        let both = || vec![domain.to_owned(), format!("*.{domain}")];
        return if is_host(domain) { Ok(both()) } else { Err("it is not the name of a host") };
    }
    if name.contains('*') {
        return Err("a `*` can only stand in front; name each host");
    }
    // nginx's documentation recommends `_`, `--` and the like where no name is meant.
    if !name.contains(|c: char| c.is_ascii_alphanumeric()) {
        return Err("");
    }
    if let Some(literal) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let is_address = literal.parse::<std::net::Ipv6Addr>().is_ok();
        return if is_address { Ok(vec![name.to_owned()]) } else { Err("it is not the name of a host") };
    }
    if is_host(name) { Ok(vec![name.to_owned()]) } else { Err("it is not the name of a host") }
}

/// Expressions that mean one name, or all below one.
fn of_expression(expression: &str) -> Result<String, &'static str> {
    let why = "hosts are not compared with expressions; name them, or use *.example.org";
    let fixed = Regex::new(r"^\^(?:\((?:\?P?<\w+>)?(\.[+*])\)\\\.)?((?:[a-z0-9_-]+\\\.)*[a-z0-9_-]+)\$$");
    let Ok(fixed) = fixed else { return Err(why) };
    let lower = expression.to_ascii_lowercase();
    let Some(found) = fixed.captures(&lower) else { return Err(why) };
    let host = found.get(2).map_or("", |host| host.as_str()).replace('\\', "");
    if !is_host(&host) {
        return Err(why);
    }
    Ok(if found.get(1).is_some() { format!("*.{host}") } else { host })
}

/// Whether a host can have this name.
pub(super) fn is_host(name: &str) -> bool {
    let is_good = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    name.len() <= 253 && name.split('.').all(is_good)
}

#[cfg(test)]
mod tests {
    use super::{Class, class, overlap, patterns};

    #[test]
    fn names_become_patterns() {
        for (name, expected) in [
            ("Example.org", "example.org"),
            ("example.org.", "example.org"),
            ("*.example.org", "*.example.org"),
            (".example.org", "example.org *.example.org"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]", "[::1]"),
            (r"~^example\.org$", "example.org"),
            (r"~^(.+)\.example\.org$", "*.example.org"),
            (r"~^(?<sub>.+)\.example\.org$", "*.example.org"),
        ] {
            assert_eq!(patterns(name).map(|all| all.join(" ")), Ok(expected.to_owned()), "{name}");
        }
        for name in ["_", "--", "!@#"] {
            assert_eq!(patterns(name), Err(""), "{name}");
        }
        for name in [
            "",
            "$hostname",
            "www.example.*",
            "a b",
            r"~^www\d+\.example\.org$",
            "~",
            "a..b",
            "ä.de",
            "example.org:80",
        ] {
            assert!(patterns(name).is_err_and(|why| !why.is_empty()), "{name}");
        }
    }

    #[test]
    fn longer_wildcards_are_preferred() {
        assert!(class("a.org") < class("*.a.org") && class("*.b.a.org") < class("*.a.org"));
        assert_eq!(class("a"), Class::Exact);
    }

    #[test]
    fn patterns_overlap_where_a_host_fits_both() {
        for (a, b, expected) in [
            ("a.org", "a.org", true),
            ("x.a.org", "*.a.org", true),
            ("*.b.a.org", "*.a.org", true),
            ("a.org", "*.a.org", false),
            ("b.org", "*.a.org", false),
            ("*.b.org", "*.a.org", false),
        ] {
            assert_eq!((overlap(a, b), overlap(b, a)), (expected, expected), "{a} {b}");
        }
    }
}

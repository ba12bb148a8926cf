//! Files by patterns with `*`, `?` and `[…]`, as nginx takes them.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// Files of one pattern.
const FOUND_MAX: usize = 1000;

/// The files that fit a pattern, sorted by name. Relative ones are looked for in `folder`.
pub(super) fn find(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![if Path::new(pattern).is_absolute() { PathBuf::new() } else { folder.to_owned() }];
    for component in Path::new(pattern).components() {
        let name = component.as_os_str().to_str().unwrap_or_default();
        let is_plain = !matches!(component, Component::Normal(_)) || !name.contains(['*', '?', '[']);
        found = if is_plain {
            found.iter().map(|path| path.join(component)).collect()
        } else {
            found.iter().flat_map(|path| fitting(path, name)).take(FOUND_MAX).collect()
        };
    }
    found.retain(|path| path.is_file());
    found.sort_unstable();
    found
}

/// What in a folder fits a pattern.
fn fitting(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let fits_name = |name: &str| (!name.starts_with('.') || pattern.starts_with('.')) && fits(pattern, name);
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(fits_name)).collect()
}

/// Whether a name fits a pattern.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut pattern, mut name) = (&*pattern, &*name);
    // Where to go on when what follows the last star does not fit: the star takes one more.
    let mut star: Option<(&[char], &[char])> = None;
    loop {
        let (next, length) = match (pattern.split_first(), name.split_first()) {
            (None, None) => return true,
            (Some(('*', rest)), _) => {
                star = Some((rest, name));
                pattern = rest;
                continue;
            }
            (Some(('?', _)), Some(_)) => (true, 1),
            (Some(('[', rest)), Some((c, _))) => one_of(rest, *c).unwrap_or((*c == '[', 1)),
            (Some((wanted, _)), Some((c, _))) => (wanted == c, 1),
            (None, Some(_)) | (Some(_), None) => (false, 1),
        };
        if next {
            pattern = pattern.get(length..).unwrap_or_default();
            name = name.get(1..).unwrap_or_default();
            continue;
        }
        let Some((behind, [_, rest @ ..])) = star else { return false };
        star = Some((behind, rest));
        (pattern, name) = (behind, rest);
    }
}

/// Whether a character is in the set that begins behind a `[`, and the length of the set with
/// its brackets. `None`: it does not end.
fn one_of(set: &[char], c: char) -> Option<(bool, usize)> {
    let end = set.iter().skip(1).position(|c| *c == ']')? + 1;
    let members = set.get(..end)?;
    let (is_negated, members) = match members {
        ['!' | '^', rest @ ..] => (true, rest),
        members => (false, members),
    };
    let mut is_in = false;
    let mut rest = members;
    while let Some((first, behind)) = rest.split_first() {
        if let ['-', last, behind @ ..] = behind {
            is_in |= (*first..=*last).contains(&c);
            rest = behind;
        } else {
            is_in |= *first == c;
            rest = behind;
        }
    }
    Some((is_in != is_negated, end + 2))
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns_are_those_of_a_shell() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf.bak", false),
            ("*", "", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("?.conf", "a.conf", true),
            ("?.conf", ".conf", false),
            ("[ab].conf", "b.conf", true),
            ("[!ab].conf", "b.conf", false),
            ("[0-9]*", "10-chat", true),
            ("[0-9]*", "chat", false),
            ("[", "[", true),
            ("x[", "xy", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}

//! "Did you mean": the known name that is nearest to one that is not known.

/// Longer names are not compared; no known name is nearly so long.
const LENGTH_MAX: usize = 48;

/// The nearest of `known`, if it is near enough to be a slip: a third of the letters may differ, or
/// the last words are missing, or the unit is another.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    within(name, known, |letters| letters.max(3) / 3)
}

/// The same where no more than two letters may differ, whatever the length.
pub(crate) fn very_near<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    within(name, known, |letters| (letters.max(3) / 3).min(2))
}

/// `allowed`: how many of so many letters may differ.
fn within<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
    allowed: impl Fn(usize) -> usize,
) -> Option<&'a str> {
    let name: Vec<char> = name.chars().take(LENGTH_MAX + 1).map(fold).collect();
    if name.len() > LENGTH_MAX {
        return None;
    }
    let known: Vec<&str> = known.into_iter().collect();
    let near = known.iter().map(|candidate| (distance(&name, candidate), *candidate));
    let (distance, candidate) = near.min_by_key(|(distance, _)| *distance)?;
    let text: String = name.iter().collect();
    let other_unit = |candidate: &&str| without_unit(candidate) == without_unit(&text);
    let is_slip = distance <= allowed(name.len());
    let of_units = known.iter().copied().find(other_unit).filter(|_| !text.is_empty());
    of_units.or_else(|| is_slip.then_some(candidate)).or_else(|| only_one_that_goes_on(&text, &known))
}

/// A name without the unit at its end.
fn without_unit(name: &str) -> &str {
    UNITS.iter().find_map(|unit| name.strip_suffix(unit)).unwrap_or(name)
}

const UNITS: [&str; 5] = ["-secs", "-ms", "-seconds", "-sec", "-bytes"];

/// The only one that begins with all that was written and has more words.
fn only_one_that_goes_on<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let goes_on = |candidate: &&&str| {
        candidate.strip_prefix(name).is_some_and(|rest| rest.starts_with(['-', '_'])) && name.len() > 2
    };
    let mut found = known.iter().filter(goes_on);
    found.next().copied().filter(|_| found.next().is_none())
}

/// Case and the choice between `-` and `_` are no difference worth counting.
fn fold(c: char) -> char {
    if c == '_' { '-' } else { c.to_ascii_lowercase() }
}

/// How many letters must be put in, taken out, replaced, or swapped with their neighbour.
fn distance(name: &[char], candidate: &str) -> usize {
    let candidate: Vec<char> = candidate.chars().map(fold).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=candidate.len()).collect();
    let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
    for (row, &c) in name.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, &wanted) in candidate.iter().enumerate() {
            let replaced = at(&above, column) + usize::from(c != wanted);
            let mut least = replaced.min(at(&above, column + 1) + 1).min(at(&line, column) + 1);
            let previous = (row.checked_sub(1).and_then(|row| name.get(row)), column.checked_sub(1));
            if let (Some(&last), Some(left)) = previous
                && last == wanted
                && candidate.get(left) == Some(&c)
            {
                least = least.min(at(&before, left) + 1);
            }
            line.push(least);
        }
        before = above;
        above = line;
    }
    at(&above, candidate.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_what_was_meant() {
        let known = ["ping-interval-secs", "ping-timeout-secs", "enabled", "origins", "tls"];
        for (name, expected) in [
            ("ping-intervall-secs", Some("ping-interval-secs")),
            ("enabeld", Some("enabled")),
            ("Ping_Timeout_Secs", Some("ping-timeout-secs")),
            ("tsl", Some("tls")),
            ("ping-interval", Some("ping-interval-secs")),
            ("ping-timeout-ms", Some("ping-timeout-secs")),
            ("ping", None),
            ("rate-limit", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
        assert_eq!(nearest(&"enabled".repeat(1000), known), None);
        assert_eq!(very_near("ping-intervall-sec", known), Some("ping-interval-secs"));
        assert_eq!(
            (nearest("pong-interim-secs", known), very_near("pong-interim-secs", known)),
            (Some("ping-interval-secs"), None)
        );
    }
}

//! "Did you mean": the known name that is nearest to one that is not known.

/// Longer names are not compared; no known name is nearly so long.
const LENGTH_MAX: usize = 48;

/// The nearest of `known`, if it is near enough to be a slip: a third of the letters may differ.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name: Vec<char> = name.chars().take(LENGTH_MAX + 1).map(fold).collect();
    if name.len() > LENGTH_MAX {
        return None;
    }
    let near = known.into_iter().map(|candidate| (distance(&name, candidate), candidate));
    let (distance, candidate) = near.min_by_key(|(distance, _)| *distance)?;
    (distance * 3 <= name.len().max(3)).then_some(candidate)
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
            ("rate-limit", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
        assert_eq!(nearest(&"enabled".repeat(1000), known), None);
    }
}

//! nginx's times and sizes.

use std::time::Duration;

/// A time as nginx reads it: `90`, `1h30m`, `1d 12h`. Units go from the largest down, each
/// once; a number without one is seconds.
pub(super) fn time(text: &str) -> Option<Duration> {
    let mut total: u64 = 0;
    let mut rest = text;
    // The rank of the last unit: the next one must be smaller.
    let mut last = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, behind) = rest.split_at_checked(end)?;
        let (rank, millis, behind) = unit(behind)?;
        if rank <= last {
            return None;
        }
        last = rank;
        total = total.checked_add(digits.parse::<u64>().ok()?.checked_mul(millis)?)?;
        rest = behind.trim_start_matches(' ');
    }
    (last > 0).then(|| Duration::from_millis(total))
}

/// The unit at the beginning: its rank, its milliseconds, and what is behind it.
fn unit(text: &str) -> Option<(u8, u64, &str)> {
    if let Some(rest) = text.strip_prefix("ms") {
        return Some((8, 1, rest));
    }
    let (rank, seconds) = match text.chars().next() {
        None | Some(' ') => return Some((9, 1000, text)),
        Some('y') => (1, 365 * DAY),
        Some('M') => (2, 30 * DAY),
        Some('w') => (3, 7 * DAY),
        Some('d') => (4, DAY),
        Some('h') => (5, 3600),
        Some('m') => (6, 60),
        Some('s') => (7, 1),
        Some(_) => return None,
    };
    Some((rank, seconds * 1000, text.get(1..)?))
}

const DAY: u64 = 86_400;

/// A time of whole seconds: as before, but without milliseconds.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    time(text).filter(|_| !text.contains("ms"))
}

/// A size: `1024`, `8k`, `1M`, `1g`.
pub(super) fn size(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end)?;
    let scale = match unit {
        "" => 1,
        "k" | "K" => 1024,
        "m" | "M" => 1024 * 1024,
        "g" | "G" => 1024 * 1024 * 1024,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(scale)
}

/// What C's `atoi` makes of a text: the number in front, 0 if there is none.
pub(super) fn atoi(text: &str) -> i64 {
    let text = text.trim_start();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits.get(..end).and_then(|digits| digits.parse::<i64>().ok()).map_or(0, |number| sign * number)
}

/// A size as Framegate's files have it: `1MB`.
pub(super) fn size_text(bytes: u64) -> String {
    for (unit, scale) in [("GB", 1024 * 1024 * 1024), ("MB", 1024 * 1024), ("KB", 1024)] {
        if bytes >= scale && bytes.is_multiple_of(scale) {
            return format!("{}{unit}", bytes / scale);
        }
    }
    bytes.to_string()
}

/// A time as Framegate's files have it: `1h30m`. Longer than ten years is ten years.
pub(super) fn time_text(time: Duration) -> String {
    let time = time.min(LONGEST);
    let mut text = String::new();
    let mut rest = time.as_secs();
    for (unit, seconds) in [("d", DAY), ("h", 3600), ("m", 60), ("s", 1)] {
        let count = rest / seconds;
        rest %= seconds;
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
        }
    }
    match time.subsec_millis() {
        0 if text.is_empty() => "0".to_owned(),
        0 => text,
        millis => format!("{text}{millis}ms"),
    }
}

/// The longest time that Framegate's files can have.
pub(super) const LONGEST: Duration = Duration::from_secs(10 * 365 * DAY);

/// Whole seconds, at least the time.
pub(super) fn whole_seconds(time: Duration) -> u64 {
    let time = time.min(LONGEST);
    time.as_secs() + u64::from(time.subsec_millis() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_nginx() {
        for (text, expected) in [
            ("0", Some("0")),
            ("30", Some("30s")),
            ("90", Some("1m30s")),
            ("500ms", Some("500ms")),
            ("12h", Some("12h")),
            ("1h30m", Some("1h30m")),
            ("1h 30m", Some("1h30m")),
            ("1d 5", Some("1d5s")),
            ("1w", Some("7d")),
            ("1M", Some("30d")),
            ("1y", Some("365d")),
            ("1y2M3w4d5h6m7s8ms", Some("450d5h6m7s8ms")),
            ("99y", Some("3650d")),
            ("", None),
            ("5x", None),
            ("h", None),
            ("30m1h", None),
            ("1h1h", None),
            ("-5", None),
            ("1.5h", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(time(text).map(time_text).as_deref(), expected, "{text}");
        }
        assert_eq!(seconds("500ms"), None);
    }

    #[test]
    fn sizes_are_those_of_nginx() {
        for (text, expected) in [("0", "0"), ("1000", "1000"), ("8k", "8KB"), ("1m", "1MB"), ("2G", "2GB")] {
            assert_eq!(size(text).map(size_text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "m", "1t", "1kb", "-1"] {
            assert!(size(text).is_none_or(|size| text.is_empty() && size == 0), "{text}");
        }
    }

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        for (text, expected) in [
            ("200", 200),
            ("", 0),
            ("abc", 0),
            ("-5", -5),
            ("12x", 12),
            (" 7", 7),
            ("+3", 3),
            ("99999999999999999999", 0),
        ] {
            assert_eq!(atoi(text), expected, "{text}");
        }
    }
}

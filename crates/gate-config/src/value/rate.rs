//! Rates: so many in a time, like `10/s`, `600/m`, `5/10s`, `1MB/m`.

use std::time::Duration;

use super::quantity::{duration, size};

/// A count in a time; without a time, in a second.
pub(crate) fn count_rate(text: &str) -> Result<(u64, Duration), &'static str> {
    let (count, per) = split(text)?;
    if count.is_empty() || !count.bytes().all(|b| b.is_ascii_digit()) {
        return Err("a whole number is missing in front");
    }
    Ok((count.parse().map_err(|_too_large| "too large")?, per))
}

/// A size in a time; without a time, in a second.
pub(crate) fn size_rate(text: &str) -> Result<(u64, Duration), &'static str> {
    let (bytes, per) = split(text)?;
    Ok((size(bytes)?, per))
}

/// What stands before the stroke, and the time behind it: a unit alone is one of it.
fn split(text: &str) -> Result<(&str, Duration), &'static str> {
    let Some((amount, time)) = text.split_once('/') else { return Ok((text.trim(), Duration::from_secs(1))) };
    let time = time.trim();
    let per = match time {
        "" => return Err("a time is missing behind the `/`"),
        unit if unit.starts_with(|c: char| c.is_ascii_alphabetic()) => duration(&format!("1{unit}")),
        time => duration(time),
    }?;
    if per.is_zero() { Err("a time of zero") } else { Ok((amount.trim(), per)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_rate_is_a_number_in_a_time() {
        for (text, count, per) in [
            ("10", 10, SECOND),
            ("10/s", 10, SECOND),
            ("10 / s", 10, SECOND),
            ("600/m", 600, 60 * SECOND),
            ("36000/h", 36_000, 3600 * SECOND),
            ("5/10s", 5, 10 * SECOND),
            ("1/1h30m", 1, 5400 * SECOND),
            ("100/500ms", 100, SECOND / 2),
            ("0/s", 0, SECOND),
        ] {
            assert_eq!(count_rate(text), Ok((count, per)), "{text}");
        }
        for (text, why) in [
            ("", "a whole number is missing in front"),
            ("/s", "a whole number is missing in front"),
            ("1.5/s", "a whole number is missing in front"),
            ("-1/s", "a whole number is missing in front"),
            ("1MB/s", "a whole number is missing in front"),
            ("10/", "a time is missing behind the `/`"),
            ("10/0s", "a time of zero"),
            ("10/w", "not a unit of time"),
            ("10/10", "a unit is missing"),
            ("10/s/s", "a number is missing"),
            ("99999999999999999999/s", "too large"),
        ] {
            assert_eq!(count_rate(text), Err(why), "{text}");
        }
    }

    #[test]
    fn a_rate_of_bytes_has_a_size_in_front() {
        assert_eq!(size_rate("1MB"), Ok((1 << 20, SECOND)));
        assert_eq!(size_rate("64KB/m"), Ok((65_536, 60 * SECOND)));
        assert_eq!(size_rate("1X/s"), Err("not a unit of size"));
        assert_eq!(size_rate("/s"), Err("a number is missing"));
    }
}

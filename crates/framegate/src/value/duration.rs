//! Durations, as typed on the command line: `500ms`, `30s`, `1h30m`, `2d`, and `0` for "no limit".
//!
//! Refused: a number without a unit (30 what?), units that do not shrink from left to right (a slip, not a
//! sum), and more than a year, so that adding one to an instant can never overflow.

use std::fmt;
use std::time::Duration;

/// Reads a duration.
///
/// # Errors
/// Says what is not right about the text.
pub(crate) fn duration(text: &str) -> Result<Duration, DurationError> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.is_empty() {
        return Err(DurationError::Malformed);
    }
    let mut rest = text;
    let mut total_ms: u64 = 0;
    let mut smaller_than_ms = u64::MAX;
    while !rest.is_empty() {
        let (number, unit_ms, after) = component(rest)?;
        if unit_ms >= smaller_than_ms {
            return Err(DurationError::Malformed);
        }
        smaller_than_ms = unit_ms;
        let part_ms = number.checked_mul(unit_ms).ok_or(DurationError::TooLong)?;
        total_ms = total_ms.checked_add(part_ms).ok_or(DurationError::TooLong)?;
        rest = after;
    }
    if total_ms > LONGEST_MS {
        return Err(DurationError::TooLong);
    }
    Ok(Duration::from_millis(total_ms))
}

/// Why a text is not a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DurationError {
    /// It is not a row of whole numbers, each with a unit smaller than the one before.
    Malformed,
    /// It ends in a number without a unit.
    NoUnit,
    /// It is longer than a year.
    TooLong,
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => {
                "a duration is whole numbers with d, h, m, s or ms, such as 500ms, 30s, 1h30m, 2d"
            }
            Self::NoUnit => {
                "a duration needs a unit (d, h, m, s or ms), such as 30s; only 0, no limit, stands alone"
            }
            Self::TooLong => "a duration is at most 365d; 0 stands for no limit",
        })
    }
}

impl std::error::Error for DurationError {}

const LONGEST_MS: u64 = 365 * 24 * 60 * 60 * 1000;

/// The first number, its unit in milliseconds, and what follows.
fn component(text: &str) -> Result<(u64, u64, &str), DurationError> {
    let digits_end = text.find(|c: char| !c.is_ascii_digit()).ok_or(DurationError::NoUnit)?;
    let (digits, after_digits) = text.split_at(digits_end);
    if digits.is_empty() {
        return Err(DurationError::Malformed);
    }
    let unit_end = after_digits.find(|c: char| c.is_ascii_digit()).unwrap_or(after_digits.len());
    let (unit, rest) = after_digits.split_at(unit_end);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(DurationError::Malformed),
    };
    let number = digits.parse().map_err(|_| DurationError::TooLong)?;
    Ok((number, unit_ms, rest))
}

#[cfg(test)]
mod tests {
    use super::{DurationError, duration};
    use std::time::Duration;

    fn check_ms(text: &str, expected_ms: u64) {
        assert_eq!(duration(text), Ok(Duration::from_millis(expected_ms)), "{text:?}");
    }

    #[test]
    fn each_unit_counts_what_it_says() {
        check_ms("500ms", 500);
        check_ms("30s", 30_000);
        check_ms("5m", 300_000);
        check_ms("12h", 43_200_000);
        check_ms("2d", 172_800_000);
    }

    #[test]
    fn units_in_falling_order_add_up() {
        check_ms("1h30m", 5_400_000);
        check_ms("1d2h3m4s5ms", 93_784_005);
    }

    #[test]
    fn zero_needs_no_unit() {
        check_ms("0", 0);
        check_ms("0s", 0);
    }

    #[test]
    fn any_other_number_needs_a_unit() {
        assert_eq!(duration("30"), Err(DurationError::NoUnit));
        assert_eq!(duration("1h30"), Err(DurationError::NoUnit));
    }

    #[test]
    fn anything_else_is_malformed() {
        for text in ["", "s", "-1s", "1.5s", "1 s", "1h 30m", "30m1h", "1s1s", "1w", "10S"] {
            assert_eq!(duration(text), Err(DurationError::Malformed), "{text:?}");
        }
    }

    #[test]
    fn more_than_a_year_is_too_long() {
        check_ms("365d", 31_536_000_000);
        for text in ["365d1ms", "99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(duration(text), Err(DurationError::TooLong), "{text:?}");
        }
    }
}

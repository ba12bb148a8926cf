//! Sizes, durations, and the permissions of files.

use std::time::Duration;

/// The longest duration: ten years, so that no instant overflows.
pub(crate) const DURATION_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Bytes: `64KB`, `1 MiB`. All units are powers of 1024.
pub(crate) fn size(text: &str) -> Result<u64, &'static str> {
    let (digits, unit) = split_number(text)?;
    let power = match &*unit.trim_start().to_ascii_lowercase() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        _ => return Err("not a unit of size"),
    };
    let number: u64 = digits.parse().map_err(|_too_large| "too large")?;
    number.checked_mul(1024_u64.pow(power)).ok_or("too large")
}

/// One or more numbers with their units: `1h30m`, `500ms`; `0` needs no unit.
pub(crate) fn duration(text: &str) -> Result<Duration, &'static str> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    loop {
        let (digits, behind) = split_number(rest)?;
        let end = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(end).unwrap_or_default();
        let unit = match unit {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3600),
            "d" => Duration::from_secs(86_400),
            "" => return Err("a unit is missing"),
            _ => return Err("not a unit of time"),
        };
        let number: u32 = digits.parse().map_err(|_too_large| "too large")?;
        let part = unit.checked_mul(number).ok_or("too large")?;
        total =
            total.checked_add(part).filter(|total| *total <= DURATION_MAX).ok_or("longer than ten years")?;
        if behind.is_empty() {
            return Ok(total);
        }
        rest = behind;
    }
}

/// Permissions in octal: `660`, `0660`, `0o660`.
pub(crate) fn mode(text: &str) -> Result<u32, &'static str> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let mode = u32::from_str_radix(digits, 8).map_err(|_fault| "not an octal number")?;
    if mode > 0o777 { Err("more than 777") } else { Ok(mode) }
}

/// The digits in front, of which there must be one, and what follows.
fn split_number(text: &str) -> Result<(&str, &str), &'static str> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    match text.split_at_checked(end) {
        Some(("", _)) => Err("a number is missing"),
        Some((_, rest)) if rest.starts_with(['.', ',']) => Err("not a whole number"),
        Some(parts) => Ok(parts),
        None => Err("a number is missing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_binary() {
        for (text, expected) in [
            ("0", 0),
            ("512", 512),
            ("512B", 512),
            ("64KB", 65_536),
            ("64KiB", 65_536),
            ("64k", 65_536),
            ("1MB", 1_048_576),
            ("1 MiB", 1_048_576),
            ("2GB", 2_147_483_648),
        ] {
            assert_eq!(size(text), Ok(expected), "{text}");
        }
        for (text, expected) in [
            ("", "a number is missing"),
            ("KB", "a number is missing"),
            ("-1", "a number is missing"),
            ("1.5MB", "not a whole number"),
            ("1X", "not a unit of size"),
            ("99999999999999999999", "too large"),
            ("99999999999G", "too large"),
        ] {
            assert_eq!(size(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn durations_add_up() {
        for (text, expected) in [
            ("0", 0),
            ("500ms", 500),
            ("30s", 30_000),
            ("5m", 300_000),
            ("12h", 43_200_000),
            ("1h30m", 5_400_000),
            ("2d", 172_800_000),
            ("1m1ms", 60_001),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(expected)), "{text}");
        }
        for (text, expected) in [
            ("", "a number is missing"),
            ("s", "a number is missing"),
            ("30", "a unit is missing"),
            ("1h30", "a unit is missing"),
            ("1.5h", "not a whole number"),
            ("1w", "not a unit of time"),
            ("1h 30m", "a number is missing"),
            ("5000d", "longer than ten years"),
            ("4294967296s", "too large"),
        ] {
            assert_eq!(duration(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn permissions_are_octal() {
        for (text, expected) in
            [("660", Ok(0o660)), ("0600", Ok(0o600)), ("0o777", Ok(0o777)), ("1777", Err("more than 777"))]
        {
            assert_eq!(mode(text), expected, "{text}");
        }
        assert_eq!(mode("rw"), Err("not an octal number"));
    }
}

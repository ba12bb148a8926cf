//! Sizes in bytes, as typed on the command line: `65536`, `64KB`, `1MiB`.
//!
//! Units are binary whichever way they are written (1 MB = 1 MiB = 1,048,576 bytes), since frame limits are
//! powers of two everywhere else. 0 stands for "no limit"; that is the limit's meaning, not the size's.

use std::fmt;
use std::str::FromStr;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByteSize(u64);

impl ByteSize {
    /// The size in bytes.
    pub(crate) fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = ByteSizeError;

    fn from_str(text: &str) -> Result<Self, ByteSizeError> {
        let digits_end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(digits_end);
        if digits.is_empty() {
            return Err(ByteSizeError::Malformed);
        }
        let factor = unit_factor(unit.trim_start()).ok_or(ByteSizeError::Malformed)?;
        // Digits alone can only fail to parse by being too many.
        let number: u64 = digits.parse().map_err(|_| ByteSizeError::TooLarge)?;
        number.checked_mul(factor).map(Self).ok_or(ByteSizeError::TooLarge)
    }
}

/// Why a text is not a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByteSizeError {
    /// It is not a whole number with a known unit.
    Malformed,
    /// It does not fit 64 bits.
    TooLarge,
}

impl fmt::Display for ByteSizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => {
                "a size is a whole number of bytes, or one with B, KB, MB or GB, such as 65536, 64KB, 1MB"
            }
            Self::TooLarge => "this is more than 64 bits can count; 0 stands for no limit",
        })
    }
}

impl std::error::Error for ByteSizeError {}

fn unit_factor(unit: &str) -> Option<u64> {
    match unit.to_ascii_lowercase().as_str() {
        "" | "b" => Some(1),
        "kb" | "kib" => Some(1 << 10),
        "mb" | "mib" => Some(1 << 20),
        "gb" | "gib" => Some(1 << 30),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{ByteSize, ByteSizeError};

    fn check(text: &str, expected: Result<u64, ByteSizeError>) {
        assert_eq!(text.parse::<ByteSize>().map(ByteSize::bytes), expected, "{text:?}");
    }

    #[test]
    fn a_plain_integer_is_bytes() {
        check("0", Ok(0));
        check("65536", Ok(65_536));
        check("12B", Ok(12));
    }

    #[test]
    fn units_are_binary_in_both_spellings_and_any_case() {
        check("64KB", Ok(65_536));
        check("64KiB", Ok(65_536));
        check("1MB", Ok(1_048_576));
        check("1 mib", Ok(1_048_576));
        check("2gb", Ok(2_147_483_648));
        check("2GiB", Ok(2_147_483_648));
    }

    #[test]
    fn anything_else_is_malformed() {
        for text in ["", "KB", "1x", "-1", "+1", "1.5MB", "1MB2", "64 K B", "0x10", "１KB"] {
            check(text, Err(ByteSizeError::Malformed));
        }
    }

    #[test]
    fn more_than_64_bits_is_too_large() {
        check("18446744073709551615", Ok(u64::MAX));
        check("18446744073709551616", Err(ByteSizeError::TooLarge));
        check("17179869184GB", Err(ByteSizeError::TooLarge));
    }
}

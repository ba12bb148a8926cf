//! Permissions of a file in octal: `660`, `0660`, `0o660`.

/// Reads permissions.
///
/// # Errors
/// Says what would be right.
pub(crate) fn mode(text: &str) -> Result<u32, &'static str> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let is_octal = !digits.is_empty() && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    let mode = is_octal.then(|| u32::from_str_radix(digits, 8).ok()).flatten();
    mode.filter(|mode| *mode <= 0o777).ok_or("permissions are an octal number up to 777, such as 660")
}

#[cfg(test)]
mod tests {
    use super::mode;

    #[test]
    fn permissions_are_octal() {
        for (text, expected) in [("660", 0o660), ("0660", 0o660), ("0o600", 0o600), ("777", 0o777), ("0", 0)]
        {
            assert_eq!(mode(text), Ok(expected), "{text}");
        }
        for text in ["", "+7", "rw", "888", "1000", "0x1ff", "-1"] {
            assert!(mode(text).is_err(), "{text:?}");
        }
    }
}

//! Keys that stand in files, and signatures by them: HMAC-SHA256 (RFC 2104), in hexadecimal.

use std::fmt::{self, Write as _};
use std::fs;
use std::path::PathBuf;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use gate_config::model::{At, Objection};

/// See the module.
pub(crate) struct Key(hmac::Key);

impl Key {
    /// The key that stands in a file: all its bytes but a line end behind them.
    ///
    /// # Errors
    /// It cannot be read, or is too short to be a key.
    pub(crate) fn read(file: &At<PathBuf>) -> Result<Self, Objection> {
        read_secret(file).map(|key| Self(hmac::Key::new(HMAC_SHA256, &key)))
    }

    /// The key that `content` of a file is; `None`: it is too short.
    #[cfg(test)]
    pub(crate) fn new(content: &[u8]) -> Option<Self> {
        secret(content).map(|key| Self(hmac::Key::new(HMAC_SHA256, key)))
    }

    /// The signature of `pieces`, one behind the other.
    pub(crate) fn sign(&self, pieces: &[&[u8]]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        for piece in pieces {
            context.update(piece);
        }
        let tag = context.sign();
        let mut text = String::with_capacity(2 * tag.as_ref().len());
        for byte in tag.as_ref() {
            // Writing to a string cannot fail.
            let _infallible = write!(text, "{byte:02x}");
        }
        text
    }

    /// Whether `signature` is that of `pieces`, told in a time that does not depend on how much of it is.
    pub(crate) fn has_signed(&self, pieces: &[&[u8]], signature: &str) -> bool {
        verify_slices_are_equal(self.sign(pieces).as_bytes(), signature.as_bytes()).is_ok()
    }
}

/// The secret that stands in a file: all its bytes but a line end behind them.
///
/// # Errors
/// It cannot be read, or is too short to be a key.
pub(crate) fn read_secret(file: &At<PathBuf>) -> Result<Vec<u8>, Objection> {
    let path = file.value.display();
    let objection = |message, help: &str| Objection { place: file.place, message, help: help.to_owned() };
    let bytes = fs::read(&file.value).map_err(|error| {
        let message = format!("the key cannot be read from {path}: {error}");
        objection(message, "name a file that the gateway's user can read")
    })?;
    secret(&bytes).map(<[u8]>::to_vec).ok_or_else(|| {
        let message = format!("{path} has less than {LENGTH_MIN} bytes");
        objection(message, "`openssl rand -hex 32` makes a good key")
    })
}

fn secret(content: &[u8]) -> Option<&[u8]> {
    let line = content.strip_suffix(b"\n").unwrap_or(content);
    let key = line.strip_suffix(b"\r").unwrap_or(line);
    (key.len() >= LENGTH_MIN).then_some(key)
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// Bytes of a key; less can be guessed.
const LENGTH_MIN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_standard() {
        // RFC 4231 §4.7 (its keys of less than 16 bytes are refused here).
        let key = Key::new(&[0xaa; 131]).unwrap();
        let data = [&b"Test Using Larger Than Block-"[..], b"Size Key - Hash Key First"];
        let signature = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
        assert_eq!(key.sign(&data), signature);
        assert!(key.has_signed(&data, signature));
        for wrong in ["", "60e4", &signature.to_uppercase(), &signature.replace('6', "7")] {
            assert!(!key.has_signed(&data, wrong), "{wrong}");
        }
        assert!(!key.has_signed(&[b"Test"], signature));
    }

    #[test]
    fn a_line_end_is_no_part_of_a_key() {
        let signed = |content: &[u8]| Key::new(content).map(|key| key.sign(&[b"x"]));
        let key = b"0123456789abcdef";
        assert!(signed(key).is_some());
        assert_eq!(signed(b"0123456789abcdef\n"), signed(key));
        assert_eq!(signed(b"0123456789abcdef\r\n"), signed(key));
        assert_ne!(signed(b"0123456789abcdef \n"), signed(key));
        assert_eq!(signed(b"0123456789abcde\n"), None);
    }

    #[test]
    fn a_file_that_is_no_key_is_objected_to() {
        let nowhere = At::nowhere(PathBuf::from("/there/is/no/such.key"));
        let message = Key::read(&nowhere).unwrap_err().message;
        assert!(message.starts_with("the key cannot be read from /there/is/no/such.key: "), "{message}");
    }
}

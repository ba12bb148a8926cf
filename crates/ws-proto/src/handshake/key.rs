//! The key of a handshake and the proof that it was read, RFC 6455 §4.2.2 (5.4).
//!
//! Refuses: keys that are not the one canonical base64 spelling of 16 bytes.
//! Not here: drawing a key; whoever dials passes the client's on.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::header::HeaderValue;
use sha1::{Digest as _, Sha1};
use std::fmt;

/// A `Sec-WebSocket-Key`: 16 bytes in base64.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key([u8; 24]);

/// A `Sec-WebSocket-Accept`: the SHA-1 of the key and the protocol's GUID, in base64.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Accept([u8; 28]);

impl Key {
    /// Reads a field value without blanks around it; `None` if it is not 16 bytes in base64.
    ///
    /// Spellings with other bits behind the sixteenth byte decode to the same key, but not in every
    /// decoder: such a key is refused rather than judged differently by the upstream.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let text: [u8; 24] = value.try_into().ok()?;
        // The decoder asks for room for 18 bytes before it looks at the padding.
        let mut nonce = [0; 18];
        let length = STANDARD.decode_slice(text, &mut nonce).ok()?;
        (length == 16).then_some(Self(text))
    }

    /// The key as it was sent.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("base64 is ASCII")
    }

    /// The answer that proves this key was read.
    pub fn accept(&self) -> Accept {
        let digest = Sha1::new().chain_update(self.0).chain_update(GUID).finalize();
        let mut text = [0; 28];
        let written = STANDARD.encode_slice(digest, &mut text);
        debug_assert_eq!(written, Ok(28), "20 bytes are 28 in base64");
        Accept(text)
    }

    /// The key as a field value.
    pub fn to_header_value(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).expect("base64 is visible ASCII")
    }
}

impl Accept {
    /// The proof as text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("base64 is ASCII")
    }

    /// The proof as a field value.
    pub fn to_header_value(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).expect("base64 is visible ASCII")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Key({})", self.as_str())
    }
}

impl fmt::Debug for Accept {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Accept({})", self.as_str())
    }
}

/// RFC 6455 §1.3.
const GUID: &[u8; 36] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_of_a_key_is_the_one_that_others_compute() {
        for (key, accept) in [
            // RFC 6455 §1.3.
            ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            // RFC 6455 §4.1 (7), the bytes 1 to 16. The accepts from here on are by OpenSSL.
            ("AQIDBAUGBwgJCgsMDQ4PEA==", "C/0nmHhBztSRGR1CwL6Tf4ZjwpY="),
            ("AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI="),
            ("/////////////////////w==", "XXpj4jYzLM2yUE0C7TIgMwTQh2g="),
        ] {
            let read = Key::parse(key.as_bytes()).unwrap();
            assert_eq!(read.as_str(), key);
            assert_eq!(read.to_header_value(), key);
            assert_eq!(read.accept().as_str(), accept);
            assert_eq!(read.accept().to_header_value(), accept);
        }
    }

    #[test]
    fn row_23_a_key_is_sixteen_bytes_in_canonical_base64() {
        for value in [
            "",
            "A",
            "dGhlIHNhbXBsZSBub25jZQ",    // no padding
            "dGhlIHNhbXBsZSBub25jZQ=",   // half of it
            "dGhlIHNhbXBsZSBub25jZQ===", // too much of it
            "dGhlIHNhbXBsZSBub25jZR==",  // bits behind the last byte
            "dGhlIHNhbXBsZSBub25jZf==",  // more of them
            "dGhlIHNhbXBsZSBub25j====",  // 15 bytes
            "dGhlIHNhbXBsZSBub25jZWE=",  // 17 bytes
            "dGhlIHNhbXBsZSBub25jZWFi",  // 18 bytes
            "dGhlIHNhbXBsZSBub25jZWFiYw==",
            "dGhlIHNhbXBsZSBub25jZQ==\n",
            " dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBs ZSBub25jZ==",
            "dGhlIHNhbXBsZSBub25jZ-==", // the URL alphabet
            "dGhlIHNh=XBsZSBub25jZQ==",
            "dGhlIHNhbXBsZSBub25j\u{e9}==",
            "========================",
        ] {
            assert_eq!(Key::parse(value.as_bytes()), None, "{value:?}");
        }
    }
}

//! HTTP/1.1 messages in the making: opening handshakes, the answers to them, and
//! whatever a peer might send in their place.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest as _, Sha1};

use crate::head::Head;

/// The key of RFC 6455 §1.3.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A message whose every byte is the test's.
#[derive(Clone, Debug)]
pub struct Message {
    first_line: String,
    lines: Vec<Vec<u8>>,
    body: Vec<u8>,
}

impl Message {
    /// A valid opening handshake (RFC 6455 §4.1).
    #[must_use]
    pub fn upgrade(target: &str) -> Self {
        Self::new(&format!("GET {target} HTTP/1.1"))
            .with("Host", "example.org")
            .with("Upgrade", "websocket")
            .with("Connection", "Upgrade")
            .with("Sec-WebSocket-Version", "13")
            .with("Sec-WebSocket-Key", KEY)
    }

    /// The valid answer to an opening handshake (RFC 6455 §4.2.2).
    ///
    /// # Panics
    /// When the request has no key.
    #[must_use]
    #[track_caller]
    pub fn switching(request: &Head) -> Self {
        let key = request.get("Sec-WebSocket-Key").expect("a key");
        Self::new("HTTP/1.1 101 Switching Protocols")
            .with("Upgrade", "websocket")
            .with("Connection", "Upgrade")
            .with("Sec-WebSocket-Accept", &accept_of(key))
    }

    /// A plain request.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self::request("GET", target)
    }

    /// A plain request of any method.
    #[must_use]
    pub fn request(method: &str, target: &str) -> Self {
        Self::new(&format!("{method} {target} HTTP/1.1")).with("Host", "example.org")
    }

    /// An answer to a plain request, with its length.
    #[must_use]
    pub fn ok(body: &str) -> Self {
        Self::new("HTTP/1.1 200 OK").sized(body)
    }

    /// With a body, and its length.
    #[must_use]
    pub fn sized(self, body: &str) -> Self {
        self.with("Content-Length", &body.len().to_string()).body(body.as_bytes())
    }

    /// With a body in one chunk, or in none if it is empty.
    #[must_use]
    pub fn chunked(self, body: &str) -> Self {
        let chunk = if body.is_empty() { String::new() } else { format!("{:x}\r\n{body}\r\n", body.len()) };
        self.with("Transfer-Encoding", "chunked").body(format!("{chunk}0\r\n\r\n").as_bytes())
    }

    /// A message of a first line alone.
    #[must_use]
    pub fn new(first_line: &str) -> Self {
        Self { first_line: first_line.to_owned(), lines: Vec::new(), body: Vec::new() }
    }

    /// With another first line.
    #[must_use]
    pub fn first_line(mut self, first_line: &str) -> Self {
        first_line.clone_into(&mut self.first_line);
        self
    }

    /// With one more field.
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        self.line(format!("{name}: {value}").as_bytes())
    }

    /// With one more line, well formed or not.
    #[must_use]
    pub fn line(mut self, line: &[u8]) -> Self {
        self.lines.push(line.to_vec());
        self
    }

    /// Without a field.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        let is_named = |line: &Vec<u8>| {
            let (name_in_line, behind) = line.split_at_checked(name.len()).unwrap_or_default();
            name_in_line.eq_ignore_ascii_case(name.as_bytes()) && behind.starts_with(b":")
        };
        self.lines.retain(|line| !is_named(line));
        self
    }

    /// With another value of a field.
    #[must_use]
    pub fn replace(self, name: &str, value: &str) -> Self {
        self.without(name).with(name, value)
    }

    /// With these bytes behind the head.
    #[must_use]
    pub fn body(mut self, body: &[u8]) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    /// The bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.first_line.clone().into_bytes();
        for line in &self.lines {
            bytes.extend_from_slice(b"\r\n");
            bytes.extend_from_slice(line);
        }
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// The Sec-WebSocket-Accept that answers a key (RFC 6455 §4.2.2 (5.4)).
#[must_use]
pub fn accept_of(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    BASE64_STANDARD.encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_6455_1_3_comes_out() {
        assert_eq!(accept_of(KEY), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_field_is_taken_out_by_its_whole_name() {
        let message = Message::new("GET / HTTP/1.1").with("A", "1").with("Ab", "2").without("a");
        assert_eq!(message.to_bytes(), b"GET / HTTP/1.1\r\nAb: 2\r\n\r\n");
    }
}

//! What stands before the JSON of a message: the heads of Engine.IO, Socket.IO and SockJS packets.

use std::ops::Range;

use memchr::memchr;

/// A packet: its head, and what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet<'a> {
    /// Digits, the namespace, and so on; mostly empty.
    pub(crate) head: &'a [u8],
    /// JSON, or any text.
    pub(crate) body: &'a [u8],
    /// Whether the body is what a client of Socket.IO authenticates with.
    pub(crate) is_auth: bool,
}

/// Between packets of one message: Engine.IO's polling batches, SignalR's records.
pub(crate) const SEPARATOR: u8 = 0x1e;

/// The messages that one message is made of, without their separators.
pub(crate) fn records(message: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut rest = Some(0);
    std::iter::from_fn(move || {
        let start = rest.take()?;
        let behind = message.get(start..)?;
        let length = memchr(SEPARATOR, behind);
        rest = length.map(|length| start + length + 1).filter(|next| *next < message.len());
        Some(start..length.map_or(message.len(), |length| start + length))
    })
}

/// Takes the head off one record.
pub(crate) fn read(record: &[u8]) -> Packet<'_> {
    let whole = Packet { head: &[], body: record, is_auth: false };
    let split = |at: usize, is_auth| {
        record.split_at_checked(at).map_or(whole, |(head, body)| Packet { head, body, is_auth })
    };
    match record {
        // Engine.IO's `open` has JSON, its `message` a packet of Socket.IO or anything.
        [b'4', kind @ b'0'..=b'6', rest @ ..] => {
            let head = 2 + socket_io_head(rest);
            let behind = record.get(head..).unwrap_or_default();
            // Parsers of JSON do not mind blanks before it.
            let length = head + behind.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            match record.get(length) {
                Some(b'{' | b'[' | b'"') => split(length, *kind == b'0'),
                Some(_) | None => whole,
            }
        }
        [b'0'..=b'6', b'{' | b'[', ..] | [b'a', b'[', ..] => split(1, false),
        // A binary packet of a polling batch is in base64.
        [b'b', rest @ ..] if rest.len() >= 4 && rest.iter().all(|byte| is_base64(*byte)) => split(1, false),
        _ => whole,
    }
}

/// What a client of Socket.IO authenticates with: the object of its CONNECT packet
/// (`40{"token":"..."}`, `40/admin,{"token":"..."}`). It is a credential: not for logs.
#[must_use]
pub fn socket_io_auth(message: &str) -> Option<&str> {
    let packet = read(message.as_bytes());
    if !packet.is_auth || !packet.body.starts_with(b"{") {
        return None;
    }
    message.get(packet.head.len()..)
}

/// Attachments (`1-`), namespace (`/admin,`) and acknowledgement (`12`): the length of all.
fn socket_io_head(text: &[u8]) -> usize {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = 0;
    let attachments = digits(text);
    if attachments > 0 && text.get(attachments) == Some(&b'-') {
        at = attachments + 1;
    }
    let rest = text.get(at..).unwrap_or_default();
    if rest.first() == Some(&b'/')
        && let Some(length) = memchr(b',', rest)
    {
        at += length + 1;
    }
    at + digits(text.get(at..).unwrap_or_default())
}

fn is_base64(byte: u8) -> bool {
    super::token::is_of_word(byte) || byte == b'='
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_taken_off() {
        let cases = [
            (r#"42["a"]"#, "42"),
            (r#"4213["a"]"#, "4213"),
            (r#"42/admin,["a"]"#, "42/admin,"),
            (r#"42/admin?a=b,7["a"]"#, "42/admin?a=b,7"),
            (r#"451-["a",{"_placeholder":true,"num":0}]"#, "451-"),
            (r#"451-/admin,3["a"]"#, "451-/admin,3"),
            (r#"40{"token":"x"}"#, "40"),
            ("40 \n{\"token\":\"x\"}", "40 \n"),
            (r#"430[1]"#, "430"),
            (r#"0{"sid":"x"}"#, "0"),
            (r#"a["x"]"#, "a"),
            ("bPHNjcmlwdD4=", "b"),
            (r#"{"a":1}"#, ""),
            ("[1]", ""),
            ("42 is the answer", ""),
            ("2probe", ""),
            ("bob says no", ""),
            ("4", ""),
            ("", ""),
        ];
        for (record, head) in cases {
            let packet = read(record.as_bytes());
            assert_eq!(String::from_utf8_lossy(packet.head), head, "{record}");
            assert_eq!([packet.head, packet.body].concat(), record.as_bytes());
        }
    }

    #[test]
    fn only_the_object_of_a_connect_packet_is_auth() {
        let cases = [
            (r#"40{"token":"x"}"#, Some(r#"{"token":"x"}"#)),
            (r#"40/admin,{"token":"x"}"#, Some(r#"{"token":"x"}"#)),
            (r#"40 {"token":"x"}"#, Some(r#"{"token":"x"}"#)),
            ("40", None),
            ("40/admin,", None),
            (r#"42{"token":"x"}"#, None),
            (r#"{"token":"x"}"#, None),
            (r#"4é{"token":"x"}"#, None),
        ];
        for (message, auth) in cases {
            assert_eq!(socket_io_auth(message), auth, "{message}");
        }
    }

    #[test]
    fn a_message_is_split_at_its_separators() {
        let parts = |message: &[u8]| records(message).map(|part| (part.start, part.end)).collect::<Vec<_>>();
        assert_eq!(parts(b"a\x1ebc\x1ed"), [(0, 1), (2, 4), (5, 6)]);
        assert_eq!(parts(b"{}\x1e"), [(0, 2)]);
        assert_eq!(parts(b"\x1e\x1ea"), [(0, 0), (1, 1), (2, 3)]);
        assert_eq!(parts(b""), [(0, 0)]);
    }
}

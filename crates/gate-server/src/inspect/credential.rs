//! Tokens that clients of Socket.IO send as a message: `auth.token` of a CONNECT packet
//! (`40{"token":"..."}`, `40/admin,{"token":"..."}`).
//!
//! Backends do not agree on what they take for such a packet, so what any of them might is one here:
//! a token that is not found would pass unasked. Not here: who is asked about it.

use std::borrow::Cow;
use std::fmt;

use gate_core::route::query_values;
use http::HeaderValue;
use memchr::memchr;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use ws_proto::Opcode;

/// What a message says of its sender.
#[derive(Debug)]
pub(crate) enum Credential {
    /// Nothing.
    None,
    /// That it has this token, as a field `Authorization` says it.
    Token(HeaderValue),
    /// Something that cannot be told from a token.
    Unreadable,
}

/// Whether a handshake with this query may open a session of Engine.IO, which carries Socket.IO: its
/// servers want a parameter `transport`, and most of them `EIO`.
pub(crate) fn may_follow(query: &str) -> bool {
    // Some take `;` for `&`.
    let query = query.replace(';', "&");
    ["transport", "EIO"].iter().any(|name| query_values(&query, name).next().is_some())
}

impl Credential {
    /// That of a data message.
    pub(crate) fn of(opcode: Opcode, message: &[u8]) -> Self {
        if !may_be_connect(message) && memchr(SEPARATOR, message).is_none() {
            return Self::None;
        }
        let mut found = Self::None;
        for packet in message.split(|byte| *byte == SEPARATOR).filter(|packet| may_be_connect(packet)) {
            found = match (found, Self::of_packet(opcode, packet)) {
                (found, Self::None) => found,
                (Self::None, other) => other,
                (Self::Token(_) | Self::Unreadable, _) => return Self::Unreadable,
            };
        }
        found
    }

    fn of_packet(opcode: Opcode, packet: &[u8]) -> Self {
        // Without a brace there is no object that a token could be in.
        let Some(brace) = memchr(b'{', packet) else { return Self::None };
        let text = String::from_utf8_lossy(packet);
        let Some(payload) = payload_of_connect(&text) else { return Self::None };
        // A brace that comes sooner may begin an object to some.
        let is_plain = matches!(text, Cow::Borrowed(_)) && brace == text.len() - payload.len();
        // Only some backends read a binary message as a packet at all. Most are pieces of files, which
        // may begin with anything.
        if opcode != Opcode::Text && !(is_plain && packet.starts_with(b"40")) {
            return Self::None;
        }
        if !is_plain {
            return Self::Unreadable;
        }
        let Ok(Auth(tokens)) = serde_json::from_str(payload) else { return Self::Unreadable };
        match &*tokens {
            [] | [Value::Null] => Self::None,
            [Value::String(token)] => Self::bearer(token),
            // Some backends make a text of it.
            [token] => Self::bearer(&token.to_string()),
            // Readers do not agree on which of them counts.
            [..] => Self::Unreadable,
        }
    }

    fn bearer(token: &str) -> Self {
        HeaderValue::from_bytes(format!("Bearer {token}").as_bytes()).map_or(Self::Unreadable, |mut value| {
            value.set_sensitive(true);
            Self::Token(value)
        })
    }
}

/// Whether the first bytes of a packet may be those of a CONNECT: `4` of Engine.IO, `0` of Socket.IO.
fn may_be_connect(packet: &[u8]) -> bool {
    match packet {
        [b'4', second, ..] => !matches!(second, b'1'..=b'9' | b'a'..=b'z' | b'A'..=b'Z'),
        [first, ..] => !first.is_ascii(),
        [] => false,
    }
}

/// What stands behind the types, the number of attachments, the namespace and the number of a packet;
/// `None`: it is no CONNECT.
fn payload_of_connect(text: &str) -> Option<&str> {
    let mut chars = text.chars();
    let is_message = chars.next().is_some_and(|first| first == '4' || is_foreign_digit(first));
    // To JavaScript `Number(" ")` is 0.
    let is_zero = |kind: char| kind == '0' || kind == BYTE_ORDER_MARK || kind.is_whitespace();
    let is_connect = chars.next().is_some_and(|kind| is_zero(kind) || is_foreign_digit(kind));
    if !is_message || !is_connect {
        return None;
    }
    let text = chars.as_str();
    let text = behind_digits(text).strip_prefix('-').unwrap_or(text);
    let text = match text.starts_with('/') {
        true => text.split_once(',').map_or("", |(_, behind)| behind),
        false => text,
    };
    Some(behind_digits(text).trim_start())
}

fn behind_digits(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_ascii_digit() || is_foreign_digit(c))
}

/// To Python these are digits, too.
fn is_foreign_digit(c: char) -> bool {
    !c.is_ascii() && c.is_numeric()
}

/// All values that an object has for `token`.
struct Auth(Vec<Value>);

impl<'de> Deserialize<'de> for Auth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AuthVisitor)
    }
}

struct AuthVisitor;

impl<'de> Visitor<'de> for AuthVisitor {
    type Value = Auth;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Auth, M::Error> {
        let mut tokens = Vec::new();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == "token" {
                tokens.push(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Auth(tokens))
    }
}

/// Between packets of one message.
const SEPARATOR: u8 = 0x1e;

const BYTE_ORDER_MARK: char = '\u{feff}';

#[cfg(test)]
mod tests {
    use super::*;

    /// The token of a message, or a word for there being none.
    fn token_in(opcode: Opcode, message: &[u8]) -> String {
        match Credential::of(opcode, message) {
            Credential::None => "none".to_owned(),
            Credential::Unreadable => "unreadable".to_owned(),
            Credential::Token(value) => String::from_utf8(value.as_bytes().to_vec()).unwrap(),
        }
    }

    fn token(message: &str) -> String {
        token_in(Opcode::Text, message.as_bytes())
    }

    #[test]
    fn the_token_of_a_connect_packet_is_found() {
        for message in [
            r#"40{"token":"abc"}"#,
            r#"40/admin,{"token":"abc"}"#,
            r#"40/admin?a=b,{"a":[{"token":"x"}],"token":"abc"}"#,
            r#"407{"token":"abc"}"#,
            r#"40{"\u0074oken":"\u0061bc"}"#,
            "40 \n{ \"token\" : \"abc\" }",
            r#"401-{"token":"abc"}"#,
            r#"401-/admin,5{"token":"abc"}"#,
            // As Node, Python and netty-socketio read it.
            r#"4 {"token":"abc"}"#,
            "4\u{feff}{\"token\":\"abc\"}",
            "٤٠٣{\"token\":\"abc\"}",
            "2\u{1e}40{\"token\":\"abc\"}",
        ] {
            assert_eq!(token(message), "Bearer abc", "{message}");
        }
    }

    #[test]
    fn what_is_no_text_is_the_token_as_it_is_written() {
        for (message, expected) in [
            (r#"40{"token":["abc"]}"#, r#"Bearer ["abc"]"#),
            (r#"40{"token":7}"#, "Bearer 7"),
            (r#"40{"token":""}"#, "Bearer "),
            (r#"40{"token":"ü"}"#, "Bearer ü"),
        ] {
            assert_eq!(token(message), expected, "{message}");
        }
    }

    #[test]
    fn other_messages_have_none() {
        for message in [
            "",
            "4",
            "40",
            "40/admin,",
            "40{}",
            r#"40{"token":null}"#,
            r#"40{"user":{"token":"abc"}}"#,
            r#"42["token",{"token":"abc"}]"#,
            r#"41{"token":"abc"}"#,
            r#"{"token":"abc"}"#,
            r#"0{"token":"abc"}"#,
            "4hello {you}",
            "2probe",
            "ürk {token}",
            "40 is the number of the route",
        ] {
            assert_eq!(token(message), "none", "{message}");
        }
    }

    #[test]
    fn what_two_backends_could_read_in_two_ways_is_unreadable() {
        for message in [
            r#"40{"token":"a","token":"b"}"#,
            r#"40{"token":null,"token":"b"}"#,
            r#"40{"token":"a","x":NaN}"#,
            r#"40{"token":"a""#,
            r#"40{"token":"a"}}"#,
            r#"40{'token':'a'}"#,
            r#"40{"token":"a\nb"}"#,
            r#"40{"token":"\ud800"}"#,
            r#"40[{"token":"a"}]"#,
            r#"40/admin{"a":1,"token":"b"}"#,
            "40/{a},",
            "40\u{feff}{\"token\":\"a\"}",
            "40{\"token\":\"a\"}\u{1e}40/admin,{\"token\":\"b\"}",
        ] {
            assert_eq!(token(message), "unreadable", "{message}");
        }
        assert_eq!(token_in(Opcode::Text, b"40{\"token\":\"\xff\"}"), "unreadable");
    }

    #[test]
    fn binary_messages_are_packets_where_they_can_be_nothing_else() {
        for (message, expected) in [
            (&br#"40{"token":"abc"}"#[..], "Bearer abc"),
            (br#"40/a,{"token":"abc"}"#, "Bearer abc"),
            (br#"40{"token":"a","token":"b"}"#, "unreadable"),
            (br#"40{"token":"#, "unreadable"),
            (b"40 of {these}", "none"),
            (b"4 {\"a\":", "none"),
            (b"40{\xff", "none"),
            (b"\xff\xd8{", "none"),
            (b"\xff\xd8\x1e4{", "none"),
        ] {
            assert_eq!(token_in(Opcode::Binary, message), expected, "{}", message.escape_ascii());
        }
    }

    #[test]
    fn a_token_is_not_printed() {
        assert!(!format!("{:?}", Credential::of(Opcode::Text, br#"40{"token":"abc"}"#)).contains("abc"));
    }

    #[test]
    fn sessions_of_engine_io_are_known_by_their_query() {
        for (query, expected) in [
            ("EIO=4&transport=websocket", true),
            ("transport=websocket", true),
            ("room=1&%74ransport=websocket&sid=x", true),
            ("a;transport=websocket", true),
            ("room=1", false),
            ("transports=websocket", false),
            ("", false),
        ] {
            assert_eq!(may_follow(query), expected, "{query}");
        }
    }
}

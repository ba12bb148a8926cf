//! A line of a file as a message.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gate_core::Side;
use gate_inspect::{Kind, Subject};
use serde_json::Value;

/// See the module.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    from: Option<Side>,
    kind: Kind,
    payload: Vec<u8>,
}

impl Message {
    /// The message as it is judged; `from` sent it unless it says who did.
    pub(super) fn subject(&self, from: Side) -> Subject<'_> {
        Subject { from: self.from.unwrap_or(from), kind: self.kind, payload: &self.payload }
    }
}

/// The message that a line has in it, or else the line itself.
///
/// # Errors
/// What is wrong with a `payload_base64`: judged as its own text it would look harmless.
pub(super) fn of(line: &[u8]) -> Result<Message, String> {
    Ok(envelope(line)?.unwrap_or_else(|| itself(line)))
}

/// The line itself.
pub(super) fn itself(line: &[u8]) -> Message {
    let kind = if str::from_utf8(line).is_ok() { Kind::Text } else { Kind::Binary };
    Message { from: None, kind, payload: line.to_vec() }
}

/// An object with a `payload` or a `payload_base64` that can be read.
fn envelope(line: &[u8]) -> Result<Option<Message>, String> {
    let Ok(Value::Object(object)) = serde_json::from_slice(line) else { return Ok(None) };
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let (payload, kind) = match (text("payload"), text("payload_base64")) {
        (Some(payload), None) => (payload.as_bytes().to_vec(), Kind::Text),
        (None, Some(payload)) => {
            let decoded = STANDARD.decode(payload);
            let told = |fault: base64::DecodeError| fault.to_string().trim_end_matches('.').to_owned();
            (
                decoded.map_err(|fault| format!("`payload_base64` is not base64: {}", told(fault)))?,
                Kind::Binary,
            )
        }
        (None, None) | (Some(_), Some(_)) => return Ok(None),
    };
    let from = match text("direction") {
        Some("client") => Some(Side::Client),
        Some("upstream") => Some(Side::Upstream),
        Some(_) | None => None,
    };
    let kind = match text("opcode") {
        Some("text") => Kind::Text,
        Some("binary") => Kind::Binary,
        Some(_) | None => kind,
    };
    Ok(Some(Message { from, kind, payload }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_with_a_payload_carries_its_message() {
        for (line, from, kind, payload) in [
            (r#"{"payload":"a\nb"}"#, None, Kind::Text, "a\nb"),
            (r#"{"payload":"a","category":"x"}"#, None, Kind::Text, "a"),
            (
                r#"{"payload":"a","direction":"upstream","opcode":"binary"}"#,
                Some(Side::Upstream),
                Kind::Binary,
                "a",
            ),
            (r#"{"payload_base64":"YQ=="}"#, None, Kind::Binary, "a"),
            (r#"{"payload_base64":"YQ==","opcode":"text"}"#, None, Kind::Text, "a"),
        ] {
            let expected = Message { from, kind, payload: payload.as_bytes().to_vec() };
            assert_eq!(of(line.as_bytes()), Ok(expected), "{line}");
        }
    }

    #[test]
    fn every_other_line_is_its_message() {
        for line in [
            "hello",
            "{\"text\":\"a\"}",
            "{\"payload\":1}",
            "{\"payload\":\"a\",\"payload_base64\":\"YQ==\"}",
            "[1]",
        ] {
            assert_eq!(of(line.as_bytes()), Ok(itself(line.as_bytes())), "{line}");
            assert_eq!(itself(line.as_bytes()).kind, Kind::Text, "{line}");
        }
        assert_eq!(of(b"\xff").map(|message| message.kind), Ok(Kind::Binary));
    }

    #[test]
    fn a_payload_that_cannot_be_decoded_is_no_message() {
        for line in ["{\"payload_base64\":\"***\"}", "{\"payload_base64\":\"YQ\"}"] {
            let told = of(line.as_bytes()).expect_err(line);
            assert!(told.starts_with("`payload_base64` is not base64: "), "{told}");
        }
    }
}

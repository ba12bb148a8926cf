//! The ways a payload is wrapped to get past an inspector.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gate_inspect::Kind;

/// One way.
pub(crate) struct Evasion {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) wrap: fn(&str) -> String,
}

/// All; the first is none. Fragmented and compressed messages are the same bytes here, since messages are
/// put together before they are judged: they are tested through the gateway.
pub(crate) const ALL: &[Evasion] = &[
    Evasion { name: "none", kind: Kind::Text, wrap: str::to_owned },
    Evasion { name: "JSON", kind: Kind::Text, wrap: json },
    Evasion { name: "\\u0000", kind: Kind::Text, wrap: escaped },
    Evasion { name: "nested", kind: Kind::Text, wrap: nested },
    Evasion { name: "Socket.IO", kind: Kind::Text, wrap: |text| format!("42[\"message\",{}]", json(text)) },
    Evasion { name: "percent", kind: Kind::Text, wrap: |text| json(&percent(text)) },
    Evasion { name: "percent²", kind: Kind::Text, wrap: |text| json(&percent(&percent(text))) },
    Evasion { name: "entities", kind: Kind::Text, wrap: |text| json(&entities(text)) },
    Evasion { name: "base64", kind: Kind::Text, wrap: |text| json(&STANDARD.encode(text)) },
    Evasion { name: "binary", kind: Kind::Binary, wrap: json },
];

fn json(text: &str) -> String {
    serde_json::json!({"type": "message", "text": text}).to_string()
}

fn nested(text: &str) -> String {
    serde_json::json!({"type": "message", "data": json(text)}).to_string()
}

fn escaped(text: &str) -> String {
    let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    format!("{{\"type\":\"message\",\"text\":\"{units}\"}}")
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn entities(text: &str) -> String {
    text.chars().map(|letter| format!("&#{};", u32::from(letter))).collect()
}

//! The handshake request as bytes.

use http::{HeaderMap, HeaderName, Uri};

/// Writes `GET` of `target` with `headers` (RFC 9112 §3). Names and values come from
/// types that let no line end through.
pub(crate) fn encode(target: &Uri, headers: &HeaderMap) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(TYPICAL_LENGTH);
    bytes.extend_from_slice(b"GET ");
    let path = target.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    bytes.extend_from_slice(path.as_bytes());
    bytes.extend_from_slice(b" HTTP/1.1\r\n");
    for (name, value) in headers {
        push_name(&mut bytes, name);
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// Case means nothing in a field name (RFC 9110 §5.1), yet there are backends, in small
/// devices above all, that know the fields of the handshake only as RFC 6455 spells them.
pub(crate) fn push_name(bytes: &mut Vec<u8>, name: &HeaderName) {
    let rest = match name.as_str().strip_prefix("sec-websocket-") {
        Some(rest) => {
            bytes.extend_from_slice(b"Sec-WebSocket-");
            rest
        }
        None => name.as_str(),
    };
    let mut begins_word = true;
    for byte in rest.bytes() {
        bytes.push(if begins_word { byte.to_ascii_uppercase() } else { byte });
        begins_word = byte == b'-';
    }
}

const TYPICAL_LENGTH: usize = 1024;

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn names_are_spelt_as_the_rfc_spells_them() {
        let mut headers = HeaderMap::new();
        headers.append("host", HeaderValue::from_static("a"));
        headers.append("sec-websocket-key", HeaderValue::from_static("k"));
        headers.append("cookie", HeaderValue::from_static("b=1"));
        headers.append("cookie", HeaderValue::from_static("c=2"));
        let bytes = encode(&Uri::from_static("/chat?room=1"), &headers);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("GET /chat?room=1 HTTP/1.1\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\n"), "{text}");
        for line in ["Host: a", "Sec-WebSocket-Key: k", "Cookie: b=1", "Cookie: c=2"] {
            assert!(text.contains(&format!("\r\n{line}\r\n")), "{line} in {text}");
        }
    }
}

//! The heads of opening handshakes as they are told: without what clients prove themselves by.
//! Cookies keep their names; tokens in the query and in Authorization are `***`.
//!
//! Not here: tokens among the subprotocols, whose name the route knows.

use gate_core::template::Redaction;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, Version, header};

use crate::upstream::request::push_name;

/// The head of a request.
pub(crate) fn request((method, uri, version): (&str, &Uri, Version), headers: &HeaderMap) -> String {
    let target = uri.to_string();
    let mut head = format!("{method} {} {version:?}\r\n", Redaction::default().target(&target)).into_bytes();
    fields(&mut head, headers);
    text(head)
}

/// The head of an answer.
pub(crate) fn reply(status: StatusCode, headers: &HeaderMap) -> String {
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    fields(&mut head, headers);
    text(head)
}

fn fields(head: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        push_name(head, name);
        head.extend_from_slice(b": ");
        value_of(head, name, value);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
}

fn value_of(head: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    let redaction = Redaction::default();
    // What the configuration, an agent or HPACK has marked is for nobody's eyes, whatever its name.
    if value.is_sensitive() || redaction.hides_header(name.as_str()) || is_secret(name.as_str()) {
        head.extend_from_slice(HIDDEN);
    } else if *name == header::COOKIE {
        head.extend_from_slice(&without_values(value.as_bytes()));
    } else if *name == header::SET_COOKIE {
        let cookie = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        let name = cookie.split(|byte| *byte == b'=').next().unwrap_or_default();
        let rest = value.as_bytes().get(cookie.len()..).unwrap_or_default();
        head.extend_from_slice(&[name, b"=", HIDDEN, rest].concat());
    } else if *name == header::REFERER || *name == header::LOCATION {
        let address = String::from_utf8_lossy(value.as_bytes());
        head.extend_from_slice(redaction.target(&address).as_bytes());
    } else {
        head.extend_from_slice(value.as_bytes());
    }
}

/// Puts `***` in the place of the values of all cookies of a head that is for logs.
pub(crate) fn hide_cookies(headers: &mut HeaderMap) {
    let header::Entry::Occupied(mut entry) = headers.entry(header::COOKIE) else { return };
    for line in entry.iter_mut() {
        let told = without_values(line.as_bytes());
        *line = HeaderValue::from_bytes(&told).unwrap_or(HeaderValue::from_static("***"));
    }
}

fn without_values(cookies: &[u8]) -> Vec<u8> {
    let told = cookies.split(|byte| *byte == b';').map(|cookie| {
        let cookie = cookie.trim_ascii();
        let name = cookie.split(|byte| *byte == b'=').next().unwrap_or_default();
        // What has no name is all value.
        if name.len() < cookie.len() { [name, b"=", HIDDEN].concat() } else { HIDDEN.to_vec() }
    });
    told.collect::<Vec<_>>().join(&b"; "[..])
}

/// What a request that names its own upstream proves itself by, and its webhooks are shown.
fn is_secret(name: &str) -> bool {
    let own = name.strip_prefix("x-wsproxy-");
    own.is_some_and(|own| own == "signature" || own.ends_with("-headers"))
}

fn text(head: Vec<u8>) -> String {
    String::from_utf8(head).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

const HIDDEN: &[u8] = b"***";

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = lines.iter().map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        });
        pairs.collect()
    }

    #[test]
    fn nothing_that_proves_a_client_is_told() {
        let headers = headers(&[
            ("host", "gw.example.org"),
            ("cookie", "session=s3cret; theme=dark"),
            ("authorization", "Bearer s3cret"),
            ("proxy-authorization", "Basic s3cret"),
            ("sec-websocket-protocol", "sip"),
            ("referer", "https://example.org/?token=s3cret"),
            ("x-wsproxy-signature", "s3cret"),
            ("x-wsproxy-inboundhook-headers", "Authorization=s3cret"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ]);
        let uri = Uri::from_static("/chat?room=1&access_token=s3cret&%74oken=s3cret");
        let head = request(("GET", &uri, Version::HTTP_11), &headers);
        assert!(!head.contains("s3cret"), "{head}");
        let expected = "GET /chat?room=1&access_token=***&%74oken=*** HTTP/1.1\r\n\
            Host: gw.example.org\r\n\
            Cookie: session=***; theme=***\r\n\
            Authorization: ***\r\n\
            Proxy-Authorization: ***\r\n\
            Sec-WebSocket-Protocol: sip\r\n\
            Referer: https://example.org/?token=***\r\n\
            X-Wsproxy-Signature: ***\r\n\
            X-Wsproxy-Inboundhook-Headers: ***\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        assert_eq!(head, expected);
    }

    #[test]
    fn what_is_marked_as_a_secret_is_not_told_whatever_its_name() {
        let mut secret = HeaderValue::from_static("s3cret");
        secret.set_sensitive(true);
        let mut headers = headers(&[("x-tenant", "blue")]);
        headers.insert("x-backend-key", secret);
        let head = reply(StatusCode::OK, &headers);
        assert_eq!(head, "HTTP/1.1 200 OK\r\nX-Tenant: blue\r\nX-Backend-Key: ***\r\n\r\n");
    }

    #[test]
    fn logs_have_the_names_of_cookies_alone() {
        let mut headers = headers(&[("cookie", "a=1; session=x=y"), ("cookie", "abc")]);
        hide_cookies(&mut headers);
        let told: Vec<_> = headers.get_all(header::COOKIE).iter().collect();
        assert_eq!(told, ["a=***; session=***", "***"]);
    }

    #[test]
    fn answers_keep_the_names_of_their_cookies() {
        let headers = headers(&[
            ("set-cookie", "id=s3cret; Path=/; Secure"),
            ("location", "/login?token=s3cret"),
            ("sec-websocket-protocol", "sip"),
        ]);
        assert_eq!(
            reply(StatusCode::FOUND, &headers),
            "HTTP/1.1 302 Found\r\nSet-Cookie: id=***; Path=/; Secure\r\nLocation: /login?token=***\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
        );
    }
}

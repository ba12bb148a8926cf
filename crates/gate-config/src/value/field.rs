//! What requests of HTTP are made of: names of fields, methods, paths.

use gate_core::path::normalise;
use http::{HeaderName, HeaderValue, Method};
use regex::{Regex, RegexBuilder};

/// Bytes that a compiled regular expression may have.
const REGEX_SIZE_MAX: usize = 1024 * 1024;

/// The name of a field.
pub(crate) fn header_name(text: &str) -> Option<HeaderName> {
    HeaderName::from_bytes(text.as_bytes()).ok()
}

/// Whether the value of a field can be this.
pub(crate) fn is_header_value(text: &str) -> bool {
    HeaderValue::from_str(text).is_ok()
}

/// A token (RFC 9110 §5.6.2).
pub(crate) fn token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// A method; the second is what was meant, if the case is wrong.
pub(crate) fn method(text: &str) -> Result<Method, Option<String>> {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::CONNECT,
        Method::OPTIONS,
        Method::TRACE,
        Method::PATCH,
    ];
    let upper = text.to_ascii_uppercase();
    if text != upper && known.iter().any(|method| method.as_str() == upper) {
        return Err(Some(upper));
    }
    Method::from_bytes(text.as_bytes()).map_err(|_fault| None)
}

/// A path that requests are compared with. They come in normal form, so it must be in it.
pub(crate) fn path_pattern(text: &str) -> Result<String, (String, String)> {
    if !text.starts_with('/') {
        let help = format!("write \"/{}\"", text.escape_debug());
        return Err(("a path begins with `/`".to_owned(), help));
    }
    match normalise(text) {
        Ok(normal) if normal == text => Ok(text.to_owned()),
        Ok(normal) => Err((
            "no request has this path when it is compared".to_owned(),
            format!("paths are compared in their normal form: write \"{normal}\""),
        )),
        Err(fault) => {
            Err((fault.to_string(), "such requests are refused before any route is asked".to_owned()))
        }
    }
}

/// A regular expression.
pub(crate) fn regex(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text).size_limit(REGEX_SIZE_MAX).build()
}

/// The path, and perhaps the query, of a request that the gateway makes itself.
pub(crate) fn request_path(text: &str) -> bool {
    text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic() && b != b'#')
}

/// The value of a Host field: a host, and perhaps a port.
pub(crate) fn host_header(text: &str) -> Option<HeaderValue> {
    let authority: http::uri::Authority = text.parse().ok()?;
    if text.contains('@') || authority.host().is_empty() {
        return None;
    }
    HeaderValue::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_have_the_case_of_the_standard() {
        assert_eq!(method("GET"), Ok(Method::GET));
        assert_eq!(method("get"), Err(Some("GET".to_owned())));
        assert_eq!(method("PROPFIND").map(|method| method.to_string()), Ok("PROPFIND".to_owned()));
        assert_eq!(method("a b"), Err(None));
        assert_eq!(method(""), Err(None));
    }

    #[test]
    fn paths_are_given_as_they_are_compared() {
        assert_eq!(path_pattern("/socket.io/"), Ok("/socket.io/".to_owned()));
        for (text, help) in [
            ("/a/../b", "paths are compared in their normal form: write \"/b\""),
            ("/%61", "paths are compared in their normal form: write \"/a\""),
            ("chat", "write \"/chat\""),
            ("/a#b", "such requests are refused before any route is asked"),
        ] {
            assert_eq!(path_pattern(text).map_err(|(_, help)| help), Err(help.to_owned()), "{text}");
        }
    }

    #[test]
    fn hosts_may_have_ports_but_no_users() {
        for text in ["example.org", "example.org:8080", "[::1]:80", "127.0.0.1"] {
            assert!(host_header(text).is_some(), "{text}");
        }
        for text in ["", "a b", "me@example.org", "http://example.org", "example.org/x", ":80"] {
            assert!(host_header(text).is_none(), "{text}");
        }
    }

    #[test]
    fn large_regular_expressions_are_refused() {
        assert!(regex("^/chat/[0-9]{1,9}$").is_ok());
        assert!(regex("(").is_err());
        assert!(regex("(a{1000}){1000}").is_err());
    }
}

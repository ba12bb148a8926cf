//! A request as typed for `--explain`: `GET /ws?token=x`, and its fields as typed for `-H`.

use http::{HeaderName, HeaderValue, Method, Uri};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) target: Uri,
}

/// Reads a method and a target; the version that may stand behind them means nothing.
///
/// # Errors
/// Says what would be right.
pub(crate) fn ask(text: &str) -> Result<Ask, &'static str> {
    const RIGHT: &str = "a request is a method and a path, such as 'GET /ws?token=x'";
    let mut words = text.split_ascii_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Err(RIGHT) };
    match (words.next(), words.next()) {
        (None, _) | (Some("HTTP/1.1" | "HTTP/1.0"), None) => {}
        (Some(_), _) => return Err(RIGHT),
    }
    if target.contains('#') {
        return Err("a request target has no #: what follows it never leaves the browser");
    }
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| RIGHT)?;
    let target: Uri = target.parse().map_err(|_| RIGHT)?;
    Ok(Ask { method, target })
}

/// Reads a header field.
///
/// # Errors
/// Says what would be right.
pub(crate) fn header(text: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    const RIGHT: &str = "a field is a name, a colon and a value, such as 'Cookie: a=b'";
    let (name, value) = text.split_once(':').ok_or(RIGHT)?;
    let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| RIGHT)?;
    let value = HeaderValue::from_str(value.trim()).map_err(|_| RIGHT)?;
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::{ask, header};

    #[test]
    fn a_request_is_a_method_and_a_target() {
        let asked = ask("GET /ws?token=x HTTP/1.1").expect("a request");
        assert_eq!((asked.method.as_str(), asked.target.query()), ("GET", Some("token=x")));
        for wrong in ["", "GET", "/ws", "GET /a b", "GET /a HTTP/1.1 x", "G@T /a", "GET /a#b"] {
            assert!(ask(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_field_is_a_name_and_a_value() {
        let (name, value) = header("Cookie:  a=b:c ").expect("a field");
        assert_eq!((name.as_str(), value.to_str().ok()), ("cookie", Some("a=b:c")));
        for wrong in ["", "Cookie", ": a", "a b: c", "a: b\nc: d"] {
            assert!(header(wrong).is_err(), "{wrong:?}");
        }
    }
}

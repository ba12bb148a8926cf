//! The first line of a message: what is asked, or what is answered.

use crate::error::Fault;
use crate::syntax;

/// The version that there is. Its letters may be of either case (RFC 3261 §7.1).
const VERSION: &[u8] = b"SIP/2.0";

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// It asks (RFC 3261 §7.1).
    Request {
        /// A token. Methods differ by case.
        method: &'a [u8],
        /// The Request-URI, without white space; of any scheme.
        uri: &'a [u8],
    },
    /// It answers (RFC 3261 §7.2).
    Response {
        /// 100 to 699.
        status: u16,
        /// What stands behind the code, in any encoding; may be empty.
        reason: &'a [u8],
    },
}

impl<'a> StartLine<'a> {
    /// Reads a line, which comes without its line end.
    ///
    /// # Errors
    /// [`Fault::BadVersion`] for another version, [`Fault::BadStartLine`] for what is nothing of SIP.
    pub fn parse(line: &'a [u8]) -> Result<Self, Fault> {
        // No method has a slash, so that no request is taken for a response.
        if line.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"SIP/")) {
            Self::parse_response(line)
        } else {
            Self::parse_request(line)
        }
    }

    fn parse_request(line: &'a [u8]) -> Result<Self, Fault> {
        let (method, rest) = split_at_space(line).ok_or(Fault::BadStartLine)?;
        let (uri, version) = split_at_space(rest).ok_or(Fault::BadStartLine)?;
        if !syntax::is_all_token(method) || !syntax::is_uri(uri) {
            return Err(Fault::BadStartLine);
        }
        check_version(version)?;
        Ok(Self::Request { method, uri })
    }

    fn parse_response(line: &'a [u8]) -> Result<Self, Fault> {
        let (version, rest) = split_at_space(line).ok_or(Fault::BadStartLine)?;
        check_version(version)?;
        // Some leave out the space when there is no reason.
        let (code, reason) = split_at_space(rest).unwrap_or((rest, b""));
        if code.len() != 3 {
            return Err(Fault::BadStartLine);
        }
        let status = syntax::number(code, 699).and_then(|code| u16::try_from(code).ok());
        let status = status.filter(|status| *status >= 100).ok_or(Fault::BadStartLine)?;
        Ok(Self::Response { status, reason })
    }
}

/// Another version is only what looks like one, so that garbage is not asked for its version.
fn check_version(version: &[u8]) -> Result<(), Fault> {
    if version.eq_ignore_ascii_case(VERSION) {
        return Ok(());
    }
    let is_version = version.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"SIP/"))
        && version.iter().skip(4).all(|byte| byte.is_ascii_digit() || *byte == b'.');
    Err(if is_version { Fault::BadVersion } else { Fault::BadStartLine })
}

fn split_at_space(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b' ', line)?;
    Some((line.get(..at)?, line.get(at + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request<'a>(method: &'a str, uri: &'a str) -> Result<StartLine<'a>, Fault> {
        Ok(StartLine::Request { method: method.as_bytes(), uri: uri.as_bytes() })
    }

    fn response(status: u16, reason: &str) -> Result<StartLine<'_>, Fault> {
        Ok(StartLine::Response { status, reason: reason.as_bytes() })
    }

    #[test]
    fn lines_are_read_as_what_they_are() {
        let bad = Err(Fault::BadStartLine);
        for (line, expected) in [
            ("INVITE sip:bob@example.org SIP/2.0", request("INVITE", "sip:bob@example.org")),
            ("!it's_a+method~ tel:+1-201 sip/2.0", request("!it's_a+method~", "tel:+1-201")),
            (
                "OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0",
                request("OPTIONS", "soap.beep://192.0.2.103:3002"),
            ),
            ("SIP/2.0 200 OK", response(200, "OK")),
            ("sip/2.0 699 two words", response(699, "two words")),
            ("SIP/2.0 100 ", response(100, "")),
            ("SIP/2.0 100", response(100, "")),
            ("SIP/2.0 180 \u{7c7}", response(180, "\u{7c7}")),
            ("OPTIONS sip:a@example.org SIP/7.0", Err(Fault::BadVersion)),
            ("SIP/3.1 200 OK", Err(Fault::BadVersion)),
            ("", bad),
            ("INVITE", bad),
            ("INVITE sip:a@example.org", bad),
            ("INVITE  sip:a@example.org SIP/2.0", bad),
            ("INVITE sip:a@example.org  SIP/2.0", bad),
            ("INVITE sip:a@example.org SIP/2.0 ", bad),
            (" INVITE sip:a@example.org SIP/2.0", bad),
            ("INVITE <sip:a@example.org> SIP/2.0", bad),
            ("INVITE a@example.org SIP/2.0", bad),
            ("INVITE sip: SIP/2.0", bad),
            ("IN(VITE) sip:a@example.org SIP/2.0", bad),
            ("GET / HTTP/1.1", bad),
            ("GET http://example.org HTTP/1.1", bad),
            ("SIP/2.0 99 too few", bad),
            ("SIP/2.0 099 too few", bad),
            ("SIP/2.0 700 too many", bad),
            ("SIP/2.0 4294967301 far too many", bad),
            ("SIP/2.0  200 OK", bad),
            ("SIP/2.0", bad),
            ("SIP/two 200 OK", bad),
        ] {
            assert_eq!(StartLine::parse(line.as_bytes()), expected, "{line}");
        }
    }
}

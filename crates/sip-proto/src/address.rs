//! Addresses: `"Name" <uri>;parameters` or `uri;parameters`, as in From, To, Contact and Route.

use crate::parameter::Parameters;
use crate::syntax;

/// An address in its parts.
#[derive(Clone, Debug)]
pub struct Address<'a> {
    /// The display name, quotes included.
    pub display: Option<&'a [u8]>,
    /// The URI without brackets, of any scheme.
    pub uri: &'a [u8],
    /// The parameters of the header, not of the URI.
    pub parameters: Parameters<'a>,
}

impl<'a> Address<'a> {
    /// Reads one item of a header. None for `*`, and for what is no address.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let (display, uri, behind) = match opening_bracket(text)? {
            Some(open) => {
                let close = open + memchr::memchr(b'>', text.get(open..)?)?;
                let display = Some(syntax::trimmed(text.get(..open)?)).filter(|name| !name.is_empty());
                (display, text.get(open + 1..close)?, close + 1)
            }
            // Without brackets the parameters are the header's (RFC 3261 §20.10).
            None => {
                let end = memchr::memchr(b';', text).unwrap_or(text.len());
                (None, syntax::trimmed(text.get(..end)?), end)
            }
        };
        let parameters = syntax::trim(text, behind..text.len());
        let is_sound = syntax::is_uri(uri) && matches!(text.get(parameters.start), None | Some(b';'));
        is_sound.then(|| Self { display, uri, parameters: Parameters::of(text, parameters) })
    }

    /// The tag, where there is one.
    #[must_use]
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.parameters.get("tag")?.value
    }
}

/// Where the bracket of the URI is, quoted names aside; None where a quoted name has no end.
#[expect(clippy::option_option, reason = "no bracket is as good as one, a name without an end is not")]
fn opening_bracket(text: &[u8]) -> Option<Option<usize>> {
    let mut at = 0;
    while let Some(found) = memchr::memchr3(b'<', b'"', b';', text.get(at..)?) {
        at += found;
        match text.get(at) {
            Some(b'<') => return Some(Some(at)),
            Some(b'"') => at = syntax::behind_quoted(text, at)?,
            _ => return Some(None),
        }
    }
    Some(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Display name, URI and tag, `-` for none.
    fn check(text: &str, expected: Option<&str>) {
        let read = Address::parse(text.as_bytes()).map(|address| {
            let text = |part: Option<&[u8]>| {
                part.map_or_else(|| "-".to_owned(), |part| String::from_utf8_lossy(part).into_owned())
            };
            [text(address.display), text(Some(address.uri)), text(address.tag())].join(" | ")
        });
        assert_eq!(read.as_deref(), expected, "{text}");
    }

    #[test]
    fn addresses_come_apart_into_their_parts() {
        check("<sip:a@example.org>", Some("- | sip:a@example.org | -"));
        check("sip:a@example.org;tag=1", Some("- | sip:a@example.org | 1"));
        check("<sip:a@example.org;tag=0>;Tag=1", Some("- | sip:a@example.org;tag=0 | 1"));
        check("caller<sip:a@example.org> ; tag = 1", Some("caller | sip:a@example.org | 1"));
        check(
            "\"a <sip:b@c>, \\\" d\" <tel:+1;x=y>;x=\"<\"",
            Some("\"a <sip:b@c>, \\\" d\" | tel:+1;x=y | -"),
        );
        check("sip:a@example.org;x=\"<sip:b@example.org>\";tag=2", Some("- | sip:a@example.org | 2"));
        check("two words <isbn:2983792873>", Some("two words | isbn:2983792873 | -"));
    }

    #[test]
    fn what_is_no_address_is_none() {
        for text in [
            "",
            "*",
            "<>",
            "a",
            "<sip:a@example.org",
            "\"open <sip:a@example.org>",
            "< sip:a@example.org>",
            "<sip:a@example.org >",
            "<sip:a@example.org>x",
            "Bob sip:a@example.org",
            "sip:a@example.org, sip:b@c",
        ] {
            check(text, None);
        }
    }
}

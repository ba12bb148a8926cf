//! SIP and SIPS URIs (RFC 3261 §19.1), taken apart and not decoded.

use crate::host::Host;
use crate::parameter::Parameters;
use crate::syntax;

/// Which of the two schemes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
}

/// A URI in its parts, all as written: escapes are not taken off.
#[derive(Clone, Debug)]
pub struct Uri<'a> {
    /// The scheme.
    pub scheme: Scheme,
    /// What stands before the `@`, without the password.
    pub user: Option<&'a [u8]>,
    /// What stands behind the user's colon.
    pub password: Option<&'a [u8]>,
    /// The host.
    pub host: Host<'a>,
    /// The port, where there is one.
    pub port: Option<u16>,
    /// The URI's own parameters.
    pub parameters: Parameters<'a>,
    /// What stands behind the `?`.
    pub headers: Option<&'a [u8]>,
}

impl<'a> Uri<'a> {
    /// Reads a URI without brackets. None for other schemes, and for what has two readings: several `@`, say,
    /// let two readers see two hosts.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        if !syntax::is_uri(text) {
            return None;
        }
        let colon = memchr::memchr(b':', text)?;
        let scheme = match text.get(..colon)? {
            name if name.eq_ignore_ascii_case(b"sip") => Scheme::Sip,
            name if name.eq_ignore_ascii_case(b"sips") => Scheme::Sips,
            _ => return None,
        };
        let at = memchr::memchr(b'@', text);
        let host_start = at.unwrap_or(colon) + 1;
        let rest = text.get(host_start..)?;
        if memchr::memchr(b'@', rest).is_some() {
            return None;
        }
        let (user, password) = match at {
            Some(at) => user_and_password(text.get(colon + 1..at)?)?,
            None => (None, None),
        };
        let question = memchr::memchr(b'?', rest).map_or(text.len(), |found| host_start + found);
        let semicolon = memchr::memchr(b';', syntax::slice(text, host_start..question));
        let host_end = semicolon.map_or(question, |found| host_start + found);
        let (host, port) = Host::parse_with_port(text.get(host_start..host_end)?)?;
        Some(Self {
            scheme,
            user,
            password,
            host,
            port,
            parameters: Parameters::of(text, host_end..question),
            headers: text.get(question + 1..),
        })
    }
}

/// A user, and a password.
type UserInfo<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// What stands before the `@`. A user that is empty is none at all (RFC 3261 §25.1), so no URI has it.
fn user_and_password(info: &[u8]) -> Option<UserInfo<'_>> {
    let colon = memchr::memchr(b':', info);
    let user = info.get(..colon.unwrap_or(info.len())).filter(|user| !user.is_empty())?;
    Some((Some(user), colon.and_then(|colon| info.get(colon + 1..))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scheme, user, password, host, port, number of parameters, headers; `-` for none.
    fn read(text: &str) -> Option<String> {
        let uri = Uri::parse(text.as_bytes())?;
        let or_none = |part: Option<&[u8]>| {
            part.map_or_else(|| "-".to_owned(), |part| String::from_utf8_lossy(part).into_owned())
        };
        let port = uri.port.map_or_else(|| "-".to_owned(), |port| port.to_string());
        let (user, password, headers) = (or_none(uri.user), or_none(uri.password), or_none(uri.headers));
        let count = uri.parameters.count();
        Some(format!("{:?} {user} {password} {} {port} {count} {headers}", uri.scheme, uri.host))
    }

    #[test]
    fn uris_come_apart_into_their_parts() {
        for (text, expected) in [
            ("sip:example.org", "Sip - - example.org - 0 -"),
            ("SIPS:alice@example.org:5061", "Sips alice - example.org 5061 0 -"),
            ("sip:alice:secret@[2001:db8::9]:5070;lr;ob", "Sip alice secret [2001:db8::9] 5070 2 -"),
            ("sip:192.0.2.1;transport=ws?to=a%40b", "Sip - - 192.0.2.1 - 1 to=a%40b"),
            ("sip:user;par=u%40example.net@example.com", "Sip user;par=u%40example.net - example.com - 0 -"),
            (
                "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
                "Sip 1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;* &it+has=1,weird!*pas$wo~d_too.(doesn't-it) example.com - 0 -",
            ),
            ("sip:a:@example.org", "Sip a  example.org - 0 -"),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_has_no_reading_or_two_is_none() {
        for text in [
            "",
            "sip:",
            "sip:@example.org",
            "sip::x@example.org",
            "tel:+1",
            "example.org",
            "sip:a@b@example.org",
            "sip:a@example.org?x=@evil.example",
            "sip:a b@example.org",
            "<sip:a@example.org>",
            "sip:a@:5060",
            "sip:a@example.org:0x1",
            "sip:a@",
            "sip:a@exa,mple.org",
            "sip:a@\u{e4}.example",
            "sip:a@b\0",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}

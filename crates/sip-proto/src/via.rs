//! Vias: the way that a response goes back (RFC 3261 §20.42).

use core::ops::Range;

use crate::error::{Fault, MessageError};
use crate::host::Host;
use crate::parameter::{Parameter, Parameters};
use crate::syntax;

/// One Via in its parts.
#[derive(Clone, Debug)]
pub struct Via<'a> {
    /// `UDP`, `TCP`, `TLS`, `WS`, `WSS` or another, in whatever case.
    pub transport: &'a [u8],
    /// The host of sent-by.
    pub host: Host<'a>,
    /// The port of sent-by, where there is one.
    pub port: Option<u16>,
    /// The parameters; their ranges are of the message.
    pub parameters: Parameters<'a>,
    /// Where all of it is in the message.
    pub range: Range<usize>,
}

impl<'a> Via<'a> {
    /// Reads the Via in that range of a message: one item, as [`Message::values`](crate::Message::values)
    /// gives it.
    ///
    /// # Errors
    /// [`Fault::BadVia`] for anything else.
    pub fn parse(message: &'a [u8], range: Range<usize>) -> Result<Self, MessageError> {
        let start = range.start;
        Self::read(message, range).ok_or_else(|| MessageError::new(Fault::BadVia, start))
    }

    fn read(message: &'a [u8], range: Range<usize>) -> Option<Self> {
        let text = message.get(range.clone())?;
        // White space may stand around the slashes, line ends with folds included.
        let (name, rest) = token(text)?;
        let (version, rest) = token(rest.strip_prefix(b"/")?)?;
        let (transport, sent_by) = token(rest.strip_prefix(b"/")?)?;
        let is_sip = name.eq_ignore_ascii_case(b"SIP") && version == b"2.0";
        let before = text.len().checked_sub(sent_by.len() + 1)?;
        let is_apart = text.get(before).copied().is_some_and(syntax::is_space);
        if !is_sip || !is_apart {
            return None;
        }
        let end = memchr::memchr(b';', sent_by).unwrap_or(sent_by.len());
        let (host, port) = Host::parse_with_port(sent_by.get(..end)?)?;
        let parameters = Parameters::of(message, range.end - sent_by.len() + end..range.end);
        if !parameters.is_sound() {
            return None;
        }
        Some(Self { transport, host, port, parameters, range })
    }

    /// The transaction's identifier of this hop.
    #[must_use]
    pub fn branch(&self) -> Option<&'a [u8]> {
        self.parameters.get("branch")?.value
    }

    /// The address that the request came from (RFC 3261 §18.2.1).
    #[must_use]
    pub fn received(&self) -> Option<Parameter<'a>> {
        self.parameters.get("received")
    }

    /// The port that the request came from, or the wish to be told it (RFC 3581).
    #[must_use]
    pub fn rport(&self) -> Option<Parameter<'a>> {
        self.parameters.get("rport")
    }
}

/// A token with white space around it, and what stands behind.
fn token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.get(text.iter().position(|byte| !syntax::is_space(*byte))?..)?;
    let end = text.iter().position(|byte| !syntax::is_token(*byte)).unwrap_or(text.len());
    let (token, rest) = text.split_at_checked(end)?;
    let behind = rest.iter().position(|byte| !syntax::is_space(*byte)).unwrap_or(rest.len());
    (!token.is_empty()).then_some((token, rest.get(behind..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Transport, host, port and branch, `-` for none.
    fn check(text: &str, expected: Option<&str>) {
        let message = [b"Via: ", text.as_bytes(), b"\r\n"].concat();
        let read = Via::parse(&message, 5..5 + text.len()).map(|via| {
            let text = |part: &[u8]| String::from_utf8_lossy(part).into_owned();
            let port = via.port.map_or_else(|| "-".to_owned(), |port| port.to_string());
            let branch = via.branch().map_or_else(|| "-".to_owned(), text);
            [text(via.transport), via.host.to_string(), port, branch].join(" ")
        });
        let expected = expected.map(str::to_owned);
        assert_eq!(read, expected.ok_or(MessageError::new(Fault::BadVia, 5)), "{text}");
    }

    #[test]
    fn vias_come_apart_into_their_parts() {
        check("SIP/2.0/UDP 192.0.2.1", Some("UDP 192.0.2.1 - -"));
        check(
            "SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK56sdasks",
            Some("WS df7jal23ls0d.invalid - z9hG4bK56sdasks"),
        );
        check("sip/2.0/wss [2001:db8::1]:443 ;rport;Branch=b", Some("wss [2001:db8::1] 443 b"));
        check("SIP  / 2.0\r\n / TCP\r\n  a.example : 5060 ; branch = b", Some("TCP a.example 5060 b"));
        check("SIP/2.0/X-y a;x=\"1;branch=2\"", Some("X-y a - -"));
    }

    #[test]
    fn what_is_no_via_is_a_fault() {
        for text in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ;branch=b",
            "SIP/2.0 UDP a",
            "SIP/2.0/UDP a b",
            "SIP/2.0/UDP a:b",
            "HTTP/2.0/UDP a",
            "SIP/3.0/UDP a",
            "SIP/2.0/UDP[::1]",
            "SIP/2.0/ a",
            "SIP/2.0/UDP a;x=\"",
            "SIP/2.0/UDP a;x=y\"z;",
            "SIP/2.0/UDP a;x y",
            "SIP/2.0/UDP a;",
            "SIP/2.0/UDP a;;b",
            "SIP/2.0/UDP a; ;b",
            "SIP/2.0/UDP a;=b",
            "UDP a",
            "SIP/2.0/UDP a:5060:5060",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn parameters_are_found_at_their_places_in_the_message() {
        let message = b"Via: SIP/2.0/UDP a;rport;received=192.0.2.9;branch=b\r\n";
        let via = Via::parse(message, 5..52).unwrap();
        let received = via.received().unwrap();
        assert_eq!(&message[received.range], b";received=192.0.2.9");
        assert_eq!(&message[received.value_range], b"192.0.2.9");
        let rport = via.rport().unwrap();
        assert_eq!((rport.value, &message[rport.range.clone()]), (None, &b";rport"[..]));
        assert_eq!(rport.value_range, rport.range.end..rport.range.end);
    }
}

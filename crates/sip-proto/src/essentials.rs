//! What each message must have (RFC 3261 §8.1.1) and whoever routes it must understand.

use crate::address::Address;
use crate::error::{Fault, MessageError};
use crate::message::{Header, Message};
use crate::name::HeaderName;
use crate::start_line::StartLine;
use crate::syntax;
use crate::via::Via;

/// The headers without which a message cannot be routed or answered, read and in order.
#[derive(Clone, Debug)]
pub struct Essentials<'a> {
    /// The topmost Via.
    pub via: Via<'a>,
    /// The Call-ID.
    pub call_id: &'a [u8],
    /// The number of CSeq, below 2^31.
    pub cseq: u32,
    /// The method of CSeq, which is the request's.
    pub method: &'a [u8],
    /// Who asks.
    pub from: Address<'a>,
    /// Who is asked.
    pub to: Address<'a>,
    /// How many hops are left, where that is said.
    pub max_forwards: Option<u8>,
}

/// What stands once in a message, and must not have two readings.
const SINGLE: [HeaderName; 5] =
    [HeaderName::CallId, HeaderName::CSeq, HeaderName::From, HeaderName::To, HeaderName::MaxForwards];

/// CSeq is below that (RFC 3261 §8.1.1.5).
const CSEQ_END: u64 = 1 << 31;

impl<'a> Message<'a> {
    /// All that a proxy checks before it goes on with a message (RFC 3261 §16.3), in one look.
    ///
    /// # Errors
    /// One of them is missing, repeated or malformed, or CSeq is of another method than the request.
    pub fn essentials(&self) -> Result<Essentials<'a>, MessageError> {
        for name in SINGLE {
            if let Some(second) = self.second(name) {
                return Err(MessageError::new(Fault::RepeatedHeader, second.line.start));
            }
        }
        let via = self.top_via()?;
        let call_id = self.needed(HeaderName::CallId)?;
        let at = call_id.value.start;
        let call_id = Some(self.value_of(call_id)).filter(|id| !id.is_empty());
        let call_id = call_id.ok_or_else(|| MessageError::new(Fault::MissingHeader, at))?;
        let header = self.needed(HeaderName::CSeq)?;
        let (cseq, method) = self
            .cseq()
            .filter(|(_, method)| self.method().is_none_or(|own| own == *method))
            .ok_or_else(|| MessageError::new(Fault::BadCSeq, header.value.start))?;
        let from = self.address(HeaderName::From)?;
        let to = self.address(HeaderName::To)?;
        Ok(Essentials { via, call_id, cseq, method, from, to, max_forwards: self.max_forwards()? })
    }

    /// The topmost Via.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn top_via(&self) -> Result<Via<'a>, MessageError> {
        let missing = MessageError::new(Fault::MissingHeader, self.headers_range().start);
        let top = self.values(HeaderName::Via).next().ok_or(missing)?;
        Via::parse(self.bytes(), top.range)
    }

    /// How many hops are left: None if that is not said.
    ///
    /// # Errors
    /// It is no number up to 255 (RFC 3261 §20.22).
    pub fn max_forwards(&self) -> Result<Option<u8>, MessageError> {
        let Some(header) = self.header(HeaderName::MaxForwards) else { return Ok(None) };
        let hops = syntax::number(self.value_of(header), u64::from(u8::MAX));
        let hops = hops.and_then(|hops| u8::try_from(hops).ok());
        hops.map(Some).ok_or_else(|| MessageError::new(Fault::BadMaxForwards, header.value.start))
    }

    /// The Call-ID, where there is one.
    #[must_use]
    pub fn call_id(&self) -> Option<&'a [u8]> {
        self.value(HeaderName::CallId)
    }

    /// Number and method of CSeq, where they can be read.
    #[must_use]
    pub fn cseq(&self) -> Option<(u32, &'a [u8])> {
        let value = self.value(HeaderName::CSeq)?;
        let digits = value.iter().position(|byte| syntax::is_space(*byte))?;
        let number = syntax::number(value.get(..digits)?, CSEQ_END - 1)?;
        let method = syntax::trimmed(value.get(digits..)?);
        Some((u32::try_from(number).ok()?, Some(method).filter(|method| syntax::is_all_token(method))?))
    }

    /// The URI of From, where it can be read.
    #[must_use]
    pub fn from_uri(&self) -> Option<&'a [u8]> {
        Some(self.address(HeaderName::From).ok()?.uri)
    }

    /// The URI of To, where it can be read.
    #[must_use]
    pub fn to_uri(&self) -> Option<&'a [u8]> {
        Some(self.address(HeaderName::To).ok()?.uri)
    }

    /// The tag of From, where there is one.
    #[must_use]
    pub fn from_tag(&self) -> Option<&'a [u8]> {
        self.address(HeaderName::From).ok()?.tag()
    }

    /// The tag of To, where there is one: requests outside of dialogs have none.
    #[must_use]
    pub fn to_tag(&self) -> Option<&'a [u8]> {
        self.address(HeaderName::To).ok()?.tag()
    }

    /// The Request-URI; None for a response.
    #[must_use]
    pub const fn request_uri(&self) -> Option<&'a [u8]> {
        match self.start_line() {
            StartLine::Request { uri, .. } => Some(uri),
            StartLine::Response { .. } => None,
        }
    }

    fn address(&self, name: HeaderName) -> Result<Address<'a>, MessageError> {
        let header = self.needed(name)?;
        Address::parse(self.value_of(header))
            .ok_or_else(|| MessageError::new(Fault::BadAddress, header.value.start))
    }

    fn needed(&self, name: HeaderName) -> Result<&Header, MessageError> {
        self.header(name).ok_or_else(|| MessageError::new(Fault::MissingHeader, self.headers_range().start))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Fault, Limits, Message};

    const GOOD: [&str; 6] = [
        "v: SIP/2.0/WS x.invalid;branch=b, SIP/2.0/UDP y",
        "From: \"A\" <sip:a@b>;tag=1",
        "To: sip:c@d",
        "Call-ID: 1@x",
        "CSeq: 7\r\n  INFO",
        "Max-Forwards: 70",
    ];

    fn fault(lines: &[&str]) -> Option<Fault> {
        let text = format!("INFO sip:c@d SIP/2.0\r\n{}\r\n\r\n", lines.join("\r\n"));
        let message = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
        message.essentials().err().map(|error| error.fault)
    }

    /// The good message with that line in place of the one with this number.
    fn fault_with(number: usize, line: &str) -> Option<Fault> {
        let mut lines = GOOD;
        lines[number] = line;
        fault(&lines)
    }

    #[test]
    fn all_that_is_needed_is_read() {
        let text = format!("INFO sip:c@d SIP/2.0\r\n{}\r\n\r\n", GOOD.join("\r\n"));
        let message = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
        let found = message.essentials().unwrap();
        assert_eq!((found.call_id, found.cseq, found.method), (&b"1@x"[..], 7, &b"INFO"[..]));
        assert_eq!((found.from.uri, found.from.tag()), (&b"sip:a@b"[..], Some(&b"1"[..])));
        assert_eq!((found.to.uri, found.to.tag()), (&b"sip:c@d"[..], None));
        assert_eq!((found.via.transport, found.via.branch()), (&b"WS"[..], Some(&b"b"[..])));
        assert_eq!(found.max_forwards, Some(70));
        assert_eq!((message.from_uri(), message.to_uri()), (Some(&b"sip:a@b"[..]), Some(&b"sip:c@d"[..])));
        assert_eq!((message.from_tag(), message.to_tag()), (Some(&b"1"[..]), None));
    }

    #[test]
    fn what_is_missing_repeated_or_malformed_is_told() {
        assert_eq!(fault(&GOOD), None);
        for (number, line) in GOOD.into_iter().enumerate().take(5) {
            assert_eq!(fault_with(number, "X: 1"), Some(Fault::MissingHeader), "{line}");
        }
        assert_eq!(fault_with(5, "X: 1"), None);
        for line in &GOOD[1..] {
            let mut lines = GOOD.to_vec();
            lines.push(line);
            assert_eq!(fault(&lines), Some(Fault::RepeatedHeader), "{line}");
        }
        for (number, line, expected) in [
            (0, "Via: nonsense", Fault::BadVia),
            (0, "Via: ,", Fault::MissingHeader),
            (1, "From: \"A <sip:a@b>;tag=1", Fault::BadAddress),
            (2, "To: *", Fault::BadAddress),
            (3, "i:", Fault::MissingHeader),
            (4, "CSeq: INFO", Fault::BadCSeq),
            (4, "CSeq: 7", Fault::BadCSeq),
            (4, "CSeq: 7 INVITE", Fault::BadCSeq),
            (4, "CSeq: 7 info", Fault::BadCSeq),
            (4, "CSeq: 2147483648 INFO", Fault::BadCSeq),
            (4, "CSeq: -1 INFO", Fault::BadCSeq),
            (4, "CSeq: 7 INFO 8", Fault::BadCSeq),
            (5, "Max-Forwards: 256", Fault::BadMaxForwards),
            (5, "Max-Forwards:", Fault::BadMaxForwards),
            (5, "Max-Forwards: -1", Fault::BadMaxForwards),
        ] {
            assert_eq!(fault_with(number, line), Some(expected), "{line}");
        }
        assert_eq!(fault_with(4, "CSeq: 2147483647 INFO"), None);
        assert_eq!(fault_with(5, "Max-Forwards: 0255"), None);
    }

    #[test]
    fn the_method_of_a_responses_cseq_is_its_own() {
        let text = format!("SIP/2.0 200 OK\r\n{}\r\n\r\n", GOOD.join("\r\n"));
        let message = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(message.essentials().map(|found| found.method), Ok(&b"INFO"[..]));
    }
}

//! Values of headers, and lines, that are nothing but what SIP itself needs: addresses, names of methods,
//! numbers and identifiers in its strictest grammar.
//!
//! No detector finds anything in them: no blank stands where a command would go on, no parameter has a name of
//! somebody's own, nothing is quoted but a name. What is hidden in their words by base64 is looked for all the same.
//! Saying no costs time only.

use memchr::{memchr, memchr2_iter, memmem};

use crate::bytes::ByteSet;

/// Whether a header's value is plain: a list of addresses, words and numbers with parameters of SIP's own.
pub(in crate::decode) fn is_plain(value: &[u8]) -> bool {
    let mut text = Reader { rest: value };
    loop {
        if !item(&mut text) {
            return false;
        }
        if text.rest.is_empty() {
            return !is_disguised(value);
        }
        if !text.eat(b",") {
            return false;
        }
        text.eat(b" ");
    }
}

/// Whether the first line of a message is plain.
pub(in crate::decode) fn is_plain_start(line: &[u8]) -> bool {
    let mut text = Reader { rest: line };
    if text.eat(b"SIP/2.0 ") {
        let code = text.take(DIGITS);
        return code.len() == 3
            && text.eat(b" ")
            && PHRASES.iter().any(|phrase| text.rest.eq_ignore_ascii_case(phrase));
    }
    METHODS.contains(&text.take(CAPITALS))
        && text.eat(b" ")
        && uri(&mut text)
        && text.eat(b" ")
        && text.rest == b"SIP/2.0"
        && !is_disguised(line)
}

/// Whether a header has a name that says nothing by itself.
pub(in crate::decode) fn is_plain_name(name: &[u8]) -> bool {
    (1..=NAME_MAX).contains(&name.len())
        && name.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'-')
        || NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a text has a part in what others begin: no tag, quote or operator is in a text of these alone.
pub(in crate::decode) fn is_inert(bytes: ByteSet) -> bool {
    bytes.is_within(INERT)
}

fn item(text: &mut Reader<'_>) -> bool {
    if text.eat(b"SIP/2.0/") {
        return !text.take(CAPITALS).is_empty() && text.eat(b" ") && host(text) && parameters(text);
    }
    if text.rest.starts_with(b"\"") {
        text.eat(b"\"");
        text.take(NAME);
        return text.eat(b"\"") && (text.eat(b" <") || text.eat(b"<")) && address(text);
    }
    if text.eat(b"<") {
        return address(text);
    }
    if has_scheme(text) {
        return uri(text);
    }
    let Some(word) = word(text) else { return false };
    if word.iter().all(u8::is_ascii_digit) && text.eat(b" ") {
        // The method behind the number of a request.
        return METHODS.contains(&text.take(CAPITALS));
    }
    if text.rest.starts_with(b"@") {
        text.eat(b"@");
        return !ends_in_operator(word) && self::word(text).is_some();
    }
    if text.eat(b"/") {
        return MEDIA.contains(&(word, text.take(MEDIUM))) && parameters(text);
    }
    // A lone word may be a command.
    text.rest.is_empty()
        || text.rest.starts_with(b",")
        || (word.iter().all(u8::is_ascii_digit) && parameters(text))
}

/// Whether a database would read an operator behind a number.
fn ends_in_operator(word: &[u8]) -> bool {
    let letters = word.iter().rev().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let (before, last) = word.split_at_checked(word.len() - letters).unwrap_or_default();
    !before.is_empty() && OPERATORS.iter().any(|operator| operator.eq_ignore_ascii_case(last))
}

/// What stands behind `<`.
fn address(text: &mut Reader<'_>) -> bool {
    uri(text) && text.eat(b">") && parameters(text)
}

fn has_scheme(text: &Reader<'_>) -> bool {
    SCHEMES.iter().any(|scheme| text.rest.starts_with(scheme))
}

fn uri(text: &mut Reader<'_>) -> bool {
    if !SCHEMES.iter().any(|scheme| text.eat(scheme)) {
        return false;
    }
    if matches!(text.rest, [b'+', digit, ..] if digit.is_ascii_digit()) {
        text.eat(b"+");
    }
    let user = Reader { rest: text.rest }.take(WORD).len();
    if text.rest.get(user) == Some(&b'@') && (word(text).is_none() || !text.eat(b"@")) {
        return false;
    }
    host(text) && parameters(text)
}

/// A host's name or address, and its port.
fn host(text: &mut Reader<'_>) -> bool {
    word(text).is_some() && (!text.eat(b":") || !text.take(DIGITS).is_empty())
}

/// A word that ends as it would be written: whoever reads commands passes over what is behind their names.
fn word<'a>(text: &mut Reader<'a>) -> Option<&'a [u8]> {
    Some(text.take(WORD)).filter(|word| word.last().is_some_and(u8::is_ascii_alphanumeric))
}

/// Any number of `;name` and `;name=value` with names that SIP or its programs give.
fn parameters(text: &mut Reader<'_>) -> bool {
    while text.eat(b";") {
        let name = text.take(PARAMETER);
        if !PARAMETERS.contains(&name) {
            return false;
        }
        if text.eat(b"=") && !identity(text) && (name.starts_with(b"+") || !is_value(text.take(TILDED))) {
            return false;
        }
    }
    true
}

/// Whether a parameter's value is one of SIP's own: no name of a file has a number for its ending.
fn is_value(value: &[u8]) -> bool {
    !value.is_empty() && value.windows(2).all(|two| !matches!(two, [b'.', next] if !next.is_ascii_digit()))
}

/// What an instance of a phone is known by.
fn identity(text: &mut Reader<'_>) -> bool {
    if text.eat(b"\"<urn:uuid:") {
        return !text.take(HEX).is_empty() && text.eat(b">\"");
    }
    text.eat(b"urn:uuid:") && !text.take(HEX).is_empty()
}

/// Whether words are written as nobody needs to: steps up, comments, numbers of bytes, or are what runs scripts.
pub(super) fn is_disguised(text: &[u8]) -> bool {
    let has = |first: [u8; 2], word: &[u8]| {
        memchr2_iter(first[0], first[1], text)
            .any(|at| text.get(at..at + word.len()).is_some_and(|there| there.eq_ignore_ascii_case(word)))
    };
    memmem::find(text, b"..").is_some()
        || memmem::find(text, b"--").is_some()
        || memchr2_iter(b'x', b'X', text).any(|at| at > 0 && text.get(at - 1) == Some(&b'0'))
        || has([b'.', b'.'], b".ini")
        || has([b's', b'S'], b"script")
}

/// Reads a text from its beginning.
pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn eat(&mut self, start: &[u8]) -> bool {
        let Some(rest) = self.rest.strip_prefix(start) else { return false };
        self.rest = rest;
        true
    }

    pub(super) fn until_blank(&mut self) -> &'a [u8] {
        let end = memchr(b' ', self.rest).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or_default();
        self.rest = rest;
        taken
    }

    /// The longest beginning of these bytes.
    pub(super) fn take(&mut self, bytes: ByteSet) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| !bytes.has(*byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or_default();
        self.rest = rest;
        taken
    }
}

pub(super) const DIGITS: ByteSet = ByteSet::of(b"0123456789");
pub(super) const CAPITALS: ByteSet = ByteSet::of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ");
pub(super) const LOWER: ByteSet = ByteSet::of(b"abcdefghijklmnopqrstuvwxyz-");
pub(super) const HEX: ByteSet = ByteSet::of(b"0123456789abcdefABCDEF-");
pub(super) const WORD: ByteSet = DIGITS.or(CAPITALS).or(LOWER).or(ByteSet::of(b"_."));
pub(super) const TILDED: ByteSet = WORD.or(ByteSet::of(b"~"));
const PARAMETER: ByteSet = WORD.or(ByteSet::of(b"+"));
const MEDIUM: ByteSet = LOWER.or(ByteSet::of(b"+"));
/// A display name; it is looked at by itself.
const NAME: ByteSet = WORD.or(ByteSet::of(b" "));
const INERT: ByteSet = WORD.or(ByteSet::of(b" ,:/@~"));

const SCHEMES: [&[u8]; 3] = [b"sip:", b"sips:", b"tel:"];
const MEDIA: [(&[u8], &[u8]); 10] = [
    (b"application", b"sdp"),
    (b"text", b"plain"),
    (b"text", b"html"),
    (b"application", b"json"),
    (b"message", b"cpim"),
    (b"message", b"sipfrag"),
    (b"application", b"pidf+xml"),
    (b"application", b"im-iscomposing+xml"),
    (b"application", b"dtmf-relay"),
    (b"application", b"dialog-info+xml"),
];
/// Those of parameters of URIs and headers; none is a program's.
const PARAMETERS: [&[u8]; 35] = [
    b"alias",
    b"branch",
    b"rport",
    b"received",
    b"tag",
    b"transport",
    b"lr",
    b"ob",
    b"gr",
    b"maddr",
    b"ttl",
    b"r2",
    b"ftag",
    b"did",
    b"vst",
    b"nat",
    b"expires",
    b"q",
    b"reg-id",
    b"refresher",
    b"cause",
    b"handling",
    b"keep",
    b"user",
    b"method",
    b"charset",
    b"duration",
    b"to-tag",
    b"from-tag",
    b"early-only",
    b"comp",
    b"+sip.ice",
    b"+sip.instance",
    b"isup-oli",
    b"cpc",
];
/// Words between a number and what it is compared with or joined to.
const OPERATORS: [&[u8]; 17] = [
    b"or", b"and", b"xor", b"like", b"having", b"in", b"is", b"not", b"where", b"union", b"between", b"div",
    b"mod", b"regexp", b"rlike", b"sounds", b"as",
];
const PHRASES: [&[u8]; 16] = [
    b"OK",
    b"Trying",
    b"Ringing",
    b"Session Progress",
    b"Accepted",
    b"Unauthorized",
    b"Not Found",
    b"Proxy Authentication Required",
    b"Busy Here",
    b"Request Terminated",
    b"Decline",
    b"Forbidden",
    b"Temporarily Unavailable",
    b"Service Unavailable",
    b"Method Not Allowed",
    b"Request Timeout",
];
/// A word of so many letters is too short to hide anything in base64.
const NAME_MAX: usize = super::super::token::LENGTH_MIN - 1;
const METHODS: [&[u8]; 14] = [
    b"REGISTER",
    b"INVITE",
    b"ACK",
    b"BYE",
    b"CANCEL",
    b"OPTIONS",
    b"MESSAGE",
    b"SUBSCRIBE",
    b"NOTIFY",
    b"PUBLISH",
    b"INFO",
    b"REFER",
    b"UPDATE",
    b"PRACK",
];
/// Names of headers that are longer.
const NAMES: [&[u8]; 20] = [
    b"Max-Forwards",
    b"Content-Type",
    b"Content-Length",
    b"User-Agent",
    b"Record-Route",
    b"Authorization",
    b"Proxy-Authorization",
    b"WWW-Authenticate",
    b"Proxy-Authenticate",
    b"Session-Expires",
    b"Allow-Events",
    b"Subscription-State",
    b"Content-Disposition",
    b"P-Asserted-Identity",
    b"P-Preferred-Identity",
    b"Remote-Party-ID",
    b"Service-Route",
    b"Referred-By",
    b"In-Reply-To",
    b"Accept-Language",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that are plain.
    const VALUES: &str = include_str!("../../../tests/plain/values.txt");

    #[test]
    fn what_phones_and_proxies_send_is_plain() {
        for value in VALUES.lines() {
            assert!(is_plain(value.as_bytes()), "{value}");
        }
        for start in ["INVITE sip:bob@example.org:5060;transport=ws SIP/2.0", "SIP/2.0 486 Busy Here"] {
            assert!(is_plain_start(start.as_bytes()), "{start}");
        }
    }

    #[test]
    fn what_others_may_begin_or_run_is_not() {
        for value in [
            "",
            "a b",
            "1 OR",
            "cat passwd",
            "sleep 5",
            "a;id",
            "<sip:a@b;id>",
            "<sip:a@b>;x=1",
            "<sip:a@b",
            "<script>",
            "sip:a@b?Subject=x",
            "\"a;b\" <sip:a@b>",
            "\"a",
            "a..b",
            "0x2e0x2e",
            "a--",
            "a@@version",
            "text/../x",
            "etc/passwd",
            "1,",
            "a%20b",
            "a\r\n b",
            "\u{fc}",
        ] {
            assert!(!is_plain(value.as_bytes()), "{value}");
        }
        for start in
            ["INVITE sip:<b>@c SIP/2.0", "CAT sip:a@b SIP/2.0", "SIP/2.0 200 or 1=1", "SIP/2.0 20 OK"]
        {
            assert!(!is_plain_start(start.as_bytes()), "{start}");
        }
    }
}

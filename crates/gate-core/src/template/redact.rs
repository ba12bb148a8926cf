//! What is kept out of logs: values of parameters of the query, of cookies and of header
//! fields, by their names. Tokens by the names that everybody gives them never come into one. Names are compared without regard to case, and parameters' decoded,
//! so that no spelling of a name brings its value into a log.

use std::borrow::Cow;

/// The names of which the values are not told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redaction {
    /// Parameters of the query.
    pub arguments: Vec<String>,
    /// Cookies.
    pub cookies: Vec<String>,
    /// Header fields.
    pub headers: Vec<String>,
}

/// What stands in the place of a value that is not told.
pub(super) const HIDDEN: &str = "***";

impl Redaction {
    /// Whether a parameter of this name, as it was sent, is hidden. `token[]` is `token` to
    /// many backends.
    fn hides_argument(&self, sent: &str) -> bool {
        let whole = decode(sent, Plus::IsBlank);
        let head = whole.split(|byte| *byte == b'[').next().unwrap_or_default();
        let is_it = |hidden: &[u8]| hidden.eq_ignore_ascii_case(head) || hidden.eq_ignore_ascii_case(&whole);
        let named = self.arguments.iter().map(String::as_str);
        named.chain(TOKEN_ARGUMENTS).any(|hidden| is_it(hidden.as_bytes()))
    }

    pub(super) fn hides_cookie(&self, name: &str) -> bool {
        self.cookies.iter().any(|hidden| hidden.eq_ignore_ascii_case(name.trim()))
    }

    /// Whether a field of this name, in lower case with hyphens, is hidden.
    #[must_use]
    pub fn hides_header(&self, name: &str) -> bool {
        let named = self.headers.iter().map(String::as_str);
        named.chain(TOKEN_HEADERS).any(|hidden| hidden.eq_ignore_ascii_case(name))
    }

    /// A query without the values that are hidden.
    pub(super) fn query<'a>(&self, query: &'a str) -> Cow<'a, str> {
        let pieces = query.split_inclusive('&').map(|piece| {
            let parameters = piece.strip_suffix('&').unwrap_or(piece);
            let told = self.first_hidden(parameters).and_then(|start| parameters.get(..start));
            let end = piece.get(parameters.len()..).unwrap_or_default();
            told.map_or(Cow::Borrowed(piece), |told| Cow::Owned(format!("{told}{HIDDEN}{end}")))
        });
        Cow::Owned(pieces.collect())
    }

    /// Where among parameters the first value begins that is hidden. Some backends part them at
    /// semicolons too, to others those belong to the value: all that follows is hidden with it.
    fn first_hidden(&self, parameters: &str) -> Option<usize> {
        let mut start = 0;
        parameters.split(';').find_map(|parameter| {
            let begin = start;
            start += parameter.len() + 1;
            let (name, _) = parameter.split_once('=')?;
            self.hides_argument(name).then_some(begin + name.len() + 1)
        })
    }

    /// A request target or another address, of which the query is without those values.
    #[must_use]
    pub fn target<'a>(&self, target: &'a str) -> Cow<'a, str> {
        match target.split_once('?') {
            Some((path, query)) => Cow::Owned(format!("{path}?{}", self.query(query))),
            None => Cow::Borrowed(target),
        }
    }

    /// A Cookie field without the values that are hidden.
    pub(super) fn cookie_field<'a>(&self, field: &'a str) -> Cow<'a, str> {
        if self.cookies.is_empty() {
            return Cow::Borrowed(field);
        }
        let cookies = field.split(';').map(|cookie| match cookie.split_once('=') {
            Some((name, _)) if self.hides_cookie(name) => format!("{name}={HIDDEN}"),
            Some(_) | None => cookie.to_owned(),
        });
        Cow::Owned(cookies.collect::<Vec<_>>().join(";"))
    }
}

/// Parameters and header fields that are hidden in any case.
const TOKEN_ARGUMENTS: [&str; 2] = ["token", "access_token"];
const TOKEN_HEADERS: [&str; 2] = ["authorization", "proxy-authorization"];

/// What a `+` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plus {
    /// A blank, in queries.
    IsBlank,
    /// Itself, in paths.
    IsPlus,
}

/// The octets that escapes stand for; what only looks like one stands for itself.
pub(super) fn decode(encoded: &str, plus: Plus) -> Vec<u8> {
    let digit = |octet: &u8| char::from(*octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut left = encoded.as_bytes();
    while let Some((&first, rest)) = left.split_first() {
        left = rest;
        let escaped = match rest {
            [high, low, behind @ ..] if first == b'%' => {
                digit(high).zip(digit(low)).map(|(high, low)| (high << 4 | low, behind))
            }
            _ => None,
        };
        match escaped {
            Some((octet, behind)) => {
                decoded.push(octet);
                left = behind;
            }
            None if first == b'+' && plus == Plus::IsBlank => decoded.push(b' '),
            None => decoded.push(first),
        }
    }
    decoded
}

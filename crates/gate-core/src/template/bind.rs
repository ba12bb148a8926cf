//! A template tied to a session: what is the same on all its lines is found, redacted and
//! escaped once.

use std::borrow::Cow;
use std::ops::Range;

use http::{HeaderMap, Method, header};

use super::redact::{HIDDEN, Plus, Redaction, decode};
use super::render::push_number;
use super::variable::{EventVariable, Fixed, SessionVariable, Variable};
use super::{Piece, Style, Template, is_number};

/// What is known of a session when it opens.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The client's address, or `unix:`.
    pub remote_addr: &'a str,
    /// Its port, where one is known.
    pub remote_port: Option<u16>,
    /// The user of basic authentication.
    pub remote_user: Option<&'a str>,
    /// The address that the client reached, or `unix:`.
    pub server_addr: &'a str,
    /// Its port.
    pub server_port: Option<u16>,
    /// The target that was reached.
    pub upstream_addr: &'a str,
    /// The method.
    pub method: &'a Method,
    /// The request target as it came.
    pub target: &'a str,
    /// The version, as `HTTP/1.1`.
    pub protocol: &'a str,
    /// The path, normalised.
    pub path: &'a str,
    /// The query.
    pub query: Option<&'a str>,
    /// The host as it came.
    pub host: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// The header fields as they came.
    pub headers: &'a HeaderMap,
    /// The request's id.
    pub request_id: &'a str,
    /// The route's name.
    pub route: &'a str,
    /// The listener's name.
    pub listener: &'a str,
    /// The session's id.
    pub session: &'a str,
    /// The subprotocol that was agreed on.
    pub subprotocol: Option<&'a str>,
    /// The version of TLS with the client.
    pub tls_version: Option<&'a str>,
    /// Its cipher.
    pub tls_cipher: Option<&'a str>,
    /// The host that the client asked for by SNI.
    pub tls_server_name: Option<&'a str>,
    /// The subject of the client's certificate.
    pub tls_client_subject: Option<&'a str>,
}

/// A template of a session.
#[derive(Debug)]
pub struct Bound {
    /// All that is known beforehand.
    pub(super) text: Box<[u8]>,
    pub(super) parts: Box<[Part]>,
    pub(super) style: Style,
}

/// A part of a line.
#[derive(Debug)]
pub(super) enum Part {
    /// That part of the text.
    Text(Range<usize>),
    /// What the event says.
    Value(EventVariable),
}

impl Template {
    /// Ties the template to a session.
    #[must_use]
    pub fn bind(&self, facts: &Facts<'_>, redaction: &Redaction) -> Bound {
        let mut text = Vec::new();
        let mut parts = Vec::new();
        let mut start = 0;
        for piece in &self.pieces {
            match piece {
                Piece::Text(literal) => text.extend_from_slice(literal.as_bytes()),
                Piece::Value(variable @ Variable::Session(of)) => {
                    let value = value(of, facts, redaction);
                    if is_number(variable) {
                        self.style.push_bare(value.as_deref(), &mut text);
                    } else {
                        self.style.push(value.as_deref(), &mut text);
                    }
                }
                Piece::Value(Variable::Event(variable)) => {
                    if start < text.len() {
                        parts.push(Part::Text(start..text.len()));
                        start = text.len();
                    }
                    parts.push(Part::Value(*variable));
                }
            }
        }
        if start < text.len() {
            parts.push(Part::Text(start..text.len()));
        }
        Bound { text: text.into(), parts: parts.into(), style: self.style }
    }
}

impl Style {
    /// Appends a text, or what stands for none.
    pub(super) fn push(self, value: Option<&[u8]>, out: &mut Vec<u8>) {
        match (self, value) {
            (Self::Text(escape), Some(value)) if !value.is_empty() => escape.push(cut(value), out),
            (Self::Text(escape), _) => escape.push_nothing(out),
            (Self::Json, Some(value)) => {
                out.push(b'"');
                super::Escape::Json.push(cut(value), out);
                out.push(b'"');
            }
            (Self::Json, None) => out.extend_from_slice(b"null"),
        }
    }

    /// Appends a number, or what stands for none.
    fn push_bare(self, value: Option<&[u8]>, out: &mut Vec<u8>) {
        match value {
            Some(value) => out.extend_from_slice(value),
            None => self.push(None, out),
        }
    }
}

/// Bytes of a value; what follows is not told. A head may be larger where it is configured so,
/// and lines are kept by each session.
const VALUE_MAX: usize = 8 * 1024;

fn cut(value: &[u8]) -> &[u8] {
    value.get(..VALUE_MAX).unwrap_or(value)
}

fn value<'a>(variable: &SessionVariable, facts: &Facts<'a>, redaction: &Redaction) -> Option<Cow<'a, [u8]>> {
    match variable {
        SessionVariable::Fixed(fixed) => of_fixed(*fixed, facts, redaction),
        SessionVariable::Header(name) => field(facts.headers, name, redaction).map(Cow::Owned),
        SessionVariable::Argument(name) => {
            let query = redaction.query(facts.query?);
            let mut parameters = query.split('&').map(|piece| piece.split_once('=').unwrap_or((piece, "")));
            let is_it = |sent: &str| decode(sent, Plus::IsBlank).eq_ignore_ascii_case(name.as_bytes());
            let (_, value) = parameters.find(|(sent, _)| is_it(sent))?;
            Some(owned(value.to_owned()))
        }
        SessionVariable::Cookie(name) => {
            let fields = facts.headers.get_all(header::COOKIE).into_iter();
            let mut cookies = fields.flat_map(|field| field.as_bytes().split(|byte| *byte == b';'));
            let value = cookies.find_map(|cookie| {
                let at = cookie.iter().position(|byte| *byte == b'=')?;
                let (sent, value) = cookie.split_at(at);
                sent.trim_ascii().eq_ignore_ascii_case(name.as_bytes()).then(|| value.get(1..))?
            })?;
            let is_hidden = redaction.hides_cookie(name);
            Some(if is_hidden { bytes(HIDDEN) } else { Cow::Borrowed(value.trim_ascii()) })
        }
    }
}

fn of_fixed<'a>(variable: Fixed, facts: &Facts<'a>, redaction: &Redaction) -> Option<Cow<'a, [u8]>> {
    let text = match variable {
        Fixed::RemoteAddr => facts.remote_addr,
        Fixed::RemotePort => return facts.remote_port.map(number),
        Fixed::RemoteUser => facts.remote_user?,
        Fixed::ServerAddr => facts.server_addr,
        Fixed::ServerPort => return facts.server_port.map(number),
        Fixed::UpstreamAddr => facts.upstream_addr,
        Fixed::Request => {
            let target = redaction.target(facts.target);
            return Some(owned(format!("{} {target} {}", facts.method, facts.protocol)));
        }
        Fixed::RequestMethod => return Some(owned(facts.method.to_string())),
        Fixed::RequestUri => return Some(of_cow(redaction.target(facts.target))),
        Fixed::Uri => return Some(Cow::Owned(decode(facts.path, Plus::IsPlus))),
        Fixed::Args => return Some(of_cow(redaction.query(facts.query?))),
        Fixed::ServerProtocol => facts.protocol,
        Fixed::RequestId => facts.request_id,
        Fixed::Host => {
            return Some(owned(crate::route::host_without_port(facts.host)?.to_ascii_lowercase()));
        }
        Fixed::Scheme => facts.scheme,
        Fixed::Route => facts.route,
        Fixed::Listener => facts.listener,
        Fixed::Session => facts.session,
        Fixed::Subprotocol => facts.subprotocol?,
        Fixed::TlsVersion => facts.tls_version?,
        Fixed::TlsCipher => facts.tls_cipher?,
        Fixed::TlsServerName => facts.tls_server_name?,
        Fixed::TlsClientSubject => facts.tls_client_subject?,
    };
    Some(bytes(text))
}

/// All lines of a field as one: of Cookie they are parted by semicolons, else by commas.
fn field(headers: &HeaderMap, name: &str, redaction: &Redaction) -> Option<Vec<u8>> {
    let mut lines = headers.get_all(name).into_iter().map(http::HeaderValue::as_bytes);
    let first = lines.next()?;
    if redaction.hides_header(name) {
        return Some(HIDDEN.into());
    }
    let between: &[u8] = if name == header::COOKIE { b"; " } else { b", " };
    let mut joined = first.to_vec();
    for line in lines {
        joined.extend_from_slice(between);
        joined.extend_from_slice(line);
    }
    let redact = if name == header::COOKIE {
        Redaction::cookie_field
    } else if name == header::REFERER {
        Redaction::target
    } else {
        return Some(joined);
    };
    let text = String::from_utf8_lossy(&joined).into_owned();
    Some(redact(redaction, &text).into_owned().into_bytes())
}

fn bytes(text: &str) -> Cow<'_, [u8]> {
    Cow::Borrowed(text.as_bytes())
}

fn owned(text: String) -> Cow<'static, [u8]> {
    Cow::Owned(text.into_bytes())
}

fn of_cow(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

fn number(number: u16) -> Cow<'static, [u8]> {
    let mut digits = Vec::new();
    push_number(number.into(), &mut digits);
    Cow::Owned(digits)
}

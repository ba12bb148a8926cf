//! `origins`: from which pages a browser may connect (RFC 6455 §10.2).
//!
//! Owns: reading an origin (RFC 6454 §6.2), patterns of origins, and the judgement on a
//! handshake's Origin field.
//! Refuses: origins that are no origins. They are neither repaired nor guessed at.
//! Not here: the answer, which is 403, and the field itself, which always goes on.

use std::net::Ipv6Addr;
use std::str::FromStr;

use http::header::{COOKIE, HeaderMap, ORIGIN};

/// The origins that a route admits.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// Empty: all.
    pub patterns: Vec<OriginPattern>,
    /// What becomes of a request without an Origin, where there are patterns.
    pub missing: MissingOrigin,
}

/// Whether a handshake without an Origin is admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum MissingOrigin {
    /// Unless it has cookies: it comes from a program, which sets the field as it likes anyway.
    #[default]
    WithoutCookies,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// One origin, or those of a domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OriginPattern {
    /// `null`: pages without an origin that they could tell, like sandboxed frames and files.
    Null,
    /// `https://example.org`, `https://example.org:8443`.
    Site(Site),
    /// `https://*.example.org`: the sites of any name below that host.
    Below(Site),
    /// `//example.org`, `//example.org:5060`: what some programs send, a host and perhaps a port
    /// without a scheme. No browser does.
    Bare(Authority),
}

/// A host and perhaps a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authority {
    /// As in a [`Site`], but never empty.
    pub host: String,
    /// As it is written; there is no default without a scheme.
    pub port: Option<u16>,
}

/// Scheme, host and port of pages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Site {
    /// `http` or `https`, or another scheme, in lower case.
    pub scheme: String,
    /// The host in lower case; an IPv6 address in its shortest form and in brackets. Empty
    /// for `file`.
    pub host: String,
    /// The port, the scheme's default filled in; `None` where the scheme has none.
    pub port: Option<u16>,
}

/// Why a text is no pattern of origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternFault {
    /// There is no `://`, or no scheme before it.
    #[error("an origin begins with a scheme, like `https://example.org`")]
    Scheme,
    /// `ws` or `wss`: an origin is where a page came from, not where it connects to.
    #[error("an origin is that of the page, so its scheme is `http` or `https`, not `ws` or `wss`")]
    WebSocketScheme,
    /// What stands behind the host is no port.
    #[error("the port of an origin is a number from 1 to 65535")]
    Port,
    /// There is something behind host and port.
    #[error("an origin ends behind its host and port: no `/`, path, query or fragment")]
    Path,
    /// Letters, digits, `-`, `_` and dots between labels, or an IPv6 address in brackets.
    #[error("the host of an origin is a name in ASCII (`xn--…` for others) or an address, IPv6 in brackets")]
    Host,
    /// A `*` that is not the first label, or is a part of one.
    #[error("`*` stands for whole labels before a host, as in `https://*.example.org`")]
    Wildcard,
}

/// Why a handshake is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum OriginFault {
    /// None. Browsers always send one with a handshake, so this is no browser; where there are
    /// cookies beside it, whether their owner meant this request is not known.
    #[error("the request has no Origin field")]
    Missing,
    /// More than one line.
    #[error("the Origin field stands more than once")]
    Repeated,
    /// No origin.
    #[error("the Origin field is not an origin")]
    Invalid,
    /// An origin that is not listed.
    #[error("the origin is not one of those that are admitted")]
    Foreign,
}

impl OriginFault {
    /// A short name for records and counters.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Missing => "origin_missing",
            Self::Repeated => "origin_repeated",
            Self::Invalid => "origin_invalid",
            Self::Foreign => "origin_foreign",
        }
    }
}

impl Origins {
    /// Judges the Origin field of a handshake.
    ///
    /// # Errors
    /// There are patterns, and the request fits none of them.
    pub fn admit(&self, headers: &HeaderMap) -> Result<(), OriginFault> {
        if self.patterns.is_empty() {
            return Ok(());
        }
        let mut lines = headers.get_all(ORIGIN).iter();
        let line = match (lines.next(), lines.next()) {
            (None, _) => return self.missing.judge(headers),
            (Some(_), Some(_)) => return Err(OriginFault::Repeated),
            (Some(line), None) => line.to_str().map_err(|_| OriginFault::Invalid)?,
        };
        let is_listed = if line == NULL {
            self.patterns.contains(&OriginPattern::Null)
        } else if self.admits_bare(line) {
            true
        } else {
            let site = Site::from_str(line).map_err(|_| OriginFault::Invalid)?;
            self.patterns.iter().any(|pattern| pattern.fits(&site))
        };
        if is_listed { Ok(()) } else { Err(OriginFault::Foreign) }
    }

    /// What has no scheme is no origin, unless it is listed.
    fn admits_bare(&self, line: &str) -> bool {
        let mut listed = self.patterns.iter().filter_map(|pattern| match pattern {
            OriginPattern::Bare(authority) => Some(authority),
            OriginPattern::Null | OriginPattern::Site(_) | OriginPattern::Below(_) => None,
        });
        listed.any(|authority| line.parse().is_ok_and(|line: Authority| line == *authority))
    }
}

impl MissingOrigin {
    fn judge(self, headers: &HeaderMap) -> Result<(), OriginFault> {
        let is_admitted = match self {
            Self::WithoutCookies => !headers.contains_key(COOKIE),
            Self::Always => true,
            Self::Never => false,
        };
        if is_admitted { Ok(()) } else { Err(OriginFault::Missing) }
    }
}

impl OriginPattern {
    fn fits(&self, site: &Site) -> bool {
        match self {
            Self::Null | Self::Bare(_) => false,
            Self::Site(listed) => listed == site,
            Self::Below(above) => {
                let labels = site.host.strip_suffix(&above.host).and_then(|rest| rest.strip_suffix('.'));
                labels.is_some() && site.scheme == above.scheme && site.port == above.port
            }
        }
    }
}

impl FromStr for OriginPattern {
    type Err = PatternFault;

    fn from_str(text: &str) -> Result<Self, PatternFault> {
        if text == NULL {
            return Ok(Self::Null);
        }
        if let Some(authority) = text.strip_prefix("//") {
            return authority.parse().map(Self::Bare);
        }
        let (scheme, authority) = text.split_once("://").ok_or(PatternFault::Scheme)?;
        if ["ws", "wss"].iter().any(|socket| scheme.eq_ignore_ascii_case(socket)) {
            return Err(PatternFault::WebSocketScheme);
        }
        match authority.strip_prefix("*.") {
            // A `*` before an address or before nothing would fit what nobody meant.
            Some(above) if above.is_empty() || above.starts_with('[') => Err(PatternFault::Wildcard),
            Some(above) => Site::new(scheme, above).map(Self::Below),
            None => Site::new(scheme, authority).map(Self::Site),
        }
    }
}

impl FromStr for Site {
    type Err = PatternFault;

    fn from_str(text: &str) -> Result<Self, PatternFault> {
        let (scheme, authority) = text.split_once("://").ok_or(PatternFault::Scheme)?;
        Self::new(scheme, authority)
    }
}

impl FromStr for Authority {
    type Err = PatternFault;

    fn from_str(text: &str) -> Result<Self, PatternFault> {
        let (host, port) = split_authority(text)?;
        Ok(Self { host: read_host(host, "")?, port })
    }
}

impl Site {
    fn new(scheme: &str, authority: &str) -> Result<Self, PatternFault> {
        let scheme = read_scheme(scheme)?;
        let (host, port) = split_authority(authority)?;
        Ok(Self { host: read_host(host, &scheme)?, port: port.or_else(|| default_port(&scheme)), scheme })
    }
}

/// The host as it is written, and the port if there is one.
fn split_authority(text: &str) -> Result<(&str, Option<u16>), PatternFault> {
    if text.contains(['/', '?', '#', '\\']) {
        return Err(PatternFault::Path);
    }
    if text.contains('*') {
        return Err(PatternFault::Wildcard);
    }
    let end_of_address = text.find(']').unwrap_or_default();
    let colon = text.rfind(':').filter(|colon| *colon > end_of_address);
    match colon.and_then(|colon| text.split_at_checked(colon)) {
        Some((host, port)) => Ok((host, Some(read_port(port)?))),
        None => Ok((text, None)),
    }
}

/// RFC 3986 §3.1.
fn read_scheme(text: &str) -> Result<String, PatternFault> {
    let is_within = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'-' | b'.');
    if text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(is_within) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(PatternFault::Scheme)
    }
}

/// A colon and a number without the zeros and signs that other readers might not take.
fn read_port(text: &str) -> Result<u16, PatternFault> {
    let digits = text.strip_prefix(':').filter(|digits| !digits.starts_with(['0', '+']));
    digits.and_then(|digits| digits.parse().ok()).ok_or(PatternFault::Port)
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

fn read_host(text: &str, scheme: &str) -> Result<String, PatternFault> {
    if let Some(address) = text.strip_prefix('[') {
        let address = address.strip_suffix(']').and_then(|address| address.parse::<Ipv6Addr>().ok());
        return address.map(|address| format!("[{address}]")).ok_or(PatternFault::Host);
    }
    // Browsers that give files an origin at all write it without a host.
    let may_be_empty = scheme == "file";
    let is_within = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    let has_labels = !text.starts_with('.') && !text.contains("..");
    if text.bytes().all(is_within) && has_labels && (may_be_empty || !text.is_empty()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(PatternFault::Host)
    }
}

/// The origin of pages that have none to tell (RFC 6454 §6.1).
const NULL: &str = "null";

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(origins: &[&str], cookie: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for origin in origins {
            headers.append(ORIGIN, HeaderValue::from_bytes(origin.as_bytes()).expect("a field value"));
        }
        if let Some(cookie) = cookie {
            headers.insert(COOKIE, HeaderValue::from_str(cookie).expect("a field value"));
        }
        headers
    }

    fn listed(patterns: &[&str]) -> Origins {
        let parse = |text: &&str| text.parse().unwrap_or_else(|fault| panic!("{text}: {fault}"));
        Origins { patterns: patterns.iter().map(parse).collect(), ..Origins::default() }
    }

    #[track_caller]
    fn check(pattern: &str, origin: &str, expected: Result<(), OriginFault>) {
        let judgement = listed(&[pattern]).admit(&headers(&[origin], None));
        assert_eq!(judgement, expected, "{origin} by {pattern}");
    }

    #[test]
    fn scheme_host_and_port_are_compared_exactly() {
        let foreign = Err(OriginFault::Foreign);
        check("https://example.org", "https://example.org", Ok(()));
        check("https://example.org", "https://example.org:443", Ok(()));
        check("https://example.org:443", "https://example.org", Ok(()));
        check("HTTPS://Example.Org", "https://eXample.org", Ok(()));
        check("http://example.org", "http://example.org:80", Ok(()));
        check("https://example.org:8443", "https://example.org:8443", Ok(()));
        check("http://127.0.0.1:3000", "http://127.0.0.1:3000", Ok(()));
        check("chrome-extension://abcdef", "chrome-extension://abcdef", Ok(()));
        check("file://", "file://", Ok(()));
        check("https://example.org", "http://example.org", foreign);
        check("https://example.org", "https://example.org:8443", foreign);
        check("https://example.org:8443", "https://example.org", foreign);
        check("https://example.org", "https://www.example.org", foreign);
        check("https://example.org", "https://example.org.evil.net", foreign);
        check("https://example.org", "https://evilexample.org", foreign);
        check("https://example.org", "https://example.org.", foreign);
        check("https://example.org", "null", foreign);
    }

    #[test]
    fn an_ipv6_address_is_compared_as_an_address() {
        check("http://[2001:db8::1]", "http://[2001:db8:0:0::1]", Ok(()));
        check("http://[2001:DB8::1]:8080", "http://[2001:db8::1]:8080", Ok(()));
        check("http://[2001:db8::1]", "http://[2001:db8::2]", Err(OriginFault::Foreign));
        check("http://[2001:db8::1]", "http://[2001:db8::1", Err(OriginFault::Invalid));
        check("http://[2001:db8::1]", "http://2001:db8::1", Err(OriginFault::Invalid));
    }

    #[test]
    fn a_wildcard_stands_for_one_label_or_more() {
        let foreign = Err(OriginFault::Foreign);
        check("https://*.example.org", "https://a.example.org", Ok(()));
        check("https://*.example.org", "https://a.b.example.org", Ok(()));
        check("https://*.example.org:8443", "https://a.example.org:8443", Ok(()));
        check("https://*.example.org", "https://example.org", foreign);
        check("https://*.example.org", "https://evilexample.org", foreign);
        check("https://*.example.org", "http://a.example.org", foreign);
        check("https://*.example.org", "https://a.example.org:8443", foreign);
        check("https://*.example.org", "https://.example.org", Err(OriginFault::Invalid));
    }

    #[test]
    fn null_is_admitted_only_when_it_is_listed() {
        check("null", "null", Ok(()));
        check("null", "https://example.org", Err(OriginFault::Foreign));
        check("https://null", "null", Err(OriginFault::Foreign));
        check("null", "NULL", Err(OriginFault::Invalid));
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for origin in [
            "",
            " ",
            "example.org",
            "://example.org",
            "https:/example.org",
            "https://",
            "https://example.org/",
            "https://example.org/path",
            "https://example.org?query",
            "https://user@example.org",
            "https://example.org:",
            "https://example.org:0",
            "https://example.org:0443",
            "https://example.org:+443",
            "https://example.org:65536",
            "https://*.example.org",
            "https://example.org https://example.org",
            "https://example.org, https://example.org",
            "https://ex\u{e4}mple.org",
        ] {
            check("https://example.org", origin, Err(OriginFault::Invalid));
        }
    }

    #[test]
    fn several_lines_are_refused_even_when_they_agree() {
        let origin = "https://example.org";
        let judgement = listed(&[origin]).admit(&headers(&[origin, origin], None));
        assert_eq!(judgement, Err(OriginFault::Repeated));
    }

    #[test]
    fn a_missing_origin_is_refused_only_beside_cookies() {
        let origins = listed(&["https://example.org"]);
        assert_eq!(origins.admit(&headers(&[], None)), Ok(()));
        assert_eq!(origins.admit(&headers(&[], Some("session=1"))), Err(OriginFault::Missing));
        assert_eq!(origins.admit(&headers(&["https://example.org"], Some("session=1"))), Ok(()));
    }

    #[test]
    fn a_list_can_admit_or_refuse_all_that_have_no_origin() {
        for (missing, cookie, expected) in [
            (MissingOrigin::Always, None, Ok(())),
            (MissingOrigin::Always, Some("session=1"), Ok(())),
            (MissingOrigin::Never, None, Err(OriginFault::Missing)),
            (MissingOrigin::Never, Some("session=1"), Err(OriginFault::Missing)),
        ] {
            let origins = Origins { missing, ..listed(&["https://example.org"]) };
            assert_eq!(origins.admit(&headers(&[], cookie)), expected, "{missing:?} {cookie:?}");
            let foreign = origins.admit(&headers(&["https://example.net"], cookie));
            assert_eq!(foreign, Err(OriginFault::Foreign));
        }
    }

    #[test]
    fn a_host_without_a_scheme_is_admitted_only_when_it_is_listed() {
        check("//sip.example.org", "sip.example.org", Ok(()));
        check("//sip.example.org", "SIP.Example.org", Ok(()));
        check("//sip.example.org:5060", "sip.example.org:5060", Ok(()));
        check("//[2001:db8::1]", "[2001:db8:0::1]", Ok(()));
        for origin in ["sip.example.org:5060", "example.org", "//sip.example.org", "evil.sip.example.org", ""]
        {
            check("//sip.example.org", origin, Err(OriginFault::Invalid));
        }
        check("//sip.example.org", "https://sip.example.org", Err(OriginFault::Foreign));
        check("//null", "null", Err(OriginFault::Foreign));
    }

    #[test]
    fn without_patterns_every_request_is_admitted() {
        let all = Origins::default();
        for origins in [&[][..], &["null"], &["https://a", "https://b"], &["no origin"]] {
            assert_eq!(all.admit(&headers(origins, Some("session=1"))), Ok(()));
        }
    }

    #[test]
    fn one_of_several_patterns_is_enough() {
        let origins = listed(&["https://a.net", "null", "https://*.b.net"]);
        for origin in ["https://a.net", "null", "https://x.b.net"] {
            assert_eq!(origins.admit(&headers(&[origin], None)), Ok(()), "{origin}");
        }
        assert_eq!(origins.admit(&headers(&["https://b.net"], None)), Err(OriginFault::Foreign));
    }

    #[test]
    fn a_pattern_that_is_no_origin_says_what_would_be_right() {
        for (pattern, fault) in [
            ("", PatternFault::Scheme),
            ("*", PatternFault::Scheme),
            ("example.org", PatternFault::Scheme),
            ("1http://example.org", PatternFault::Scheme),
            ("wss://example.org", PatternFault::WebSocketScheme),
            ("WS://example.org", PatternFault::WebSocketScheme),
            ("//", PatternFault::Host),
            ("//example.org/", PatternFault::Path),
            ("//*.example.org", PatternFault::Wildcard),
            ("https://", PatternFault::Host),
            ("https://ex\u{e4}mple.org", PatternFault::Host),
            ("https://a..b", PatternFault::Host),
            ("https://user@example.org", PatternFault::Host),
            ("https://[::1", PatternFault::Host),
            ("https://example.org/", PatternFault::Path),
            ("https://example.org/chat", PatternFault::Path),
            ("https://example.org?a", PatternFault::Path),
            ("https://example.org:http", PatternFault::Port),
            ("https://example.org:", PatternFault::Port),
            ("https://example.org:99999", PatternFault::Port),
            ("https://*", PatternFault::Wildcard),
            ("https://*.", PatternFault::Wildcard),
            ("https://*.[::1]", PatternFault::Wildcard),
            ("https://a.*.org", PatternFault::Wildcard),
            ("https://*a.org", PatternFault::Wildcard),
            ("https://a.org:*", PatternFault::Wildcard),
        ] {
            assert_eq!(pattern.parse::<OriginPattern>(), Err(fault), "{pattern}");
        }
    }
}

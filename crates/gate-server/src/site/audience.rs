//! Whom something is served to, by the Host and the Origin that requests name.
//!
//! What listens on a loopback address is meant for this machine alone, and a browser on this
//! machine can be made to ask for others: a page of `evil.example` whose name suddenly leads to
//! 127.0.0.1 is of the same origin as what is served there. The name gives it away, as it stands
//! in Host.

use std::net::IpAddr;

use gate_core::route::host_without_port;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Version, header};
use ws_proto::handshake::request::check_host;

/// Whom something is served to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Whoever reaches the listener.
    All,
    /// Whoever reaches it and is no page of another site.
    NoOtherSite,
    /// Who moreover asks for it by an address, by `localhost`, or by one of these names, which are
    /// in lower case.
    Named(Vec<String>),
}

/// Why somebody is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stranger {
    #[error("a request has one Host, and the same as in its target")]
    Host,
    #[error("this is served for Hosts that are an IP address, localhost, or a name that is configured")]
    Name,
    #[error("this is not served for pages of other sites")]
    Origin,
}

impl Stranger {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Host => StatusCode::BAD_REQUEST,
            Self::Name => StatusCode::MISDIRECTED_REQUEST,
            Self::Origin => StatusCode::FORBIDDEN,
        }
    }
}

impl Audience {
    /// What is meant for this machine: by its addresses, and by no other name.
    pub(crate) fn this_machine() -> Self {
        Self::Named(Vec::new())
    }

    /// Judges the head of a request.
    pub(crate) fn judge<B>(&self, request: &Request<B>) -> Result<(), Stranger> {
        let headers = request.headers();
        // A client so old that it names no host is no browser.
        if request.version() == Version::HTTP_10 && !headers.contains_key(header::HOST) {
            return Ok(());
        }
        check_host(request.uri(), headers).map_err(|_| Stranger::Host)?;
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).ok_or(Stranger::Host)?;
        match self {
            Self::All => return Ok(()),
            Self::NoOtherSite => {}
            Self::Named(names) if is_known(host, names) => {}
            Self::Named(_) => return Err(Stranger::Name),
        }
        if is_of_another_site(headers, host) { Err(Stranger::Origin) } else { Ok(()) }
    }
}

/// Whether a Host is one of `names`, or one that no name server can give a meaning to.
fn is_known(host: &str, names: &[String]) -> bool {
    let Some(host) = host_without_port(host) else { return false };
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok()
        || names.iter().any(|name| name.eq_ignore_ascii_case(host))
}

/// Whether the request comes from a page that was not served here. Browsers say so of requests
/// across sites that may change something, or whose answers the page may want to read.
fn is_of_another_site(headers: &HeaderMap, host: &str) -> bool {
    let is_foreign = |origin: &HeaderValue| {
        let own = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
        !own.is_some_and(|own| own.eq_ignore_ascii_case(host))
    };
    headers.get_all(header::ORIGIN).iter().any(is_foreign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn status(audience: &Audience, version: Version, lines: &[(&str, &str)]) -> u16 {
        let request = lines.iter().fold(Request::get("/m").version(version), |request, (name, value)| {
            request.header(*name, *value)
        });
        audience
            .judge(&request.body(()).unwrap())
            .map_or_else(|stranger| stranger.status().as_u16(), |()| 200)
    }

    #[test]
    fn row_17_only_addresses_localhost_and_configured_names_are_hosts() {
        let named = Audience::Named(vec!["admin.example.org".to_owned()]);
        let checks = [
            ("127.0.0.1", 200, 200),
            ("127.0.0.1:9090", 200, 200),
            ("[::1]", 200, 200),
            ("[::1]:9090", 200, 200),
            ("10.0.0.1:9090", 200, 200),
            ("localhost", 200, 200),
            ("LocalHost:9090", 200, 200),
            ("admin.example.org", 421, 200),
            ("Admin.Example.org:9090", 421, 200),
            ("evil.example", 421, 421),
            ("evil.example:9090", 421, 421),
            ("localhost.evil.example", 421, 421),
            ("127.0.0.1.evil.example:9090", 421, 421),
            ("admin.example.org.evil.example", 421, 421),
            ("xlocalhost", 421, 421),
            ("127.0.0.1@evil.example", 400, 400),
            ("evil.example, localhost", 400, 400),
            ("", 400, 400),
        ];
        for (host, expected, expected_named) in checks {
            let lines = [("host", host)];
            assert_eq!(status(&Audience::this_machine(), Version::HTTP_11, &lines), expected, "{host}");
            assert_eq!(status(&named, Version::HTTP_11, &lines), expected_named, "{host} by name");
            for open in [Audience::All, Audience::NoOtherSite] {
                let expected = if expected == 400 { 400 } else { 200 };
                assert_eq!(status(&open, Version::HTTP_11, &lines), expected, "{host} for {open:?}");
            }
        }
    }

    #[test]
    fn row_17_pages_of_other_sites_are_shown_nothing() {
        let checks: [(&[(&str, &str)], u16); 9] = [
            (&[("origin", "http://127.0.0.1:9090")], 200),
            (&[("origin", "HTTP://127.0.0.1:9090")], 403),
            (&[("origin", "http://127.0.0.1:9091")], 403),
            (&[("origin", "http://127.0.0.1")], 403),
            (&[("origin", "https://127.0.0.1:9090")], 403),
            (&[("origin", "http://evil.example")], 403),
            (&[("origin", "null")], 403),
            (&[("origin", "")], 403),
            (&[("origin", "http://127.0.0.1:9090"), ("origin", "http://evil.example")], 403),
        ];
        for (lines, expected) in checks {
            let lines: Vec<_> = [("host", "127.0.0.1:9090")].iter().chain(lines).copied().collect();
            for guarded in [Audience::this_machine(), Audience::NoOtherSite] {
                assert_eq!(status(&guarded, Version::HTTP_11, &lines), expected, "{lines:?} {guarded:?}");
            }
            assert_eq!(status(&Audience::All, Version::HTTP_11, &lines), 200, "{lines:?} for all");
        }
    }

    #[test]
    fn row_12_there_is_one_host_but_for_clients_of_old() {
        for audience in [Audience::All, Audience::NoOtherSite, Audience::this_machine()] {
            let twice = [("host", "127.0.0.1"), ("host", "127.0.0.1")];
            assert_eq!(status(&audience, Version::HTTP_11, &twice), 400);
            assert_eq!(status(&audience, Version::HTTP_10, &twice), 400);
            assert_eq!(status(&audience, Version::HTTP_11, &[]), 400);
            assert_eq!(status(&audience, Version::HTTP_10, &[]), 200);
        }
        let of_old = status(&Audience::this_machine(), Version::HTTP_10, &[("host", "evil.example")]);
        assert_eq!(of_old, 421);
    }
}

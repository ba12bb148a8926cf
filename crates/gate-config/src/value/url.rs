//! URLs: of webhooks and of upstreams that requests name, and the patterns that allow them.

use std::net::IpAddr;

use ipnet::IpNet;

use super::address::Fault;
use super::{host_pattern, network, request_path, target_address};
use crate::model::{AllowedHost, AllowedOrigin, TargetAddress, Url};

/// Which schemes a URL may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schemes {
    /// `http` and `https`.
    Http,
    /// `ws` and `wss`.
    WebSocket,
}

impl Schemes {
    /// Whether a scheme means TLS; `None`: it is none of them.
    fn is_tls(self, scheme: &str) -> Option<bool> {
        match (self, scheme.to_ascii_lowercase().as_str()) {
            (Self::Http, "http") | (Self::WebSocket, "ws") => Some(false),
            (Self::Http, "https") | (Self::WebSocket, "wss") => Some(true),
            _ => None,
        }
    }

    const fn example(self) -> &'static str {
        match self {
            Self::Http => {
                "URLs are like \"http://127.0.0.1:9000/scan\" or \"https://scanner.example.org/scan\""
            }
            Self::WebSocket => "URLs are like \"ws://127.0.0.1:9001\" or \"wss://backend.example.org\"",
        }
    }

    const fn pattern(self) -> &'static str {
        match self {
            Self::Http => {
                "entries are like \"http://10.1.0.0/16\", \"https://*.example.org:443\" or \"http://*\""
            }
            Self::WebSocket => {
                "entries are like \"ws://10.1.0.0/16\", \"wss://*.example.org:443\" or \"ws://*\""
            }
        }
    }
}

fn fault<T>(why: &str, help: &str) -> Result<T, Fault> {
    Err(Fault { why: why.to_owned(), help: help.to_owned() })
}

/// An absolute URL.
pub(crate) fn url(text: &str, schemes: Schemes) -> Result<Url, Fault> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return fault("a scheme is missing", schemes.example());
    };
    let Some(is_tls) = schemes.is_tls(scheme) else {
        return fault("not a scheme that can be used here", schemes.example());
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    let target = match target.chars().next() {
        None => "/".to_owned(),
        Some('/') => target.to_owned(),
        Some(_) => format!("/{target}"),
    };
    if target.contains('#') {
        return fault("a fragment does not belong here", schemes.example());
    }
    if !request_path(&target) {
        return fault("the path has characters that must be percent-encoded", schemes.example());
    }
    let stand_in = if is_tls { "wss" } else { "ws" };
    match target_address(&format!("{stand_in}://{authority}"), |path| path.into())? {
        (TargetAddress::Tcp { host, port }, _) => Ok(Url { is_tls, host, port, target }),
        (TargetAddress::Unix(_), _) => fault("not a host", schemes.example()),
    }
}

/// An entry of a list of what may be reached: a scheme, a host, and perhaps a port.
pub(crate) fn allowed_origin(text: &str, schemes: Schemes) -> Result<AllowedOrigin, Fault> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return fault("a scheme is missing", schemes.pattern());
    };
    let Some(is_tls) = schemes.is_tls(scheme) else {
        return fault("not a scheme that can be used here", schemes.pattern());
    };
    if rest == "*" {
        return Ok(AllowedOrigin { is_tls, host: AllowedHost::Any, port: None });
    }
    if let Some(host) = address(rest)? {
        return Ok(AllowedOrigin { is_tls, host, port: None });
    }
    let (host, port) = match rest.rsplit_once(':').filter(|(_, port)| !port.contains([']', '/'])) {
        None => (rest, None),
        Some((host, port)) => match port.parse() {
            Ok(0) | Err(_) => return fault("not a port", "ports are 1 to 65535"),
            Ok(port) => (host, Some(port)),
        },
    };
    if host == "*" {
        return Ok(AllowedOrigin { is_tls, host: AllowedHost::Any, port });
    }
    if let Some(host) = address(host)? {
        return Ok(AllowedOrigin { is_tls, host, port });
    }
    if host.contains('/') {
        return fault("a path does not belong here", schemes.pattern());
    }
    match host_pattern(host) {
        Ok(pattern) => Ok(AllowedOrigin { is_tls, host: AllowedHost::Name(pattern), port }),
        Err(why) => fault(why, schemes.pattern()),
    }
}

/// An address, or a network of them; of IPv6 also in brackets: `[fd00::]/8`.
fn address(text: &str) -> Result<Option<AllowedHost>, Fault> {
    let bare = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((literal, "")) => literal.to_owned(),
        Some((literal, prefix)) if prefix.starts_with('/') => format!("{literal}{prefix}"),
        Some(_) => return Ok(None),
        None => text.to_owned(),
    };
    if bare.parse::<IpAddr>().is_err() && bare.parse::<IpNet>().is_err() {
        let split = bare.split_once('/').filter(|(_, prefix)| !prefix.contains([':', '/']));
        return match split.and_then(|(address, _)| address.parse::<IpAddr>().ok()) {
            Some(IpAddr::V4(_)) => fault("not a network", "prefixes of IPv4 are /0 to /32"),
            Some(IpAddr::V6(_)) => fault("not a network", "prefixes of IPv6 are /0 to /128"),
            None => Ok(None),
        };
    }
    Ok(network(&bare)?.map(AllowedHost::Network))
}

#[cfg(test)]
mod tests {
    use gate_core::route::HostPattern;

    use super::*;

    #[test]
    fn urls_have_a_scheme_a_host_and_perhaps_a_path() {
        for (text, authority, target) in [
            ("http://127.0.0.1:9000/scan?a=b", "127.0.0.1:9000", "/scan?a=b"),
            ("http://Scanner", "scanner", "/"),
            ("https://scanner:443/", "scanner", "/"),
            ("http://scanner:443?x", "scanner:443", "/?x"),
            ("http://[::1]:80/a", "[::1]", "/a"),
        ] {
            let url = url(text, Schemes::Http).expect(text);
            assert_eq!((url.authority().as_str(), url.target.as_str()), (authority, target), "{text}");
            assert_eq!(url.is_tls, text.starts_with("https"), "{text}");
        }
        assert!(url("wss://h", Schemes::WebSocket).is_ok_and(|url| url.is_tls && url.port == 443));
    }

    #[test]
    fn what_is_no_url_is_told_why() {
        for (text, why) in [
            ("127.0.0.1:9000", "a scheme is missing"),
            ("ws://127.0.0.1:9000", "not a scheme that can be used here"),
            ("http://me@h/", "a user name does not belong here"),
            ("http://h:0/", "not a port"),
            ("http://h:99999/", "not a port"),
            ("http:///scan", "empty"),
            ("http://h/a b", "the path has characters that must be percent-encoded"),
            ("http://h/a#b", "a fragment does not belong here"),
            ("http://h\n", "a name has letters of ASCII, digits, `-`, `_` and points"),
            ("http://*.example.org/", "a `*` may only stand for the first label: `*.example.org`"),
        ] {
            assert_eq!(url(text, Schemes::Http).map_err(|fault| fault.why), Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    fn entries_have_names_networks_or_a_star() {
        let network = |text: &str| AllowedHost::Network(text.parse().expect(text));
        for (text, host, port) in [
            ("ws://*", AllowedHost::Any, None),
            ("ws://*:8080", AllowedHost::Any, Some(8080)),
            ("ws://10.1.0.0/16", network("10.1.0.0/16"), None),
            ("ws://10.1.0.0/16:8080", network("10.1.0.0/16"), Some(8080)),
            ("ws://127.0.0.1:9001", network("127.0.0.1/32"), Some(9001)),
            ("wss://[fd00::]/8", network("fd00::/8"), None),
            ("wss://[fd00::]/8:443", network("fd00::/8"), Some(443)),
            ("ws://[::1]:80", network("::1/128"), Some(80)),
            ("ws://fd00::/8", network("fd00::/8"), None),
            (
                "wss://*.example.org:443",
                AllowedHost::Name(HostPattern::Below("example.org".into())),
                Some(443),
            ),
            ("ws://Backend", AllowedHost::Name(HostPattern::Exact("backend".into())), None),
        ] {
            let found = allowed_origin(text, Schemes::WebSocket).expect(text);
            assert_eq!((found.host, found.port), (host, port), "{text}");
            assert_eq!(found.is_tls, text.starts_with("wss"), "{text}");
        }
        for text in [
            "10.0.0.0/8",
            "http://h",
            "ws://h/path",
            "ws://10.0.0.1/8",
            "ws://10.0.0.0/33",
            "ws://10.0.0.0/33:80",
            "ws://[fd00::]/129",
            "ws://h:0",
            "ws://a*b",
            "ws://",
            "ws://*.*",
        ] {
            assert!(allowed_origin(text, Schemes::WebSocket).is_err(), "{text}");
        }
    }
}

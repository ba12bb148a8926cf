//! `proxy_pass`: which backend, and how it is spoken to.

use super::parser::Directive;

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pass {
    pub(super) is_tls: bool,
    pub(super) to: To,
    /// The path behind the address, which nginx puts in the place of the location's.
    pub(super) path: Option<String>,
    /// nginx's `$proxy_host`: the Host that it sends unless it is told another.
    pub(super) host: String,
}

/// A backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum To {
    /// A host and its port, or the name of an `upstream` block.
    Name { host: String, port: Option<u16> },
    /// A unix socket.
    Unix(String),
}

/// Reads the URL.
///
/// # Errors
/// It cannot be had: why.
pub(super) fn pass(directive: &Directive) -> Result<Pass, &'static str> {
    let url = directive.value();
    let (scheme, rest) = url.split_once("://").ok_or("it has no scheme")?;
    let is_tls = match scheme {
        "http" | "ws" => false,
        "https" | "wss" => true,
        _ if scheme.contains('$') => return Err("backends are not named by variables"),
        _ => return Err("the schemes are http and https"),
    };
    if let Some(socket) = rest.strip_prefix("unix:") {
        let (path, behind) = socket.split_once(':').map_or((socket, None), |(path, uri)| (path, Some(uri)));
        if is_tls {
            return Err("TLS is not spoken over unix sockets");
        }
        if path.is_empty() || path.contains('$') {
            return Err("backends are not named by variables");
        }
        let path_behind = behind.map(str::to_owned);
        return Ok(Pass {
            is_tls,
            to: To::Unix(path.to_owned()),
            path: path_behind,
            host: "localhost".to_owned(),
        });
    }
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    if authority.contains('$') {
        return Err("backends are not named by variables");
    }
    let (host, port) = split(authority)?;
    let path = (!path.is_empty()).then(|| path.to_owned());
    Ok(Pass { is_tls, to: To::Name { host, port }, path, host: authority.to_owned() })
}

/// A host, IPv6 in brackets, and perhaps a port.
fn split(authority: &str) -> Result<(String, Option<u16>), &'static str> {
    let colon =
        authority.rfind(':').filter(|at| !authority.get(*at..).is_some_and(|rest| rest.contains(']')));
    let (host, port) = match colon.and_then(|at| authority.split_at_checked(at)) {
        Some((host, port)) => {
            (host, Some(port.trim_start_matches(':').parse().map_err(|_fault| "it is not a port")?))
        }
        None => (authority, None),
    };
    if port == Some(0) || !is_target(host) {
        return Err("it is not the address of a backend");
    }
    Ok((host.to_owned(), port))
}

/// Whether a target can have this host.
fn is_target(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(literal) => literal.parse::<std::net::Ipv6Addr>().is_ok(),
        None => super::hosts::is_host(host.strip_suffix('.').unwrap_or(host)),
    }
}

/// The address of a target as Framegate's files have it. `text` is what stands behind
/// `server` in an `upstream` block.
///
/// # Errors
/// It is not one: why.
pub(super) fn target(text: &str, is_tls: bool) -> Result<String, &'static str> {
    if let Some(path) = text.strip_prefix("unix:") {
        return match path {
            "" => Err("the path of the socket is missing"),
            _ if is_tls => Err("TLS is not spoken over unix sockets"),
            path => Ok(format!("unix:{path}")),
        };
    }
    let (host, port) = split(text)?;
    Ok(address(&host, port, is_tls))
}

/// The address of a target. Within `upstream` blocks nginx's default is port 80 even for TLS.
pub(super) fn address(host: &str, port: Option<u16>, is_tls: bool) -> String {
    let scheme = if is_tls { "https://" } else { "" };
    format!("{scheme}{host}:{}", port.unwrap_or(80))
}

#[cfg(test)]
mod tests {
    use super::super::parser::parse;
    use super::{pass, target};

    fn read(url: &str) -> Result<String, &'static str> {
        let directives = parse(&format!("proxy_pass {url};"), 0).expect("it is a directive");
        pass(&directives[0])
            .map(|pass| format!("{:?} {} {:?} {}", pass.to, pass.is_tls, pass.path, pass.host))
    }

    #[test]
    fn urls_are_taken_apart() {
        for (url, expected) in [
            ("http://app", r#"Name { host: "app", port: None } false None app"#),
            ("http://app/", r#"Name { host: "app", port: None } false Some("/") app"#),
            (
                "https://10.0.0.1:8443/ws",
                r#"Name { host: "10.0.0.1", port: Some(8443) } true Some("/ws") 10.0.0.1:8443"#,
            ),
            ("http://[::1]:81", r#"Name { host: "[::1]", port: Some(81) } false None [::1]:81"#),
            ("http://[::1]", r#"Name { host: "[::1]", port: None } false None [::1]"#),
            ("http://unix:/run/a.sock:/x", r#"Unix("/run/a.sock") false Some("/x") localhost"#),
            ("http://unix:/run/a.sock", r#"Unix("/run/a.sock") false None localhost"#),
        ] {
            assert_eq!(read(url), Ok(expected.to_owned()), "{url}");
        }
        for url in [
            "app",
            "http://$app",
            "$scheme://app",
            "https://unix:/a",
            "http://",
            "http://a:0",
            "http://a:x",
            "ftp://a",
            "http://a b",
        ] {
            let quoted = format!("\"{url}\"");
            assert!(read(&quoted).is_err(), "{url}");
        }
    }

    #[test]
    fn servers_have_port_80_unless_they_say_so() {
        for (text, is_tls, expected) in [
            ("app", false, Ok("app:80")),
            ("app:3000", true, Ok("https://app:3000")),
            ("app", true, Ok("https://app:80")),
            ("[::1]:3000", false, Ok("[::1]:3000")),
            ("unix:/run/a.sock", false, Ok("unix:/run/a.sock")),
        ] {
            assert_eq!(target(text, is_tls), expected.map(str::to_owned), "{text}");
        }
        assert!(target("a/b", false).is_err() && target("unix:/a", true).is_err());
    }
}

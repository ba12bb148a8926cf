//! Names of hosts.

use std::net::Ipv6Addr;

use gate_core::route::HostPattern;

/// A host or `*.host` that requests ask for: without a port, in lower case.
pub(crate) fn host_pattern(text: &str) -> Result<HostPattern, &'static str> {
    let text = text.to_ascii_lowercase();
    if let Some(literal) = text.strip_prefix('[') {
        let literal = literal.strip_suffix(']').ok_or("`]` must be the end; a port does not belong here")?;
        let address: Ipv6Addr =
            literal.parse().map_err(|_fault| "no address of IPv6 stands in the brackets")?;
        return Ok(HostPattern::Exact(format!("[{address}]")));
    }
    match text.strip_prefix("*.") {
        Some(domain) => server_name(domain).map(HostPattern::Below),
        None => server_name(&text).map(HostPattern::Exact),
    }
}

/// A name that clients ask for by SNI, or `*.name`: in lower case.
pub(crate) fn sni_name(text: &str) -> Result<String, &'static str> {
    let text = text.to_ascii_lowercase();
    let name = server_name(text.strip_prefix("*.").unwrap_or(&text))?;
    if name.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err("clients do not ask for addresses by name");
    }
    Ok(text)
}

/// The name of a host, or an address of IPv4, in lower case. Other alphabets stand in their
/// ASCII form (`xn--…`), as they do on the wire.
pub(crate) fn server_name(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("empty");
    }
    if text.len() > 253 {
        return Err("longer than 253 characters");
    }
    if text.contains('*') {
        return Err("a `*` may only stand for the first label: `*.example.org`");
    }
    if text.contains(':') {
        return Err("a scheme or a port does not belong here");
    }
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) {
        return Err("a name has letters of ASCII, digits, `-`, `_` and points");
    }
    let labels = text.strip_suffix('.').unwrap_or(text).split('.');
    if labels.clone().any(|label| label.is_empty() || label.len() > 63) {
        return Err("between points stand 1 to 63 characters");
    }
    Ok(text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_domains_of_names() {
        for (text, expected) in [
            ("Example.org", HostPattern::Exact("example.org".to_owned())),
            ("example.org.", HostPattern::Exact("example.org".to_owned())),
            ("*.Example.org", HostPattern::Below("example.org".to_owned())),
            ("10.0.0.1", HostPattern::Exact("10.0.0.1".to_owned())),
            ("[0:0::1]", HostPattern::Exact("[::1]".to_owned())),
            ("localhost", HostPattern::Exact("localhost".to_owned())),
        ] {
            assert_eq!(host_pattern(text), Ok(expected), "{text}");
        }
        let long = "a".repeat(64);
        for text in [
            "",
            "*",
            "a.*.b",
            "example.org:80",
            "http://a",
            "a b",
            "a..b",
            ".a",
            "ä.de",
            "[::1]:80",
            "[x]",
            &long,
        ] {
            assert!(host_pattern(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_for_sni_are_no_addresses() {
        assert_eq!(sni_name("*.Example.org"), Ok("*.example.org".to_owned()));
        assert!(sni_name("10.0.0.1").is_err());
    }
}

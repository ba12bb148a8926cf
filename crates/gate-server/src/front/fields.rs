//! Header fields on their way through: what is of one hop only is taken out, and what
//! tells of the client is replaced by what the gateway knows itself.

use std::net::SocketAddr;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Takes out what belongs to one hop: the fields that Connection names, and those that
/// are known to be such (RFC 9110 §7.6.1).
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter(|name| !name.trim().eq_ignore_ascii_case("upgrade"))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .collect();
    for name in named {
        // Host is of the whole way: a client cannot have it taken out.
        if name != header::HOST {
            headers.remove(name);
        }
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("http2-settings"),
    header::EXPECT,
];

/// Puts in who the client is, in place of what it says of itself.
pub(crate) fn identify(headers: &mut HeaderMap, client: SocketAddr, request_id: &str) {
    let claimed: Vec<HeaderName> = headers.keys().filter(|name| is_claim(name.as_str())).cloned().collect();
    for name in claimed {
        headers.remove(name);
    }
    if let Ok(address) = HeaderValue::from_str(&client.ip().to_canonical().to_string()) {
        headers.insert(X_FORWARDED_FOR, address);
    }
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("http"));
    if let Some(host) = headers.get(header::HOST).cloned() {
        headers.insert(X_FORWARDED_HOST, host);
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(X_REQUEST_ID, id);
    }
}

/// Fields that backends believe to come from a proxy.
fn is_claim(name: &str) -> bool {
    name.starts_with("x-forwarded-")
        || name.starts_with("x-wsproxy-")
        || matches!(name, "forwarded" | "x-real-ip" | "x-request-id")
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn row_13_what_connection_names_is_taken_out_but_never_the_host() {
        let mut fields = headers(&[
            ("host", "a"),
            ("connection", "X-Secret , upgrade"),
            ("connection", "host"),
            ("x-secret", "1"),
            ("te", "trailers"),
            ("cookie", "kept"),
        ]);
        remove_hop_by_hop(&mut fields);
        let mut left: Vec<_> = fields.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["cookie", "host"]);
    }

    #[test]
    fn row_14_what_a_client_says_of_itself_is_replaced() {
        let mut fields = headers(&[
            ("host", "example.org"),
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-for", "7.7.7.7"),
            ("x-forwarded-user", "root"),
            ("x-real-ip", "6.6.6.6"),
            ("forwarded", "for=6.6.6.6"),
            ("x-request-id", "forged"),
        ]);
        identify(&mut fields, "10.1.2.3:999".parse().unwrap(), "cafe");
        assert_eq!(fields["x-forwarded-for"], "10.1.2.3");
        assert_eq!(fields["x-forwarded-host"], "example.org");
        assert_eq!(fields["x-request-id"], "cafe");
        assert_eq!(fields.len(), 5, "{fields:?}");
    }
}

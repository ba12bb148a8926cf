//! Facts about a client's handshake: one good request, and what is wrong with it changed in.

use super::{ClientHandshake, check};
use crate::handshake::{Refusal, token::ListFault};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};

/// A request that can be taken apart.
#[derive(Clone)]
struct Request {
    method: Method,
    version: Version,
    uri: Uri,
    headers: HeaderMap,
}

impl Request {
    /// The one of RFC 6455 §1.2, without its offers.
    fn good() -> Self {
        let bare = Self {
            method: Method::GET,
            version: Version::HTTP_11,
            uri: Uri::from_static("/chat"),
            headers: HeaderMap::new(),
        };
        bare.plus("host", "server.example.com")
            .plus("upgrade", "websocket")
            .plus("connection", "Upgrade")
            .plus("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .plus("sec-websocket-version", "13")
    }

    fn plus(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        self.headers.append(HeaderName::from_static(name), value);
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// With these lines of the field in the place of those it had.
    fn with(self, name: &'static str, lines: &[&str]) -> Self {
        lines.iter().fold(self.without(name), |request, line| request.plus(name, line))
    }

    fn to(mut self, uri: &str) -> Self {
        self.uri = uri.parse().unwrap();
        self
    }

    fn check(&self) -> Result<ClientHandshake, Refusal> {
        check(&self.method, self.version, &self.uri, &self.headers)
    }

    fn refusal(&self) -> Option<Refusal> {
        self.check().err()
    }
}

#[test]
fn the_handshake_of_rfc_6455_is_read() {
    let read = Request::good()
        .plus("sec-websocket-protocol", "chat, superchat")
        .plus("sec-websocket-extensions", "permessage-deflate; client_max_window_bits, foo")
        .check()
        .unwrap();
    assert_eq!(read.key.as_str(), "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(read.accept.as_str(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(read.subprotocols.iter().collect::<Vec<_>>(), ["chat", "superchat"]);
    assert_eq!(read.deflate_offers.len(), 1);

    let bare = Request::good().check().unwrap();
    assert!(bare.subprotocols.is_empty());
    assert!(bare.deflate_offers.is_empty());
}

#[test]
fn what_clients_and_proxies_really_send_is_accepted() {
    for (name, lines) in [
        ("connection", &["keep-alive, Upgrade"][..]),
        ("connection", &["keep-alive", "UPGRADE"]),
        ("connection", &["upgrade,"]),
        ("upgrade", &["WebSocket"]),
        ("upgrade", &["h2c, websocket"]),
        ("upgrade", &["h2c", "websocket"]),
        ("upgrade", &["HTTP/2.0, TLS/1.0, websocket"]),
        ("content-length", &["0"]),
        ("host", &["[::1]:8080"]),
        ("host", &["Server.Example.COM:443"]),
        ("sec-websocket-version", &[" 13 "]),
        ("sec-websocket-extensions", &["permessage-deflate", "x-webkit-deflate-frame"]),
    ] {
        let request = Request::good().with(name, lines);
        assert_eq!(request.refusal(), None, "{name}: {lines:?}");
    }
}

#[test]
fn row_6_only_websocket_is_an_upgrade_to_websocket() {
    for lines in [
        &[][..],
        &[""],
        &["h2c"],
        &["TLS/1.0, HTTP/1.1"],
        &["websocket/13"],
        &["websockets"],
        &["web socket"],
        &["websocket;"],
        &["\u{e9}, websocket"],
    ] {
        let request = Request::good().with("upgrade", lines);
        assert_eq!(request.refusal(), Some(Refusal::NotWebSocket), "{lines:?}");
    }
}

#[test]
fn a_plain_request_is_not_websocket_whatever_else_it_is() {
    let plain = Request::good().without("upgrade");
    for request in [
        Request { method: Method::POST, ..plain.clone() },
        Request { version: Version::HTTP_10, ..plain.clone() },
        Request { version: Version::HTTP_10, ..plain.clone().without("host") },
        plain.clone().plus("content-length", "5"),
        plain.without("connection").without("sec-websocket-key"),
    ] {
        assert_eq!(request.refusal(), Some(Refusal::NotWebSocket));
    }
}

#[test]
fn only_get_opens_a_websocket() {
    for method in [Method::POST, Method::HEAD, Method::OPTIONS, Method::CONNECT] {
        let request = Request { method, ..Request::good() };
        assert_eq!(request.refusal(), Some(Refusal::Method), "{}", request.method);
    }
    let lower = Request { method: Method::from_bytes(b"get").unwrap(), ..Request::good() };
    assert_eq!(lower.refusal(), Some(Refusal::Method));
}

#[test]
fn only_http_1_1_has_this_handshake() {
    for version in [Version::HTTP_09, Version::HTTP_10, Version::HTTP_2, Version::HTTP_3] {
        let request = Request { version, ..Request::good() };
        assert_eq!(request.refusal(), Some(Refusal::HttpVersion), "{version:?}");
    }
}

#[test]
fn targets_of_connect_and_options_are_refused() {
    for (uri, refusal) in [
        ("/", None),
        ("/chat?room=1", None),
        ("http://server.example.com/chat", None),
        ("HTTPS://server.example.com", None),
        ("*", Some(Refusal::Target)),
        ("server.example.com:80", Some(Refusal::Target)),
        ("server.example.com", Some(Refusal::Target)),
        ("ws://server.example.com/chat", Some(Refusal::Target)),
        ("ftp://server.example.com/chat", Some(Refusal::Target)),
        ("http://user:word@server.example.com/chat", Some(Refusal::Target)),
    ] {
        assert_eq!(Request::good().to(uri).refusal(), refusal, "{uri}");
    }
}

#[test]
fn row_12_a_request_has_one_valid_host() {
    for (lines, refusal) in [
        (&[][..], Refusal::HostMissing),
        (&["a", "b"], Refusal::HostRepeated),
        (&["server.example.com", "server.example.com"], Refusal::HostRepeated),
        (&[""], Refusal::HostInvalid),
        (&["a, b"], Refusal::HostInvalid),
        (&["user@a"], Refusal::HostInvalid),
        (&["a:99999"], Refusal::HostInvalid),
        (&["a/b"], Refusal::HostInvalid),
        (&["caf\u{e9}"], Refusal::HostInvalid),
    ] {
        assert_eq!(Request::good().with("host", lines).refusal(), Some(refusal), "{lines:?}");
        // The same goes for requests that ask for no upgrade.
        let plain = Request::good().with("host", lines).without("upgrade");
        assert_eq!(plain.refusal(), Some(refusal), "{lines:?}");
    }
}

#[test]
fn row_12_the_host_is_that_of_the_target() {
    for (uri, host, refusal) in [
        ("http://example.org/", "EXAMPLE.org:80", None),
        ("http://example.org:80/", "example.org", None),
        ("https://example.org/", "example.org:443", None),
        ("http://[::1]:80/", "[0::1]", None),
        ("http://example.org/", "example.org:443", Some(Refusal::HostMismatch)),
        ("https://example.org/", "example.org:80", Some(Refusal::HostMismatch)),
        ("http://example.org/", "example.com", Some(Refusal::HostMismatch)),
        ("http://example.org:8080/", "example.org", Some(Refusal::HostMismatch)),
    ] {
        let request = Request::good().to(uri).with("host", &[host]);
        assert_eq!(request.refusal(), refusal, "{uri} {host}");
    }
}

#[test]
fn an_upgrade_is_also_a_connection_option() {
    for lines in [&[][..], &["close"], &["keep-alive"], &["upgraded"], &["\"upgrade\""], &[""]] {
        let request = Request::good().with("connection", lines);
        assert_eq!(request.refusal(), Some(Refusal::Connection), "{lines:?}");
    }
}

#[test]
fn row_7_a_handshake_has_no_body() {
    for (name, lines) in [
        ("content-length", &["1"][..]),
        ("content-length", &["00"]),
        ("content-length", &["-0"]),
        ("content-length", &["+0"]),
        ("content-length", &[""]),
        ("content-length", &["x"]),
        ("transfer-encoding", &["chunked"]),
        ("transfer-encoding", &["identity"]),
        ("transfer-encoding", &[""]),
        ("transfer-encoding", &["xchunked"]),
    ] {
        let request = Request::good().with(name, lines);
        assert_eq!(request.refusal(), Some(Refusal::Body), "{name}: {lines:?}");
    }
}

#[test]
fn row_8_ambiguous_lengths_are_refused() {
    for lines in [&["0", "0"][..], &["0", "5"], &["0, 0"], &["0,5"]] {
        let request = Request::good().with("content-length", lines);
        assert_eq!(request.refusal(), Some(Refusal::Body), "{lines:?}");
    }
    let both = Request::good().plus("content-length", "0").plus("transfer-encoding", "chunked");
    assert_eq!(both.refusal(), Some(Refusal::Body));
}

#[test]
fn row_3_only_version_13_is_spoken() {
    for value in ["8", "7", "0", "12", "14", "130", "013", "13, 8", "13.0", "x", ""] {
        let refusal = Request::good().with("sec-websocket-version", &[value]).refusal();
        assert_eq!(refusal, Some(Refusal::VersionUnsupported), "{value:?}");
    }
    let missing = Request::good().without("sec-websocket-version");
    assert_eq!(missing.refusal(), Some(Refusal::VersionMissing));
    let repeated = Request::good().plus("sec-websocket-version", "13");
    assert_eq!(repeated.refusal(), Some(Refusal::VersionRepeated));
}

#[test]
fn row_23_a_handshake_has_one_valid_key() {
    let missing = Request::good().without("sec-websocket-key");
    assert_eq!(missing.refusal(), Some(Refusal::KeyMissing));
    let repeated = Request::good().plus("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(repeated.refusal(), Some(Refusal::KeyRepeated));
    for key in ["", "dGhlIHNhbXBsZQ==", "dGhlIHNhbXBsZSBub25jZR==", "dGhlIHNhbXBsZSBub25jZQ==, x"] {
        let invalid = Request::good().with("sec-websocket-key", &[key]);
        assert_eq!(invalid.refusal(), Some(Refusal::KeyInvalid), "{key:?}");
    }
}

#[test]
fn row_11_subprotocols_are_unique_tokens() {
    for (lines, fault) in [
        (&["a, a"][..], ListFault::Repeated),
        (&["a", "a"], ListFault::Repeated),
        (&["a b"], ListFault::NotToken),
        (&["a=b"], ListFault::NotToken),
        (&["caf\u{e9}"], ListFault::NotText),
        (&[" , "], ListFault::Empty),
    ] {
        let request = Request::good().with("sec-websocket-protocol", lines);
        assert_eq!(request.refusal(), Some(Refusal::Subprotocols(fault)), "{lines:?}");
    }
}

#[test]
fn row_19_subprotocols_and_extensions_are_bounded() {
    let names: Vec<_> = (0..17).map(|number| format!("p{number}")).collect();
    let sixteen = Request::good().with("sec-websocket-protocol", &[&names[..16].join(",")]);
    assert_eq!(sixteen.check().unwrap().subprotocols.iter().count(), 16);
    let more = Request::good().with("sec-websocket-protocol", &[&names.join(",")]);
    assert_eq!(more.refusal(), Some(Refusal::Subprotocols(ListFault::TooMany)));

    let sixteen = vec!["permessage-deflate"; 16];
    let request = Request::good().with("sec-websocket-extensions", &sixteen);
    assert_eq!(request.check().unwrap().deflate_offers.len(), 16);
    let more = request.plus("sec-websocket-extensions", "permessage-deflate");
    assert_eq!(more.refusal(), Some(Refusal::Extensions(ListFault::TooMany)));
}

#[test]
fn row_21_impossible_offers_are_declined_and_broken_ones_refused() {
    let offers = |line| Request::good().with("sec-websocket-extensions", &[line]).check();
    let declined = offers("permessage-deflate; server_max_window_bits=7").unwrap();
    assert!(declined.deflate_offers.is_empty());
    let broken = offers("permessage-deflate; server_max_window_bits=");
    assert_eq!(broken, Err(Refusal::Extensions(ListFault::NotToken)));
}

#[test]
fn the_first_fault_in_the_order_of_the_checks_is_told() {
    let mut request = Request::good();
    let mut told = Vec::new();
    // From the last check to the first.
    for (name, lines) in [
        ("sec-websocket-extensions", &["<"][..]),
        ("sec-websocket-protocol", &["<"]),
        ("sec-websocket-key", &["<"]),
        ("sec-websocket-version", &["<"]),
        ("content-length", &["<"]),
        ("connection", &["<"]),
        ("upgrade", &["<"]),
        ("host", &["<"]),
    ] {
        request = request.with(name, lines);
        told.push(request.refusal().unwrap().reason());
    }
    assert_eq!(
        told,
        [
            "extensions",
            "subprotocols",
            "key_invalid",
            "version_unsupported",
            "body",
            "connection",
            "not_websocket",
            "host_invalid"
        ]
    );
}

#[test]
fn what_goes_on_is_one_spelling_without_what_was_declined() {
    let request = Request::good()
        .with("upgrade", &["h2c, WebSocket"])
        .with("connection", &["keep-alive, x-user", "upgrade"])
        .plus("content-length", "0")
        .plus("sec-websocket-protocol", "b,a")
        .plus("sec-websocket-protocol", "c")
        .plus("sec-websocket-extensions", "foo, permessage-deflate;client_max_window_bits=\"9\"")
        .plus("sec-websocket-extensions", "permessage-deflate;client_max_window_bits=7")
        .plus("origin", "https://example.org");
    let asked = request.check().unwrap();
    let mut headers = request.headers;
    asked.put(&mut headers);
    let mut lines: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            ("connection", "Upgrade"),
            ("host", "server.example.com"),
            ("origin", "https://example.org"),
            ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits=9"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-protocol", "b, a, c"),
            ("sec-websocket-version", "13"),
            ("upgrade", "websocket"),
        ]
    );
    let again = Request { headers, ..Request::good() };
    assert_eq!(again.check(), Ok(asked));
}

#[test]
fn row_5_declined_offers_leave_no_empty_field_behind() {
    let request = Request::good().plus("sec-websocket-extensions", "foo");
    let asked = request.check().unwrap();
    let mut headers = request.headers;
    asked.put(&mut headers);
    assert!(!headers.contains_key("sec-websocket-extensions"));
    assert!(!headers.contains_key("sec-websocket-protocol"));
}

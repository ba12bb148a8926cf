//! Whom requests are taken to come from, and what upstreams are told of it.

use super::*;

fn headers(lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn sorted(headers: &HeaderMap) -> Vec<String> {
    let mut lines: Vec<_> =
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort_unstable();
    lines
}

/// 10.0.0.0/8, fd00::/8 and unix sockets are trusted.
fn trusted() -> Peers {
    Peers { networks: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()], unix: true }
}

/// The client behind `peer`, `unix:` for a unix socket, that speaks HTTP without TLS.
fn client(peer: &str, lines: &[&str]) -> Client {
    let peer = (peer != "unix:").then(|| peer.parse().unwrap());
    Client::identify(&Hop { peer, scheme: Scheme::Http, trusted: &trusted() }, &headers(lines))
}

/// The fields that go to the upstream, without the request id.
fn sent(peer: &str, lines: &[&str], extras: &Extras<'_>) -> Vec<String> {
    let mut head = headers(lines);
    client(peer, lines).put(&mut head, extras);
    head.remove(X_REQUEST_ID).unwrap();
    sorted(&head)
}

const CLIENT: &str = "192.0.2.1:999";
const PROXY: &str = "10.0.0.1:80";

#[test]
fn row_14_what_a_client_says_of_itself_is_replaced() {
    let claims = [
        "host: example.org",
        "forwarded: for=6.6.6.6",
        "x-forwarded: 6.6.6.6",
        "x-forwarded-for: 6.6.6.6",
        "x-forwarded-for: 7.7.7.7",
        "x-forwarded-host: evil.example",
        "x-forwarded-port: 1",
        "x-forwarded-proto: https",
        "x-forwarded-user: root",
        "x-real-ip: 6.6.6.6",
        "x-request-id: forged",
        "x-wsproxy-upstream: ws://10.0.0.9",
        "x_forwarded_for: 6.6.6.6",
        "X-Forwarded_Proto: https",
        "x_real_ip: 6.6.6.6",
        "x-mine: kept",
        "x_mine: kept",
    ];
    let expected = [
        "host: example.org",
        "x-forwarded-for: 192.0.2.1",
        "x-forwarded-host: example.org",
        "x-forwarded-proto: http",
        "x-mine: kept",
        "x_mine: kept",
    ];
    assert_eq!(sent(CLIENT, &claims, &Extras::default()), expected);
    let client = client(CLIENT, &claims);
    assert_eq!((client.to_string().as_str(), client.scheme()), (CLIENT, Scheme::Http));
    assert_ne!(client.request_id(), "forged");
}

#[test]
fn a_trusted_proxys_list_is_appended_to_and_its_other_fields_are_kept() {
    let claims = [
        "host: inner",
        "x-forwarded-for: 192.0.2.7, 10.0.0.2",
        "x-forwarded-for: 10.0.0.3",
        "x-forwarded-host: example.org",
        "x-forwarded-port: 443",
        "x-forwarded-proto: https",
        "x-forwarded-user: alice",
        "x-real-ip: 192.0.2.7",
        "x_forwarded_for: 6.6.6.6",
    ];
    let expected = [
        "host: inner",
        "x-forwarded-for: 192.0.2.7, 10.0.0.2, 10.0.0.3, 10.0.0.1",
        "x-forwarded-host: example.org",
        "x-forwarded-port: 443",
        "x-forwarded-proto: https",
        "x-forwarded-user: alice",
        "x-real-ip: 192.0.2.7",
    ];
    assert_eq!(sent(PROXY, &claims, &Extras::default()), expected);
    let client = client(PROXY, &claims);
    assert_eq!((client.to_string().as_str(), client.scheme()), ("192.0.2.7", Scheme::Https));
}

#[test]
fn the_real_address_is_sent_where_that_is_switched_on() {
    let extras = Extras { sends_real_ip: true, ..Extras::default() };
    let of = |peer, claims: &[&str]| {
        let sent = sent(peer, claims, &extras);
        sent.into_iter().filter(|line| line.starts_with("x-real-ip")).collect::<Vec<_>>()
    };
    let own = CLIENT.rsplit_once(':').expect("a port").0;
    assert_eq!(of(CLIENT, &["host: a", "x-real-ip: 6.6.6.6"]), [format!("x-real-ip: {own}")]);
    assert_eq!(of(PROXY, &["host: a", "x-forwarded-for: 192.0.2.7"]), ["x-real-ip: 192.0.2.7"]);
    assert_eq!(of(PROXY, &["host: a", "x-real-ip: 192.0.2.9"]), ["x-real-ip: 192.0.2.9"]);
}

#[test]
fn what_a_trusted_proxy_does_not_say_is_filled_in() {
    let expected =
        ["host: a:8080", "x-forwarded-for: 10.0.0.1", "x-forwarded-host: a:8080", "x-forwarded-proto: http"];
    assert_eq!(sent(PROXY, &["host: a:8080"], &Extras::default()), expected);
}

#[test]
fn the_client_is_the_last_of_the_list_who_is_no_trusted_proxy() {
    let checks = [
        (PROXY, "", PROXY),
        (PROXY, "192.0.2.7", "192.0.2.7"),
        (PROXY, "6.6.6.6, 192.0.2.7, 10.0.0.2", "192.0.2.7"),
        (PROXY, "10.0.0.2, 10.0.0.3", "10.0.0.2"),
        (PROXY, "192.0.2.7:1234", "192.0.2.7:1234"),
        (PROXY, "2001:db8::7", "2001:db8::7"),
        (PROXY, "[2001:db8::7]", "2001:db8::7"),
        (PROXY, "[2001:db8::7]:1234", "[2001:db8::7]:1234"),
        (PROXY, "192.0.2.7, fd00::1", "192.0.2.7"),
        (PROXY, "::ffff:192.0.2.7, ::ffff:10.0.0.2", "192.0.2.7"),
        (PROXY, "192.0.2.7 ,, ,10.0.0.2,", "192.0.2.7"),
        // What cannot be read ends the walk at whoever wrote it.
        (PROXY, "192.0.2.7, unknown", PROXY),
        (PROXY, "192.0.2.7, _hidden, 10.0.0.2", "10.0.0.2"),
        (PROXY, "localhost", PROXY),
        (PROXY, "192.0.2.7/8", PROXY),
        ("[::ffff:10.0.0.1]:80", "192.0.2.7", "192.0.2.7"),
        ("unix:", "", "unix:"),
        ("unix:", "192.0.2.7", "192.0.2.7"),
        (CLIENT, "192.0.2.7", CLIENT),
        ("[::ffff:192.0.2.1]:999", "", CLIENT),
    ];
    for (peer, list, expected) in checks {
        let line = format!("x-forwarded-for: {list}");
        let lines = [line.as_str()];
        let lines = if list.is_empty() { &lines[..0] } else { &lines };
        assert_eq!(client(peer, lines).to_string(), expected, "{list:?} of {peer}");
    }
}

#[test]
fn several_lines_of_the_list_are_one() {
    let lines =
        ["x-forwarded-for: 6.6.6.6", "x-forwarded-for: 192.0.2.7, 10.0.0.3", "x-forwarded-for: 10.0.0.2"];
    assert_eq!(client(PROXY, &lines).address(), Some("192.0.2.7".parse().unwrap()));
}

#[test]
fn a_unix_socket_that_is_not_trusted_names_nobody() {
    let hop = Hop { peer: None, scheme: Scheme::Https, trusted: &Peers::default() };
    let mut head = headers(&["host: a", "x-forwarded-for: 6.6.6.6"]);
    let client = Client::identify(&hop, &head);
    assert_eq!((client.address(), client.to_string().as_str()), (None, "unix:"));
    client.put(&mut head, &Extras { sends_forwarded: true, ..Extras::default() });
    head.remove(X_REQUEST_ID);
    let expected = [
        "forwarded: for=unknown;host=\"a\";proto=https",
        "host: a",
        "x-forwarded-host: a",
        "x-forwarded-proto: https",
    ];
    assert_eq!(sorted(&head), expected);
}

#[test]
fn a_trusted_unix_socket_passes_the_list_on_as_it_is() {
    let lines = ["x-forwarded-for: 192.0.2.7", "x-forwarded-proto: https", "x-forwarded-host: a"];
    let mut expected = lines;
    expected.sort_unstable();
    assert_eq!(sent("unix:", &lines, &Extras::default()), expected);
}

#[test]
fn the_scheme_is_the_first_that_a_trusted_proxy_tells() {
    let checks = [
        ("http", Scheme::Http),
        ("https", Scheme::Https),
        ("WSS", Scheme::Https),
        ("ws", Scheme::Http),
        ("https, http", Scheme::Https),
        ("gopher", Scheme::Http),
        ("", Scheme::Http),
    ];
    for (value, expected) in checks {
        let line = format!("x-forwarded-proto: {value}");
        assert_eq!(client(PROXY, &[&line]).scheme(), expected, "{value:?}");
        assert_eq!(client(CLIENT, &[&line]).scheme(), Scheme::Http, "{value:?}");
    }
}

#[test]
fn a_request_id_is_kept_where_a_trusted_proxy_sends_a_sane_one() {
    let longest = "x".repeat(128);
    for id in ["7", "cafe-\"\\=~!", &longest] {
        let line = format!("x-request-id: {id}");
        assert_eq!(client(PROXY, &[&line]).request_id(), id);
        assert_ne!(client(CLIENT, &[&line]).request_id(), id);
        let mut head = headers(&[&line]);
        client(PROXY, &[&line]).put(&mut head, &Extras::default());
        assert_eq!(head[X_REQUEST_ID], id);
    }
    let is_fresh = |id: &str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let too_long = "x".repeat(129);
    for id in ["", "a b", "a\tb", "\u{e9}", &too_long] {
        let line = format!("x-request-id: {id}");
        let client = client(PROXY, &[&line]);
        assert!(is_fresh(client.request_id()), "{id:?}: {}", client.request_id());
    }
    let twice = client(PROXY, &["x-request-id: 1", "x-request-id: 2"]);
    assert!(is_fresh(twice.request_id()), "which of two counts cannot be said");
    assert_ne!(client(CLIENT, &[]).request_id(), client(CLIENT, &[]).request_id());
}

#[test]
fn forwarded_is_sent_where_it_is_switched_on() {
    let extras = Extras { sends_forwarded: true, ..Extras::default() };
    let forwarded = |peer: &str, lines: &[&str]| {
        let lines = sent(peer, lines, &extras);
        lines.into_iter().find_map(|line| line.strip_prefix("forwarded: ").map(str::to_owned)).unwrap()
    };
    let own = "for=10.0.0.1;host=\"a:1\";proto=http";
    assert_eq!(forwarded("10.0.0.1:5", &["host: a:1"]), own);
    assert_eq!(forwarded("[2001:db8::1]:5", &[]), "for=\"[2001:db8::1]\";proto=http");
    assert_eq!(forwarded(CLIENT, &["forwarded: for=6.6.6.6"]), "for=192.0.2.1;proto=http");
    let kept = ["host: a:1", "forwarded: for=192.0.2.7;proto=https", "forwarded: for=10.0.0.2"];
    assert_eq!(forwarded(PROXY, &kept), format!("for=192.0.2.7;proto=https, for=10.0.0.2, {own}"));
    // A list of the other kind is not lost.
    let list = ["host: a:1", "x-forwarded-for: 192.0.2.7, 2001:db8::1", "x-forwarded-for: who:ever"];
    let expected = format!("for=192.0.2.7, for=\"[2001:db8::1]\", for=unknown, {own}");
    assert_eq!(forwarded(PROXY, &list), expected);
    // A Host that would end the quotes is left out.
    assert_eq!(forwarded(CLIENT, &["host: a\";proto=https"]), "for=192.0.2.1;proto=http");
}

#[test]
fn forwarded_of_a_trusted_proxy_passes_where_none_is_sent() {
    let lines = sent(PROXY, &["forwarded: for=192.0.2.7"], &Extras::default());
    assert!(lines.contains(&"forwarded: for=192.0.2.7".to_owned()), "{lines:?}");
}

#[test]
fn the_upstreams_host_replaces_the_clients_which_is_told_beside_it() {
    let host = HeaderValue::from_static("backend.internal");
    let extras = Extras { sends_forwarded: true, host: Some(&host), ..Extras::default() };
    let expected = [
        "forwarded: for=192.0.2.1;host=\"example.org\";proto=http",
        "host: backend.internal",
        "x-forwarded-for: 192.0.2.1",
        "x-forwarded-host: example.org",
        "x-forwarded-proto: http",
    ];
    assert_eq!(sent(CLIENT, &["host: example.org"], &extras), expected);
}

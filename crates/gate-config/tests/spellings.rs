//! What can be written in several ways means the same in all of them.

use gate_config::parse;
use regex::Regex;

/// The configuration that a text means, without the places in the text.
fn meaning(text: &str) -> String {
    let loaded = parse("spelling.kdl", text).map_err(|failed| failed.diagnostics).expect(text);
    let places = Regex::new(r"Place \{[^}]*\}").expect("it is one");
    places.replace_all(&format!("{:?}", loaded.config), "").into_owned()
}

/// Puts each spelling into the document in place of `@`; the first is the norm.
fn check(document: &str, spellings: &[&str]) {
    let (first, others) = spellings.split_first().expect("there is a spelling");
    let bare = meaning(&document.replace('@', ""));
    let expected = meaning(&document.replace('@', first));
    for spelling in others {
        assert_eq!(meaning(&document.replace('@', spelling)), expected, "{spelling}");
    }
    assert!(expected != bare || others.contains(&""), "{first} means something");
}

const LISTENER: &str = "listeners { listener \"a\" { address \"127.0.0.1:1\" } }\n";

fn with_route(route: &str) -> String {
    let agents = "agents { agent \"x\" { unix-socket \"/x\" }; agent \"y\" { unix-socket \"/y\" } }";
    format!("{LISTENER} routes {{ route \"r\" {{ builtin-handler \"echo\"; {route} }} }}\n{agents}\n")
}

fn with_upstream(upstream: &str) -> String {
    let route = "routes { route \"r\" { upstream \"u\" } }";
    format!("{LISTENER} {route}\nupstreams {{ upstream \"u\" {{ target \"127.0.0.1:9\"; {upstream} }} }}")
}

#[test]
fn targets_have_five_spellings() {
    check(
        &with_upstream("@"),
        &[
            "target \"127.0.0.1:1\"",
            "target { address \"127.0.0.1:1\" }",
            "target address=\"127.0.0.1:1\" weight=1",
            "targets { target { address \"127.0.0.1:1\"; weight 1 } }",
            "targets { target \"127.0.0.1:1\" weight=1 }",
        ],
    );
    let text = format!(
        "{LISTENER} routes {{ route \"r\" {{ upstream \"u\" }} }}\nupstreams {{ upstream \"u\" {{ @ }} }}"
    );
    let target = meaning(&text.replace('@', "target \"127.0.0.1:1\""));
    assert_eq!(meaning(&text.replace('@', "address \"127.0.0.1:1\"")), target);
}

#[test]
fn algorithms_have_hyphens_or_underscores_and_other_names() {
    for spellings in [
        &["least-connections", "least_connections"][..],
        &["random"],
        &["power-of-two-choices", "power_of_two_choices", "power-of-two", "p2c"],
        &["ip-hash", "ip_hash"],
        &["consistent-hash", "consistent_hash"],
    ] {
        let spellings: Vec<_> = spellings.iter().map(|name| format!("load-balancing \"{name}\"")).collect();
        check(&with_upstream("@"), &spellings.iter().map(|spelling| &**spelling).collect::<Vec<_>>());
    }
    for name in ["round-robin", "round_robin", "weighted", "weighted_round_robin"] {
        check(&with_upstream("@"), &["", "", &format!("load-balancing \"{name}\"")]);
    }
    check(
        &with_upstream("@"),
        &["sticky { }", "sticky; load-balancing \"sticky\"", "sticky { cookie-ttl 3600 }"],
    );
}

#[test]
fn numbers_flags_and_lists_have_several_spellings() {
    for (document, spellings) in [
        (with_upstream("timeouts { @ }"), &["connect 3", "connect \"3s\"", "connect \"3000ms\""][..]),
        (
            with_upstream("health-check { type \"http\" { @ } }"),
            &["expected-status 204", "expected-status \"204\""],
        ),
        (
            with_upstream("@"),
            &["health-check { type \"tcp\" }", "health-check { type tcp }", "health-check { }"],
        ),
        (
            with_upstream("health-check { @ }"),
            &["type \"http\" { path \"/a\" }", "type \"http\" path=\"/a\""],
        ),
        (with_route("@"), &["priority 100", "priority \"high\"", "priority high"]),
        (
            with_route("@"),
            &[
                "websocket false",
                "websocket #false",
                "websocket { enabled false }",
                "websocket enabled=false",
            ],
        ),
        (with_route("@"), &["", "", "websocket true", "websocket { enabled true }", "websocket { }"]),
        (
            with_route("websocket { @ }"),
            &["max-frame-size 65536", "max-frame-size \"64KB\"", "max-frame-size \"64 KiB\""],
        ),
        (with_route("@"), &["agents \"x\" \"y\"", "agents [\"x\" \"y\"]", "agents [x\n y]"]),
        (with_route("matches { @ }"), &["header \"A\"", "header name=\"A\"", "header \"a\""]),
        (
            with_route("matches { @ }"),
            &[
                "query-param \"a\" \"b\"",
                "query-param name=\"a\" value=\"b\"",
                "query-param \"a\" value=\"b\"",
            ],
        ),
        (with_route("matches { @ }"), &["path \"/a\" \"/b\"", "path \"/a\"; path \"/b\""]),
        (with_route("matches { @ }"), &["host \"Example.org\"", "host \"example.org.\""]),
    ] {
        check(&document, spellings);
    }
}

#[test]
fn blocks_may_stand_in_several_places() {
    let logs = "observability { logging { level \"debug\"; access-log \"a.log\" } }";
    for (document, spellings) in [
        (
            with_route("") + "@",
            &[
                "server { max-connections 1; drain { spread \"1s\" } }",
                "system { max-connections 1 }; server { drain { spread \"1s\" } }",
            ][..],
        ),
        (
            with_route("") + "@",
            &[
                logs,
                "observability { logging { level \"debug\" } }; observability { logging { access-log { file \"a.log\" } } }",
            ],
        ),
        (
            with_route("") + "@",
            &[
                "routes { route \"s\" { builtin-handler \"echo\" }; route \"t\" { builtin-handler \"echo\" } }",
                "routes { route \"s\" { builtin-handler \"echo\" } }; routes { route \"t\" { builtin-handler \"echo\" } }",
            ],
        ),
    ] {
        check(&document, spellings);
    }
}

#[test]
fn tls_is_spelled_as_others_spell_it() {
    let document = "listeners { listener \"a\" { address \"127.0.0.1:1\"; protocol \"https\"; tls { cert-file \"c\"; key-file \"k\"; @ } } }\n\
                    routes { route \"r\" { builtin-handler \"echo\" } }";
    for spellings in [
        &["ca-file \"ca\"; client-auth \"require\"", "ca-file \"ca\"; client-auth true"][..],
        &["session-tickets false", "session-resumption #false"],
        &[
            "sni \"a\" \"*.B\" { cert-file \"d\"; key-file \"l\" }",
            "sni { hostnames \"a\" \"*.b\"; cert-file \"d\"; key-file \"l\" }",
            "sni \"a\" { hostnames \"*.b\"; cert-file \"d\"; key-file \"l\" }",
        ],
    ] {
        check(document, spellings);
    }
}

#[test]
fn agents_are_reached_in_four_spellings() {
    let document = with_route("") + "agents { @ }";
    let agent = |inner: &str| format!("agent \"z\" {{ {inner}; timeout-ms 5 }}");
    let spellings = [
        agent("transport \"unix_socket\" { path \"/z\" }"),
        agent("transport \"unix-socket\" path=\"/z\""),
        agent("unix-socket \"/z\""),
        agent("unix-socket path=\"/z\""),
        agent("unix-socket { path \"/z\" }"),
    ];
    check(&document, &spellings.iter().map(|spelling| &**spelling).collect::<Vec<_>>());
    let document = with_route("") + "agents { agent \"z\" { unix-socket \"/z\"; @ } }";
    check(
        &document,
        &["protocol-version \"v2\"", "protocol-version 2", "protocol-version \"2\"", "protocol-version v2"],
    );
    let frames = ["websocket_frame", "websocket-frame", "web_socket_frame", "web-socket-frame"];
    check(&document, &frames.map(|event| format!("events [\"{event}\"]")).each_ref().map(|event| &**event));
    check(&document, &["failure-mode \"open\"", "failure-mode \"fail_open\"", "failure-mode \"fail-open\""]);
}

#[test]
fn rates_are_numbers_for_each_second_or_in_another_time() {
    let limited = with_route("websocket { @ }");
    check(
        &limited,
        &["connection-rate \"10/s\"", "connection-rate 10", "connection-rate \"10 / 1s\" burst=10"],
    );
    check(&limited, &["connection-rate-per-ip \"600/m\"", "connection-rate-per-ip \"600/60s\" burst=600"]);
    check(
        &limited,
        &[
            "rate-limit { messages 100; bytes \"1MB\" }",
            "rate-limit { messages \"100/s\"; bytes \"1024KB/s\"; frames 0 }",
            "rate-limit messages=100 bytes=1048576",
            "rate-limit { messages 100; bytes \"1MB/1s\"; burst 100; burst-bytes \"1MB\" }",
            "rate-limit { messages 100; bytes \"1MB\"; per \"connection\"; from \"client\"; on-exceed \"close\" }",
        ],
    );
    check(
        &limited,
        &["rate-limit { messages 1; per \"ip\" }", "rate-limit { messages 1; per \"client-ip\" }"],
    );
    check(
        &with_route("websocket { max-connections 5; @ }"),
        &["connection-rate 0", "", "connection-rate \"0/m\""],
    );
}

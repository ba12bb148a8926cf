//! Header mode: requests that tell their upstream, webhooks and limits themselves.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use serde_json::json;
use testkit::Side::{self, Client, Upstream};
use testkit::backend::Backend;
use testkit::deadline::Stopwatch;
use testkit::folder::Folder;
use testkit::frame::{BINARY, TEXT, close, frame};
use testkit::head::Head;
use testkit::message::Message;
use testkit::peer::{Ending, Peer};
use testkit::records::assert_has;
use testkit::rig::{Rig, Session};
use testkit::tls::Authority;

/// Lets trusted peers of this machine go to and ask this machine.
const OPEN: &str = r#"trusted "127.0.0.1"; upstreams "ws://127.0.0.0/8"; hooks "http://127.0.0.0/8""#;

/// A gateway whose first backend is what requests name, and the second a webhook.
#[track_caller]
fn rig(header_config: &str) -> Rig {
    rig_with(header_config, "")
}

#[track_caller]
fn rig_with(header_config: &str, websocket: &str) -> Rig {
    Rig::from_kdl(
        [Backend::default(), Backend::default()],
        &format!(
            r#"routes {{ route "by-header" {{ header-config {{ {header_config} }}; websocket {{ {websocket} }} }} }}"#
        ),
    )
}

/// A handshake that names the first backend.
fn request(rig: &Rig) -> Message {
    let upstream = format!("ws://{}/ignored?z=1", rig.backend());
    Message::upgrade("/chat?room=1").with("X-WsProxy-Upstream", &upstream)
}

/// The status of the answer to a request that comes from an address of this machine.
#[track_caller]
fn status_from(own: &str, rig: &Rig, request: &Message) -> Head {
    let own: IpAddr = own.parse().expect("an address");
    let mut client = Peer::connect_from(own, rig.address());
    client.send(&request.to_bytes());
    client.read_head()
}

#[track_caller]
fn status(rig: &Rig, request: &Message) -> u16 {
    status_from("127.0.0.1", rig, request).status()
}

#[track_caller]
fn expect_closed(mut session: Session, codes: [u16; 2]) {
    for (side, code) in Side::BOTH.into_iter().zip(codes) {
        let farewell = session.peer(side).read_frame();
        assert_eq!(farewell.close().map(|(code, _)| code), Some(code), "{side}");
        session.peer(side).send(&close(side, code, ""));
    }
    session.end();
}

#[test]
fn the_upstream_is_that_of_the_request_and_the_path_the_clients() {
    let rig = rig(OPEN);
    let asked = request(&rig).with("Cookie", "a=b").with("X-WsProxy-Compress", "false");
    let mut session = rig.open_with(&asked, |answer| answer.with("Set-Cookie", "c=d"));
    assert_eq!(session.request.first_line, "GET /chat?room=1 HTTP/1.1");
    assert_eq!(session.request.get("Host"), Some(&*rig.backend().to_string()));
    assert_eq!(session.request.get("Cookie"), Some("a=b"));
    assert!(session.request.names().iter().all(|name| !name.to_lowercase().starts_with("x-wsproxy")));
    assert_eq!(session.response.get("Set-Cookie"), Some("c=d"));
    session.pass(Client, &frame(Client, TEXT, b"there"));
    session.pass(Upstream, &frame(Upstream, BINARY, b"and back"));
    session.close();
    let records = rig.finish();
    assert_has(records.only("open"), &json!({"route": "by-header"}));
}

#[test]
fn what_cannot_be_had_is_told_before_any_101() {
    let rig = rig(OPEN);
    let gone = Backend::closed();
    let upgrade = || Message::upgrade("/");
    let with = |name: &str, value: &str| request(&rig).with(name, value);
    for (asked, expected, reason) in [
        (upgrade(), 400, "header_config_missing"),
        (upgrade().with("X-WsProxy-Compress", "true"), 400, "header_config_missing"),
        (upgrade().with("X-WsProxy-Upstream", "http://h"), 400, "header_config_malformed"),
        (with("X-WsProxy-Upstream", "ws://127.0.0.1:1"), 400, "header_config_malformed"),
        (with("X-WsProxy-IdleTimeout", "soon"), 400, "header_config_malformed"),
        (with("X-WsProxy-IdleTimeout", "86400001"), 400, "header_config_above_ceiling"),
        (with("X-WsProxy-MaxFrameSize", ""), 400, "header_config_malformed"),
        (with("X-WsProxy-MaxFrameSize", "16777217"), 400, "header_config_above_ceiling"),
        (with("X-WsProxy-ValidateUtf8", "yes"), 400, "header_config_malformed"),
        (with("X-WsProxy-Compress", "1"), 400, "header_config_malformed"),
        (with("X-WsProxy-InboundHook", "ws://127.0.0.1"), 400, "header_config_malformed"),
        (with("X-WsProxy-InboundHook-Method", "PUT"), 400, "header_config_missing"),
        (with("X-WsProxy-Hook", "http://127.0.0.1"), 400, "header_config_malformed"),
        (with("X-WsProxy-OutboundHook", "http://10.0.0.1"), 403, "header_config_forbidden"),
        (upgrade().with("X-WsProxy-Upstream", "ws://10.0.0.1"), 403, "header_config_forbidden"),
        (upgrade().with("X-WsProxy-Upstream", "wss://127.0.0.1"), 403, "header_config_forbidden"),
        (upgrade().with("X-WsProxy-Upstream", "ws://none.invalid"), 502, "header_config_unresolved"),
        (upgrade().with("X-WsProxy-Upstream", &format!("ws://{gone}")), 502, "upstream_unreachable"),
    ] {
        let before = rig.metrics().get(&format!("framegate_handshake_failures_total{{reason=\"{reason}\"}}"));
        assert_eq!(status(&rig, &asked), expected, "{asked:?}");
        rig.await_metric(&format!("framegate_handshake_failures_total{{reason=\"{reason}\"}}"), before + 1.0);
    }
    rig.backends().iter().for_each(Backend::assert_not_dialled);
    rig.finish();
}

#[test]
fn what_name_servers_say_is_not_for_clients() {
    let rig = rig(OPEN);
    let mut client =
        rig.send(&Message::upgrade("/").with("X-WsProxy-Upstream", "ws://none.invalid").to_bytes());
    let head = client.read_head();
    assert_eq!(String::from_utf8(client.read_body(&head)).unwrap(), "502 Bad Gateway\n");
    let records = rig.finish();
    let detail = records.only("refused")["detail"].as_str().unwrap().to_owned();
    assert!(!detail.contains("Query {") && !detail.contains("DNS error"), "{detail}");
}

#[test]
fn row_14_nobody_is_believed_but_trusted_peers_of_the_connection() {
    let rig = rig(OPEN);
    for forwarded in ["127.0.0.1", "127.0.0.1, 127.0.0.1"] {
        let asked = request(&rig).with("X-Forwarded-For", forwarded);
        assert_eq!(status_from("127.0.0.2", &rig, &asked).status(), 403);
    }
    rig.backend().assert_not_dialled();
    let reason = "framegate_handshake_failures_total{reason=\"header_config_untrusted\"}";
    rig.await_metric(reason, 2.0);
    rig.finish();
}

#[test]
fn row_14_a_listener_that_trusts_its_proxies_does_not_make_them_tell_upstreams() {
    let text = r#"
        listeners { listener "front" { address "127.0.0.1:0"; trusted-proxies "127.0.0.0/8" } }
        routes { route "by-header" { header-config { trusted "127.0.0.9"; upstreams "ws://127.0.0.0/8" } } }"#;
    let rig = Rig::from_kdl([Backend::default()], text);
    let asked = request(&rig).with("X-Forwarded-For", "127.0.0.9");
    assert_eq!(status(&rig, &asked), 403);
    rig.finish();
}

#[test]
fn row_14_fields_that_are_not_believed_can_be_ignored() {
    let text = format!(
        r#"
        routes {{ route "both" {{ upstream "u"; header-config {{ {OPEN}; on-untrusted "ignore" }} }} }}
        upstreams {{ upstream "u" {{ target "$1" }} }}"#
    );
    let rig = Rig::from_kdl([Backend::default(), Backend::default()], &text);
    // From a stranger, in another spelling, or none at all: the route's own upstream is the way.
    let plain = Message::upgrade("/");
    let odd = Message::upgrade("/").with("X_WsProxy_Upstream", &format!("ws://{}", rig.backend()));
    for (own, asked) in [("127.0.0.2", request(&rig)), ("127.0.0.1", odd), ("127.0.0.1", plain)] {
        let mut client = Peer::connect_from(own.parse().unwrap(), rig.address());
        client.send(&asked.to_bytes());
        let session = Session::establish(client, rig.backends()[1].accept(), |answer| answer);
        assert!(session.request.names().iter().all(|name| !name.to_lowercase().contains("wsproxy")));
        session.close();
    }
    rig.backend().assert_not_dialled();
    rig.open_with(&request(&rig), |answer| answer).close();
    rig.finish();
}

#[test]
fn row_14_other_routes_take_them_out_as_well() {
    let text = r#"routes { route "all" { upstream "u" } }
        upstreams { upstream "u" { target "$0" } }"#;
    let rig = Rig::from_kdl([Backend::default()], text);
    let session = rig.open_with(&request(&rig).with("X-WsProxyFoo", "x"), |answer| answer);
    assert!(session.request.names().iter().all(|name| !name.to_lowercase().starts_with("x-wsproxy")));
    session.close();
    rig.finish();
}

#[test]
fn row_51_names_do_not_lead_to_this_machine_unless_that_is_said() {
    let port = |rig: &Rig| rig.backend().address().port();
    for entries in ["\"ws://*\"", "\"ws://localhost\" \"ws://10.0.0.0/8\"", "\"ws://0.0.0.0/0\""] {
        let rig = rig(&format!("trusted \"127.0.0.1\"; upstreams {entries}"));
        for host in ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "169.254.169.254", "0.0.0.0"] {
            let asked =
                Message::upgrade("/").with("X-WsProxy-Upstream", &format!("ws://{host}:{}", port(&rig)));
            assert_eq!(status(&rig, &asked), 403, "{entries} {host}");
        }
        rig.backend().assert_not_dialled();
        rig.finish();
    }
    let rig = rig("trusted \"127.0.0.1\"; upstreams \"ws://127.0.0.1\"");
    let asked = Message::upgrade("/").with("X-WsProxy-Upstream", &format!("ws://localhost:{}", port(&rig)));
    let session = rig.open_with(&asked, |answer| answer);
    assert_eq!(session.request.get("Host"), Some(&*format!("localhost:{}", port(&rig))));
    session.close();
    rig.finish();
}

#[test]
fn ports_can_be_left_out_of_entries_or_written() {
    let config = |port: u16| format!("trusted \"127.0.0.1\"; upstreams \"ws://127.0.0.1:{port}\"");
    let backend = Backend::default();
    let port = backend.address().port();
    let text = |port| format!("routes {{ route \"a\" {{ header-config {{ {} }} }} }}", config(port));
    let rig = Rig::from_kdl([backend], &text(port));
    rig.open_with(&request(&rig), |answer| answer).close();
    rig.finish();
    let rig = Rig::from_kdl([Backend::default()], &text(1));
    assert_eq!(status(&rig, &request(&rig)), 403);
    rig.finish();
}

#[test]
fn webhooks_are_those_of_the_request_at_their_own_paths() {
    let rig = rig(OPEN);
    let hook_url = format!("http://{}/scan?v=2", rig.backends()[1]);
    let asked = request(&rig)
        .with("X-WsProxy-InboundHook", &hook_url)
        .with("X-WsProxy-InboundHook-Method", "put")
        .with("X-WsProxy-InboundHook-Headers", "authorization=secret,x-team=blue");
    let mut session = rig.open_with(&asked, |answer| answer);
    session.client.send(&frame(Client, TEXT, b"hello"));
    let mut hook = rig.backends()[1].accept();
    let head = hook.read_head();
    assert_eq!(head.first_line, "PUT /scan?v=2 HTTP/1.1");
    assert_eq!((head.get("authorization"), head.get("x-team")), (Some("secret"), Some("blue")));
    assert_eq!(head.get("X-Framegate-Direction"), Some("inbound"));
    assert_eq!(hook.read_body(&head), b"hello");
    hook.send(&Message::ok("").to_bytes());
    session.upstream.expect(&frame(Client, TEXT, b"hello"));
    // Nobody asked to be asked of the other direction.
    session.pass(Upstream, &frame(Upstream, TEXT, b"back"));
    session.client.send(&frame(Client, TEXT, b"bad"));
    let head = hook.read_head();
    let _body = hook.read_body(&head);
    hook.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    expect_closed(session, [1008, 1008]);
    let log = format!("{:?}", rig.finish());
    assert!(!log.contains("secret"), "{log}");
}

#[test]
fn webhooks_can_be_required() {
    let rig = rig(&format!("{OPEN}; required-hooks \"outbound\""));
    let hook = |name: &str| request(&rig).with(name, &format!("http://{}", rig.backends()[1]));
    assert_eq!(status(&rig, &request(&rig)), 400);
    assert_eq!(status(&rig, &hook("X-WsProxy-InboundHook")), 400);
    rig.open_with(&hook("X-WsProxy-OutboundHook"), |answer| answer).close();
    rig.finish();
}

#[test]
fn messages_of_clients_have_2048_bytes_unless_the_request_says_otherwise() {
    let rig = rig(OPEN);
    let payload = vec![b'x'; 2049];
    let mut session = rig.open_with(&request(&rig), |answer| answer);
    session.pass(Client, &frame(Client, TEXT, &payload[..2048]));
    // The original has no limit for what comes from upstream.
    session.pass(Upstream, &frame(Upstream, TEXT, &vec![b'y'; 100_000]));
    session.client.send(&frame(Client, TEXT, &payload));
    expect_closed(session, [1009, 1001]);
    let asked = request(&rig).with("X-WsProxy-MaxFrameSize", "3000");
    let mut session = rig.open_with(&asked, |answer| answer);
    session.pass(Client, &frame(Client, TEXT, &payload));
    session.close();
    rig.finish();
}

#[test]
fn a_compressed_message_counts_by_what_it_says() {
    // A hundred times `x`, and a hundred and one, as DEFLATE has them.
    const HUNDRED: [u8; 6] = [0xaa, 0xa8, 0xa0, 0x3d, 0, 0];
    const ONE_MORE: [u8; 6] = [0xaa, 0xa8, 0xa0, 0x03, 0, 0];
    let rig = rig(OPEN);
    let offer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    let asked = request(&rig)
        .with("Sec-WebSocket-Extensions", "permessage-deflate")
        .with("X-WsProxy-Compress", "true")
        .with("X-WsProxy-MaxFrameSize", "100");
    let mut session = rig.open_with(&asked, |answer| answer.with("Sec-WebSocket-Extensions", offer));
    assert_eq!(session.request.get("Sec-WebSocket-Extensions"), Some(offer));
    for (first, payload) in [(0xc1, &HUNDRED[..]), (0xc2, &HUNDRED), (TEXT, &[b'x'; 100])] {
        session.pass(Client, &frame(Client, first, payload));
    }
    // The upstream's are not looked into.
    session.pass(Upstream, &frame(Upstream, 0xc1, &ONE_MORE));
    session.client.send(&frame(Client, 0xc1, &ONE_MORE));
    expect_closed(session, [1009, 1001]);
    let records = rig.finish();
    let detail = records.only("close")["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("100 bytes") && detail.contains("max-inflated-size"), "{detail}");
}

#[test]
fn limits_of_the_route_are_ceilings() {
    let rig = rig_with(OPEN, "max-message-size 1000; idle-timeout-secs 5");
    let with = |name: &str, value: &str| request(&rig).with(name, value);
    assert_eq!(status(&rig, &with("X-WsProxy-MaxFrameSize", "1001")), 400);
    assert_eq!(status(&rig, &with("X-WsProxy-IdleTimeout", "5001")), 400);
    let mut session = rig.open_with(&request(&rig), |answer| answer);
    session.pass(Client, &frame(Client, TEXT, &[b'x'; 1000]));
    session.client.send(&frame(Client, TEXT, &[b'x'; 1001]));
    expect_closed(session, [1009, 1001]);
    rig.finish();
}

#[test]
fn an_idle_session_ends_after_the_time_that_the_request_says() {
    let rig = rig(OPEN);
    let asked = request(&rig).with("X-WsProxy-IdleTimeout", "300");
    let session = rig.open_with(&asked, |answer| answer);
    let stopwatch = Stopwatch::start();
    expect_closed(session, [1001, 1001]);
    let took = stopwatch.read();
    assert!((Duration::from_millis(290)..Duration::from_secs(3)).contains(&took), "{took:?}");
    rig.finish();
}

#[test]
fn text_is_held_to_utf8_where_the_request_says_so() {
    let rig = rig(OPEN);
    let broken = frame(Client, TEXT, b"\xff");
    let mut session = rig.open_with(&request(&rig), |answer| answer);
    session.pass(Client, &broken);
    session.close();
    let mut session = rig.open_with(&request(&rig).with("X-WsProxy-ValidateUtf8", "true"), |answer| answer);
    session.client.send(&broken);
    expect_closed(session, [1007, 1001]);
    rig.finish();
}

#[test]
fn compression_is_offered_where_the_request_says_so() {
    let rig = rig(OPEN);
    let offer = "permessage-deflate; client_max_window_bits";
    for (compress, offered) in [(None, false), (Some("false"), false), (Some("true"), true)] {
        let mut asked = request(&rig).with("Sec-WebSocket-Extensions", offer);
        if let Some(compress) = compress {
            asked = asked.with("X-WsProxy-Compress", compress);
        }
        let session = rig.open_with(&asked, |answer| answer);
        assert_eq!(session.request.get("Sec-WebSocket-Extensions").is_some(), offered, "{compress:?}");
        session.close();
    }
    rig.finish();
}

#[test]
fn only_websocket_is_spoken_where_there_is_no_other_upstream() {
    let rig = rig(OPEN);
    for asked in [Message::get("/"), Message::get("/").with("X-WsProxy-Upstream", "ws://127.0.0.1:1")] {
        let answer = status_from("127.0.0.1", &rig, &asked);
        assert_eq!((answer.status(), answer.get("Upgrade")), (426, Some("websocket")));
    }
    rig.finish();
}

const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

/// Seconds since 1970, and some more.
fn in_seconds(seconds: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the gateway compares with the time of day")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    now.as_secs() + seconds
}

/// The signature of a handshake for `target` with these fields, in order.
fn signature(expiry: u64, target: &str, fields: &[(&str, &str)]) -> String {
    let mut text = format!("framegate-wsproxy-v1\n{expiry}\nGET {target}\ndGhlIHNhbXBsZSBub25jZQ==\n");
    for (name, value) in fields {
        text.push_str(&format!("{name}:{value}\n"));
    }
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, KEY), text.as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("proxy/{expiry}/{hex}")
}

#[test]
fn a_signature_makes_anybody_believed() {
    let folder = Folder::new();
    let key = folder.write("proxy.key", "0123456789abcdef0123456789abcdef\n");
    let rig =
        rig(&format!("hmac-key-file \"{}\" id=\"proxy\"; upstreams \"ws://127.0.0.0/8\"", key.display()));
    let upstream = format!("ws://{}", rig.backend());
    let fields = [("x-wsproxy-maxframesize", "4096"), ("x-wsproxy-upstream", &*upstream)];
    let asked = |signature: Option<&str>, target: &str| {
        let asked = Message::upgrade(target)
            .replace("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .with("X-WsProxy-Upstream", &upstream)
            .with("X-WsProxy-MaxFrameSize", "4096");
        match signature {
            Some(signature) => asked.with("X-WsProxy-Signature", signature),
            None => asked,
        }
    };
    let good = signature(in_seconds(30), "/chat?room=1", &fields);
    rig.open_with(&asked(Some(&good), "/chat?room=1"), |answer| answer).close();
    let late = signature(in_seconds(0) - 5, "/chat?room=1", &fields);
    let far = signature(in_seconds(120), "/chat?room=1", &fields);
    let other = signature(in_seconds(30), "/chat?room=1", &fields[1..]);
    for (signature, target) in [
        (None, "/chat?room=1"),
        (Some(&*good), "/chat?room=2"),
        (Some(&*late), "/chat?room=1"),
        (Some(&*far), "/chat?room=1"),
        (Some(&*other), "/chat?room=1"),
        (Some("proxy/1/2"), "/chat?room=1"),
        (Some("nonsense"), "/chat?room=1"),
    ] {
        assert_eq!(status(&rig, &asked(signature, target)), 403, "{signature:?} {target}");
    }
    rig.backend().assert_not_dialled();
    rig.finish();
}

#[test]
fn a_lost_upstream_ends_the_session_as_elsewhere() {
    let rig = rig(OPEN);
    let session = rig.open_with(&request(&rig), |answer| answer);
    let Session { mut client, upstream, .. } = session;
    upstream.abort();
    client.expect_end(Ending::Reset);
    rig.finish();
}

/// A gateway that lets trusted peers go to this machine over TLS, with certificates of `trusted`.
#[track_caller]
fn secure_rig(trusted: &Authority) -> Rig {
    let ca_file = trusted.cert_file.display();
    rig(&format!(
        r#"trusted "127.0.0.1"; upstreams "wss://127.0.0.0/8"; hooks "http://127.0.0.0/8"; tls {{ ca-file "{ca_file}" }}"#
    ))
}

fn secure_request(rig: &Rig) -> Message {
    Message::upgrade("/chat?room=1").with("X-WsProxy-Upstream", &format!("wss://{}/", rig.backend()))
}

#[test]
fn an_upstream_over_tls_is_reached_if_its_certificate_is_good() {
    let folder = Folder::new();
    let authority = Authority::new(&folder, &["127.0.0.1"]);
    let rig = secure_rig(&authority);
    let client = rig.send(&secure_request(&rig).to_bytes());
    let upstream = rig.backend().accept().serve_secured(&authority).expect("a handshake");
    let mut session = Session::establish(client, upstream, |answer| answer);
    assert_eq!(session.request.first_line, "GET /chat?room=1 HTTP/1.1");
    assert_eq!(session.request.get("Host"), Some(&*rig.backend().to_string()));
    session.pass(Client, &frame(Client, TEXT, b"there"));
    session.pass(Upstream, &frame(Upstream, BINARY, &[7; 50_000]));
    session.close();
    rig.finish();
}

#[test]
fn an_upstream_whose_certificate_is_not_good_is_answered_502() {
    let folders = [Folder::new(), Folder::new(), Folder::new()];
    let [first, second, third] = &folders;
    let (good, other) = (Authority::new(first, &["127.0.0.1"]), Authority::new(second, &["127.0.0.1"]));
    let named = Authority::new(third, &["localhost"]);
    for (trusted, shown) in [(&good, &other), (&named, &named)] {
        let rig = secure_rig(trusted);
        let mut client = rig.send(&secure_request(&rig).to_bytes());
        let served = rig.backend().accept().serve_secured(shown);
        let asked = served.ok().and_then(|mut upstream| upstream.read_head_or_end());
        assert_eq!(asked.map(|head| head.first_line), None, "nothing is said to it");
        assert_eq!(client.read_head().status(), 502);
        let records = rig.finish();
        assert_has(records.only("refused"), &json!({"status": 502, "route": "by-header"}));
    }
}

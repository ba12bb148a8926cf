//! TLS towards clients: what goes through it is what goes through without, and who does not
//! speak it where it is spoken gets nothing.

use std::time::Duration;

use serde_json::json;
use testkit::Side::{self, Client, Upstream};
use testkit::backend::Backend;
use testkit::folder::Folder;
use testkit::frame::{BINARY, TEXT, close, frame, large};
use testkit::message::Message;
use testkit::noise::Noise;
use testkit::peer::{Ending, Peer};
use testkit::records::assert_has;
use testkit::rig::{Exchange, Rig, Session};
use testkit::tls::Authority;

const NAME: &str = "secure.example";

/// A gateway that speaks TLS, and who vouches for it.
struct Secured {
    rig: Rig,
    authority: Authority,
    _folder: Folder,
}

impl Secured {
    fn new(settings: &str) -> Self {
        let folder = Folder::new();
        let authority = Authority::new(&folder, &[NAME]);
        let text = format!(
            r#"
            listeners {{
                listener "front" {{
                    address "127.0.0.1:0"
                    protocol "https"
                    tls {{ cert-file "{}"; key-file "{}"; handshake-timeout-ms 300 }}
                }}
                listener "plain" {{ address "127.0.0.1:0" }}
            }}
            routes {{ route "all" {{ upstream "backend" }} }}
            upstreams {{ upstream "backend" {{ target "$0"; {settings} }} }}"#,
            authority.cert_file.display(),
            authority.key_file.display()
        );
        Self { rig: Rig::from_kdl([Backend::default()], &text), authority, _folder: folder }
    }

    #[track_caller]
    fn send(&self, bytes: &[u8]) -> Peer {
        let mut client = self.rig.connect().secure(&self.authority, NAME);
        client.send(bytes);
        client
    }

    #[track_caller]
    fn open(&self) -> Session {
        let client = self.send(&Message::upgrade("/chat").to_bytes());
        self.rig.answer(client, |answer| answer)
    }
}

#[test]
fn a_client_that_goes_with_its_answer_has_not_failed() {
    for aborts in [false, true] {
        let secured = Secured::new("");
        let mut client = secured.send(&Message::get("/a").to_bytes());
        let mut upstream = secured.rig.backend().accept();
        let _request = upstream.read_head();
        upstream.send(b"HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!(client.read_head().status(), 204);
        if aborts {
            client.abort();
        } else {
            drop(client);
        }
        let records = secured.rig.finish();
        assert!(records.of("refused").is_empty(), "{:?}", records.of("refused"));
    }
}

#[test]
fn a_session_over_tls_passes_what_one_without_passes() {
    let secured = Secured::new("");
    let mut session = secured.open();
    assert_eq!(session.request.get("X-Forwarded-Proto"), Some("https"));
    for side in Side::BOTH {
        session.pass(side, &frame(side, TEXT, "grüße".as_bytes()));
        session.pass(side, &frame(side, BINARY, &[0; 70_000]));
    }
    session.pass(Client, &close(Client, 4000, "done"));
    session.pass(Upstream, &close(Upstream, 4000, "done"));
    session.end();
    let records = secured.rig.finish();
    let open = records.of("open").into_iter().find(|record| record["path"] == "/chat").unwrap();
    assert_has(open, &json!({"route": "all", "tls": "TLSv1.3"}));
}

#[test]
fn bytes_behind_a_handshake_over_tls_wait_for_the_101_and_keep_their_order() {
    let secured = Secured::new("");
    let early = [frame(Client, TEXT, b"first"), frame(Client, BINARY, &[7; 40_000])].concat();
    let client = secured.send(&Message::upgrade("/chat").body(&early).to_bytes());
    let mut upstream = secured.rig.backend().accept();
    let request = upstream.read_head();
    upstream.expect_silence(Duration::from_millis(20));
    upstream.send(&Message::switching(&request).body(&frame(Upstream, TEXT, b"welcome")).to_bytes());
    let mut client = client;
    assert_eq!(client.read_head().status(), 101);
    client.expect(&frame(Upstream, TEXT, b"welcome"));
    upstream.expect(&early);
    drop((client, upstream));
    secured.rig.finish();
}

#[test]
fn large_messages_pass_unchanged_over_tls() {
    let secured = Secured::new("");
    let mut session = secured.open();
    let payload = Noise::new(3).repeated(3 * 1024 * 1024);
    // Half as much as the kernel holds between the two, so that one thread can do both.
    for side in Side::BOTH {
        session.pass(side, &large(side, &payload[..300_000]));
    }
    let message = large(Upstream, &payload);
    let mut writer = session.upstream.second_hand();
    std::thread::scope(|scope| {
        let message = &message;
        scope.spawn(move || writer.send(message));
        session.client.expect(message);
    });
    session.close();
    secured.rig.finish();
}

#[test]
fn plain_requests_over_tls_share_their_connection_and_cookies_are_secure() {
    let secured = Secured::new("sticky { cookie-name \"TARGET\" }");
    let client = secured.send(&Message::request("POST", "/").sized("hello").to_bytes());
    let mut exchange = Exchange::begin(client, secured.rig.backend().accept());
    exchange.upstream.expect(b"hello");
    let head = exchange.answer(&Message::ok("world"));
    assert_eq!(exchange.client.read_body(&head), b"world");
    assert!(head.get("Set-Cookie").is_some_and(|cookie| cookie.ends_with("; Secure")), "{head:?}");
    exchange.ask(&Message::get("/again").with("Connection", "close"));
    assert_eq!(exchange.answer(&Message::ok("")).status(), 200);
    exchange.client.expect_end(Ending::Fin);
    drop(exchange);
    let records = secured.rig.finish();
    assert!(records.of("request").iter().all(|record| record["tls"] == "TLSv1.3"), "{records:?}");
}

#[test]
fn who_speaks_no_tls_where_it_is_spoken_gets_no_http() {
    let secured = Secured::new("");
    for bytes in [Message::get("/").to_bytes(), Message::upgrade("/").to_bytes(), vec![0; 100]] {
        let mut client = secured.rig.send(&bytes);
        let (answer, _) = client.read_to_end();
        assert!(!answer.starts_with(b"HTTP"), "{}", answer.escape_ascii());
        secured.rig.backend().assert_not_dialled();
    }
    // And the other way round.
    let mut client = Peer::connect(secured.rig.listener("plain"));
    client.send(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00");
    let (answer, _) = client.read_to_end();
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400 "), "{}", answer.escape_ascii());
    drop(client);
    let metrics = secured.rig.settled();
    assert_eq!(metrics.sum("framegate_tls_handshake_failures_total", ""), 3.0);
    assert_eq!(secured.rig.finish().reasons("refused")["tls_handshake"], 3);
}

#[test]
fn a_tls_handshake_that_does_not_come_to_its_end_is_cut_off() {
    for begun in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let secured = Secured::new("");
        let mut client = secured.rig.send(begun);
        let (_, _) = client.read_to_end();
        secured.rig.backend().assert_not_dialled();
        drop(client);
        assert_eq!(secured.rig.finish().reasons("refused")["tls_handshake_timeout"], 1);
    }
}

//! Settings of TLS by the name that a client asks for, and the limits of a handshake with an upstream.

use testkit::backend::Backend;
use testkit::folder::Folder;
use testkit::message::Message;
use testkit::peer::{Ending, Peer};
use testkit::rig::Rig;
use testkit::tls::Authority;

const OPEN: &str = "open.example";
const CLOSED: &str = "closed.example";
const NAMES: [&str; 3] = [OPEN, CLOSED, "elsewhere.example"];

struct Site {
    rig: Rig,
    authority: Authority,
    text: String,
    _folder: Folder,
}

impl Site {
    /// A listener with these settings beside its certificate; `$ca` is a file with an authority.
    fn new(settings: &str) -> Self {
        let folder = Folder::new();
        let authority = Authority::new(&folder, &NAMES);
        let text = format!(
            r#"
            listeners {{
                listener "front" {{
                    address "127.0.0.1:0"
                    protocol "https"
                    tls {{ cert-file "{}"; key-file "{}"; {settings} }}
                }}
                listener "plain" {{ address "127.0.0.1:0" }}
            }}
            routes {{ route "all" {{ builtin-handler "health" }} }}"#,
            authority.cert_file.display(),
            authority.key_file.display()
        );
        let text = text.replace("$ca", &authority.cert_file.display().to_string());
        Self { rig: Rig::from_kdl([], &text), authority, text, _folder: folder }
    }

    fn connect(&self, name: &str) -> std::io::Result<Peer> {
        self.rig.connect().try_secure(&self.authority, name)
    }

    /// The status of a request for `host` on a connection for `name`.
    #[track_caller]
    fn status(&self, name: &str, host: &str) -> u16 {
        let mut client = self.connect(name).expect("a TLS handshake");
        let request = Message::get("/").replace("Host", host).with("Connection", "close");
        client.send(&request.to_bytes());
        client.read_head().status()
    }
}

#[test]
fn a_name_that_nobody_has_is_refused_until_a_reload_says_otherwise() {
    let reject =
        format!("sni \"{OPEN}\" {{ }}; sni \"{CLOSED}\" {{ min-version \"1.3\" }}; unknown-sni \"reject\"");
    let mut site = Site::new(&reject);
    assert_eq!(site.status(OPEN, OPEN), 200);
    let refused = site.connect("elsewhere.example").expect_err("a name that nobody has");
    assert!(refused.to_string().contains("UnrecognisedName"), "{refused}");
    let sample = "framegate_tls_handshake_failures_total{reason=\"unknown_name\"}";
    site.rig.await_metric(sample, 1.0);
    let text = site.text.replace("unknown-sni \"reject\"", "unknown-sni \"default\"");
    site.rig.reload(&text).expect("it is in order");
    assert_eq!(site.status("elsewhere.example", "elsewhere.example"), 200);
    let records = site.rig.stop();
    let refused = records.only("refused");
    assert_eq!(refused["reason"], "tls_handshake");
    assert!(
        refused["detail"].as_str().is_some_and(|detail| detail.contains("`elsewhere.example`")),
        "{refused}"
    );
}

#[test]
fn no_other_name_leads_around_a_certificate_that_a_host_asks_for() {
    let settings = format!("sni \"{CLOSED}\" {{ client-auth \"require\"; ca-file \"$ca\" }}");
    let mut site = Site::new(&settings);
    for host in [CLOSED, "Closed.Example:443", "closed.example."] {
        assert_eq!(site.status(OPEN, host), 421, "{host}");
    }
    assert_eq!(site.status(OPEN, OPEN), 200);
    let open = site.text.replace("client-auth \"require\"", "client-auth \"none\"");
    site.rig.reload(&open).expect("it is in order");
    assert_eq!(site.status(OPEN, CLOSED), 200);
    assert_eq!(site.status(CLOSED, CLOSED), 200);
    let records = site.rig.stop();
    let misdirected = records.of("request").iter().filter(|record| record["reason"] == "misdirected").count();
    assert_eq!(misdirected, 3);
}

/// Before a backend that takes connections and does what the test does.
fn before_tls(timeouts: &str) -> Rig {
    let text = format!(
        r#"routes {{ route "all" {{ upstream "far" }} }}
        upstreams {{
            upstream "far" {{
                target "wss://$0"
                tls {{ insecure-skip-verify true }}
                timeouts {{ {timeouts} }}
                retries 0
            }}
        }}"#
    );
    Rig::from_kdl([Backend::default()], &text)
}

#[test]
fn an_upstream_that_says_nothing_within_its_tls_handshake_is_a_504() {
    let rig = before_tls("connect \"200ms\"");
    for begun in [&b""[..], b"\x16\x03\x03\x00\x7a\x02"] {
        let mut client = rig.send(&Message::upgrade("/chat").to_bytes());
        let mut upstream = rig.backend().accept();
        upstream.send(begun);
        assert_eq!(client.read_head().status(), 504);
        let (hello, _) = upstream.read_to_end();
        assert!(hello.starts_with(b"\x16\x03"), "{}", hello.escape_ascii());
    }
    assert_eq!(rig.stop().reasons("refused")["upstream_dial_timeout"], 2);
}

#[test]
fn an_upstream_that_does_not_answer_the_handshake_behind_tls_is_a_504() {
    let folder = Folder::new();
    let authority = Authority::new(&folder, &NAMES);
    let rig = before_tls("connect \"10s\"; handshake \"200ms\"");
    for answer in [&b""[..], b"HTTP/1.1 101 Switching"] {
        let mut client = rig.send(&Message::upgrade("/chat").to_bytes());
        let mut upstream = rig.backend().accept().serve_secured(&authority).expect("a TLS handshake");
        let _request = upstream.read_head();
        upstream.send(answer);
        assert_eq!(client.read_head().status(), 504);
    }
    assert_eq!(rig.stop().reasons("refused")["upstream_handshake_timeout"], 2);
}

#[test]
fn an_upstream_that_speaks_no_tls_where_it_should_is_a_502() {
    let rig = before_tls("connect \"10s\"");
    let mut client = rig.send(&Message::upgrade("/chat").to_bytes());
    let mut upstream = rig.backend().accept();
    upstream.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.read_head().status(), 502);
    assert_eq!(rig.stop().reasons("refused")["upstream_tls"], 1);
}

#[test]
fn a_client_that_does_not_end_its_first_words_is_cut_off_where_they_decide() {
    let settings = format!("handshake-timeout-ms 200; sni \"{CLOSED}\" {{ min-version \"1.3\" }}");
    let site = Site::new(&settings);
    for begun in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let mut client = site.rig.send(begun);
        let (_, ending) = client.read_to_end();
        assert!(matches!(ending, Ending::Fin | Ending::Reset));
    }
    site.rig.await_metric("framegate_tls_handshake_failures_total{reason=\"timeout\"}", 2.0);
    assert_eq!(site.rig.stop().reasons("refused")["tls_handshake_timeout"], 2);
}

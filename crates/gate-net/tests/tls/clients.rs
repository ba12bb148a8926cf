//! Handshakes with clients.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::{Duration, SystemTime};

use gate_config::model::{Alpn, ClientAuth, ServerTls, TlsTerms, TlsVersion, UnknownSni};
use gate_net::Stream;
use gate_net::tls::server::Acceptor;
use gate_net::tls::{Negotiated, TlsError};
use rustls::{ClientConfig, ClientConnection, SupportedProtocolVersion};

use crate::peer::{self, BOTH, Client, ONLY_1_2, ONLY_1_3, Site, dial, pair, run, shake, spawn};
use crate::pki::{Authority, EXPIRED, Issued, VALID, at, text};

/// Our side, and the client's, of a handshake in which the client asks for `host`.
fn meet(tls: &ServerTls, config: ClientConfig, host: &'static str) -> (Result<Stream, TlsError>, Client) {
    let acceptor = Acceptor::new(tls).unwrap();
    run(async {
        let (plain, socket) = pair();
        let mut client = dial(config, host, socket);
        let peer = spawn(move || {
            // What went wrong is asked of our side. A client is told of it with the first
            // answer to what it sends.
            let _told_elsewhere = shake(&mut client);
            client
        });
        let accepted = acceptor.accept(plain).await;
        (accepted, peer.join().unwrap())
    })
}

fn reason(accepted: Result<Stream, TlsError>) -> &'static str {
    accepted.map_or_else(|error| error.reason(), |_| "accepted")
}

#[test]
fn the_version_is_the_highest_that_both_allow() {
    use TlsVersion::{V1_2, V1_3};
    let site = Site::new();
    let check = |ours: (TlsVersion, TlsVersion),
                 theirs: &[&'static SupportedProtocolVersion],
                 expected: Result<&str, &str>| {
        let tls = site.with(|terms| (terms.min_version, terms.max_version) = ours);
        let (accepted, _) = meet(&tls, peer::client(site.authority.roots(), theirs), "a.example");
        let version = accepted.map(|mut stream| stream.negotiated().unwrap().version);
        assert_eq!(version.map_err(|error| error.reason()), expected, "{ours:?} and {theirs:?}");
    };
    check((V1_2, V1_3), BOTH, Ok("TLSv1.3"));
    check((V1_2, V1_3), ONLY_1_2, Ok("TLSv1.2"));
    check((V1_2, V1_2), BOTH, Ok("TLSv1.2"));
    check((V1_3, V1_3), BOTH, Ok("TLSv1.3"));
    check((V1_3, V1_3), ONLY_1_2, Err("incompatible"));
    check((V1_2, V1_2), ONLY_1_3, Err("incompatible"));
}

#[test]
fn what_was_negotiated_can_be_read() {
    let site = Site::new();
    let (accepted, client) = meet(&site.tls, site.client(), "a.example");
    let negotiated = accepted.unwrap().negotiated().unwrap();
    let cipher = client.conn.negotiated_cipher_suite().unwrap().suite().as_str().unwrap();
    assert_eq!(negotiated.cipher, cipher.replace("TLS13_", "TLS_"));
    assert_eq!(negotiated.server_name.as_deref(), Some("a.example"));
    assert_eq!(negotiated.peer_certificate, None);
    assert!(!negotiated.is_resumed);
}

/// A socket that writes one byte at a time.
struct Dribble(UnixStream);

impl Read for Dribble {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Dribble {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(&bytes[..bytes.len().min(1)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_client_may_send_each_byte_by_itself() {
    let site = Site::new();
    let acceptor = Acceptor::new(&site.tls).unwrap();
    for versions in [ONLY_1_2, ONLY_1_3] {
        run(async {
            let (plain, socket) = pair();
            let mut client =
                dial(peer::client(site.authority.roots(), versions), "a.example", Dribble(socket));
            let peer = spawn(move || {
                client.write_all(&[7; 3000]).unwrap();
                let mut answer = [0; 3000];
                client.read_exact(&mut answer).unwrap();
                answer
            });
            let mut stream = acceptor.accept(plain).await.unwrap();
            let bytes = peer::read_up_to(&mut stream, 3000).await.unwrap();
            assert_eq!(bytes, [7; 3000]);
            peer::write(&mut stream, &bytes).await.unwrap();
            assert_eq!(peer.join().unwrap(), [7; 3000]);
        });
    }
}

#[test]
fn what_comes_with_the_end_of_a_handshake_is_the_first_thing_read() {
    let site = Site::new();
    let acceptor = Acceptor::new(&site.tls).unwrap();
    run(async {
        let (plain, socket) = pair();
        let mut client = dial(site.client(), "a.example", socket);
        // Written before the handshake, it goes out behind its last message in one piece.
        let early = vec![5; 40_000];
        client.conn.writer().write_all(&early).unwrap();
        let peer = spawn(move || {
            shake(&mut client).unwrap();
            client.flush().unwrap();
            client
        });
        let mut stream = acceptor.accept(plain).await.unwrap();
        let _open = peer.join().unwrap();
        assert_eq!(peer::read_up_to(&mut stream, early.len()).await.unwrap(), early);
    });
}

#[test]
fn a_client_that_does_not_speak_tls_is_told_so_in_an_alert() {
    let site = Site::new();
    let acceptor = Acceptor::new(&site.tls).unwrap();
    let check = |words: &'static [u8]| {
        run(async {
            let (plain, mut socket) = pair();
            let peer = spawn(move || {
                socket.write_all(words).unwrap();
                let mut answer = Vec::new();
                socket.read_to_end(&mut answer).unwrap();
                answer
            });
            assert_eq!(reason(acceptor.accept(plain).await), "not_tls");
            let answer = peer.join().unwrap();
            assert_eq!(answer[..3], [21, 3, 3], "an alert in clear");
            assert_eq!(answer[5], 2, "which is fatal");
        });
    };
    check(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    check(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n");
    check(&[22, 3, 1, 0xff, 0xff, 1]);
    check(&[0; 64]);
}

#[test]
fn a_client_that_leaves_within_the_handshake_is_noticed() {
    let site = Site::new();
    let acceptor = Acceptor::new(&site.tls).unwrap();
    let mut hello = Vec::new();
    let config = std::sync::Arc::new(site.client());
    ClientConnection::new(config, peer::name("a.example")).unwrap().write_tls(&mut hello).unwrap();
    for length in [0, 1, 5, 6, 100, hello.len() - 1, hello.len()] {
        run(async {
            let (plain, mut socket) = pair();
            socket.write_all(&hello[..length]).unwrap();
            socket.shutdown(Shutdown::Write).unwrap();
            assert_eq!(reason(acceptor.accept(plain).await), "closed", "after {length} bytes");
        });
    }
}

#[test]
fn only_http_1_1_is_spoken() {
    let site = Site::new();
    let check = |offered: &[&str], expected: &str| {
        let mut config = site.client();
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let (accepted, client) = meet(&site.tls, config, "a.example");
        let agreed = accepted.is_ok() && !offered.is_empty();
        assert_eq!(reason(accepted), expected, "{offered:?}");
        assert_eq!(client.conn.alpn_protocol(), agreed.then_some(&b"http/1.1"[..]));
    };
    check(&[], "accepted");
    check(&["http/1.1"], "accepted");
    check(&["h2", "http/1.1"], "accepted");
    check(&["h2"], "no_protocol");
}

#[test]
fn a_client_is_shown_the_certificate_of_the_name_it_asks_for() {
    let site = Site::new();
    let issue = |file: &str, name: &str| {
        let issued = site.authority.issue(&[name]);
        (issued.chain(), issued.identity(&site.folder, file, 10))
    };
    let (exact, exact_identity) = issue("exact", "b.example");
    let (wild, wild_identity) = issue("wild", "*.b.example");
    let tls = ServerTls {
        sni: vec![
            site.domain(&["*.b.example"], |terms| terms.identity = wild_identity),
            site.domain(&["b.example", "x.b.example"], |terms| terms.identity = exact_identity),
        ],
        ..site.tls.clone()
    };
    let check = |host: &'static str, expected: &Vec<_>| {
        // Whether the certificate is for the name is not the question here.
        let (_, client) = meet(&tls, unverified(), host);
        assert_eq!(client.conn.peer_certificates(), Some(expected.as_slice()), "{host}");
    };
    let default = site.issued.chain();
    check("a.example", &default);
    check("b.example", &exact);
    check("B.Example", &exact);
    check("x.b.example", &exact);
    check("y.b.example", &wild);
    check("z.y.b.example", &default);
    check("b.example.org", &default);
    check("127.0.0.1", &default);
}

/// A client that does not look at what it is shown.
fn unverified() -> ClientConfig {
    let mut config = peer::client(Authority::new("nobody").roots(), BOTH);
    config.dangerous().set_certificate_verifier(blind());
    config
}

fn blind() -> std::sync::Arc<dyn rustls::client::danger::ServerCertVerifier> {
    #[derive(Debug)]
    struct Blind;
    impl rustls::client::danger::ServerCertVerifier for Blind {
        fn verify_server_cert(
            &self,
            _end_entity: &rustls::pki_types::CertificateDer<'_>,
            _intermediates: &[rustls::pki_types::CertificateDer<'_>],
            _server_name: &rustls::pki_types::ServerName<'_>,
            _ocsp_response: &[u8],
            _now: rustls::pki_types::UnixTime,
        ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
            Ok(rustls::client::danger::ServerCertVerified::assertion())
        }
        fn verify_tls12_signature(
            &self,
            _message: &[u8],
            _certificate: &rustls::pki_types::CertificateDer<'_>,
            _signed: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
        }
        fn verify_tls13_signature(
            &self,
            _message: &[u8],
            _certificate: &rustls::pki_types::CertificateDer<'_>,
            _signed: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
        }
        fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
            vec![rustls::SignatureScheme::ECDSA_NISTP256_SHA256]
        }
    }
    std::sync::Arc::new(Blind)
}

#[test]
fn certificates_of_clients_are_asked_for_and_judged() {
    use ClientAuth::{None as Never, Request, Require};
    let site = Site::new();
    let clients = Authority::new("clients");
    let good = clients.issue_as(&["device 7"], 2, VALID);
    let revoked = clients.issue_as(&["device 8"], 3, VALID);
    let expired = clients.issue_as(&["device 9"], 4, EXPIRED);
    let stranger = Authority::new("strangers").issue(&["device 7"]);
    let ca_file = site.folder.write("clients.pem", &clients.pem());
    let crl_file = site.folder.write("clients.crl", &clients.revoke(&[3], 2100));
    let tls = |client_auth| {
        site.with(|terms| {
            terms.client_auth = client_auth;
            terms.ca_file = Some(at(20, ca_file.clone()));
            terms.crl_files = vec![at(30, crl_file.clone())];
        })
    };
    let check = |client_auth, shown: Option<&Issued>, expected: Result<Option<&str>, &str>| {
        let config = match shown {
            None => site.client(),
            Some(issued) => peer::client_with(site.authority.roots(), issued),
        };
        let (accepted, _) = meet(&tls(client_auth), config, "a.example");
        let subject = accepted.map(|mut stream| stream.negotiated().unwrap().peer_certificate);
        let subject = subject.map(|shown| shown.map(|shown| shown.subject));
        let found = subject.as_ref().map(Option::as_deref).map_err(TlsError::reason);
        assert_eq!(found, expected, "{client_auth:?}");
    };
    check(Never, Some(&good), Ok(None));
    check(Request, None, Ok(None));
    check(Request, Some(&good), Ok(Some("CN=device 7")));
    check(Request, Some(&stranger), Err("certificate_untrusted"));
    check(Require, None, Err("no_certificate"));
    check(Require, Some(&good), Ok(Some("CN=device 7")));
    check(Require, Some(&revoked), Err("certificate_revoked"));
    check(Require, Some(&expired), Err("certificate_expired"));
    check(Require, Some(&stranger), Err("certificate_untrusted"));
}

#[test]
fn a_revocation_list_that_is_out_of_date_is_believed_by_nobody() {
    let site = Site::new();
    let clients = Authority::new("clients");
    let tls = site.with(|terms| {
        terms.client_auth = ClientAuth::Require;
        terms.ca_file = Some(at(20, site.folder.write("clients.pem", &clients.pem())));
        terms.crl_files = vec![at(30, site.folder.write("clients.crl", &clients.revoke(&[], 2001)))];
    });
    let config = peer::client_with(site.authority.roots(), &clients.issue(&["device 7"]));
    let (accepted, _) = meet(&tls, config, "a.example");
    assert_eq!(reason(accepted), "certificate_revoked");
}

#[test]
fn a_client_that_is_refused_is_told_why() {
    let site = Site::new();
    let clients = Authority::new("clients");
    let tls = site.with(|terms| {
        terms.client_auth = ClientAuth::Require;
        terms.ca_file = Some(at(20, site.folder.write("clients.pem", &clients.pem())));
    });
    let (accepted, mut client) = meet(&tls, site.client(), "a.example");
    assert_eq!(reason(accepted), "no_certificate");
    // In TLS 1.3 a client is done before it is judged.
    let error = client.read(&mut [0]).unwrap_err();
    assert!(error.to_string().contains("CertificateRequired"), "{error}");
}

#[test]
fn keys_are_logged_for_those_who_debug_and_for_nobody_else() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    let path = site.folder.path("keys.log");
    let tls = ServerTls { key_log: Some(at(40, path.clone())), ..site.tls.clone() };
    for versions in [ONLY_1_3, ONLY_1_2] {
        let config = peer::client(site.authority.roots(), versions);
        let (accepted, _) = meet(&tls, config, "a.example");
        assert_eq!(reason(accepted), "accepted");
    }
    let log = text(&path);
    let labels: Vec<_> = log.lines().map(|line| line.split(' ').next().unwrap()).collect();
    for label in ["CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0", "CLIENT_RANDOM"] {
        assert_eq!(labels.iter().filter(|found| **found == label).count(), 1, "{label} in {log}");
    }
    let last: Vec<_> = log.lines().last().unwrap().split(' ').collect();
    assert_eq!(last.iter().map(|part| part.len()).collect::<Vec<_>>(), ["CLIENT_RANDOM".len(), 64, 96]);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_acceptor_can_be_asked_about_its_certificates_at_any_time() {
    let site = Site::new();
    let acceptor = Acceptor::new(&site.tls).unwrap();
    let year = Duration::from_secs(366 * 24 * 60 * 60);
    let check = |years: u32, expected: &[&str]| {
        let warnings = acceptor.warnings(SystemTime::UNIX_EPOCH + year * years);
        let found: Vec<_> = warnings.iter().map(|warning| warning.message.as_str()).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.ends_with(expected), "{found}");
        }
    };
    check(40, &[]);
    check(1, &["is not valid before 2000-01-01T00:00:00Z"]);
    check(140, &["expired at 2100-01-01T00:00:00Z"]);
}

/// What becomes of a client at a listener with domains: it asks for `host`, speaks `versions`, and
/// may have a certificate to show.
struct Caller<'a> {
    host: &'static str,
    versions: &'a [&'static SupportedProtocolVersion],
    shown: Option<&'a Issued>,
}

#[test]
fn each_name_has_its_own_terms() {
    let site = Site::new();
    let clients = Authority::new("clients");
    let device = clients.issue(&["device 7"]);
    let ca_file = at(20, site.folder.write("clients.pem", &clients.pem()));
    let strict = |terms: &mut TlsTerms| {
        terms.client_auth = ClientAuth::Require;
        terms.ca_file = Some(ca_file.clone());
        terms.min_version = TlsVersion::V1_3;
    };
    let old = |terms: &mut TlsTerms| terms.max_version = TlsVersion::V1_2;
    let tls = ServerTls {
        sni: vec![site.domain(&["strict.example"], strict), site.domain(&["*.old.example"], old)],
        ..site.tls.clone()
    };
    let check = |tls: &ServerTls, caller: Caller<'_>, expected: Result<&str, &str>| {
        let mut config = unverified();
        if let Some(issued) = caller.shown {
            config = peer::client_with(site.authority.roots(), issued);
            config.dangerous().set_certificate_verifier(blind());
        } else if caller.versions != BOTH {
            config = peer::client(site.authority.roots(), caller.versions);
            config.dangerous().set_certificate_verifier(blind());
        }
        let (accepted, _) = meet(tls, config, caller.host);
        let negotiated = accepted.map(|mut stream| stream.negotiated().unwrap());
        if let Ok(negotiated) = &negotiated {
            let asked = (!caller.host.starts_with(char::is_numeric)).then_some(caller.host);
            assert_eq!(negotiated.server_name.as_deref(), asked);
        }
        let version = negotiated.as_ref().map(|negotiated| negotiated.version);
        assert_eq!(version.map_err(TlsError::reason), expected, "{}", caller.host);
    };
    let caller = |host, versions, shown| Caller { host, versions, shown };
    let shown = Some(&device);
    check(&tls, caller("strict.example", BOTH, shown), Ok("TLSv1.3"));
    check(&tls, caller("strict.example", BOTH, None), Err("no_certificate"));
    check(&tls, caller("strict.example", ONLY_1_2, None), Err("incompatible"));
    check(&tls, caller("a.old.example", BOTH, None), Ok("TLSv1.2"));
    check(&tls, caller("a.old.example", ONLY_1_3, None), Err("incompatible"));
    // Nobody looks at what is shown where nothing is asked for.
    check(&tls, caller("a.old.example", BOTH, shown), Ok("TLSv1.2"));
    for host in ["a.example", "elsewhere.example", "127.0.0.1"] {
        check(&tls, caller(host, BOTH, None), Ok("TLSv1.3"));
        check(&tls, caller(host, ONLY_1_2, None), Ok("TLSv1.2"));
    }
    let rejecting = ServerTls { unknown_sni: UnknownSni::Reject, ..tls };
    check(&rejecting, caller("strict.example", BOTH, shown), Ok("TLSv1.3"));
    check(&rejecting, caller("127.0.0.1", ONLY_1_2, None), Ok("TLSv1.2"));
    for host in ["a.example", "elsewhere.example", "b.a.old.example"] {
        check(&rejecting, caller(host, BOTH, None), Err("unknown_name"));
    }
}

#[test]
fn a_client_that_asks_for_a_name_that_nobody_has_is_told_so() {
    let site = Site::new();
    let sni = vec![site.domain(&["a.example"], |_| {})];
    let tls = ServerTls { sni, unknown_sni: UnknownSni::Reject, ..site.tls.clone() };
    for versions in [ONLY_1_2, ONLY_1_3] {
        let acceptor = Acceptor::new(&tls).unwrap();
        let error = run(async {
            let (plain, socket) = pair();
            let mut client = dial(peer::client(site.authority.roots(), versions), "b.example", socket);
            let peer = spawn(move || shake(&mut client).unwrap_err());
            let accepted = acceptor.accept(plain).await;
            assert_eq!(
                accepted.unwrap_err().to_string(),
                "the client asked for `b.example`, which no `sni` names"
            );
            peer.join().unwrap()
        });
        assert!(error.to_string().contains("UnrecognisedName"), "{error}");
    }
}

#[test]
fn the_first_words_may_come_byte_by_byte_where_they_decide() {
    let site = Site::new();
    let sni = vec![site.domain(&["a.example"], |terms| terms.min_version = TlsVersion::V1_3)];
    let acceptor = Acceptor::new(&ServerTls { sni, ..site.tls.clone() }).unwrap();
    run(async {
        let (plain, socket) = pair();
        let mut client = dial(site.client(), "a.example", Dribble(socket));
        let peer = spawn(move || {
            client.write_all(b"first").unwrap();
            let mut answer = [0; 6];
            client.read_exact(&mut answer).unwrap();
            answer
        });
        let mut stream = acceptor.accept(plain).await.unwrap();
        assert_eq!(peer::read_up_to(&mut stream, 5).await.unwrap(), b"first");
        peer::write(&mut stream, b"answer").await.unwrap();
        assert_eq!(&peer.join().unwrap(), b"answer");
    });
}

#[test]
fn what_are_no_first_words_of_tls_is_refused_where_they_decide() {
    let site = Site::new();
    let sni = vec![site.domain(&["a.example"], |terms| terms.min_version = TlsVersion::V1_3)];
    let acceptor = Acceptor::new(&ServerTls { sni, ..site.tls }).unwrap();
    // Records of handshake messages whose ends never come.
    let endless = [&[22, 3, 1, 64, 0][..], &[1, 255, 255, 255], &[0; 16 * 1024 - 4]].concat().repeat(9);
    let cases: [(&[u8], &str); 4] = [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "not_tls"),
        (b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", "not_tls"),
        (b"\x16\x03", "closed"),
        (&endless, "not_tls"),
    ];
    for (bytes, expected) in cases {
        run(async {
            let (plain, mut socket) = pair();
            let bytes = bytes.to_vec();
            let peer = spawn(move || {
                // It may be refused before all of it is read.
                let _refused = socket.write_all(&bytes);
                let _closed = socket.shutdown(Shutdown::Write);
                socket
            });
            let accepted = acceptor.accept(plain).await;
            assert_eq!(reason(accepted), expected);
            drop(peer.join().unwrap());
        });
    }
}

#[test]
fn a_request_for_a_host_that_asks_more_of_clients_is_misdirected() {
    let site = Site::new();
    let clients = Authority::new("clients");
    let ca_file = at(20, site.folder.write("clients.pem", &clients.pem()));
    let asking = |auth| {
        let ca_file = ca_file.clone();
        move |terms: &mut TlsTerms| (terms.client_auth, terms.ca_file) = (auth, Some(ca_file))
    };
    let tls = ServerTls {
        sni: vec![
            site.domain(&["closed.example", "*.closed.example"], asking(ClientAuth::Require)),
            site.domain(&["asked.example"], asking(ClientAuth::Request)),
            site.domain(&["late.example"], |terms| terms.min_version = TlsVersion::V1_3),
            site.domain(&["open.example"], |_| {}),
        ],
        ..site.tls.clone()
    };
    let acceptor = Acceptor::new(&tls).unwrap();
    let negotiated = |name: &str, version| Negotiated {
        version,
        cipher: "",
        server_name: (!name.is_empty()).then(|| name.into()),
        is_resumed: false,
        peer_certificate: None,
    };
    for (asked, version, host, expected) in [
        ("closed.example", "TLSv1.3", "closed.example", false),
        ("a.closed.example", "TLSv1.3", "closed.example", false),
        ("closed.example", "TLSv1.3", "open.example", false),
        ("closed.example", "TLSv1.3", "asked.example", true),
        ("asked.example", "TLSv1.3", "closed.example", true),
        ("open.example", "TLSv1.3", "closed.example", true),
        ("open.example", "TLSv1.3", "Closed.Example.", true),
        ("open.example", "TLSv1.3", "b.closed.example", true),
        ("", "TLSv1.3", "closed.example", true),
        ("", "TLSv1.3", "elsewhere.example", false),
        ("open.example", "TLSv1.3", "late.example", false),
        ("open.example", "TLSv1.2", "late.example", true),
        ("late.example", "TLSv1.3", "open.example", false),
    ] {
        let found = acceptor.is_misdirected(&negotiated(asked, version), host);
        assert_eq!(found, expected, "{host} over a connection for {asked} by {version}");
    }
    let plain = Acceptor::new(&site.tls).unwrap();
    assert!(!plain.is_misdirected(&negotiated("a.example", "TLSv1.2"), "closed.example"));
}

#[test]
fn a_client_that_means_something_else_than_http_agrees_on_nothing() {
    let site = Site::new();
    let tls = ServerTls { alpn: Alpn::None, ..site.tls.clone() };
    let mut config = site.client();
    config.alpn_protocols = vec![b"sip/2".to_vec()];
    let (accepted, client) = meet(&tls, config, "a.example");
    assert_eq!(reason(accepted), "accepted");
    assert_eq!(client.conn.alpn_protocol(), None);
}

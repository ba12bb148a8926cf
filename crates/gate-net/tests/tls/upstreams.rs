//! Handshakes with upstreams.

use std::io::Read;
use std::sync::Arc;

use gate_config::model::{Alpn, ClientTls, Objection, TlsVersion};
use gate_net::Stream;
use gate_net::tls::TlsError;
use gate_net::tls::client::Connector;
use gate_net::tls::server::Acceptor;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::peer::{self, Site, pair, run, spawn};
use crate::pki::{ADDRESS, Authority, EXPIRED, Folder, Issued, at};

/// What a server saw of a client: the name it asked for, and its certificate.
type Seen = (Option<String>, bool);

fn meet(tls: &ClientTls, server: ServerConfig, host: &str) -> (Result<Stream, TlsError>, Seen) {
    let connector = Connector::new(tls).unwrap();
    run(async {
        let (plain, socket) = pair();
        let peer = spawn(move || {
            let connection = ServerConnection::new(Arc::new(server)).unwrap();
            let mut server = StreamOwned::new(connection, socket);
            // The client leaves at once, or does not come that far.
            let _end = server.read(&mut [0]);
            (server.conn.server_name().map(str::to_owned), server.conn.peer_certificates().is_some())
        });
        let connected = connector.connect(plain, host).await;
        // The peer waits for the end.
        let connected = connected.map(|mut stream| (stream.negotiated(), stream));
        let result = connected.map(|(negotiated, stream)| {
            assert!(negotiated.is_some());
            stream
        });
        match result {
            Ok(stream) => {
                let seen = end(stream, peer).await;
                (seen.0, seen.1)
            }
            Err(error) => (Err(error), peer.join().unwrap()),
        }
    })
}

async fn end(mut stream: Stream, peer: std::thread::JoinHandle<Seen>) -> (Result<Stream, TlsError>, Seen) {
    // A peer that misses a certificate may have left before.
    let _end = peer::finish(&mut stream).await;
    (Ok(stream), peer.join().unwrap())
}

fn trusting(folder: &Folder, authority: &Authority) -> ClientTls {
    ClientTls { ca_file: Some(at(0, folder.write("ca.pem", &authority.pem()))), ..ClientTls::default() }
}

fn reason(connected: &Result<Stream, TlsError>) -> &'static str {
    connected.as_ref().map_or_else(|error| error.reason(), |_| "connected")
}

#[test]
fn an_upstream_is_verified_unless_that_is_switched_off() {
    let folder = Folder::new();
    let authority = Authority::new("authority");
    let stranger = Authority::new("stranger");
    let check = |issued: &Issued, host: &str, expected: &str| {
        let tls = trusting(&folder, &authority);
        let (connected, _) = meet(&tls, peer::server(issued, None), host);
        assert_eq!(reason(&connected), expected, "{host}");
        let (connected, _) = meet(&ClientTls { verify: false, ..tls }, peer::server(issued, None), host);
        assert_eq!(reason(&connected), "connected", "{host} unverified");
    };
    let good = authority.issue(&["a.example", "*.b.example", "127.0.0.1", "::1"]);
    check(&good, "a.example", "connected");
    check(&good, "A.example", "connected");
    check(&good, "x.b.example", "connected");
    check(&good, "127.0.0.1", "connected");
    check(&good, "::1", "connected");
    check(&good, "c.example", "certificate_bad");
    check(&good, "127.0.0.2", "certificate_bad");
    check(&authority.issue_as(&["a.example"], 9, EXPIRED), "a.example", "certificate_expired");
    check(&stranger.issue(&["a.example"]), "a.example", "certificate_untrusted");
}

#[test]
fn the_certificate_that_is_refused_is_told_and_no_other() {
    let folder = Folder::new();
    let authority = Authority::new("authority");
    let stranger = Authority::new("stranger");
    let tls = trusting(&folder, &authority);
    let refused = |issued: &Issued, host: &str| {
        let (connected, _) = meet(&tls, peer::server(issued, None), host);
        connected.err().map(|error| error.refused().map(|certificate| certificate.issuer.clone()))
    };
    assert_eq!(refused(&stranger.issue(&["a.example"]), "a.example"), Some(Some("CN=stranger".to_owned())));
    let good = authority.issue(&["a.example"]);
    assert_eq!(refused(&good, "b.example"), Some(Some("CN=authority".to_owned())));
    assert_eq!(refused(&good, "a.example"), None);
}

#[test]
fn without_a_ca_file_the_system_is_believed_and_not_just_anybody() {
    let stranger = Authority::new("stranger");
    let (connected, _) =
        meet(&ClientTls::default(), peer::server(&stranger.issue(&["a.example"]), None), "a.example");
    assert_eq!(reason(&connected), "certificate_untrusted");
}

#[test]
fn the_name_asked_for_is_the_host_or_what_is_configured_and_never_an_address() {
    let folder = Folder::new();
    let authority = Authority::new("authority");
    let issued = authority.issue(&["a.example", &ADDRESS.to_string()]);
    let check = |sni: Option<&str>, host: &str, expected: Option<&str>| {
        let tls = ClientTls { sni: sni.map(str::to_owned), ..trusting(&folder, &authority) };
        let (connected, (asked, _)) = meet(&tls, peer::server(&issued, None), host);
        assert_eq!(reason(&connected), "connected");
        assert_eq!(asked.as_deref(), expected, "{sni:?} {host}");
        let told = Connector::new(&tls).unwrap().server_name(host);
        assert_eq!(told.as_deref(), expected, "{sni:?} {host}, as it is told");
    };
    check(None, "a.example", Some("a.example"));
    check(None, "127.0.0.1", None);
    check(Some("a.example"), "127.0.0.1", Some("a.example"));
    check(Some("a.example"), "elsewhere.example", Some("a.example"));
    check(Some("127.0.0.1"), "a.example", None);
}

#[test]
fn an_upstream_that_wants_a_certificate_is_shown_ours() {
    let folder = Folder::new();
    let authority = Authority::new("authority");
    let server = || peer::server(&authority.issue(&["a.example"]), Some(authority.roots()));
    let ours = authority.issue(&["gateway"]).identity(&folder, "ours", 5);
    let tls = ClientTls { identity: Some(ours), ..trusting(&folder, &authority) };
    let (connected, (_, is_shown)) = meet(&tls, server(), "a.example");
    assert_eq!(reason(&connected), "connected");
    assert!(is_shown);
    // Whoever has none learns of it with the first read, which is behind the handshake.
    let (_, (_, is_shown)) = meet(&trusting(&folder, &authority), server(), "a.example");
    assert!(!is_shown);
}

#[test]
fn a_host_that_no_certificate_can_be_for_is_not_asked() {
    let connector = Connector::new(&ClientTls::default()).unwrap();
    for host in ["", "a b", "[::1]", "a.example:443"] {
        run(async {
            let (plain, mut socket) = pair();
            let error = connector.connect(plain, host).await.unwrap_err();
            assert_eq!(error.reason(), "bad_name", "{host}");
            assert_eq!(socket.read(&mut [0]).unwrap(), 0, "nothing was sent");
        });
    }
}

#[test]
fn the_files_of_a_connector_are_all_objected_to() {
    let folder = Folder::new();
    let authority = Authority::new("authority");
    let mut identity = authority.issue(&["gateway"]).identity(&folder, "ours", 10);
    identity.key_file.value = folder.path("missing.key");
    let tls = ClientTls {
        sni: Some("a b".into()),
        ca_file: Some(at(0, folder.write("empty.pem", ""))),
        identity: Some(identity),
        ..ClientTls::default()
    };
    let objections: Vec<Objection> = Connector::new(&tls).unwrap_err();
    let found: Vec<_> = objections.iter().map(|found| (found.place.file, found.place.span.0)).collect();
    assert_eq!(found, [(None, 0), (Some(0), 0), (Some(0), 11)], "{objections:#?}");
}

#[test]
fn our_two_ends_understand_each_other() {
    let site = Site::new();
    let acceptor = Acceptor::new(&site.tls).unwrap();
    let connector = Connector::new(&trusting(&site.folder, &site.authority)).unwrap();
    run(async {
        let (server, socket) = pair();
        socket.set_nonblocking(true).unwrap();
        let client =
            gate_net::Plain::new(gate_net::Socket::Unix(tokio::net::UnixStream::from_std(socket).unwrap()));
        let (server, client) = tokio::join!(acceptor.accept(server), connector.connect(client, "a.example"));
        let (mut server, mut client) = (server.unwrap(), client.unwrap());
        assert_eq!(server.negotiated().unwrap().cipher, client.negotiated().unwrap().cipher);
        let bytes = vec![3; 200_000];
        let (written, read) =
            tokio::join!(peer::write(&mut client, &bytes), peer::read_up_to(&mut server, bytes.len()));
        written.unwrap();
        assert!(read.unwrap() == bytes);
    });
}

#[test]
fn an_upstream_is_spoken_to_in_the_versions_that_are_configured() {
    use TlsVersion::{V1_2, V1_3};
    let folder = Folder::new();
    let authority = Authority::new("authority");
    let issued = authority.issue(&["a.example"]);
    let check = |min_version, max_version, expected: &str| {
        let tls = ClientTls { min_version, max_version, ..trusting(&folder, &authority) };
        let (connected, _) = meet(&tls, peer::server(&issued, None), "a.example");
        assert_eq!(connected.unwrap().negotiated().unwrap().version, expected);
    };
    check(V1_2, V1_3, "TLSv1.3");
    check(V1_2, V1_2, "TLSv1.2");
    check(V1_3, V1_3, "TLSv1.3");
    let tls = ClientTls { min_version: V1_3, max_version: V1_2, ..trusting(&folder, &authority) };
    let objections = Connector::new(&tls).unwrap_err();
    assert_eq!(objections[0].message, "min-version is above max-version");
}

#[test]
fn keys_of_an_upstream_are_logged_where_that_is_configured() {
    let folder = Folder::new();
    let authority = Authority::new("authority");
    let path = folder.path("keys.log");
    let tls = ClientTls { key_log: Some(at(7, path.clone())), ..trusting(&folder, &authority) };
    let (connected, _) = meet(&tls, peer::server(&authority.issue(&["a.example"]), None), "a.example");
    assert_eq!(reason(&connected), "connected");
    let log = std::fs::read_to_string(&path).unwrap();
    assert_eq!(log.matches("CLIENT_TRAFFIC_SECRET_0 ").count(), 1, "{log}");
    let tls = ClientTls { key_log: Some(at(7, folder.path("missing/keys.log"))), ..tls };
    let objections = Connector::new(&tls).unwrap_err();
    assert_eq!((objections.len(), objections[0].place.span.0), (1, 7), "{objections:#?}");
}

#[test]
fn an_upstream_without_http_is_offered_no_protocol() {
    let folder = Folder::new();
    let authority = Authority::new("authority");
    for (alpn, expected) in [(Alpn::None, "connected"), (Alpn::Http, "alert")] {
        let mut server = peer::server(&authority.issue(&["a.example"]), None);
        server.alpn_protocols = vec![b"sip/2".to_vec()];
        let (connected, _) = meet(&ClientTls { alpn, ..trusting(&folder, &authority) }, server, "a.example");
        assert_eq!(reason(&connected), expected);
    }
}

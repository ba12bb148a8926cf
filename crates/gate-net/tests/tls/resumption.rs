//! Sessions that go on in later connections, and those that must not.

use std::io::{Read, Write};
use std::sync::Arc;

use gate_config::model::{ClientAuth, ClientTls, ServerTls};
use gate_net::Stream;
use gate_net::tls::TlsError;
use gate_net::tls::client::Connector;
use gate_net::tls::server::Acceptor;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::peer::{self, ONLY_1_2, ONLY_1_3, Site, pair, run, shake, spawn};
use crate::pki::{Authority, VALID, at};

/// Connects to `acceptor` and stays until a message has gone each way, behind which tickets
/// have arrived.
fn visit(acceptor: &Acceptor, config: &Arc<ClientConfig>) -> Result<Stream, TlsError> {
    run(async {
        let (plain, socket) = pair();
        let config = Arc::clone(config);
        let peer = spawn(move || {
            let connection = ClientConnection::new(config, peer::name("a.example")).unwrap();
            let mut client = StreamOwned::new(connection, socket);
            shake(&mut client).and_then(|()| client.read_exact(&mut [0])).is_ok()
        });
        let accepted = match acceptor.accept(plain).await {
            Ok(mut stream) => peer::write(&mut stream, b"!").await.map(|()| stream).map_err(TlsError::Io),
            Err(error) => Err(error),
        };
        assert_eq!(peer.join().unwrap(), accepted.is_ok());
        accepted
    })
}

fn is_resumed(visited: Result<Stream, TlsError>) -> bool {
    visited.unwrap().negotiated().unwrap().is_resumed
}

#[test]
fn a_session_goes_on_after_a_reload_unless_tickets_are_off() {
    let site = Site::new();
    for versions in [ONLY_1_2, ONLY_1_3] {
        let check = |session_tickets, expected| {
            let tls = ServerTls { session_tickets, ..site.tls.clone() };
            let config = Arc::new(peer::client(site.authority.roots(), versions));
            assert!(!is_resumed(visit(&Acceptor::new(&tls).unwrap(), &config)));
            let reloaded = Acceptor::new(&tls).unwrap();
            assert_eq!(is_resumed(visit(&reloaded, &config)), expected, "{versions:?}");
        };
        check(true, true);
        check(false, false);
    }
}

#[test]
fn a_session_without_a_certificate_does_not_go_on_where_one_is_required() {
    let site = Site::new();
    let clients = Authority::new("clients");
    let open = Acceptor::new(&site.tls).unwrap();
    let tls = site.with(|terms| {
        terms.client_auth = ClientAuth::Require;
        terms.ca_file = Some(at(20, site.folder.write("clients.pem", &clients.pem())));
    });
    let closed = Acceptor::new(&tls).unwrap();
    for versions in [ONLY_1_2, ONLY_1_3] {
        let config = Arc::new(peer::client(site.authority.roots(), versions));
        visit(&open, &config).unwrap();
        // The client would go on with its session there, as the host is the same.
        assert_eq!(visit(&closed, &config).unwrap_err().reason(), "no_certificate", "{versions:?}");
    }
}

#[test]
fn a_session_with_a_certificate_goes_on_at_its_acceptor_only() {
    let site = Site::new();
    let clients = Authority::new("clients");
    let ca_file = at(20, site.folder.write("clients.pem", &clients.pem()));
    let mut tls = site.with(|terms| {
        (terms.client_auth, terms.ca_file) = (ClientAuth::Require, Some(ca_file));
    });
    let config = Arc::new(peer::client_with(site.authority.roots(), &clients.issue_as(&["x"], 5, VALID)));
    let acceptor = Acceptor::new(&tls).unwrap();
    assert!(!is_resumed(visit(&acceptor, &config)));
    let negotiated = visit(&acceptor, &config).unwrap().negotiated().unwrap();
    assert!(negotiated.is_resumed);
    assert_eq!(negotiated.peer_certificate.unwrap().subject, "CN=x", "it is not shown again, but known");

    // It does so after a reload that asks for the same certificates, and where nobody knows of
    // the acceptor before it does not.
    let reloaded = Acceptor::after(Some(&acceptor), &tls).unwrap();
    assert!(is_resumed(visit(&reloaded, &config)));
    assert!(!is_resumed(visit(&Acceptor::new(&tls).unwrap(), &config)));
    assert!(!is_resumed(visit(&reloaded, &config)), "its ticket is of another");
    assert!(is_resumed(visit(&reloaded, &config)));

    // With the next reload the certificate has been revoked.
    let crl_file = at(30, site.folder.write("clients.crl", &clients.revoke(&[5], 2100)));
    tls.terms.crl_files = vec![crl_file];
    let reloaded = Acceptor::after(Some(&reloaded), &tls).unwrap();
    assert_eq!(visit(&reloaded, &config).unwrap_err().reason(), "certificate_revoked");
}

#[test]
fn a_connector_goes_on_with_its_sessions() {
    let site = Site::new();
    let ca_file = site.folder.write("ca.pem", &site.authority.pem());
    let tls = ClientTls { ca_file: Some(at(0, ca_file)), ..ClientTls::default() };
    let connector = Connector::new(&tls).unwrap();
    let mut server = peer::server(&site.issued, None);
    // More than a peer in its right mind sends, and more than are read in one poll.
    server.send_tls13_tickets = 500;
    let server = Arc::new(server);
    for expected in [false, true] {
        run(async {
            let (plain, socket) = pair();
            let server = Arc::clone(&server);
            let peer = spawn(move || {
                let connection = rustls::ServerConnection::new(server).unwrap();
                let mut peer = StreamOwned::new(connection, socket);
                peer.read_exact(&mut [0]).unwrap();
                peer.write_all(b"answer").unwrap();
            });
            let mut stream = connector.connect(plain, "a.example").await.unwrap();
            assert_eq!(stream.negotiated().unwrap().is_resumed, expected);
            peer::write(&mut stream, b"?").await.unwrap();
            assert_eq!(peer::read_up_to(&mut stream, 6).await.unwrap(), b"answer");
            peer.join().unwrap();
        });
    }
}

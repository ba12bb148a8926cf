//! How connections end.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;

use gate_config::model::ClientTls;
use gate_net::tls::client::Connector;
use gate_net::{Plain, Socket, Stream, Transport};
use rustls::{ServerConnection, StreamOwned};
use tokio::io::AsyncReadExt;

use crate::peer::{self, ONLY_1_2, ONLY_1_3, Server, Site, established, pair, run, spawn};
use crate::pki::at;

/// A pair of which both sides have done their handshake: we are the client.
async fn established_upstream() -> (Stream, Server) {
    let site = Site::new();
    let ca_file = site.folder.write("ca.pem", &site.authority.pem());
    let connector =
        Connector::new(&ClientTls { ca_file: Some(at(0, ca_file)), ..ClientTls::default() }).unwrap();
    let (plain, socket) = pair();
    let config = peer::server(&site.issued, None);
    let peer = spawn(move || {
        let connection = ServerConnection::new(config.into()).unwrap();
        let mut server = StreamOwned::new(connection, socket);
        while server.conn.is_handshaking() {
            server.conn.complete_io(&mut server.sock).unwrap();
        }
        server
    });
    let stream = connector.connect(plain, "a.example").await.unwrap();
    (stream, peer.join().unwrap())
}

#[test]
fn a_close_notify_is_the_end_and_leaves_the_other_direction_open() {
    for versions in [ONLY_1_2, ONLY_1_3] {
        run(async {
            let (mut stream, mut client) = established(versions).await;
            client.write_all(b"last words").unwrap();
            client.conn.send_close_notify();
            client.flush().unwrap();
            assert_eq!(peer::read_up_to(&mut stream, 100).await.unwrap(), b"last words");
            assert_eq!(peer::read(&mut stream, &mut [0]).await.unwrap(), 0, "and stays so");

            peer::write(&mut stream, b"answer").await.unwrap();
            peer::finish(&mut stream).await.unwrap();
            let mut answer = Vec::new();
            // Without our close_notify this would be an error.
            client.read_to_end(&mut answer).unwrap();
            assert_eq!(answer, b"answer");
        });
    }
}

#[test]
fn what_comes_behind_a_close_notify_is_ignored() {
    run(async {
        let (mut stream, mut client) = established(ONLY_1_3).await;
        client.conn.send_close_notify();
        client.flush().unwrap();
        client.sock.write_all(&[0xff; 100]).unwrap();
        assert_eq!(peer::read(&mut stream, &mut [0; 10]).await.unwrap(), 0);
        peer::write(&mut stream, b"x").await.unwrap();
        client.read_exact(&mut [0]).unwrap();
    });
}

#[test]
fn a_fin_alone_is_the_end_of_a_client() {
    run(async {
        let (mut stream, mut client) = established(ONLY_1_3).await;
        client.write_all(b"last words").unwrap();
        // The begin of another record.
        client.sock.write_all(&[23, 3, 3, 1]).unwrap();
        client.sock.shutdown(Shutdown::Write).unwrap();
        assert_eq!(peer::read_up_to(&mut stream, 100).await.unwrap(), b"last words");
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "to HTTP as well");
        // It may still be listening.
        peer::write(&mut stream, b"answer").await.unwrap();
        client.read_exact(&mut [0; 6]).unwrap();
    });
}

#[test]
fn a_fin_alone_may_have_cut_the_answer_of_an_upstream() {
    run(async {
        let (mut stream, mut server) = established_upstream().await;
        server.write_all(b"half an ans").unwrap();
        server.sock.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let error = stream.read_to_end(&mut answer).await.unwrap_err();
        assert_eq!((error.kind(), answer.as_slice()), (ErrorKind::UnexpectedEof, &b"half an ans"[..]));
        assert_eq!(peer::read(&mut stream, &mut [0]).await.unwrap(), 0, "for a session it is an end");
    });
    run(async {
        let (mut stream, mut server) = established_upstream().await;
        server.write_all(b"whole").unwrap();
        server.conn.send_close_notify();
        server.flush().unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"whole");
    });
}

#[test]
fn nothing_is_written_behind_our_own_end() {
    run(async {
        let (mut stream, mut client) = established(ONLY_1_3).await;
        peer::finish(&mut stream).await.unwrap();
        let error = peer::write(&mut stream, b"x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        // What the peer still has to say is read.
        client.write_all(b"more").unwrap();
        assert_eq!(peer::read_up_to(&mut stream, 4).await.unwrap(), b"more");
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
    });
}

#[test]
fn an_end_waits_behind_what_the_socket_refuses() {
    run(async {
        let (mut stream, mut client) = established(ONLY_1_3).await;
        socket2::SockRef::from(stream.socket()).set_send_buffer_size(4096).unwrap();
        let bytes = vec![9; 60_000];
        let polled =
            std::future::poll_fn(|cx| std::task::Poll::Ready(Transport::poll_write(&mut stream, cx, &bytes)));
        assert!(polled.await.is_pending());
        let peer = spawn(move || {
            let mut read = Vec::new();
            client.read_to_end(&mut read).map(|_| read)
        });
        peer::finish(&mut stream).await.unwrap();
        assert!(peer.join().unwrap().unwrap() == bytes);
    });
}

#[test]
fn a_forged_record_ends_the_connection_behind_what_was_true() {
    for versions in [ONLY_1_2, ONLY_1_3] {
        run(async {
            let (mut stream, mut client) = established(versions).await;
            client.write_all(b"true").unwrap();
            client.sock.write_all(&[&[23, 3, 3, 0, 64][..], &[0; 64]].concat()).unwrap();
            assert_eq!(peer::read_up_to(&mut stream, 4).await.unwrap(), b"true");
            for _ in 0..2 {
                let error = peer::read(&mut stream, &mut [0]).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidData);
            }
            let error = peer::write(&mut stream, b"x").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
            peer::finish(&mut stream).await.unwrap();
            let told = client.read(&mut [0]).unwrap_err();
            assert!(told.to_string().contains("BadRecordMac"), "{told}");
        });
    }
}

#[test]
fn a_handshake_message_that_never_ends_is_given_up() {
    // Where nothing may be encrypted yet, a message is told from its first bytes: 16 MiB.
    let site = Site::new();
    let acceptor = gate_net::tls::server::Acceptor::new(&site.tls).unwrap();
    run(async {
        let (plain, mut socket) = pair();
        let peer = spawn(move || {
            let mut record = vec![22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff];
            record.resize(5 + 0x4000, 0);
            let sent: io::Result<()> = (0..100).try_for_each(|_| socket.write_all(&record));
            sent.is_err()
        });
        assert_eq!(acceptor.accept(plain).await.unwrap_err().reason(), "not_tls");
        assert!(peer.join().unwrap(), "most of it was never read");
    });
}

#[test]
fn a_handshake_message_in_tiny_records_is_given_up() {
    let site = Site::new();
    let acceptor = gate_net::tls::server::Acceptor::new(&site.tls).unwrap();
    run(async {
        let (plain, mut socket) = pair();
        let peer = spawn(move || {
            // 60,000 bytes are announced, and come one in a record.
            let mut records = vec![22, 3, 1, 0, 4, 1, 0, 0xea, 0x60];
            for _ in 0..60_000 {
                records.extend([22, 3, 1, 0, 1, 0]);
            }
            socket.write_all(&records).is_err()
        });
        assert_eq!(acceptor.accept(plain).await.unwrap_err().reason(), "not_tls");
        assert!(peer.join().unwrap(), "most of it was never read");
    });
}

#[test]
fn an_abort_is_a_reset() {
    run(async {
        let site = Site::new();
        let acceptor = gate_net::tls::server::Acceptor::new(&site.tls).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let config = site.client();
        let peer = spawn(move || {
            let socket = std::net::TcpStream::connect(address).unwrap();
            socket.set_read_timeout(Some(peer::DEADLINE)).unwrap();
            let mut client = peer::dial(config, "a.example", socket);
            client.read(&mut [0]).unwrap_err().kind()
        });
        let (socket, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(Plain::new(Socket::Tcp(socket))).await.unwrap();
        stream.abort();
        drop(stream);
        assert_eq!(peer.join().unwrap(), ErrorKind::ConnectionReset);
    });
}

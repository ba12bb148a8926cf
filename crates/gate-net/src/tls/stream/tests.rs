//! What a connection holds while nothing is under way.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;

use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ServerConfig, StreamOwned};

use super::*;
use crate::Socket;
use crate::tls::{provider, unverified::Unverified};

type Client = StreamOwned<ClientConnection, UnixStream>;

async fn established() -> (Box<Tls>, Client) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let client = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Unverified(provider())))
        .with_no_client_auth();
    let name = ServerName::try_from("a.example").unwrap();
    let mut client = StreamOwned::new(ClientConnection::new(Arc::new(client), name).unwrap(), theirs);
    let peer = thread::spawn(move || {
        client.conn.complete_io(&mut client.sock).unwrap();
        client
    });
    let certified = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let server = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let server = UnbufferedServerConnection::new(Arc::new(server)).unwrap();
    let plain = Plain::new(Socket::Unix(tokio::net::UnixStream::from_std(ours).unwrap()));
    let tls = Tls::server(plain, server).handshake().await.unwrap();
    (tls, peer.join().unwrap())
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

/// Polls, and where that comes to nothing once more when the socket has been looked at.
async fn poll<R>(mut with: impl FnMut(&mut Context<'_>) -> Poll<R>) -> Poll<R> {
    let polled = poll_fn(|cx| Poll::Ready(with(cx))).await;
    if polled.is_ready() {
        return polled;
    }
    tokio::task::yield_now().await;
    poll_fn(|cx| Poll::Ready(with(cx))).await
}

/// Bytes of the three buffers: incoming, unread, outgoing.
fn held(tls: &Tls) -> [usize; 3] {
    [tls.incoming.capacity(), tls.unread.bytes.capacity(), tls.outgoing.bytes.capacity()]
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    run(async {
        let (mut tls, mut client) = established().await;
        assert_eq!(held(&tls), [0; 3], "behind the handshake");
        let mut buffer = [0; 100];
        for _ in 0..3 {
            client.write_all(b"question").unwrap();
            assert_eq!(poll_fn(|cx| tls.poll_read(cx, &mut buffer)).await.unwrap(), 8);
            assert_eq!(poll_fn(|cx| tls.poll_write(cx, b"answer")).await.unwrap(), 6);
            client.read_exact(&mut [0; 6]).unwrap();
        }
        assert!(poll(|cx| tls.poll_read(cx, &mut buffer)).await.is_pending());
        assert_eq!(held(&tls), [0; 3], "behind messages");
    });
}

#[test]
fn buffers_are_held_while_they_are_needed_and_no_longer() {
    run(async {
        let (mut tls, mut client) = established().await;
        client.conn.writer().write_all(&[1; 500]).unwrap();
        let mut record = Vec::new();
        client.conn.write_tls(&mut record).unwrap();

        client.sock.write_all(&record[..300]).unwrap();
        assert!(poll(|cx| tls.poll_read(cx, &mut [0; 400])).await.is_pending());
        assert_eq!(held(&tls), [300, 0, 0], "half a record");

        client.sock.write_all(&record[300..]).unwrap();
        assert_eq!(poll_fn(|cx| tls.poll_read(cx, &mut [0; 400])).await.unwrap(), 400);
        let [incoming, unread, outgoing] = held(&tls);
        assert!(incoming == 0 && unread >= 100 && outgoing == 0, "what the reader had no room for");

        assert_eq!(poll_fn(|cx| tls.poll_read(cx, &mut [0; 400])).await.unwrap(), 100);
        assert_eq!(held(&tls), [0; 3]);

        let bytes = [2; 64 * 1024];
        let mut written = 0;
        while let Poll::Ready(count) = poll(|cx| tls.poll_write(cx, &bytes)).await {
            written += count.unwrap();
        }
        assert!(tls.outgoing.bytes.capacity() > 0, "what the socket refuses");
        written += bytes.len();
        let peer = thread::spawn(move || {
            client.read_exact(&mut vec![0; written]).unwrap();
            client
        });
        assert_eq!(poll_fn(|cx| tls.poll_write(cx, &bytes)).await.unwrap(), bytes.len());
        assert_eq!(held(&tls), [0; 3]);
        peer.join().unwrap();
    });
}

#[test]
fn a_reader_with_a_large_buffer_leaves_nothing_unread() {
    run(async {
        let (mut tls, mut client) = established().await;
        let peer = thread::spawn(move || {
            client.write_all(&vec![3; 500_000]).unwrap();
            client
        });
        let mut buffer = vec![0; 64 * 1024];
        let mut read = 0;
        while read < 500_000 {
            read += poll_fn(|cx| tls.poll_read(cx, &mut buffer)).await.unwrap();
            assert!(tls.unread.is_empty(), "behind {read} bytes");
        }
        peer.join().unwrap();
    });
}

#[test]
fn a_connection_is_small() {
    assert!(size_of::<Tls>() <= 1400, "{}", size_of::<Tls>());
}

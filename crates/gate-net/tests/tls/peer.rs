//! The other end: rustls' buffered connections on a blocking socket, in a thread of its own.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, LazyLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gate_config::model::{Alpn, ClientAuth, ServerTls, SniDomain, TlsTerms, TlsVersion, UnknownSni};
use gate_net::{Plain, Socket, Stream, Transport};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    SupportedProtocolVersion,
};

use crate::pki::{Authority, Folder, Issued};

/// The peer as a client, over the socket `S`.
pub(crate) type Client<S = UnixStream> = StreamOwned<ClientConnection, S>;
/// The peer as a server.
pub(crate) type Server = StreamOwned<ServerConnection, UnixStream>;

/// Longer than anything here takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) static ONLY_1_2: &[&SupportedProtocolVersion] = &[&TLS12];
pub(crate) static ONLY_1_3: &[&SupportedProtocolVersion] = &[&TLS13];
pub(crate) static BOTH: &[&SupportedProtocolVersion] = &[&TLS12, &TLS13];

/// Runs a test's own side.
pub(crate) fn run<R>(test: impl Future<Output = R>) -> R {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // The deadline goes first: it wakes a task as well, and would hide that nothing else did.
        tokio::select! {
            biased;
            () = tokio::time::sleep(DEADLINE) => panic!("nothing has happened for too long"),
            result = test => result,
        }
    })
}

/// The peer's side, in a thread.
pub(crate) fn spawn<R: Send + 'static>(peer: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    thread::spawn(peer)
}

/// Two ends of a connection: ours, and the peer's, which blocks.
pub(crate) fn pair() -> (Plain, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    theirs.set_read_timeout(Some(DEADLINE)).unwrap();
    theirs.set_write_timeout(Some(DEADLINE)).unwrap();
    (Plain::new(Socket::Unix(tokio::net::UnixStream::from_std(ours).unwrap())), theirs)
}

/// What a test's server has: an authority, and a certificate of it for `a.example`.
pub(crate) struct Site {
    pub(crate) folder: Folder,
    pub(crate) authority: Authority,
    pub(crate) issued: Issued,
    pub(crate) tls: ServerTls,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = Folder::new();
        let authority = Authority::new("authority");
        let issued = authority.issue(&["a.example"]);
        let tls = ServerTls {
            terms: TlsTerms {
                identity: issued.identity(&folder, "a", 0),
                client_auth: ClientAuth::None,
                ca_file: None,
                crl_files: Vec::new(),
                min_version: TlsVersion::V1_2,
                max_version: TlsVersion::V1_3,
            },
            sni: Vec::new(),
            unknown_sni: UnknownSni::Default,
            handshake_timeout: DEADLINE,
            session_tickets: true,
            alpn: Alpn::Http,
            key_log: None,
        };
        Self { folder, authority, issued, tls }
    }

    /// The same with other terms.
    pub(crate) fn with(&self, change: impl FnOnce(&mut TlsTerms)) -> ServerTls {
        let mut tls = self.tls.clone();
        change(&mut tls.terms);
        tls
    }

    /// What holds for some names: the site's terms, but for what is changed.
    pub(crate) fn domain(&self, names: &[&str], change: impl FnOnce(&mut TlsTerms)) -> SniDomain {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        SniDomain { names, terms: self.with(change).terms }
    }

    /// A client that believes the site's authority.
    pub(crate) fn client(&self) -> ClientConfig {
        client(self.authority.roots(), BOTH)
    }
}

pub(crate) fn client(
    roots: Arc<RootCertStore>,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// The same with a certificate to show.
pub(crate) fn client_with(roots: Arc<RootCertStore>, shown: &Issued) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(BOTH)
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(shown.chain(), shown.private_key())
        .unwrap()
}

/// A server; with `roots` it wants a certificate.
pub(crate) fn server(issued: &Issued, roots: Option<Arc<RootCertStore>>) -> ServerConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = match roots {
        None => WebPkiClientVerifier::no_client_auth(),
        Some(roots) => {
            WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider)).build().unwrap()
        }
    };
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(BOTH)
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(issued.chain(), issued.private_key())
        .unwrap()
}

pub(crate) fn name(name: &str) -> ServerName<'static> {
    ServerName::try_from(name.to_owned()).unwrap()
}

/// A client that has not said anything yet.
pub(crate) fn dial<S: Read + Write>(config: ClientConfig, host: &str, socket: S) -> Client<S> {
    StreamOwned::new(ClientConnection::new(Arc::new(config), name(host)).unwrap(), socket)
}

/// The handshake alone.
pub(crate) fn shake<S: Read + Write>(client: &mut Client<S>) -> io::Result<()> {
    while client.conn.is_handshaking() {
        client.conn.complete_io(&mut client.sock)?;
    }
    Ok(())
}

/// A pair of which both sides have done their handshake, of `versions`: we are the server.
pub(crate) async fn established(versions: &'static [&'static SupportedProtocolVersion]) -> (Stream, Client) {
    static SITE: LazyLock<Site> = LazyLock::new(Site::new);
    let acceptor = gate_net::tls::server::Acceptor::new(&SITE.tls).unwrap();
    let (plain, socket) = pair();
    let mut client = dial(client(SITE.authority.roots(), versions), "a.example", socket);
    let peer = spawn(move || {
        shake(&mut client).unwrap();
        client
    });
    let stream = acceptor.accept(plain).await.unwrap();
    (stream, peer.join().unwrap())
}

/// Reads once, through the drivers' face.
pub(crate) async fn read(stream: &mut Stream, buffer: &mut [u8]) -> io::Result<usize> {
    std::future::poll_fn(|cx| Transport::poll_read(stream, cx, buffer)).await
}

/// Reads until `count` bytes are there, or the end.
pub(crate) async fn read_up_to(stream: &mut Stream, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    let mut filled = 0;
    while filled < count {
        match read(stream, &mut bytes[filled..]).await? {
            0 => break,
            more => filled += more,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Writes all, through the drivers' face.
pub(crate) async fn write(stream: &mut Stream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = std::future::poll_fn(|cx| Transport::poll_write(stream, cx, bytes)).await?;
        bytes = &bytes[count..];
    }
    Ok(())
}

pub(crate) async fn finish(stream: &mut Stream) -> io::Result<()> {
    std::future::poll_fn(|cx| stream.poll_finish(cx)).await
}

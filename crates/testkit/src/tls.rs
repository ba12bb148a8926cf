//! What a peer's bytes travel on: a socket, or TLS over one. Certificates are made on the spot.

use std::io::{ErrorKind, Read, Result, Write};
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use socket2::Socket;

use crate::folder::Folder;

/// Who vouches for the gateway's certificate: the certificate itself.
#[derive(Debug)]
pub struct Authority {
    client: Arc<ClientConfig>,
    /// The certificate.
    pub cert_file: PathBuf,
    /// Its key.
    pub key_file: PathBuf,
}

impl Authority {
    /// A certificate for `names`, in files in `folder`.
    ///
    /// # Panics
    /// When a name cannot stand in a certificate.
    #[must_use]
    pub fn new(folder: &Folder, names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).expect("names of hosts");
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).expect("a certificate");
        let client = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions that the provider has")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            client: Arc::new(client),
            cert_file: folder.write("cert.pem", &cert.pem()),
            key_file: folder.write("key.pem", &signing_key.serialize_pem()),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) enum Wire {
    /// Bytes as they are.
    Plain(Socket),
    /// Bytes in records.
    Tls(Box<StreamOwned<ClientConnection, Socket>>),
}

impl Wire {
    /// Does the TLS handshake.
    #[track_caller]
    pub(crate) fn secure(self, authority: &Authority, name: &str) -> Self {
        let Self::Plain(mut socket) = self else { unreachable!("TLS within TLS") };
        let name = ServerName::try_from(name.to_owned()).expect("the name of a host");
        let mut connection =
            ClientConnection::new(Arc::clone(&authority.client), name).expect("a configuration of use");
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).expect("a TLS handshake");
        }
        Self::Tls(Box::new(StreamOwned::new(connection, socket)))
    }

    pub(crate) fn socket(&self) -> &Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &stream.sock,
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => match stream.read(buffer) {
                // A FIN without close_notify; here it is a FIN all the same.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(0),
                read => read,
            },
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

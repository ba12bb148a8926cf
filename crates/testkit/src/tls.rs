//! What a peer's bytes travel on: a socket, or TLS over one. Certificates are made on the spot.

use std::io::{ErrorKind, Read, Result, Write};
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use socket2::Socket;

use crate::folder::Folder;

/// Who vouches for the certificate of the gateway, or of a backend: the certificate itself.
#[derive(Debug)]
pub struct Authority {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
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
        let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
        let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions that the provider has")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key.into())
            .expect("a certificate and its key");
        Self {
            client: Arc::new(client),
            server: Arc::new(server),
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
    /// Bytes in records, towards a server.
    Tls(Box<StreamOwned<ClientConnection, Socket>>),
    /// The same towards a client.
    Served(Box<StreamOwned<ServerConnection, Socket>>),
}

impl Wire {
    /// Does the TLS handshake.
    ///
    /// # Errors
    /// When it fails.
    #[track_caller]
    pub(crate) fn secure(self, authority: &Authority, name: &str) -> Result<Self> {
        let Self::Plain(mut socket) = self else { unreachable!("TLS within TLS") };
        let name = ServerName::try_from(name.to_owned()).expect("the name of a host");
        let mut connection =
            ClientConnection::new(Arc::clone(&authority.client), name).expect("a configuration of use");
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(Self::Tls(Box::new(StreamOwned::new(connection, socket))))
    }

    /// Does the TLS handshake as a server.
    ///
    /// # Errors
    /// The client breaks it off.
    #[track_caller]
    pub(crate) fn serve(self, authority: &Authority) -> Result<Self> {
        let Self::Plain(mut socket) = self else { unreachable!("TLS within TLS") };
        let mut connection =
            ServerConnection::new(Arc::clone(&authority.server)).expect("a configuration of use");
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(Self::Served(Box::new(StreamOwned::new(connection, socket))))
    }

    pub(crate) fn socket(&self) -> &Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &stream.sock,
            Self::Served(stream) => &stream.sock,
        }
    }
}

/// A FIN without close_notify is a FIN all the same here.
fn read_record(stream: &mut impl Read, buffer: &mut [u8]) -> Result<usize> {
    match stream.read(buffer) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(0),
        read => read,
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => read_record(stream, buffer),
            Self::Served(stream) => read_record(stream, buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
            Self::Served(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
            Self::Served(stream) => stream.flush(),
        }
    }
}

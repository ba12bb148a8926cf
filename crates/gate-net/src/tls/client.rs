//! TLS with upstreams: what an upstream's `tls` block asks for, and the handshake.

use std::sync::{Arc, LazyLock};

use gate_config::model::{ClientTls, Objection, Place};
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, UnbufferedClientConnection, WebPkiServerVerifier};
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};

use crate::stream::Stream;
use crate::tls::identity::{self, objection};
use crate::tls::key_log::KeyLogFile;
use crate::tls::refused::Remembering;
use crate::tls::stream::Tls;
use crate::tls::unverified::Unverified;
use crate::tls::versions::versions;
use crate::tls::{PeerCertificate, TlsError, protocols, provider};
use crate::transport::Plain;

/// Does the handshakes with the targets of one upstream.
#[derive(Clone, Debug)]
pub struct Connector {
    config: Arc<ClientConfig>,
    /// In place of the target's host.
    sni: Option<ServerName<'static>>,
    /// What targets are shown.
    shown: Option<Arc<PeerCertificate>>,
}

impl Connector {
    /// Reads the files that `tls` names. Without a CA file the system's authorities are
    /// believed; those are read once in a process.
    ///
    /// # Errors
    /// Everything that is wrong with them, each at its place.
    pub fn new(tls: &ClientTls) -> Result<Self, Vec<Objection>> {
        let mut objections = Vec::new();
        let sni = tls.sni.as_deref().and_then(|name| configured_name(name, &mut objections));
        let verifier = verifier(tls, &mut objections);
        let identity = tls.identity.as_ref().and_then(|identity| identity::load(identity, &mut objections));
        let place = tls.ca_file.as_ref().map_or(Place::NOWHERE, |file| file.place);
        let versions = versions((tls.min_version, tls.max_version), place, &mut objections);
        let key_log = tls.key_log.as_ref().and_then(|file| KeyLogFile::shared(file, &mut objections));
        let (Some(verifier), Some(versions), true) = (verifier, versions, objections.is_empty()) else {
            return Err(objections);
        };
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .map_err(|error| vec![unusable(tls, &error)])?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let der = identity.as_ref().and_then(|identity| identity.end_entity_cert().ok());
        let shown = der.map(|der| Arc::new(PeerCertificate::read(der)));
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity))),
        };
        config.alpn_protocols = protocols(tls.alpn);
        config.resumption = Resumption::in_memory_sessions(REMEMBERED_SESSIONS);
        if let Some(key_log) = key_log {
            config.key_log = key_log;
        }
        Ok(Self { config: Arc::new(config), sni, shown })
    }

    /// The certificate that targets are shown if they ask for one.
    #[must_use]
    pub fn shown(&self) -> Option<&PeerCertificate> {
        self.shown.as_deref()
    }

    /// The host that a target with that name is asked for (SNI); `None`: an address is asked for by none.
    #[must_use]
    pub fn server_name(&self, name: &str) -> Option<Box<str>> {
        let name = self.sni.clone().or_else(|| server_name(name))?;
        if let ServerName::DnsName(name) = name { Some(name.as_ref().into()) } else { None }
    }

    /// Does the handshake with a target. `name` is its host: the name or IP address that its
    /// certificate must be for, unless `sni` is configured. The caller limits the time.
    ///
    /// # Errors
    /// When it fails. The target has been told why, where TLS has a word for it.
    pub async fn connect(&self, plain: Plain, name: &str) -> Result<Stream, TlsError> {
        let name = match &self.sni {
            Some(name) => name.clone(),
            None => server_name(name).ok_or_else(|| TlsError::Name(name.into()))?,
        };
        let connection =
            UnbufferedClientConnection::new(Arc::clone(&self.config), name).map_err(TlsError::Protocol)?;
        let tls = Tls::client(plain, connection).handshake().await?;
        Ok(Stream::Tls(tls))
    }
}

/// Sessions to be resumed, eight to a name; the targets of an upstream rarely have many names.
const REMEMBERED_SESSIONS: usize = 256;

fn server_name(name: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(name).ok().map(|name| name.to_owned())
}

fn configured_name(name: &str, objections: &mut Vec<Objection>) -> Option<ServerName<'static>> {
    let parsed = server_name(name);
    if parsed.is_none() {
        objections.push(objection(
            Place::NOWHERE,
            format!("`{name}` is no name that a certificate can be for"),
            "a host name or an IP address",
        ));
    }
    parsed
}

fn verifier(tls: &ClientTls, objections: &mut Vec<Objection>) -> Option<Arc<dyn ServerCertVerifier>> {
    let roots = match &tls.ca_file {
        Some(file) => Some(identity::roots(file, objections)?),
        None => None,
    };
    if !tls.verify {
        return Some(Arc::new(Unverified(provider())));
    }
    let roots = roots.unwrap_or_else(system_roots);
    match WebPkiServerVerifier::builder_with_provider(roots, provider()).build() {
        Ok(verifier) => Some(Arc::new(Remembering(verifier))),
        Err(error) => {
            objections.push(unusable(tls, &error));
            None
        }
    }
}

fn unusable(tls: &ClientTls, error: &dyn std::error::Error) -> Objection {
    let place = tls.ca_file.as_ref().map_or(Place::NOWHERE, |file| file.place);
    objection(place, format!("TLS cannot be set up: {error}"), "a ca-file with certificates of authorities")
}

/// The authorities that the system believes; where it names none, those that Mozilla does.
fn system_roots() -> Arc<RootCertStore> {
    static ROOTS: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        Arc::new(roots)
    });
    Arc::clone(&ROOTS)
}

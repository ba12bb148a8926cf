//! TLS with clients: what a listener's `tls` block asks for, and the handshake.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use gate_config::model::{
    At, ClientAuth, Fingerprint, Identity, Objection, ServerTls, TlsVersion, fingerprint,
};
use rustls::client::verify_server_name;
use rustls::pki_types::ServerName;
use rustls::server::{NoServerSessionStorage, ParsedCertificate, UnbufferedServerConnection};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};

use crate::stream::Stream;
use crate::tls::certificate::{Invalid, Validity};
use crate::tls::identity::{self, objection};
use crate::tls::key_log::KeyLogFile;
use crate::tls::sni::Identities;
use crate::tls::stream::Tls;
use crate::tls::tickets::{Sharing, ticketer};
use crate::tls::{TlsError, client_auth, provider};
use crate::transport::Plain;

/// Does the handshakes of one listener.
#[derive(Debug)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
    shown: Shown,
    /// What decides which certificates of clients are good.
    trust: Fingerprint,
}

/// What is shown to clients.
#[derive(Debug)]
struct Shown {
    default: Loaded,
    named: Vec<(Vec<String>, Loaded)>,
}

#[derive(Debug)]
struct Loaded {
    file: At<PathBuf>,
    identity: Arc<CertifiedKey>,
}

impl Acceptor {
    /// Reads the files that `tls` names.
    ///
    /// # Errors
    /// Everything that is wrong with them, each at its place.
    pub fn new(tls: &ServerTls) -> Result<Self, Vec<Objection>> {
        Self::after(None, tls)
    }

    /// The same in the place of another one: where clients are asked for the same certificates,
    /// sessions of that one can be resumed here.
    ///
    /// # Errors
    /// As [`Acceptor::new`].
    pub fn after(before: Option<&Self>, tls: &ServerTls) -> Result<Self, Vec<Objection>> {
        let mut objections = Vec::new();
        let trust = trust(tls);
        let shown = Shown::load(tls, &mut objections);
        let verifier = client_auth::verifier(tls, &mut objections);
        let versions = versions(tls, &mut objections);
        let key_log = tls.key_log.as_ref().and_then(|file| open_key_log(file, &mut objections));
        let (Some(shown), Some(verifier), Some(versions), true) =
            (shown, verifier, versions, objections.is_empty())
        else {
            return Err(objections);
        };
        let no_randomness = |error: rustls::Error| {
            let place = tls.identity.cert_file.place;
            vec![objection(place, format!("TLS cannot be set up: {error}"), "a system with randomness")]
        };
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .map_err(no_randomness)?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(shown.by_name()));
        // A client that offers other protocols only is refused, one that offers none is not.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Sessions are resumed by tickets, which are kept by the clients.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        if tls.session_tickets {
            let before = before.filter(|before| before.trust == trust && before.config.ticketer.enabled());
            config.ticketer = match (sharing(tls.client_auth), before) {
                (Sharing::Own, Some(before)) => Arc::clone(&before.config.ticketer),
                (sharing, _) => ticketer(sharing).map_err(no_randomness)?,
            };
        } else {
            config.send_tls13_tickets = 0;
        }
        if let Some(key_log) = key_log {
            config.key_log = Arc::new(key_log);
        }
        Ok(Self { config: Arc::new(config), shown, trust })
    }

    /// What is odd, but no reason not to start: certificates that are not valid at `now`, or
    /// that are not for the names they are shown for.
    #[must_use]
    pub fn warnings(&self, now: SystemTime) -> Vec<Objection> {
        let mut warnings = Vec::new();
        warnings.extend(self.shown.default.validity_warning(now));
        for (names, loaded) in &self.shown.named {
            warnings.extend(loaded.validity_warning(now));
            warnings.extend(names.iter().filter_map(|name| loaded.name_warning(name)));
        }
        warnings
    }

    /// Does the handshake of one client. It takes as long as the client does: the caller
    /// limits the time.
    ///
    /// # Errors
    /// When it fails. The client has been told why, where TLS has a word for it.
    pub async fn accept(&self, plain: Plain) -> Result<Stream, TlsError> {
        let connection =
            UnbufferedServerConnection::new(Arc::clone(&self.config)).map_err(TlsError::Protocol)?;
        let tls = Tls::server(plain, connection).handshake().await?;
        Ok(Stream::Tls(tls))
    }
}

impl Shown {
    /// All identities are read before one is given up, so that all are objected to.
    fn load(tls: &ServerTls, objections: &mut Vec<Objection>) -> Option<Self> {
        let default = Loaded::load(&tls.identity, objections);
        let mut named = Vec::new();
        for sni in &tls.sni {
            named.push((sni.names.clone(), Loaded::load(&sni.identity, objections)));
        }
        let named = named.into_iter().map(|(names, loaded)| Some((names, loaded?)));
        Some(Self { default: default?, named: named.collect::<Option<_>>()? })
    }

    fn by_name(&self) -> Identities {
        let mut identities = Identities::new(Arc::clone(&self.default.identity));
        for (names, loaded) in &self.named {
            for name in names {
                identities.insert(name, Arc::clone(&loaded.identity));
            }
        }
        identities
    }
}

impl Loaded {
    fn load(configured: &Identity, objections: &mut Vec<Objection>) -> Option<Self> {
        let identity = identity::load(configured, objections)?;
        Some(Self { file: configured.cert_file.clone(), identity })
    }

    fn validity_warning(&self, now: SystemTime) -> Option<Objection> {
        let validity = Validity::read(self.identity.cert.first()?)?;
        let path = self.file.value.display();
        let message = match validity.check(now) {
            Ok(()) => return None,
            Err(Invalid::NotYet(begin)) => format!("the certificate in `{path}` is not valid before {begin}"),
            Err(Invalid::Expired(end)) => format!("the certificate in `{path}` expired at {end}"),
        };
        Some(objection(self.file.place, message, "a certificate that is valid; most clients refuse this one"))
    }

    fn name_warning(&self, name: &str) -> Option<Objection> {
        let certificate = ParsedCertificate::try_from(self.identity.cert.first()?).ok()?;
        // A wildcard stands for names of which this is one as good as any.
        let example = name.strip_prefix('*').map(|suffix| format!("any{suffix}"));
        let asked = ServerName::try_from(example.as_deref().unwrap_or(name)).ok()?;
        verify_server_name(&certificate, &asked).err()?;
        let path = self.file.value.display();
        Some(objection(
            self.file.place,
            format!("the certificate in `{path}` is not for `{name}`"),
            "a certificate with that name among its subject alternative names; most clients refuse this one",
        ))
    }
}

fn open_key_log(file: &At<PathBuf>, objections: &mut Vec<Objection>) -> Option<KeyLogFile> {
    let opened = KeyLogFile::open(&file.value);
    opened
        .map_err(|error| {
            objections.push(objection(
                file.place,
                format!("cannot log keys to `{}`: {error}", file.value.display()),
                "a file that the user of this process alone can read and write (mode 0600)",
            ));
        })
        .ok()
}

/// Which certificates of clients are good, for as long as the files stay as they are.
fn trust(tls: &ServerTls) -> Fingerprint {
    let files = tls.ca_file.iter().chain(&tls.crl_files);
    fingerprint(&(tls.client_auth, &tls.ca_file, &tls.crl_files), files.map(|file| &*file.value))
}

/// Whether a session may be resumed where another certificate, or none, is asked for.
fn sharing(client_auth: ClientAuth) -> Sharing {
    match client_auth {
        ClientAuth::None => Sharing::Process,
        ClientAuth::Request | ClientAuth::Require => Sharing::Own,
    }
}

static ONLY_1_2: [&SupportedProtocolVersion; 1] = [&TLS12];
static ONLY_1_3: [&SupportedProtocolVersion; 1] = [&TLS13];
static BOTH: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

fn versions(
    tls: &ServerTls,
    objections: &mut Vec<Objection>,
) -> Option<&'static [&'static SupportedProtocolVersion]> {
    match (tls.min_version, tls.max_version) {
        (TlsVersion::V1_2, TlsVersion::V1_2) => Some(&ONLY_1_2),
        (TlsVersion::V1_2, TlsVersion::V1_3) => Some(&BOTH),
        (TlsVersion::V1_3, TlsVersion::V1_3) => Some(&ONLY_1_3),
        (TlsVersion::V1_3, TlsVersion::V1_2) => {
            objections.push(objection(
                tls.identity.cert_file.place,
                "min-version is above max-version".into(),
                "min-version \"1.2\", or max-version \"1.3\"",
            ));
            None
        }
    }
}

//! TLS with clients: what a listener's `tls` block asks for, and the handshake.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use gate_config::model::{
    At, ClientAuth, Fingerprint, Identity, Objection, ServerTls, TlsTerms, TlsVersion, UnknownSni,
    fingerprint,
};
use rustls::client::verify_server_name;
use rustls::pki_types::ServerName;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    NoServerSessionStorage, ParsedCertificate, ProducesTickets, UnbufferedServerConnection,
};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SupportedProtocolVersion};

use crate::stream::Stream;
use crate::tls::certificate::{Invalid, Validity};
use crate::tls::hello::{Hello, refuse_name};
use crate::tls::identity::{self, objection};
use crate::tls::key_log::KeyLogFile;
use crate::tls::sni::{ByName, Identities};
use crate::tls::stream::{Negotiated, Tls};
use crate::tls::tickets::{Sharing, ticketer};
use crate::tls::versions::versions;
use crate::tls::{PeerCertificate, TlsError, client_auth, protocols, provider};
use crate::transport::Plain;

/// Does the handshakes of one listener.
#[derive(Debug)]
pub struct Acceptor {
    /// For clients that ask for no name.
    own: Arc<Settings>,
    /// For those that ask for one; mostly these are the same.
    named: ByName<Arc<Settings>>,
    unknown: UnknownSni,
    /// Each once, the listener's own first.
    all: Vec<Arc<Settings>>,
    shown: Shown,
}

/// A way to do handshakes.
#[derive(Debug)]
struct Settings {
    /// What decides which certificates of clients are good.
    trust: Fingerprint,
    client_auth: ClientAuth,
    versions: (TlsVersion, TlsVersion),
    config: Arc<ServerConfig>,
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
        let shown = Shown::load(tls, &mut objections);
        let wanted = wanted(tls, &mut objections);
        let key_log = tls.key_log.as_ref().and_then(|file| KeyLogFile::shared(file, &mut objections));
        let (Some(shown), Some(wanted), true) = (shown, wanted, objections.is_empty()) else {
            return Err(told_once(objections));
        };
        let making = Making { tls, before, identities: Arc::new(shown.by_name()), key_log };
        let mut all = Vec::new();
        let (own, of_domains) = wanted;
        let own = making.settings(own, &mut all)?;
        let mut named = ByName::default();
        for (domain, wanted) in tls.sni.iter().zip(of_domains) {
            let settings = making.settings(wanted, &mut all)?;
            for name in &domain.names {
                named.insert(name, Arc::clone(&settings));
            }
        }
        Ok(Self { own, named, unknown: tls.unknown_sni, all, shown })
    }

    /// What is odd, but no reason not to start: certificates that are not valid at `now`, or
    /// that are not for the names they are shown for.
    #[must_use]
    pub fn warnings(&self, now: SystemTime) -> Vec<Objection> {
        let mut warnings = Vec::new();
        warnings.extend(self.shown.default.validity_warning(now));
        for (names, loaded) in &self.shown.named {
            // One that is the listener's own has been told of.
            if loaded.file.value != self.shown.default.file.value {
                warnings.extend(loaded.validity_warning(now));
            }
            warnings.extend(names.iter().filter_map(|name| loaded.name_warning(name)));
        }
        warnings
    }

    /// Does the handshake of one client. It takes as long as the client does: the caller
    /// limits the time.
    ///
    /// # Errors
    /// When it fails. The client has been told why, where TLS has a word for it.
    pub async fn accept(&self, mut plain: Plain) -> Result<Stream, TlsError> {
        // Where all names have the same settings, the certificate is chosen within the handshake.
        if let ([only], UnknownSni::Default) = (&*self.all, self.unknown) {
            let tls = Tls::server(plain, only.connection()?).handshake().await?;
            return Ok(Stream::Tls(tls));
        }
        let mut hello = Hello::read(&mut plain).await?;
        let settings = match (hello.server_name.as_deref(), self.unknown) {
            (None, _) => Some(&self.own),
            (Some(name), UnknownSni::Default) => Some(self.settings_for(name)),
            (Some(name), UnknownSni::Reject) => self.named.find(name),
        };
        let Some(settings) = settings else {
            refuse_name(&mut plain).await;
            return Err(TlsError::UnknownName(hello.server_name.unwrap_or_default()));
        };
        let tls = Tls::server(plain, settings.connection()?).handshake_after(&mut hello.bytes).await?;
        Ok(Stream::Tls(tls))
    }

    /// Whether a request for `host`, without a port, came over a connection on
    /// which less was asked of the client than that host's own settings ask for (RFC 9110 §15.5.20).
    #[must_use]
    pub fn is_misdirected(&self, negotiated: &Negotiated, host: &str) -> bool {
        if self.all.len() == 1 {
            return false;
        }
        let met = negotiated.server_name.as_deref().map_or(&self.own, |name| self.settings_for(name));
        let wanted = self.settings_for(&host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase());
        let is_stranger = wanted.client_auth != ClientAuth::None && wanted.trust != met.trust;
        let is_outdated = wanted.versions.0 == TlsVersion::V1_3 && negotiated.version != "TLSv1.3";
        is_stranger || is_outdated
    }

    /// The certificate that a client is shown which asks for this name, in lower case.
    #[must_use]
    pub fn shown(&self, name: Option<&str>) -> PeerCertificate {
        let loaded = name.and_then(|name| self.shown.find(name)).unwrap_or(&self.shown.default);
        loaded.identity.end_entity_cert().map(|der| PeerCertificate::read(der)).unwrap_or_default()
    }

    /// What holds for a name, be it known or not.
    fn settings_for(&self, name: &str) -> &Arc<Settings> {
        self.named.find(name).unwrap_or(&self.own)
    }
}

impl Settings {
    fn connection(&self) -> Result<UnbufferedServerConnection, TlsError> {
        UnbufferedServerConnection::new(Arc::clone(&self.config)).map_err(TlsError::Protocol)
    }
}

/// What a client is to meet, so far as it is no certificate.
struct Wanted {
    trust: Fingerprint,
    client_auth: ClientAuth,
    min_and_max: (TlsVersion, TlsVersion),
    verifier: Arc<dyn ClientCertVerifier>,
    versions: &'static [&'static SupportedProtocolVersion],
}

impl Wanted {
    fn read(terms: &TlsTerms, objections: &mut Vec<Objection>) -> Option<Self> {
        // Both are looked at before one is given up, so that both are objected to.
        let trust = trust(terms);
        let verifier = client_auth::verifier(terms, objections);
        let min_and_max = (terms.min_version, terms.max_version);
        let versions = versions(min_and_max, terms.identity.cert_file.place, objections)?;
        Some(Self { trust, client_auth: terms.client_auth, min_and_max, verifier: verifier?, versions })
    }
}

/// What settings are made of beside what is wanted of each.
struct Making<'a> {
    tls: &'a ServerTls,
    before: Option<&'a Acceptor>,
    identities: Arc<Identities>,
    key_log: Option<Arc<KeyLogFile>>,
}

impl Making<'_> {
    /// Settings for what is wanted: those that are there already, or others, which are added.
    fn settings(
        &self,
        wanted: Wanted,
        all: &mut Vec<Arc<Settings>>,
    ) -> Result<Arc<Settings>, Vec<Objection>> {
        let Wanted { trust, client_auth, min_and_max, verifier, versions } = wanted;
        let same = all.iter().find(|known| known.trust == trust && known.versions == min_and_max);
        if let Some(same) = same {
            return Ok(Arc::clone(same));
        }
        let no_randomness = |error: rustls::Error| {
            let place = self.tls.terms.identity.cert_file.place;
            vec![objection(place, format!("TLS cannot be set up: {error}"), "a system with randomness")]
        };
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .map_err(no_randomness)?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(self.identities.clone());
        config.alpn_protocols = protocols(self.tls.alpn);
        // Sessions are resumed by tickets, which are kept by the clients.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        if self.tls.session_tickets {
            config.ticketer = match (sharing(client_auth), self.ticketer_before(trust)) {
                (Sharing::Own, Some(ticketer)) => ticketer,
                (sharing, _) => ticketer(sharing).map_err(no_randomness)?,
            };
        } else {
            config.send_tls13_tickets = 0;
        }
        if let Some(key_log) = &self.key_log {
            config.key_log = key_log.clone();
        }
        let made = Arc::new(Settings { trust, client_auth, versions: min_and_max, config: Arc::new(config) });
        all.push(Arc::clone(&made));
        Ok(made)
    }

    /// The keys of tickets that the acceptor before gave to clients it knew for as good.
    fn ticketer_before(&self, trust: Fingerprint) -> Option<Arc<dyn ProducesTickets>> {
        let known = &self.before?.all;
        let same = known.iter().find(|known| known.trust == trust && known.config.ticketer.enabled())?;
        Some(Arc::clone(&same.config.ticketer))
    }
}

impl Shown {
    /// All identities are read before one is given up, so that all are objected to.
    fn load(tls: &ServerTls, objections: &mut Vec<Objection>) -> Option<Self> {
        let default = Loaded::load(&tls.terms.identity, objections);
        let mut named = Vec::new();
        for sni in &tls.sni {
            named.push((sni.names.clone(), Loaded::load(&sni.terms.identity, objections)));
        }
        let named = named.into_iter().map(|(names, loaded)| Some((names, loaded?)));
        Some(Self { default: default?, named: named.collect::<Option<_>>()? })
    }

    /// What is shown for a name that is known; exact ones go first.
    fn find(&self, name: &str) -> Option<&Loaded> {
        let wildcard = name.find('.').and_then(|dot| name.get(dot..)).map(|suffix| format!("*{suffix}"));
        let of = |wanted: &str| {
            let mut named = self.named.iter();
            named.find(|(names, _)| names.iter().any(|name| name == wanted)).map(|(_, loaded)| loaded)
        };
        of(name).or_else(|| of(&wildcard?))
    }

    fn by_name(&self) -> Identities {
        let mut named = ByName::default();
        for (names, loaded) in &self.named {
            for name in names {
                named.insert(name, Arc::clone(&loaded.identity));
            }
        }
        Identities { named, default: Arc::clone(&self.default.identity) }
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

/// What the listener and each of its domains want; all is read before anything is given up.
fn wanted(tls: &ServerTls, objections: &mut Vec<Objection>) -> Option<(Wanted, Vec<Wanted>)> {
    let own = Wanted::read(&tls.terms, objections);
    let mut of_domains = Vec::new();
    for domain in &tls.sni {
        of_domains.push(Wanted::read(&domain.terms, objections));
    }
    Some((own?, of_domains.into_iter().collect::<Option<_>>()?))
}

/// The same without what a domain has from its listener, and is objected to there.
fn told_once(objections: Vec<Objection>) -> Vec<Objection> {
    let mut told: Vec<Objection> = Vec::new();
    for objection in objections {
        let is_known =
            |known: &Objection| known.place == objection.place && known.message == objection.message;
        if !told.iter().any(is_known) {
            told.push(objection);
        }
    }
    told
}

/// Which certificates of clients are good, for as long as the files stay as they are.
fn trust(terms: &TlsTerms) -> Fingerprint {
    let TlsTerms { client_auth, ca_file, crl_files, .. } = terms;
    match client_auth {
        // No file has a say in it.
        ClientAuth::None => fingerprint(client_auth, []),
        ClientAuth::Request | ClientAuth::Require => {
            let files = ca_file.iter().chain(crl_files);
            fingerprint(&(client_auth, ca_file, crl_files), files.map(|file| &*file.value))
        }
    }
}

/// Whether a session may be resumed where another certificate, or none, is asked for.
fn sharing(client_auth: ClientAuth) -> Sharing {
    match client_auth {
        ClientAuth::None => Sharing::Process,
        ClientAuth::Request | ClientAuth::Require => Sharing::Own,
    }
}

//! Reads `tls`, towards clients and towards targets.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use super::Context;
use crate::fields::{Fields, block_node, get};
use crate::model::{
    Alpn, At, ClientAuth, ClientTls, Identity, Place, ServerTls, SniDomain, TlsTerms, TlsVersion, UnknownSni,
};
use crate::report::Code;
use crate::schema::SNI;
use crate::syntax::Scalar;
use crate::value::{server_name, sni_name};

/// `None`: a certificate or its key is missing.
pub(super) fn server(fields: &Fields<'_>, alpn: Alpn, cx: &mut Context<'_>) -> Option<ServerTls> {
    let own = Said::read(fields, cx);
    let identity = identity(fields, "cert-file", "key-file", cx);
    let handshake_timeout = fields.duration("handshake-timeout-ms", cx.report);
    let session_tickets = fields.flag("session-tickets", cx.report);
    let key_log = key_log(fields, cx);
    let terms = own.terms(None, identity, cx);
    let sni = sni(fields, terms.as_ref(), cx);
    if !own.asks() && !sni.iter().any(|domain| domain.terms.client_auth != ClientAuth::None) {
        own.warn_of_useless(cx);
    }
    let unknown_sni = fields.word::<UnknownSni>("unknown-sni", cx.report);
    if let Some(At { value: UnknownSni::Reject, place }) = unknown_sni
        && fields.all("sni").is_empty()
    {
        cx.report
            .error(Code::Incomplete, place, "`unknown-sni` refuses every name")
            .label("there is no `sni` whose names would be known")
            .help("add sni \"example.org\" { } with the names that are served, or remove this");
    }
    Some(ServerTls {
        terms: terms?,
        sni,
        unknown_sni: unknown_sni.map_or(UnknownSni::Default, |word| word.value),
        handshake_timeout: handshake_timeout.unwrap_or(Duration::from_secs(10)),
        session_tickets: session_tickets.unwrap_or(true),
        alpn,
        key_log,
    })
}

/// What a `tls` block, or an `sni` within it, says of whom it lets in.
struct Said {
    client_auth: Option<At<ClientAuth>>,
    ca_file: Option<At<PathBuf>>,
    crl_files: Vec<At<PathBuf>>,
    min_version: Option<At<TlsVersion>>,
    max_version: Option<At<TlsVersion>>,
    place: Place,
}

impl Said {
    fn read(fields: &Fields<'_>, cx: &mut Context<'_>) -> Self {
        let crl_files = fields.texts("crl-file", cx.report);
        Self {
            client_auth: client_auth(fields, cx),
            ca_file: file(fields, "ca-file", cx),
            crl_files: crl_files.into_iter().map(|path| cx.path(path)).collect(),
            min_version: version(fields, "min-version", cx),
            max_version: version(fields, "max-version", cx),
            place: fields.place,
        }
    }

    /// The same with all that is not said from the listener's terms, if this is not the listener.
    fn terms(
        &self,
        listener: Option<&TlsTerms>,
        identity: Option<Identity>,
        cx: &mut Context<'_>,
    ) -> Option<TlsTerms> {
        let client_auth = self.client_auth.as_ref().map(|auth| auth.value);
        let client_auth = client_auth.or_else(|| listener.map(|terms| terms.client_auth)).unwrap_or_default();
        let ca_file = self.ca_file.as_ref().or_else(|| listener?.ca_file.as_ref()).cloned();
        // Revocation lists are those of an authority: another one's say nothing of this one's.
        let inherited = listener.filter(|_| self.ca_file.is_none() && self.crl_files.is_empty());
        let crl_files = inherited.map_or(&self.crl_files, |terms| &terms.crl_files).clone();
        if let (Some(auth), None) = (self.client_auth.as_ref(), &ca_file)
            && auth.value != ClientAuth::None
        {
            cx.report
                .error(Code::Incomplete, auth.place, "`client-auth` needs a `ca-file`")
                .label("nobody is known who signs certificates of clients")
                .help("add ca-file \"…\"");
        }
        let versions = listener.map(|terms| (terms.min_version, terms.max_version));
        let (min_version, max_version) =
            versions_of((self.min_version.as_ref(), self.max_version.as_ref()), versions, self.place, cx);
        let identity = identity.or_else(|| listener.map(|terms| terms.identity.clone()))?;
        Some(TlsTerms { identity, client_auth, ca_file, crl_files, min_version, max_version })
    }

    fn asks(&self) -> bool {
        self.client_auth.as_ref().is_some_and(|auth| auth.value != ClientAuth::None)
    }

    /// Nobody is asked for what could be held against these.
    fn warn_of_useless(&self, cx: &mut Context<'_>) {
        for file in self.ca_file.iter().chain(self.crl_files.first()) {
            cx.report
                .warn(Code::Useless, file.place, "clients are not asked for certificates")
                .label("has no effect")
                .help("write client-auth \"require\" or \"request\"");
        }
    }
}

/// `key-log-file`, with a warning.
fn key_log(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<At<PathBuf>> {
    let key_log = file(fields, "key-log-file", cx)?;
    cx.report
        .warn(Code::Insecure, key_log.place, "the secrets of all connections are written to a file")
        .label("whoever can read it can read them all")
        .help("remove `key-log-file` when you have found what you look for");
    Some(key_log)
}

/// `client-auth`: a word, or a flag.
fn client_auth(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<At<ClientAuth>> {
    let (key, value) = fields.scalar("client-auth", cx.report)?;
    match value.scalar {
        Scalar::Bool(required) => {
            let value_of = if required { ClientAuth::Require } else { ClientAuth::None };
            Some(At { value: value_of, place: value.place })
        }
        Scalar::Text(_) | Scalar::Integer(_) | Scalar::Float(_) | Scalar::Null => {
            get::word(key, value, cx.report)
        }
    }
}

/// `min-version` or `max-version`.
fn version(fields: &Fields<'_>, name: &str, cx: &mut Context<'_>) -> Option<At<TlsVersion>> {
    let (key, value) = fields.scalar(name, cx.report)?;
    if let Scalar::Text(text) = &value.scalar
        && OBSOLETE.iter().any(|word| word.eq_ignore_ascii_case(text))
    {
        cx.report
            .error(Code::NotAvailable, value.place, format!("`{text}` is not spoken here"))
            .label("no version before TLS 1.2 may be used any more (RFC 8996)")
            .help("write \"1.2\": whoever speaks nothing newer than this needs an update, or a proxy of its own");
        return None;
    }
    get::word(key, value, cx.report)
}

/// What has been given up, by the names that it has in other configurations.
const OBSOLETE: [&str; 15] = [
    "1", "1.0", "1.1", "TLS1", "TLS1.0", "TLS1.1", "TLSv1", "TLSv1.0", "TLSv1.1", "TLSv1_0", "TLSv1_1",
    "SSLv2", "SSLv3", "SSLv23", "3.0",
];

/// Which versions are spoken: those said, else those inherited, else all.
fn versions_of(
    (min, max): (Option<&At<TlsVersion>>, Option<&At<TlsVersion>>),
    inherited: Option<(TlsVersion, TlsVersion)>,
    place: Place,
    cx: &mut Context<'_>,
) -> (TlsVersion, TlsVersion) {
    let (least, most) = inherited.unwrap_or((TlsVersion::V1_2, TlsVersion::V1_3));
    let min_version = min.map_or(least, |min| min.value);
    let max_version = max.map_or(most, |max| max.value);
    if min_version > max_version {
        let place = max.or(min).map_or(place, |version| version.place);
        cx.report
            .error(Code::Conflict, place, "`min-version` is above `max-version`")
            .label("no version is left")
            .help("the versions are \"1.2\" and \"1.3\"");
    }
    (min_version, max_version)
}

/// `listener`: its own terms, if they could be read.
fn sni(fields: &Fields<'_>, listener: Option<&TlsTerms>, cx: &mut Context<'_>) -> Vec<SniDomain> {
    let mut domains = Vec::new();
    let mut seen: HashMap<String, Place> = HashMap::new();
    for field in fields.all("sni") {
        let Some(node) = block_node(*field, cx.report) else { continue };
        let fields = Fields::of(&SNI, &[node], cx.report);
        let Some(key) = SNI.key("hostnames") else { continue };
        let behind = field.arguments.iter().filter_map(|value| get::text(key, value, cx.report));
        let mut texts: Vec<_> = behind.collect();
        texts.extend(fields.texts("hostnames", cx.report));
        if texts.is_empty() {
            cx.report
                .error(Code::Incomplete, field.place(), "this `sni` has no name")
                .label("names belong behind it")
                .help("write sni \"example.org\" \"*.example.org\" { … }");
        }
        let names: Vec<_> = texts.into_iter().filter_map(|text| name(text, &mut seen, cx)).collect();
        let said = Said::read(&fields, cx);
        if !said.asks() && listener.is_none_or(|terms| terms.client_auth == ClientAuth::None) {
            said.warn_of_useless(cx);
        }
        together(&fields, "cert-file", "key-file", cx);
        let identity = identity(&fields, "cert-file", "key-file", cx);
        if let Some(terms) = said.terms(listener, identity, cx) {
            domains.push(SniDomain { names, terms });
        }
    }
    domains
}

/// Two settings of which neither may stand alone.
fn together(fields: &Fields<'_>, one: &str, other: &str, cx: &mut Context<'_>) {
    if let (Some(alone), None) | (None, Some(alone)) = (fields.one(one), fields.one(other)) {
        cx.report
            .error(Code::Incomplete, alone.place(), format!("`{one}` and `{other}` belong together"))
            .label("the other is missing")
            .help("add it, or remove this one");
    }
}

fn name(text: At<&str>, seen: &mut HashMap<String, Place>, cx: &mut Context<'_>) -> Option<String> {
    let name = match sni_name(text.value) {
        Ok(name) => name,
        Err(fault) => {
            cx.report
                .error(
                    Code::BadHost,
                    text.place,
                    format!("clients cannot ask for `{}`", text.value.escape_debug()),
                )
                .label(fault)
                .help("names are like \"example.org\" or \"*.example.org\"");
            return None;
        }
    };
    if let Some(first) = seen.insert(name.clone(), text.place) {
        cx.report
            .error(Code::DuplicateValue, text.place, format!("there are two certificates for `{name}`"))
            .label("for the second time")
            .help("keep one of them")
            .also(first, "for the first time");
    }
    Some(name)
}

/// `tls` of an upstream, or of whatever else is connected to. `None`: the block does not stand.
pub(super) fn client(fields: Option<&Fields<'_>>, alpn: Alpn, cx: &mut Context<'_>) -> ClientTls {
    let Some(fields) = fields else { return ClientTls { alpn, ..ClientTls::default() } };
    let sni = fields.text("sni", cx.report).and_then(|text| match server_name(text.value) {
        Ok(name) => Some(name),
        Err(fault) => {
            cx.report
                .error(
                    Code::BadHost,
                    text.place,
                    format!("`{}` is not the name of a host", text.value.escape_debug()),
                )
                .label(fault)
                .help("write the name that stands in the certificate");
            None
        }
    });
    together(fields, "client-cert", "client-key", cx);
    let skips = fields.flag("insecure-skip-verify", cx.report).unwrap_or(false);
    if skips {
        let place = fields.one("insecure-skip-verify").map_or(fields.place, |field| field.place());
        cx.report
            .warn(Code::Insecure, place, "the certificates of these targets are not verified")
            .label("anybody can pass for them")
            .help("name who signs them by `ca-file`, and remove this");
    }
    let (min, max) = (version(fields, "min-version", cx), version(fields, "max-version", cx));
    let (min_version, max_version) = versions_of((min.as_ref(), max.as_ref()), None, fields.place, cx);
    ClientTls {
        sni,
        ca_file: file(fields, "ca-file", cx),
        identity: identity(fields, "client-cert", "client-key", cx),
        verify: !skips,
        min_version,
        max_version,
        alpn,
        key_log: key_log(fields, cx),
    }
}

fn identity(fields: &Fields<'_>, cert: &str, key: &str, cx: &mut Context<'_>) -> Option<Identity> {
    let (cert_file, key_file) = (file(fields, cert, cx), file(fields, key, cx));
    Some(Identity { cert_file: cert_file?, key_file: key_file? })
}

/// A path of which the file must be there.
pub(super) fn file(fields: &Fields<'_>, name: &str, cx: &mut Context<'_>) -> Option<At<PathBuf>> {
    let path = fields.text(name, cx.report)?;
    if path.value.is_empty() {
        cx.report
            .error(Code::MissingValue, path.place, format!("`{name}` is empty"))
            .label("a path belongs here")
            .help("relative paths are relative to the file that names them");
        return None;
    }
    Some(cx.path(path))
}

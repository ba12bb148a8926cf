//! Reads `tls`, towards clients and towards targets.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use super::Context;
use crate::fields::{Fields, block_node, get};
use crate::model::{At, ClientAuth, ClientTls, Identity, Place, ServerTls, SniIdentity, TlsVersion};
use crate::report::Code;
use crate::schema::SNI;
use crate::syntax::Scalar;
use crate::value::{server_name, sni_name};

/// `None`: a certificate or its key is missing.
pub(super) fn server(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<ServerTls> {
    let client_auth = client_auth(fields, cx);
    let ca_file = file(fields, "ca-file", cx);
    let crl_files: Vec<_> =
        fields.texts("crl-file", cx.report).into_iter().map(|path| cx.path(path)).collect();
    judge_client_auth(client_auth.as_ref(), ca_file.as_ref(), &crl_files, cx);
    let (min_version, max_version) = versions(fields, cx);
    let handshake_timeout = fields.duration("handshake-timeout-ms", cx.report);
    let session_tickets = fields.flag("session-tickets", cx.report);
    let key_log = file(fields, "key-log-file", cx);
    if let Some(key_log) = &key_log {
        cx.report
            .warn(Code::Insecure, key_log.place, "the secrets of all connections are written to a file")
            .label("whoever can read it can read them all")
            .help("remove `key-log-file` when you have found what you look for");
    }
    let sni = sni(fields, cx);
    Some(ServerTls {
        identity: identity(fields, "cert-file", "key-file", cx)?,
        sni,
        client_auth: client_auth.map_or(ClientAuth::None, |auth| auth.value),
        ca_file,
        crl_files,
        min_version,
        max_version,
        handshake_timeout: handshake_timeout.unwrap_or(Duration::from_secs(10)),
        session_tickets: session_tickets.unwrap_or(true),
        key_log,
    })
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

fn judge_client_auth(
    client_auth: Option<&At<ClientAuth>>,
    ca_file: Option<&At<PathBuf>>,
    crl_files: &[At<PathBuf>],
    cx: &mut Context<'_>,
) {
    let asks = client_auth.filter(|auth| auth.value != ClientAuth::None);
    match (asks, ca_file) {
        (Some(auth), None) => {
            cx.report
                .error(Code::Incomplete, auth.place, "`client-auth` needs a `ca-file`")
                .label("nobody is known who signs certificates of clients")
                .help("add ca-file \"…\"");
        }
        (None, Some(ca_file)) => {
            cx.report
                .warn(Code::Useless, ca_file.place, "clients are not asked for certificates")
                .label("has no effect")
                .help("write client-auth \"require\" or \"request\"");
        }
        (None, None) | (Some(_), Some(_)) => {}
    }
    if let (None, Some(crl_file)) = (asks, crl_files.first()) {
        cx.report
            .warn(Code::Useless, crl_file.place, "clients are not asked for certificates")
            .label("has no effect")
            .help("write client-auth \"require\" or \"request\"");
    }
}

fn versions(fields: &Fields<'_>, cx: &mut Context<'_>) -> (TlsVersion, TlsVersion) {
    let min = fields.word::<TlsVersion>("min-version", cx.report);
    let max = fields.word::<TlsVersion>("max-version", cx.report);
    let (min_version, max_version) = (
        min.as_ref().map_or(TlsVersion::V1_2, |min| min.value),
        max.as_ref().map_or(TlsVersion::V1_3, |max| max.value),
    );
    if min_version > max_version {
        let place = max.or(min).map_or(fields.place, |version| version.place);
        cx.report
            .error(Code::Conflict, place, "`min-version` is above `max-version`")
            .label("no version is left")
            .help("the versions are \"1.2\" and \"1.3\"");
    }
    (min_version, max_version)
}

fn sni(fields: &Fields<'_>, cx: &mut Context<'_>) -> Vec<SniIdentity> {
    let mut identities = Vec::new();
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
        if let Some(identity) = identity(&fields, "cert-file", "key-file", cx) {
            identities.push(SniIdentity { names, identity });
        }
    }
    identities
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

/// `tls` of an upstream.
pub(super) fn client(fields: &Fields<'_>, cx: &mut Context<'_>) -> ClientTls {
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
    let (certificate, key) = (fields.one("client-cert"), fields.one("client-key"));
    if let (Some(alone), None) | (None, Some(alone)) = (certificate, key) {
        cx.report
            .error(Code::Incomplete, alone.place(), "`client-cert` and `client-key` belong together")
            .label("the other is missing")
            .help("add it, or remove this one");
    }
    let skips = fields.flag("insecure-skip-verify", cx.report).unwrap_or(false);
    if skips {
        let place = fields.one("insecure-skip-verify").map_or(fields.place, |field| field.place());
        cx.report
            .warn(Code::Insecure, place, "the certificates of these targets are not verified")
            .label("anybody can pass for them")
            .help("name who signs them by `ca-file`, and remove this");
    }
    ClientTls {
        sni,
        ca_file: file(fields, "ca-file", cx),
        identity: identity(fields, "client-cert", "client-key", cx),
        verify: !skips,
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

//! Who verifies the certificates of clients (RFC 8446 §4.4.2.4).

use std::path::PathBuf;
use std::sync::Arc;

use gate_config::model::{At, ClientAuth, Objection, TlsTerms};
use rustls::RootCertStore;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientCertVerifierBuilder, WebPkiClientVerifier};

use crate::tls::identity::{self, objection};
use crate::tls::provider;

/// The verifier that a listener, or a domain of it, asks for.
pub(super) fn verifier(
    terms: &TlsTerms,
    objections: &mut Vec<Objection>,
) -> Option<Arc<dyn ClientCertVerifier>> {
    let may_be_missing = match terms.client_auth {
        ClientAuth::None => return Some(WebPkiClientVerifier::no_client_auth()),
        ClientAuth::Request => true,
        ClientAuth::Require => false,
    };
    let Some(ca_file) = &terms.ca_file else {
        objections.push(objection(
            terms.identity.cert_file.place,
            "client-auth has no ca-file".into(),
            "ca-file with the authorities that sign the certificates of clients",
        ));
        return None;
    };
    let roots = identity::roots(ca_file, objections);
    // All files are read before one of them is given up for, so that all are objected to.
    let mut lists = Vec::new();
    for file in &terms.crl_files {
        lists.push(revocation_lists(file, roots.as_ref(), objections));
    }
    let lists = lists.into_iter().collect::<Option<Vec<_>>>()?;
    // A revocation list that is out of date says nothing of what was revoked since.
    let builder = builder(&roots?).with_crls(lists.concat()).enforce_revocation_expiration();
    let builder = if may_be_missing { builder.allow_unauthenticated() } else { builder };
    builder
        .build()
        .map_err(|error| {
            objections.push(objection(
                ca_file.place,
                format!("client-auth cannot be set up: {error}"),
                "certificates of authorities in ca-file, revocation lists in crl-file",
            ));
        })
        .ok()
}

fn builder(roots: &Arc<RootCertStore>) -> ClientCertVerifierBuilder {
    WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), provider())
}

/// The lists of one file. Only a verifier can tell whether they can be read, and not which
/// of them cannot; so one is made for this file alone.
fn revocation_lists(
    file: &At<PathBuf>,
    roots: Option<&Arc<RootCertStore>>,
    objections: &mut Vec<Objection>,
) -> Option<Vec<CertificateRevocationListDer<'static>>> {
    let lists = identity::revocation_lists(file, objections)?;
    if let Err(error) = builder(roots?).with_crls(lists.clone()).build() {
        objections.push(objection(
            file.place,
            format!("a revocation list in `{}` is of no use: {error}", file.value.display()),
            "X.509 revocation lists of version 2, as `openssl ca -gencrl` makes them",
        ));
        return None;
    }
    Some(lists)
}

//! Certificates, keys and revocation lists from PEM files, with an objection at the place of
//! each that will not do.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gate_config::model::{At, Identity, Objection, Place};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, RootCertStore};

/// A certificate chain with its key.
pub(super) fn load(identity: &Identity, objections: &mut Vec<Objection>) -> Option<Arc<CertifiedKey>> {
    // Both are read before either is given up, so that both are objected to.
    let chain = certificates(&identity.cert_file, objections);
    let key = private_key(&identity.key_file, objections);
    match CertifiedKey::from_der(chain?, key?, &super::provider()) {
        Ok(certified) => Some(Arc::new(certified)),
        Err(error) => {
            objections.push(mismatch(identity, &error));
            None
        }
    }
}

/// Authorities, from certificates that need not be chained.
pub(super) fn roots(file: &At<PathBuf>, objections: &mut Vec<Objection>) -> Option<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    for (number, certificate) in (1..).zip(certificates(file, objections)?) {
        if let Err(error) = roots.add(certificate) {
            objections.push(objection(
                file.place,
                format!("certificate {number} of `{}` is of no use: {error}", file.value.display()),
                "certificates of authorities, X.509 version 3",
            ));
            return None;
        }
    }
    Some(Arc::new(roots))
}

/// Revocation lists. Whether they can be read at all is for the verifier to say.
pub(super) fn revocation_lists(
    file: &At<PathBuf>,
    objections: &mut Vec<Objection>,
) -> Option<Vec<CertificateRevocationListDer<'static>>> {
    all(file, Kind { name: "revocation list", marker: "X509 CRL" }, objections)
}

/// An objection with its parts.
pub(super) fn objection(place: Place, message: String, help: &str) -> Objection {
    Objection { place, message, help: help.into() }
}

/// An objection to a file that the system will not give us.
pub(super) fn unreadable(file: &At<PathBuf>, error: &io::Error) -> Objection {
    let path = file.value.display();
    objection(
        file.place,
        format!("cannot open `{path}`: {error}"),
        "a file that exists and that the user of this process may open; \
         relative paths are relative to the file that names them",
    )
}

/// What is looked for in a file.
struct Kind {
    name: &'static str,
    /// What stands between the dashes.
    marker: &'static str,
}

fn certificates(file: &At<PathBuf>, objections: &mut Vec<Objection>) -> Option<Vec<CertificateDer<'static>>> {
    all(file, Kind { name: "certificate", marker: "CERTIFICATE" }, objections)
}

/// All things of a kind in a file; there must be one.
fn all<T: PemObject>(file: &At<PathBuf>, kind: Kind, objections: &mut Vec<Objection>) -> Option<Vec<T>> {
    let text = read(file, objections)?;
    match T::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>() {
        Ok(found) if !found.is_empty() => return Some(found),
        Ok(_) => {
            let (name, marker) = (kind.name, kind.marker);
            objections.push(objection(
                file.place,
                format!("there is no {name} in `{}`", file.value.display()),
                &format!("a PEM file, with `-----BEGIN {marker}-----`"),
            ));
        }
        Err(error) => objections.push(damaged(file.place, &file.value, &error)),
    }
    None
}

fn private_key(file: &At<PathBuf>, objections: &mut Vec<Objection>) -> Option<PrivateKeyDer<'static>> {
    let text = read(file, objections)?;
    let error = match PrivateKeyDer::from_pem_slice(&text) {
        Ok(key) => return Some(key),
        Err(error) => error,
    };
    let path = file.value.display();
    objections.push(if !matches!(error, pem::Error::NoItemsFound) {
        damaged(file.place, &file.value, &error)
    } else if String::from_utf8_lossy(&text).contains("ENCRYPTED PRIVATE KEY") {
        objection(
            file.place,
            format!("the key in `{path}` is encrypted"),
            "a key without a passphrase, kept safe by the permissions of its file: `openssl pkey -in OLD -out NEW`",
        )
    } else {
        objection(
            file.place,
            format!("there is no private key in `{path}`"),
            "a PEM file, with `-----BEGIN PRIVATE KEY-----`",
        )
    });
    None
}

fn read(file: &At<PathBuf>, objections: &mut Vec<Objection>) -> Option<Vec<u8>> {
    std::fs::read(&file.value).map_err(|error| objections.push(unreadable(file, &error))).ok()
}

fn damaged(place: Place, path: &Path, error: &pem::Error) -> Objection {
    objection(
        place,
        format!("`{}` is damaged: {error}", path.display()),
        "a PEM file, each part of it from its BEGIN to its END",
    )
}

/// Why a chain and a key make no identity.
fn mismatch(identity: &Identity, error: &Error) -> Objection {
    let certificate = identity.cert_file.value.display();
    let key = identity.key_file.value.display();
    if let Error::InconsistentKeys(InconsistentKeys::KeyMismatch) = error {
        return objection(
            identity.key_file.place,
            format!("the key in `{key}` is not that of the first certificate in `{certificate}`"),
            "the key that the certificate was made for; of a chain the server's own certificate comes first",
        );
    }
    if let Error::InvalidCertificate(error) = error {
        return objection(
            identity.cert_file.place,
            format!("the first certificate in `{certificate}` is of no use: {error}"),
            "the server's own certificate, X.509 version 3, before those of its authorities",
        );
    }
    objection(
        identity.key_file.place,
        format!("the key in `{key}` is of no use: {error}"),
        "a key for RSA (2048 bits at least), ECDSA (P-256, P-384, P-521) or Ed25519",
    )
}

//! What went wrong with TLS, in words. Those of the library are in part names of its code.

use std::fmt;

use rustls::{CertificateError, Error};

/// Displays an error.
pub(super) struct Words<'a>(pub(super) &'a Error);

impl fmt::Display for Words<'_> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the enum may grow, and the rest have sentences of their own"
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Error::InvalidCertificate(error) => certificate(error, f),
            Error::AlertReceived(alert) => {
                write!(f, "the peer refused with the alert `{}`", phrase(&format!("{alert:?}")))
            }
            Error::InvalidMessage(_) => f.write_str("what the peer says is not TLS"),
            Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
                f.write_str("the peer sent a message of TLS out of turn")
            }
            Error::PeerIncompatible(why) => {
                write!(f, "the peer and the gateway do not agree on TLS: {}", phrase(&format!("{why:?}")))
            }
            Error::PeerMisbehaved(why) => {
                write!(f, "the peer broke the rules of TLS: {}", phrase(&format!("{why:?}")))
            }
            Error::DecryptError => f.write_str("what the peer sent cannot be decrypted"),
            Error::PeerSentOversizedRecord => f.write_str("the peer sent a record that is too large"),
            Error::NoApplicationProtocol => f.write_str("no protocol of ALPN is known to both"),
            Error::NoCertificatesPresented => f.write_str("the peer showed no certificate"),
            other => write!(f, "{other}"),
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enum may grow, and the rest have one sentence in common"
)]
fn certificate(error: &CertificateError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(match error {
        CertificateError::UnknownIssuer => "no authority that is trusted has signed the certificate",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the certificate has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet"
        }
        CertificateError::Revoked => "the certificate has been revoked",
        CertificateError::UnknownRevocationStatus => {
            "no revocation list says whether the certificate has been revoked"
        }
        CertificateError::ExpiredRevocationList | CertificateError::ExpiredRevocationListContext { .. } => {
            "the revocation list is out of date"
        }
        CertificateError::NotValidForName => "the certificate is for another name",
        CertificateError::NotValidForNameContext { expected, presented } => {
            write!(f, "the certificate is not for `{}`", expected.to_str())?;
            return names(presented, f);
        }
        CertificateError::BadEncoding => "the certificate cannot be read",
        CertificateError::BadSignature => "the signature in the certificate is wrong",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the certificate is for another purpose"
        }
        other => return write!(f, "the certificate was refused: {}", phrase(&format!("{other:?}"))),
    })
}

/// The names that a certificate is for, in the library's form: `DnsName("example.org")`.
fn names(presented: &[String], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let plain = |name: &'_ String| name.split('"').nth(1).unwrap_or(name).to_owned();
    let mut shown: Vec<String> = presented.iter().take(NAMES_MAX).map(plain).collect();
    if presented.len() > NAMES_MAX {
        shown.push(format!("{} more", presented.len() - NAMES_MAX));
    }
    if shown.is_empty() {
        f.write_str(", nor for any name")
    } else {
        write!(f, ", but for {}", shown.join(", "))
    }
}

/// The innermost name of code in `debug` as words: `Other(NoKeyExchange)` is `no key exchange`.
fn phrase(debug: &str) -> String {
    let innermost = debug.rsplit('(').next().unwrap_or(debug);
    let name: String = innermost.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    if let Some((_, words)) = KNOWN.iter().find(|(known, _)| *known == name) {
        return (*words).to_owned();
    }
    let mut words = String::new();
    let mut was_lower = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && was_lower {
            words.push(' ');
        }
        was_lower = !c.is_ascii_uppercase();
        words.push(c.to_ascii_lowercase());
    }
    words
}

/// Names that say little as words.
const KNOWN: [(&str, &str); 4] = [
    ("CaUsedAsEndEntity", "it is that of an authority, and a server or client needs one of its own"),
    ("EndEntityUsedAsCa", "it was signed with a certificate that is no authority's"),
    ("UnknownCA", "unknown authority"),
    ("UnsupportedCertVersion", "its version is not that of X.509 v3"),
];

const NAMES_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::pki_types::ServerName;
    use rustls::{AlertDescription, OtherError, PeerIncompatible};

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("CaUsedAsEndEntity")]
    struct CaUsedAsEndEntity;

    #[test]
    fn no_name_of_code_is_shown() {
        let other = CertificateError::Other(OtherError(Arc::new(CaUsedAsEndEntity)));
        let names = CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("a.example").unwrap(),
            presented: (0..7).map(|n| format!("DnsName(\"{n}.example\")")).collect(),
        };
        for (error, expected) in [
            (
                Error::InvalidCertificate(other),
                "the certificate was refused: it is that of an authority, and a server or client needs one of its own",
            ),
            (
                Error::InvalidCertificate(names),
                "the certificate is not for `a.example`, but for 0.example, 1.example, 2.example, 3.example, 4.example, 2 more",
            ),
            (
                Error::InvalidCertificate(CertificateError::UnhandledCriticalExtension),
                "the certificate was refused: unhandled critical extension",
            ),
            (
                Error::AlertReceived(AlertDescription::HandshakeFailure),
                "the peer refused with the alert `handshake failure`",
            ),
            (
                Error::AlertReceived(AlertDescription::UnknownCA),
                "the peer refused with the alert `unknown authority`",
            ),
            (
                Error::PeerIncompatible(PeerIncompatible::NoKxGroupsInCommon),
                "the peer and the gateway do not agree on TLS: no kx groups in common",
            ),
        ] {
            assert_eq!(Words(&error).to_string(), expected);
        }
    }
}

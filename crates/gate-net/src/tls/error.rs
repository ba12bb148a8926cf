//! Why TLS came to nothing, and the word for it in metrics.

use std::io;

use rustls::{CertificateError, Error};

use crate::tls::PeerCertificate;
use crate::tls::words::Words;

/// Why there is no TLS with a peer.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The connection below failed.
    #[error("the connection failed")]
    Io(#[from] io::Error),
    /// The peer ended the connection within the handshake.
    #[error("the peer ended the connection within the TLS handshake")]
    Closed,
    /// The peer was refused, refused, or does not speak TLS. Where there was something to tell
    /// it, the alert has been sent.
    #[error("{}", Words(.0))]
    Protocol(Error),
    /// The peer's certificate was refused, and the peer was told so.
    #[error("{}", Words(.error))]
    Refused {
        /// Why.
        error: Error,
        /// The certificate.
        certificate: Box<PeerCertificate>,
    },
    /// The client asked for a name that nobody here has, and was told so.
    #[error("the client asked for `{0}`, which no `sni` names")]
    UnknownName(Box<str>),
    /// A host that no certificate can be for.
    #[error("`{0}` is neither a host name nor an IP address")]
    Name(String),
}

impl TlsError {
    /// Every word that [`TlsError::reason`] has.
    pub const REASONS: [&'static str; 15] = [
        "io",
        "closed",
        "bad_name",
        "unknown_name",
        "alert",
        "not_tls",
        "incompatible",
        "misbehaved",
        "no_protocol",
        "no_certificate",
        "certificate_expired",
        "certificate_revoked",
        "certificate_untrusted",
        "certificate_bad",
        "other",
    ];

    /// The certificate that was refused, if it has failed by one that is known.
    #[must_use]
    pub fn refused(&self) -> Option<&PeerCertificate> {
        match self {
            Self::Refused { certificate, .. } => Some(certificate),
            Self::Io(_) | Self::Closed | Self::Protocol(_) | Self::UnknownName(_) | Self::Name(_) => None,
        }
    }

    /// One of few words, for metrics and logs.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Io(_) => "io",
            Self::Closed => "closed",
            Self::Name(_) => "bad_name",
            Self::UnknownName(_) => "unknown_name",
            Self::Protocol(error) | Self::Refused { error, .. } => protocol_reason(error),
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the enum may grow, and the rest have one word in common")]
fn protocol_reason(error: &Error) -> &'static str {
    match error {
        Error::AlertReceived(_) => "alert",
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => "not_tls",
        Error::PeerIncompatible(_) => "incompatible",
        Error::PeerMisbehaved(_)
        | Error::InappropriateHandshakeMessage { .. }
        | Error::DecryptError
        | Error::PeerSentOversizedRecord => "misbehaved",
        Error::NoApplicationProtocol => "no_protocol",
        Error::NoCertificatesPresented => "no_certificate",
        Error::InvalidCertificate(error) => certificate_reason(error),
        Error::InvalidCertRevocationList(_) => "certificate_revoked",
        _ => "other",
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the enum may grow, and the rest have one word in common")]
fn certificate_reason(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => "certificate_expired",
        CertificateError::Revoked
        | CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. } => "certificate_revoked",
        CertificateError::UnknownIssuer => "certificate_untrusted",
        _ => "certificate_bad",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_one_of_the_known_words() {
        let errors = [
            TlsError::Io(io::ErrorKind::ConnectionReset.into()),
            TlsError::Closed,
            TlsError::Name("a b".into()),
            TlsError::UnknownName("b.example".into()),
            TlsError::Protocol(Error::DecryptError),
            TlsError::Protocol(Error::HandshakeNotComplete),
            TlsError::Protocol(Error::NoApplicationProtocol),
            TlsError::Protocol(Error::InvalidCertificate(CertificateError::Revoked)),
            TlsError::Protocol(Error::InvalidCertificate(CertificateError::BadEncoding)),
        ];
        let reasons = errors.map(|error| error.reason());
        assert!(reasons.iter().all(|reason| TlsError::REASONS.contains(reason)), "{reasons:?}");
        assert_eq!(reasons[7], "certificate_revoked");
    }
}

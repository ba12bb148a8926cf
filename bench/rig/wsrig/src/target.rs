//! Where a client connects, and what it asks for there.

use std::net::{SocketAddrV4, ToSocketAddrs};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};

/// Where to connect and what to ask for.
#[derive(Clone)]
pub struct Target {
    pub addr: SocketAddrV4,
    pub authority: String,
    pub path: String,
    pub tls: Option<Arc<ClientConfig>>,
    /// Offer permessage-deflate.
    pub deflate: bool,
    pub subprotocol: Option<&'static str>,
}

impl Target {
    /// Takes ws:// and wss:// addresses on the loopback range only.
    pub fn parse(url: &str, tls_insecure: bool) -> Result<Self, String> {
        let (tls, rest) = if let Some(rest) = url.strip_prefix("wss://") {
            (true, rest)
        } else if let Some(rest) = url.strip_prefix("ws://") {
            (false, rest)
        } else {
            return Err(format!("{url}: not a ws:// or wss:// address"));
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let default_port = if tls { ":443" } else { ":80" };
        let with_port =
            if authority.contains(':') { authority.to_owned() } else { format!("{authority}{default_port}") };
        let addr = with_port
            .to_socket_addrs()
            .map_err(|e| format!("{authority}: {e}"))?
            .find_map(|a| match a {
                std::net::SocketAddr::V4(v4) if v4.ip().is_loopback() => Some(v4),
                _ => None,
            })
            .ok_or_else(|| format!("{authority}: not an IPv4 loopback address"))?;
        if tls && !tls_insecure {
            return Err("wss:// needs --tls-insecure: the rig's certificates are self-signed".into());
        }
        Ok(Self {
            addr,
            authority: authority.to_owned(),
            path: path.to_owned(),
            tls: tls.then(|| Arc::new(insecure_config())),
            deflate: false,
            subprotocol: None,
        })
    }

    /// The same, with a subprotocol offered.
    pub fn with_subprotocol(self, subprotocol: &'static str) -> Self {
        Self { subprotocol: Some(subprotocol), ..self }
    }

    /// The same, with permessage-deflate offered or not.
    pub fn with_deflate(self, deflate: bool) -> Self {
        Self { deflate, ..self }
    }
}

fn insecure_config() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let schemes = provider.signature_verification_algorithms.supported_schemes();
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports the default TLS versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(TrustAll(schemes)))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Every handshake is a full one, so that the rate scenario compares like
    // with like.
    config.resumption = rustls::client::Resumption::disabled();
    config
}

/// Accepts any certificate: the rig talks to proxies on this machine.
#[derive(Debug)]
struct TrustAll(Vec<SignatureScheme>);

impl ServerCertVerifier for TrustAll {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_targets() {
        assert!(Target::parse("ws://127.0.0.1:9001/a", false).is_ok());
        assert!(Target::parse("ws://192.0.2.1:9001/", false).is_err());
        assert!(Target::parse("http://127.0.0.1/", false).is_err());
        assert!(Target::parse("wss://127.0.0.1:9001/", false).is_err());
        assert!(Target::parse("wss://127.0.0.1:9001/", true).is_ok());
    }
}

//! The client's half of the handshake, RFC 6455 §4.2.1 on top of RFC 9112.
//!
//! Owns: the order of the checks, and what of a good request goes on to the upstream: typed values
//! in one spelling, never the client's bytes.
//! Refuses: everything in `Refusal`. A request is judged as a whole; nothing in it is repaired.
//! Not here: paths, origins, credentials, and the fields that any proxy removes.

use super::{
    extension,
    field::Field,
    host::Authority,
    key::{Accept, Key},
    refusal::Refusal,
    subprotocol::Subprotocols,
    token,
};
use crate::deflate::{self, Offer};
use http::{
    Method, Uri, Version,
    header::{self, HeaderMap, HeaderValue},
    uri::Scheme,
};

/// What a client asks for. Whoever forwards less than this (fewer offers) takes it out of here
/// first, so that the answer is held against what was really asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientHandshake {
    /// The client's key, which also goes to the upstream.
    pub key: Key,
    /// The answer that this key wants.
    pub accept: Accept,
    /// The subprotocols in order of preference.
    pub subprotocols: Subprotocols,
    /// The offers of permessage-deflate that are possible, in order of preference.
    pub deflate_offers: Vec<Offer>,
}

/// Reads an opening handshake.
///
/// # Errors
/// The request asks for something else, or asks in a way that RFC 6455 or RFC 9112 forbids.
pub fn check(
    method: &Method,
    version: Version,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<ClientHandshake, Refusal> {
    if version == Version::HTTP_11 {
        check_host(uri, headers)?;
    }
    if !asks_for_websocket(headers) {
        return Err(Refusal::NotWebSocket);
    }
    // HTTP/1.0 has no upgrades (RFC 9110 §7.8); later versions have another handshake (RFC 8441).
    if version != Version::HTTP_11 {
        return Err(Refusal::HttpVersion);
    }
    if method != Method::GET {
        return Err(Refusal::Method);
    }
    check_target(uri)?;
    check_connection(headers)?;
    check_no_body(headers)?;
    check_version(headers)?;
    let key = read_key(headers)?;
    let subprotocols = Subprotocols::parse(headers.get_all(header::SEC_WEBSOCKET_PROTOCOL))
        .map_err(Refusal::Subprotocols)?;
    let extensions =
        extension::list(headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS)).map_err(Refusal::Extensions)?;
    let deflate_offers = deflate::offers(&extensions);
    Ok(ClientHandshake { key, accept: key.accept(), subprotocols, deflate_offers })
}

impl ClientHandshake {
    /// Makes `headers` ask for the same: puts in the fields of a handshake, other than Host, in the
    /// place of all lines they had. The length, which can only have been 0, is taken out.
    pub fn put(&self, headers: &mut HeaderMap) {
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(header::SEC_WEBSOCKET_KEY, self.key.to_header_value());
        let protocols = self.subprotocols.to_header_value();
        super::put_or_remove(headers, header::SEC_WEBSOCKET_PROTOCOL, protocols);
        let extensions = deflate::offers_to_header_value(&self.deflate_offers);
        super::put_or_remove(headers, header::SEC_WEBSOCKET_EXTENSIONS, extensions);
        headers.remove(header::CONTENT_LENGTH);
    }
}

/// Whether a request asks for an upgrade to websocket (RFC 6455 §4.2.1 (3)). An element that is no
/// protocol name (RFC 9110 §7.8) asks for nothing.
pub fn asks_for_websocket(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::UPGRADE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(token::elements)
        .any(|protocol| protocol.eq_ignore_ascii_case("websocket"))
}

/// One valid Host, as every request of HTTP/1.1 has it (RFC 9112 §3.2), and the same as in the target.
///
/// # Errors
/// There is no Host, or more than one, or one that is no authority, or another than in the target.
///
/// §3.2.2 lets a proxy ignore the Host beside a URI. Here the two must agree, because a later hop
/// may believe the other one.
pub fn check_host(uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    let host = match Field::of(headers, &header::HOST) {
        Field::Absent => return Err(Refusal::HostMissing),
        Field::Repeated => return Err(Refusal::HostRepeated),
        Field::Once(value) => value,
    };
    let host = str::from_utf8(host).ok().and_then(Authority::parse).ok_or(Refusal::HostInvalid)?;
    let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
        return Ok(());
    };
    let target = Authority::parse(authority.as_str()).ok_or(Refusal::Target)?;
    let default_port = if *scheme == Scheme::HTTPS { 443 } else { 80 };
    if host.same_as(&target, default_port) { Ok(()) } else { Err(Refusal::HostMismatch) }
}

/// A path, or an http or https URI (RFC 6455 §4.2.1 (1)); not the targets of CONNECT and OPTIONS.
///
/// # Errors
/// The target is something else.
pub fn check_target(uri: &Uri) -> Result<(), Refusal> {
    let legal = match (uri.scheme(), uri.authority()) {
        (None, None) => uri.path().starts_with('/'),
        (Some(scheme), Some(authority)) => {
            let is_http = *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS;
            is_http && Authority::parse(authority.as_str()).is_some()
        }
        (None, Some(_)) | (Some(_), None) => false,
    };
    if legal { Ok(()) } else { Err(Refusal::Target) }
}

/// RFC 6455 §4.2.1 (4).
fn check_connection(headers: &HeaderMap) -> Result<(), Refusal> {
    match token::contains(headers.get_all(header::CONNECTION), "upgrade") {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(Refusal::Connection),
    }
}

/// A GET may have a body, but not this one: its end would be in the middle of the frames. The one
/// length that is let through is the one that says so, in the spelling on which all agree.
fn check_no_body(headers: &HeaderMap) -> Result<(), Refusal> {
    let length = match Field::of(headers, &header::CONTENT_LENGTH) {
        Field::Absent => None,
        Field::Once(value) => Some(value),
        Field::Repeated => return Err(Refusal::Body),
    };
    let empty = length.is_none_or(|length| length == b"0");
    if empty && !headers.contains_key(header::TRANSFER_ENCODING) { Ok(()) } else { Err(Refusal::Body) }
}

/// A version that is named but not understood is answered with the one that is (RFC 6455 §4.2.2
/// (4), §4.4). A request that names none, or two, is not a handshake as §4.2.1 describes it, and
/// that paragraph answers such a one with an error like 400.
fn check_version(headers: &HeaderMap) -> Result<(), Refusal> {
    match Field::of(headers, &header::SEC_WEBSOCKET_VERSION) {
        Field::Once(b"13") => Ok(()),
        Field::Once(_) => Err(Refusal::VersionUnsupported),
        Field::Absent => Err(Refusal::VersionMissing),
        Field::Repeated => Err(Refusal::VersionRepeated),
    }
}

/// RFC 6455 §4.2.1 (5).
fn read_key(headers: &HeaderMap) -> Result<Key, Refusal> {
    match Field::of(headers, &header::SEC_WEBSOCKET_KEY) {
        Field::Once(value) => Key::parse(value).ok_or(Refusal::KeyInvalid),
        Field::Absent => Err(Refusal::KeyMissing),
        Field::Repeated => Err(Refusal::KeyRepeated),
    }
}

#[cfg(test)]
mod tests;

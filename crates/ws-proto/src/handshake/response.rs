//! The server's half of the handshake, as a client must check it: RFC 6455 §4.1, RFC 7692 §7.1.
//!
//! Owns: what both sides have agreed on once a 101 is believed, and how the client is told.
//! Refuses: a 101 that does not prove that this very request was read, or that grants what was
//! never asked for. An upstream that does so is not a WebSocket server, so nothing may go to it.
//! Not here: other statuses, which are ordinary responses.

use super::{extension, field::Field, request::ClientHandshake, token, token::ListFault};
use crate::deflate::{self, Agreed, AnswerFault};
use http::{
    StatusCode,
    header::{self, HeaderMap, HeaderValue},
};

/// What client and server agreed on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agreement {
    /// The chosen subprotocol, one of those offered.
    pub subprotocol: Option<Box<str>>,
    /// The parameters of permessage-deflate, if it is in use.
    pub deflate: Option<Agreed>,
}

/// Why an upstream's 101 is not believed. The upstream is to blame for each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseFault {
    /// Not a 101 in the first place.
    #[error("the upstream does not switch protocols")]
    Status,
    /// RFC 6455 §4.1, "(2)": exactly `websocket`, since a 101 lists what it switches to.
    #[error("the upstream does not switch to websocket")]
    Upgrade,
    /// RFC 6455 §4.1, "(3)".
    #[error("the Connection field of the upstream does not hold the token upgrade")]
    Connection,
    /// RFC 6455 §4.1, "(4)".
    #[error("the upstream sent no Sec-WebSocket-Accept")]
    AcceptMissing,
    /// RFC 6455 §11.3.3.
    #[error("the upstream sent more than one Sec-WebSocket-Accept")]
    AcceptRepeated,
    /// RFC 6455 §4.1, "(4)".
    #[error("the upstream's Sec-WebSocket-Accept is not the one that the key wants")]
    AcceptWrong,
    /// RFC 6455 §11.3.4.
    #[error("the upstream sent more than one Sec-WebSocket-Protocol")]
    SubprotocolRepeated,
    /// RFC 6455 §4.1, "(6)".
    #[error("the upstream chose a subprotocol that was not offered")]
    SubprotocolNotOffered,
    /// RFC 6455 §11.3.2.
    #[error("the upstream sent more than one Sec-WebSocket-Extensions")]
    ExtensionsRepeated,
    /// RFC 6455 §9.1.
    #[error("the Sec-WebSocket-Extensions of the upstream is broken: {0}")]
    ExtensionsBroken(ListFault),
    /// RFC 6455 §4.1, "(5)", and RFC 7692 §7.1.
    #[error("the Sec-WebSocket-Extensions of the upstream is no answer to the offers: {0}")]
    ExtensionsNotOffered(AnswerFault),
}

/// Reads an upstream's answer to the request that `asked` was made into.
///
/// # Errors
/// The answer opens no WebSocket, or another one than was asked for.
pub fn check(
    status: StatusCode,
    headers: &HeaderMap,
    asked: &ClientHandshake,
) -> Result<Agreement, ResponseFault> {
    if status != StatusCode::SWITCHING_PROTOCOLS {
        return Err(ResponseFault::Status);
    }
    check_upgrade(headers)?;
    check_accept(headers, asked)?;
    Ok(Agreement {
        subprotocol: read_subprotocol(headers, asked)?,
        deflate: read_extensions(headers, asked)?,
    })
}

impl Agreement {
    /// Makes `headers` those of the 101 to the client who asked: puts in the fields of the answer
    /// in the place of all lines they had. A body, which no 101 has, is not announced (RFC 9110
    /// §8.6, RFC 9112 §6.1), and a subprotocol that was not asked for is not named.
    pub fn put(&self, asked: &ClientHandshake, headers: &mut HeaderMap) {
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, asked.accept.to_header_value());
        let chosen = self.subprotocol.as_deref().filter(|name| asked.subprotocols.contains(name));
        let chosen = chosen.map(|name| HeaderValue::from_str(name).expect("an offered name is a token"));
        super::put_or_remove(headers, header::SEC_WEBSOCKET_PROTOCOL, chosen);
        let extensions = self.deflate.as_ref().map(Agreed::to_header_value);
        super::put_or_remove(headers, header::SEC_WEBSOCKET_EXTENSIONS, extensions);
        headers.remove(header::CONTENT_LENGTH);
        headers.remove(header::TRANSFER_ENCODING);
    }
}

impl ResponseFault {
    /// The label in metrics and logs; it stays the same from release to release.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Status => "upstream_status",
            Self::Upgrade => "upstream_upgrade",
            Self::Connection => "upstream_connection",
            Self::AcceptMissing => "upstream_accept_missing",
            Self::AcceptRepeated => "upstream_accept_repeated",
            Self::AcceptWrong => "upstream_accept_wrong",
            Self::SubprotocolRepeated => "upstream_subprotocol_repeated",
            Self::SubprotocolNotOffered => "upstream_subprotocol_not_offered",
            Self::ExtensionsRepeated => "upstream_extensions_repeated",
            Self::ExtensionsBroken(_) => "upstream_extensions_broken",
            Self::ExtensionsNotOffered(_) => "upstream_extensions_not_offered",
        }
    }
}

/// RFC 6455 §4.1 "(2)" and "(3)". More protocols beside websocket would be layers below or above
/// it (RFC 9110 §7.8), and nobody here speaks those.
fn check_upgrade(headers: &HeaderMap) -> Result<(), ResponseFault> {
    match Field::of(headers, &header::UPGRADE) {
        Field::Once(protocol) if protocol.eq_ignore_ascii_case(b"websocket") => {}
        Field::Once(_) | Field::Absent | Field::Repeated => return Err(ResponseFault::Upgrade),
    }
    match token::contains(headers.get_all(header::CONNECTION), "upgrade") {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(ResponseFault::Connection),
    }
}

fn check_accept(headers: &HeaderMap, asked: &ClientHandshake) -> Result<(), ResponseFault> {
    match Field::of(headers, &header::SEC_WEBSOCKET_ACCEPT) {
        Field::Once(accept) if accept == asked.accept.as_str().as_bytes() => Ok(()),
        Field::Once(_) => Err(ResponseFault::AcceptWrong),
        Field::Absent => Err(ResponseFault::AcceptMissing),
        Field::Repeated => Err(ResponseFault::AcceptRepeated),
    }
}

/// A server may choose none (RFC 6455 §4.2.2 (5.5)); whether to go on then is the client's affair.
/// An empty value is a choice, and nobody can have offered it.
fn read_subprotocol(headers: &HeaderMap, asked: &ClientHandshake) -> Result<Option<Box<str>>, ResponseFault> {
    let chosen = match Field::of(headers, &header::SEC_WEBSOCKET_PROTOCOL) {
        Field::Absent => return Ok(None),
        Field::Repeated => return Err(ResponseFault::SubprotocolRepeated),
        Field::Once(value) => str::from_utf8(value).ok(),
    };
    match chosen.filter(|name| asked.subprotocols.contains(name)) {
        Some(name) => Ok(Some(name.into())),
        None => Err(ResponseFault::SubprotocolNotOffered),
    }
}

fn read_extensions(headers: &HeaderMap, asked: &ClientHandshake) -> Result<Option<Agreed>, ResponseFault> {
    if Field::of(headers, &header::SEC_WEBSOCKET_EXTENSIONS) == Field::Repeated {
        return Err(ResponseFault::ExtensionsRepeated);
    }
    let extensions = extension::list(headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS))
        .map_err(ResponseFault::ExtensionsBroken)?;
    deflate::answer(&extensions, &asked.deflate_offers).map_err(ResponseFault::ExtensionsNotOffered)
}

#[cfg(test)]
mod tests;

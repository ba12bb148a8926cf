//! What frame logs tell of a session that the session itself does not know: its request, and
//! who is at both ends. Kept from the handshake to the open, on routes that have frame logs.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gate_core::template::Facts;
use gate_net::Stream;
use http::{HeaderMap, Method, Version, header, request};

use crate::front::agents;
use crate::front::conversation::Conversation;
use crate::front::request::Asked;
use crate::front::token;
use crate::observe::frame_log::{FrameLog, SessionLog};
use crate::observe::record::Opened;
use crate::trace::heads;

/// See the module.
pub(crate) struct Logged {
    logs: Vec<Arc<FrameLog>>,
    method: Method,
    /// As it came.
    target: String,
    version: Version,
    headers: HeaderMap,
    host: String,
    scheme: &'static str,
    remote: (String, Option<u16>),
}

impl Logged {
    /// What there is to be told of a request; `None`: the route has no frame logs.
    pub(crate) fn of(asked: &Asked, head: &request::Parts) -> Option<Box<Self>> {
        let (_, route) = asked.route()?;
        let logs: Vec<_> = route
            .websocket
            .frame_logs
            .iter()
            .filter_map(|id| asked.snapshot.frame_log(*id))
            .cloned()
            .collect();
        if logs.is_empty() {
            return None;
        }
        let client = &asked.client;
        let address = client.address().map_or_else(|| "unix:".to_owned(), |address| address.to_string());
        Some(Box::new(Self {
            logs,
            method: head.method.clone(),
            target: head.uri.to_string(),
            version: head.version,
            headers: told(asked, head),
            host: asked.host.clone(),
            scheme: client.scheme().name(),
            remote: (address, client.port()),
        }))
    }

    /// Writes that the session opens.
    pub(crate) fn open(
        &self,
        conversation: &Conversation,
        client: &Stream,
        opened: &Opened,
        subprotocol: Option<&str>,
    ) -> Option<Box<SessionLog>> {
        let arrived = &conversation.client;
        let listener = arrived.listener();
        let local = client.socket().local_addr();
        let server_addr = match local {
            Some(address) => address.ip().to_canonical().to_string(),
            None => listener.map_or_else(String::new, |listener| listener.address.value.to_string()),
        };
        let user = user(&self.headers);
        let tls = arrived.tls.as_deref();
        let certificate = tls.and_then(|tls| tls.peer_certificate.as_ref());
        let facts = Facts {
            remote_addr: &self.remote.0,
            remote_port: self.remote.1,
            remote_user: user.as_deref(),
            server_addr: &server_addr,
            server_port: local.map(|address| address.port()),
            upstream_addr: &opened.upstream,
            method: &self.method,
            target: &self.target,
            protocol: if self.version == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" },
            path: &opened.path,
            query: self.target.split_once('?').map(|(_, query)| query),
            host: &self.host,
            scheme: self.scheme,
            headers: &self.headers,
            request_id: &opened.request_id,
            route: &opened.route,
            listener: listener.map_or("", |listener| &listener.id),
            session: &opened.id.to_string(),
            subprotocol,
            tls_version: tls.map(|tls| tls.version),
            tls_cipher: tls.map(|tls| tls.cipher),
            tls_server_name: tls.and_then(|tls| tls.server_name.as_deref()),
            tls_client_subject: certificate.map(|certificate| &*certificate.subject),
        };
        SessionLog::open(&self.logs, &conversation.worker.frame_logs, &facts, opened.at)
    }
}

/// The headers without tokens that the client has sent for agents: in the offer of subprotocols, and
/// where agents are asked, in cookies, of which nobody here knows which one it is.
fn told(asked: &Asked, head: &request::Parts) -> HeaderMap {
    let mut headers = head.headers.clone();
    let name = asked.route().and_then(|(_, route)| route.websocket.token_subprotocol.as_deref());
    if let Some(name) = name {
        token::hide(&mut headers, name);
    }
    if agents::of(asked).next().is_some() {
        heads::hide_cookies(&mut headers);
    }
    headers
}

/// The user of basic authentication (RFC 7617 §2).
fn user(headers: &HeaderMap) -> Option<String> {
    let (scheme, credentials) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(credentials.trim()).ok()?;
    let user = decoded.split(|byte| *byte == b':').next()?;
    (!user.is_empty()).then(|| String::from_utf8_lossy(user).into_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_user_of_basic_authentication_is_found() {
        for (value, expected) in [
            ("Basic YW5uOnNlY3JldA==", Some("ann")),
            ("basic YW5uOg==", Some("ann")),
            ("Basic YW5u", Some("ann")),
            ("Basic OnNlY3JldA==", None),
            ("Basic !!", None),
            ("Bearer YW5uOnNlY3JldA==", None),
            ("Basic", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
            assert_eq!(user(&headers).as_deref(), expected, "{value}");
        }
        assert_eq!(user(&HeaderMap::new()), None);
    }
}

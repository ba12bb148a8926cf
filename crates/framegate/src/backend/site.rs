//! What the backend answers to HTTP: the page, the health check, handshakes (RFC 6455 §4.2), refusals.
//!
//! It decides and answers; what happens on an upgraded connection is `session`'s.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use super::chat::Room;
use super::session::{Opening, Place};
use super::{Settings, Sockets};

/// Everything that requests share: the page, with the gateway's address in it, and the chat room.
#[derive(Debug)]
pub(super) struct Site {
    page: Bytes,
    room: Arc<Room>,
}

impl Site {
    pub(super) fn new(settings: Settings) -> Self {
        let page = PAGE.replace(PLACEHOLDER, &socket_base(settings.sockets));
        Self { page: Bytes::from(page), room: Arc::new(Room::new()) }
    }

    /// Answers one request. If the answer is 101, the opening is sent to `upgrades` before it is returned.
    pub(super) fn answer(
        &self,
        request: Request<Incoming>,
        upgrades: &mpsc::Sender<Opening>,
    ) -> Response<Full<Bytes>> {
        if wants_websocket(request.headers()) {
            return self.handshake(request, upgrades);
        }
        let readable = matches!(*request.method(), Method::GET | Method::HEAD);
        match request.uri().path() {
            "/" | "/health" if !readable => {
                with_header(text(StatusCode::METHOD_NOT_ALLOWED, "GET only"), ALLOW, "GET, HEAD")
            }
            "/" => self.page(),
            "/health" => text(StatusCode::OK, "ok"),
            "/echo" | "/chat" => {
                upgrade_required("this is a WebSocket: send a handshake, or see / in a browser")
            }
            _ => text(StatusCode::NOT_FOUND, "only /, /health, and WebSockets at any path"),
        }
    }

    fn page(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.page.clone()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
        response
    }

    fn handshake(
        &self,
        mut request: Request<Incoming>,
        upgrades: &mpsc::Sender<Opening>,
    ) -> Response<Full<Bytes>> {
        let mut response = match create_response_with_body(&request, Full::default) {
            Ok(response) => response,
            Err(error) => return refuse(&error),
        };
        if let Some(protocol) = first_subprotocol(request.headers()) {
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        let place = match request.uri().path() {
            "/chat" => Place::Chat(Arc::clone(&self.room)),
            _ => Place::Echo,
        };
        let opening = Opening { upgrade: hyper::upgrade::on(&mut request), place };
        match upgrades.try_send(opening) {
            Ok(()) => response,
            Err(_) => text(StatusCode::BAD_REQUEST, "this connection is being upgraded already"),
        }
    }
}

const PAGE: &str = include_str!("page.html");
const PLACEHOLDER: &str = "{{gateway}}";

/// The page loads nothing and may only open WebSockets.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                           img-src data:; connect-src ws: wss:; base-uri 'none'; form-action 'none'; \
                           frame-ancestors 'none'";

/// What the page finds in place of the placeholder: nothing (its own host and port), a port, or a whole URL.
fn socket_base(sockets: Sockets) -> String {
    match sockets {
        Sockets::Here => String::new(),
        Sockets::Gateway(address) if address.ip().is_unspecified() => format!(":{}", address.port()),
        Sockets::Gateway(address) => format!("ws://{address}"),
    }
}

fn wants_websocket(headers: &HeaderMap) -> bool {
    let names_it = |value: &HeaderValue| {
        value
            .to_str()
            .is_ok_and(|list| list.split(',').any(|token| token.trim().eq_ignore_ascii_case("websocket")))
    };
    headers.get_all(UPGRADE).iter().any(names_it)
}

/// The first subprotocol that the client offers (RFC 6455 §4.2.2: the choice is the server's).
fn first_subprotocol(headers: &HeaderMap) -> Option<HeaderValue> {
    let offered = headers.get(SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    let first = offered.split(',').map(str::trim).find(|name| !name.is_empty())?;
    HeaderValue::from_str(first).ok()
}

fn refuse(error: &Error) -> Response<Full<Bytes>> {
    if let Error::Protocol(ProtocolError::WrongHttpMethod) = error {
        return with_header(text(StatusCode::METHOD_NOT_ALLOWED, "a handshake is a GET"), ALLOW, "GET");
    }
    if let Error::Protocol(ProtocolError::MissingSecWebSocketVersionHeader) = error {
        // RFC 6455 §4.4: the answer names the version that would do.
        return upgrade_required("the version is 13");
    }
    text(StatusCode::BAD_REQUEST, &error.to_string())
}

fn upgrade_required(why: &str) -> Response<Full<Bytes>> {
    let response = with_header(text(StatusCode::UPGRADE_REQUIRED, why), SEC_WEBSOCKET_VERSION, "13");
    // RFC 9110 §15.5.22 and §7.8: 426 names the protocol, and Upgrade is listed in Connection.
    with_header(with_header(response, UPGRADE, "websocket"), CONNECTION, "Upgrade")
}

fn text(status: StatusCode, line: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(format!("{line}\n"))));
    *response.status_mut() = status;
    with_header(response, CONTENT_TYPE, "text/plain; charset=utf-8")
}

fn with_header(
    mut response: Response<Full<Bytes>>,
    name: http::HeaderName,
    value: &'static str,
) -> Response<Full<Bytes>> {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

#[cfg(test)]
mod tests {
    use super::{PAGE, PLACEHOLDER, Sockets, first_subprotocol, socket_base, wants_websocket};
    use http::header::{SEC_WEBSOCKET_PROTOCOL, UPGRADE};
    use http::{HeaderMap, HeaderValue};

    #[test]
    fn the_page_has_one_place_for_the_gateways_address() {
        assert_eq!(PAGE.matches(PLACEHOLDER).count(), 1);
    }

    #[test]
    fn the_page_is_self_contained() {
        for outside in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!PAGE.contains(outside), "{outside} in the page");
        }
    }

    #[test]
    fn an_unspecified_gateway_address_leaves_the_host_to_the_browser() {
        for (sockets, expected) in [
            (Sockets::Here, ""),
            (Sockets::Gateway(([127, 0, 0, 1], 8080).into()), "ws://127.0.0.1:8080"),
            (Sockets::Gateway(([0, 0, 0, 0], 8080).into()), ":8080"),
            (Sockets::Gateway(([0, 0, 0, 0, 0, 0, 0, 0], 8080).into()), ":8080"),
            (Sockets::Gateway(([0, 0, 0, 0, 0, 0, 0, 1], 8080).into()), "ws://[::1]:8080"),
        ] {
            assert_eq!(socket_base(sockets), expected);
        }
    }

    #[test]
    fn only_an_upgrade_to_websocket_is_a_handshake() {
        for (value, expected) in
            [("websocket", true), ("h2c, WebSocket", true), ("h2c", false), ("websockets", false)]
        {
            let headers = HeaderMap::from_iter([(UPGRADE, HeaderValue::from_static(value))]);
            assert_eq!(wants_websocket(&headers), expected, "{value}");
        }
        assert!(!wants_websocket(&HeaderMap::new()));
    }

    #[test]
    fn the_first_subprotocol_offered_is_chosen() {
        for (value, expected) in [("chat.v1, chat.v2", Some("chat.v1")), (" ,b", Some("b")), ("", None)] {
            let headers = HeaderMap::from_iter([(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(value))]);
            assert_eq!(first_subprotocol(&headers), expected.map(HeaderValue::from_static), "{value}");
        }
    }
}

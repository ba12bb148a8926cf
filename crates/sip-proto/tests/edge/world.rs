//! A gateway with one client on WebSocket and one server on UDP, and how its rulings are compared.

use sip_proto::edge::{Edge, EdgeSettings, Hop, Kind, Method, Ruling, Source, Transport};
use sip_proto::token::{Flow, Purpose, TokenKey};
use sip_proto::{Limits, Message};

pub(crate) const PROCESS: u32 = 0x0600_0d1e;

pub(crate) const UP: Hop<'static> = Hop { transport: Transport::Udp, sent_by: "gw.example.org:5060" };
pub(crate) const DOWN: Hop<'static> = Hop { transport: Transport::Wss, sent_by: "gw.example.org:443" };

pub(crate) fn key() -> TokenKey {
    TokenKey::new(b"0123456789abcdef0123456789abcdef")
}

pub(crate) fn settings() -> EdgeSettings {
    EdgeSettings {
        process: PROCESS,
        key: key(),
        names: vec!["gw.example.org".to_owned()],
        methods: Vec::new(),
        limits: Limits::default(),
        answers_options: true,
        always_path: true,
    }
}

pub(crate) fn edge() -> Edge {
    Edge::new(settings())
}

/// The client with that number, on a WebSocket connection of its own.
pub(crate) fn client(number: u8) -> Source<'static> {
    Source {
        flow: Flow { process: PROCESS, worker: 1, id: 100 + u64::from(number), peer: None },
        address: format!("198.51.100.{number}:500{number:02}").parse().unwrap(),
        transport: Transport::Wss,
        sent_by: DOWN.sent_by,
    }
}

/// The server, which sends to a socket of the gateway's.
pub(crate) fn server() -> Source<'static> {
    let address = "10.0.0.1:5060".parse().unwrap();
    Source {
        flow: Flow { process: PROCESS, worker: 0, id: 7, peer: Some(address) },
        address,
        transport: Transport::Udp,
        sent_by: UP.sent_by,
    }
}

/// All clients are there.
#[expect(clippy::unnecessary_wraps, reason = "it stands for a table in which flows may be missing")]
pub(crate) fn all_there(_flow: &Flow) -> Option<Hop<'static>> {
    Some(DOWN)
}

/// What was ruled, and what was written.
pub(crate) fn from_client(edge: &Edge, number: u8, message: &[u8]) -> (Ruling, Vec<u8>) {
    let mut out = Vec::new();
    let ruling = edge.from_downstream(message, &client(number), &UP, &mut out);
    (ruling, out)
}

/// What was ruled, and what was written.
pub(crate) fn from_server(edge: &Edge, message: &[u8]) -> (Ruling, Vec<u8>) {
    let mut out = Vec::new();
    let ruling = edge.from_upstream(message, &server(), all_there, &mut out);
    (ruling, out)
}

/// The token by which requests reach a client.
pub(crate) fn token_of_client(number: u8) -> String {
    text(key().sign(&client(number).flow, Purpose::Request).as_bytes())
}

/// The token by which responses reach a client.
pub(crate) fn back_to_client(number: u8) -> String {
    text(key().sign(&client(number).flow, Purpose::ResponseDownstream).as_bytes())
}

/// The token by which a client's responses reach the server.
pub(crate) fn back_to_server(number: u8) -> String {
    let purpose = Purpose::ResponseUpstream { sent_to: client(number).flow };
    text(key().sign(&server().flow, purpose).as_bytes())
}

/// A message of these lines: they end with CRLF, an empty line follows if there is none, and `{length}` is
/// the body's. Blanks before a line are not part of it, a tab is.
pub(crate) fn sip(lines: &str) -> Vec<u8> {
    let lines: Vec<_> = lines.trim_matches('\n').lines().map(|line| line.trim_start_matches(' ')).collect();
    let (head, body) = match lines.iter().position(|line| line.is_empty()) {
        Some(empty) => lines.split_at(empty),
        None => (lines.as_slice(), [].as_slice()),
    };
    let body: String = body.iter().skip(1).flat_map(|line| [*line, "\r\n"]).collect();
    let head: String = head.iter().flat_map(|line| [*line, "\r\n"]).collect();
    let head = head.replace("{length}", &body.len().to_string());
    format!("{head}\r\n{body}").into_bytes()
}

/// With the names that [`masked`] gives to tokens in the place of the tokens.
pub(crate) fn with_tokens(text: &str) -> String {
    masks().into_iter().fold(text.to_owned(), |text, (token, name)| text.replace(&name, &token))
}

/// With names in the place of tokens and of the hashes in the gateway's branches.
pub(crate) fn masked(message: &[u8]) -> String {
    let mut text = masks().into_iter().fold(text(message), |text, (token, name)| text.replace(&token, &name));
    let mut at = 0;
    while let Some(found) = text[at..].find("z9hG4bK") {
        at += found + 7;
        if text.get(at + 22..).is_some_and(|rest| rest.starts_with(".{")) {
            text.replace_range(at..at + 22, "*");
        }
    }
    text
}

fn masks() -> Vec<(String, String)> {
    let of_client = |number| {
        [
            (token_of_client(number), format!("{{client {number}}}")),
            (back_to_client(number), format!("{{back to client {number}}}")),
            (back_to_server(number), format!("{{back to server from {number}}}")),
        ]
    };
    (1..=3).flat_map(of_client).collect()
}

/// The message with changes that each fit exactly once.
pub(crate) fn changed(message: &[u8], changes: &[(&str, &str)]) -> String {
    let mut text = text(message);
    for (old, new) in changes {
        assert_eq!(text.matches(old).count(), 1, "{old:?} fits once in\n{text}");
        text = text.replacen(old, new, 1);
    }
    text
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The values of a header in their order, list items each by itself.
pub(crate) fn values(message: &[u8], name: sip_proto::HeaderName) -> Vec<String> {
    let message = Message::parse(message, &Limits::default()).unwrap();
    message.values(name).map(|value| text(value.bytes)).collect()
}

pub(crate) fn request(method: Method) -> Kind {
    Kind::Request(method)
}

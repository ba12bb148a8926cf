//! What agents are told of requests and messages.

use std::borrow::Cow;
use std::collections::BTreeMap;

use agent_proto::{Event, Metadata, Opcode, Payload, RequestHeaders, WebSocketFrame};
use gate_core::Side;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;

use crate::clock;
use crate::inspect::opinion::{Message, Speaker};

/// A request that agents are asked about, as those who were asked before have left it.
#[derive(Clone, Debug)]
pub(crate) struct Inquiry {
    /// All but the time and the trace.
    pub(crate) metadata: Metadata,
    pub(crate) method: String,
    /// Path and query.
    pub(crate) uri: String,
    pub(crate) headers: HeaderMap,
}

impl Inquiry {
    /// What an agent is told of it.
    pub(crate) fn event(&self) -> RequestHeaders {
        let trace = self.headers.get("traceparent");
        let metadata = Metadata {
            timestamp: Timestamp::try_from(clock::wall()).unwrap_or_default().to_string(),
            traceparent: trace.and_then(|value| Some(value.to_str().ok()?.to_owned())),
            ..self.metadata.clone()
        };
        let (method, uri) = (self.method.clone(), self.uri.clone());
        RequestHeaders { metadata, method, uri, headers: by_name(&self.headers) }
    }
}

/// What stands for the address of a client on a unix socket.
pub(crate) const NO_ADDRESS: &str = "unix:";

/// A whole message, as one frame.
pub(super) fn of_message<'a>(speaker: &'a Speaker, message: &'a Message) -> Event<'a> {
    let client_ip = match speaker.client {
        Some(address) => Cow::Owned(address.to_string()),
        None => Cow::Borrowed(NO_ADDRESS),
    };
    Event::WebSocketFrame(WebSocketFrame {
        correlation_id: Cow::Borrowed(&speaker.request_id),
        opcode: opcode(message.opcode),
        data: Payload::from(&*message.payload),
        client_to_server: message.from == Side::Client,
        frame_index: message.index,
        fin: true,
        route_id: Some(Cow::Borrowed(&speaker.route)),
        client_ip,
    })
}

fn opcode(opcode: ws_proto::Opcode) -> Opcode {
    match opcode {
        ws_proto::Opcode::Text => Opcode::Text,
        ws_proto::Opcode::Binary => Opcode::Binary,
        ws_proto::Opcode::Continuation => Opcode::Continuation,
        ws_proto::Opcode::Close => Opcode::Close,
        ws_proto::Opcode::Ping => Opcode::Ping,
        ws_proto::Opcode::Pong => Opcode::Pong,
    }
}

/// All values of each name. What is not UTF-8 is read as Latin-1, in which every byte is something,
/// so that none is hidden.
fn by_name(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        all.entry(name.as_str().to_owned()).or_default().push(text(value));
    }
    all
}

fn text(value: &HeaderValue) -> String {
    let latin_1 = || value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
    str::from_utf8(value.as_bytes()).map_or_else(|_| latin_1(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_of_a_value_is_hidden_from_agents() {
        let mut headers = HeaderMap::new();
        for value in [&b"a"[..], "ü".as_bytes(), b"\xfc<script>"] {
            headers.append("x", HeaderValue::from_bytes(value).unwrap());
        }
        assert_eq!(by_name(&headers)["x"], ["a", "ü", "ü<script>"]);
    }
}

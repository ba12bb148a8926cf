//! What an agent is asked about. The types are those of version 1; version 2 carries the same.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bounded;
use crate::json::Json;
use crate::payload::Payload;

/// Something that happens, about which an agent is asked.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Event<'a> {
    /// Settings for the agent, out of the proxy's configuration.
    Configure(Configure),
    /// A request has come.
    RequestHeaders(RequestHeaders),
    /// A piece of its body has come.
    RequestBodyChunk(RequestBodyChunk<'a>),
    /// The upstream has answered.
    ResponseHeaders(ResponseHeaders),
    /// A piece of the answer's body has come.
    ResponseBodyChunk(ResponseBodyChunk<'a>),
    /// The request is over.
    RequestComplete(RequestComplete),
    /// A message, or a frame, of a WebSocket.
    WebSocketFrame(WebSocketFrame<'a>),
    /// A text for, or of, a language model.
    GuardrailInspect(GuardrailInspect),
}

/// Which event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// [`Event::Configure`].
    Configure,
    /// [`Event::RequestHeaders`].
    RequestHeaders,
    /// [`Event::RequestBodyChunk`].
    RequestBodyChunk,
    /// [`Event::ResponseHeaders`].
    ResponseHeaders,
    /// [`Event::ResponseBodyChunk`].
    ResponseBodyChunk,
    /// [`Event::RequestComplete`].
    RequestComplete,
    /// [`Event::WebSocketFrame`], on the wire `web_socket_frame`.
    WebSocketFrame,
    /// [`Event::GuardrailInspect`].
    GuardrailInspect,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Configure,
        Self::RequestHeaders,
        Self::RequestBodyChunk,
        Self::ResponseHeaders,
        Self::ResponseBodyChunk,
        Self::RequestComplete,
        Self::WebSocketFrame,
        Self::GuardrailInspect,
    ];

    /// The name in version 1.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Configure => "configure",
            Self::RequestHeaders => "request_headers",
            Self::RequestBodyChunk => "request_body_chunk",
            Self::ResponseHeaders => "response_headers",
            Self::ResponseBodyChunk => "response_body_chunk",
            Self::RequestComplete => "request_complete",
            Self::WebSocketFrame => "web_socket_frame",
            Self::GuardrailInspect => "guardrail_inspect",
        }
    }

    /// The kind that has this name in version 1.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl Event<'_> {
    /// Which it is.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Configure(_) => EventKind::Configure,
            Self::RequestHeaders(_) => EventKind::RequestHeaders,
            Self::RequestBodyChunk(_) => EventKind::RequestBodyChunk,
            Self::ResponseHeaders(_) => EventKind::ResponseHeaders,
            Self::ResponseBodyChunk(_) => EventKind::ResponseBodyChunk,
            Self::RequestComplete(_) => EventKind::RequestComplete,
            Self::WebSocketFrame(_) => EventKind::WebSocketFrame,
            Self::GuardrailInspect(_) => EventKind::GuardrailInspect,
        }
    }

    /// The request, or the connection, that it belongs to: by this version 2 pairs answers with
    /// events, so one event of an id may be under way on a connection.
    #[must_use]
    pub fn correlation_id(&self) -> &str {
        match self {
            Self::Configure(event) => &event.correlation_id,
            Self::RequestHeaders(event) => &event.metadata.correlation_id,
            Self::RequestBodyChunk(event) => &event.correlation_id,
            Self::ResponseBodyChunk(event) => &event.correlation_id,
            Self::ResponseHeaders(event) => &event.correlation_id,
            Self::RequestComplete(event) => &event.correlation_id,
            Self::WebSocketFrame(event) => &event.correlation_id,
            Self::GuardrailInspect(event) => &event.correlation_id,
        }
    }

    /// Reads the event of a kind from its JSON.
    pub(crate) fn read(kind: EventKind, payload: &[u8]) -> Result<Event<'_>, serde_json::Error> {
        Ok(match kind {
            EventKind::Configure => Event::Configure(serde_json::from_slice(payload)?),
            EventKind::RequestHeaders => Event::RequestHeaders(serde_json::from_slice(payload)?),
            EventKind::RequestBodyChunk => Event::RequestBodyChunk(serde_json::from_slice(payload)?),
            EventKind::ResponseHeaders => Event::ResponseHeaders(serde_json::from_slice(payload)?),
            EventKind::ResponseBodyChunk => Event::ResponseBodyChunk(serde_json::from_slice(payload)?),
            EventKind::RequestComplete => Event::RequestComplete(serde_json::from_slice(payload)?),
            EventKind::WebSocketFrame => Event::WebSocketFrame(serde_json::from_slice(payload)?),
            EventKind::GuardrailInspect => Event::GuardrailInspect(serde_json::from_slice(payload)?),
        })
    }
}

/// Settings for the agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Configure {
    /// The agent's name in the proxy's configuration; version 1 only.
    #[serde(default)]
    pub agent_id: String,
    /// What the operator has written for it, an object.
    pub config: Json,
    /// What the answer is paired by; version 2 only.
    #[serde(default, skip_serializing)]
    pub correlation_id: String,
    /// Which settings these are; version 2 only.
    #[serde(default, skip_serializing)]
    pub config_version: Option<String>,
}

/// A request has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestHeaders {
    /// Where from, through what, to where.
    pub metadata: Metadata,
    /// `GET` and the like.
    pub method: String,
    /// Path and query.
    pub uri: String,
    /// All values of each name.
    #[serde(deserialize_with = "bounded::map_of_lists")]
    pub headers: BTreeMap<String, Vec<String>>,
}

/// What a proxy knows of a request beside what the client has said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The same for all events of the request and of the WebSocket that it opens.
    pub correlation_id: String,
    /// The proxy's id of the request.
    pub request_id: String,
    /// The client's address.
    pub client_ip: String,
    /// The client's port.
    pub client_port: u16,
    /// The name that the client asked for.
    pub server_name: Option<String>,
    /// Such as `HTTP/1.1`.
    pub protocol: String,
    /// Such as `TLSv1.3`.
    pub tls_version: Option<String>,
    /// The cipher suite.
    pub tls_cipher: Option<String>,
    /// The route that answers.
    pub route_id: Option<String>,
    /// The upstream that is asked.
    pub upstream_id: Option<String>,
    /// When it came, as in RFC 3339.
    pub timestamp: String,
    /// The trace that it belongs to (W3C Trace Context).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// A piece of a request's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestBodyChunk<'a> {
    /// See [`Metadata::correlation_id`].
    #[serde(borrow)]
    pub correlation_id: Cow<'a, str>,
    /// Its bytes.
    pub data: Payload<'a>,
    /// There are no more.
    pub is_last: bool,
    /// Bytes of the whole body, if they are known.
    pub total_size: Option<u64>,
    /// Counted from 0.
    #[serde(default)]
    pub chunk_index: u32,
    /// Bytes of the body so far, this piece included.
    #[serde(default)]
    pub bytes_received: u64,
}

/// A piece of a response's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseBodyChunk<'a> {
    /// See [`Metadata::correlation_id`].
    #[serde(borrow)]
    pub correlation_id: Cow<'a, str>,
    /// Its bytes.
    pub data: Payload<'a>,
    /// There are no more.
    pub is_last: bool,
    /// Bytes of the whole body, if they are known.
    pub total_size: Option<u64>,
    /// Counted from 0.
    #[serde(default)]
    pub chunk_index: u32,
    /// Bytes of the body so far, this piece included.
    #[serde(default)]
    pub bytes_sent: u64,
}

/// The upstream has answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseHeaders {
    /// See [`Metadata::correlation_id`].
    pub correlation_id: String,
    /// The HTTP status.
    pub status: u16,
    /// All values of each name.
    #[serde(deserialize_with = "bounded::map_of_lists")]
    pub headers: BTreeMap<String, Vec<String>>,
}

/// A request is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestComplete {
    /// See [`Metadata::correlation_id`].
    pub correlation_id: String,
    /// The HTTP status.
    pub status: u16,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Bytes of the request's body.
    pub request_body_size: u64,
    /// Bytes of the response's body.
    pub response_body_size: u64,
    /// How many targets were tried.
    pub upstream_attempts: u32,
    /// What went wrong.
    pub error: Option<String>,
}

/// A message, or a frame, of a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebSocketFrame<'a> {
    /// The same as of the request that opened it; agents count rates by it.
    #[serde(borrow)]
    pub correlation_id: Cow<'a, str>,
    /// What it is.
    pub opcode: Opcode,
    /// What it says, unmasked and inflated.
    pub data: Payload<'a>,
    /// Who sent it.
    pub client_to_server: bool,
    /// Counted from 0, in each direction by itself.
    pub frame_index: u64,
    /// Whether the message ends with it.
    pub fin: bool,
    /// The route of the connection.
    #[serde(borrow)]
    pub route_id: Option<Cow<'a, str>>,
    /// The client's address.
    #[serde(borrow)]
    pub client_ip: Cow<'a, str>,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opcode {
    /// The beginning, or all, of a text message.
    Text,
    /// The beginning, or all, of a binary message.
    Binary,
    /// A ping.
    Ping,
    /// A pong.
    Pong,
    /// A Close.
    Close,
    /// More of a message.
    Continuation,
    /// Anything else.
    #[serde(other)]
    Reserved,
}

/// A text for, or of, a language model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardrailInspect {
    /// See [`Metadata::correlation_id`].
    pub correlation_id: String,
    /// What is looked for.
    pub inspection_type: InspectionType,
    /// The text.
    pub content: String,
    /// The model.
    pub model: Option<String>,
    /// What in particular is looked for.
    #[serde(default, deserialize_with = "bounded::list")]
    pub categories: Vec<String>,
    /// The route of the request.
    pub route_id: Option<String>,
    /// Anything else.
    #[serde(default, deserialize_with = "bounded::map")]
    pub metadata: BTreeMap<String, String>,
}

/// What is looked for in a text for, or of, a language model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InspectionType {
    /// Instructions that the model's owner did not give.
    PromptInjection,
    /// Data about persons.
    PiiDetection,
}

//! Version 2: a handshake, then typed messages in both directions, paired by correlation ids.
//!
//! Each message is a length of four bytes, big-endian, which counts the type byte behind it, the
//! type byte, and a payload of JSON. An answer says in `audit.custom.correlation_id` which event it is
//! for, so of each id one event may be under way on a connection.

mod control;
mod handshake;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::event::{Event, EventKind, RequestHeaders};
use crate::fault::Fault;
use crate::framing::{Buffer, Draft};
use crate::json::Json;
use crate::v1::{read_answer, write_answer};

pub use control::{Cancel, CancelReason, FlowAction, FlowControl, HealthState, HealthStatus, Ping};
pub use handshake::{Capabilities, Features, HandshakeRequest, HandshakeResponse, Limits};

/// The most that the length of a message may say: 16 MiB, the type byte included.
pub const MESSAGE_MAX: usize = 16 * 1024 * 1024;

/// The version that stands in handshakes and answers.
pub const VERSION: u32 = 2;

/// What a message is: its type byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MessageType {
    /// The proxy's first message.
    HandshakeRequest = 0x01,
    /// The agent's first message.
    HandshakeResponse = 0x02,
    /// An event.
    RequestHeaders = 0x10,
    /// An event.
    RequestBodyChunk = 0x11,
    /// An event.
    ResponseHeaders = 0x12,
    /// An event.
    ResponseBodyChunk = 0x13,
    /// An event.
    RequestComplete = 0x14,
    /// An event.
    WebSocketFrame = 0x15,
    /// An event.
    GuardrailInspect = 0x16,
    /// An event.
    Configure = 0x17,
    /// An agent's answer to an event.
    AgentResponse = 0x20,
    /// How an agent is.
    HealthStatus = 0x30,
    /// What an agent has counted.
    MetricsReport = 0x31,
    /// An agent's wish for other settings.
    ConfigUpdateRequest = 0x32,
    /// An agent's wish for fewer events, or for more.
    FlowControl = 0x33,
    /// The proxy no longer waits for an answer.
    Cancel = 0x40,
    /// The proxy asks whether the agent is there.
    Ping = 0x41,
    /// It is.
    Pong = 0x42,
}

impl MessageType {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::HandshakeRequest,
        Self::HandshakeResponse,
        Self::RequestHeaders,
        Self::RequestBodyChunk,
        Self::ResponseHeaders,
        Self::ResponseBodyChunk,
        Self::RequestComplete,
        Self::WebSocketFrame,
        Self::GuardrailInspect,
        Self::Configure,
        Self::AgentResponse,
        Self::HealthStatus,
        Self::MetricsReport,
        Self::ConfigUpdateRequest,
        Self::FlowControl,
        Self::Cancel,
        Self::Ping,
        Self::Pong,
    ];

    /// The byte on the wire.
    #[must_use]
    #[expect(clippy::as_conversions, reason = "the discriminants are the bytes")]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// The type of an event.
    #[must_use]
    pub const fn of(event: EventKind) -> Self {
        match event {
            EventKind::Configure => Self::Configure,
            EventKind::RequestHeaders => Self::RequestHeaders,
            EventKind::RequestBodyChunk => Self::RequestBodyChunk,
            EventKind::ResponseHeaders => Self::ResponseHeaders,
            EventKind::ResponseBodyChunk => Self::ResponseBodyChunk,
            EventKind::RequestComplete => Self::RequestComplete,
            EventKind::WebSocketFrame => Self::WebSocketFrame,
            EventKind::GuardrailInspect => Self::GuardrailInspect,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.byte() == byte)
    }
}

/// A message as it stands in a stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it is.
    pub kind: MessageType,
    /// Its JSON, unread.
    pub payload: &'a [u8],
}

impl fmt::Debug for Message<'_> {
    /// The length only: payloads are other people's secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {} bytes", self.kind, self.payload.len())
    }
}

/// Finds the messages of a stream, in either direction.
#[derive(Debug)]
pub struct Frames(Buffer);

impl Frames {
    /// Takes messages of up to [`MESSAGE_MAX`] bytes.
    #[must_use]
    pub const fn new() -> Self {
        Self(Buffer::new(MESSAGE_MAX))
    }

    /// Takes messages of up to `max` bytes, which may be less than the protocol allows.
    #[must_use]
    pub const fn with_limit(max: usize) -> Self {
        Self(Buffer::new(if max < MESSAGE_MAX { max } else { MESSAGE_MAX }))
    }

    /// More of the stream has come.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.0.feed(bytes);
    }

    /// The next whole message; `None`: more has to come.
    ///
    /// # Errors
    /// It is too large or empty, or its type does not exist. The stream is of no more use.
    pub fn next_message(&mut self) -> Result<Option<Message<'_>>, Fault> {
        let Some(message) = self.0.next_message()? else { return Ok(None) };
        let Some((&byte, payload)) = message.split_first() else {
            return Err(Fault::Garbage("a message without a type".to_owned()));
        };
        let kind = MessageType::from_byte(byte).ok_or(Fault::UnknownType(byte))?;
        Ok(Some(Message { kind, payload }))
    }

    /// Whether nothing has come that was not taken out: then the stream may end.
    #[must_use]
    pub const fn is_between_messages(&self) -> bool {
        self.0.is_between_messages()
    }
}

impl Default for Frames {
    fn default() -> Self {
        Self::new()
    }
}

/// What a proxy says.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "most of what is said are events")]
pub enum ToAgent<'a> {
    /// First of all.
    Handshake(HandshakeRequest),
    /// Something has happened.
    Event(Event<'a>),
    /// The answer to an event is no longer waited for.
    Cancel(Cancel),
    /// Is the agent there?
    Ping(Ping),
}

/// What an agent says.
#[derive(Clone, Debug, PartialEq)]
pub enum FromAgent {
    /// First of all.
    Handshake(HandshakeResponse),
    /// What is to become of an event.
    Answer {
        /// Which event; taken from the answer, where it stays.
        correlation_id: String,
        /// The answer.
        answer: Answer,
    },
    /// The agent is there.
    Pong(Ping),
    /// How it is.
    Health(HealthStatus),
    /// It wants fewer events, or more.
    FlowControl(FlowControl),
    /// Numbers, or wishes, that nothing here follows from.
    Notice(MessageType),
}

#[derive(Serialize)]
struct RequestHeadersOut<'a> {
    correlation_id: &'a str,
    #[serde(flatten)]
    event: &'a RequestHeaders,
}

#[derive(Serialize)]
struct ConfigureOut<'a> {
    correlation_id: &'a str,
    config: &'a Json,
    #[serde(skip_serializing_if = "Option::is_none")]
    config_version: Option<&'a str>,
}

/// The bytes of a proxy's message, length included.
///
/// # Errors
/// It is above [`MESSAGE_MAX`], or has a payload that could not be decoded.
pub fn encode_to_agent(message: &ToAgent<'_>) -> Result<Vec<u8>, Fault> {
    match message {
        ToAgent::Handshake(request) => encode(MessageType::HandshakeRequest, request),
        ToAgent::Event(event) => encode_event(event),
        ToAgent::Cancel(cancel) => encode(MessageType::Cancel, cancel),
        ToAgent::Ping(ping) => encode(MessageType::Ping, ping),
    }
}

/// The bytes of an event, length included.
///
/// # Errors
/// It is above [`MESSAGE_MAX`], or has a payload that could not be decoded.
pub fn encode_event(event: &Event<'_>) -> Result<Vec<u8>, Fault> {
    let kind = MessageType::of(event.kind());
    match event {
        // The id of every event stands at its top.
        Event::RequestHeaders(event) => {
            encode(kind, &RequestHeadersOut { correlation_id: &event.metadata.correlation_id, event })
        }
        Event::Configure(event) => encode(
            kind,
            &ConfigureOut {
                correlation_id: &event.correlation_id,
                config: &event.config,
                config_version: event.config_version.as_deref(),
            },
        ),
        Event::RequestBodyChunk(_)
        | Event::ResponseHeaders(_)
        | Event::ResponseBodyChunk(_)
        | Event::RequestComplete(_)
        | Event::WebSocketFrame(_)
        | Event::GuardrailInspect(_) => encode(kind, event),
    }
}

/// Reads a proxy's message.
///
/// # Errors
/// It is not of its type's shape, or of a type that only agents send.
pub fn decode_to_agent(message: Message<'_>) -> Result<ToAgent<'_>, Fault> {
    let Message { kind, payload } = message;
    let event = |kind| Ok(ToAgent::Event(Event::read(kind, payload)?));
    match kind {
        MessageType::HandshakeRequest => Ok(ToAgent::Handshake(serde_json::from_slice(payload)?)),
        MessageType::RequestHeaders => event(EventKind::RequestHeaders),
        MessageType::RequestBodyChunk => event(EventKind::RequestBodyChunk),
        MessageType::ResponseHeaders => event(EventKind::ResponseHeaders),
        MessageType::ResponseBodyChunk => event(EventKind::ResponseBodyChunk),
        MessageType::RequestComplete => event(EventKind::RequestComplete),
        MessageType::WebSocketFrame => event(EventKind::WebSocketFrame),
        MessageType::GuardrailInspect => event(EventKind::GuardrailInspect),
        MessageType::Configure => event(EventKind::Configure),
        MessageType::Cancel => Ok(ToAgent::Cancel(serde_json::from_slice(payload)?)),
        MessageType::Ping => Ok(ToAgent::Ping(serde_json::from_slice(payload)?)),
        MessageType::HandshakeResponse
        | MessageType::AgentResponse
        | MessageType::HealthStatus
        | MessageType::MetricsReport
        | MessageType::ConfigUpdateRequest
        | MessageType::FlowControl
        | MessageType::Pong => Err(Fault::Unexpected(kind.byte())),
    }
}

/// The bytes of an agent's message, length included. What is sent of a notice is its type.
///
/// # Errors
/// It is above [`MESSAGE_MAX`].
pub fn encode_from_agent(message: &FromAgent) -> Result<Vec<u8>, Fault> {
    match message {
        FromAgent::Handshake(response) => encode(MessageType::HandshakeResponse, response),
        FromAgent::Answer { correlation_id, answer } => encode_answer(correlation_id, answer.clone()),
        FromAgent::Pong(ping) => encode(MessageType::Pong, ping),
        FromAgent::Health(health) => encode(MessageType::HealthStatus, health),
        FromAgent::FlowControl(flow) => encode(MessageType::FlowControl, flow),
        FromAgent::Notice(kind) => encode(*kind, &serde_json::Map::new()),
    }
}

/// The bytes of an answer, length included, with the id of its event put in.
///
/// # Errors
/// It is above [`MESSAGE_MAX`].
pub fn encode_answer(correlation_id: &str, mut answer: Answer) -> Result<Vec<u8>, Fault> {
    answer.correlate(correlation_id);
    let mut draft = Draft::new();
    draft.body().push(MessageType::AgentResponse.byte());
    write_answer(draft.body(), VERSION, &answer)?;
    draft.finish(MESSAGE_MAX)
}

/// Reads an agent's message.
///
/// # Errors
/// It is not of its type's shape, of another version, without a correlation id where it needs one,
/// or of a type that only proxies send.
pub fn decode_from_agent(message: Message<'_>) -> Result<FromAgent, Fault> {
    let Message { kind, payload } = message;
    match kind {
        MessageType::HandshakeResponse => Ok(FromAgent::Handshake(serde_json::from_slice(payload)?)),
        MessageType::AgentResponse => {
            let answer = read_answer(payload, VERSION)?;
            let correlation_id = answer.correlation_id().ok_or(Fault::Uncorrelated)?;
            Ok(FromAgent::Answer { correlation_id, answer })
        }
        MessageType::Pong => Ok(FromAgent::Pong(serde_json::from_slice(payload)?)),
        MessageType::HealthStatus => Ok(FromAgent::Health(serde_json::from_slice(payload)?)),
        MessageType::FlowControl => Ok(FromAgent::FlowControl(serde_json::from_slice(payload)?)),
        MessageType::MetricsReport | MessageType::ConfigUpdateRequest => Ok(FromAgent::Notice(kind)),
        MessageType::HandshakeRequest
        | MessageType::RequestHeaders
        | MessageType::RequestBodyChunk
        | MessageType::ResponseHeaders
        | MessageType::ResponseBodyChunk
        | MessageType::RequestComplete
        | MessageType::WebSocketFrame
        | MessageType::GuardrailInspect
        | MessageType::Configure
        | MessageType::Cancel
        | MessageType::Ping => Err(Fault::Unexpected(kind.byte())),
    }
}

/// The bytes of a message whose payload is known: a pong is its ping, byte for byte.
///
/// # Errors
/// It is above [`MESSAGE_MAX`].
pub fn encode_payload(kind: MessageType, payload: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut draft = Draft::new();
    draft.body().push(kind.byte());
    draft.body().extend_from_slice(payload);
    draft.finish(MESSAGE_MAX)
}

fn encode<T: Serialize>(kind: MessageType, payload: &T) -> Result<Vec<u8>, Fault> {
    let mut draft = Draft::new();
    draft.body().push(kind.byte());
    serde_json::to_writer(draft.body(), payload)?;
    draft.finish(MESSAGE_MAX)
}

/// A number on the wire, for types that are known by their number.
#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(transparent)]
struct Number(i64);

//! The two versions of the protocol behind one face: an event becomes bytes, and bytes become what
//! an agent says.

use agent_proto::v2::{FlowAction, FromAgent, HandshakeResponse, MessageType};
use agent_proto::{Answer, Event, Fault, v1, v2};
use gate_config::model::AgentProtocol;

/// Bytes of the longest message that is taken from an agent. The protocol allows more, but no
/// answer needs it, and there may be one on every connection.
pub(super) const ANSWER_MAX: usize = 1024 * 1024;

/// The bytes of an event.
///
/// # Errors
/// It is above what the version allows.
pub(super) fn encode(protocol: AgentProtocol, event: &Event<'_>) -> Result<Vec<u8>, Fault> {
    match protocol {
        AgentProtocol::V1 => v1::encode_request(event),
        AgentProtocol::V2 => v2::encode_event(event),
    }
}

/// Finds in a stream what an agent says.
#[derive(Debug)]
pub(super) enum Reader {
    V1(v1::Frames),
    V2(v2::Frames),
}

/// What an agent says.
#[derive(Debug)]
pub(super) enum Said {
    /// To an event; in version 2 with the event's correlation id.
    Answer(Option<String>, Box<Answer>),
    Handshake(HandshakeResponse),
    /// It wants the same bytes back behind another type.
    Ping(Vec<u8>),
    /// Whether it takes more events.
    Flow(Flow),
    /// Nothing that anything follows from.
    Notice,
}

/// Whether an agent takes more events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Go,
    Pause,
}

impl Reader {
    pub(super) fn new(protocol: AgentProtocol) -> Self {
        match protocol {
            AgentProtocol::V1 => Self::V1(v1::Frames::with_limit(ANSWER_MAX)),
            AgentProtocol::V2 => Self::V2(v2::Frames::with_limit(ANSWER_MAX)),
        }
    }

    /// More of the stream has come.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        match self {
            Self::V1(frames) => frames.feed(bytes),
            Self::V2(frames) => frames.feed(bytes),
        }
    }

    /// The next that the agent says; `None`: more has to come.
    ///
    /// # Errors
    /// It is not the protocol. The stream is of no more use.
    pub(super) fn next_said(&mut self) -> Result<Option<Said>, Fault> {
        match self {
            Self::V1(frames) => {
                let Some(message) = frames.next_message()? else { return Ok(None) };
                Ok(Some(Said::Answer(None, Box::new(v1::decode_answer(message)?))))
            }
            Self::V2(frames) => {
                let Some(message) = frames.next_message()? else { return Ok(None) };
                if message.kind == MessageType::Ping {
                    return Ok(Some(Said::Ping(message.payload.to_vec())));
                }
                v2::decode_from_agent(message).map(|said| Some(Said::from(said)))
            }
        }
    }

    /// Whether the stream may end here.
    pub(super) fn is_between_messages(&self) -> bool {
        match self {
            Self::V1(frames) => frames.is_between_messages(),
            Self::V2(frames) => frames.is_between_messages(),
        }
    }
}

impl From<FromAgent> for Said {
    fn from(said: FromAgent) -> Self {
        match said {
            FromAgent::Handshake(response) => Self::Handshake(response),
            FromAgent::Answer { correlation_id, answer } => {
                Self::Answer(Some(correlation_id), Box::new(answer))
            }
            FromAgent::FlowControl(flow) => match flow.action {
                FlowAction::Pause => Self::Flow(Flow::Pause),
                FlowAction::Resume => Self::Flow(Flow::Go),
                FlowAction::Unknown(_) => Self::Notice,
            },
            FromAgent::Pong(_) | FromAgent::Health(_) | FromAgent::Notice(_) => Self::Notice,
        }
    }
}

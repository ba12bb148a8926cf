//! Version 1: a question, then its answer, in order, on as many connections as are to be asked at once.
//!
//! Each message is a length of four bytes, big-endian, and as much JSON. Nothing but the order tells
//! which answer is for which question, so a connection on which an answer was not waited for is of
//! no more use.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::answer::Answer;
use crate::event::{Event, EventKind};
use crate::fault::{Fault, quote};
use crate::framing::{Buffer, Draft};

/// Bytes of the longest message, without its length: 10 MiB.
pub const MESSAGE_MAX: usize = 10 * 1024 * 1024;

/// The version that stands in every message.
pub const VERSION: u32 = 1;

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

    /// The next whole message, without its length; `None`: more has to come.
    ///
    /// # Errors
    /// It is too large. The stream is of no more use.
    pub fn next_message(&mut self) -> Result<Option<&[u8]>, Fault> {
        self.0.next_message()
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

#[derive(Serialize)]
struct RequestOut<'a> {
    version: u32,
    event_type: EventKind,
    payload: &'a Event<'a>,
}

#[derive(Deserialize)]
struct RequestIn<'a> {
    /// Agents do not look at it, and proxies are known that count it up.
    #[serde(rename = "version")]
    _version: u32,
    #[serde(borrow)]
    event_type: Cow<'a, str>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Serialize)]
struct AnswerOut<'a> {
    version: u32,
    #[serde(flatten)]
    answer: &'a Answer,
}

#[derive(Deserialize)]
struct VersionIn {
    version: u32,
}

/// The bytes of a question, length included.
///
/// # Errors
/// It is above [`MESSAGE_MAX`], or has a payload that could not be decoded.
pub fn encode_request(event: &Event<'_>) -> Result<Vec<u8>, Fault> {
    let mut draft = Draft::new();
    let request = RequestOut { version: VERSION, event_type: event.kind(), payload: event };
    serde_json::to_writer(draft.body(), &request)?;
    draft.finish(MESSAGE_MAX)
}

/// Reads a question, without its length.
///
/// # Errors
/// It is not a question, or one that does not exist.
pub fn decode_request(message: &[u8]) -> Result<Event<'_>, Fault> {
    let request: RequestIn<'_> = serde_json::from_slice(message)?;
    let kind = EventKind::named(&request.event_type)
        .ok_or_else(|| Fault::UnknownEvent(quote(&request.event_type)))?;
    Ok(Event::read(kind, request.payload.get().as_bytes())?)
}

/// The bytes of an answer, length included.
///
/// # Errors
/// It is above [`MESSAGE_MAX`].
pub fn encode_answer(answer: &Answer) -> Result<Vec<u8>, Fault> {
    let mut draft = Draft::new();
    write_answer(draft.body(), VERSION, answer)?;
    draft.finish(MESSAGE_MAX)
}

/// Reads an answer, without its length.
///
/// # Errors
/// It is not an answer, or one of another version.
pub fn decode_answer(message: &[u8]) -> Result<Answer, Fault> {
    read_answer(message, VERSION)
}

pub(crate) fn write_answer(body: &mut Vec<u8>, version: u32, answer: &Answer) -> Result<(), Fault> {
    Ok(serde_json::to_writer(body, &AnswerOut { version, answer })?)
}

pub(crate) fn read_answer(message: &[u8], wanted: u32) -> Result<Answer, Fault> {
    let VersionIn { version: found } = serde_json::from_slice(message)?;
    if found != wanted {
        return Err(Fault::Version { found, wanted });
    }
    Ok(serde_json::from_slice(message)?)
}

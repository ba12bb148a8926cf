//! What an agent answers, the same for every event and in both versions.
//!
//! Of foreign answers nothing is believed but the shape: whether a status, a close code or a header
//! may be used is for whoever uses it to say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bounded;
use crate::json::Json;
use crate::payload::Payload;

/// The key in [`Audit::custom`] by which version 2 tells which event an answer is for.
const CORRELATION: &str = "correlation_id";

/// An agent's answer. What is not in the message has its default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What is to become of the request. An answer to a WebSocket frame says "allow" here.
    pub decision: Decision,
    /// Changes to the request's headers, in order.
    #[serde(default, deserialize_with = "bounded::list")]
    pub request_headers: Vec<HeaderOp>,
    /// Changes to the response's headers, in order.
    #[serde(default, deserialize_with = "bounded::list")]
    pub response_headers: Vec<HeaderOp>,
    /// What routing may want to know.
    #[serde(default, deserialize_with = "bounded::map")]
    pub routing_metadata: BTreeMap<String, String>,
    /// Why.
    #[serde(default)]
    pub audit: Audit,
    /// More of the body has to come before the agent can decide.
    #[serde(default)]
    pub needs_more: bool,
    /// What goes on in the place of a piece of the request's body.
    #[serde(default)]
    pub request_body_mutation: Option<BodyMutation>,
    /// What goes on in the place of a piece of the response's body.
    #[serde(default)]
    pub response_body_mutation: Option<BodyMutation>,
    /// What is to become of the frame; `None` is "allow".
    #[serde(default)]
    pub websocket_decision: Option<WebSocketDecision>,
}

impl Answer {
    /// Which event it is for, in version 2.
    #[must_use]
    pub fn correlation_id(&self) -> Option<String> {
        self.audit.custom.get(CORRELATION).and_then(Json::as_string)
    }

    /// Says which event it is for, in version 2.
    pub fn correlate(&mut self, correlation_id: &str) {
        self.audit.custom.insert(CORRELATION.to_owned(), Json::string(correlation_id));
    }
}

/// What is to become of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It goes on.
    #[default]
    Allow,
    /// It is refused.
    Block {
        /// The HTTP status.
        status: u16,
        /// The body of the refusal.
        body: Option<String>,
        /// Its headers.
        #[serde(default, deserialize_with = "bounded::optional_map")]
        headers: Option<BTreeMap<String, String>>,
    },
    /// The client is sent elsewhere.
    Redirect {
        /// To where.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The client has to prove something first.
    Challenge {
        /// What kind of proof.
        challenge_type: String,
        /// What the proof is about.
        #[serde(default, deserialize_with = "bounded::map")]
        params: BTreeMap<String, String>,
    },
}

/// A change to headers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderOp {
    /// In the place of all headers of that name.
    Set {
        /// Which header.
        name: String,
        /// Its value.
        value: String,
    },
    /// Beside those that are there.
    Add {
        /// Which header.
        name: String,
        /// Its value.
        value: String,
    },
    /// All headers of that name go.
    Remove {
        /// Which header.
        name: String,
    },
}

/// What is to become of a WebSocket frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebSocketDecision {
    /// It goes on.
    Allow,
    /// It goes nowhere, the connection goes on.
    Drop,
    /// It goes nowhere and the connection is closed.
    Close {
        /// The close code, any number that fits.
        code: u16,
        /// The same in words, of any length.
        reason: String,
    },
}

/// What goes on in the place of a piece of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodyMutation {
    /// The bytes; `None`: the piece as it came, empty: nothing.
    pub data: Option<Payload<'static>>,
    /// Which piece, counted from 0.
    #[serde(default)]
    pub chunk_index: u32,
}

/// Why an agent has decided as it has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// Words to file it under, such as `ws-xss`.
    #[serde(default, deserialize_with = "bounded::list")]
    pub tags: Vec<String>,
    /// The rules that were met.
    #[serde(default, deserialize_with = "bounded::list")]
    pub rule_ids: Vec<String>,
    /// How sure the agent is, from 0 to 1.
    #[serde(default)]
    pub confidence: Option<f32>,
    /// Reasons in words.
    #[serde(default, deserialize_with = "bounded::list")]
    pub reason_codes: Vec<String>,
    /// Anything else.
    #[serde(default, deserialize_with = "bounded::map")]
    pub custom: BTreeMap<String, Json>,
}

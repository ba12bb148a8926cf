//! The first message of each side.

use serde::{Deserialize, Serialize};

use crate::bounded;
use crate::fault::{Fault, quote};
use crate::json::Json;

use super::VERSION;

/// The only encoding that is spoken here.
const JSON: &str = "json";

/// What a proxy begins with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HandshakeRequest {
    /// The versions it speaks.
    #[serde(deserialize_with = "bounded::list")]
    pub supported_versions: Vec<u32>,
    /// Who it is.
    pub proxy_id: String,
    /// Its own version.
    pub proxy_version: String,
    /// Always null so far.
    #[serde(default)]
    pub config: Option<Json>,
    /// The encodings it speaks, the dearest first; none is JSON.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "bounded::list")]
    pub supported_encodings: Vec<String>,
}

impl HandshakeRequest {
    /// A proxy that speaks version 2 in JSON.
    #[must_use]
    pub fn new(proxy_id: &str, proxy_version: &str) -> Self {
        Self {
            supported_versions: vec![VERSION],
            proxy_id: proxy_id.to_owned(),
            proxy_version: proxy_version.to_owned(),
            config: None,
            supported_encodings: vec![JSON.to_owned()],
        }
    }

    /// Whether it can be spoken with here.
    ///
    /// # Errors
    /// It does not speak this version.
    pub fn check(&self) -> Result<(), Fault> {
        // JSON is spoken by everybody, listed or not.
        if self.supported_versions.contains(&VERSION) {
            return Ok(());
        }
        let found = self.supported_versions.iter().copied().max().unwrap_or_default();
        Err(Fault::Version { found, wanted: VERSION })
    }
}

/// What an agent begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandshakeResponse {
    /// The version that is spoken from here on.
    pub protocol_version: u32,
    /// Who the agent is and what it can do.
    #[serde(default)]
    pub capabilities: Capabilities,
    /// Whether the agent agrees; if not it closes.
    pub success: bool,
    /// Why not.
    #[serde(default)]
    pub error: Option<String>,
    /// The encoding that is spoken from here on.
    #[serde(default = "json")]
    pub encoding: String,
}

impl HandshakeResponse {
    /// An agent that agrees.
    #[must_use]
    pub fn accept(capabilities: Capabilities) -> Self {
        Self { protocol_version: VERSION, capabilities, success: true, error: None, encoding: json() }
    }

    /// An agent that does not.
    #[must_use]
    pub fn refuse(capabilities: Capabilities, error: &Fault) -> Self {
        Self { success: false, error: Some(error.to_string()), ..Self::accept(capabilities) }
    }

    /// Whether the agent can be spoken with here.
    ///
    /// # Errors
    /// It refuses, or has chosen another version or encoding.
    pub fn check(&self) -> Result<(), Fault> {
        if !self.success {
            return Err(Fault::Refused(quote(self.error.as_deref().unwrap_or("no reason was given"))));
        }
        if self.protocol_version != VERSION {
            return Err(Fault::Version { found: self.protocol_version, wanted: VERSION });
        }
        if self.encoding == JSON { Ok(()) } else { Err(Fault::Encoding) }
    }
}

/// Who an agent is and what it can do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// Which agent.
    pub agent_id: String,
    /// The same for people.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// Numbers of the events it wants: 1 request headers, 2 and 4 body chunks, 3 response headers,
    /// 5 request complete, 6 WebSocket frame, 7 guardrail, 8 configure.
    #[serde(deserialize_with = "bounded::list")]
    pub supported_events: Vec<u32>,
    /// What it can do.
    pub features: Features,
    /// How much of it.
    pub limits: Limits,
}

/// What an agent can do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Features {
    /// Bodies in pieces.
    pub streaming_body: bool,
    /// WebSocket frames.
    pub websocket: bool,
    /// Texts for language models.
    pub guardrails: bool,
    /// Other settings while it runs.
    pub config_push: bool,
    /// Reports of metrics.
    pub metrics_export: bool,
    /// Events it takes at once on a connection.
    pub concurrent_requests: u32,
    /// Whether it heeds [`super::Cancel`].
    pub cancellation: bool,
    /// Whether it sends [`super::FlowControl`].
    pub flow_control: bool,
    /// Whether it sends [`super::HealthStatus`].
    pub health_reporting: bool,
}

/// How much an agent can do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Bytes of a body.
    pub max_body_size: u64,
    /// Events at once.
    pub max_concurrency: u32,
    /// Bytes of a piece of a body.
    pub preferred_chunk_size: u64,
}

fn json() -> String {
    JSON.to_owned()
}

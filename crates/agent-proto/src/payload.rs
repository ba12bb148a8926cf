//! Bytes in a JSON text: standard base64 with padding (RFC 4648 §4).

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Error, Serialize, Serializer};

/// The payload of a frame, or a piece of a body.
#[derive(Clone, PartialEq, Eq)]
pub enum Payload<'a> {
    /// The bytes, unmasked.
    Bytes(Cow<'a, [u8]>),
    /// What came is not base64. An agent has to answer that as well as anything else, so it is not a
    /// fault of the message. It cannot be encoded.
    Undecodable,
}

impl Payload<'_> {
    /// The bytes, if they could be decoded.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Undecodable => None,
        }
    }
}

impl<'a> From<&'a [u8]> for Payload<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Payload::Bytes(Cow::Borrowed(bytes))
    }
}

impl fmt::Debug for Payload<'_> {
    /// The length only: payloads are other people's secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Undecodable => f.write_str("undecodable"),
        }
    }
}

impl Serialize for Payload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bytes(bytes) => serializer.collect_str(&Base64Display::new(bytes, &STANDARD)),
            Self::Undecodable => Err(S::Error::custom("a payload that could not be decoded")),
        }
    }
}

impl<'de> Deserialize<'de> for Payload<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(PayloadVisitor).map(|bytes| match bytes {
            Some(bytes) => Payload::Bytes(Cow::Owned(bytes)),
            None => Payload::Undecodable,
        })
    }
}

struct PayloadVisitor;

impl Visitor<'_> for PayloadVisitor {
    type Value = Option<Vec<u8>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string of base64")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(STANDARD.decode(text).ok())
    }
}

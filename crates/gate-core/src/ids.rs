//! Typed identifiers.

use std::fmt;
use std::str::FromStr;

/// Names one session in records, for the life of the process: the worker in the upper
/// 16 bits, a running number below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(u64);

impl SessionId {
    /// The `serial`th session of `worker`.
    #[must_use]
    pub fn new(worker: u16, serial: u64) -> Self {
        Self(u64::from(worker) << 48 | serial & 0xffff_ffff_ffff)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}", self.0 >> 48, self.0 & 0xffff_ffff_ffff)
    }
}

/// The text is no id of a session, which looks like `0-1f`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ids of sessions are two numbers in hexadecimal, such as `0-1f`")]
pub struct NoSessionId;

impl FromStr for SessionId {
    type Err = NoSessionId;

    fn from_str(text: &str) -> Result<Self, NoSessionId> {
        let (worker, serial) = text.split_once('-').ok_or(NoSessionId)?;
        let worker = u16::from_str_radix(worker, 16).map_err(|_| NoSessionId)?;
        let serial = u64::from_str_radix(serial, 16).map_err(|_| NoSessionId)?;
        let id = Self::new(worker, serial);
        // Whatever is read differently from how it was written names another one.
        if id.to_string() == text.to_ascii_lowercase() { Ok(id) } else { Err(NoSessionId) }
    }
}

/// A route, by its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteId(pub u32);

/// An upstream, by its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamId(pub u32);

/// A frame log, by its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FrameLogId(pub u32);

/// A trace, by its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(pub u32);

/// An agent, by its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgentId(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written() {
        for (worker, serial) in [(0, 1), (3, 0x1f), (u16::MAX, 0xffff_ffff_ffff)] {
            let id = SessionId::new(worker, serial);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        assert_eq!("A-FF".parse(), Ok(SessionId::new(10, 255)));
        for text in ["", "1", "-", "1-", "-1", "g-1", "1-1-1", "10000-1", "0-1000000000000", "+1-1", "00-1"] {
            assert_eq!(text.parse::<SessionId>(), Err(NoSessionId), "{text}");
        }
    }
}

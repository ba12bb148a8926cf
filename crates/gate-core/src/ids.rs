//! Typed identifiers.

use std::fmt;

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

/// A route, by its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteId(pub u32);

/// An upstream, by its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamId(pub u32);

/// An agent, by its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgentId(pub u32);

//! What is said beside events and answers.

use serde::{Deserialize, Serialize};

use super::Number;

/// The answer to an event is no longer waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// Which event.
    pub correlation_id: String,
    /// Why.
    pub reason: CancelReason,
    /// When, in milliseconds since 1970.
    pub timestamp_ms: u64,
}

/// Why an answer is no longer waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Number", into = "Number")]
pub enum CancelReason {
    /// 1: the client is gone.
    ClientDisconnect,
    /// 2: it has taken too long.
    Timeout,
    /// 3: another agent has blocked the request.
    BlockedByAgent,
    /// 4: the upstream has failed.
    UpstreamError,
    /// 5: the proxy ends.
    ProxyShutdown,
    /// 6: somebody wants it so.
    Manual,
    /// Any other number.
    Unknown(i64),
}

/// Is the agent there? And its answer, the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {
    /// Which ping.
    pub sequence: u64,
    /// When, in milliseconds since 1970.
    pub timestamp_ms: u64,
}

/// How an agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthStatus {
    /// In one word.
    pub state: HealthState,
}

/// How an agent is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Number", into = "Number")]
pub enum HealthState {
    /// 1: well.
    Healthy,
    /// 2: slower, or doing less.
    Degraded,
    /// 3: about to end.
    Draining,
    /// 4: not to be asked.
    Unhealthy,
    /// Any other number.
    Unknown(i64),
}

/// An agent wants fewer events, or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowControl {
    /// Which of it.
    pub action: FlowAction,
}

/// What an agent wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Number", into = "Number")]
pub enum FlowAction {
    /// 1: no more events until it says so.
    Pause,
    /// 2: events again.
    Resume,
    /// Any other number.
    Unknown(i64),
}

/// Both directions between a type and its numbers.
macro_rules! numbered {
    ($type:ident { $($number:literal => $variant:ident),+ $(,)? }) => {
        impl From<Number> for $type {
            fn from(Number(number): Number) -> Self {
                match number {
                    $($number => Self::$variant,)+
                    unknown => Self::Unknown(unknown),
                }
            }
        }

        impl From<$type> for Number {
            fn from(value: $type) -> Self {
                Self(match value {
                    $($type::$variant => $number,)+
                    $type::Unknown(number) => number,
                })
            }
        }
    };
}

numbered!(CancelReason {
    1 => ClientDisconnect, 2 => Timeout, 3 => BlockedByAgent, 4 => UpstreamError, 5 => ProxyShutdown, 6 => Manual
});
numbered!(HealthState { 1 => Healthy, 2 => Degraded, 3 => Draining, 4 => Unhealthy });
numbered!(FlowAction { 1 => Pause, 2 => Resume });

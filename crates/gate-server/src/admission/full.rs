//! Limits of connections that are reached: their names, their words and when to come again.

use std::fmt;
use std::time::Duration;

/// A limit that a client has run into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full {
    /// Whose limit it is.
    pub(crate) area: Area,
    pub(crate) reached: Reached,
}

/// What has limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Area {
    Process,
    Listener,
    Route,
}

/// The limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// `max-connections`, with its value.
    Connections(u64),
    /// `max-connections-per-ip`.
    ConnectionsPerAddress(u64),
    /// `connection-rate`, and for how long.
    Rate(Duration),
    /// `connection-rate-per-ip`.
    RatePerAddress(Duration),
}

impl Full {
    /// A stable name for logs and metric labels.
    pub(crate) const fn reason(self) -> &'static str {
        use Area::{Listener, Process, Route};
        use Reached::{Connections, ConnectionsPerAddress, Rate, RatePerAddress};
        match (self.reached, self.area) {
            (Connections(_), Process) => "max_connections",
            (Connections(_), Listener) => "max_connections_listener",
            (Connections(_), Route) => "max_connections_route",
            (ConnectionsPerAddress(_), Process) => "max_connections_per_ip",
            (ConnectionsPerAddress(_), Listener) => "max_connections_per_ip_listener",
            (ConnectionsPerAddress(_), Route) => "max_connections_per_ip_route",
            (Rate(_), Process) => "connection_rate",
            (Rate(_), Listener) => "connection_rate_listener",
            (Rate(_), Route) => "connection_rate_route",
            (RatePerAddress(_), Process) => "connection_rate_per_ip",
            (RatePerAddress(_), Listener) => "connection_rate_per_ip_listener",
            (RatePerAddress(_), Route) => "connection_rate_per_ip_route",
        }
    }

    /// Whether it is for all, and not for what this client, or clients at this moment, do.
    pub(crate) const fn is_of_all(self) -> bool {
        match self.reached {
            Reached::Connections(_) => true,
            Reached::ConnectionsPerAddress(_) | Reached::Rate(_) | Reached::RatePerAddress(_) => false,
        }
    }

    /// Whole seconds after which it makes sense to come again, at least 1.
    pub(crate) fn retry_after(self) -> u64 {
        match self.reached {
            // Nobody knows when somebody will go.
            Reached::Connections(_) | Reached::ConnectionsPerAddress(_) => A_WHILE,
            Reached::Rate(wait) | Reached::RatePerAddress(wait) => {
                wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
            }
        }
    }
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = match self.area {
            Area::Process => "the process",
            Area::Listener => "the listener",
            Area::Route => "the route",
        };
        match self.reached {
            Reached::Connections(limit) => {
                write!(f, "all {limit} connections of {whose}'s max-connections are taken")
            }
            Reached::ConnectionsPerAddress(limit) => write!(
                f,
                "all {limit} connections of {whose}'s max-connections-per-ip are taken by this address"
            ),
            Reached::Rate(_) => write!(f, "connections come faster than {whose}'s connection-rate"),
            Reached::RatePerAddress(_) => {
                write!(f, "this address's connections come faster than {whose}'s connection-rate-per-ip")
            }
        }
    }
}

/// Seconds, where nothing can be computed.
const A_WHILE: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_a_name_of_its_own() {
        let mut names = Vec::new();
        for area in [Area::Process, Area::Listener, Area::Route] {
            for reached in [
                Reached::Connections(1),
                Reached::ConnectionsPerAddress(1),
                Reached::Rate(Duration::ZERO),
                Reached::RatePerAddress(Duration::ZERO),
            ] {
                names.push(Full { area, reached }.reason());
            }
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 12);
    }

    #[test]
    fn the_time_to_wait_is_rounded_up_and_never_nothing() {
        for (millis, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (59_500, 60)] {
            let reached = Reached::Rate(Duration::from_millis(millis));
            assert_eq!(Full { area: Area::Route, reached }.retry_after(), seconds, "{millis} ms");
        }
    }
}

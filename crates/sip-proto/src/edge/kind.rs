//! What a message is, in few enough words to count by.

use crate::message::Message;
use crate::start_line::StartLine;

/// A request's method or a response's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A request of that method.
    Request(Method),
    /// A response of that status, 100 to 699.
    Response(u16),
}

impl Kind {
    /// What a message is.
    #[must_use]
    pub fn of(message: &Message<'_>) -> Self {
        match message.start_line() {
            StartLine::Request { method, .. } => Self::Request(Method::of(method)),
            StartLine::Response { status, .. } => Self::Response(status),
        }
    }

    /// The method, or the status' class as in `2xx`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Request(method) => method.label(),
            Self::Response(status) => match status / 100 {
                1 => "1xx",
                2 => "2xx",
                3 => "3xx",
                4 => "4xx",
                5 => "5xx",
                _ => "6xx",
            },
        }
    }
}

/// A method that is registered, or any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `ACK`.
    Ack,
    /// `BYE`.
    Bye,
    /// `CANCEL`.
    Cancel,
    /// `INFO` (RFC 6086).
    Info,
    /// `INVITE`.
    Invite,
    /// `MESSAGE` (RFC 3428).
    Message,
    /// `NOTIFY` (RFC 6665).
    Notify,
    /// `OPTIONS`.
    Options,
    /// `PRACK` (RFC 3262).
    Prack,
    /// `PUBLISH` (RFC 3903).
    Publish,
    /// `REFER` (RFC 3515).
    Refer,
    /// `REGISTER`.
    Register,
    /// `SUBSCRIBE` (RFC 6665).
    Subscribe,
    /// `UPDATE` (RFC 3311).
    Update,
    /// One that is not registered.
    Other,
}

impl Method {
    /// All of them, for metrics that have a row for each.
    pub const ALL: [Self; 15] = [
        Self::Ack,
        Self::Bye,
        Self::Cancel,
        Self::Info,
        Self::Invite,
        Self::Message,
        Self::Notify,
        Self::Options,
        Self::Prack,
        Self::Publish,
        Self::Refer,
        Self::Register,
        Self::Subscribe,
        Self::Update,
        Self::Other,
    ];

    /// The method of that name, whose case matters (RFC 3261 §7.1).
    #[must_use]
    pub const fn of(name: &[u8]) -> Self {
        match name {
            b"ACK" => Self::Ack,
            b"BYE" => Self::Bye,
            b"CANCEL" => Self::Cancel,
            b"INFO" => Self::Info,
            b"INVITE" => Self::Invite,
            b"MESSAGE" => Self::Message,
            b"NOTIFY" => Self::Notify,
            b"OPTIONS" => Self::Options,
            b"PRACK" => Self::Prack,
            b"PUBLISH" => Self::Publish,
            b"REFER" => Self::Refer,
            b"REGISTER" => Self::Register,
            b"SUBSCRIBE" => Self::Subscribe,
            b"UPDATE" => Self::Update,
            _ => Self::Other,
        }
    }

    /// The name; `other` where it is not registered.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Info => "INFO",
            Self::Invite => "INVITE",
            Self::Message => "MESSAGE",
            Self::Notify => "NOTIFY",
            Self::Options => "OPTIONS",
            Self::Prack => "PRACK",
            Self::Publish => "PUBLISH",
            Self::Refer => "REFER",
            Self::Register => "REGISTER",
            Self::Subscribe => "SUBSCRIBE",
            Self::Update => "UPDATE",
            Self::Other => "other",
        }
    }

    /// Whether a dialog, or a usage of one, may begin with it, so that whoever is to see the requests behind
    /// it must be in its Record-Route: RFC 3261 §16.6, RFC 6665 §4.3 (NOTIFY begins dialogs too), RFC 3515
    /// §2.4.4.
    #[must_use]
    pub const fn begins_dialogs(self) -> bool {
        matches!(self, Self::Invite | Self::Subscribe | Self::Refer | Self::Notify)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_is_known_by_its_name_and_only_so() {
        for method in Method::ALL {
            assert_eq!(Method::of(method.label().as_bytes()), method);
        }
        for name in ["invite", "Invite", "INVITEX", "", "other"] {
            assert_eq!(Method::of(name.as_bytes()), Method::Other, "{name}");
        }
    }

    #[test]
    fn a_response_is_counted_by_its_class() {
        for (status, label) in
            [(100, "1xx"), (200, "2xx"), (302, "3xx"), (487, "4xx"), (503, "5xx"), (603, "6xx")]
        {
            assert_eq!(Kind::Response(status).label(), label);
        }
    }
}

//! The variables: their names, and what they are of.

use crate::side::Side;

/// A variable of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    /// The same on all lines of a session.
    Session(SessionVariable),
    /// Different from event to event.
    Event(EventVariable),
}

/// What is known of a session when it opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SessionVariable {
    /// One of a fixed name.
    Fixed(Fixed),
    /// `$http_NAME`: a field of the request, in the spelling of header names.
    Header(Box<str>),
    /// `$arg_NAME`: a parameter of the query.
    Argument(Box<str>),
    /// `$cookie_NAME`: a cookie of the request.
    Cookie(Box<str>),
}

/// See [`SessionVariable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fixed {
    RemoteAddr,
    RemotePort,
    RemoteUser,
    ServerAddr,
    ServerPort,
    UpstreamAddr,
    Request,
    RequestMethod,
    RequestUri,
    Uri,
    Args,
    ServerProtocol,
    RequestId,
    Host,
    Scheme,
    Route,
    Listener,
    Session,
    Subprotocol,
    TlsVersion,
    TlsCipher,
    TlsServerName,
    TlsClientSubject,
}

/// What an event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventVariable {
    Event,
    Opcode,
    OpcodeName,
    PayloadSize,
    MessageSize,
    CompressedSize,
    Fragments,
    PacketSource,
    ConnectionAge,
    Duration,
    TimeLocal,
    TimeIso8601,
    Msec,
    CloseCode,
    CloseReason,
    CloseInitiator,
    EndReason,
    EndBy,
    /// A total of what came from a side.
    Total(Side, Figure),
}

/// What totals there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figure {
    Frames,
    Messages,
    PayloadBytes,
    Bytes,
}

/// What a value is in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Number,
}

use EventVariable as Of;
use Fixed as In;

const fn event(name: &'static str, variable: Of) -> (&'static str, Variable) {
    (name, Variable::Event(variable))
}

const fn fixed(name: &'static str, variable: In) -> (&'static str, Variable) {
    (name, Variable::Session(SessionVariable::Fixed(variable)))
}

const fn total(name: &'static str, from: Side, figure: Figure) -> (&'static str, Variable) {
    event(name, Of::Total(from, figure))
}

/// All names that are fixed. The first of several for one variable is its own, the others
/// are those that it has elsewhere.
static NAMES: [(&str, Variable); 57] = [
    event("ws_event", Of::Event),
    event("ws_opcode", Of::Opcode),
    event("ws_opcode_name", Of::OpcodeName),
    event("ws_payload_size", Of::PayloadSize),
    event("ws_message_size", Of::MessageSize),
    event("ws_compressed_size", Of::CompressedSize),
    event("ws_fragments", Of::Fragments),
    event("ws_packet_source", Of::PacketSource),
    event("ws_conn_age", Of::ConnectionAge),
    event("ws_duration", Of::Duration),
    event("request_time", Of::Duration),
    event("time_local", Of::TimeLocal),
    event("time_iso8601", Of::TimeIso8601),
    event("msec", Of::Msec),
    event("ws_close_code", Of::CloseCode),
    event("ws_close_reason", Of::CloseReason),
    event("ws_close_initiator", Of::CloseInitiator),
    event("ws_end_reason", Of::EndReason),
    event("ws_end_by", Of::EndBy),
    total("ws_client_frames", Side::Client, Figure::Frames),
    total("ws_client_messages", Side::Client, Figure::Messages),
    total("ws_client_payload_bytes", Side::Client, Figure::PayloadBytes),
    total("ws_client_bytes", Side::Client, Figure::Bytes),
    total("ws_upstream_frames", Side::Upstream, Figure::Frames),
    total("ws_upstream_messages", Side::Upstream, Figure::Messages),
    total("ws_upstream_payload_bytes", Side::Upstream, Figure::PayloadBytes),
    total("ws_upstream_bytes", Side::Upstream, Figure::Bytes),
    total("bytes_received", Side::Client, Figure::Bytes),
    total("bytes_sent", Side::Upstream, Figure::Bytes),
    fixed("ws_session", In::Session),
    fixed("connection", In::Session),
    fixed("ws_subprotocol", In::Subprotocol),
    fixed("route", In::Route),
    fixed("listener", In::Listener),
    fixed("remote_addr", In::RemoteAddr),
    fixed("remote_ip", In::RemoteAddr),
    fixed("remote_port", In::RemotePort),
    fixed("remote_user", In::RemoteUser),
    fixed("server_addr", In::ServerAddr),
    fixed("server_port", In::ServerPort),
    fixed("upstream_addr", In::UpstreamAddr),
    fixed("request", In::Request),
    fixed("request_method", In::RequestMethod),
    fixed("request_uri", In::RequestUri),
    fixed("uri", In::Uri),
    fixed("document_uri", In::Uri),
    fixed("args", In::Args),
    fixed("query_string", In::Args),
    fixed("server_protocol", In::ServerProtocol),
    fixed("request_id", In::RequestId),
    fixed("host", In::Host),
    fixed("scheme", In::Scheme),
    fixed("tls_version", In::TlsVersion),
    fixed("ssl_protocol", In::TlsVersion),
    fixed("tls_cipher", In::TlsCipher),
    fixed("tls_server_name", In::TlsServerName),
    fixed("tls_client_subject", In::TlsClientSubject),
];

/// All names of variables; those that end in an underscore are begun only.
pub fn names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|(name, _)| *name).chain(["http_", "arg_", "cookie_"])
}

impl Variable {
    /// The variable of a name in lower case.
    pub(super) fn named(name: &str) -> Option<Self> {
        if let Some((_, variable)) = NAMES.iter().find(|(known, _)| *known == name) {
            return Some(variable.clone());
        }
        let of = |prefix: &str| name.strip_prefix(prefix).filter(|rest| !rest.is_empty());
        let variable = if let Some(field) = of("http_") {
            SessionVariable::Header(field.replace('_', "-").into())
        } else if let Some(argument) = of("arg_") {
            SessionVariable::Argument(argument.into())
        } else {
            SessionVariable::Cookie(of("cookie_")?.into())
        };
        Some(Self::Session(variable))
    }

    pub(super) fn form(&self) -> Form {
        match self {
            Self::Session(SessionVariable::Fixed(Fixed::RemotePort | Fixed::ServerPort)) => Form::Number,
            Self::Session(_) => Form::Text,
            Self::Event(variable) => variable.form(),
        }
    }
}

impl EventVariable {
    fn form(self) -> Form {
        match self {
            Self::Opcode
            | Self::PayloadSize
            | Self::MessageSize
            | Self::CompressedSize
            | Self::Fragments
            | Self::ConnectionAge
            | Self::Duration
            | Self::Msec
            | Self::CloseCode
            | Self::Total(..) => Form::Number,
            Self::Event
            | Self::OpcodeName
            | Self::PacketSource
            | Self::TimeLocal
            | Self::TimeIso8601
            | Self::CloseReason
            | Self::CloseInitiator
            | Self::EndReason
            | Self::EndBy => Form::Text,
        }
    }
}

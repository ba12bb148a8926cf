//! The rules of a stateless proxy at the edge: between clients, whose connections nobody can open again, and
//! the servers that they are registered with (RFC 3261 §16.11, RFC 5626 §5, RFC 7118).
//!
//! Downstream are the clients, upstream the servers. A client's request goes upstream, to where the
//! configuration says: no Route, Request-URI or Via of a client chooses a host. Its response goes to where
//! the request came from. What a server sends goes to the [`Flow`] that a token names, which only the holder
//! of the [`TokenKey`] can have made: a Path's or a Record-Route's for requests, that of the topmost Via's
//! branch for responses.
//!
//! Messages change where a proxy must change them, and are the same byte for byte elsewhere, the Request-URI
//! included, since clients sign it.
//!
//! Nothing is remembered. Not here: whether a flow still exists, which server a message goes to (but
//! [`Ruling::Forward`] has what keeps a dialog on one), rates, transactions.

mod addressed;
mod answer;
mod branch;
mod hash;
mod kind;
mod request;
mod response;
mod routes;

use core::net::SocketAddr;

use crate::error::Fault;
use crate::limits::Limits;
use crate::message::Message;
use crate::start_line::StartLine;
use crate::token::{Flow, TokenKey};

pub use answer::Failure;
pub use kind::{Kind, Method};

/// What the rules depend on.
#[derive(Clone, Debug)]
pub struct EdgeSettings {
    /// Which process this is: the only one whose tokens are of use here.
    pub process: u32,
    /// What tokens are signed with.
    pub key: TokenKey,
    /// More names of the gateway, `host[:port]`, than those that messages come and go by.
    pub names: Vec<String>,
    /// The only methods that pass from downstream; empty: all. ACK and CANCEL pass with INVITE.
    pub methods: Vec<String>,
    /// The bounds of messages.
    pub limits: Limits,
    /// OPTIONS to the gateway itself is answered 200.
    pub answers_options: bool,
    /// REGISTER gets a Path even where its `Supported` has no `path` (RFC 3327 §5.1). Without a Path most
    /// registrars have no way back to the client.
    pub always_path: bool,
}

/// How messages go on one side of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream over TLS.
    Tls,
    /// WebSocket (RFC 7118).
    Ws,
    /// WebSocket over TLS.
    Wss,
}

impl Transport {
    /// As it stands in a Via.
    #[must_use]
    pub const fn in_via(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// As it stands in the `transport` of a `sip:` URI.
    #[must_use]
    pub const fn in_uri(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            // There is no `wss` (RFC 7118 §8.1).
            Self::Ws | Self::Wss => "ws",
        }
    }

    const fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }

    const fn is_websocket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }
}

/// Where a message came from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The flow that answers go to.
    pub flow: Flow,
    /// The address at the other end, for `received` and `rport`.
    pub address: SocketAddr,
    /// How it came.
    pub transport: Transport,
    /// What the gateway is called on that side: `host:port` as in [`Hop::sent_by`].
    pub sent_by: &'a str,
}

/// Where a message goes to.
#[derive(Clone, Copy, Debug)]
pub struct Hop<'a> {
    /// How it goes.
    pub transport: Transport,
    /// What the gateway is called on that side: `host:port` as it stands in Via, Path and Record-Route.
    pub sent_by: &'a str,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// What was written goes to the upstream.
    Forward {
        /// The Call-ID's hash, by which one server is chosen for a whole dialog.
        affinity: u64,
        /// What it is.
        kind: Kind,
    },
    /// What was written goes to that flow.
    ToFlow {
        /// The flow. Requests go to flows of downstream, responses to that which the request came from.
        flow: Flow,
        /// What it is.
        kind: Kind,
    },
    /// What was written is the answer for whoever sent the message.
    Answer {
        /// The answer's status.
        status: u16,
        /// The message that is answered; a request.
        kind: Kind,
        /// What is wrong with it, where its form is to blame.
        fault: Option<Fault>,
    },
    /// Nothing was written.
    Drop(Reason),
}

/// Why a message goes nowhere and has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It is malformed, and a response, an ACK, or too malformed to be answered.
    Malformed(Fault),
    /// An ACK that would have had an error for an answer, were it another request.
    RefusedAck,
    /// An ACK of an answer that was made here: nobody else waits for it.
    AnswerAcknowledged,
    /// A response whose topmost Via is not the gateway's.
    ForeignVia,
    /// A response whose Via has a token that was not made for it.
    ForgedToken,
    /// A response to what another process forwarded.
    OtherProcess,
    /// A response that is for the gateway itself, which asks nothing.
    NoViaLeft,
    /// A message that cannot be answered because it is a response.
    Response,
}

impl Reason {
    /// The labels of all but [`Malformed`](Self::Malformed), whose labels are [`Fault::LABELS`].
    pub const LABELS: [&'static str; 7] = [
        "refused_ack",
        "answer_acknowledged",
        "foreign_via",
        "forged_token",
        "other_process",
        "no_via_left",
        "response",
    ];

    /// The reason in one word, stable, for logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Malformed(fault) => fault.label(),
            Self::RefusedAck => "refused_ack",
            Self::AnswerAcknowledged => "answer_acknowledged",
            Self::ForeignVia => "foreign_via",
            Self::ForgedToken => "forged_token",
            Self::OtherProcess => "other_process",
            Self::NoViaLeft => "no_via_left",
            Self::Response => "response",
        }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Edge {
    settings: EdgeSettings,
    /// The value of `Allow`.
    allow: String,
}

impl Edge {
    /// The rules with these settings.
    #[must_use]
    pub fn new(mut settings: EdgeSettings) -> Self {
        let methods = &mut settings.methods;
        if methods.iter().any(|method| method == "INVITE") {
            for companion in ["ACK", "CANCEL"] {
                if methods.iter().all(|method| method != companion) {
                    methods.push(companion.to_owned());
                }
            }
        }
        let allow = if methods.is_empty() {
            let known = Method::ALL.into_iter().filter(|method| *method != Method::Other);
            known.map(Method::label).collect::<Vec<_>>().join(", ")
        } else {
            methods.join(", ")
        };
        Self { settings, allow }
    }

    /// Rules on a message from a client and writes what goes on, if anything, to the end of `out`.
    /// `towards` is the side of the upstream.
    #[must_use]
    pub fn from_downstream(
        &self,
        message: &[u8],
        from: &Source<'_>,
        towards: &Hop<'_>,
        out: &mut Vec<u8>,
    ) -> Ruling {
        match self.split(message, from, out) {
            Ok(message) => self.message_from_downstream(&message, from, towards, out),
            Err(ruling) => ruling,
        }
    }

    /// The same for a message that has been split.
    #[must_use]
    pub fn message_from_downstream(
        &self,
        message: &Message<'_>,
        from: &Source<'_>,
        towards: &Hop<'_>,
        out: &mut Vec<u8>,
    ) -> Ruling {
        match message.start_line() {
            StartLine::Response { .. } => self.response_from_downstream(message, from, out),
            StartLine::Request { .. } => match self.request(message, from, out) {
                Ok(request) => self.request_from_downstream(&request, from, towards, out),
                Err(ruling) => ruling,
            },
        }
    }

    /// Rules on a message from a server (whose bounds are wide enough for the answer to whatever has been
    /// forwarded) and writes what goes on, if anything, to the end of `out`.
    /// `towards_of` tells the side of a flow that a request is for: None if that flow is gone.
    #[must_use]
    pub fn from_upstream<'h>(
        &self,
        message: &[u8],
        from: &Source<'_>,
        towards_of: impl FnOnce(&Flow) -> Option<Hop<'h>>,
        out: &mut Vec<u8>,
    ) -> Ruling {
        match self.split_within(&self.limits_of_forwarded(), message, from, out) {
            Ok(message) => self.message_from_upstream(&message, from, towards_of, out),
            Err(ruling) => ruling,
        }
    }

    /// The same for a message that has been split.
    #[must_use]
    pub fn message_from_upstream<'h>(
        &self,
        message: &Message<'_>,
        from: &Source<'_>,
        towards_of: impl FnOnce(&Flow) -> Option<Hop<'h>>,
        out: &mut Vec<u8>,
    ) -> Ruling {
        match message.start_line() {
            StartLine::Response { .. } => self.response_from_upstream(message, out),
            StartLine::Request { .. } => match self.request(message, from, out) {
                Ok(request) => self.request_from_upstream(&request, from, towards_of, out),
                Err(ruling) => ruling,
            },
        }
    }

    /// Splits a client's message as it came; what the transport is decides whether anything may stand behind
    /// its body.
    ///
    /// # Errors
    /// It is malformed: it is answered or dropped.
    pub fn split<'m>(
        &self,
        message: &'m [u8],
        from: &Source<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Message<'m>, Ruling> {
        self.split_within(&self.settings.limits, message, from, out)
    }

    fn split_within<'m>(
        &self,
        limits: &Limits,
        message: &'m [u8],
        from: &Source<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Message<'m>, Ruling> {
        let split = match from.transport {
            Transport::Udp => Message::parse_datagram(message, limits),
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                Message::parse(message, limits)
            }
        };
        split.map_err(|error| self.malformed(message, error, from, out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_is_listed() {
        for reason in [
            Reason::RefusedAck,
            Reason::AnswerAcknowledged,
            Reason::ForeignVia,
            Reason::ForgedToken,
            Reason::OtherProcess,
            Reason::NoViaLeft,
            Reason::Response,
        ] {
            assert!(Reason::LABELS.contains(&reason.label()), "{reason:?}");
        }
        assert_eq!(Reason::Malformed(Fault::BadVia).label(), "bad_via");
    }
}

//! The records: what is told of a session at its open and at its close, and of a
//! handshake that gave none. Request targets are told without their query, which is
//! where clients put tokens.

use std::net::SocketAddr;
use std::time::Instant;

use gate_core::session::{Cause, Closes, Death, Traffic};
use gate_core::{Session, SessionId, Side};
use ws_proto::CloseCode;

use crate::observe::line::Line;
use crate::observe::writer::Records;

/// What is known of a session from its open to its close.
pub(crate) struct Opened {
    pub(crate) id: SessionId,
    pub(crate) client: SocketAddr,
    pub(crate) upstream: SocketAddr,
    /// The path of the request target.
    pub(crate) path: Box<str>,
    pub(crate) at: Instant,
}

/// What only the record of the open tells.
pub(crate) struct Negotiated<'a> {
    pub(crate) host: &'a str,
    pub(crate) request_id: &'a str,
    pub(crate) subprotocol: Option<&'a str>,
    pub(crate) deflate: bool,
    /// When the client's connection was accepted.
    pub(crate) accepted_at: Instant,
}

/// A handshake that gave no session.
pub(crate) struct Refused<'a> {
    pub(crate) client: SocketAddr,
    /// The answer's status; `None` where there was none, or not of our making.
    pub(crate) status: Option<u16>,
    pub(crate) reason: &'static str,
    /// What exactly was wrong, in words.
    pub(crate) detail: &'a str,
    pub(crate) path: Option<&'a str>,
}

impl Opened {
    fn fields(&self, line: &mut Line) {
        line.plain("session", self.id);
        line.plain("client", self.client);
        line.plain("upstream", self.upstream);
        line.text("path", &self.path);
    }

    pub(crate) fn record_open(&self, records: &Records, negotiated: &Negotiated<'_>) {
        records.write("open", |line| {
            self.fields(line);
            line.text("host", negotiated.host);
            line.plain("request_id", negotiated.request_id);
            if let Some(subprotocol) = negotiated.subprotocol {
                line.text("subprotocol", subprotocol);
            }
            if negotiated.deflate {
                line.plain("extensions", "permessage-deflate");
            }
            let took = self.at.saturating_duration_since(negotiated.accepted_at);
            line.number("handshake_ms", format_args!("{:.3}", took.as_secs_f64() * 1e3));
        });
    }

    pub(crate) fn record_close(&self, records: &Records, session: &Session, death: Death, now: Instant) {
        records.write("close", |line| {
            self.fields(line);
            line.plain("reason", death.cause.reason());
            line.plain("by", death.by.name());
            if let Cause::Violation(error) = death.cause {
                line.text("detail", &error.to_string());
            }
            for side in Side::BOTH {
                codes(line, side, session.closes(side));
            }
            for side in Side::BOTH {
                traffic(line, side, session.traffic(side));
            }
            let lived = now.saturating_duration_since(self.at);
            line.number("duration_ms", format_args!("{:.3}", lived.as_secs_f64() * 1e3));
        });
    }
}

impl Refused<'_> {
    pub(crate) fn record(&self, records: &Records) {
        records.write("refused", |line| {
            line.plain("client", self.client);
            if let Some(status) = self.status {
                line.number("status", status);
            }
            line.plain("reason", self.reason);
            line.text("detail", self.detail);
            if let Some(path) = self.path {
                line.text("path", path);
            }
        });
    }
}

/// A Close without a code is told as 1005, as RFC 6455 §7.4.1 wants it.
fn codes(line: &mut Line, side: Side, closes: Closes) {
    let (received_key, sent_key) = match side {
        Side::Client => ("client_close_received", "client_close_sent"),
        Side::Upstream => ("upstream_close_received", "upstream_close_sent"),
    };
    let number = |code: Option<CloseCode>| code.map_or(1005, CloseCode::get);
    if let Some(code) = closes.received {
        line.number(received_key, number(code));
    }
    if let Some(code) = closes.sent {
        line.number(sent_key, number(code));
    }
}

fn traffic(line: &mut Line, side: Side, traffic: Traffic) {
    let (bytes, frames, messages) = match side {
        Side::Client => ("client_bytes", "client_frames", "client_messages"),
        Side::Upstream => ("upstream_bytes", "upstream_frames", "upstream_messages"),
    };
    line.number(bytes, traffic.bytes);
    line.number(frames, traffic.frames);
    line.number(messages, traffic.messages);
}

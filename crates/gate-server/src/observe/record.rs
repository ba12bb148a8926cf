//! The records of the access log: what is told of a request, of a session at its open and at
//! its close, and of a handshake that gave none. Request targets are told without their
//! query, which is where clients put tokens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gate_core::session::{Cause, Closes, Death, Traffic};
use gate_core::{Session, SessionId, Side};
use http::{HeaderValue, Method, StatusCode, Version};
use ws_proto::CloseCode;

use crate::observe::line::Line;
use crate::observe::writer::Records;

/// What is known of a session from its open to its close.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) id: SessionId,
    /// Who it is with.
    pub(crate) client: Box<str>,
    /// The target it goes to.
    pub(crate) upstream: Arc<str>,
    pub(crate) route: Arc<str>,
    pub(crate) request_id: Box<str>,
    /// The path of the request target.
    pub(crate) path: Box<str>,
    pub(crate) at: Instant,
}

/// How a session ended.
pub(crate) struct Ended {
    pub(crate) death: Death,
    /// By side; `None`: there was no WebSocket on it that was the session's own.
    pub(crate) closes: [Option<Closes>; 2],
    /// By the side that it came from.
    pub(crate) traffic: [Traffic; 2],
}

/// What only the record of the open tells.
pub(crate) struct Negotiated<'a> {
    pub(crate) secured: Secured<'a>,
    pub(crate) host: Box<str>,
    pub(crate) subprotocol: Option<Box<str>>,
    pub(crate) deflate: bool,
    /// When the handshake began: the request was read, or the client's connection accepted.
    pub(crate) began: Instant,
}

/// What there is to be told of TLS with the client.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Secured<'a> {
    /// `None`: there is no TLS.
    pub(crate) version: Option<&'static str>,
    /// The subject of the client's certificate, where it has shown one.
    pub(crate) client_certificate: Option<&'a str>,
}

impl Secured<'_> {
    fn fields(&self, line: &mut Line) {
        if let Some(version) = self.version {
            line.plain("tls", version);
        }
        optional(line, "client_certificate", self.client_certificate);
    }
}

/// A handshake that gave no session, or a connection that came to no request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Refused<'a> {
    pub(crate) client: &'a str,
    /// The answer's status; `None` where there was none.
    pub(crate) status: Option<StatusCode>,
    pub(crate) reason: &'static str,
    /// What exactly was wrong, in words.
    pub(crate) detail: &'a str,
    pub(crate) route: Option<&'a str>,
    /// The target that refused it, where it was not the gateway.
    pub(crate) upstream: Option<&'a str>,
    pub(crate) path: Option<&'a str>,
    pub(crate) host: Option<&'a str>,
    pub(crate) request_id: Option<&'a str>,
}

/// A plain request that is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Requested<'a> {
    pub(crate) client: &'a str,
    pub(crate) secured: Secured<'a>,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) host: &'a str,
    pub(crate) version: Version,
    pub(crate) request_id: &'a str,
    pub(crate) user_agent: Option<&'a HeaderValue>,
    pub(crate) referer: Option<&'a HeaderValue>,
    /// `None`: no route fits.
    pub(crate) route: Option<&'a str>,
    /// The target that answered; `None` where the gateway did.
    pub(crate) upstream: Option<&'a str>,
    /// `None`: the client was gone before it was answered.
    pub(crate) status: Option<StatusCode>,
    /// Why the gateway answered as it did, and what exactly was wrong, where it was not the upstream
    /// that answered, or the answer broke off.
    pub(crate) fault: Option<(&'static str, &'a str)>,
    /// Of the request's body.
    pub(crate) request_bytes: u64,
    /// Of the answer's body.
    pub(crate) response_bytes: u64,
    /// From the end of the request's head to the end of the answer.
    pub(crate) duration: Duration,
}

impl Opened {
    pub(crate) fn fields(&self, line: &mut Line) {
        line.plain("session", self.id);
        line.text("client", &self.client);
        line.text("route", &self.route);
        line.text("upstream", &self.upstream);
        line.text("path", &self.path);
        line.text("request_id", &self.request_id);
    }

    pub(crate) fn record_open(&self, records: &Records, negotiated: &Negotiated<'_>) {
        records.access("open", |line| {
            self.fields(line);
            line.text("host", &negotiated.host);
            negotiated.secured.fields(line);
            if let Some(subprotocol) = &negotiated.subprotocol {
                line.text("subprotocol", subprotocol);
            }
            if negotiated.deflate {
                line.plain("extensions", "permessage-deflate");
            }
            milliseconds(line, "handshake_ms", self.at.saturating_duration_since(negotiated.began));
        });
    }

    pub(crate) fn record_close(&self, records: &Records, session: &Session, death: Death, now: Instant) {
        let ended = Ended {
            death,
            closes: Side::BOTH.map(|side| Some(session.closes(side))),
            traffic: Side::BOTH.map(|side| session.traffic(side)),
        };
        self.record_end(records, &ended, now);
    }

    pub(crate) fn record_end(&self, records: &Records, ended: &Ended, now: Instant) {
        let death = ended.death;
        records.access("close", |line| {
            self.fields(line);
            line.plain("reason", death.cause.reason());
            line.plain("by", death.by.name());
            if let Cause::Violation(error) = death.cause {
                line.text("detail", &error.to_string());
            }
            for (side, closes) in Side::BOTH.into_iter().zip(ended.closes) {
                if let Some(closes) = closes {
                    codes(line, side, closes);
                }
            }
            for (side, traffic_of) in Side::BOTH.into_iter().zip(ended.traffic) {
                traffic(line, side, traffic_of);
            }
            milliseconds(line, "duration_ms", now.saturating_duration_since(self.at));
        });
    }
}

impl Refused<'_> {
    pub(crate) fn record(&self, records: &Records) {
        records.access("refused", |line| {
            line.text("client", self.client);
            if let Some(status) = self.status {
                line.number("status", status.as_u16());
            }
            line.plain("reason", self.reason);
            line.text("detail", self.detail);
            optional(line, "route", self.route);
            optional(line, "upstream", self.upstream);
            optional(line, "path", self.path);
            optional(line, "host", self.host);
            optional(line, "request_id", self.request_id);
        });
    }
}

impl Requested<'_> {
    pub(crate) fn record(&self, records: &Records) {
        records.access("request", |line| {
            line.text("client", self.client);
            line.text("method", self.method.as_str());
            line.text("path", self.path);
            line.text("host", self.host);
            line.plain("protocol", format_args!("{:?}", self.version));
            self.secured.fields(line);
            if let Some(status) = self.status {
                line.number("status", status.as_u16());
            }
            if let Some((reason, detail)) = self.fault {
                line.plain("reason", reason);
                line.text("detail", detail);
            }
            optional(line, "route", self.route);
            optional(line, "upstream", self.upstream);
            line.text("request_id", self.request_id);
            optional(line, "user_agent", self.user_agent.map(lossy).as_deref());
            optional(line, "referer", self.referer.map(lossy).as_deref().map(without_query));
            line.number("request_bytes", self.request_bytes);
            line.number("response_bytes", self.response_bytes);
            milliseconds(line, "duration_ms", self.duration);
        });
    }
}

fn optional(line: &mut Line, key: &'static str, value: Option<&str>) {
    if let Some(value) = value {
        line.text(key, value);
    }
}

fn lossy(value: &HeaderValue) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

fn without_query(uri: &str) -> &str {
    uri.split(['?', '#']).next().unwrap_or_default()
}

fn milliseconds(line: &mut Line, key: &'static str, duration: Duration) {
    line.number(key, format_args!("{:.3}", duration.as_secs_f64() * 1e3));
}

/// RFC 6455 §7.1.5: a Close without a code is told as 1005.
pub(crate) fn close_number(code: Option<CloseCode>) -> u16 {
    code.map_or(1005, CloseCode::get)
}

fn codes(line: &mut Line, side: Side, closes: Closes) {
    let (received_key, sent_key) = match side {
        Side::Client => ("client_close_received", "client_close_sent"),
        Side::Upstream => ("upstream_close_received", "upstream_close_sent"),
    };
    if let Some(code) = closes.received {
        line.number(received_key, close_number(code));
    }
    if let Some(code) = closes.sent {
        line.number(sent_key, close_number(code));
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

#[cfg(test)]
mod tests;

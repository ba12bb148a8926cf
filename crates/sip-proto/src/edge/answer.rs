//! Answers that are made here, from nothing but the request (RFC 3261 §8.2.7, §16.11).

use core::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::hash::Hash;
use super::kind::{Kind, Method};
use super::request::Refusal;
use super::{Edge, Reason, Ruling, Source};
use crate::error::{Fault, MessageError};
use crate::limits::Limits;
use crate::message::Message;
use crate::name::HeaderName;
use crate::response::{Reply, reply};
use crate::status::Status;
use crate::token::{Flow, Purpose};

/// Why the gateway answers in a server's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The answer's status.
    pub status: Status,
    /// Seconds, for `Retry-After`.
    pub retry_after_s: Option<u32>,
}

impl Failure {
    /// The flow is gone (RFC 5626 §11.5).
    pub const FLOW_FAILED: Self = Self { status: Status::FLOW_FAILED, retry_after_s: None };
    /// The upstream cannot be reached; whether it will be is not known.
    pub const UNAVAILABLE: Self = Self { status: Status::SERVICE_UNAVAILABLE, retry_after_s: None };
}

impl Edge {
    /// Answers a request as it came, before or instead of ruling on it. Nothing answers ACKs and responses.
    #[must_use]
    pub fn unavailable(
        &self,
        message: &[u8],
        from: &Source<'_>,
        failure: &Failure,
        out: &mut Vec<u8>,
    ) -> Ruling {
        let message = match self.split(message, from, out) {
            Ok(message) => message,
            Err(ruling) => return ruling,
        };
        let seconds = failure.retry_after_s.map(|seconds| seconds.to_string());
        let header = seconds.as_deref().map(|seconds| ("Retry-After", seconds));
        self.answer(&message, (failure.status, header.as_slice()), from, out)
    }

    /// Answers a request that was forwarded, as it was written, and then could not be delivered: to `flow`,
    /// which is gone (430), or, where that is None, to the upstream (503). The answer goes back as if it had
    /// come from there: [`Ruling::ToFlow`].
    #[must_use]
    pub fn undelivered(
        &self,
        forwarded: &[u8],
        flow: Option<&Flow>,
        failure: &Failure,
        out: &mut Vec<u8>,
    ) -> Ruling {
        let limits = self.limits_of_forwarded();
        let message = match Message::parse(forwarded, &limits) {
            Ok(message) => message,
            Err(error) => return Ruling::Drop(Reason::Malformed(error.fault)),
        };
        let seconds = failure.retry_after_s.map(|seconds| seconds.to_string());
        let header = seconds.as_deref().map(|seconds| ("Retry-After", seconds));
        let tag = self.tag(&message);
        let answer = Reply { status: failure.status, headers: header.as_slice(), to_tag: &tag, source: None };
        let mut written = Vec::new();
        if !reply(&message, &answer, &mut written) {
            return Ruling::Drop(unanswered(&message));
        }
        let purpose =
            flow.map_or(Purpose::ResponseDownstream, |flow| Purpose::ResponseUpstream { sent_to: *flow });
        match Message::parse(&written, &limits) {
            Ok(answer) => self.response(&answer, purpose, out),
            Err(error) => Ruling::Drop(Reason::Malformed(error.fault)),
        }
    }

    /// A flow that a request was [for](Ruling::ToFlow) is gone: 430 (RFC 5626 §11.5), for whoever sent it.
    #[must_use]
    pub fn flow_failed(&self, forwarded: &[u8], flow: &Flow, out: &mut Vec<u8>) -> Ruling {
        self.undelivered(forwarded, Some(flow), &Failure::FLOW_FAILED, out)
    }

    /// Answers or drops what is not in order.
    pub(super) fn malformed(
        &self,
        message: &[u8],
        error: MessageError,
        from: &Source<'_>,
        out: &mut Vec<u8>,
    ) -> Ruling {
        // Without a Via that can be read nobody could tell what is answered.
        let is_lost = |message: &Message<'_>| {
            error.fault == Fault::BadVia || message.values(HeaderName::Via).next().is_none()
        };
        let salvaged = Message::salvage(message, &self.settings.limits).filter(|message| !is_lost(message));
        // RFC 3261 §20.43: 399 is for people to read.
        let agent = if from.sent_by.is_empty() { "framegate" } else { from.sent_by };
        let warning = format!("399 {agent} \"{}\"", error.fault.text());
        let headers = [("Warning", warning.as_str())];
        let ruling = salvaged.map(|message| self.answer(&message, (error.status(), &headers), from, out));
        match ruling {
            Some(Ruling::Answer { status, kind, fault: _ }) => {
                Ruling::Answer { status, kind, fault: Some(error.fault) }
            }
            Some(Ruling::Forward { .. } | Ruling::ToFlow { .. } | Ruling::Drop(_)) | None => {
                Ruling::Drop(Reason::Malformed(error.fault))
            }
        }
    }

    pub(super) fn refuse(
        &self,
        message: &Message<'_>,
        refusal: &Refusal,
        from: &Source<'_>,
        out: &mut Vec<u8>,
    ) -> Ruling {
        let header = refusal.header.as_ref().map(|(name, value)| (*name, value.as_str()));
        self.answer(message, (refusal.status, header.as_slice()), from, out)
    }

    /// Answers the sender.
    pub(super) fn answer(
        &self,
        message: &Message<'_>,
        (status, headers): (Status, &[(&str, &str)]),
        from: &Source<'_>,
        out: &mut Vec<u8>,
    ) -> Ruling {
        let tag = self.tag(message);
        let source = SocketAddr::new(from.address.ip().to_canonical(), from.address.port());
        let answer = Reply { status, headers, to_tag: &tag, source: Some(source) };
        if reply(message, &answer, out) {
            let kind = Kind::Request(Method::of(message.method().unwrap_or_default()));
            Ruling::Answer { status: status.code, kind, fault: None }
        } else {
            Ruling::Drop(unanswered(message))
        }
    }

    /// The tag of To in answers to a message: always the same for the same (RFC 3261 §8.2.7), and known again
    /// in an ACK.
    pub(super) fn tag(&self, message: &Message<'_>) -> String {
        let cseq = message.cseq().map_or(0, |(number, _)| number);
        let hash = Hash::new()
            .word(u64::from(self.settings.process))
            .text(message.call_id().unwrap_or_default())
            .text(message.from_tag().unwrap_or_default())
            .word(u64::from(cseq));
        URL_SAFE_NO_PAD.encode(hash.finish().to_be_bytes())
    }

    /// The limits with what forwarding may have added.
    #[must_use]
    pub const fn limits_of_forwarded(&self) -> Limits {
        let Limits { message, head, headers, line } = self.settings.limits;
        Limits {
            message: message.saturating_add(ADDED_MAX),
            head: head.saturating_add(ADDED_MAX),
            headers: headers.saturating_add(ADDED_LINES_MAX),
            line: line.saturating_add(ADDED_MAX),
        }
    }
}

/// Bytes and lines that forwarding adds at most: a Via, two Record-Routes, Max-Forwards, Content-Length, and
/// parameters, with names of hosts as long as names may be.
const ADDED_MAX: usize = 2048;
const ADDED_LINES_MAX: usize = 5;

fn unanswered(message: &Message<'_>) -> Reason {
    if message.method().is_some() { Reason::RefusedAck } else { Reason::Response }
}

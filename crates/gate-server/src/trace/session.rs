//! What both connections of a session tell of its end.

use gate_core::session::{Cause, Death};
use gate_core::{Session, Side};

use super::connection::ConnectionTrace;
use super::event::{Closing, Direction};
use crate::observe::record::close_number;

/// Both connections of a session.
#[derive(Debug, Default)]
pub(crate) struct SessionTrace {
    client: Option<ConnectionTrace>,
    upstream: Option<ConnectionTrace>,
}

impl SessionTrace {
    /// `None`: neither is traced.
    pub(crate) fn of(
        client: Option<ConnectionTrace>,
        upstream: Option<ConnectionTrace>,
    ) -> Option<Box<Self>> {
        (client.is_some() || upstream.is_some()).then(|| Box::new(Self { client, upstream }))
    }

    /// The session is over, and both of them with it.
    pub(crate) fn close(&mut self, session: &Session, death: Death) {
        for (side, trace) in [(Side::Client, &mut self.client), (Side::Upstream, &mut self.upstream)] {
            if let Some(trace) = trace.as_mut().filter(|trace| trace.is_on()) {
                close(trace, session, side, death);
            }
        }
    }
}

fn close(trace: &mut ConnectionTrace, session: &Session, side: Side, death: Death) {
    let detail = if let Cause::Violation(error) = death.cause { error.to_string() } else { String::new() };
    let closes = session.closes(side);
    let passed = |side: Side| {
        let traffic = session.traffic(side);
        Direction { bytes: traffic.bytes, messages: traffic.messages }
    };
    trace.closed(&Closing {
        reason: death.cause.reason(),
        by: death.by.name(),
        detail: &detail,
        is_orderly: is_orderly(death.cause),
        close_received: closes.received.map(close_number),
        close_sent: closes.sent.map(close_number),
        received: Some(passed(side)),
        sent: Some(passed(side.other())),
    });
}

/// Whether a session ends so when nothing has gone wrong.
pub(crate) const fn is_orderly(cause: Cause) -> bool {
    match cause {
        Cause::Close(_)
        | Cause::Fin
        | Cause::IdleTimeout
        | Cause::MaxAge
        | Cause::Shutdown
        | Cause::Admin => true,
        Cause::Reset
        | Cause::Violation(_)
        | Cause::SendTimeout
        | Cause::FrameTimeout
        | Cause::TooManyChunks
        | Cause::RateLimit
        | Cause::Finding
        | Cause::Agent
        | Cause::Webhook
        | Cause::AgentFailed
        | Cause::WebhookFailed
        | Cause::PingTimeout
        | Cause::UpstreamLost
        | Cause::Aborted => false,
    }
}

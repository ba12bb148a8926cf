//! Whose messages of a route are put together and judged, by whomever: what that does to its
//! limits, and which of its settings contradict it.

use std::sync::Arc;

use super::Context;
use crate::fields::Fields;
use crate::model::{Compression, INSPECTED_FRAGMENTS_MAX, INSPECTED_SIZE_MAX, Inspect, RateLimit, WebSocket};
use crate::report::Code;
use gate_core::policy::Inspection;
use gate_core::{Policy, Side};

/// A route as far as it is read.
pub(super) struct Reading<'a> {
    /// The settings of the route.
    pub(super) route: &'a Fields<'a>,
    /// Those of its `websocket`, be it written or not.
    pub(super) websocket: &'a Fields<'a>,
    /// Whether its agents are asked about messages.
    pub(super) asks_agents: bool,
}

impl Reading<'_> {
    /// Completes what `websocket` says with what follows from it together.
    pub(super) fn complete(&self, websocket: &mut WebSocket, cx: &mut Context<'_>) {
        self.read_short_form(websocket, cx);
        let has = |side| {
            self.asks_agents
                || websocket.inspect.as_ref().is_some_and(|inspect| inspect.has(side))
                || websocket.webhooks.iter().any(|webhook| webhook.from == side)
        };
        let (client, upstream) = (has(Side::Client), has(Side::Upstream));
        let mut policy = Policy::clone(&websocket.policy);
        // What carries SIP puts messages together in any case, within limits of its own.
        if (client || upstream) && websocket.sip.is_none() {
            self.limit(&mut policy, cx);
        }
        let stream_above = websocket.inspect.as_ref().and_then(|inspect| Some(inspect.stream_above?.value));
        policy.inspection = Inspection { client, upstream, stream_above, ..self.bounds(&policy, cx) };
        websocket.context_takeover = self.websocket.flag("context-takeover", cx.report).unwrap_or(false);
        if client || upstream {
            self.judge_context(websocket, cx);
            self.judge_streaming(websocket, &policy, cx);
        } else if self.route.one("header-config").is_none() {
            self.judge_without(cx);
        }
        websocket.policy = Arc::new(policy);
    }

    /// `websocket-inspection`.
    fn read_short_form(&self, websocket: &mut WebSocket, cx: &mut Context<'_>) {
        let Some(field) = self.route.one("websocket-inspection") else { return };
        match self.route.flag("websocket-inspection", cx.report) {
            Some(true) if !self.asks_agents => drop(websocket.inspect.get_or_insert_default()),
            Some(false) if self.asks_agents || websocket.inspect.is_some() => {
                let first = if websocket.inspect.is_some() {
                    self.websocket.one("inspect")
                } else {
                    self.route.one("agents")
                };
                cx.report
                    .error(Code::Conflict, field.place(), "messages of this route are inspected nevertheless")
                    .label("not to be inspected")
                    .help("keep one of them")
                    .also(first.map_or(self.route.place, |field| field.place()), "by this");
            }
            Some(_) | None => {}
        }
    }

    /// What is put together has limits where none are written; one that is taken off is told.
    fn limit(&self, policy: &mut Policy, cx: &mut Context<'_>) {
        let is_written = |name| self.websocket.one(name).is_some();
        if !is_written("max-frame-size") {
            policy.limits.frame_size_max = INSPECTED_SIZE_MAX;
        }
        if !is_written("max-message-size") {
            policy.limits.message_size_max = INSPECTED_SIZE_MAX;
        }
        if !is_written("max-fragments") {
            policy.limits.fragments_max = INSPECTED_FRAGMENTS_MAX;
        }
        let limits = &policy.limits;
        let unlimited = [
            (
                "max-message-size",
                limits.message_size_max == 0,
                "write a size; a few megabytes are large for a message",
            ),
            // Frames that say nothing add nothing to the size, but are kept as well.
            (
                "max-fragments",
                limits.fragments_max == 0,
                "write a number; a thousand frames are many for a message",
            ),
        ];
        for (name, is_unlimited, help) in unlimited {
            if let Some(field) = self.websocket.one(name).filter(|_| is_unlimited) {
                cx.report
                    .warn(
                        Code::Insecure,
                        field.place(),
                        "messages are put together for inspection without a limit",
                    )
                    .label("one message can take all memory")
                    .help(help);
            }
        }
    }

    fn bounds(&self, policy: &Policy, cx: &mut Context<'_>) -> Inspection {
        let defaults = Inspection::default();
        let report = &mut *cx.report;
        let written = self.websocket.one("max-message-size").map(|_| policy.limits.message_size_max);
        let inflated = written.filter(|size| *size > 0).unwrap_or(defaults.inflated_size_max);
        Inspection {
            inflated_size_max: self.websocket.size("max-inflated-size", report).unwrap_or(inflated),
            inflate_ratio_max: self
                .websocket
                .number("max-inflate-ratio", report)
                .unwrap_or(defaults.inflate_ratio_max),
            inflate_rate_max: self
                .websocket
                .size("max-inflate-rate", report)
                .unwrap_or(defaults.inflate_rate_max),
            in_flight_max: self.websocket.number("max-in-flight", report).unwrap_or(defaults.in_flight_max),
            in_flight_bytes_max: self
                .websocket
                .size("max-in-flight-bytes", report)
                .unwrap_or(defaults.in_flight_bytes_max),
            ..defaults
        }
    }

    /// A message that goes nowhere, or goes on as another, is missing in the window that the next
    /// one refers to.
    fn judge_context(&self, websocket: &WebSocket, cx: &mut Context<'_>) {
        let Some(field) = self.websocket.one("context-takeover").filter(|_| websocket.context_takeover)
        else {
            return;
        };
        if websocket.compression == Compression::Off {
            cx.report
                .warn(Code::Useless, field.place(), "`context-takeover` has no effect: nothing is compressed")
                .label("has no effect")
                .help("remove it, or `compression \"off\"`");
            return;
        }
        let inspect = websocket.inspect.as_ref();
        let culprit = if inspect.is_some_and(Inspect::takes_messages_away) {
            self.websocket.one("inspect")
        } else if !websocket.webhooks.is_empty() {
            // Any of their answers may drop a message, also where none may rewrite it.
            self.websocket.one("webhook")
        } else if websocket.rate_limits.iter().any(RateLimit::drops_messages) {
            self.websocket.one("rate-limit")
        } else if self.asks_agents {
            self.route.one("agents")
        } else {
            None
        };
        if let Some(culprit) = culprit {
            cx.report
                .error(
                    Code::Conflict,
                    field.place(),
                    "messages may be dropped or rewritten, so they cannot refer to each other",
                )
                .label("lets them refer to those before them")
                .help("remove it: each message is then compressed by itself")
                .also(culprit.place(), "may drop or rewrite them");
        }
    }

    /// What has gone in part can be neither taken back nor given to those who want all of it.
    fn judge_streaming(&self, websocket: &WebSocket, policy: &Policy, cx: &mut Context<'_>) {
        let Some(inspect) = &websocket.inspect else { return };
        let Some(above) = &inspect.stream_above else { return };
        let culprit = if self.asks_agents {
            self.route.one("agents").map(|field| (field, "want whole messages"))
        } else if !websocket.webhooks.is_empty() {
            self.websocket.one("webhook").map(|field| (field, "wants whole messages"))
        } else if inspect.takes_messages_away() {
            self.websocket.one("inspect").map(|field| (field, "may drop or rewrite messages"))
        } else if !inspect.schemas.is_empty() {
            self.websocket.one("inspect").map(|field| (field, "has a schema, for whole messages"))
        } else {
            None
        };
        if let Some((culprit, why)) = culprit {
            cx.report
                .error(Code::Conflict, above.place, "a message that goes on piece by piece is never whole")
                .label("lets large messages go on piece by piece")
                .help("remove `stream-above`; `max-message-size` says how large messages may be")
                .also(culprit.place(), why);
        }
        let size_max = policy.limits.message_size_max;
        if size_max > 0 && above.value >= size_max {
            cx.report
                .warn(
                    Code::Useless,
                    above.place,
                    format!("`stream-above` is never reached: messages have at most {size_max} bytes"),
                )
                .label("has no effect")
                .help("write a larger `max-message-size`, and `max-frame-size`");
        }
    }

    /// Settings of inspection where there is none.
    fn judge_without(&self, cx: &mut Context<'_>) {
        for name in [
            "max-inflated-size",
            "max-inflate-ratio",
            "max-inflate-rate",
            "max-in-flight",
            "max-in-flight-bytes",
            "context-takeover",
        ] {
            if let Some(field) = self.websocket.one(name) {
                cx.report
                    .warn(Code::Useless, field.place(), format!("`{name}` has no effect: no message is inspected"))
                    .label("has no effect")
                    .help("add `inspect`, a `webhook`, or an agent with events \"websocket-frame\"; or remove it");
            }
        }
    }
}

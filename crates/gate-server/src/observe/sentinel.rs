//! The four metrics that dashboards written for Sentinel ask for, by the names that they have
//! there and with the prefix that the configuration gives them.

use gate_core::Side;

use crate::observe::exposition::Sources;
use crate::observe::findings;
use crate::observe::page::Page;

impl Sources {
    /// Adds them to the page. The gauge and the histogram have no labels of their own, so that
    /// `histogram_quantile` over the buckets as they are gives one answer.
    pub(super) fn sentinel(&self, page: &mut Page, prefix: &str) {
        page.family(
            format!("{prefix}_websocket_connections_active"),
            "gauge",
            "WebSocket connections open at the moment.",
        );
        page.sample(&[], self.connections_active());
        page.family(
            format!("{prefix}_websocket_messages_total"),
            "counter",
            "Data messages that came whole, blocked ones among them; c2s from clients, s2c from upstreams.",
        );
        for side in Side::BOTH {
            let direction = match side {
                Side::Client => "c2s",
                Side::Upstream => "s2c",
            };
            let text = self.sum(|worker| &worker.direction(side).text_messages);
            let binary = self.sum(|worker| &worker.direction(side).binary_messages);
            page.sample(&[("direction", direction), ("opcode", "text")], text);
            page.sample(&[("direction", direction), ("opcode", "binary")], binary);
        }
        page.histogram(
            format!("{prefix}_websocket_connection_duration_seconds"),
            "How long ended WebSocket connections had been open.",
            &self.lifetimes(),
        );
        page.family(
            format!("{prefix}_agent_ws_blocked_total"),
            "counter",
            "Messages that rules, agents or webhooks kept from going on.",
        );
        page.sample(&[], findings::blocked(self.workers.iter().map(|worker| &worker.findings)));
    }
}

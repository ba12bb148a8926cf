//! The counters of all workers as Prometheus text (exposition format 0.0.4).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use gate_core::Side;
use ws_proto::Opcode;

use crate::clock;
use crate::observe::agents;
use crate::observe::counters::{
    ByLabels, CLASSES, Counter, DirectionCounters, Labels, Sessions, WorkerCounters,
};
use crate::observe::findings;
use crate::observe::frame_log;
use crate::observe::lifetimes::LifetimeSums;
use crate::observe::page::Page;
use crate::observe::reloads::Reloads;
use crate::observe::sink::Stats;
use crate::observe::sip;
use crate::observe::traces;
use crate::observe::webhooks;
use crate::observe::writer::Records;

/// Where the figures come from.
pub(crate) struct Sources {
    pub(super) workers: Vec<Arc<WorkerCounters>>,
    pub(super) records: Records,
    pub(super) configured: ArcSwap<Configured>,
    pub(crate) reloads: Reloads,
    started: Instant,
}

/// What there is to be told of the configuration that runs.
pub(crate) struct Configured {
    /// `max-connections`.
    pub(crate) connections_limit: u64,
    pub(crate) targets: Box<Targets>,
    /// The first word of the metrics that Sentinel's dashboards read; `None`: they are left out.
    pub(crate) prefix: Option<Arc<str>>,
    /// What has become of the packets of traces, by their names.
    pub(crate) traces: Vec<(Arc<str>, Arc<traces::Stats>)>,
}

/// Answers the figures of all targets of all upstreams.
pub(crate) type Targets = dyn Fn() -> Vec<TargetFigures> + Send + Sync;

/// What is to be told of one target.
#[derive(Clone, Debug)]
pub(crate) struct TargetFigures {
    /// The upstream's name.
    pub(crate) upstream: Arc<str>,
    /// The target's address as it was configured.
    pub(crate) target: Arc<str>,
    /// Times that it was chosen for a request.
    pub(crate) attempts: u64,
    /// By reason.
    pub(crate) failures: Vec<(&'static str, u64)>,
    /// Requests and sessions under way.
    pub(crate) in_flight: u64,
    /// Whether it is given requests.
    pub(crate) is_healthy: bool,
}

impl Sources {
    /// The sources of a gateway that starts at this moment.
    pub(crate) fn new(
        workers: Vec<Arc<WorkerCounters>>,
        records: Records,
        configured: Configured,
        reloads: Reloads,
    ) -> Self {
        let configured = ArcSwap::from_pointee(configured);
        Self { workers, records, configured, reloads, started: clock::now() }
    }

    /// Another configuration runs from this moment on. What was counted stays.
    pub(crate) fn reconfigure(&self, configured: Configured) {
        self.configured.store(Arc::new(configured));
    }

    /// How long the gateway has been running.
    pub(crate) fn uptime(&self) -> Duration {
        clock::now().saturating_duration_since(self.started)
    }

    /// WebSocket connections that are open.
    pub(crate) fn connections_active(&self) -> u64 {
        let closed = self.sum(|worker| &worker.sessions_closed);
        self.sum(|worker| &worker.sessions_opened).saturating_sub(closed)
    }

    /// The whole page.
    pub(crate) fn page(&self) -> String {
        let mut page = Page::default();
        let configured = self.configured.load();
        if let Some(prefix) = &configured.prefix {
            self.sentinel(&mut page, prefix);
        }
        self.connections(&mut page, configured.connections_limit);
        self.routes(&mut page);
        self.handshakes(&mut page);
        self.requests(&mut page);
        agents::write(&mut page, self.workers.iter().map(|worker| &worker.agents));
        findings::write(&mut page, self.workers.iter().map(|worker| &worker.findings));
        webhooks::write(&mut page, self.workers.iter().map(|worker| &worker.webhooks));
        sip::write(&mut page, self.workers.iter().map(|worker| &worker.sip));
        upstreams(&mut page, &(configured.targets)());
        self.traffic(&mut page);
        page.family("framegate_log_records_lost_total", "counter", "Log records dropped or not written.");
        for (reason, count) in self.records.lost().by_reason() {
            page.sample(&[("reason", reason)], count);
        }
        frame_logs(&mut page, &frame_log::stats(self.records.sinks()));
        traces::write(&mut page, &configured.traces);
        self.reloads.write(&mut page);
        page.family("framegate_uptime_seconds", "gauge", "Seconds since the gateway started.");
        page.sample(&[], self.uptime().as_secs_f64());
        page.family("framegate_build_info", "gauge", "Always 1; the version is a label.");
        page.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
        page.text
    }

    fn connections(&self, page: &mut Page, limit: u64) {
        page.family("framegate_connections_accepted_total", "counter", "TCP connections accepted.");
        page.sample(&[], self.sum(|worker| &worker.accepted));
        page.family("framegate_accept_errors_total", "counter", "Calls of accept that failed.");
        page.sample(&[], self.sum(|worker| &worker.accept_errors));
        page.family("framegate_connections_opened_total", "counter", "WebSocket connections opened.");
        page.sample(&[], self.sum(|worker| &worker.sessions_opened));
        page.family("framegate_connections_active", "gauge", "WebSocket connections open at the moment.");
        page.sample(&[], self.connections_active());
        page.family("framegate_connections_limit", "gauge", "max-connections; 0 is no limit.");
        page.sample(&[], limit);
        page.family(
            "framegate_connections_closed_total",
            "counter",
            "WebSocket connections ended, by reason and by whose doing it was.",
        );
        for ((reason, by), count) in self.labels(|worker| &worker.closes) {
            page.sample(&[("reason", reason), ("by", by)], count);
        }
        page.family(
            "framegate_connection_seconds_total",
            "counter",
            "Seconds that ended WebSocket connections had been open.",
        );
        let lifetimes = self.lifetimes();
        page.sample(&[], lifetimes.total.as_secs_f64());
        page.histogram(
            "framegate_connection_duration_seconds",
            "How long ended WebSocket connections had been open.",
            &lifetimes,
        );
    }

    fn routes(&self, page: &mut Page) {
        type Value = fn(&Sessions) -> u64;
        let families: [(&'static str, &str, &str, Value); 3] = [
            (
                "framegate_route_connections_opened_total",
                "counter",
                "WebSocket connections opened, by route.",
                |sessions| sessions.opened,
            ),
            (
                "framegate_route_connections_closed_total",
                "counter",
                "WebSocket connections ended, by route.",
                |sessions| sessions.closed,
            ),
            (
                "framegate_route_connections_active",
                "gauge",
                "WebSocket connections open at the moment, by route.",
                Sessions::active,
            ),
        ];
        let routes = self.sessions_by_route();
        for (name, kind, help, value) in families {
            page.family(name, kind, help);
            for (route, sessions) in &routes {
                page.sample(&[("route", route)], value(sessions));
            }
        }
    }

    fn handshakes(&self, page: &mut Page) {
        let begun = self.sum(|worker| &worker.handshakes_begun);
        let ended = self.sum(|worker| &worker.handshakes_ended);
        page.family(
            "framegate_handshakes_in_progress",
            "gauge",
            "Connections of clients that are no WebSocket connections, or not yet.",
        );
        page.sample(&[], begun.saturating_sub(ended));
        page.family(
            "framegate_handshake_failures_total",
            "counter",
            "Connections that gave no WebSocket connection, by reason.",
        );
        self.by_reason(page, |worker| &worker.handshake_failures);
        page.family(
            "framegate_tls_handshake_failures_total",
            "counter",
            "TLS handshakes with clients that failed, by reason.",
        );
        self.by_reason(page, |worker| &worker.tls_handshake_failures);
    }

    fn by_reason(&self, page: &mut Page, of: impl Fn(&WorkerCounters) -> &ByLabels) {
        for ((reason, _), count) in self.labels(of) {
            page.sample(&[("reason", reason)], count);
        }
    }

    fn requests(&self, page: &mut Page) {
        page.family(
            "framegate_http_requests_total",
            "counter",
            "Plain requests that are over, by route and class of status.",
        );
        let mut sums = BTreeMap::new();
        for worker in &self.workers {
            worker.requests.add_to(&mut sums);
        }
        for (route, counts) in &sums {
            for (class, count) in CLASSES.iter().zip(counts).filter(|(_, count)| **count > 0) {
                page.sample(&[("route", route.as_deref().unwrap_or_default()), ("status", class)], count);
            }
        }
        page.family(
            "framegate_fail_open_total",
            "counter",
            "Requests and messages that passed an agent which could not be asked, because its failure-mode is open.",
        );
        let mut sums = BTreeMap::new();
        for worker in &self.workers {
            worker.fail_open.add_to(&mut sums);
        }
        for (agent, count) in &sums {
            page.sample(&[("agent", agent)], count);
        }
    }

    fn traffic(&self, page: &mut Page) {
        page.family("framegate_bytes_total", "counter", "Bytes passed on, frame headers included.");
        self.per_direction(page, |direction| &direction.bytes);
        page.family(
            "framegate_messages_total",
            "counter",
            "Data messages that came whole and within their limits, those that a verdict then stopped among them.",
        );
        for side in Side::BOTH {
            let text = self.sum(|worker| &worker.direction(side).text_messages);
            let binary = self.sum(|worker| &worker.direction(side).binary_messages);
            page.sample(&[("from", side.name()), ("opcode", "text")], text);
            page.sample(&[("from", side.name()), ("opcode", "binary")], binary);
        }
        page.family(
            "framegate_frames_total",
            "counter",
            "Frames that came whole and within their limits, those that a verdict then stopped among them.",
        );
        self.per_opcode(page, |direction| &direction.frames);
        page.family("framegate_frame_payload_bytes_total", "counter", "Payload bytes of those frames.");
        self.per_opcode(page, |direction| &direction.payload_bytes);
        page.family(
            "framegate_backpressure_pauses_total",
            "counter",
            "Writes that had to wait because the other side took no more bytes.",
        );
        self.per_direction(page, |direction| &direction.pauses);
        self.withheld(page);
    }

    fn withheld(&self, page: &mut Page) {
        type Of = fn(&DirectionCounters) -> &Counter;
        let families: [(&'static str, &str, Of); 5] = [
            (
                "framegate_messages_dropped_total",
                "Data messages above a rate limit that went nowhere.",
                |of| &of.dropped_messages,
            ),
            (
                "framegate_control_frames_dropped_total",
                "Pings and pongs above a rate limit that went nowhere.",
                |of| &of.dropped_control_frames,
            ),
            ("framegate_frames_delayed_total", "Frames that a rate limit made wait.", |of| &of.delays),
            ("framegate_keepalive_pongs_total", "Pongs that answered pings of the gateway.", |of| {
                &of.own_pongs
            }),
            (
                "framegate_keepalive_pings_total",
                "Pings of the gateway, by the side that was to answer.",
                |of| &of.pings,
            ),
        ];
        for (name, help, of) in families {
            page.family(name, "counter", help);
            self.per_direction(page, of);
        }
    }

    fn per_direction(&self, page: &mut Page, of: impl Fn(&DirectionCounters) -> &Counter) {
        for side in Side::BOTH {
            let sum: u64 = self.workers.iter().map(|worker| of(worker.direction(side)).get()).sum();
            page.sample(&[("from", side.name())], sum);
        }
    }

    fn per_opcode(&self, page: &mut Page, of: impl Fn(&DirectionCounters) -> &[Counter; 6]) {
        for side in Side::BOTH {
            for opcode in Opcode::ALL {
                let counters =
                    self.workers.iter().filter_map(|worker| of(worker.direction(side)).get(opcode.index()));
                let sum: u64 = counters.map(Counter::get).sum();
                page.sample(&[("from", side.name()), ("opcode", opcode.name())], sum);
            }
        }
    }

    /// Sessions by the name of their route.
    pub(super) fn sessions_by_route(&self) -> BTreeMap<Arc<str>, Sessions> {
        let mut sums = BTreeMap::new();
        for worker in &self.workers {
            worker.sessions.add_to(&mut sums);
        }
        sums
    }

    /// How long ended sessions had lived.
    pub(super) fn lifetimes(&self) -> LifetimeSums {
        let mut sums = LifetimeSums::default();
        for worker in &self.workers {
            worker.lifetimes.add_to(&mut sums);
        }
        sums
    }

    pub(super) fn sum(&self, of: impl Fn(&WorkerCounters) -> &Counter) -> u64 {
        self.workers.iter().map(|worker| of(worker).get()).sum()
    }

    pub(super) fn labels(&self, of: impl Fn(&WorkerCounters) -> &ByLabels) -> BTreeMap<Labels, u64> {
        let mut sums = BTreeMap::new();
        for worker in &self.workers {
            of(worker).add_to(&mut sums);
        }
        sums
    }
}

/// Families without a sample are left out: most gateways have no frame logs.
fn frame_logs(page: &mut Page, logs: &[(Arc<str>, Arc<Stats>)]) {
    if logs.is_empty() {
        return;
    }
    page.family(
        "framegate_frame_log_records_total",
        "counter",
        "Lines made for frame logs, those included that were dropped.",
    );
    for (log, stats) in logs {
        page.sample(&[("log", log)], stats.lines());
    }
    page.family("framegate_frame_log_bytes_total", "counter", "Bytes of those lines.");
    for (log, stats) in logs {
        page.sample(&[("log", log)], stats.bytes());
    }
    page.family("framegate_frame_log_dropped_total", "counter", "Lines that did not come to their log.");
    for (log, stats) in logs {
        for (reason, count) in stats.lost() {
            page.sample(&[("log", log), ("reason", reason)], count);
        }
    }
}

fn upstreams(page: &mut Page, targets: &[TargetFigures]) {
    type Value = fn(&TargetFigures) -> u64;
    let families: [(&'static str, &str, &str, Value); 3] = [
        (
            "framegate_upstream_attempts_total",
            "counter",
            "Times that a target was chosen for a request.",
            |figures| figures.attempts,
        ),
        (
            "framegate_upstream_in_flight",
            "gauge",
            "Requests and WebSocket connections under way with a target.",
            |figures| figures.in_flight,
        ),
        ("framegate_upstream_healthy", "gauge", "Whether a target is given requests.", |figures| {
            u64::from(figures.is_healthy)
        }),
    ];
    for (name, kind, help, value) in families {
        page.family(name, kind, help);
        for figures in targets {
            page.sample(&labels(figures), value(figures));
        }
    }
    page.family("framegate_upstream_failures_total", "counter", "Failed requests to a target, by reason.");
    for figures in targets {
        for (reason, count) in &figures.failures {
            let [upstream, target] = labels(figures);
            page.sample(&[upstream, target, ("reason", reason)], count);
        }
    }
}

fn labels(figures: &TargetFigures) -> [(&'static str, &str); 2] {
    [("upstream", &figures.upstream), ("target", &figures.target)]
}

#[cfg(test)]
mod tests;

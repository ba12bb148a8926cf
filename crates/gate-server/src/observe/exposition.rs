//! The counters of all workers as Prometheus text (exposition format 0.0.4).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gate_core::Side;
use ws_proto::Opcode;

use crate::clock;
use crate::observe::counters::{ByLabels, CLASSES, Counter, DirectionCounters, Labels, WorkerCounters};
use crate::observe::writer::Records;

/// Where the figures come from.
pub(crate) struct Sources {
    workers: Vec<Arc<WorkerCounters>>,
    /// `max-connections`.
    connections_limit: u64,
    records: Records,
    targets: Box<Targets>,
    started: Instant,
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

/// The content type of the page.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Sources {
    /// The sources of a gateway that starts at this moment.
    pub(crate) fn new(
        workers: Vec<Arc<WorkerCounters>>,
        connections_limit: u64,
        records: Records,
        targets: Box<Targets>,
    ) -> Self {
        Self { workers, connections_limit, records, targets, started: clock::now() }
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
        self.connections(&mut page);
        self.handshakes(&mut page);
        self.requests(&mut page);
        upstreams(&mut page, &(self.targets)());
        self.traffic(&mut page);
        page.family("framegate_log_records_lost_total", "counter", "Log records dropped or not written.");
        for (reason, count) in self.records.lost().by_reason() {
            page.sample(&[("reason", reason)], count);
        }
        page.family("framegate_uptime_seconds", "gauge", "Seconds since the gateway started.");
        page.sample(&[], self.uptime().as_secs_f64());
        page.family("framegate_build_info", "gauge", "Always 1; the version is a label.");
        page.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
        page.text
    }

    fn connections(&self, page: &mut Page) {
        page.family("framegate_connections_accepted_total", "counter", "TCP connections accepted.");
        page.sample(&[], self.sum(|worker| &worker.accepted));
        page.family("framegate_accept_errors_total", "counter", "Calls of accept that failed.");
        page.sample(&[], self.sum(|worker| &worker.accept_errors));
        page.family("framegate_connections_opened_total", "counter", "WebSocket connections opened.");
        page.sample(&[], self.sum(|worker| &worker.sessions_opened));
        page.family("framegate_connections_active", "gauge", "WebSocket connections open at the moment.");
        page.sample(&[], self.connections_active());
        page.family("framegate_connections_limit", "gauge", "max-connections; 0 is no limit.");
        page.sample(&[], self.connections_limit);
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
        page.sample(&[], seconds(self.sum(|worker| &worker.session_nanoseconds)));
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
            "Requests that passed an agent which could not be asked, because its failure-mode is open.",
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
        page.family("framegate_messages_total", "counter", "Data messages passed on whole.");
        for side in Side::BOTH {
            let text = self.sum(|worker| &worker.direction(side).text_messages);
            let binary = self.sum(|worker| &worker.direction(side).binary_messages);
            page.sample(&[("from", side.name()), ("opcode", "text")], text);
            page.sample(&[("from", side.name()), ("opcode", "binary")], binary);
        }
        page.family("framegate_frames_total", "counter", "Frames passed on whole.");
        self.per_opcode(page, |direction| &direction.frames);
        page.family("framegate_frame_payload_bytes_total", "counter", "Payload bytes of those frames.");
        self.per_opcode(page, |direction| &direction.payload_bytes);
        page.family(
            "framegate_backpressure_pauses_total",
            "counter",
            "Writes that had to wait because the other side took no more bytes.",
        );
        self.per_direction(page, |direction| &direction.pauses);
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

    fn sum(&self, of: impl Fn(&WorkerCounters) -> &Counter) -> u64 {
        self.workers.iter().map(|worker| of(worker).get()).sum()
    }

    fn labels(&self, of: impl Fn(&WorkerCounters) -> &ByLabels) -> BTreeMap<Labels, u64> {
        let mut sums = BTreeMap::new();
        for worker in &self.workers {
            of(worker).add_to(&mut sums);
        }
        sums
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

/// A page in the making.
#[derive(Default)]
struct Page {
    text: String,
    /// Of the samples that follow.
    name: &'static str,
}

impl Page {
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.name = name;
        // Writing to a string cannot fail.
        let _infallible = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(self.name);
        let mut separator = '{';
        for (name, value) in labels {
            let _infallible = write!(self.text, "{separator}{name}=\"{}\"", escaped(value));
            separator = ',';
        }
        let _infallible = writeln!(self.text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

/// The value of a label, which may be a name of the configuration and so anything.
fn escaped(value: &str) -> Cow<'_, str> {
    if value.contains(['\\', '"', '\n']) {
        Cow::Owned(value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
    } else {
        Cow::Borrowed(value)
    }
}

fn seconds(nanoseconds: u64) -> f64 {
    Duration::from_nanos(nanoseconds).as_secs_f64()
}

#[cfg(test)]
mod tests;

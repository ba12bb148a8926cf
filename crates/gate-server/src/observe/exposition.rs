//! The counters of all workers as Prometheus text (exposition format 0.0.4).

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::sync::Arc;

use gate_core::Side;
use ws_proto::Opcode;

use crate::observe::counters::{ByLabels, Counter, DirectionCounters, Labels, WorkerCounters};
use crate::observe::writer::Records;

/// Where the figures come from.
pub(crate) struct Sources {
    pub(crate) workers: Vec<Arc<WorkerCounters>>,
    /// `max-connections`.
    pub(crate) connections_limit: u64,
    pub(crate) records: Records,
}

/// The content type of the page.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Sources {
    /// The whole page.
    pub(crate) fn page(&self) -> String {
        let mut page = Page::default();
        self.connections(&mut page);
        self.handshakes(&mut page);
        self.traffic(&mut page);
        page.family("framegate_log_records_lost_total", "counter", "Log records dropped or not written.");
        page.sample("", self.records.lost());
        page.family("framegate_build_info", "gauge", "Always 1; the version is a label.");
        page.sample(concat!("version=\"", env!("CARGO_PKG_VERSION"), "\""), 1);
        page.0
    }

    fn connections(&self, page: &mut Page) {
        page.family("framegate_connections_accepted_total", "counter", "TCP connections accepted.");
        page.sample("", self.sum(|worker| &worker.accepted));
        page.family("framegate_accept_errors_total", "counter", "Calls of accept that failed.");
        page.sample("", self.sum(|worker| &worker.accept_errors));
        let opened = self.sum(|worker| &worker.sessions_opened);
        let closed = self.sum(|worker| &worker.sessions_closed);
        page.family("framegate_connections_opened_total", "counter", "WebSocket connections opened.");
        page.sample("", opened);
        page.family("framegate_connections_active", "gauge", "WebSocket connections open at the moment.");
        page.sample("", opened.saturating_sub(closed));
        page.family("framegate_connections_limit", "gauge", "max-connections; 0 is no limit.");
        page.sample("", self.connections_limit);
        page.family(
            "framegate_connections_closed_total",
            "counter",
            "WebSocket connections ended, by reason and by whose doing it was.",
        );
        for ((reason, by), count) in self.labels(|worker| &worker.closes) {
            page.sample(&format!("reason=\"{reason}\",by=\"{by}\""), count);
        }
        page.family(
            "framegate_connection_seconds_total",
            "counter",
            "Seconds that ended WebSocket connections had been open.",
        );
        page.sample("", seconds(self.sum(|worker| &worker.session_nanoseconds)));
    }

    fn handshakes(&self, page: &mut Page) {
        let begun = self.sum(|worker| &worker.handshakes_begun);
        let ended = self.sum(|worker| &worker.handshakes_ended);
        page.family("framegate_handshakes_in_progress", "gauge", "Opening handshakes under way.");
        page.sample("", begun.saturating_sub(ended));
        page.family(
            "framegate_handshake_failures_total",
            "counter",
            "Connections that gave no WebSocket connection, by reason.",
        );
        for ((reason, _), count) in self.labels(|worker| &worker.handshake_failures) {
            page.sample(&format!("reason=\"{reason}\""), count);
        }
    }

    fn traffic(&self, page: &mut Page) {
        page.family("framegate_bytes_total", "counter", "Bytes passed on, frame headers included.");
        self.per_direction(page, |direction| &direction.bytes);
        page.family("framegate_messages_total", "counter", "Data messages passed on whole.");
        for side in Side::BOTH {
            let text = self.sum(|worker| &worker.direction(side).text_messages);
            let binary = self.sum(|worker| &worker.direction(side).binary_messages);
            page.sample(&format!("from=\"{side}\",opcode=\"text\""), text);
            page.sample(&format!("from=\"{side}\",opcode=\"binary\""), binary);
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
            page.sample(&format!("from=\"{side}\""), sum);
        }
    }

    fn per_opcode(&self, page: &mut Page, of: impl Fn(&DirectionCounters) -> &[Counter; 6]) {
        for side in Side::BOTH {
            for opcode in Opcode::ALL {
                let counters =
                    self.workers.iter().filter_map(|worker| of(worker.direction(side)).get(opcode.index()));
                let sum: u64 = counters.map(Counter::get).sum();
                page.sample(&format!("from=\"{side}\",opcode=\"{}\"", opcode.name()), sum);
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

/// A page in the making. All names and label values are our own and need no escape.
#[derive(Default)]
struct Page(String, &'static str);

impl Page {
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.1 = name;
        // Writing to a string cannot fail.
        let _infallible = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, labels: &str, value: impl Display) {
        let name = self.1;
        let _infallible = if labels.is_empty() {
            writeln!(self.0, "{name} {value}")
        } else {
            writeln!(self.0, "{name}{{{labels}}} {value}")
        };
    }
}

fn seconds(nanoseconds: u64) -> f64 {
    std::time::Duration::from_nanos(nanoseconds).as_secs_f64()
}

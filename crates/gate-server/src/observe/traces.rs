//! What has become of the packets of one trace. Kept by its name through reloads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::observe::page::Page;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    sent: AtomicU64,
    cut: AtomicU64,
    queue_full: AtomicU64,
    not_sent: AtomicU64,
    connected: AtomicBool,
}

/// Why a packet did not come to its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Too many waited.
    QueueFull,
    /// The server took it several times not, or the gateway ended before it was there again.
    NotSent,
}

impl Stats {
    /// Packets that went to the server.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Packets that did not, for whatever reason.
    pub(crate) fn dropped(&self) -> u64 {
        self.losses().iter().map(|(_, count)| count).sum()
    }

    /// The same by reason, all reasons there are.
    fn losses(&self) -> [(&'static str, u64); 2] {
        [
            ("queue_full", self.queue_full.load(Ordering::Relaxed)),
            ("not_sent", self.not_sent.load(Ordering::Relaxed)),
        ]
    }

    /// Whether packets get through, as far as can be told.
    pub(crate) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    pub(crate) fn count_sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_cut(&self) {
        self.cut.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_lost(&self, loss: Loss, packets: u64) {
        let counter = match loss {
            Loss::QueueFull => &self.queue_full,
            Loss::NotSent => &self.not_sent,
        };
        counter.fetch_add(packets, Ordering::Relaxed);
    }

    pub(crate) fn set_connected(&self, is_connected: bool) {
        self.connected.store(is_connected, Ordering::Relaxed);
    }
}

/// Adds the families to a page; none where nothing is traced.
pub(crate) fn write(page: &mut Page, traces: &[(Arc<str>, Arc<Stats>)]) {
    if traces.is_empty() {
        return;
    }
    page.family(
        "framegate_trace_packets_total",
        "counter",
        "Packets that went to the capture server of a trace.",
    );
    for (trace, stats) in traces {
        page.sample(&[("trace", trace)], stats.sent());
    }
    page.family(
        "framegate_trace_dropped_total",
        "counter",
        "Packets that did not come to their capture server, by reason.",
    );
    for (trace, stats) in traces {
        for (reason, count) in stats.losses() {
            page.sample(&[("trace", trace), ("reason", reason)], count);
        }
    }
    page.family("framegate_trace_cut_total", "counter", "Packets that max-packet-size has cut.");
    for (trace, stats) in traces {
        page.sample(&[("trace", trace)], stats.cut.load(Ordering::Relaxed));
    }
    page.family("framegate_trace_connected", "gauge", "Whether the capture server can be reached.");
    for (trace, stats) in traces {
        page.sample(&[("trace", trace)], u8::from(stats.is_connected()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_on_the_page() {
        let stats = Arc::new(Stats::default());
        stats.count_sent();
        stats.count_cut();
        stats.count_lost(Loss::QueueFull, 3);
        stats.count_lost(Loss::NotSent, 2);
        stats.set_connected(true);
        let mut page = Page::default();
        write(&mut page, &[("homer".into(), Arc::clone(&stats))]);
        let samples: Vec<_> = page.text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "framegate_trace_packets_total{trace=\"homer\"} 1",
                "framegate_trace_dropped_total{trace=\"homer\",reason=\"queue_full\"} 3",
                "framegate_trace_dropped_total{trace=\"homer\",reason=\"not_sent\"} 2",
                "framegate_trace_cut_total{trace=\"homer\"} 1",
                "framegate_trace_connected{trace=\"homer\"} 1",
            ]
        );
        assert_eq!(stats.dropped(), 5);
        let mut page = Page::default();
        write(&mut page, &[]);
        assert_eq!(page.text, "");
    }
}

//! What a worker has counted of SIP, and how that is told.

use std::collections::BTreeMap;

use gate_core::Side;
use sip_proto::Fault;
use sip_proto::edge::{Kind, Method};

use crate::observe::counters::{ByLabels, Counter};
use crate::observe::page::Page;

/// See the module. Only the worker's own thread writes.
#[derive(Debug, Default)]
pub(crate) struct SipCounters {
    /// Messages that went on, by the side that they came from, and in the order of [`labels`].
    passed: [[Counter; KINDS]; 2],
    /// Requests that the gateway has answered, by status and by what was wrong with their form.
    answers: ByLabels,
    /// Messages that went nowhere, by reason.
    dropped: ByLabels,
    /// Connections to servers that could not be made.
    pub(crate) link_failures: Counter,
    /// Requests that went to another server than one that could not be reached.
    pub(crate) failovers: Counter,
    /// Connections without WebSocket that were let in at a listener, and those of them that are over.
    callers: [Counter; 2],
    /// Why those are over.
    callers_ended: ByLabels,
}

/// Methods, and classes of status.
const KINDS: usize = Method::ALL.len() + CLASSES.len();

const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "6xx"];

fn labels() -> impl Iterator<Item = &'static str> {
    Method::ALL.iter().map(|method| method.label()).chain(CLASSES)
}

fn place(kind: Kind) -> usize {
    match kind {
        Kind::Request(method) => Method::ALL.iter().position(|known| *known == method).unwrap_or_default(),
        Kind::Response(status) => Method::ALL.len() + usize::from(status / 100).saturating_sub(1).min(5),
    }
}

/// The statuses that the gateway answers by itself.
const STATUSES: [(u16, &str); 15] = [
    (200, "200"),
    (400, "400"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (416, "416"),
    (420, "420"),
    (430, "430"),
    (480, "480"),
    (481, "481"),
    (482, "482"),
    (483, "483"),
    (503, "503"),
    (505, "505"),
    (513, "513"),
];

fn status_label(status: u16) -> &'static str {
    let known = STATUSES.iter().find(|(known, _)| *known == status);
    known.map_or("other", |(_, label)| label)
}

impl SipCounters {
    /// A message from that side has gone on.
    pub(crate) fn passed(&self, from: Side, kind: Kind) {
        let [client, upstream] = &self.passed;
        let counters = match from {
            Side::Client => client,
            Side::Upstream => upstream,
        };
        if let Some(counter) = counters.get(place(kind)) {
            counter.add(1);
        }
    }

    /// The gateway has answered a request itself.
    pub(crate) fn answered(&self, status: u16) {
        self.answers.count((status_label(status), ""));
    }

    /// The same with a request whose form has that fault.
    pub(crate) fn answered_fault(&self, status: u16, fault: Fault) {
        self.answers.count((status_label(status), fault.label()));
    }

    /// Somebody has connected to a listener.
    pub(crate) fn caller_came(&self) {
        let [came, _] = &self.callers;
        came.add(1);
    }

    /// That connection is over.
    pub(crate) fn caller_gone(&self, reason: &'static str) {
        let [_, gone] = &self.callers;
        gone.add(1);
        self.callers_ended.count((reason, ""));
    }

    /// A message went nowhere.
    pub(crate) fn dropped(&self, reason: &'static str) {
        self.dropped.count((reason, ""));
    }
}

/// Writes the figures of all workers.
pub(super) fn write<'a>(page: &mut Page, workers: impl Iterator<Item = &'a SipCounters> + Clone) {
    page.family(
        "framegate_sip_messages_total",
        "counter",
        "Messages of SIP that went on, by the side that they came from and what they are.",
    );
    for side in Side::BOTH {
        for (kind, index) in labels().zip(0..) {
            let of = |counters: &SipCounters| {
                let [client, upstream] = &counters.passed;
                let counters = if side == Side::Client { client } else { upstream };
                counters.get(index).map_or(0, Counter::get)
            };
            let count: u64 = workers.clone().map(of).sum();
            if count > 0 {
                page.sample(&[("from", side.name()), ("kind", kind)], count);
            }
        }
    }
    let sums = |of: fn(&SipCounters) -> &ByLabels| {
        let mut sums = BTreeMap::new();
        for counters in workers.clone() {
            of(counters).add_to(&mut sums);
        }
        sums
    };
    let by_label = |page: &mut Page, label: &'static str, of: fn(&SipCounters) -> &ByLabels| {
        for ((value, _), count) in sums(of) {
            page.sample(&[(label, value)], count);
        }
    };
    page.family(
        "framegate_sip_answers_total",
        "counter",
        "Requests that the gateway answered, by status, and where their form was to blame by what was wrong with it.",
    );
    for ((status, fault), count) in sums(|counters| &counters.answers) {
        let labels = [("status", status), ("fault", fault)];
        page.sample(if fault.is_empty() { labels.get(..1).unwrap_or(&labels) } else { &labels }, count);
    }
    page.family("framegate_sip_dropped_total", "counter", "Messages that went nowhere, by reason.");
    by_label(page, "reason", |counters| &counters.dropped);
    page.family(
        "framegate_sip_link_failures_total",
        "counter",
        "Connections to servers that could not be made.",
    );
    page.sample(&[], workers.clone().map(|counters| counters.link_failures.get()).sum::<u64>());
    page.family(
        "framegate_sip_failovers_total",
        "counter",
        "Requests that went to another server than one that could not be reached.",
    );
    page.sample(&[], workers.clone().map(|counters| counters.failovers.get()).sum::<u64>());
    page.family(
        "framegate_sip_connections_active",
        "gauge",
        "Connections to listeners of SIP over TCP and TLS that are open.",
    );
    let active = |counters: &SipCounters| {
        let [came, gone] = &counters.callers;
        came.get().saturating_sub(gone.get())
    };
    page.sample(&[], workers.clone().map(active).sum::<u64>());
    page.family(
        "framegate_sip_connections_closed_total",
        "counter",
        "Connections to listeners of SIP over TCP and TLS that are over, by reason.",
    );
    by_label(page, "reason", |counters| &counters.callers_ended);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_counter_of_its_own() {
        let counters = SipCounters::default();
        for method in Method::ALL {
            counters.passed(Side::Client, Kind::Request(method));
        }
        for status in [100, 200, 302, 404, 503, 603] {
            counters.passed(Side::Client, Kind::Response(status));
        }
        assert!(counters.passed[0].iter().all(|counter| counter.get() == 1));
        assert!(counters.passed[1].iter().all(|counter| counter.get() == 0));
    }

    #[test]
    fn what_was_counted_is_told() {
        let counters = SipCounters::default();
        counters.passed(Side::Upstream, Kind::Request(Method::Invite));
        counters.answered(430);
        counters.answered(299);
        counters.answered_fault(400, Fault::BodyTooShort);
        counters.dropped("flow_gone");
        counters.caller_came();
        counters.caller_came();
        counters.caller_gone("idle_timeout");
        let mut page = Page::default();
        write(&mut page, [&counters].into_iter());
        for line in [
            r#"framegate_sip_messages_total{from="upstream",kind="INVITE"} 1"#,
            r#"framegate_sip_answers_total{status="430"} 1"#,
            r#"framegate_sip_answers_total{status="other"} 1"#,
            r#"framegate_sip_answers_total{status="400",fault="body_too_short"} 1"#,
            r#"framegate_sip_dropped_total{reason="flow_gone"} 1"#,
            "framegate_sip_connections_active 1",
            r#"framegate_sip_connections_closed_total{reason="idle_timeout"} 1"#,
        ] {
            assert!(page.text.contains(line), "{line} in {}", page.text);
        }
    }
}

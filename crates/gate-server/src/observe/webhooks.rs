//! What one worker has counted of the webhooks of each route and direction.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gate_core::Side;

use crate::observe::counters::Counter;
use crate::observe::latencies::{Latencies, LatencySums};
use crate::observe::page::Page;

/// What has come of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Allow,
    Drop,
    Rewrite,
    /// The webhook has refused the message.
    Refuse,
    /// No place for a connection came free in time.
    Busy,
    /// There was no answer in time.
    Timeout,
    /// It could not be reached.
    Connect,
    /// The connection was lost before the answer.
    Lost,
    /// The answer is not HTTP, or says what cannot be done.
    Invalid,
    /// The session ended before the answer.
    Abandoned,
}

/// The names of [`Outcome`]s, in their order.
const OUTCOMES: [&str; 10] =
    ["allow", "drop", "rewrite", "refuse", "busy", "timeout", "connect", "lost", "invalid", "abandoned"];

impl Outcome {
    /// The name in metrics and records.
    pub(crate) fn name(self) -> &'static str {
        OUTCOMES.get(self.index()).copied().unwrap_or_default()
    }

    const fn index(self) -> usize {
        match self {
            Self::Allow => 0,
            Self::Drop => 1,
            Self::Rewrite => 2,
            Self::Refuse => 3,
            Self::Busy => 4,
            Self::Timeout => 5,
            Self::Connect => 6,
            Self::Lost => 7,
            Self::Invalid => 8,
            Self::Abandoned => 9,
        }
    }
}

/// The figures of one route and direction. The worker's thread alone writes them.
#[derive(Debug, Default)]
pub(crate) struct HookFigures {
    calls: [Counter; OUTCOMES.len()],
    latencies: Latencies,
    begun: Counter,
    ended: Counter,
    waits_begun: Counter,
    waits_ended: Counter,
    /// Messages that passed though the webhook could not be asked.
    fail_open: Counter,
    /// Messages of an opcode that the webhook is not asked about, and that ended the session.
    other_opcode: Counter,
}

impl HookFigures {
    /// A call begins.
    pub(crate) fn begin(self: &Arc<Self>) -> Call {
        self.begun.add(1);
        Call { figures: Arc::clone(self), outcome: Outcome::Abandoned, took: None }
    }

    /// A call waits for a connection until what is returned is dropped.
    pub(crate) fn wait(&self) -> Wait<'_> {
        self.waits_begun.add(1);
        Wait(self)
    }

    /// A message passed though the webhook could not be asked.
    pub(crate) fn failed_open(&self) {
        self.fail_open.add(1);
    }

    /// A session ended because of a message that the webhook is not asked about.
    pub(crate) fn refused_other(&self) {
        self.other_opcode.add(1);
    }
}

/// A call under way; counted as given up where it is dropped before its end.
pub(crate) struct Call {
    figures: Arc<HookFigures>,
    outcome: Outcome,
    took: Option<Duration>,
}

impl Call {
    /// It is over after `took`.
    pub(crate) fn end(mut self, outcome: Outcome, took: Duration) {
        self.outcome = outcome;
        self.took = Some(took);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.figures.ended.add(1);
        if let Some(count) = self.figures.calls.get(self.outcome.index()) {
            count.add(1);
        }
        if let Some(took) = self.took {
            self.figures.latencies.record(took);
        }
    }
}

/// A call that waits for a connection.
pub(crate) struct Wait<'a>(&'a HookFigures);

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.0.waits_ended.add(1);
    }
}

/// By route and direction. A name that a later configuration does not have keeps its counts.
#[derive(Debug, Default)]
pub(crate) struct ByHook(Mutex<BTreeMap<HookName, Arc<HookFigures>>>);

/// A route, and the direction in the words of the configuration.
type HookName = (Arc<str>, &'static str);

impl ByHook {
    /// The figures of the webhooks of a route for what comes from one side.
    pub(crate) fn of(&self, route: &Arc<str>, from: Side) -> Arc<HookFigures> {
        let mut hooks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(hooks.entry((Arc::clone(route), direction(from))).or_default())
    }

    fn add_to(&self, sums: &mut BTreeMap<HookName, Sums>) {
        let hooks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for ((route, direction), figures) in &*hooks {
            let sum = sums.entry((Arc::clone(route), direction)).or_default();
            for (sum, count) in sum.calls.iter_mut().zip(&figures.calls) {
                *sum += count.get();
            }
            figures.latencies.add_to(&mut sum.latencies);
            // In this order, so that what ends meanwhile makes none of them negative.
            let (ended, waits_ended) = (figures.ended.get(), figures.waits_ended.get());
            sum.in_flight += figures.begun.get().saturating_sub(ended);
            sum.waiting += figures.waits_begun.get().saturating_sub(waits_ended);
            sum.fail_open += figures.fail_open.get();
            sum.other_opcode += figures.other_opcode.get();
        }
    }
}

/// A direction in the words of the configuration.
pub(crate) const fn direction(from: Side) -> &'static str {
    match from {
        Side::Client => "inbound",
        Side::Upstream => "outbound",
    }
}

/// The figures of all workers, added up.
#[derive(Default)]
struct Sums {
    calls: [u64; OUTCOMES.len()],
    latencies: LatencySums,
    in_flight: u64,
    waiting: u64,
    fail_open: u64,
    other_opcode: u64,
}

/// Adds to the page what all workers have counted. Without webhooks there is nothing.
pub(super) fn write<'a>(page: &mut Page, workers: impl Iterator<Item = &'a ByHook>) {
    let mut hooks = BTreeMap::new();
    workers.for_each(|worker| worker.add_to(&mut hooks));
    if hooks.is_empty() {
        return;
    }
    page.family("framegate_webhook_calls_total", "counter", "Calls to webhooks, by what has come of them.");
    for ((route, direction), sums) in &hooks {
        for (result, count) in OUTCOMES.iter().zip(sums.calls).filter(|(_, count)| *count > 0) {
            page.sample(&[("route", route), ("direction", direction), ("result", result)], count);
        }
    }
    type Value = fn(&Sums) -> u64;
    let families: [(&'static str, &str, &str, Value); 4] = [
        (
            "framegate_webhook_fail_open_total",
            "counter",
            "Messages that passed a webhook which could not be asked, because its failure-mode is open.",
            |sums| sums.fail_open,
        ),
        (
            "framegate_webhook_other_opcode_total",
            "counter",
            "Messages of an opcode that the webhook is not asked about, and that ended the connection.",
            |sums| sums.other_opcode,
        ),
        ("framegate_webhook_in_flight", "gauge", "Calls under way, those that wait included.", |sums| {
            sums.in_flight
        }),
        ("framegate_webhook_waiting", "gauge", "Calls that wait for a connection.", |sums| sums.waiting),
    ];
    for (name, kind, help, value) in families {
        page.family(name, kind, help);
        for ((route, direction), sums) in &hooks {
            page.sample(&[("route", route), ("direction", direction)], value(sums));
        }
    }
    let histograms = hooks.iter().map(|((route, direction), sums)| {
        ([("route", &**route), ("direction", *direction)], &sums.latencies)
    });
    page.latencies(
        "framegate_webhook_latency_seconds",
        "How long calls to webhooks took, waiting for a connection included.",
        histograms,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_the_order_of_what_they_name() {
        let outcomes = [
            (Outcome::Allow, "allow"),
            (Outcome::Drop, "drop"),
            (Outcome::Rewrite, "rewrite"),
            (Outcome::Refuse, "refuse"),
            (Outcome::Busy, "busy"),
            (Outcome::Timeout, "timeout"),
            (Outcome::Connect, "connect"),
            (Outcome::Lost, "lost"),
            (Outcome::Invalid, "invalid"),
            (Outcome::Abandoned, "abandoned"),
        ];
        assert_eq!(outcomes.map(|(outcome, _)| outcome.name()), outcomes.map(|(_, name)| name));
    }

    #[test]
    fn workers_add_up_and_a_call_that_is_dropped_is_abandoned() {
        let workers = [ByHook::default(), ByHook::default()];
        let route: Arc<str> = "chat".into();
        let mut under_way = Vec::new();
        for worker in &workers {
            let figures = worker.of(&route, Side::Client);
            figures.begin().end(Outcome::Allow, Duration::from_millis(3));
            drop(figures.begin());
            under_way.push(figures.begin());
            figures.failed_open();
        }
        let mut page = Page::default();
        write(&mut page, workers.iter());
        let labels = "route=\"chat\",direction=\"inbound\"";
        for line in [
            format!("framegate_webhook_calls_total{{{labels},result=\"allow\"}} 2"),
            format!("framegate_webhook_calls_total{{{labels},result=\"abandoned\"}} 2"),
            format!("framegate_webhook_in_flight{{{labels}}} 2"),
            format!("framegate_webhook_waiting{{{labels}}} 0"),
            format!("framegate_webhook_fail_open_total{{{labels}}} 2"),
            format!("framegate_webhook_latency_seconds_count{{{labels}}} 2"),
        ] {
            assert!(page.text.lines().any(|found| found == line), "{line}\n{}", page.text);
        }
        assert!(!page.text.contains("refuse"), "{}", page.text);
        let mut page = Page::default();
        write(&mut page, [ByHook::default()].iter());
        assert_eq!(page.text, "");
    }
}

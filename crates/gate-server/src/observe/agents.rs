//! What one worker has counted of each agent.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::observe::counters::Counter;
use crate::observe::latencies::{Latencies, LatencySums};
use crate::observe::page::Page;

/// What an agent is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    RequestHeaders,
    WebSocketFrame,
}

/// What has come of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Allow,
    Drop,
    Close,
    Block,
    Redirect,
    Challenge,
    /// The agent could not be asked, or its answer is of no use.
    Failed,
}

/// Whether an agent is asked at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BreakerState {
    /// It is.
    Closed,
    /// It is not.
    Open,
    /// It is, now and then, to see whether it answers.
    HalfOpen,
}

/// The figures of one agent. The worker's thread alone writes them.
#[derive(Debug, Default)]
pub(crate) struct AgentFigures {
    calls: [[Counter; OUTCOMES.len()]; EVENTS.len()],
    failures: [Counter; REASONS.len()],
    latencies: Latencies,
    /// In the order of [`BREAKERS`].
    breaker: AtomicUsize,
}

/// By agent. A name that a later configuration does not have keeps its counts.
#[derive(Debug, Default)]
pub(crate) struct ByAgent(Mutex<BTreeMap<Arc<str>, Arc<AgentFigures>>>);

/// The names of [`Event`]s, in their order.
const EVENTS: [&str; 2] = ["request_headers", "websocket_frame"];

/// The names of [`Outcome`]s, in their order.
const OUTCOMES: [&str; 7] = ["allow", "drop", "close", "block", "redirect", "challenge", "failed"];

/// The names of [`BreakerState`]s, in their order.
const BREAKERS: [&str; 3] = ["closed", "open", "half-open"];

/// Why calls fail. `invalid` is an answer that says what cannot be done.
pub(crate) const REASONS: [&str; 13] = [
    "connect",
    "timeout",
    "closed",
    "busy",
    "breaker",
    "garbage",
    "version",
    "too-large",
    "unexpected",
    "uncorrelated",
    "refused",
    "encoding",
    "invalid",
];

impl Event {
    /// The name in metrics and records.
    pub(crate) fn name(self) -> &'static str {
        name(&EVENTS, self.index())
    }

    fn index(self) -> usize {
        match self {
            Self::RequestHeaders => 0,
            Self::WebSocketFrame => 1,
        }
    }
}

impl Outcome {
    /// The name in metrics and records.
    pub(crate) fn name(self) -> &'static str {
        name(&OUTCOMES, self.index())
    }

    fn index(self) -> usize {
        match self {
            Self::Allow => 0,
            Self::Drop => 1,
            Self::Close => 2,
            Self::Block => 3,
            Self::Redirect => 4,
            Self::Challenge => 5,
            Self::Failed => 6,
        }
    }
}

impl BreakerState {
    /// The name in metrics and records.
    pub(crate) fn name(self) -> &'static str {
        name(&BREAKERS, self.index())
    }

    fn index(self) -> usize {
        match self {
            Self::Closed => 0,
            Self::Open => 1,
            Self::HalfOpen => 2,
        }
    }
}

fn name(names: &[&'static str], index: usize) -> &'static str {
    names.get(index).copied().unwrap_or_default()
}

impl AgentFigures {
    /// A call is over after `took`.
    pub(crate) fn called(&self, event: Event, outcome: Outcome, took: Duration) {
        let counter = self.calls.get(event.index()).and_then(|outcomes| outcomes.get(outcome.index()));
        if let Some(counter) = counter {
            counter.add(1);
        }
        self.latencies.record(took);
    }

    /// A call has failed for one of [`REASONS`].
    pub(crate) fn failed(&self, reason: &str) {
        let known = REASONS.iter().position(|known| *known == reason);
        debug_assert!(known.is_some(), "{reason} is not in the list");
        if let Some(counter) = known.and_then(|index| self.failures.get(index)) {
            counter.add(1);
        }
    }

    pub(crate) fn set_breaker(&self, state: BreakerState) {
        self.breaker.store(state.index(), Ordering::Relaxed);
    }
}

impl ByAgent {
    /// The figures of an agent, which are counted on in.
    pub(crate) fn of(&self, agent: &Arc<str>) -> Arc<AgentFigures> {
        let mut agents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(agents.entry(Arc::clone(agent)).or_default())
    }

    fn add_to(&self, sums: &mut BTreeMap<Arc<str>, Sums>) {
        let agents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (agent, figures) in &*agents {
            let sum = sums.entry(Arc::clone(agent)).or_default();
            let calls = figures.calls.iter().flatten();
            add(sum.calls.iter_mut().flatten(), calls.map(Counter::get));
            add(sum.failures.iter_mut(), figures.failures.iter().map(Counter::get));
            figures.latencies.add_to(&mut sum.latencies);
            if let Some(count) = sum.breakers.get_mut(figures.breaker.load(Ordering::Relaxed)) {
                *count += 1;
            }
        }
    }
}

fn add<'a>(sums: impl Iterator<Item = &'a mut u64>, more: impl Iterator<Item = u64>) {
    for (sum, more) in sums.zip(more) {
        *sum += more;
    }
}

/// The figures of all workers, added up.
#[derive(Default)]
struct Sums {
    calls: [[u64; OUTCOMES.len()]; EVENTS.len()],
    failures: [u64; REASONS.len()],
    latencies: LatencySums,
    /// Workers whose breaker is in each state.
    breakers: [u64; BREAKERS.len()],
}

/// Adds to the page what all workers have counted. Without agents there is nothing.
pub(super) fn write<'a>(page: &mut Page, workers: impl Iterator<Item = &'a ByAgent>) {
    let mut agents = BTreeMap::new();
    workers.for_each(|worker| worker.add_to(&mut agents));
    if agents.is_empty() {
        return;
    }
    page.family(
        "framegate_agent_calls_total",
        "counter",
        "Calls to agents, by what they were about and what came of them.",
    );
    for (agent, sums) in &agents {
        for (event, outcomes) in EVENTS.iter().zip(&sums.calls) {
            for (decision, count) in OUTCOMES.iter().zip(outcomes).filter(|(_, count)| **count > 0) {
                page.sample(&[("agent", agent), ("event", event), ("decision", decision)], count);
            }
        }
    }
    page.family("framegate_agent_failures_total", "counter", "Calls to agents that failed, by reason.");
    for (agent, sums) in &agents {
        for (reason, count) in REASONS.iter().zip(&sums.failures).filter(|(_, count)| **count > 0) {
            page.sample(&[("agent", agent), ("reason", reason)], count);
        }
    }
    let sums = agents.iter().map(|(agent, sums)| ([("agent", &**agent)], &sums.latencies));
    page.latencies(
        "framegate_agent_latency_seconds",
        "How long calls to agents took, waiting for a connection included.",
        sums,
    );
    page.family(
        "framegate_agent_breaker",
        "gauge",
        "Workers by the state that their circuit breaker for the agent is in.",
    );
    for (agent, sums) in &agents {
        for (state, count) in BREAKERS.iter().zip(sums.breakers) {
            page.sample(&[("agent", agent), ("state", state)], count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_the_order_of_what_they_name() {
        for event in [Event::RequestHeaders, Event::WebSocketFrame] {
            assert!(!event.name().is_empty());
        }
        let outcomes = [
            (Outcome::Allow, "allow"),
            (Outcome::Drop, "drop"),
            (Outcome::Close, "close"),
            (Outcome::Block, "block"),
            (Outcome::Redirect, "redirect"),
            (Outcome::Challenge, "challenge"),
            (Outcome::Failed, "failed"),
        ];
        assert_eq!(outcomes.map(|(outcome, _)| outcome.name()), outcomes.map(|(_, name)| name));
        assert_eq!(BreakerState::HalfOpen.name(), "half-open");
    }

    #[test]
    fn workers_add_up_and_what_has_not_happened_has_no_row() {
        let workers = [ByAgent::default(), ByAgent::default()];
        let name: Arc<str> = "auth".into();
        for worker in &workers {
            let figures = worker.of(&name);
            figures.called(Event::RequestHeaders, Outcome::Allow, Duration::from_millis(3));
            figures.failed("timeout");
        }
        workers[1].of(&name).set_breaker(BreakerState::Open);
        let mut page = Page::default();
        write(&mut page, workers.iter());
        for line in [
            "framegate_agent_calls_total{agent=\"auth\",event=\"request_headers\",decision=\"allow\"} 2",
            "framegate_agent_failures_total{agent=\"auth\",reason=\"timeout\"} 2",
            "framegate_agent_latency_seconds_bucket{agent=\"auth\",le=\"0.0025\"} 0",
            "framegate_agent_latency_seconds_bucket{agent=\"auth\",le=\"0.005\"} 2",
            "framegate_agent_latency_seconds_count{agent=\"auth\"} 2",
            "framegate_agent_breaker{agent=\"auth\",state=\"closed\"} 1",
            "framegate_agent_breaker{agent=\"auth\",state=\"open\"} 1",
        ] {
            assert!(page.text.lines().any(|found| found == line), "{line}\n{}", page.text);
        }
        assert!(!page.text.contains("challenge") && !page.text.contains("reason=\"busy\""));
        let mut page = Page::default();
        write(&mut page, [ByAgent::default()].iter());
        assert_eq!(page.text, "");
    }
}

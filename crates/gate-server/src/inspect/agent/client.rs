//! Whoever asks one agent on behalf of one worker's sessions and requests: it waits for its turn,
//! heeds the circuit breaker, counts, records, and applies the failure-mode.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use agent_proto::{Answer, Event, RequestHeaders};
use gate_config::model::{Agent, FailureMode, Level};
use gate_core::session::Cause;
use ws_proto::CloseCode;

use crate::clock;
use crate::inspect::agent::breaker::{Breaker, Leave};
use crate::inspect::agent::error::AgentError;
use crate::inspect::agent::events;
use crate::inspect::agent::pool::Pool;
use crate::inspect::agent::ruling::{self, Sentence};
use crate::inspect::agent::turns::Turns;
use crate::inspect::opinion::{Message, Opinion, Speaker};
use crate::observe::agents::{self, AgentFigures, BreakerState, Outcome};
use crate::observe::counters::WorkerCounters;
use crate::observe::throttle::Throttle;
use crate::observe::writer::Records;

/// See the module.
pub(crate) struct AgentClient {
    agent: Arc<Agent>,
    pool: Rc<Pool>,
    turns: Turns,
    breaker: RefCell<Breaker>,
    figures: Arc<AgentFigures>,
    counters: Arc<WorkerCounters>,
    records: Records,
    recorded: Throttle,
}

impl AgentClient {
    pub(super) fn new(agent: Arc<Agent>, counters: Arc<WorkerCounters>, records: Records) -> Self {
        let figures = counters.agents.of(&agent.id);
        figures.set_breaker(BreakerState::Closed);
        Self {
            pool: Pool::new(Arc::clone(&agent)),
            turns: Turns::new(agent.calls_per_direction),
            breaker: RefCell::new(Breaker::new(agent.breaker)),
            figures,
            counters,
            records,
            recorded: Throttle::default(),
            agent,
        }
    }

    /// Its settings.
    pub(crate) fn agent(&self) -> &Arc<Agent> {
        &self.agent
    }

    /// What the agent says to a message. Where it cannot be asked its failure-mode has decided.
    pub(crate) async fn judge(&self, speaker: &Speaker, message: &Message) -> Opinion {
        let _turn = self.turns.take(&speaker.session, message.from).await;
        let began = clock::now();
        let asked = self.ask(&events::of_message(speaker, message)).await;
        let judged = asked.and_then(|answer| ruling::of_message(&answer));
        let outcome = judged.as_ref().map_or(Outcome::Failed, |(_, outcome)| *outcome);
        self.count(agents::Event::WebSocketFrame, outcome, began);
        match judged {
            Ok((opinion, _)) => opinion,
            Err(error) => {
                self.record(agents::Event::WebSocketFrame, &speaker.request_id, &error);
                match self.agent.failure_mode {
                    FailureMode::Closed => {
                        Opinion::close(Cause::AgentFailed, CloseCode::INTERNAL_ERROR, "Inspection failed")
                    }
                    FailureMode::Open => {
                        self.counters.fail_open.count(&self.agent.id);
                        Opinion::ALLOW
                    }
                }
            }
        }
    }

    /// What the agent says to a request; `None`: it could not be asked, and its failure-mode is open.
    ///
    /// # Errors
    /// It could not be asked, and its failure-mode is closed.
    pub(crate) async fn admit(&self, request: RequestHeaders) -> Result<Option<Sentence>, AgentError> {
        let began = clock::now();
        let event = Event::RequestHeaders(request);
        let asked = self.ask(&event).await;
        let judged = asked.and_then(|answer| ruling::of_request(&answer));
        let outcome = judged.as_ref().map_or(Outcome::Failed, |sentence| sentence.outcome);
        self.count(agents::Event::RequestHeaders, outcome, began);
        match judged {
            Ok(sentence) => {
                self.record_ignored(event.correlation_id(), &sentence);
                Ok(Some(sentence))
            }
            Err(error) => {
                self.record(agents::Event::RequestHeaders, event.correlation_id(), &error);
                match self.agent.failure_mode {
                    FailureMode::Closed => Err(error),
                    FailureMode::Open => {
                        self.counters.fail_open.count(&self.agent.id);
                        Ok(None)
                    }
                }
            }
        }
    }

    /// Asks, once there is a seat, if the breaker gives leave: while others are waited for it may
    /// have opened.
    async fn ask(&self, event: &Event<'_>) -> Result<Box<Answer>, AgentError> {
        if self.breaker.borrow().is_open(clock::now()) {
            return Err(AgentError::Breaker);
        }
        let _seat = self.pool.seat().await?;
        let leave = self.change_breaker(|breaker| breaker.leave(clock::now())).ok_or(AgentError::Breaker)?;
        let mut call = Call { client: self, leave: Some(leave) };
        let answered = self.pool.ask(event).await;
        let Some(leave) = call.leave.take() else { return answered };
        self.change_breaker(|breaker| match &answered {
            Ok(_) => breaker.answered(&leave),
            Err(error) if error.counts_for_breaker() => breaker.failed(&leave, clock::now()),
            Err(_) => breaker.given_up(&leave),
        });
        answered
    }

    /// Changes the breaker, and tells of it if it is in another state then.
    fn change_breaker<R>(&self, change: impl FnOnce(&mut Breaker) -> R) -> R {
        let mut breaker = self.breaker.borrow_mut();
        let before = breaker.state();
        let result = change(&mut breaker);
        let state = breaker.state();
        drop(breaker);
        if state != before {
            self.figures.set_breaker(state);
            let level = if state == BreakerState::Open { Level::Warn } else { Level::Info };
            self.records.error("agent_breaker", level, |line| {
                line.text("agent", &self.agent.id);
                line.plain("state", state.name());
            });
        }
        result
    }

    fn count(&self, event: agents::Event, outcome: Outcome, began: Instant) {
        self.figures.called(event, outcome, clock::now().saturating_duration_since(began));
    }

    /// Counts a failure and records it.
    fn record(&self, event: agents::Event, request_id: &str, error: &AgentError) {
        let reason = error.reason();
        self.figures.failed(reason);
        let Some(suppressed) = self.recorded.admit(reason, clock::now()) else { return };
        let mode = match self.agent.failure_mode {
            FailureMode::Closed => "closed",
            FailureMode::Open => "open",
        };
        self.records.error("agent_failed", Level::Warn, |line| {
            line.text("agent", &self.agent.id);
            line.plain("about", event.name());
            line.plain("reason", reason);
            line.text("detail", &error.to_string());
            line.plain("failure_mode", mode);
            line.text("request_id", request_id);
            if suppressed > 0 {
                line.number("suppressed", suppressed);
            }
        });
    }

    /// Tells of headers that the agent wanted to change and may not.
    fn record_ignored(&self, request_id: &str, sentence: &Sentence) {
        let Some(header) = sentence.ignored.first() else { return };
        let Some(suppressed) = self.recorded.admit("header", clock::now()) else { return };
        self.records.error("agent_header_ignored", Level::Warn, |line| {
            line.text("agent", &self.agent.id);
            line.text("header", header.as_str());
            line.text("request_id", request_id);
            if suppressed > 0 {
                line.number("suppressed", suppressed);
            }
        });
    }
}

/// A call that the breaker knows of; dropped before it is over, it was given up.
struct Call<'a> {
    client: &'a AgentClient,
    leave: Option<Leave>,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Some(leave) = self.leave.take() {
            self.client.change_breaker(|breaker| breaker.given_up(&leave));
        }
    }
}

//! The agent without its socket: events in, answers out. All connections share it.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use agent_proto::{Answer, Configure, Event, Opcode, WebSocketFrame};
use gate_inspect::Scratch;

use crate::cli::agent::InspectorArgs;

use super::fragments::Fragments;
use super::look::{self, Ledger, lock};
use super::rates::{Limits, Rates};
use super::settings::Active;
use super::{AgentError, configure, tell};

/// See the module.
#[derive(Debug)]
pub(super) struct Inspector {
    active: Mutex<Arc<Active>>,
    ledger: Ledger,
}

impl Inspector {
    /// Compiles what it goes by.
    ///
    /// # Errors
    /// Something of it is of no use.
    pub(super) fn new(args: InspectorArgs, now: Instant) -> Result<Self, AgentError> {
        let active = Active::new(args)?;
        let rates = Mutex::new(Rates::new(limits(&active.args), now));
        let ledger = Ledger { rates, fragments: Mutex::new(Fragments::new(now)) };
        Ok(Self { active: Mutex::new(Arc::new(active)), ledger })
    }

    /// Whether connections are to be told of.
    pub(super) fn is_verbose(&self) -> bool {
        lock(&self.active).args.verbose
    }

    /// Answers an event.
    pub(super) fn answer(&self, event: &Event<'_>, scratch: &mut Scratch, now: Instant) -> Answer {
        match event {
            Event::WebSocketFrame(frame) => self.frame(frame, scratch, now),
            Event::Configure(event) => self.configure(event, now),
            Event::RequestComplete(event) => {
                lock(&self.ledger.rates).forget(&event.correlation_id);
                lock(&self.ledger.fragments).forget(&event.correlation_id);
                Answer::default()
            }
            // Requests and bodies are not this agent's.
            Event::RequestHeaders(_)
            | Event::RequestBodyChunk(_)
            | Event::ResponseHeaders(_)
            | Event::ResponseBodyChunk(_)
            | Event::GuardrailInspect(_) => Answer::default(),
        }
    }

    fn frame(&self, frame: &WebSocketFrame<'_>, scratch: &mut Scratch, now: Instant) -> Answer {
        let active = Arc::clone(&lock(&self.active));
        if active.args.log_frames {
            tell(&line(frame));
        }
        let report = look::judge(frame, &active, &self.ledger, scratch, now);
        if active.args.verbose && report.is_remarkable() {
            tell(&format!("{}: {}", line(frame), printable(&report.line())));
        }
        report.into_answer()
    }

    fn configure(&self, event: &Configure, now: Instant) -> Answer {
        let mut active = lock(&self.active);
        let changed = configure::apply(event, &active.args)
            .and_then(|args| active.with(args).map_err(|error| configure::refusal(&error.to_string())));
        let decision = match changed {
            Ok(changed) => {
                let mut rates = lock(&self.ledger.rates);
                if rates.limits() != limits(&changed.args) {
                    *rates = Rates::new(limits(&changed.args), now);
                }
                *active = Arc::new(changed);
                return Answer::default();
            }
            Err(decision) => decision,
        };
        Answer { decision, ..Answer::default() }
    }
}

const fn limits(args: &InspectorArgs) -> Limits {
    Limits { messages: args.rate_limit_messages, bytes: args.max_bytes_per_sec, burst: args.rate_limit_burst }
}

/// What a frame is, not what it says.
fn line(frame: &WebSocketFrame<'_>) -> String {
    let from = if frame.client_to_server { "client" } else { "server" };
    let size = frame.data.bytes().map_or(0, <[u8]>::len);
    let id: String = frame.correlation_id.chars().take(ID_MAX).collect();
    let end = if frame.fin { "" } else { ", more follows" };
    let opcode = match frame.opcode {
        Opcode::Text => "text",
        Opcode::Binary => "binary",
        Opcode::Ping => "ping",
        Opcode::Pong => "pong",
        Opcode::Close => "close",
        Opcode::Continuation => "continuation",
        Opcode::Reserved => "reserved",
    };
    printable(&format!("{id} {from} {} {opcode} of {size} bytes{end}", frame.frame_index))
}

/// Characters of an id that are shown.
const ID_MAX: usize = 128;

/// What others have a say in must not forge lines.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests;

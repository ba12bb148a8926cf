//! Agents: external inspectors that are asked about requests and messages, over unix sockets.
//!
//! Each worker asks by connections of its own. What an agent says is held against what can be
//! done; an answer that is of no use is a failure like no answer, and the agent's failure-mode
//! says what follows.

mod breaker;
mod changes;
mod client;
mod error;
mod events;
mod line;
mod pool;
mod ruling;
mod turns;
mod wire;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use gate_config::model::Agent;

pub(crate) use changes::Changes;
pub(crate) use client::AgentClient;
pub(crate) use error::AgentError;
pub(crate) use events::{Inquiry, NO_ADDRESS};
pub(crate) use ruling::{Reply, Sentence};

use crate::observe::counters::WorkerCounters;
use crate::observe::writer::Records;

/// The agents of one worker.
pub(crate) struct Agents {
    counters: Arc<WorkerCounters>,
    records: Records,
    /// By name. Those that no configuration has any more stay, as a name may come back.
    clients: RefCell<HashMap<Arc<str>, Rc<AgentClient>>>,
}

impl Agents {
    pub(crate) fn new(counters: Arc<WorkerCounters>, records: Records) -> Self {
        Self { counters, records, clients: RefCell::default() }
    }

    /// Whoever asks this agent: the same for as long as the agent's settings are the same.
    pub(crate) fn get(&self, agent: &Arc<Agent>) -> Rc<AgentClient> {
        let mut clients = self.clients.borrow_mut();
        if let Some(client) = clients.get(&agent.id)
            && (Arc::ptr_eq(client.agent(), agent) || client.agent() == agent)
        {
            return Rc::clone(client);
        }
        let client = AgentClient::new(Arc::clone(agent), Arc::clone(&self.counters), self.records.clone());
        let client = Rc::new(client);
        clients.insert(Arc::clone(&agent.id), Rc::clone(&client));
        client
    }
}

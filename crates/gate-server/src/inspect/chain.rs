//! Who outside is asked about the messages of a session, one after another.

use std::rc::Rc;
use std::sync::Arc;

use gate_config::model::Agent;
use gate_core::Side;
use gate_core::session::{Cause, Verdict};

use crate::inspect::agent::AgentClient;
use crate::inspect::audit::{self, Who};
use crate::inspect::opinion::{Message, Opinion, Speaker};
use crate::inspect::webhook::{Hook, Kit};
use crate::observe::record::Opened;
use crate::worker::Worker;

/// See the module.
pub(crate) struct Chain {
    pub(crate) speaker: Speaker,
    /// For what the client sends, for what the upstream sends.
    pub(crate) stages: [Vec<Stage>; 2],
}

/// One of those who are asked.
pub(crate) enum Stage {
    Agent(Rc<AgentClient>),
    Webhook(Rc<Hook>),
}

impl Chain {
    /// The agents of a route that are asked about messages, then the webhooks of each direction;
    /// `None`: there are none.
    pub(crate) fn new(
        worker: &Worker,
        speaker: Speaker,
        agents: &[Arc<Agent>],
        kits: &[Arc<Kit>],
    ) -> Option<Self> {
        let agents: Vec<_> = agents
            .iter()
            .filter(|agent| agent.events.websocket_frame)
            .map(|agent| worker.agents.get(agent))
            .collect();
        let hooks: Vec<_> = kits.iter().map(|kit| worker.webhooks.get(kit, &speaker.route)).collect();
        let stages = Side::BOTH.map(|from| {
            let hooks = hooks.iter().filter(|hook| hook.from() == from);
            agents
                .iter()
                .map(|agent| Stage::Agent(Rc::clone(agent)))
                .chain(hooks.map(|hook| Stage::Webhook(Rc::clone(hook))))
                .collect()
        });
        let chain = Self { speaker, stages };
        Side::BOTH.into_iter().any(|from| chain.has(from)).then_some(chain)
    }

    /// Whether anybody is asked about what `from` sends.
    pub(crate) fn has(&self, from: Side) -> bool {
        !self.of(from).is_empty()
    }

    /// Messages of one direction that they are asked about at a time, where they are asked at once:
    /// as many as may wait for webhooks, and as one of the agents takes.
    pub(crate) fn at_a_time(&self, from: Side) -> usize {
        let takes = self.of(from).iter().map(|stage| match stage {
            Stage::Agent(agent) => usize::try_from(agent.agent().calls_per_direction).unwrap_or(usize::MAX),
            Stage::Webhook(_) => usize::MAX,
        });
        takes.max().unwrap_or_default()
    }

    fn of(&self, from: Side) -> &[Stage] {
        let [client, upstream] = &self.stages;
        match from {
            Side::Client => client,
            Side::Upstream => upstream,
        }
    }

    /// Asks all, each about what those before it have left, until one does not allow it.
    /// `verdict`: what the rules have made of it.
    pub(crate) async fn judge(
        &self,
        worker: &Worker,
        opened: &Opened,
        mut message: Message,
        mut verdict: Verdict,
    ) -> Opinion {
        for stage in self.of(message.from) {
            let opinion = stage.judge(&self.speaker, &message).await;
            audit::opinion(worker, opened, (message.from, message.index), stage.who(), &opinion);
            match &opinion.verdict {
                Verdict::Allow => {}
                Verdict::Rewrite(payload) => {
                    message.payload = payload.clone().into();
                    verdict = opinion.verdict;
                }
                Verdict::Drop | Verdict::Close { .. } => return opinion,
            }
        }
        Opinion { verdict, cause: Cause::Finding, rules: Vec::new() }
    }
}

impl Stage {
    async fn judge(&self, speaker: &Speaker, message: &Message) -> Opinion {
        match self {
            Self::Agent(agent) => agent.judge(speaker, message).await,
            Self::Webhook(hook) => hook.judge(speaker, message).await,
        }
    }

    fn who(&self) -> Who<'_> {
        match self {
            Self::Agent(agent) => Who::Agent(&agent.agent().id),
            Self::Webhook(hook) => Who::Webhook(hook.name()),
        }
    }
}

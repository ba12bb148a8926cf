//! Who outside is asked about the messages of a session, one after another: about a token in one
//! those who were asked about its handshake, then agents and webhooks that judge messages.

use std::rc::Rc;
use std::sync::Arc;

use gate_config::model::Agent;
use gate_core::Side;
use gate_core::session::{Cause, Verdict, Whole};

use crate::inspect::agent::AgentClient;
use crate::inspect::audit::{self, About, Who};
use crate::inspect::credential::Credential;
use crate::inspect::doorkeepers::Doorkeepers;
use crate::inspect::opinion::{Message, Opinion, Speaker};
use crate::inspect::webhook::{Hook, Kit};
use crate::observe::record::Opened;
use crate::worker::Worker;

/// See the module.
pub(crate) struct Chain {
    pub(crate) speaker: Speaker,
    /// For what the client sends, for what the upstream sends.
    pub(crate) stages: [Vec<Stage>; 2],
    /// `None`: nobody is asked about tokens.
    pub(crate) doorkeepers: Option<Doorkeepers>,
}

/// One of those who are asked.
pub(crate) enum Stage {
    Agent(Rc<AgentClient>),
    Webhook(Rc<Hook>),
}

impl Chain {
    /// The agents of a route that are asked about messages, then the webhooks of each direction;
    /// `None`: there are none, nor anybody who is asked about tokens.
    pub(crate) fn new(
        worker: &Worker,
        speaker: Speaker,
        agents: &[Arc<Agent>],
        kits: &[Arc<Kit>],
        doorkeepers: Option<Doorkeepers>,
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
        let chain = Self { speaker, stages, doorkeepers };
        let is_of_use = chain.doorkeepers.is_some() || Side::BOTH.into_iter().any(|from| chain.has(from));
        is_of_use.then_some(chain)
    }

    /// Whether anybody is asked about whatever `from` sends.
    pub(crate) fn has(&self, from: Side) -> bool {
        !self.of(from).is_empty()
    }

    /// What a message of `from` says of its sender, if anybody is asked about that.
    pub(crate) fn credential(&self, from: Side, message: &Whole<'_>) -> Credential {
        if from == Side::Client && self.doorkeepers.is_some() {
            Credential::of(message.opcode, message.payload)
        } else {
            Credential::None
        }
    }

    /// Messages of one direction that they are asked about at a time, where they are asked at once:
    /// as many as may wait for webhooks, and as one of the agents takes.
    pub(crate) fn at_a_time(&self, from: Side) -> usize {
        let takes = self.of(from).iter().map(|stage| match stage {
            Stage::Agent(agent) => usize::try_from(agent.agent().calls_per_direction).unwrap_or(usize::MAX),
            Stage::Webhook(_) => usize::MAX,
        });
        takes.max().unwrap_or(1)
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
        let about = About { from: message.from, index: message.index, opcode: message.opcode };
        if let (Some(doorkeepers), Some(token)) = (&self.doorkeepers, message.token.take()) {
            let opinion = doorkeepers.judge(worker, opened, about, token).await;
            if opinion.ends_session() {
                return opinion;
            }
        }
        for stage in self.of(message.from) {
            let opinion = stage.judge(&self.speaker, &message).await;
            audit::opinion(worker, opened, about, stage.who(), &opinion);
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

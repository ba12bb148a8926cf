//! The agents that were asked about the handshake of a session are asked again about each token that
//! its client names in it: with the handshake as it was, and that token in its `Authorization`.
//!
//! The handshake is over, so what they would change of it or answer to it has no effect; any answer
//! but that it goes on ends the session.

use std::rc::Rc;

use gate_core::session::Cause;
use http::{HeaderValue, header};
use ws_proto::CloseCode;

use crate::inspect::agent::{AgentClient, Inquiry};
use crate::inspect::audit::{self, About, Who};
use crate::inspect::opinion::Opinion;
use crate::observe::record::Opened;
use crate::worker::Worker;

/// See the module.
#[derive(Clone)]
pub(crate) struct Doorkeepers(Rc<(Vec<Rc<AgentClient>>, Inquiry)>);

impl Doorkeepers {
    /// In the order in which they are asked.
    pub(crate) fn new(agents: Vec<Rc<AgentClient>>, handshake: Inquiry) -> Self {
        Self(Rc::new((agents, handshake)))
    }

    /// Asks them about a token in that message of the client's, until one does not let it in.
    pub(crate) async fn judge(
        &self,
        worker: &Worker,
        opened: &Opened,
        message: About,
        token: HeaderValue,
    ) -> Opinion {
        let (agents, handshake) = &*self.0;
        let mut inquiry = handshake.clone();
        inquiry.headers.insert(header::AUTHORIZATION, token);
        for agent in agents {
            let opinion = match agent.admit(inquiry.event()).await {
                Ok(None) => continue,
                Ok(Some(sentence)) => {
                    sentence.request.apply(&mut inquiry.headers);
                    let opinion = if sentence.reply.is_some() { refusal() } else { Opinion::ALLOW };
                    Opinion { rules: sentence.rules, ..opinion }
                }
                Err(_) => Opinion::close(Cause::AgentFailed, CloseCode::INTERNAL_ERROR, "Inspection failed"),
            };
            audit::opinion(worker, opened, message, Who::Agent(&agent.agent().id), &opinion);
            if opinion.ends_session() {
                return opinion;
            }
        }
        Opinion::ALLOW
    }

    /// They cannot be asked about what that message of the client's says, so it goes nowhere.
    pub(crate) fn refuse_unreadable(worker: &Worker, opened: &Opened, message: About) -> Opinion {
        let opinion = Opinion { rules: vec![UNREADABLE.to_owned()], ..refusal() };
        audit::opinion(worker, opened, message, Who::Agents, &opinion);
        opinion
    }
}

fn refusal() -> Opinion {
    Opinion::close(Cause::Agent, CloseCode::POLICY_VIOLATION, "Policy Violation")
}

/// What records have as the rule that was met.
const UNREADABLE: &str = "socket-io-auth-unreadable";

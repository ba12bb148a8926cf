//! What those outside are asked about, and what they say.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use gate_core::Side;
use gate_core::session::{Cause, Ruling, Verdict};
use http::HeaderValue;
use ws_proto::{CloseCode, Opcode};

/// The session that a message is of, as those outside know it.
#[derive(Clone, Debug)]
pub(crate) struct Speaker {
    /// The gateway's name of the session.
    pub(crate) session: Arc<str>,
    /// The `X-Request-Id` of its handshake.
    pub(crate) request_id: Arc<str>,
    pub(crate) route: Arc<str>,
    /// The client's address, `None` on a unix socket.
    pub(crate) client: Option<IpAddr>,
}

/// A whole data message.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) from: Side,
    /// [`Opcode::Text`] or [`Opcode::Binary`].
    pub(crate) opcode: Opcode,
    /// Data messages of its direction that came before.
    pub(crate) index: u64,
    /// What it says: unmasked, inflated, as rewritten by those asked before.
    pub(crate) payload: Bytes,
    /// The token that it names, if there are agents to be asked about it.
    pub(crate) token: Option<HeaderValue>,
}

/// What one of them says to a message. Who could not be asked has decided by its failure-mode.
#[derive(Clone, Debug)]
pub(crate) struct Opinion {
    pub(crate) verdict: Verdict,
    /// What is told of the session's end, should it be one.
    pub(crate) cause: Cause,
    /// Names of rules that were met, to be recorded; also where the verdict is to allow.
    pub(crate) rules: Vec<String>,
}

impl Opinion {
    /// The message may go on.
    pub(crate) const ALLOW: Self = Self { verdict: Verdict::Allow, cause: Cause::Finding, rules: Vec::new() };

    /// The session ends.
    pub(crate) fn close(cause: Cause, code: CloseCode, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { verdict: Verdict::Close { code, reason: reason.into() }, cause, rules: Vec::new() }
    }

    /// Whether nothing follows on the message.
    pub(crate) fn ends_session(&self) -> bool {
        match self.verdict {
            Verdict::Close { .. } => true,
            Verdict::Allow | Verdict::Drop | Verdict::Rewrite(_) => false,
        }
    }

    pub(crate) fn into_ruling(self) -> Ruling {
        Ruling { verdict: self.verdict, cause: self.cause }
    }
}

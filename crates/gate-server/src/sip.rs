//! SIP over WebSocket, datagrams and streams: who is connected, and which message goes where.
//!
//! A [`leg::Leg`] is one connection that carries SIP, a [`socket::Socket`] one for datagrams. Both are
//! ways of a worker's [`hub::Hub`], which knows them by the flows that tokens name. A message that comes
//! is put through the rules of [`plan::Plan`] and goes out at once, on the worker's own ways or by the
//! mailbox of the worker that has the flow.

pub(crate) mod caller;
mod choice;
pub(crate) mod client;
pub(crate) mod connect;
pub(crate) mod hub;
mod lane;
mod large;
pub(crate) mod leg;
pub(crate) mod link;
mod malformed;
mod own_sockets;
pub(crate) mod passage;
pub(crate) mod plan;
pub(crate) mod rates;
mod remembered;
pub(crate) mod scrutiny;
pub(crate) mod socket;
pub(crate) mod task;
mod traced;
mod verdicts;

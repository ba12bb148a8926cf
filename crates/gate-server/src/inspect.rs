//! Who judges the messages of a session: the rules of its route at once, then agents and webhooks,
//! which are asked one after another while the message waits.

pub(crate) mod agent;
pub(crate) mod audit;
pub(crate) mod chain;
pub(crate) mod credential;
pub(crate) mod desk;
pub(crate) mod doorkeepers;
pub(crate) mod errands;
pub(crate) mod opinion;
pub(crate) mod rules;
pub(crate) mod session;
pub(crate) mod webhook;

//! Who judges the messages of a session: the rules of its route at once, then agents and webhooks,
//! which are asked one after another while the message waits.

pub(crate) mod opinion;

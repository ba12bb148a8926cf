//! What can be seen from outside: counters, records, and the page that Prometheus reads.

pub(crate) mod agents;
pub(crate) mod counters;
pub(crate) mod exposition;
pub(crate) mod findings;
pub(crate) mod frame_log;
pub(crate) mod latencies;
pub(crate) mod lifetimes;
pub(crate) mod line;
pub(crate) mod page;
pub(crate) mod record;
pub(crate) mod reloads;
pub(crate) mod scrape;
mod sentinel;
pub(crate) mod sink;
pub(crate) mod sip;
pub(crate) mod statistics;
pub(crate) mod throttle;
pub(crate) mod traces;
pub(crate) mod webhooks;
pub(crate) mod writer;

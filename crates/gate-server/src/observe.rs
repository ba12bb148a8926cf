//! What can be seen from outside: counters, records, and the page that Prometheus reads.

pub(crate) mod counters;
pub(crate) mod exposition;
pub(crate) mod line;
pub(crate) mod record;
pub(crate) mod scrape;
pub(crate) mod writer;

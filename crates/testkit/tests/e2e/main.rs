//! The gateway end to end, on real sockets: a client and a backend driven byte by byte,
//! and a gateway between them in the same process.
//!
//! A test that is about a row of the list of attacks bears the row's number. Every test
//! ends with a fresh session on the same worker, and with a look at the log.

mod admin;
mod admission;
mod agent_faults;
mod agent_reload;
mod agent_requests;
mod agent_tokens;
mod agents;
mod answers;
mod bodies;
mod by_header;
mod drain;
mod early_data;
mod endings;
mod flow;
mod forwarding;
mod frame_log;
mod frames;
mod garbage;
mod inspection;
mod jsonrpc;
mod keeping;
mod lifetime;
mod limits;
mod log_targets;
mod observation;
mod origins;
mod plain_fields;
mod policies;
mod proxy_protocol;
mod rates;
mod reload;
mod requests;
mod routing;
mod seats;
mod shutdown;
mod sip;
mod sip_callers;
mod sip_drain;
mod sip_failover;
mod sip_inspect;
mod sip_loss;
mod sip_operation;
mod sip_traces;
mod sip_users;
mod sip_ways;
mod slow_peers;
mod smuggling;
mod start;
mod statistics;
mod take_over;
mod targets;
mod tls;
mod tls_domains;
mod traces;
mod webhooks;

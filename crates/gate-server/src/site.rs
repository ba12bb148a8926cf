//! Listeners of the gateway's own, away from the clients' traffic: how connections to them are
//! served, and for whom what is served there is meant.

pub(crate) mod audience;
pub(crate) mod serve;

//! gate-server

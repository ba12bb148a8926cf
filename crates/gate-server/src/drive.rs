//! Carrying out what session machines decide, on real sockets.

pub(crate) mod backlog;
pub(crate) mod connection;
pub(crate) mod observer;
pub(crate) mod pipe;
pub(crate) mod session;
pub(crate) mod timer;
pub(crate) mod turn_away;
pub(crate) mod unread;

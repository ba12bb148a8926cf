//! Other servers' configurations, read and written anew as Framegate's KDL.
//!
//! Pure: texts come in, a text comes out. Files are read by the caller ([`nginx::Files`]).

mod fault;
mod imported;
mod kdl;
pub mod nginx;
pub mod opensips;
mod slug;
mod source;
mod told;

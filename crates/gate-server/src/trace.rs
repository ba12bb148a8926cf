//! Traces: what connections tell a capture server by HEP, and the switches of who tells it.
//!
//! A route, a listener or an upstream names a [`Tracer`]. Each of its connections that the filter
//! admits has a [`ConnectionTrace`], which says that it was opened, or why not, and how it ended, and
//! copies SIP messages. Packets go into a bounded queue, which never makes a session wait; the
//! thread beside the workers sends them. No secrets: neither keys of TLS nor what clients prove
//! themselves by.

mod carrier;
mod connection;
mod dialling;
mod event;
mod exporter;
pub(crate) mod heads;
mod outlet;
mod session;
pub(crate) mod switches;
mod tracer;

pub(crate) use connection::{ConnectionTrace, Failure, Leg, Opener, Opening, Speech, Way};
pub(crate) use dialling::{Behalf, Dialling};
pub(crate) use event::{Closing, Direction, Secured, Shown};
pub(crate) use exporter::Exporters;
pub(crate) use session::{SessionTrace, is_orderly};
pub(crate) use tracer::Tracer;

//! The operator's desk: what can be asked and ordered over the admin listener, by HTTP and JSON.
//!
//! It runs on the thread beside the workers and asks them by their mailboxes. What changes
//! something is told to the error log, with who asked for it.

mod api;
mod door;
mod fault;
mod jsonrpc;
mod methods;
mod sessions;
mod setting;
mod wish;

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::control::Controls;
use crate::observe::exposition::Sources;
use crate::observe::writer::Records;
use crate::runtime::Command;
use crate::site::serve::{self, Lifeline, Listener};
use crate::trace::switches::Switchboard;

pub(crate) use door::Door;
pub(crate) use setting::Setting;

/// What there is to ask, whatever the configuration.
pub(crate) struct Desk {
    pub(crate) sources: Arc<Sources>,
    pub(crate) records: Records,
    /// Weak: the gateway alone keeps workers going.
    pub(crate) workers: Vec<mpsc::WeakSender<Command>>,
    pub(crate) controls: Controls,
    pub(crate) switchboard: Arc<Switchboard>,
}

/// Serves for ever whom the setting's door lets in.
pub(crate) async fn serve(listener: Listener, desk: Arc<Desk>, setting: Setting, line: Lifeline) {
    serve::serve(listener, Arc::new(api::Api { desk, setting }), line).await;
}

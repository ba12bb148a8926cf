//! A worker's thread from start to end: it accepts until it is told to drain.

mod drain;
mod tidy;

use std::rc::Rc;

use tokio::sync::mpsc;
use tokio::task::spawn_local;

use crate::front::listener::{self, Listening};
use crate::upstream::cluster::TargetKey;
use crate::worker::Worker;
use ws_proto::CloseCode;

/// What a worker is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Command {
    /// Stop accepting, close all sessions, end.
    Drain,
    /// Close the sessions of a target that is not well.
    Leave(TargetKey),
}

/// Commands that may wait; whoever sends more waits. Ended by the gateway.
pub(crate) const MAILBOX: usize = 1024;

/// Accepts and relays until the mailbox says otherwise.
pub(crate) async fn run(
    worker: Rc<Worker>,
    listeners: Vec<Listening>,
    mut mailbox: mpsc::Receiver<Command>,
    give_memory_back: Option<fn()>,
) {
    let accepting: Vec<_> = listeners
        .into_iter()
        .map(|listener| spawn_local(listener::accept(Rc::clone(&worker), listener)))
        .collect();
    if let Some(give_back) = give_memory_back {
        spawn_local(tidy::tidy(Rc::clone(&worker), give_back));
    }
    // A gateway that is gone without a word ends its workers in the same way.
    while let Some(Command::Leave(target)) = mailbox.recv().await {
        worker.registry.order_close_of(target, CloseCode::SERVICE_RESTART);
    }
    for listener in accepting {
        listener.abort();
    }
    drain::drain(&worker).await;
}

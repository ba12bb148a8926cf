//! A worker's thread from start to end: it accepts until it is told to drain.

mod drain;
mod tidy;

use std::rc::Rc;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::spawn_local;

use crate::front::listener;
use crate::worker::Worker;

/// What a worker is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Command {
    /// Stop accepting, close all sessions, end.
    Drain,
}

/// Commands that may wait; whoever sends more waits. Ended by the gateway.
pub(crate) const MAILBOX: usize = 16;

/// Accepts and relays until the mailbox says otherwise.
pub(crate) async fn run(worker: Rc<Worker>, listener: TcpListener, mut mailbox: mpsc::Receiver<Command>) {
    let accepting = spawn_local(listener::accept(Rc::clone(&worker), listener));
    if let Some(give_back) = worker.shared.settings.give_memory_back {
        spawn_local(tidy::tidy(Rc::clone(&worker), give_back));
    }
    // A gateway that is gone without a word ends its workers in the same way.
    let (Some(Command::Drain) | None) = mailbox.recv().await;
    accepting.abort();
    drain::drain(&worker).await;
}

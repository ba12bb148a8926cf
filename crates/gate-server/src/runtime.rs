//! A worker's thread from start to end: it accepts until it is told to drain.

pub(crate) mod drain;
mod tidy;

use std::collections::HashSet;
use std::mem;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use gate_config::model::Level;
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use ws_proto::CloseCode;

use crate::clock::{self, within};
use crate::front::listener::{Acceptable, Accepting, Listening};
use crate::sip::hub::Parcel;
use crate::snapshot::{ListenerId, Snapshot};
use crate::sockets::SocketKey;
use crate::sockets::posts::Assignment;
use crate::upstream::cluster::TargetKey;
use crate::worker::Worker;
use crate::worker::census::{self, Inquiry};
use crate::worker::registry::Order;
use drain::Draining;

/// What a worker is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Go on with another configuration.
    Configure(Box<Change>),
    /// Stop accepting, close all sessions, end.
    Drain(Draining, HandedOver),
    /// Close the sessions of a target that is not well.
    Leave(TargetKey),
    /// Tell of sessions, or end some.
    Answer(Inquiry),
    /// A message of SIP that another worker has for a flow of this one.
    Sip(Box<Parcel>),
}

/// Another configuration, and the worker's sockets under it. Those that are in neither list of
/// them are closed.
pub(crate) struct Change {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) sockets: Assignment,
    /// Dropped when the change is made.
    pub(crate) done: SyncSender<()>,
}

impl std::fmt::Debug for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Change").field("sockets", &self.sockets).finish_non_exhaustive()
    }
}

/// Sockets that another process goes on to accept from.
pub(crate) type HandedOver = Arc<HashSet<SocketKey>>;

/// Commands that may wait; whoever sends more waits. Ended by the gateway.
pub(crate) const MAILBOX: usize = 1024;

/// Accepts and relays until the mailbox says otherwise.
pub(crate) async fn run(
    worker: Rc<Worker>,
    listeners: Vec<Listening>,
    mut mailbox: mpsc::Receiver<Command>,
    give_memory_back: Option<fn()>,
) {
    let mut accepting = listeners.into_iter().map(|socket| Accepting::begin(&worker, socket)).collect();
    let frame_logs = Rc::clone(&worker.frame_logs);
    spawn_local(async move { frame_logs.flush().await });
    if let Some(give_back) = give_memory_back {
        spawn_local(tidy::tidy(Rc::clone(&worker), give_back));
    }
    let (draining, handed_over) = obey(&worker, &mut mailbox, &mut accepting).await;
    for socket in mem::take(&mut accepting) {
        if handed_over.contains(&socket.key()) {
            drop(socket.leave().await);
        } else {
            accepting.extend(socket.drain(&worker).await);
        }
    }
    let obeying = async {
        loop {
            obey(&worker, &mut mailbox, &mut accepting).await;
            if mailbox.is_closed() {
                std::future::pending::<()>().await;
            }
        }
    };
    let ending = async {
        let draining = if handed_over.is_empty() { draining } else { settle(&worker, draining).await };
        drain::drain(&worker, draining).await;
    };
    tokio::select! {
        () = ending => {}
        () = obeying => {}
    }
}

/// Whoever came before another process took the sockets over is served, though the request may
/// still be on its way: to a client there is but one gateway, and that refuses nobody.
async fn settle(worker: &Worker, draining: Draining) -> Draining {
    let _or_they_never_ask = within(SETTLING_MAX, worker.all_answered()).await;
    Draining { begun: clock::now(), ..draining }
}

/// How long a client may be silent that came before sockets were handed over. Some browsers open
/// connections that they may never need.
const SETTLING_MAX: Duration = Duration::from_secs(10);

/// Does what the worker is told, until that is to drain, or nobody is left to tell it anything: a
/// gateway that is gone without a word ends its workers in the same way.
async fn obey(
    worker: &Rc<Worker>,
    mailbox: &mut mpsc::Receiver<Command>,
    accepting: &mut Vec<Accepting>,
) -> (Draining, HandedOver) {
    while let Some(command) = mailbox.recv().await {
        match command {
            Command::Configure(change) => configure(worker, accepting, *change).await,
            Command::Drain(draining, handed_over) => return (draining, handed_over),
            Command::Leave(target) => {
                worker.registry.order_close_of(target, &Order::shutdown(CloseCode::SERVICE_RESTART));
            }
            Command::Sip(parcel) => worker.sip.unpack(worker, *parcel),
            Command::Answer(inquiry) => {
                spawn_local(census::answer(Rc::clone(worker), inquiry));
            }
        }
    }
    (Draining::alone(), HandedOver::default())
}

async fn configure(worker: &Rc<Worker>, accepting: &mut Vec<Accepting>, change: Change) {
    let Change { snapshot, sockets: Assignment { kept, fresh }, done } = change;
    // Who waits at a listener that goes still comes to the configuration that has it.
    for socket in mem::take(accepting) {
        if kept.contains_key(&socket.key()) {
            accepting.push(socket);
        } else {
            socket.close(worker).await;
        }
    }
    // From here on nothing waits: a listener's number has its meaning in one configuration only.
    worker.sip.leave_unused(&snapshot.sip);
    worker.set_snapshot(snapshot);
    for socket in &*accepting {
        if let Some(id) = kept.get(&socket.key()) {
            socket.go_on_as(ListenerId(*id));
        }
    }
    // While it drains it has no sockets, and gets none.
    if !worker.is_draining() {
        for (key, id, bound) in fresh {
            let id = ListenerId(id);
            match Acceptable::register(bound) {
                Ok(socket) => accepting.push(Accepting::begin(worker, Listening { key, id, socket })),
                Err(error) => {
                    let detail = error.to_string();
                    worker.records.error("accept_error", Level::Error, |line| line.text("detail", &detail));
                }
            }
        }
    }
    drop(done);
}

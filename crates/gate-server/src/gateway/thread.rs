//! A worker's thread: how it begins, and what the gateway keeps of it.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc;

use crate::front::listener::{Acceptable, Listening};
use crate::observe::counters::WorkerCounters;
use crate::observe::exposition::Sources;
use crate::observe::writer::Records;
use crate::runtime::{self, Command};
use crate::sip::hub::Colleagues;
use crate::snapshot::{ListenerId, Snapshot};
use crate::sockets::posts::Assignment;
use crate::worker::Worker;

/// See the module.
#[derive(Debug)]
pub(super) struct WorkerThread {
    pub(super) mailbox: mpsc::Sender<Command>,
    pub(super) thread: JoinHandle<()>,
}

/// What a worker's thread begins with.
pub(super) struct Beginning {
    pub(super) index: u16,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) sources: Arc<Sources>,
    pub(super) counters: Arc<WorkerCounters>,
    pub(super) records: Records,
    pub(super) sockets: Assignment,
    pub(super) colleagues: Colleagues,
    pub(super) give_memory_back: Option<fn()>,
}

impl WorkerThread {
    /// Starts a thread; it accepts when this returns.
    ///
    /// # Errors
    /// When there can be none, or its runtime cannot be made.
    pub(super) fn start(beginning: Beginning) -> io::Result<Self> {
        let (mailbox, inbox) = mpsc::channel(runtime::MAILBOX);
        let (ready, started) = std::sync::mpsc::sync_channel(1);
        let name = format!("worker-{}", beginning.index);
        let work = move || {
            let built = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
            let runtime = match built {
                Ok(runtime) => runtime,
                Err(error) => {
                    let _starter_waits = ready.send(Err(error));
                    return;
                }
            };
            let Beginning {
                index,
                snapshot,
                sources,
                counters,
                records,
                sockets,
                colleagues,
                give_memory_back,
            } = beginning;
            let registered = {
                let _entered = runtime.enter();
                register(sockets)
            };
            match registered {
                Ok(listeners) => {
                    let _starter_waits = ready.send(Ok(()));
                    let worker =
                        Rc::new(Worker::new(index, snapshot, (sources, counters), records, colleagues));
                    runtime.block_on(runtime::run(worker, listeners, inbox, give_memory_back));
                }
                Err(error) => {
                    let _starter_waits = ready.send(Err(error));
                }
            }
        };
        let thread = thread::Builder::new().name(name).spawn(work)?;
        match started.recv() {
            Ok(started) => started.map(|()| Self { mailbox, thread }),
            Err(_) => Err(io::Error::other("the thread ended at once")),
        }
    }
}

fn register(sockets: Assignment) -> io::Result<Vec<Listening>> {
    let register = |(key, id, bound)| {
        let socket = Acceptable::register(bound)?;
        Ok(Listening { key, id: ListenerId(id), socket })
    };
    sockets.fresh.into_iter().map(register).collect()
}

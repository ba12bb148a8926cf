//! The gateway as a whole: its threads, from start to shutdown.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use gate_config::model::{Config, Level, ListenAddress, Objection};
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc;

use crate::files;
use crate::front::listener::{Acceptable, Listening};
use crate::observe::counters::WorkerCounters;
use crate::observe::exposition::Sources;
use crate::observe::writer::Records;
use crate::preparation::{self, Bound, Findings, Prepared, SocketFile, prepare};
use crate::runtime::{self, Command};
use crate::snapshot::{ListenerId, Snapshot};
use crate::support::{Support, Teller};
use crate::worker::Worker;

/// What a gateway is started with beside its configuration.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Has the calling thread's allocator give freed memory back to the system; called
    /// on every worker now and then.
    pub give_memory_back: Option<fn()>,
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The world objects to the configuration.
    #[error("{}", told(.0))]
    Objections(Vec<Objection>),
    /// No thread or runtime could be made.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}

fn told(objections: &[Objection]) -> String {
    let told: Vec<String> =
        objections.iter().map(|Objection { message, help, .. }| format!("{message}; {help}")).collect();
    told.join("; ")
}

/// A gateway that runs. Dropped without [`Gateway::shut_down`] it ends in the same way,
/// but nobody waits for it.
#[derive(Debug)]
pub struct Gateway {
    addresses: Vec<(Arc<str>, ListenAddress)>,
    metrics_addr: Option<SocketAddr>,
    workers: Vec<WorkerThread>,
    support: Support,
    writing: Vec<JoinHandle<()>>,
    records: Records,
    _socket_files: Vec<SocketFile>,
}

#[derive(Debug)]
struct WorkerThread {
    mailbox: mpsc::Sender<Command>,
    thread: JoinHandle<()>,
}

/// What a worker's thread begins with.
struct Beginning {
    index: u16,
    snapshot: Arc<Snapshot>,
    sources: Arc<Sources>,
    counters: Arc<WorkerCounters>,
    records: Records,
    listeners: Vec<(ListenerId, Bound)>,
    options: Options,
}

/// Looks at all that a configuration names outside itself, without listening: files,
/// certificates, names, addresses. Blocks while names are resolved.
#[must_use]
pub fn preflight(config: Config) -> Findings {
    preparation::check(config)
}

impl Gateway {
    /// Starts a gateway; its threads run when this returns. Blocks while names are resolved.
    ///
    /// # Errors
    /// When the world objects to the configuration, or no thread can be had. Nothing runs then.
    pub fn start(config: Config, options: Options) -> Result<Self, StartError> {
        files::raise_limit();
        let count = preparation::workers(&config);
        let Prepared { snapshot, listeners, socket_files, metrics, records, writing } =
            prepare(config).map_err(StartError::Objections)?;
        let metrics_addr = metrics.as_ref().and_then(|listener| listener.local_addr().ok());
        let counters: Vec<Arc<WorkerCounters>> = (0..count).map(|_| Arc::default()).collect();
        let limit = snapshot.connections_limit();
        let figures = snapshot.target_figures();
        let sources = Arc::new(Sources::new(counters.clone(), limit, records.clone(), figures));
        let addresses = addresses(&snapshot, &listeners);
        let mut workers = Vec::with_capacity(count);
        for ((listeners, counters), index) in per_worker(listeners, count).into_iter().zip(counters).zip(0..)
        {
            workers.push(start_worker(Beginning {
                index,
                snapshot: Arc::clone(&snapshot),
                sources: Arc::clone(&sources),
                counters,
                records: records.clone(),
                listeners,
                options,
            })?);
        }
        let mailboxes = workers.iter().map(|worker| worker.mailbox.downgrade()).collect();
        let teller = Teller { records: records.clone(), mailboxes };
        let support = Support::start(&snapshot, metrics, sources, teller).map_err(StartError::Thread)?;
        for Objection { message, help, .. } in snapshot.warnings() {
            records.error("certificate", Level::Warn, |line| {
                line.text("detail", &message);
                line.text("help", &help);
            });
        }
        for (id, address) in &addresses {
            records.error("listening", Level::Info, |line| {
                line.text("listener", id);
                line.text("address", &address.to_string());
                line.number("workers", count);
            });
        }
        if let Some(address) = metrics_addr {
            records.error("metrics", Level::Info, |line| line.plain("address", address));
        }
        Ok(Self { addresses, metrics_addr, workers, support, writing, records, _socket_files: socket_files })
    }

    /// Where clients connect, by listener.
    #[must_use]
    pub fn addresses(&self) -> &[(Arc<str>, ListenAddress)] {
        &self.addresses
    }

    /// The first TCP address where clients connect.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.addresses.iter().find_map(|(_, address)| match address {
            ListenAddress::Tcp(address) => Some(*address),
            ListenAddress::Unix { .. } => None,
        })
    }

    /// Where the page of metrics is.
    #[must_use]
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics_addr
    }

    /// Stops accepting, closes all sessions over the spread, and returns when they are
    /// gone or the grace is over. Blocks; not to be called on a thread that runs tasks.
    pub fn shut_down(self) {
        let Self { workers, support, writing, records, _socket_files, .. } = self;
        records.error("draining", Level::Info, |_| {});
        for worker in &workers {
            // A worker that is gone needs no command.
            let _gone = worker.mailbox.blocking_send(Command::Drain);
        }
        for worker in workers {
            let _panicked = worker.thread.join();
        }
        support.stop();
        records.error("stopped", Level::Info, |_| {});
        drop(records);
        for thread in writing {
            let _panicked = thread.join();
        }
    }
}

fn addresses(snapshot: &Snapshot, bound: &[Vec<Bound>]) -> Vec<(Arc<str>, ListenAddress)> {
    let of_first = |bound: &Vec<Bound>, asked: &ListenAddress| {
        bound.first().map_or_else(|| asked.clone(), |bound| bound.address(asked))
    };
    let listeners = snapshot.config.listeners.iter().zip(bound);
    listeners.map(|(asked, bound)| (Arc::clone(&asked.id), of_first(bound, &asked.address.value))).collect()
}

/// Gives each worker its socket of each listener.
fn per_worker(listeners: Vec<Vec<Bound>>, count: usize) -> Vec<Vec<(ListenerId, Bound)>> {
    let mut workers: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
    for (index, sockets) in listeners.into_iter().enumerate() {
        for (worker, socket) in workers.iter_mut().zip(sockets) {
            worker.push((ListenerId(index), socket));
        }
    }
    workers
}

fn start_worker(beginning: Beginning) -> Result<WorkerThread, StartError> {
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
        let Beginning { index, snapshot, sources, counters, records, listeners, options } = beginning;
        let registered: io::Result<Vec<Listening>> = {
            let _entered = runtime.enter();
            listeners.into_iter().map(register).collect()
        };
        match registered {
            Ok(listeners) => {
                let _starter_waits = ready.send(Ok(()));
                let worker = Rc::new(Worker::new(index, snapshot, sources, counters, records));
                runtime.block_on(runtime::run(worker, listeners, inbox, options.give_memory_back));
            }
            Err(error) => {
                let _starter_waits = ready.send(Err(error));
            }
        }
    };
    let thread = thread::Builder::new().name(name).spawn(work).map_err(StartError::Thread)?;
    match started.recv() {
        Ok(Ok(())) => Ok(WorkerThread { mailbox, thread }),
        Ok(Err(error)) => Err(StartError::Thread(error)),
        Err(_) => Err(StartError::Thread(io::Error::other("the thread ended at once"))),
    }
}

fn register((id, bound): (ListenerId, Bound)) -> io::Result<Listening> {
    let socket = match bound {
        Bound::Tcp(listener) => Acceptable::Tcp(TcpListener::from_std(listener)?),
        Bound::Unix(listener) => Acceptable::Unix(UnixListener::from_std(listener)?),
    };
    Ok(Listening { id, socket })
}

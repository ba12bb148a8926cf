//! The gateway as a whole: its threads, from start to shutdown.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use gate_core::Policy;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot};

use crate::files;
use crate::observe::counters::WorkerCounters;
use crate::observe::exposition::Sources;
use crate::observe::scrape;
use crate::observe::writer::Records;
use crate::runtime::{self, Command};
use crate::settings::{LogTarget, Settings};
use crate::socket::{self, Sharing};
use crate::worker::seats::Seats;
use crate::worker::{Shared, Worker};

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address of clients cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The address of metrics cannot be listened on.
    #[error("cannot serve metrics on {address}")]
    Metrics {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The log file cannot be opened.
    #[error("cannot open the log file {}", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No thread or runtime could be made.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}

/// A gateway that runs. Dropped without [`Gateway::shut_down`] it ends in the same way,
/// but nobody waits for it.
#[derive(Debug)]
pub struct Gateway {
    local_addr: SocketAddr,
    metrics_addr: Option<SocketAddr>,
    workers: Vec<WorkerThread>,
    /// Dropped to end the thread of metrics.
    scraping: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    writing: Option<JoinHandle<()>>,
    records: Records,
}

#[derive(Debug)]
struct WorkerThread {
    mailbox: mpsc::Sender<Command>,
    thread: JoinHandle<()>,
}

impl Gateway {
    /// Starts a gateway; its threads run when this returns.
    ///
    /// # Errors
    /// When an address or the log file is of no use, or no thread can be had. Nothing
    /// runs then.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        files::raise_limit();
        let count = match settings.workers {
            0 => thread::available_parallelism().map_or(1, usize::from),
            count => count,
        };
        let listeners = listen(settings.listen, count)?;
        let local_addr =
            listeners.first().and_then(|listener| listener.local_addr().ok()).unwrap_or(settings.listen);
        let scraper = settings.metrics.map(bind_metrics).transpose()?;
        let metrics_addr = scraper.as_ref().and_then(|listener| listener.local_addr().ok());
        let (records, writing) =
            Records::open(&settings.log).map_err(|source| match &settings.log.target {
                LogTarget::File(path) => StartError::Log { path: path.clone(), source },
                LogTarget::Stderr | LogTarget::Stdout | LogTarget::Off => StartError::Thread(source),
            })?;
        let shared = Arc::new(Shared {
            policy: Arc::new(Policy { limits: settings.limits, timeouts: settings.timeouts }),
            seats: Seats::new(settings.max_connections),
            settings,
        });
        let counters: Vec<Arc<WorkerCounters>> = listeners.iter().map(|_| Arc::default()).collect();
        let sources = Sources {
            workers: counters.clone(),
            connections_limit: shared.seats.limit(),
            records: records.clone(),
        };
        let scraping = scraper.map(|listener| start_scraping(listener, sources)).transpose()?;
        let mut workers = Vec::with_capacity(count);
        for ((listener, counters), index) in listeners.into_iter().zip(counters).zip(0..) {
            workers.push(start_worker(index, listener, Arc::clone(&shared), counters, records.clone())?);
        }
        records.write("listening", |line| {
            line.plain("listen", local_addr);
            line.text("upstream", &shared.settings.upstream.to_string());
            line.number("workers", workers.len());
            if let Some(metrics) = metrics_addr {
                line.plain("metrics", metrics);
            }
        });
        Ok(Self { local_addr, metrics_addr, workers, scraping, writing, records })
    }

    /// Where clients connect.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Where the page of metrics is, at `/metrics`.
    #[must_use]
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics_addr
    }

    /// Stops accepting, closes all sessions over the spread, and returns when they are
    /// gone or the grace is over. Blocks; not to be called on a thread that runs tasks.
    pub fn shut_down(self) {
        let Self { workers, scraping, writing, records, .. } = self;
        records.write("draining", |_| {});
        for worker in &workers {
            // A worker that is gone needs no command.
            let _gone = worker.mailbox.blocking_send(Command::Drain);
        }
        for worker in workers {
            let _panicked = worker.thread.join();
        }
        if let Some((stop, thread)) = scraping {
            drop(stop);
            let _panicked = thread.join();
        }
        records.write("stopped", |_| {});
        drop(records);
        if let Some(writing) = writing {
            let _panicked = writing.join();
        }
    }
}

fn listen(address: SocketAddr, count: usize) -> Result<Vec<std::net::TcpListener>, StartError> {
    let sharing = if count > 1 { Sharing::WithOthers } else { Sharing::Alone };
    let failed = |source| StartError::Listen { address, source };
    // The kernel would share the address with another process that shares it too, such
    // as a gateway that still runs: that is refused.
    drop(socket::listen(address, Sharing::Alone).map_err(failed)?);
    let first = socket::listen(address, sharing).map_err(failed)?;
    let bound = first.local_addr().map_err(failed)?;
    let mut listeners = vec![first];
    while listeners.len() < count {
        listeners.push(socket::listen(bound, sharing).map_err(failed)?);
    }
    Ok(listeners)
}

fn bind_metrics(address: SocketAddr) -> Result<std::net::TcpListener, StartError> {
    socket::listen(address, Sharing::Alone).map_err(|source| StartError::Metrics { address, source })
}

fn start_worker(
    index: u16,
    listener: std::net::TcpListener,
    shared: Arc<Shared>,
    counters: Arc<WorkerCounters>,
    records: Records,
) -> Result<WorkerThread, StartError> {
    let (mailbox, inbox) = mpsc::channel(runtime::MAILBOX);
    let (ready, started) = std::sync::mpsc::sync_channel(1);
    let work = move || {
        let mut builder = Builder::new_current_thread();
        builder.enable_all().max_blocking_threads(RESOLVERS_MAX);
        let runtime = match builder.build_local(LocalOptions::default()) {
            Ok(runtime) => runtime,
            Err(error) => {
                let _starter_waits = ready.send(Err(error));
                return;
            }
        };
        let listener = {
            let _entered = runtime.enter();
            TcpListener::from_std(listener)
        };
        match listener {
            Ok(listener) => {
                let _starter_waits = ready.send(Ok(()));
                let worker = Rc::new(Worker::new(index, shared, counters, records));
                runtime.block_on(runtime::run(worker, listener, inbox));
            }
            Err(error) => {
                let _starter_waits = ready.send(Err(error));
            }
        }
    };
    let thread =
        thread::Builder::new().name(format!("worker-{index}")).spawn(work).map_err(StartError::Thread)?;
    match started.recv() {
        Ok(Ok(())) => Ok(WorkerThread { mailbox, thread }),
        Ok(Err(error)) => Err(StartError::Thread(error)),
        Err(_) => Err(StartError::Thread(io::Error::other("the thread ended at once"))),
    }
}

fn start_scraping(
    listener: std::net::TcpListener,
    sources: Sources,
) -> Result<(oneshot::Sender<()>, JoinHandle<()>), StartError> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
    let listener = {
        let _entered = runtime.enter();
        TcpListener::from_std(listener).map_err(StartError::Thread)?
    };
    let (stop, stopped) = oneshot::channel();
    let thread = thread::Builder::new()
        .name("metrics".to_owned())
        .spawn(move || runtime.block_on(scrape::serve(listener, Arc::new(sources), stopped)))
        .map_err(StartError::Thread)?;
    Ok((stop, thread))
}

/// Names resolved at a time by one worker; more wait, within their dial timeout.
const RESOLVERS_MAX: usize = 8;

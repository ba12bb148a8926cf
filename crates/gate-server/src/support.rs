//! The thread beside the workers: metrics, traces, the operator's desk, names, health checks. Whatever happens here
//! costs sessions nothing.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gate_config::model::Level;
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::admin::{self, Desk, Setting};
use crate::observe::scrape::{self, Site};
use crate::observe::writer::Records;
use crate::runtime::Command;
use crate::site::serve::{Lifelines, Listener};
use crate::sockets::Bound;
use crate::trace::{Exporters, Tracer};
use crate::upstream::cluster::Cluster;
use crate::upstream::keeper::Keeper;
use crate::upstream::news::{Event, News, Watch};

/// See the module. Ends when dropped; [`Support::stop`] waits for that.
pub(crate) struct Support {
    duties: watch::Sender<Handed>,
    watch: Arc<dyn Watch>,
    thread: JoinHandle<()>,
}

/// What the thread does.
#[derive(Default)]
pub(crate) struct Duties {
    /// Targets to look after.
    pub(crate) clusters: Vec<Arc<Cluster>>,
    /// Traces whose packets are to be sent.
    pub(crate) tracers: Vec<Arc<Tracer>>,
    /// Where the page of metrics is served, and its path.
    pub(crate) metrics: Option<(Bound, String)>,
    /// Where an operator asks and orders.
    pub(crate) admin: Option<(Bound, Setting)>,
}

impl Support {
    /// Starts the thread, which has no duties yet.
    ///
    /// # Errors
    /// When there can be none.
    pub(crate) fn start(desk: Arc<Desk>, teller: Teller) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (duties, inbox) = watch::channel(Handed::default());
        let thread = thread::Builder::new()
            .name("support".to_owned())
            .spawn(move || runtime.block_on(work(inbox, desk)))?;
        Ok(Self { duties, watch: Arc::new(teller), thread })
    }

    /// From now on these are the duties; those that are the same go on as they are. Ones that have
    /// not been taken up yet never are.
    pub(crate) fn assign(&self, duties: Duties) {
        for cluster in &duties.clusters {
            cluster.set_watch(Arc::clone(&self.watch));
        }
        self.duties.send_replace(Arc::new(Mutex::new(Some(duties))));
    }

    /// Ends the thread and waits for it.
    pub(crate) fn stop(self) {
        drop(self.duties);
        let _panicked = self.thread.join();
    }
}

/// Duties, until the thread has taken them.
type Handed = Arc<Mutex<Option<Duties>>>;

async fn work(mut inbox: watch::Receiver<Handed>, desk: Arc<Desk>) {
    let mut keeper = Keeper::default();
    let mut exporters = Exporters::new(desk.records.clone());
    let mut serving = JoinSet::new();
    let lifelines = Lifelines::new();
    while inbox.changed().await.is_ok() {
        let handed = Arc::clone(&inbox.borrow_and_update());
        let taken = handed.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Duties { clusters, tracers, metrics, admin }) = taken else { continue };
        keeper.keep(&clusters);
        exporters.keep(&tracers);
        // The socket has more than one descriptor: whoever connects meanwhile waits in its queue.
        serving.shutdown().await;
        if let Some((Bound::Tcp(listener), path)) = metrics
            && let Ok(listener) = TcpListener::from_std(listener)
        {
            let site = Site { sources: Arc::clone(&desk.sources), path };
            serving.spawn(scrape::serve(listener, site, lifelines.line()));
        }
        if let Some((bound, setting)) = admin
            && let Ok(listener) = listener(bound)
        {
            serving.spawn(admin::serve(listener, Arc::clone(&desk), setting, lifelines.line()));
        }
    }
    // Whoever had the gateway end is told so before it has.
    serving.shutdown().await;
    // The workers have ended, and all that they had to tell waits.
    tokio::join!(lifelines.end(LAST_ANSWERS_TIME_MAX), exporters.end(LAST_PACKETS_TIME_MAX));
}

/// How long packets of traces that wait may take then.
const LAST_PACKETS_TIME_MAX: Duration = Duration::from_secs(1);

/// How long answers may take once the gateway is about to end.
const LAST_ANSWERS_TIME_MAX: Duration = Duration::from_secs(1);

fn listener(bound: Bound) -> io::Result<Listener> {
    Ok(match bound {
        Bound::Tcp(listener) => Listener::Tcp(TcpListener::from_std(listener)?),
        Bound::Unix(listener) => Listener::Unix(UnixListener::from_std(listener)?),
        Bound::Udp(_) => return Err(io::Error::other("nobody connects to a socket for datagrams")),
    })
}

/// Tells the records what becomes of targets, and the workers which of them to leave.
pub(crate) struct Teller {
    pub(crate) records: Records,
    /// Weak: the gateway alone keeps workers going.
    pub(crate) mailboxes: Vec<mpsc::WeakSender<Command>>,
}

impl Watch for Teller {
    fn tell(&self, news: &News<'_>) {
        let (event, level) = match news.event {
            Event::Healthy => ("target_healthy", Level::Info),
            Event::Unhealthy { .. } => ("target_unhealthy", Level::Warn),
            Event::Ejected { .. } => ("target_ejected", Level::Warn),
            Event::Unresolved => ("target_unresolved", Level::Warn),
        };
        self.records.error(event, level, |line| {
            line.text("upstream", news.upstream);
            line.text("target", news.target);
            if let Event::Ejected { lasting } = news.event {
                line.number("seconds", lasting.as_secs_f64());
            }
            if !news.why.is_empty() {
                line.text("detail", news.why);
            }
        });
        if let Event::Unhealthy { closes_sessions: true } = news.event {
            for mailbox in self.mailboxes.iter().filter_map(mpsc::WeakSender::upgrade) {
                // A mailbox that is full, or whose worker is gone, has worse to care for.
                let _left = mailbox.try_send(Command::Leave(news.key));
            }
        }
    }
}

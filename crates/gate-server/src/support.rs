//! The thread beside the workers: metrics, names, health checks. Whatever happens here
//! costs sessions nothing.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use gate_config::model::Level;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

use crate::observe::exposition::Sources;
use crate::observe::scrape::{self, Site};
use crate::observe::writer::Records;
use crate::runtime::Command;
use crate::snapshot::Snapshot;
use crate::upstream::keeper;
use crate::upstream::news::{Event, News, Watch};

/// See the module. Ends when dropped; [`Support::stop`] waits for that.
#[derive(Debug)]
pub(crate) struct Support {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Support {
    /// Starts the thread.
    ///
    /// # Errors
    /// When there can be none.
    pub(crate) fn start(
        snapshot: &Arc<Snapshot>,
        metrics: Option<TcpListener>,
        sources: Arc<Sources>,
        teller: Teller,
    ) -> io::Result<Self> {
        let watch: Arc<dyn Watch> = Arc::new(teller);
        for cluster in snapshot.clusters() {
            cluster.set_watch(Arc::clone(&watch));
        }
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let metrics = {
            let _entered = runtime.enter();
            metrics.map(tokio::net::TcpListener::from_std).transpose()?
        };
        let path = snapshot.config.observability.metrics.as_ref().map(|metrics| metrics.path.clone());
        let snapshot = Arc::clone(snapshot);
        let (stop, stopped) = oneshot::channel();
        let work = async move {
            tokio::select! {
                () = keeper::keep(snapshot.clusters()) => {}
                () = serve(metrics, path.unwrap_or_default(), sources) => {}
                // The gateway keeps the sender.
                _ = stopped => {}
            }
        };
        let thread =
            thread::Builder::new().name("support".to_owned()).spawn(move || runtime.block_on(work))?;
        Ok(Self { stop, thread })
    }

    /// Ends the thread and waits for it.
    pub(crate) fn stop(self) {
        drop(self.stop);
        let _panicked = self.thread.join();
    }
}

async fn serve(metrics: Option<tokio::net::TcpListener>, path: String, sources: Arc<Sources>) {
    match metrics {
        Some(listener) => scrape::serve(listener, Site { sources, path }).await,
        None => std::future::pending().await,
    }
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

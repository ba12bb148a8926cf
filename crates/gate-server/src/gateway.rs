//! The gateway as a whole: its threads, from start to shutdown.

mod changes;
mod hand_over;
mod reload;
mod thread;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use gate_config::model::{Config, Level, ListenAddress, Objection};

pub use changes::Changes;
pub use reload::Reloaded;

use crate::admin::{Desk, Door, Setting};
use crate::clock;
use crate::control::Controls;
use crate::files;
use crate::observe::counters::WorkerCounters;
use crate::observe::exposition::Sources;
use crate::observe::reloads::Reloads;
use crate::observe::sink::Sinks;
use crate::observe::writer::Records;
use crate::preparation::{self, Findings, Prepared, prepare};
use crate::runtime::drain::{Draining, Turn};
use crate::runtime::{Command, HandedOver};
use crate::sip::hub::Colleagues;
use crate::snapshot::Snapshot;
use crate::sockets::Bound;
use crate::sockets::inherited::Inherited;
use crate::sockets::posts::{Posts, Role};
use crate::support::{Duties, Support, Teller};
use crate::trace::Tracer;
use crate::trace::switches::Switchboard;
use changes::Parts;
use thread::{Beginning, WorkerThread};

/// What a gateway is started with beside its configuration.
#[derive(Debug, Default)]
pub struct Options {
    /// Has the calling thread's allocator give freed memory back to the system; called
    /// on every worker now and then.
    pub give_memory_back: Option<fn()>,
    /// Who carries out what the admin listener is asked for.
    pub controls: Controls,
    /// Sockets that listen already: those of addresses that are configured are adopted.
    pub inherited: Inherited,
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
pub struct Gateway {
    addresses: Vec<(Arc<str>, ListenAddress)>,
    posts: Posts,
    /// What the next configuration is built from, and compared with.
    snapshot: Arc<Snapshot>,
    /// What it says, for telling of what changes.
    parts: Parts,
    sources: Arc<Sources>,
    workers: Vec<WorkerThread>,
    support: Support,
    records: Records,
    /// Sockets with which another process goes on.
    handed_over: HandedOver,
    /// The switches of the traces, which outlive configurations.
    switchboard: Arc<Switchboard>,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("addresses", &self.addresses).finish_non_exhaustive()
    }
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
        let parts = Parts::of(&config);
        let switchboard: Arc<Switchboard> = Arc::default();
        let mut posts = Posts::default();
        let sinks = Arc::new(Sinks::default());
        let prepared = prepare(config, count, (None, &posts), options.inherited, &sinks);
        let Prepared { snapshot, plan, outlets } = prepared.map_err(StartError::Objections)?;
        snapshot.put_rules_in_place();
        switchboard.put_in_place(Tracer::switches(snapshot.tracers()));
        let records = Records::new(sinks, outlets);
        posts.carry_out(plan);
        let counters: Vec<Arc<WorkerCounters>> = (0..count).map(|_| Arc::default()).collect();
        let reloads = Reloads::new(snapshot.fingerprint());
        let sources = Sources::new(counters.clone(), records.clone(), snapshot.configured(), reloads);
        let sources = Arc::new(sources);
        let colleagues = Colleagues::default();
        let mut workers = Vec::with_capacity(count);
        for ((sockets, counters), index) in posts.assign(count).into_iter().zip(counters).zip(0..) {
            let beginning = Beginning {
                index,
                snapshot: Arc::clone(&snapshot),
                sources: Arc::clone(&sources),
                counters,
                records: records.clone(),
                sockets,
                colleagues: Arc::clone(&colleagues),
                give_memory_back: options.give_memory_back,
            };
            workers.push(WorkerThread::start(beginning).map_err(StartError::Thread)?);
        }
        let mailboxes: Vec<_> = workers.iter().map(|worker| worker.mailbox.downgrade()).collect();
        // Nobody else sets it; until now workers had no flows to tell each other of.
        let mail = mailboxes.clone();
        let _once = colleagues.set(Box::new(move |worker, parcel| {
            let mailbox = mail.get(usize::from(worker)).and_then(tokio::sync::mpsc::WeakSender::upgrade);
            mailbox.is_some_and(|mailbox| mailbox.try_send(Command::Sip(Box::new(parcel))).is_ok())
        }));
        let desk = Desk {
            sources: Arc::clone(&sources),
            records: records.clone(),
            workers: mailboxes.clone(),
            controls: options.controls,
            switchboard: Arc::clone(&switchboard),
        };
        let teller = Teller { records: records.clone(), mailboxes };
        let support = Support::start(Arc::new(desk), teller).map_err(StartError::Thread)?;
        let mut gateway = Self {
            addresses: Vec::new(),
            posts,
            snapshot,
            parts,
            sources,
            workers,
            support,
            records,
            handed_over: HandedOver::default(),
            switchboard,
        };
        gateway.assign_duties();
        gateway.name_addresses();
        gateway.tell_of_start();
        Ok(gateway)
    }

    /// Tells apart what configurations say; of the one that runs, in hexadecimal.
    #[must_use]
    pub fn config_hash(&self) -> String {
        self.snapshot.fingerprint().to_string()
    }

    /// Where clients connect, by listener.
    #[must_use]
    pub fn addresses(&self) -> &[(Arc<str>, ListenAddress)] {
        &self.addresses
    }

    /// The first TCP address where clients connect.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.addresses.iter().find_map(|(_, address)| tcp(address))
    }

    /// Where the page of metrics is.
    #[must_use]
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.posts.of(&Role::Metrics).and_then(|post| tcp(&post.address()))
    }

    /// Where an operator can ask and order.
    #[must_use]
    pub fn admin_address(&self) -> Option<ListenAddress> {
        self.posts.of(&Role::Admin).map(|post| post.address())
    }

    /// Opens the files of all logs anew, as they have been moved away.
    pub fn reopen_logs(&self) {
        self.records.sinks().reopen();
        self.records.error("logs_reopened", Level::Info, |_| {});
    }

    /// Whether the files of the configuration that runs are to be watched.
    #[must_use]
    pub fn auto_reloads(&self) -> bool {
        self.snapshot.config.server.auto_reload
    }

    /// Stops accepting, closes all sessions over the spread, and returns when they are
    /// gone or the grace is over. Blocks; not to be called on a thread that runs tasks.
    pub fn shut_down(self) {
        self.shut_down_over(None);
    }

    /// The same over a spread that is not the configured one, if there is one.
    pub fn shut_down_over(mut self, spread: Option<Duration>) {
        self.records.error("draining", Level::Info, |_| {});
        self.records.sinks().end_soon();
        // Each descriptor that is left keeps a socket listening.
        self.posts.let_go_of_listeners();
        let begun = clock::now();
        let of = u32::try_from(self.workers.len()).unwrap_or(u32::MAX);
        let has_begun = Arc::<AtomicBool>::default();
        for (worker, index) in self.workers.iter().zip(0..) {
            let turn = Turn { index, of };
            let draining = Draining { begun, spread, turn, has_begun: Arc::clone(&has_begun) };
            let command = Command::Drain(draining, Arc::clone(&self.handed_over));
            // A worker that is gone needs no command.
            let _gone = worker.mailbox.blocking_send(command);
        }
        let Self { posts, snapshot, sources, workers, support, records, .. } = self;
        for worker in workers {
            let _panicked = worker.thread.join();
        }
        support.stop();
        records.error("stopped", Level::Info, |_| {});
        records.sinks().finish();
        drop((posts, snapshot, sources));
    }

    /// Has the supporting thread do what the configuration asks of it.
    fn assign_duties(&self) {
        let path = self.snapshot.config.observability.metrics.as_ref().map(|metrics| metrics.path.clone());
        self.support.assign(Duties {
            clusters: self.snapshot.all_clusters(),
            tracers: self.snapshot.tracers().to_vec(),
            metrics: self.only_socket(&Role::Metrics).zip(path),
            admin: self.only_socket(&Role::Admin).zip(self.setting()),
        });
    }

    /// Who is let in to ask and order, and what is configured.
    fn setting(&self) -> Option<Setting> {
        let config = &self.snapshot.config;
        let door = Door::new(config.admin.as_ref()?, self.snapshot.token.clone());
        Some(Setting::new(config, door))
    }

    /// A descriptor of the one socket of a role.
    fn only_socket(&self, role: &Role) -> Option<Bound> {
        let post = self.posts.of(role)?;
        let failed = |error: &io::Error| {
            self.records.error("accept_error", Level::Error, |line| {
                line.text("address", &post.asked.to_string());
                line.text("detail", &error.to_string());
            });
        };
        post.only().inspect_err(failed).ok()
    }

    fn name_addresses(&mut self) {
        self.addresses = self.posts.listeners().map(|(id, post)| (Arc::clone(id), post.address())).collect();
    }

    fn tell_of_start(&self) {
        self.tell_of_certificates();
        for (id, address) in &self.addresses {
            self.records.error("listening", Level::Info, |line| {
                line.text("listener", id);
                line.text("address", &address.to_string());
                line.number("workers", self.workers.len());
            });
        }
        if let Some(address) = self.metrics_addr() {
            self.records.error("metrics", Level::Info, |line| line.plain("address", address));
        }
        if let Some(address) = self.admin_address() {
            self.records.error("admin", Level::Info, |line| line.text("address", &address.to_string()));
        }
    }

    fn tell_of_certificates(&self) {
        for Objection { message, help, .. } in self.snapshot.warnings() {
            self.records.error("certificate", Level::Warn, |line| {
                line.text("detail", &message);
                line.text("help", &help);
            });
        }
    }
}

fn tcp(address: &ListenAddress) -> Option<SocketAddr> {
    match address {
        ListenAddress::Tcp(address) => Some(*address),
        ListenAddress::Udp(_) | ListenAddress::Unix { .. } => None,
    }
}

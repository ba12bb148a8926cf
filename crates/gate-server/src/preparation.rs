//! What a configuration needs of the world before it can run: certificates, names,
//! addresses, log files. All objections are collected, and nobody listens when there is one.

use std::io;
use std::sync::Arc;
use std::thread;

use gate_config::model::{Config, ListenAddress, Objection};
use gate_net::socket;

use crate::observe::frame_log;
use crate::observe::sink::Sinks;
use crate::observe::writer::{Outlets, Records};
use crate::snapshot::Snapshot;
use crate::sockets::inherited::Inherited;
use crate::sockets::posts::{Plan, Posts, clashes, of_address, wanted};
use crate::upstream::cluster::Cluster;
use crate::upstream::resolve;

/// A configuration that can run, with all that it holds.
pub(crate) struct Prepared {
    pub(crate) snapshot: Arc<Snapshot>,
    /// The addresses, of which those that were there before are only named.
    pub(crate) plan: Plan,
    /// The access log and the error log.
    pub(crate) outlets: Outlets,
}

/// How many workers there are to be.
pub(crate) fn workers(config: &Config) -> usize {
    match config.server.worker_threads {
        0 => thread::available_parallelism().map_or(1, usize::from),
        count => usize::from(count),
    }
}

/// Gets hold of everything, beside what a gateway that runs `before` has already. That goes on
/// unchanged, whatever comes of this.
///
/// # Errors
/// All that the world has against it.
pub(crate) fn prepare(
    config: Config,
    workers: usize,
    before: (Option<&Snapshot>, &Posts),
    inherited: Inherited,
    sinks: &Sinks,
) -> Result<Prepared, Vec<Objection>> {
    let (before, posts) = before;
    let wanted = wanted(&config);
    let logging = config.observability.logging.clone();
    let against_logs = [Records::check(&logging), frame_log::check(&config)].concat();
    let built = build(config, before);
    // Addresses and logs are looked at in any case, so that all is told at once.
    let built = both(built, posts.plan(wanted, workers, inherited));
    let logs = if against_logs.is_empty() { Ok(()) } else { Err(against_logs) };
    let ((mut snapshot, plan), ()) = both(built, logs)?;
    // Last, as to open a log may make its file, and what is open is rotated as is said here.
    let outlets = Outlets::open(&logging, sinks).map_err(|objection| vec![objection]);
    let (outlets, logs) = both(outlets, frame_log::open(&snapshot.config, sinks))?;
    snapshot.set_frame_logs(logs);
    Ok(Prepared { snapshot: Arc::new(snapshot), plan, outlets })
}

/// Both, or all that there is against either.
fn both<A, B>(
    one: Result<A, Vec<Objection>>,
    other: Result<B, Vec<Objection>>,
) -> Result<(A, B), Vec<Objection>> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Ok(_), Err(objections)) | (Err(objections), Ok(_)) => Err(objections),
        (Err(mut objections), Err(more)) => {
            objections.extend(more);
            Err(objections)
        }
    }
}

/// Looks at the same without holding anything. An address that is taken is no objection:
/// the gateway that runs may have it.
pub(crate) fn check(config: Config) -> Findings {
    let mut objections = addresses(&config);
    objections.extend(Records::check(&config.observability.logging));
    objections.extend(frame_log::check(&config));
    let mut warnings = Vec::new();
    match build(config, None) {
        Ok(snapshot) => warnings = snapshot.warnings(),
        Err(found) => objections.extend(found),
    }
    Findings { objections, warnings }
}

/// What the world has to say of a configuration.
#[derive(Debug, Default)]
pub struct Findings {
    /// It cannot run.
    pub objections: Vec<Objection>,
    /// It can, but somebody should look.
    pub warnings: Vec<Objection>,
}

fn build(config: Config, before: Option<&Snapshot>) -> Result<Snapshot, Vec<Objection>> {
    let upstreams = config.upstreams.clone();
    match Snapshot::build(config, before) {
        Ok(snapshot) => {
            let objections = resolve::resolve_all(&snapshot.all_clusters());
            if objections.is_empty() { Ok(snapshot) } else { Err(objections) }
        }
        Err(mut objections) => {
            // Names are looked at all the same, so that all is told at once.
            let clusters: Vec<_> =
                upstreams.iter().filter_map(|upstream| Cluster::new(upstream).ok()).collect();
            objections.extend(resolve::resolve_all(&clusters));
            Err(objections)
        }
    }
}

/// What there is against the addresses, without listening on them. One that is taken is no
/// objection.
fn addresses(config: &Config) -> Vec<Objection> {
    let wanted = wanted(config);
    let mut objections = clashes(&wanted);
    for wanted in wanted {
        if let Err(error) = probe(&wanted.address)
            && error.kind() != io::ErrorKind::AddrInUse
        {
            objections.push(of_address(&wanted, &error));
        }
    }
    objections
}

fn probe(address: &ListenAddress) -> io::Result<()> {
    match address {
        ListenAddress::Tcp(address) => socket::try_bind(*address),
        ListenAddress::Udp(address) => socket::try_bind_datagrams(*address),
        ListenAddress::Unix { path, .. } => socket::try_listen_unix(path),
    }
}

//! What a configuration needs of the world before it can run: certificates, names,
//! addresses, log files. All objections are collected, and nobody listens when there is one.

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use gate_config::model::{Config, ListenAddress, Listener, Metrics, Objection, Place};
use gate_net::socket::{self, Sharing};

use crate::observe::writer::Records;
use crate::snapshot::Snapshot;
use crate::upstream::cluster::Cluster;
use crate::upstream::resolve;

/// A configuration that can run, with all that it holds.
pub(crate) struct Prepared {
    pub(crate) snapshot: Arc<Snapshot>,
    /// By the listener's place in the configuration; one socket for each worker.
    pub(crate) listeners: Vec<Vec<Bound>>,
    pub(crate) socket_files: Vec<SocketFile>,
    pub(crate) metrics: Option<std::net::TcpListener>,
    pub(crate) records: Records,
    /// The threads that write records.
    pub(crate) writing: Vec<JoinHandle<()>>,
}

/// A socket that listens.
#[derive(Debug)]
pub(crate) enum Bound {
    Tcp(std::net::TcpListener),
    Unix(UnixListener),
}

/// The file of a unix socket that listens; gone when dropped.
#[derive(Debug)]
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // What cannot be removed is found to be abandoned at the next start.
        let _best_effort = std::fs::remove_file(&self.0);
    }
}

/// How many workers there are to be.
pub(crate) fn workers(config: &Config) -> usize {
    match config.server.worker_threads {
        0 => thread::available_parallelism().map_or(1, usize::from),
        count => usize::from(count),
    }
}

/// Gets hold of everything.
///
/// # Errors
/// All that the world has against it.
pub(crate) fn prepare(config: Config) -> Result<Prepared, Vec<Objection>> {
    let asked = config.clone();
    let snapshot = match build(config) {
        Ok(snapshot) => snapshot,
        Err(mut objections) => {
            objections.extend(addresses(&asked, Taken::IsAnObjection));
            return Err(objections);
        }
    };
    let (records, writing) =
        Records::open(&asked.observability.logging).map_err(|objection| vec![objection])?;
    let mut objections = Vec::new();
    let count = workers(&asked);
    let mut listeners = Vec::new();
    let mut socket_files = Vec::new();
    for listener in &asked.listeners {
        match bind(listener, count) {
            Ok(bound) => {
                listeners.push(bound);
                if let ListenAddress::Unix { path, .. } = &listener.address.value {
                    socket_files.push(SocketFile(path.clone()));
                }
            }
            Err(error) => objections.push(of_listener(listener, &error)),
        }
    }
    let metrics = match &asked.observability.metrics {
        None => None,
        Some(metrics) => socket::listen(metrics.address.value, Sharing::Alone)
            .map_err(|error| objections.push(of_metrics(metrics, &error)))
            .ok(),
    };
    if !objections.is_empty() {
        return Err(objections);
    }
    Ok(Prepared { snapshot: Arc::new(snapshot), listeners, socket_files, metrics, records, writing })
}

/// Looks at the same without holding anything. An address that is taken is no objection:
/// the gateway that runs may have it.
pub(crate) fn check(config: Config) -> Findings {
    let mut objections = addresses(&config, Taken::IsFine);
    objections.extend(Records::check(&config.observability.logging));
    let mut warnings = Vec::new();
    match build(config) {
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

/// Whether it matters that an address is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    IsAnObjection,
    IsFine,
}

fn build(config: Config) -> Result<Snapshot, Vec<Objection>> {
    let upstreams = config.upstreams.clone();
    match Snapshot::build(config) {
        Ok(snapshot) => {
            let objections = resolve::resolve_all(snapshot.clusters());
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

/// What there is against the addresses, without listening on them.
fn addresses(config: &Config, taken: Taken) -> Vec<Objection> {
    let matters =
        |error: &io::Error| taken == Taken::IsAnObjection || error.kind() != io::ErrorKind::AddrInUse;
    let mut objections = Vec::new();
    for listener in &config.listeners {
        if let Err(error) = probe(&listener.address.value)
            && matters(&error)
        {
            objections.push(of_listener(listener, &error));
        }
    }
    if let Some(metrics) = &config.observability.metrics
        && let Err(error) = socket::try_bind(metrics.address.value)
        && matters(&error)
    {
        objections.push(of_metrics(metrics, &error));
    }
    objections
}

fn probe(address: &ListenAddress) -> io::Result<()> {
    match address {
        ListenAddress::Tcp(address) => socket::try_bind(*address),
        // To listen would leave a file behind; that its directory is there says enough.
        ListenAddress::Unix { path, .. } => {
            let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            directory.map_or(Ok(()), |directory| std::fs::read_dir(directory).map(drop))
        }
    }
}

fn bind(listener: &Listener, count: usize) -> io::Result<Vec<Bound>> {
    match &listener.address.value {
        ListenAddress::Tcp(address) => bind_tcp(*address, count),
        ListenAddress::Unix { path, mode } => {
            // Every worker accepts from the one socket: the system has no way to spread them.
            let first = socket::listen_unix(path, *mode)?;
            let mut bound = Vec::with_capacity(count);
            for _ in 1..count {
                bound.push(Bound::Unix(first.try_clone()?));
            }
            bound.push(Bound::Unix(first));
            Ok(bound)
        }
    }
}

fn bind_tcp(address: SocketAddr, count: usize) -> io::Result<Vec<Bound>> {
    let sharing = if count > 1 { Sharing::WithOthers } else { Sharing::Alone };
    // The kernel would share the address with another process that shares it too, such
    // as a gateway that still runs: that is refused.
    drop(socket::listen(address, Sharing::Alone)?);
    let first = socket::listen(address, sharing)?;
    let address = first.local_addr()?;
    let mut bound = vec![Bound::Tcp(first)];
    while bound.len() < count {
        bound.push(Bound::Tcp(socket::listen(address, sharing)?));
    }
    Ok(bound)
}

fn of_listener(listener: &Listener, error: &io::Error) -> Objection {
    of_address(listener.address.place, "listen", &listener.address.value, error)
}

fn of_metrics(metrics: &Metrics, error: &io::Error) -> Objection {
    of_address(metrics.address.place, "serve metrics", &metrics.address.value, error)
}

fn of_address(place: Place, what: &str, address: &impl std::fmt::Display, error: &io::Error) -> Objection {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others have no remedy of their own")]
    let help = match error.kind() {
        io::ErrorKind::AddrInUse => "another process has it: stop that one, or choose another port",
        io::ErrorKind::AddrNotAvailable => {
            "no interface of this machine has it; 0.0.0.0 or [::] stand for all of them"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need CAP_NET_BIND_SERVICE, a unix socket a directory that can be written"
        }
        io::ErrorKind::NotFound => "the socket's directory must exist",
        io::ErrorKind::AlreadyExists => "remove that file, or choose another path",
        _ => "choose another address",
    };
    Objection { place, message: format!("cannot {what} on {address}: {error}"), help: help.to_owned() }
}

impl Bound {
    /// The address as it was had, with the port that the system chose.
    pub(crate) fn address(&self, asked: &ListenAddress) -> ListenAddress {
        match self {
            Self::Tcp(listener) => listener.local_addr().map_or_else(|_| asked.clone(), ListenAddress::Tcp),
            Self::Unix(_) => asked.clone(),
        }
    }
}

//! From names to addresses: the hosts file, `localhost`, then DNS as the system is set up
//! for it. Lists are renewed when their time is over; a name that cannot be resolved any
//! more keeps the addresses it had.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use gate_config::model::Objection;
use hickory_resolver::config::{LookupIpStrategy, ResolveHosts, ResolverConfig, ServerGroup};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::ProtoError;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, ResolverBuilder, TokioResolver};
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::clock;
use crate::upstream::cluster::Cluster;
use crate::upstream::news::Event;
use crate::upstream::target::{Named, Target};

/// Why a name has no addresses.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResolveError {
    #[error("it is not a valid name")]
    Name(#[source] ProtoError),
    #[error("{}", words(.0))]
    Dns(NetError),
    #[error("it has no address")]
    NoAddress,
}

/// What name servers say, for people.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enum may grow, and the rest have sentences of their own"
)]
fn words(error: &NetError) -> String {
    if error.is_nx_domain() {
        return "the name servers know no such name".to_owned();
    }
    if error.is_no_records_found() {
        return "the name servers know no address of it".to_owned();
    }
    match error {
        NetError::Timeout => "no name server answered in time".to_owned(),
        NetError::NoConnections => "no name server can be reached".to_owned(),
        other => other.to_string(),
    }
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    addresses: Vec<IpAddr>,
    /// How long that may be believed.
    lasting: Duration,
}

/// See the module.
struct Resolver {
    hosts: Hosts,
    dns: TokioResolver,
}

/// Resolves all names of all targets that have not been resolved before, and blocks until that is
/// done: for the start, and for what a reload adds.
pub(crate) fn resolve_all(clusters: &[Arc<Cluster>]) -> Vec<Objection> {
    let named: Vec<(&Target, &Named)> = clusters
        .iter()
        .flat_map(|cluster| cluster.targets())
        .filter_map(|target| target.whereabouts().named().map(|named| (&**target, named)))
        .filter(|(_, named)| named.valid_until().is_none())
        .collect();
    if named.is_empty() {
        return Vec::new();
    }
    let hosts: Vec<&str> = named.iter().map(|(_, named)| named.host()).collect();
    // On a thread of its own, so that whoever calls may itself be within a runtime.
    let found = thread::scope(|scope| scope.spawn(|| resolve_each(&hosts)).join()).unwrap_or_default();
    let mut objections = Vec::new();
    for (target, named) in named {
        match found.get(named.host()) {
            Some(Ok(found)) => take(named, found),
            Some(Err(error)) => objections.push(objection(target, named, &error.to_string())),
            None => objections.push(objection(target, named, "no thread could be had for it")),
        }
    }
    objections
}

fn objection(target: &Target, named: &Named, why: &str) -> Objection {
    Objection {
        place: target.place(),
        message: format!("the name `{}` cannot be resolved: {why}", named.host()),
        help: "a name that this machine can resolve (try `getent hosts`), or an IP address".to_owned(),
    }
}

/// What each name stands for; nothing when there can be no runtime for it.
fn resolve_each(hosts: &[&str]) -> HashMap<String, Result<Found, ResolveError>> {
    match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(lookups(hosts)),
        Err(_) => HashMap::new(),
    }
}

async fn lookups(hosts: &[&str]) -> HashMap<String, Result<Found, ResolveError>> {
    let Ok(resolver) = Resolver::from_system().map(Arc::new) else { return HashMap::new() };
    let at_a_time = Arc::new(Semaphore::new(QUERIES_MAX));
    let mut found = HashMap::new();
    let mut lookups = JoinSet::new();
    for host in hosts {
        // Kept as an error until there is an answer, and so as not to be asked for twice.
        if found.insert((*host).to_owned(), Err(ResolveError::NoAddress)).is_some() {
            continue;
        }
        let (resolver, at_a_time, host) = (Arc::clone(&resolver), Arc::clone(&at_a_time), (*host).to_owned());
        lookups.spawn(async move {
            let _turn = at_a_time.acquire().await;
            let result = resolver.resolve(&host).await;
            (host, result)
        });
    }
    while let Some(lookup) = lookups.join_next().await {
        if let Ok((host, result)) = lookup {
            found.insert(host, result);
        }
    }
    found
}

/// Keeps the addresses of a target's name up to date, for ever.
pub(super) async fn follow(cluster: Arc<Cluster>, target: Arc<Target>) {
    let Some(named) = target.whereabouts().named() else { return };
    let mut failures: u32 = 0;
    loop {
        let wait = match (failures.checked_sub(1), named.valid_until()) {
            (None, Some(until)) => until.saturating_duration_since(clock::now()),
            (None, None) => Duration::ZERO,
            (Some(before), _) => RETRY_MIN.saturating_mul(2_u32.saturating_pow(before)).min(RETRY_MAX),
        };
        sleep(wait).await;
        match resolve(named.host()).await {
            Ok(found) => {
                take(named, &found);
                failures = 0;
            }
            Err(error) => {
                if failures == 0 {
                    cluster.announce(&target, Event::Unresolved, &error.to_string());
                }
                failures = failures.saturating_add(1);
            }
        }
    }
}

/// The addresses of a name, of which there is at least one, and for how long they may be believed.
///
/// # Errors
/// Why there are none.
pub(crate) async fn look_up(host: &str) -> Result<(Vec<IpAddr>, Duration), String> {
    let found = resolve(host).await.map_err(|error| error.to_string())?;
    Ok((found.addresses, found.lasting))
}

/// Looks at the hosts file and the settings of the system as they are by now.
async fn resolve(host: &str) -> Result<Found, ResolveError> {
    Resolver::from_system().map_err(ResolveError::Dns)?.resolve(host).await
}

fn take(named: &Named, found: &Found) {
    named.set(found.addresses.clone(), clock::now() + found.lasting);
}

impl Resolver {
    fn from_system() -> Result<Self, NetError> {
        let builder = match TokioResolver::builder_tokio() {
            Ok(builder) => builder,
            // Without a resolv.conf the server is on this machine (resolv.conf(5)).
            Err(_) => of_servers(ResolverConfig::udp_and_tcp(&LOCAL)),
        };
        Self::new(builder, Hosts::from_system().unwrap_or_default())
    }

    fn new(mut builder: ResolverBuilder<TokioRuntimeProvider>, hosts: Hosts) -> Result<Self, NetError> {
        let options = builder.options_mut();
        // Names in the hosts file are found there alone: the DNS is not asked for the family
        // of addresses that is missing.
        options.use_hosts_file = ResolveHosts::Never;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.positive_max_ttl = Some(LASTING_MAX);
        options.negative_max_ttl = Some(LASTING_MIN);
        Ok(Self { hosts, dns: builder.build()? })
    }

    async fn resolve(&self, host: &str) -> Result<Found, ResolveError> {
        let name = if host.is_ascii() { Name::from_ascii(host) } else { Name::from_utf8(host) };
        let name = name.map_err(ResolveError::Name)?;
        if let Some(addresses) = self.in_hosts_file(&name).or_else(|| loopback(host)) {
            return Ok(Found { addresses, lasting: HOSTS_LASTING });
        }
        let lookup = self.dns.lookup_ip(name).await.map_err(ResolveError::Dns)?;
        let mut addresses = Vec::new();
        for address in lookup.iter().filter(|address| !address.is_unspecified()) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        if addresses.is_empty() {
            return Err(ResolveError::NoAddress);
        }
        Ok(Found { addresses, lasting: lasting(lookup.valid_until()) })
    }

    fn in_hosts_file(&self, name: &Name) -> Option<Vec<IpAddr>> {
        let name = name.to_lowercase();
        let of = |family| self.hosts.lookup_static_host(&Query::query(name.clone(), family));
        let found = [of(RecordType::A), of(RecordType::AAAA)];
        let records = found.iter().flatten().flat_map(|lookup| lookup.answers());
        let addresses: Vec<IpAddr> = records.filter_map(|record| record.data.ip_addr()).collect();
        (!addresses.is_empty()).then_some(addresses)
    }
}

fn of_servers(config: ResolverConfig) -> ResolverBuilder<TokioRuntimeProvider> {
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
}

/// `localhost` and what is below it is this machine, whatever the DNS says (RFC 6761 §6.3).
fn loopback(host: &str) -> Option<Vec<IpAddr>> {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let is_loopback = host == "localhost" || host.ends_with(".localhost");
    is_loopback.then(|| vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
}

fn lasting(until: Instant) -> Duration {
    until.saturating_duration_since(clock::now()).clamp(LASTING_MIN, LASTING_MAX)
}

/// However short-lived an answer of the DNS is, it is believed for so long,
const LASTING_MIN: Duration = Duration::from_secs(1);
/// and however long-lived, no longer.
const LASTING_MAX: Duration = Duration::from_secs(3600);
/// How often the hosts file is read anew.
const HOSTS_LASTING: Duration = Duration::from_secs(30);
/// From a first failure to the next attempt; twice as long each time,
const RETRY_MIN: Duration = Duration::from_secs(1);
/// up to this.
const RETRY_MAX: Duration = Duration::from_secs(60);
/// Names asked for at a time at the start.
const QUERIES_MAX: usize = 32;

const LOCAL: ServerGroup<'static> =
    ServerGroup { ips: &[IpAddr::V4(Ipv4Addr::LOCALHOST)], server_name: "localhost", path: "/dns-query" };

#[cfg(test)]
mod tests;

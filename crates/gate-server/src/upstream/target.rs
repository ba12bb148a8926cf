//! One server of an upstream: where it is, and what has been counted of it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;
use gate_config::model::{self, Place, SipTransport, TargetAddress};

/// Names a target for the life of the process, whatever becomes of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TargetKey(u64);

impl TargetKey {
    fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

/// Names connections to a target that were made in one and the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LinesKey(TargetKey);

/// See the module.
#[derive(Debug)]
pub(crate) struct Target {
    account: Arc<Account>,
    /// Names the connections to it that can be used again.
    lines: LinesKey,
    /// Its place among the targets of its upstream.
    index: usize,
    /// Its address as it was configured.
    text: Arc<str>,
    /// What stands for it in cookies and hashes: the same as long as the address is.
    stable: u64,
    uses_tls: bool,
    /// It speaks SIP without WebSocket.
    sip: Option<SipTransport>,
    /// Where its address stands in the configuration.
    place: Place,
}

/// What a server keeps while it belongs to its upstream, whatever else of that is configured anew.
#[derive(Debug)]
pub(super) struct Account {
    key: TargetKey,
    whereabouts: Whereabouts,
    /// Something has failed that a request which passes makes up for.
    pub(super) is_stained: AtomicBool,
    pub(super) in_flight: AtomicU32,
    pub(super) attempts: AtomicU64,
    pub(super) failures: [AtomicU64; Failure::ALL.len()],
}

/// How a target is found.
#[derive(Debug)]
pub(crate) enum Whereabouts {
    /// At a unix socket.
    Unix(PathBuf),
    /// At an address that does not change.
    Fixed(SocketAddr),
    /// At the addresses of a name.
    Named(Named),
}

/// A name with its addresses of the moment.
#[derive(Debug)]
pub(crate) struct Named {
    host: String,
    port: u16,
    addresses: ArcSwap<Addresses>,
    /// Where the next dial begins in the list.
    next: AtomicUsize,
}

#[derive(Debug, Default)]
struct Addresses {
    list: Vec<IpAddr>,
    /// When they must be looked for anew; `None` before they have been found.
    valid_until: Option<Instant>,
}

/// Why a target did not do what it was asked for. Each counts against its health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Its name has no address.
    Unresolved,
    /// It refuses connections, or cannot be reached.
    Unreachable,
    /// It could not be reached in time.
    DialTimeout,
    /// TLS with it failed.
    Tls,
    /// The connection was lost before the answer.
    Lost,
    /// It did not answer in time.
    Timeout,
    /// Its answer was not valid.
    Malformed,
}

impl Failure {
    pub(crate) const ALL: [Self; 7] = [
        Self::Unresolved,
        Self::Unreachable,
        Self::DialTimeout,
        Self::Tls,
        Self::Lost,
        Self::Timeout,
        Self::Malformed,
    ];

    /// A stable name for metric labels.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Unresolved => "unresolved",
            Self::Unreachable => "unreachable",
            Self::DialTimeout => "dial_timeout",
            Self::Tls => "tls",
            Self::Lost => "lost",
            Self::Timeout => "timeout",
            Self::Malformed => "malformed",
        }
    }

    fn index(self) -> usize {
        Self::ALL.iter().position(|failure| *failure == self).unwrap_or_default()
    }
}

impl Target {
    /// The target that `target` describes, with the account of the one that it is the same server
    /// as, if there was one.
    pub(super) fn new(index: usize, stable: u64, target: &model::Target, before: Option<&Self>) -> Self {
        let account =
            before.map_or_else(|| Arc::new(Account::new(target)), |before| Arc::clone(&before.account));
        Self {
            lines: before.map_or(LinesKey(account.key), |before| before.lines),
            account,
            index,
            text: target.address.value.to_string().into(),
            stable,
            uses_tls: target.tls,
            sip: target.sip,
            place: target.address.place,
        }
    }

    /// Whether `target` describes the same server.
    pub(super) fn is(&self, target: &model::Target) -> bool {
        self.uses_tls == target.tls
            && self.sip == target.sip
            && *self.text == *target.address.value.to_string()
    }

    /// The same, but connections that were made before are not used again: they rest on other
    /// certificates.
    pub(super) fn with_new_lines(self) -> Self {
        Self { lines: LinesKey(TargetKey::next()), ..self }
    }

    /// Names the connections to it that can be used again.
    pub(super) fn lines(&self) -> LinesKey {
        self.lines
    }

    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    pub(crate) fn key(&self) -> TargetKey {
        self.account.key
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// Its address as it was configured.
    pub(crate) fn text(&self) -> &Arc<str> {
        &self.text
    }

    pub(crate) fn stable(&self) -> u64 {
        self.stable
    }

    pub(crate) fn whereabouts(&self) -> &Whereabouts {
        &self.account.whereabouts
    }

    pub(crate) fn uses_tls(&self) -> bool {
        self.uses_tls
    }

    /// Whether it is at that address.
    pub(crate) fn is_at_ip(&self, address: IpAddr) -> bool {
        match self.whereabouts() {
            Whereabouts::Unix(_) => false,
            Whereabouts::Fixed(own) => own.ip() == address.to_canonical(),
            Whereabouts::Named(named) => named.has(address.to_canonical()),
        }
    }

    /// Whether it is at that address and port.
    pub(crate) fn is_at(&self, address: SocketAddr) -> bool {
        let port = match self.whereabouts() {
            Whereabouts::Unix(_) => return false,
            Whereabouts::Fixed(own) => own.port(),
            Whereabouts::Named(named) => named.port,
        };
        port == address.port() && self.is_at_ip(address.ip())
    }

    /// How it speaks SIP without WebSocket, if it does.
    pub(crate) fn sip(&self) -> Option<SipTransport> {
        self.sip
    }

    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// Requests and sessions under way.
    pub(crate) fn in_flight(&self) -> u32 {
        self.account.in_flight.load(Ordering::Relaxed)
    }

    /// Times that it was chosen for a request.
    pub(crate) fn attempts(&self) -> u64 {
        self.account.attempts.load(Ordering::Relaxed)
    }

    /// How often it failed, by reason.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Failure::ALL
            .iter()
            .zip(&self.account.failures)
            .map(|(failure, count)| (failure.reason(), count.load(Ordering::Relaxed)))
    }

    pub(super) fn count_failure(&self, failure: Failure) {
        if let Some(count) = self.account.failures.get(failure.index()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Account {
    fn new(target: &model::Target) -> Self {
        Self {
            key: TargetKey::next(),
            whereabouts: Whereabouts::new(&target.address.value),
            is_stained: AtomicBool::new(false),
            in_flight: AtomicU32::new(0),
            attempts: AtomicU64::new(0),
            failures: Default::default(),
        }
    }
}

impl Whereabouts {
    fn new(address: &TargetAddress) -> Self {
        match address {
            TargetAddress::Unix(path) => Self::Unix(path.clone()),
            TargetAddress::Tcp { host, port } => match host.parse::<IpAddr>() {
                Ok(address) => Self::Fixed(SocketAddr::new(address, *port)),
                Err(_) => Self::Named(Named::new(host, *port)),
            },
        }
    }

    /// The name that must be resolved, if there is one.
    pub(crate) fn named(&self) -> Option<&Named> {
        match self {
            Self::Named(named) => Some(named),
            Self::Unix(_) | Self::Fixed(_) => None,
        }
    }

    /// Whether a connection to `address` still leads to the target, whose name may stand for
    /// other addresses than when it was made.
    pub(crate) fn is_at(&self, address: &str) -> bool {
        match self {
            Self::Unix(_) | Self::Fixed(_) => true,
            Self::Named(named) => address.parse().is_ok_and(|address: SocketAddr| named.has(address.ip())),
        }
    }

    /// What a certificate is verified for, and what Host says of a request made up here.
    pub(crate) fn host(&self) -> String {
        match self {
            Self::Named(named) => named.host.clone(),
            Self::Fixed(address) => address.ip().to_string(),
            Self::Unix(_) => "localhost".to_owned(),
        }
    }
}

impl Named {
    fn new(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port, addresses: ArcSwap::default(), next: AtomicUsize::new(0) }
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Puts in a list that was found; dials that are under way keep the one before.
    pub(super) fn set(&self, list: Vec<IpAddr>, valid_until: Instant) {
        self.addresses.store(Arc::new(Addresses { list, valid_until: Some(valid_until) }));
    }

    /// When the list must be looked for anew; `None` before there is one.
    pub(super) fn valid_until(&self) -> Option<Instant> {
        self.addresses.load().valid_until
    }

    fn has(&self, address: IpAddr) -> bool {
        self.addresses.load().list.contains(&address)
    }

    /// All addresses, each call beginning at the next one.
    pub(crate) fn in_turn(&self) -> Vec<SocketAddr> {
        let addresses = &self.addresses.load().list;
        let first =
            self.next.fetch_add(1, Ordering::Relaxed).checked_rem(addresses.len()).unwrap_or_default();
        let turned = addresses.iter().cycle().skip(first).take(addresses.len());
        turned.map(|address| SocketAddr::new(*address, self.port)).collect()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn every_dial_begins_at_the_next_address_and_tries_all() {
        let named = Named::new("example.org", 80);
        assert_eq!(named.in_turn(), []);
        let list: [IpAddr; 3] = ["10.0.0.1", "10.0.0.2", "::1"].map(|text| text.parse().unwrap());
        named.set(list.to_vec(), clock::now());
        assert!(named.valid_until().is_some());
        let mut firsts = Vec::new();
        for _ in 0..6 {
            let turned = named.in_turn();
            let mut all: Vec<IpAddr> = turned.iter().map(SocketAddr::ip).collect();
            firsts.push(all[0]);
            all.sort_unstable();
            assert_eq!(all, list);
            assert!(turned.iter().all(|address| address.port() == 80));
        }
        assert_eq!(firsts[..3].iter().collect::<std::collections::HashSet<_>>().len(), 3, "{firsts:?}");
        assert_eq!(firsts[..3], firsts[3..]);
    }

    #[test]
    fn literal_addresses_are_not_resolved() {
        let tcp = |host: &str| TargetAddress::Tcp { host: host.to_owned(), port: 1 };
        for (address, fixed) in [("10.0.0.1", true), ("::1", true), ("localhost", false), ("1.2.3", false)] {
            let whereabouts = Whereabouts::new(&tcp(address));
            assert_eq!(matches!(whereabouts, Whereabouts::Fixed(_)), fixed, "{address}");
            assert_eq!(whereabouts.named().is_none(), fixed, "{address}");
        }
    }

    #[test]
    fn each_failure_has_a_counter_of_its_own() {
        let target = Target::new(0, 0, &model::Target::new(TargetAddress::Unix("/a".into())), None);
        for (failure, times) in Failure::ALL.into_iter().zip(1..) {
            for _ in 0..times {
                target.count_failure(failure);
            }
        }
        assert!(target.failures().map(|(_, count)| count).eq(1..=7));
    }
}

//! A connection to a target: a unix socket, or every TCP address that it has in turn, and
//! TLS where the target wants it, all within one time limit.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gate_net::tls::TlsError;
use gate_net::{Plain, Socket, Stream, socket};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::clock::{self, within};
use crate::upstream::cluster::Cluster;
use crate::upstream::target::{Failure, Target, Whereabouts};
use crate::upstream::trail::Trail;

/// Why a target could not be reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("the name of {target} has no address")]
    Unresolved { target: Arc<str> },
    #[error("cannot connect to {target}")]
    Connect {
        target: Arc<str>,
        #[source]
        source: io::Error,
    },
    #[error("TLS with {target} failed")]
    Tls {
        target: Arc<str>,
        #[source]
        source: TlsError,
    },
    #[error("{target} does not answer")]
    Silent {
        target: Arc<str>,
        #[source]
        source: io::Error,
    },
    #[error("{target} was not reached within {limit:?}")]
    TimedOut { target: Arc<str>, limit: Duration },
}

impl DialError {
    /// What it counts as.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::Unresolved { .. } => Failure::Unresolved,
            Self::Connect { .. } => Failure::Unreachable,
            Self::Tls { .. } => Failure::Tls,
            Self::Silent { .. } | Self::TimedOut { .. } => Failure::DialTimeout,
        }
    }
}

/// A connection, and where it leads.
#[derive(Debug)]
pub(crate) struct Dialled {
    pub(crate) stream: Stream,
    /// The address that was connected to.
    pub(crate) address: Arc<str>,
}

/// Connects within `limit` (zero: no limit), and nobody is told where it fails.
pub(crate) async fn dial(cluster: &Cluster, target: &Target, limit: Duration) -> Result<Dialled, DialError> {
    dial_told(cluster, target, limit, &mut Trail::untold()).await
}

/// The same, with a trail of how far it has come.
pub(crate) async fn dial_told(
    cluster: &Cluster,
    target: &Target,
    limit: Duration,
    trail: &mut Trail,
) -> Result<Dialled, DialError> {
    trail.begin(target);
    let deadline = (!limit.is_zero()).then(|| clock::now() + limit);
    let timed_out = || DialError::TimedOut { target: Arc::clone(target.text()), limit };
    within(limit, connect(cluster, target, deadline, trail)).await.unwrap_or_else(|| Err(timed_out()))
}

async fn connect(
    cluster: &Cluster,
    target: &Target,
    deadline: Option<Instant>,
    trail: &mut Trail,
) -> Result<Dialled, DialError> {
    let (socket, address) = match target.whereabouts() {
        Whereabouts::Unix(path) => {
            let stream = UnixStream::connect(path).await.map_err(|source| refused(target, source))?;
            trail.connect(None);
            (Socket::Unix(stream), Arc::clone(target.text()))
        }
        Whereabouts::Fixed(address) => tcp(target, &[*address], deadline, trail).await?,
        Whereabouts::Named(named) => tcp(target, &named.in_turn(), deadline, trail).await?,
    };
    let plain = Plain::new(socket);
    let mut stream = match cluster.connector().filter(|_| target.uses_tls()) {
        None => Stream::Plain(plain),
        Some(connector) => {
            let tls = connector.connect(plain, &target.whereabouts().host()).await;
            tls.map_err(|source| {
                trail.refuse(source.refused());
                DialError::Tls { target: Arc::clone(target.text()), source }
            })?
        }
    };
    trail.secure(&mut stream);
    Ok(Dialled { stream, address })
}

/// The first of `addresses` that answers. Each gets an even share of the time that is left,
/// so that one which swallows everything leaves some for the next.
async fn tcp(
    target: &Target,
    addresses: &[SocketAddr],
    deadline: Option<Instant>,
    trail: &mut Trail,
) -> Result<(Socket, Arc<str>), DialError> {
    let mut failure = DialError::Unresolved { target: Arc::clone(target.text()) };
    for (address, left) in addresses.iter().zip((1..=addresses.len()).rev()) {
        // Of the first there is none before it.
        trail.miss(failure);
        trail.try_address(*address);
        let connecting = TcpStream::connect(address);
        let connected = match deadline {
            None => connecting.await,
            Some(deadline) => {
                let rest = deadline.saturating_duration_since(clock::now());
                let share = rest / u32::try_from(left).unwrap_or(u32::MAX);
                let silent = || Err(io::Error::new(io::ErrorKind::TimedOut, format!("{address} is silent")));
                timeout(share, connecting).await.unwrap_or_else(|_| silent())
            }
        };
        match connected {
            Ok(stream) => {
                // A connection that refuses these options works all the same.
                let _best_effort = socket::tune(&stream);
                trail.connect(stream.local_addr().ok());
                return Ok((Socket::Tcp(stream), address.to_string().into()));
            }
            Err(source) => failure = refused(target, source),
        }
    }
    Err(failure)
}

fn refused(target: &Target, source: io::Error) -> DialError {
    let target = Arc::clone(target.text());
    if source.kind() == io::ErrorKind::TimedOut {
        return DialError::Silent { target, source };
    }
    DialError::Connect { target, source }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::IpAddr;

    use gate_config::model::{self, ClientTls, TargetAddress, Upstream};

    use super::*;
    use crate::upstream::fake::{Fake, cluster, nobody, run, upstream};

    const LIMIT: Duration = Duration::from_secs(5);

    fn dialled(cluster: &Cluster) -> Result<Dialled, DialError> {
        run(dial(cluster, &cluster.targets()[0], LIMIT))
    }

    fn named(port: u16, addresses: &[&str]) -> Arc<Cluster> {
        let target = model::Target::new(TargetAddress::Tcp { host: "backend.test".to_owned(), port });
        let cluster = cluster(&Upstream::new("backend", vec![target]));
        let list: Vec<IpAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        cluster.targets()[0].whereabouts().named().unwrap().set(list, clock::now());
        cluster
    }

    #[test]
    fn all_addresses_of_a_name_are_tried() {
        let fake = Fake::start(|_, _| {});
        // Nobody listens at the other two.
        let cluster = named(fake.address.port(), &["127.0.0.2", "127.0.0.1", "127.0.0.3"]);
        for _ in 0..3 {
            assert_eq!(*dialled(&cluster).unwrap().address, *fake.address.to_string());
        }
        let cluster = named(fake.address.port(), &["127.0.0.2", "127.0.0.3"]);
        let error = dialled(&cluster).unwrap_err();
        assert_eq!(error.failure(), Failure::Unreachable);
        assert_eq!(error.to_string(), format!("cannot connect to backend.test:{}", fake.address.port()));
    }

    #[test]
    fn a_trail_tells_of_each_address_that_was_not_reached() {
        let fake = Fake::start(|_, _| {});
        let port = fake.address.port();
        let ask = |addresses: &[&str], trail: &mut Trail| {
            let cluster = named(port, addresses);
            run(dial_told(&cluster, &cluster.targets()[0], LIMIT, trail)).map(drop)
        };
        let at = |text: &str| SocketAddr::new(text.parse().unwrap(), port);
        let mut trail = Trail::told();
        assert!(ask(&["127.0.0.2"], &mut trail).is_err());
        let course = trail.course().unwrap();
        assert_eq!((course.ends(), course.missed.len()), ((Some(at("127.0.0.2")), None), 0));
        assert!(!course.is_connected);
        assert!(ask(&["127.0.0.2", "127.0.0.3"], &mut trail).is_err());
        let course = trail.course().unwrap();
        let [(missed, error)] = &*course.missed else { panic!("one of two was missed") };
        assert_eq!(error.failure(), Failure::Unreachable);
        assert_eq!((*missed, course.peer), (at("127.0.0.2"), Some(at("127.0.0.3"))));
        // The first dial begins at the first of the list.
        assert!(ask(&["127.0.0.2", "127.0.0.1"], &mut trail).is_ok());
        let course = trail.course().unwrap();
        assert!(course.missed.iter().map(|(missed, _)| *missed).eq([at("127.0.0.2")]));
        assert_eq!(course.peer, Some(at("127.0.0.1")));
        assert!(course.is_connected && course.local.is_some());
        let mut untold = Trail::untold();
        assert!(ask(&["127.0.0.2"], &mut untold).is_err());
        assert!(untold.course().is_none());
    }

    #[test]
    fn each_way_to_fail_has_its_name() {
        let of = |address| cluster(&upstream(&[address]));
        assert_eq!(dialled(&of(nobody())).unwrap_err().failure(), Failure::Unreachable);
        assert_eq!(dialled(&named(80, &[])).unwrap_err().failure(), Failure::Unresolved);
        let gone = model::Target::new(TargetAddress::Unix("/there/is/no/such.sock".into()));
        let gone = cluster(&Upstream::new("backend", vec![gone]));
        assert_eq!(dialled(&gone).unwrap_err().failure(), Failure::Unreachable);
    }

    #[test]
    fn a_target_that_should_speak_tls_and_does_not_is_not_reached() {
        let says = |words: &'static str| {
            Fake::start(move |_, stream| {
                stream.write_all(words.as_bytes()).unwrap();
                let _until_it_hangs_up = stream.read_to_end(&mut Vec::new());
            })
        };
        let (plain, silent) = (says("HTTP/1.1 400 Bad Request\r\n\r\n"), says(""));
        let secure = |address| {
            let mut upstream = upstream(&[address]);
            upstream.targets[0].tls = true;
            cluster(&Upstream { tls: ClientTls { verify: false, ..ClientTls::default() }, ..upstream })
        };
        assert_eq!(dialled(&secure(plain.address)).unwrap_err().failure(), Failure::Tls);
        let cluster = secure(silent.address);
        let limited = run(dial(&cluster, &cluster.targets()[0], Duration::from_millis(50)));
        assert_eq!(limited.unwrap_err().failure(), Failure::DialTimeout);
    }
}

//! What an operator asks of a worker about its sessions: which there are, and to end some.
//!
//! The worker goes through its sessions a few at a time, so that none of them waits for it.
//! What only a session itself knows it is asked for: it is woken and answers by itself, so a
//! session that nobody asks keeps nothing for it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gate_core::SessionId;
use gate_core::session::Traffic;
use ipnet::IpNet;
use tokio::sync::{Notify, oneshot};
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::clock::{self, within};
use crate::upstream::cluster::TargetKey;
use crate::worker::Worker;
use crate::worker::registry::{Known, Order, SessionKey};

/// What is asked of a worker.
#[derive(Debug)]
pub(crate) enum Inquiry {
    /// Which sessions there are.
    List {
        filter: Filter,
        /// Sessions that are told of; of more only the number.
        limit: usize,
        reply: oneshot::Sender<Listing>,
    },
    /// Some sessions are to end.
    Close {
        filter: Filter,
        order: Order,
        /// The Close frames go out evenly over this time.
        spread: Duration,
        /// Gets their number, before they have ended.
        reply: oneshot::Sender<usize>,
    },
}

/// Which sessions; each part that is there must fit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) id: Option<SessionId>,
    pub(crate) route: Option<Box<str>>,
    pub(crate) client: Option<Client>,
    /// The name of an upstream, or the address of a target.
    pub(crate) upstream: Option<Box<str>>,
    pub(crate) older_than: Option<Duration>,
    /// Those as well that have been told to end and are about to.
    pub(crate) also_ending: bool,
}

/// Which clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// This one, as records have it.
    Exact(Box<str>),
    /// Those of a network, or of one address.
    Network(IpNet),
}

/// Sessions that were asked for.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// How many fit.
    pub(crate) found: usize,
    pub(crate) rows: Vec<Row>,
}

/// One session.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: SessionId,
    pub(crate) client: Box<str>,
    pub(crate) route: Arc<str>,
    /// The upstream's name.
    pub(crate) upstream: Arc<str>,
    /// The target that was reached.
    pub(crate) target: Arc<str>,
    pub(crate) path: Box<str>,
    pub(crate) request_id: Box<str>,
    pub(crate) age: Duration,
    /// It is about to end.
    pub(crate) is_ending: bool,
    /// By the side that it came from.
    pub(crate) traffic: [Traffic; 2],
}

/// Answers. Runs beside the worker's sessions.
pub(crate) async fn answer(worker: Rc<Worker>, inquiry: Inquiry) {
    match inquiry {
        Inquiry::List { filter, limit, reply } => {
            let _gone = reply.send(list(&worker, &filter, limit).await);
        }
        Inquiry::Close { filter, order, spread, reply } => {
            let found = find(&worker, &filter).await;
            let _gone = reply.send(found.len());
            close(&worker, &found, &order, spread).await;
        }
    }
}

async fn list(worker: &Worker, filter: &Filter, limit: usize) -> Listing {
    let found = find(worker, filter).await;
    let poll = Rc::new(Poll::default());
    for some in found.get(..limit.min(found.len())).unwrap_or_default().chunks(CHUNK) {
        for (key, id) in some {
            worker.registry.ask(*key, *id, || Question::of(&poll));
        }
        yield_now().await;
    }
    // A session that has work to do answers a little later; whoever has not answered by then has
    // ended, or is about to.
    let _either_way = within(ANSWER_TIME_MAX, poll.all_answered()).await;
    Listing { found: found.len(), rows: poll.rows.take() }
}

/// The sessions that fit.
async fn find(worker: &Worker, filter: &Filter) -> Vec<(SessionKey, SessionId)> {
    let targets = filter.upstream.as_deref().map(|name| targets_of(worker, name)).unwrap_or_default();
    let now = clock::now();
    let mut found = Vec::new();
    let mut next = 0;
    while let Some(more) = worker.registry.visit(next, CHUNK, |key, known| {
        if filter.fits(known, &targets, now) {
            found.push((key, known.opened.id));
        }
    }) {
        next = more;
        yield_now().await;
    }
    found
}

fn targets_of(worker: &Worker, upstream: &str) -> Vec<TargetKey> {
    let snapshot = worker.snapshot();
    let clusters = snapshot.clusters().iter().filter(|cluster| cluster.id() == upstream);
    clusters.flat_map(|cluster| cluster.targets().iter().map(|target| target.key())).collect()
}

async fn close(worker: &Worker, found: &[(SessionKey, SessionId)], order: &Order, spread: Duration) {
    let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
    let begun = clock::now();
    for ((key, id), number) in found.iter().zip(0..) {
        let due = spread.checked_div(count).unwrap_or_default().saturating_mul(number);
        let wait = (begun + due).saturating_duration_since(clock::now());
        if wait > Duration::ZERO {
            sleep(wait).await;
        } else if usize::try_from(number).is_ok_and(|number| number % CHUNK == CHUNK - 1) {
            yield_now().await;
        }
        worker.registry.order_close_one(*key, *id, order);
    }
}

impl Filter {
    fn fits(&self, known: &Known<'_>, targets: &[TargetKey], now: Instant) -> bool {
        let Known { opened, target, is_told } = *known;
        let Self { id, route, client, upstream, older_than, also_ending } = self;
        (*also_ending || !is_told)
            && id.is_none_or(|id| id == opened.id)
            && route.as_deref().is_none_or(|route| route == &*opened.route)
            && older_than.is_none_or(|age| now.saturating_duration_since(opened.at) >= age)
            && upstream.as_deref().is_none_or(|upstream| {
                upstream == &*opened.upstream || target.is_some_and(|target| targets.contains(&target))
            })
            && client.as_ref().is_none_or(|client| client.fits(&opened.client))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, route, client, upstream, older_than, also_ending: _ } = self;
        let parts = [
            ("id", id.map(|id| id.to_string())),
            ("route", route.as_ref().map(ToString::to_string)),
            ("client", client.as_ref().map(ToString::to_string)),
            ("upstream", upstream.as_ref().map(ToString::to_string)),
            ("older-than", older_than.map(|age| format!("{age:?}"))),
        ];
        let mut separator = "";
        for (name, value) in parts.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
            write!(f, "{separator}{name}={value}")?;
            separator = " ";
        }
        if separator.is_empty() { f.write_str("all") } else { Ok(()) }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(client) => f.write_str(client),
            Self::Network(network) => write!(f, "{network}"),
        }
    }
}

impl Client {
    /// Who is meant by a text: `10.0.0.0/8`, `10.0.0.1`, `10.0.0.1:4321`, `unix:`.
    pub(crate) fn named(text: &str) -> Self {
        let network = text.parse().ok().or_else(|| text.parse().ok().map(|address: IpAddr| address.into()));
        network.map_or_else(|| Self::Exact(text.into()), Self::Network)
    }

    fn fits(&self, client: &str) -> bool {
        match self {
            Self::Exact(exact) => **exact == *client,
            Self::Network(network) => {
                // As records have it: with a port, or without one behind a proxy that knew none.
                let address =
                    client.parse().map(|address: SocketAddr| address.ip()).or_else(|_| client.parse());
                address.is_ok_and(|address: IpAddr| network.contains(&address.to_canonical()))
            }
        }
    }
}

/// Sessions that are looked at, or woken, before the others get their turn.
const CHUNK: usize = 256;

/// How long sessions have to answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(1);

/// The answers as they come.
#[derive(Debug, Default)]
struct Poll {
    rows: RefCell<Vec<Row>>,
    unanswered: Cell<usize>,
    answered: Notify,
}

impl Poll {
    async fn all_answered(&self) {
        while self.unanswered.get() > 0 {
            self.answered.notified().await;
        }
    }
}

/// What a session is asked; dropped, it counts as answered.
#[derive(Debug)]
pub(crate) struct Question(Rc<Poll>);

impl Question {
    fn of(poll: &Rc<Poll>) -> Self {
        poll.unanswered.set(poll.unanswered.get() + 1);
        Self(Rc::clone(poll))
    }

    pub(crate) fn answer(self, row: Row) {
        self.0.rows.borrow_mut().push(row);
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        let unanswered = self.0.unanswered.get().saturating_sub(1);
        self.0.unanswered.set(unanswered);
        if unanswered == 0 {
            // Kept for who has yet to wait.
            self.0.answered.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::record::Opened;

    #[test]
    fn clients_are_meant_by_network_address_or_exactly() {
        let checks = [
            ("10.0.0.0/8", "10.1.2.3:80", true),
            ("10.0.0.0/8", "11.1.2.3:80", false),
            ("10.1.2.3", "10.1.2.3:80", true),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "[::ffff:10.1.2.3]:80", true),
            ("10.1.2.3:80", "10.1.2.3:80", true),
            ("10.1.2.3:80", "10.1.2.3:81", false),
            ("2001:db8::/32", "[2001:db8::1]:80", true),
            ("2001:db8::1", "[2001:db8::1]:80", true),
            ("unix:", "unix:", true),
            ("unix:", "10.1.2.3:80", false),
            ("10.0.0.0/8", "unix:", false),
        ];
        for (text, client, fits) in checks {
            assert_eq!(Client::named(text).fits(client), fits, "{text} and {client}");
        }
    }

    fn opened(serial: u64, at: Instant) -> Opened {
        Opened {
            id: SessionId::new(1, serial),
            client: "10.0.0.1:80".into(),
            upstream: "127.0.0.1:9".into(),
            route: "chat".into(),
            request_id: "r".into(),
            path: "/chat".into(),
            at,
        }
    }

    #[test]
    fn all_that_a_filter_names_must_fit() {
        let now = clock::now();
        let opened = opened(7, now);
        let later = now + Duration::from_secs(60);
        let known = |is_told| Known { opened: &opened, target: None, is_told };
        let fits = |filter: Filter| filter.fits(&known(false), &[], later);
        assert!(fits(Filter::default()), "nothing is named");
        let all = Filter {
            id: Some(SessionId::new(1, 7)),
            route: Some("chat".into()),
            client: Some(Client::named("10.0.0.1")),
            upstream: Some("127.0.0.1:9".into()),
            older_than: Some(Duration::from_secs(60)),
            also_ending: false,
        };
        assert!(!all.fits(&known(true), &[], later), "it has been told");
        assert!(Filter { also_ending: true, ..all.clone() }.fits(&known(true), &[], later));
        assert!(fits(all.clone()));
        let told = "id=1-7 route=chat client=10.0.0.1/32 upstream=127.0.0.1:9 older-than=60s";
        assert_eq!((all.to_string(), Filter::default().to_string()), (told.to_owned(), "all".to_owned()));
        assert!(!fits(Filter { id: Some(SessionId::new(2, 7)), ..all.clone() }));
        assert!(!fits(Filter { route: Some("Chat".into()), ..all.clone() }));
        assert!(!fits(Filter { client: Some(Client::named("10.0.0.2")), ..all.clone() }));
        assert!(!fits(Filter { upstream: Some("127.0.0.1:90".into()), ..all.clone() }));
        assert!(!fits(Filter { older_than: Some(Duration::from_secs(61)), ..all }));
    }
}

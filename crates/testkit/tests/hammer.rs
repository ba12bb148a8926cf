//! Limits of connections under two thousand clients at once that come and go: nobody is let in above
//! a limit, by what the backend and the clients themselves see, and when all are gone nothing is
//! left taken.
//!
//! Alone in its process: it has thousands of descriptors and of threads.

use std::net::{IpAddr, Ipv4Addr};
use std::process;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::thread::{self, Builder, Scope};

use testkit::Side::{Client, Upstream};
use testkit::backend::Backend;
use testkit::frame::{TEXT, close, frame};
use testkit::message::Message;
use testkit::peer::Peer;
use testkit::rig::Rig;

const CLIENTS: usize = 2_000;
/// Sessions that there is room for, in both of the ways in which there are limits.
const SEATS: usize = 500;
/// Addresses that the clients come from.
const ADDRESSES: usize = 25;
/// How often each client asks that is not let in at first.
const ROUNDS: usize = 4;

/// Who ends a session. He counts it too, since he alone knows of its end before its seat is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Client,
    Backend,
}

/// What limits the sessions to [`SEATS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    OfAll,
    PerAddress,
}

impl Limit {
    /// Sessions of one address, if those are limited.
    const PER_ADDRESS: usize = SEATS / ADDRESSES;

    fn settings(self) -> String {
        match self {
            Self::OfAll => format!("max-connections {SEATS}"),
            Self::PerAddress => format!("max-connections-per-ip {}", Self::PER_ADDRESS),
        }
    }

    /// Whether one of the first sessions stays, so that all others come and go at the very limit.
    fn stays(self, in_all: u32, of_address: usize) -> bool {
        match self {
            Self::OfAll => usize::try_from(in_all).is_ok_and(|in_all| in_all < SEATS - 20),
            Self::PerAddress => of_address < Self::PER_ADDRESS - 1,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::OfAll => "max_connections_route",
            Self::PerAddress => "max_connections_per_ip_route",
        }
    }
}

/// Sessions that somebody sees, and the most of them at a time.
#[derive(Debug, Default)]
struct Gauge {
    there: AtomicUsize,
    most: AtomicUsize,
}

impl Gauge {
    /// Counts one; how many there were before it.
    fn enter(&self) -> usize {
        let before = self.there.fetch_add(1, Ordering::SeqCst);
        self.most.fetch_max(before + 1, Ordering::SeqCst);
        before
    }

    fn leave(&self) {
        self.there.fetch_sub(1, Ordering::SeqCst);
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

/// What is seen of all sessions, and of those of each address.
#[derive(Debug, Default)]
struct Seen {
    all: Gauge,
    of: [Gauge; ADDRESSES],
}

impl Seen {
    fn enter(&self, address: usize) -> (usize, usize) {
        (self.all.enter(), self.of(address).enter())
    }

    fn leave(&self, address: usize) {
        self.all.leave();
        self.of(address).leave();
    }

    fn of(&self, address: usize) -> &Gauge {
        self.of.get(address).expect("one of the addresses")
    }
}

/// What all threads share.
struct Hammer {
    rig: Rig,
    by: By,
    limit: Limit,
    seen: Seen,
    let_in: AtomicU32,
    refused: AtomicU32,
    is_over: AtomicBool,
    /// Where all clients wait for each other: connected, answered, done.
    together: Barrier,
}

fn request(address: usize) -> Vec<u8> {
    Message::upgrade(&format!("/hammered/{address}")).to_bytes()
}

impl Hammer {
    fn new(limit: Limit, by: By) -> Self {
        let text = format!(
            r#"
            routes {{ route "hammered" {{
                matches {{ path-prefix "/hammered/" }}; upstream "backend"; websocket {{ {} }}
            }} }}
            upstreams {{ upstream "backend" {{ target "$0" }} }}"#,
            limit.settings()
        );
        let rig = Rig::from_kdl_with([Backend::default()], &text, |config| config.server.worker_threads = 4);
        Self {
            rig,
            by,
            limit,
            seen: Seen::default(),
            let_in: AtomicU32::default(),
            refused: AtomicU32::default(),
            is_over: AtomicBool::default(),
            together: Barrier::new(CLIENTS),
        }
    }

    fn connect(&self, address: usize) -> Peer {
        let own = Ipv4Addr::new(127, 0, 1, u8::try_from(address).expect("few of them"));
        Peer::connect_from(IpAddr::from(own), self.rig.address())
    }

    /// A client that asks again and again, and leaves in another way each time.
    fn come_and_go(&self, number: usize) {
        let address = number % ADDRESSES;
        let client = self.connect(address);
        self.together.wait();
        let first = self.ask(client, address);
        self.together.wait();
        if first.as_ref().is_some_and(|(_, stays)| *stays) {
            // The others come and go meanwhile.
            self.together.wait();
            return first.into_iter().for_each(|(client, _)| self.end(client, address, number));
        }
        first.into_iter().for_each(|(client, _)| self.end(client, address, number));
        for round in 1..ROUNDS {
            let let_in = self.ask(self.connect(address), address);
            let_in.into_iter().for_each(|(client, _)| self.end(client, address, number + round));
        }
        self.together.wait();
    }

    /// Asks for a session; `None` if there is no room, and else whether it is one that stays.
    fn ask(&self, mut client: Peer, address: usize) -> Option<(Peer, bool)> {
        client.send(&request(address));
        assert_eq!(client.read_head().status(), 101);
        let told = client.read_frame();
        if let Some((code, reason)) = told.close() {
            assert_eq!((code, reason), (1013, "Try Again Later"));
            self.refused.fetch_add(1, Ordering::SeqCst);
            return None;
        }
        assert_eq!(told.first, TEXT);
        let in_all = self.let_in.fetch_add(1, Ordering::SeqCst);
        let of_address = match self.by {
            By::Client => self.seen.enter(address).1,
            // The backend has told.
            By::Backend => told.payload.first().copied().map_or(usize::MAX, usize::from),
        };
        Some((client, self.limit.stays(in_all, of_address)))
    }

    fn end(&self, mut client: Peer, address: usize, way: usize) {
        if self.by == By::Backend {
            client.send(&frame(Client, TEXT, b"go"));
            assert_eq!(client.read_frame().close(), Some((1000, "")));
            client.send(&close(Client, 1000, ""));
            let _end = client.read_to_end();
            return;
        }
        self.seen.leave(address);
        match way % 3 {
            0 => drop(client),
            1 => client.abort(),
            _ => {
                client.send(&close(Client, 1000, ""));
                assert_eq!(client.read_frame().close(), Some((1000, "")));
            }
        }
    }

    /// Answers all that the gateway dials until it is over.
    fn accept<'s>(&'s self, scope: &'s Scope<'s, '_>) {
        loop {
            let upstream = self.rig.backend().accept();
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            start(scope, move || self.serve(upstream));
        }
    }

    /// A session as the backend sees it.
    fn serve(&self, mut upstream: Peer) {
        let head = upstream.read_head();
        let asked = head.first_line.strip_prefix("GET /hammered/").and_then(|rest| rest.split(' ').next());
        let address: usize = asked.and_then(|asked| asked.parse().ok()).expect("what the client asked for");
        let of_address = if self.by == By::Backend { self.seen.enter(address).1 } else { 0 };
        upstream.send(&Message::switching(&head).to_bytes());
        upstream.send(&frame(Upstream, TEXT, &[u8::try_from(of_address).unwrap_or(u8::MAX)]));
        let told = (self.by == By::Backend).then(|| upstream.read_frame());
        match told {
            Some(told) => {
                assert_eq!(told.first, TEXT);
                self.seen.leave(address);
                upstream.send(&close(Upstream, 1000, ""));
                // Behind the client's answer it is the server who ends the connection.
                assert_eq!(upstream.read_frame().close(), Some((1000, "")));
            }
            // A Close is to be answered, an end is the end.
            None if upstream.read_frame_or_end().is_some() => {
                let _gone = upstream.try_send(&close(Upstream, 1000, ""));
            }
            None => {}
        }
    }
}

/// Starts a thread with a stack that thousands can have.
fn start<'s>(scope: &'s Scope<'s, '_>, work: impl FnOnce() + Send + 's) {
    let work = move || {
        let _watch = Watch;
        work();
    };
    Builder::new().stack_size(256 * 1024).spawn_scoped(scope, work).expect("one more thread");
}

/// Ends the process when its thread has panicked, since the others would wait for it for ever.
struct Watch;

impl Drop for Watch {
    fn drop(&mut self) {
        if thread::panicking() {
            process::exit(1);
        }
    }
}

fn hammer(limit: Limit, by: By) {
    let hammer = Hammer::new(limit, by);
    thread::scope(|scope| {
        let hammer = &hammer;
        start(scope, move || hammer.accept(scope));
        thread::scope(|clients| {
            for number in 0..CLIENTS {
                start(clients, move || hammer.come_and_go(number));
            }
        });
        hammer.is_over.store(true, Ordering::SeqCst);
        drop(Peer::connect(hammer.rig.backend().address()));
    });
    let Hammer { rig, seen, let_in, refused, .. } = hammer;
    let (let_in, refused) = (let_in.into_inner(), refused.into_inner());
    assert_eq!(seen.all.most(), SEATS);
    if limit == Limit::PerAddress {
        assert!(seen.of.iter().all(|of| of.most() == Limit::PER_ADDRESS), "{seen:?}");
    }
    // Those of the first round who found no room at least.
    assert!(usize::try_from(refused).is_ok_and(|refused| refused >= CLIENTS - SEATS));
    assert!(usize::try_from(let_in).is_ok_and(|let_in| let_in > SEATS), "others came into free seats");
    let metrics = rig.settled();
    let counted = format!("framegate_handshake_failures_total{{reason=\"{}\"}}", limit.reason());
    assert_eq!(metrics.get(&counted), f64::from(refused));
    assert_eq!(metrics.get("framegate_connections_opened_total"), f64::from(let_in));
    // Just as many fit as before.
    let ask = |address: usize| {
        let own = Ipv4Addr::new(127, 0, 1, u8::try_from(address).expect("few of them"));
        let mut client = Peer::connect_from(IpAddr::from(own), rig.address());
        client.send(&request(address));
        client
    };
    let sessions: Vec<_> =
        (0..SEATS).map(|number| rig.answer(ask(number % ADDRESSES), |answer| answer)).collect();
    let mut late = ask(0);
    assert_eq!(
        (late.read_head().status(), late.read_frame().close()),
        (101, Some((1013, "Try Again Later")))
    );
    rig.backend().assert_not_dialled();
    drop((sessions, late));
    rig.finish();
}

#[test]
fn two_thousand_clients_at_once_never_pass_a_limit_and_leave_nothing_behind() {
    hammer(Limit::OfAll, By::Client);
    hammer(Limit::OfAll, By::Backend);
    hammer(Limit::PerAddress, By::Client);
    hammer(Limit::PerAddress, By::Backend);
}

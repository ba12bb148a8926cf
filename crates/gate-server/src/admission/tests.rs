//! Properties of admission: whatever sessions come and go, on whichever threads, and however they
//! end, no limit is ever passed and no count drifts.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gate_config::model::{
    Action, ConnectionLimits, ListenAddress, Listener, RateKey, RateLimit, Route as RouteModel, Senders,
};
use gate_core::Side;
use gate_core::ids::UpstreamId;
use gate_core::rate::{Metered, OnExceed, Rate};
use http::HeaderMap;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::clock;

const SECOND: Duration = Duration::from_secs(1);

fn limits(all: u64, per_address: u64) -> ConnectionLimits {
    ConnectionLimits { all, per_address, ..ConnectionLimits::default() }
}

fn rates(rate: Option<Rate>, rate_per_address: Option<Rate>) -> ConnectionLimits {
    ConnectionLimits { rate, rate_per_address, ..ConnectionLimits::default() }
}

/// Limits of the process, of the listeners `a` and `b`, and of two routes.
fn config(process: ConnectionLimits, listener: ConnectionLimits, route: ConnectionLimits) -> Config {
    let mut config = Config::default();
    config.server.connections = process;
    for id in ["a", "b"] {
        let address = ListenAddress::Unix { path: id.into(), mode: 0 };
        config.listeners.push(Listener { connections: listener, ..Listener::new(id, address) });
        let mut found = RouteModel::new(id, Action::Proxy(UpstreamId(0)));
        found.websocket.connections = route;
        config.routes.push(found);
    }
    config
}

fn address(number: u64) -> Option<IpAddr> {
    Some(IpAddr::from([10, 0, 0, u8::try_from(number).unwrap()]))
}

fn reason(admitted: Result<Seated, Full>) -> &'static str {
    admitted.map_or_else(Full::reason, |_| "admitted")
}

/// Seats of the process, the listeners and the routes, and networks with seats in each.
fn taken(admission: &Admission) -> Vec<(u64, usize)> {
    let mut scopes = vec![&admission.process];
    scopes.extend(["a", "b"].map(|id| &admission.listeners[id]));
    scopes.extend(admission.routes.iter().map(|route| &route.scope));
    scopes.into_iter().map(Scope::taken).collect()
}

#[test]
fn each_limit_is_told_by_its_own_name() {
    let slow = Some(Rate { tokens: 1, per: 3600 * SECOND, burst: 1 });
    let none = ConnectionLimits::default;
    for (config, expected) in [
        (config(limits(1, 0), none(), none()), "max_connections"),
        (config(limits(0, 1), none(), none()), "max_connections_per_ip"),
        (config(rates(slow, None), none(), none()), "connection_rate"),
        (config(rates(None, slow), none(), none()), "connection_rate_per_ip"),
        (config(none(), limits(1, 0), none()), "max_connections_listener"),
        (config(none(), limits(0, 1), none()), "max_connections_per_ip_listener"),
        (config(none(), rates(slow, None), none()), "connection_rate_listener"),
        (config(none(), rates(None, slow), none()), "connection_rate_per_ip_listener"),
        (config(none(), none(), limits(1, 0)), "max_connections_route"),
        (config(none(), none(), limits(0, 1)), "max_connections_per_ip_route"),
        (config(none(), none(), rates(slow, None)), "connection_rate_route"),
        (config(none(), none(), rates(None, slow)), "connection_rate_per_ip_route"),
    ] {
        let now = clock::now();
        let admission = Admission::new(&config, None, now);
        let first = admission.admit("a", RouteId(0), address(1), now);
        assert!(first.is_ok(), "{expected}");
        assert_eq!(reason(admission.admit("a", RouteId(0), address(1), now)), expected);
        // Whoever is another client, or comes elsewhere, is not touched by what is not his.
        let other = reason(admission.admit("a", RouteId(0), address(2), now));
        assert_eq!(other == "admitted", expected.contains("_per_ip"), "{expected}");
        let elsewhere = reason(admission.admit("b", RouteId(1), address(1), now));
        assert_eq!(elsewhere == "admitted", expected.contains("_route") || expected.contains("_listener"));
    }
}

#[test]
fn whoever_is_refused_has_taken_nothing() {
    let rate = Rate { tokens: 1, per: 3600 * SECOND, burst: 3 };
    let slow = Some(rate);
    let now = clock::now();
    // A seat, and then a rate, is what there is none of behind all that would be taken before it.
    for narrow in [limits(1, 0), limits(0, 1), rates(Some(Rate { burst: 1, ..rate }), None)] {
        let wide = ConnectionLimits { all: 3, per_address: 3, rate: slow, rate_per_address: slow };
        let mut config = config(wide, wide, wide);
        config.routes[0].websocket.connections = narrow;
        let admission = Admission::new(&config, None, now);
        let held = admission.admit("a", RouteId(0), address(1), now).unwrap();
        let before = taken(&admission);
        for _ in 0..10 {
            assert!(admission.admit("a", RouteId(0), address(1), now).is_err(), "{narrow:?}");
        }
        assert_eq!(taken(&admission), before, "{narrow:?}");
        // Two seats and two tokens are left on the other route, and of the process's and listener's.
        let more: Vec<_> =
            (0..3).map_while(|_| admission.admit("a", RouteId(1), address(1), now).ok()).collect();
        assert_eq!(more.len(), 2, "{narrow:?}");
        drop((held, more));
        assert!(taken(&admission).iter().all(|count| *count == (0, 0)));
    }
}

#[test]
fn a_rate_lets_its_burst_in_at_once_and_then_its_rate() {
    let rate = Rate { tokens: 10, per: SECOND, burst: 20 };
    let none = ConnectionLimits::default();
    let start = clock::now();
    let admission = Admission::new(&config(none, none, rates(Some(rate), None)), None, start);
    let mut admitted = 0;
    for step in 0..200_u32 {
        let now = start + step * SECOND / 40;
        match admission.admit("a", RouteId(0), address(1), now) {
            Ok(_) => admitted += 1,
            Err(full) => assert_eq!((full.reason(), full.retry_after()), ("connection_rate_route", 1)),
        }
    }
    assert_eq!(admitted, 20 + 49);
}

#[test]
fn what_has_no_address_is_held_to_the_limits_of_all_only() {
    let slow = Some(Rate { tokens: 1, per: SECOND, burst: 1 });
    let each = ConnectionLimits { per_address: 1, rate_per_address: slow, ..limits(2, 0) };
    let now = clock::now();
    let none = ConnectionLimits::default();
    let admission = Admission::new(&config(each, none, none), None, now);
    let held: Vec<_> = (0..3).map(|_| admission.admit("a", RouteId(0), None, now)).collect();
    assert_eq!(held.into_iter().map(reason).collect::<Vec<_>>(), ["admitted", "admitted", "max_connections"]);
}

#[test]
fn a_reload_keeps_counts_and_buckets_by_name() {
    let now = clock::now();
    let slow = Some(Rate { tokens: 1, per: 3600 * SECOND, burst: 2 });
    let each = ConnectionLimits { rate: slow, ..limits(2, 2) };
    let before = Admission::new(&config(limits(0, 0), each, each), None, now);
    let held = before.admit("a", RouteId(0), address(1), now).unwrap();
    // The routes change places, and the limits their values.
    let fewer = ConnectionLimits { rate: slow, ..limits(1, 1) };
    let mut next = config(limits(1, 0), fewer, fewer);
    next.routes.reverse();
    next.listeners.reverse();
    let after = Admission::new(&next, Some(&before), now);
    assert_eq!(reason(after.admit("b", RouteId(0), address(2), now)), "max_connections");
    next.server.connections = limits(0, 0);
    let after = Admission::new(&next, Some(&before), now);
    assert_eq!(reason(after.admit("a", RouteId(0), address(2), now)), "max_connections_listener");
    assert_eq!(reason(after.admit("b", RouteId(1), address(2), now)), "max_connections_route");
    drop(held);
    // Of the rate, which has not changed, a token is still missing.
    let again = [0, 1].map(|_| reason(after.admit("b", RouteId(1), address(2), now)));
    assert_eq!(again, ["admitted", "connection_rate_route"]);
    // Those who ask by the old configuration find the same count.
    let held = after.admit("a", RouteId(0), address(3), now).unwrap();
    assert_eq!(taken(&before).first(), Some(&(1, 0)));
    drop(held);
    let faster = Some(Rate { tokens: 2, per: 3600 * SECOND, burst: 1 });
    next.routes[1].websocket.connections.rate = faster;
    let after = Admission::new(&next, Some(&after), now);
    assert_eq!(reason(after.admit("b", RouteId(1), address(2), now)), "admitted", "another rate begins anew");
}

#[test]
fn counts_come_back_to_zero_from_any_sequence_on_any_thread() {
    const THREADS: u64 = 8;
    let seed = rand::random::<u64>();
    let process = limits(40, 9);
    let listener = limits(30, 7);
    let route = limits(20, 5);
    let now = clock::now();
    let admission = Admission::new(&config(process, listener, route), None, now);
    // What the test itself counts: the process, the routes, and the addresses of each.
    let out: [[AtomicU64; 9]; 3] = Default::default();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (admission, out) = (&admission, &out);
            scope.spawn(move || {
                let mut random = StdRng::seed_from_u64(seed.wrapping_add(thread));
                let mut held = Vec::new();
                for _ in 0..20_000 {
                    if random.random_bool(0.5) {
                        let (place, client) = (random.random_range(0..2_u32), random.random_range(0..8_u64));
                        let listener = ["a", "b"][random.random_range(0..2)];
                        let Ok(seated) = admission.admit(listener, RouteId(place), address(client), now)
                        else {
                            continue;
                        };
                        let counted = Counted::new(out, usize::try_from(place).unwrap(), client);
                        held.push((counted, seated));
                    } else if !held.is_empty() {
                        let index = random.random_range(0..held.len());
                        let gone = held.swap_remove(index);
                        // A task that panics drops its session as any other.
                        let panicked = catch_unwind(AssertUnwindSafe(move || {
                            let _session = gone;
                            if index % 7 == 0 {
                                std::panic::resume_unwind(Box::new("a bug in a session"));
                            }
                        }));
                        assert_eq!(panicked.is_err(), index % 7 == 0);
                    }
                }
            });
        }
    });
    assert!(taken(&admission).iter().all(|count| *count == (0, 0)), "seed {seed}");
    // As many fit as at the beginning.
    let all: Vec<_> = (0..200_u64)
        .filter_map(|number| {
            let (listener, route) = if number % 2 == 0 { ("a", 0) } else { ("b", 1) };
            admission.admit(listener, RouteId(route), address(number % 8), now).ok()
        })
        .collect();
    assert_eq!(all.len(), 40, "seed {seed}");
}

/// A session as the test counts it: after it is admitted, until before its seats are free.
struct Counted<'a> {
    out: &'a [[AtomicU64; 9]; 3],
    cells: [(usize, usize); 4],
}

impl<'a> Counted<'a> {
    fn new(out: &'a [[AtomicU64; 9]; 3], route: usize, client: u64) -> Self {
        let client = usize::try_from(client).unwrap();
        let cells = [(2, 8), (2, client), (route, 8), (route, client)];
        for ((area, cell), limit) in cells.into_iter().zip([40, 9, 20, 5]) {
            let there = out[area][cell].fetch_add(1, Ordering::SeqCst);
            assert!(there < limit, "{there} of {limit} were out");
        }
        Self { out, cells }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        for (area, cell) in self.cells {
            self.out[area][cell].fetch_sub(1, Ordering::SeqCst);
        }
    }
}

fn limit(per: RateKey, from: Senders) -> RateLimit {
    let rates = vec![
        (Metered::Messages, Rate::per_second(10)),
        (Metered::Bytes, Rate { tokens: 1000, per: SECOND, burst: 500 }),
    ];
    RateLimit { rates, per, from, on_exceed: OnExceed::Drop }
}

fn meters(admission: &Admission, client: u64, fields: &HeaderMap, now: Instant) -> Box<[Meter]> {
    let ask = Ask { client: address(client), path: "/", query: None, headers: fields, is_secure: false };
    admission.meters(RouteId(0), &ask, now)
}

fn with_rate_limits(rate_limits: Vec<RateLimit>) -> Config {
    let none = ConnectionLimits::default();
    let mut config = config(none, none, none);
    config.routes[0].websocket.rate_limits = rate_limits;
    config
}

#[test]
fn a_session_is_counted_by_all_blocks_of_its_route() {
    let now = clock::now();
    let config = with_rate_limits(vec![
        limit(RateKey::Connection, Senders::Client),
        limit(RateKey::Route, Senders::Both),
    ]);
    let admission = Admission::new(&config, None, now);
    let meters = meters(&admission, 1, &HeaderMap::new(), now);
    let kinds: Vec<_> =
        meters.iter().map(|meter| (meter.of, meter.from, meter.bucket.rate().burst)).collect();
    assert_eq!(
        kinds,
        [
            (Metered::Messages, Side::Client, 10),
            (Metered::Bytes, Side::Client, 500),
            (Metered::Messages, Side::Client, 10),
            (Metered::Bytes, Side::Client, 500),
            (Metered::Messages, Side::Upstream, 10),
            (Metered::Bytes, Side::Upstream, 500),
        ]
    );
    assert!(meters.iter().all(|meter| meter.on_exceed == OnExceed::Drop));
    let ask = Ask { client: None, path: "/", query: None, headers: &HeaderMap::new(), is_secure: false };
    assert!(admission.meters(RouteId(1), &ask, now).is_empty());
}

#[test]
fn who_shares_a_bucket_is_as_the_block_says() {
    let now = clock::now();
    let (mut seven, mut eight) = (HeaderMap::new(), HeaderMap::new());
    seven.insert("x-user", "7".parse().unwrap());
    eight.insert("x-user", "8".parse().unwrap());
    let nobody = HeaderMap::new();
    let by_user = || RateKey::Header("x-user".parse().unwrap());
    for (per, one, other, shared) in [
        (RateKey::Connection, (1, &seven), (1, &seven), false),
        (RateKey::Route, (1, &seven), (2, &eight), true),
        (RateKey::Address, (1, &seven), (1, &eight), true),
        (RateKey::Address, (1, &seven), (2, &seven), false),
        (by_user(), (1, &seven), (2, &seven), true),
        (by_user(), (1, &seven), (1, &eight), false),
        (by_user(), (1, &nobody), (2, &nobody), true),
        (by_user(), (1, &nobody), (1, &seven), false),
    ] {
        let admission =
            Admission::new(&with_rate_limits(vec![limit(per.clone(), Senders::Client)]), None, now);
        let [one, other] = [one, other].map(|(client, fields)| meters(&admission, client, fields, now));
        for (one, other) in one.iter().zip(&other) {
            assert_eq!(Arc::ptr_eq(&one.bucket, &other.bucket), shared, "{per:?}");
        }
    }
}

#[test]
fn a_reload_keeps_the_buckets_of_blocks_that_are_the_same() {
    let now = clock::now();
    let (kept, changed) = (limit(RateKey::Route, Senders::Client), limit(RateKey::Address, Senders::Client));
    let before = Admission::new(&with_rate_limits(vec![changed.clone(), kept.clone()]), None, now);
    let changed = RateLimit { on_exceed: OnExceed::Close, ..changed };
    let after = Admission::new(&with_rate_limits(vec![kept.clone(), changed, kept]), Some(&before), now);
    let [before, after] = [before, after].map(|admission| meters(&admission, 1, &HeaderMap::new(), now));
    let is_kept: Vec<_> = after
        .iter()
        .map(|meter| before.iter().any(|known| Arc::ptr_eq(&known.bucket, &meter.bucket)))
        .collect();
    assert_eq!(is_kept, [true, true, false, false, false, false]);
}

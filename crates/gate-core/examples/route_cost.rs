//! What finding a route costs among 1,000, by the kind of the routes: run it with
//! `cargo run --release -p gate-core --example route_cost`.
//!
//! Each row is one table. `mean` is over requests that are answered by routes from all over
//! it; `first`, `last` and `none` are of one request, answered by the route that is preferred
//! most, least, or by no route. `strange` is over paths that are all different and made to
//! begin like those of routes. The lowest of several rounds, in nanoseconds per request.
//!
//! Vague expressions have no literal in them, so that all must be tried: the one kind of which
//! a thousand cost more than 2 µs.

#![expect(clippy::print_stdout, reason = "it prints its findings")]
#![expect(clippy::expect_used, reason = "the inputs are below")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use gate_core::path::normalise;
use gate_core::route::{
    Conditions, HeaderCondition, HostPattern, PathPattern, QueryCondition, Request, Table,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use regex::Regex;

const ROUTES: usize = 1_000;
const ROUNDS: usize = 7;
const LOOKUPS: usize = 20_000;

/// What is asked for, owned.
struct Ask {
    host: String,
    path: String,
    query: String,
    headers: HeaderMap,
}

/// One kind of table.
struct Mix {
    name: &'static str,
    /// The route with this number.
    route: fn(usize) -> Conditions,
    /// A request for the route with this number.
    ask: fn(usize) -> Ask,
}

fn main() {
    println!(
        "{:22} {:>8} {:>8} {:>8} {:>8} {:>8} {:>10}",
        "ns per request", "mean", "first", "last", "none", "strange", "build ms"
    );
    for mix in mixes() {
        report(&mix);
    }
    let path = "/api/v1/service/item.json";
    println!("normalise a normal path: {} ns", lowest(|_| normalise(black_box(path)).is_ok()));
    let path = "/api/./v1/%73ervice/item.json";
    println!("normalise another path:  {} ns", lowest(|_| normalise(black_box(path)).is_ok()));
}

fn report(mix: &Mix) {
    let routes: Vec<_> = (0..ROUTES).map(|number| ((mix.route)(number), 50)).collect();
    let (table, build) = timed(|| Table::new(routes));
    let asks: Vec<_> = (0..ROUTES).map(mix.ask).collect();
    for (number, ask) in asks.iter().enumerate() {
        assert!(find(&table, ask), "{}: {number} is not found", mix.name);
    }
    let ranks = |ask: &Ask| table.explain(&request(ask)).len();
    let first = asks.iter().min_by_key(|ask| ranks(ask)).expect("there are some");
    let last = asks.iter().max_by_key(|ask| ranks(ask)).expect("there are some");
    let none = Ask { host: "nowhere.net".into(), path: "/nowhere/at/all".into(), ..ask("", "", "x=y") };
    let strange: Vec<_> = (0..LOOKUPS).map(|number| strange((mix.ask)(number % ROUTES), number)).collect();
    println!(
        "{:22} {:8} {:8} {:8} {:8} {:8} {:10}",
        mix.name,
        lowest(|turn| asks.get(turn * 7 % ROUTES).is_some_and(|ask| find(&table, ask))),
        lowest(|_| find(&table, first)),
        lowest(|_| find(&table, last)),
        lowest(|_| find(&table, &none)),
        lowest(|turn| strange.get(turn).is_some_and(|ask| find(&table, ask))),
        build.as_millis(),
    );
}

/// The same request with a path that no other has.
fn strange(ask: Ask, number: usize) -> Ask {
    let noise = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 1_000_000_007;
    Ask { path: format!("{}{noise:x}/{number}", ask.path), ..ask }
}

fn mixes() -> Vec<Mix> {
    vec![
        Mix {
            name: "exact paths",
            route: |n| path(exact(&format!("/api/service-{n}/status"))),
            ask: |n| ask("a.org", &format!("/api/service-{n}/status"), ""),
        },
        Mix {
            name: "prefixes",
            route: |n| path(prefix(&format!("/api/service-{n}"))),
            ask: |n| ask("a.org", &format!("/api/service-{n}/items/17"), ""),
        },
        Mix {
            name: "nested prefixes",
            route: |n| path(prefix(&"/a".repeat(n + 1))),
            ask: |n| ask("a.org", &"/a".repeat(n + 1), ""),
        },
        Mix {
            name: "hosts",
            route: |n| host(n, prefix("/")),
            ask: |n| ask(&format!("tenant-{n}.example.org"), "/socket.io/", ""),
        },
        Mix {
            name: "wildcard hosts",
            route: below,
            ask: |n| ask(&format!("a.tenant-{n}.example.org"), "/chat", ""),
        },
        Mix {
            name: "anchored regexes",
            route: |n| path(regex(&format!("^/api/v[0-9]+/service-{n}/[^/]+$"))),
            ask: |n| ask("a.org", &format!("/api/v2/service-{n}/item"), ""),
        },
        Mix {
            name: "loose regexes",
            route: |n| path(regex(&format!(r"service-{n}/\w+\.json"))),
            ask: |n| ask("a.org", &format!("/api/v2/service-{n}/item.json"), ""),
        },
        Mix {
            name: "greedy regexes",
            route: |n| path(regex(&format!(r".*/s{n}/.*/t{n}"))),
            ask: |n| ask("a.org", &format!("/api/s{n}/item/t{n}"), ""),
        },
        Mix {
            name: "vague regexes",
            route: |n| path(regex(&format!("^/[a-z]{{{}}}[0-9]{{{}}}$", n % 10 + 1, n / 10 + 1))),
            ask: |n| ask("a.org", &format!("/{}{}", "a".repeat(n % 10 + 1), "1".repeat(n / 10 + 1)), ""),
        },
        Mix {
            name: "of each a quarter",
            route: quarter,
            ask: |n| ask("a.org", &format!("/api/v2/service-{n}/item"), ""),
        },
        Mix {
            name: "header values",
            route: header,
            ask: |n| Ask { headers: tenant(n), ..ask("a.org", "/chat", "") },
        },
        Mix {
            name: "parameter values",
            route: parameter,
            ask: |n| ask("a.org", "/chat", &format!("v=1&room=r{n}")),
        },
    ]
}

fn below(number: usize) -> Conditions {
    let hosts = vec![HostPattern::Below(format!("tenant-{number}.example.org"))];
    Conditions { hosts, ..Conditions::default() }
}

fn header(number: usize) -> Conditions {
    let name = HeaderName::from_static("x-tenant");
    let headers = vec![HeaderCondition { name, value: Some(format!("t{number}")) }];
    Conditions { headers, ..path(prefix("/chat")) }
}

fn parameter(number: usize) -> Conditions {
    let query = vec![QueryCondition { name: "room".into(), value: Some(format!("r{number}")) }];
    Conditions { query, ..path(prefix("/chat")) }
}

/// In turn an exact path, a prefix, an expression, and any path of one host.
fn quarter(number: usize) -> Conditions {
    match number % 4 {
        0 => path(exact(&format!("/api/v2/service-{number}/item"))),
        1 => path(prefix(&format!("/api/v2/service-{number}"))),
        2 => path(regex(&format!("^/api/v[0-9]+/service-{number}/[^/]+$"))),
        _ => Conditions {
            hosts: vec![HostPattern::Exact("a.org".into())],
            ..path(prefix(&format!("/api/v2/service-{number}/")))
        },
    }
}

fn host(number: usize, pattern: PathPattern) -> Conditions {
    Conditions { hosts: vec![HostPattern::Exact(format!("tenant-{number}.example.org"))], ..path(pattern) }
}

fn path(pattern: PathPattern) -> Conditions {
    Conditions { paths: vec![pattern], ..Conditions::default() }
}

fn exact(text: &str) -> PathPattern {
    PathPattern::Exact(text.into())
}

fn prefix(text: &str) -> PathPattern {
    PathPattern::Prefix(text.into())
}

fn regex(text: &str) -> PathPattern {
    PathPattern::Regex(Regex::new(text).expect("an expression"))
}

fn tenant(number: usize) -> HeaderMap {
    let value = HeaderValue::from_str(&format!("t{number}")).expect("a field value");
    HeaderMap::from_iter([(HeaderName::from_static("x-tenant"), value)])
}

fn ask(host: &str, path: &str, query: &str) -> Ask {
    Ask { host: host.into(), path: path.into(), query: query.into(), headers: HeaderMap::new() }
}

fn request(ask: &Ask) -> Request<'_> {
    Request {
        host: Some(&ask.host),
        path: &ask.path,
        query: Some(&ask.query),
        method: &Method::GET,
        headers: &ask.headers,
    }
}

fn find(table: &Table, ask: &Ask) -> bool {
    table.find(&request(black_box(ask))).is_some()
}

/// Nanoseconds per lookup in the fastest round.
fn lowest(mut lookup: impl FnMut(usize) -> bool) -> u128 {
    let mut round = || timed(|| (0..LOOKUPS).filter(|turn| black_box(lookup(*turn))).count()).1;
    let fastest = (0..ROUNDS).map(|_| round()).min().unwrap_or_default();
    fastest.as_nanos() / 20_000
}

#[expect(clippy::disallowed_methods, reason = "this measures real time")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, Instant::now() - start)
}

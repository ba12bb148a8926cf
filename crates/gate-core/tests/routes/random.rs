//! Random routes and requests from few words, so that many routes fit a request in part.

use gate_core::route::{Conditions, HeaderCondition, HostPattern, PathPattern, QueryCondition, Request};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use regex::Regex;

/// A request, owned.
#[derive(Debug)]
pub(crate) struct Ask {
    host: Option<String>,
    path: String,
    query: Option<String>,
    method: Method,
    headers: HeaderMap,
}

impl Ask {
    pub(crate) fn request(&self) -> Request<'_> {
        Request {
            host: self.host.as_deref(),
            path: &self.path,
            query: self.query.as_deref(),
            method: &self.method,
            headers: &self.headers,
        }
    }
}

pub(crate) fn routes(dice: &mut StdRng) -> Vec<(Conditions, u32)> {
    let count = *[1, 5, 20, 100].choose(dice).expect("there are some");
    (0..count).map(|_| (conditions(dice), *[10, 50, 50, 100].choose(dice).expect("some"))).collect()
}

fn conditions(dice: &mut StdRng) -> Conditions {
    // Now and then more hosts and paths than the table has places for together.
    let many = if dice.random_bool(0.02) { 50 } else { 3 };
    let value = |dice: &mut StdRng| dice.random_bool(0.7).then(|| pick(dice, &VALUES));
    Conditions {
        hosts: list(dice, 0.5, many, host),
        paths: list(dice, 0.9, many, path_pattern),
        methods: list(dice, 0.2, 2, method),
        headers: list(dice, 0.2, 2, |dice| HeaderCondition { name: header(dice), value: value(dice) }),
        query: list(dice, 0.2, 2, |dice| QueryCondition { name: pick(dice, &NAMES), value: value(dice) }),
        subprotocols: list(dice, 0.1, 2, |dice| pick(dice, &SUBPROTOCOLS)),
    }
}

fn list<T>(dice: &mut StdRng, chance: f64, max: usize, make: impl Fn(&mut StdRng) -> T) -> Vec<T> {
    let count = if dice.random_bool(chance) { dice.random_range(1..=max) } else { 0 };
    (0..count).map(|_| make(dice)).collect()
}

fn host(dice: &mut StdRng) -> HostPattern {
    let name = pick(dice, &HOSTS);
    if dice.random() { HostPattern::Exact(name) } else { HostPattern::Below(name) }
}

fn path_pattern(dice: &mut StdRng) -> PathPattern {
    match dice.random_range(0..3) {
        0 => PathPattern::Exact(path(dice)),
        1 => PathPattern::Prefix(path(dice)),
        _ => PathPattern::Regex(Regex::new(&pick(dice, &REGEXES)).expect("an expression")),
    }
}

fn path(dice: &mut StdRng) -> String {
    let segments = dice.random_range(0..4);
    let mut path: String = (0..segments).map(|_| format!("/{}", pick(dice, &SEGMENTS))).collect();
    if path.is_empty() || dice.random_bool(0.2) {
        path.push('/');
    }
    path
}

pub(crate) fn ask(dice: &mut StdRng) -> Ask {
    let mut headers = HeaderMap::new();
    for _ in 0..dice.random_range(0..4) {
        headers.append(header(dice), field_value(&pick(dice, &VALUES)));
    }
    if dice.random_bool(0.3) {
        let offers = list(dice, 1.0, 3, |dice| pick(dice, &SUBPROTOCOLS)).join(", ");
        headers.append("sec-websocket-protocol", field_value(&offers));
    }
    let parameter = |dice: &mut StdRng| match dice.random_range(0..3) {
        0 => pick(dice, &SENT_NAMES),
        _ => format!("{}={}", pick(dice, &SENT_NAMES), pick(dice, &SENT_VALUES)),
    };
    Ask {
        host: dice.random_bool(0.9).then(|| sent_host(dice)),
        path: path(dice),
        query: dice.random_bool(0.6).then(|| list(dice, 0.9, 4, parameter).join("&")),
        method: method(dice),
        headers,
    }
}

fn sent_host(dice: &mut StdRng) -> String {
    let host = pick(dice, &HOSTS);
    match dice.random_range(0..8) {
        0 => host.to_uppercase(),
        1 => format!("{host}."),
        2 => format!("a.{host}"),
        3 => format!("A.b.{host}"),
        4 => format!("x{host}"),
        5 => format!(".{host}"),
        6 => format!("{}{host}", "long.".repeat(60)),
        _ => host,
    }
}

fn method(dice: &mut StdRng) -> Method {
    [Method::GET, Method::POST, Method::PUT].choose(dice).expect("there are some").clone()
}

fn header(dice: &mut StdRng) -> HeaderName {
    HeaderName::from_static(["x-a", "x-b", "cookie"].choose(dice).expect("there are some"))
}

fn field_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("a field value")
}

fn pick(dice: &mut StdRng, words: &[&str]) -> String {
    (*words.choose(dice).expect("there are some")).to_owned()
}

const HOSTS: [&str; 7] =
    ["org", "example.org", "Example.org", "a.example.org", "b.example.org.", "example.net", "[::1]"];
const SEGMENTS: [&str; 9] = ["a", "b", "ab", "chat", "CHAT", "chat2", "17", "item.json", ""];
const REGEXES: [&str; 21] = [
    "^/chat/[0-9]+$",
    "^/chat2?/",
    "^/CHAT/[^/]",
    "^/(?:a|b)/chat",
    "(?i)^/CHAT/",
    r"\.json$",
    r"/item\.\w+",
    "^/[a-z]+$",
    "^/[0-9]",
    "",
    "^/$",
    "a/b",
    "/ab(?:/|$)",
    ".*/chat/.*/17",
    "^(?:/chat|/item.*|/17)$",
    "(?:/a){2}",
    r"\bchat\b",
    "^/[^/]+/[^/]+$",
    r"(?i)ch\p{L}t",
    "/\u{17f}?a",
    "nothing[0-9]*here",
];
const NAMES: [&str; 3] = ["a", "b", "a b"];
const VALUES: [&str; 4] = ["", "1", "a", "a b"];
const SENT_NAMES: [&str; 5] = ["a", "b", "%61", "a+b", "a%20b"];
const SENT_VALUES: [&str; 6] = ["", "1", "a", "%61", "a+b", "a%2Bb"];
const SUBPROTOCOLS: [&str; 3] = ["chat", "Chat", "mqtt"];

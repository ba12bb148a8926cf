//! The same figures as on the page of metrics, in two other forms: the text page of nginx's
//! WebSocket statistics module, and JSON for programs.

use std::collections::BTreeMap;
use std::sync::Arc;

use gate_core::Side;
use serde::Serialize;
use ws_proto::Opcode;

use crate::observe::counters::{ByLabels, Counter, DirectionCounters, Sessions, WorkerCounters};
use crate::observe::exposition::Sources;

/// All that is counted, as JSON has it.
#[derive(Debug, Serialize)]
pub(crate) struct Statistics {
    version: &'static str,
    uptime_secs: f64,
    workers: usize,
    connections: Connections,
    client: Direction,
    upstream: Direction,
    routes: BTreeMap<String, Route>,
    /// Handshakes and connections that gave no session, by reason.
    handshake_failures: BTreeMap<&'static str, u64>,
    tls_handshake_failures: BTreeMap<&'static str, u64>,
    log_records_lost: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Serialize)]
struct Connections {
    active: u64,
    opened: u64,
    closed: u64,
    /// `max-connections`; 0 is none.
    limit: u64,
    accepted: u64,
    handshakes_in_progress: u64,
    /// By reason and by whose doing it was.
    closes: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// Seconds that the closed ones had been open.
    seconds: f64,
}

/// What came from one side and was passed on.
#[derive(Debug, Default, Serialize)]
struct Direction {
    frames: u64,
    /// Of all frames, control frames included.
    payload_bytes: u64,
    /// On the wire, frame headers included.
    tcp_bytes: u64,
    messages: Messages,
    opcodes: BTreeMap<&'static str, Frames>,
    backpressure_pauses: u64,
}

#[derive(Debug, Default, Serialize)]
struct Messages {
    text: u64,
    binary: u64,
}

#[derive(Debug, Default, Serialize)]
struct Frames {
    frames: u64,
    payload_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Route {
    active: u64,
    opened: u64,
    closed: u64,
}

impl Statistics {
    /// The figures of the moment.
    pub(crate) fn of(sources: &Sources) -> Self {
        let route = |(name, sessions): (Arc<str>, Sessions)| {
            let Sessions { opened, closed } = sessions;
            (name.to_string(), Route { active: sessions.active(), opened, closed })
        };
        Self {
            version: env!("CARGO_PKG_VERSION"),
            uptime_secs: sources.uptime().as_secs_f64(),
            workers: sources.workers.len(),
            connections: Connections::of(sources),
            client: Direction::of(sources, Side::Client),
            upstream: Direction::of(sources, Side::Upstream),
            routes: sources.sessions_by_route().into_iter().map(route).collect(),
            handshake_failures: by_reason(sources, |worker| &worker.handshake_failures),
            tls_handshake_failures: by_reason(sources, |worker| &worker.tls_handshake_failures),
            log_records_lost: sources.records.lost().by_reason().into_iter().collect(),
        }
    }

    /// The page of nginx's module: six lines, of which those that begin with a digit have frames,
    /// payload bytes and bytes on the wire.
    pub(crate) fn module_page(&self) -> String {
        let numbers = |direction: &Direction| {
            format!("{} {} {}", direction.frames, direction.payload_bytes, direction.tcp_bytes)
        };
        format!(
            "WebSocket connections: {}\n\
             client websocket frames  | client websocket payload | client tcp data\n\
             {}\n\
             upstream websocket frames  | upstream websocket payload | upstream tcp data\n\
             {}\n",
            self.connections.active,
            numbers(&self.client),
            numbers(&self.upstream),
        )
    }
}

impl Connections {
    fn of(sources: &Sources) -> Self {
        let begun = sources.sum(|worker| &worker.handshakes_begun);
        let ended = sources.sum(|worker| &worker.handshakes_ended);
        let mut closes: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for ((reason, by), count) in sources.labels(|worker| &worker.closes) {
            closes.entry(reason).or_default().insert(by, count);
        }
        // In this order, so that what closes meanwhile makes none of them negative.
        let closed = sources.sum(|worker| &worker.sessions_closed);
        let opened = sources.sum(|worker| &worker.sessions_opened);
        Self {
            active: opened.saturating_sub(closed),
            opened,
            closed,
            limit: sources.configured.load().connections_limit,
            accepted: sources.sum(|worker| &worker.accepted),
            handshakes_in_progress: begun.saturating_sub(ended),
            closes,
            seconds: sources.lifetimes().total.as_secs_f64(),
        }
    }
}

impl Direction {
    fn of(sources: &Sources, side: Side) -> Self {
        let sum = |of: fn(&DirectionCounters) -> &Counter| sources.sum(|worker| of(worker.direction(side)));
        let mut direction = Self {
            tcp_bytes: sum(|direction| &direction.bytes),
            messages: Messages {
                text: sum(|direction| &direction.text_messages),
                binary: sum(|direction| &direction.binary_messages),
            },
            backpressure_pauses: sum(|direction| &direction.pauses),
            ..Self::default()
        };
        for opcode in Opcode::ALL {
            let of_opcode = |counters: &[Counter; 6]| counters.get(opcode.index()).map_or(0, Counter::get);
            let mut frames = Frames::default();
            for worker in &sources.workers {
                let counters = worker.direction(side);
                frames.frames += of_opcode(&counters.frames);
                frames.payload_bytes += of_opcode(&counters.payload_bytes);
            }
            direction.frames += frames.frames;
            direction.payload_bytes += frames.payload_bytes;
            direction.opcodes.insert(opcode.name(), frames);
        }
        direction
    }
}

fn by_reason(sources: &Sources, of: impl Fn(&WorkerCounters) -> &ByLabels) -> BTreeMap<&'static str, u64> {
    sources.labels(of).into_iter().map(|((reason, _), count)| (reason, count)).collect()
}

//! Sends the packets of one trace, on the thread beside the workers. While a server cannot be reached,
//! packets wait, and those that find the queue full are dropped; it is tried again ever more rarely.
//! That it is gone, or there again, is told once.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gate_config::model::Level;
use tokio::select;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::carrier::{Carrier, ConnectError, lost};
use super::outlet::Consignment;
use super::tracer::Tracer;
use crate::clock::{self, within};
use crate::observe::traces::Loss;
use crate::observe::writer::Records;
use crate::upstream::error::chain;

/// All that send.
pub(crate) struct Exporters {
    tasks: JoinSet<()>,
    /// Dropped, it has all send what waits, and end.
    ending: watch::Sender<()>,
    records: Records,
}

/// Who sends is told by this that there is nothing more to come.
pub(crate) type Ending = watch::Receiver<()>;

impl Exporters {
    pub(crate) fn new(records: Records) -> Self {
        Self { tasks: JoinSet::new(), ending: watch::Sender::new(()), records }
    }

    /// Sends what these have. Those that were there before, and are not among them, end once no
    /// connection has anything to tell them any more.
    pub(crate) fn keep(&mut self, tracers: &[Arc<Tracer>]) {
        for consignment in tracers.iter().filter_map(|tracer| tracer.outlet().take()) {
            let exporter = Exporter::new(consignment, self.records.clone(), self.ending.subscribe());
            self.tasks.spawn(exporter.run());
        }
        while self.tasks.try_join_next().is_some() {}
    }

    /// Ends all when what waits is sent, or after a while.
    pub(crate) async fn end(self, limit: Duration) {
        let Self { mut tasks, ending, .. } = self;
        drop(ending);
        let _in_time = timeout(limit, async { while tasks.join_next().await.is_some() {} }).await;
    }
}

/// See the module.
struct Exporter {
    consignment: Consignment,
    records: Records,
    ending: Ending,
    is_ending: bool,
    link: Option<Link>,
    backoff: Backoff,
    told: Told,
    drops: Drops,
}

/// A way to the server.
struct Link {
    carrier: Carrier,
    since: Instant,
}

/// What the log was told last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Connected,
    Lost,
}

/// What the log was told of packets that are dropped.
#[derive(Clone, Copy, Debug, Default)]
struct Drops {
    /// All that were seen.
    seen: u64,
    /// Where that began which the log was told the begin of.
    since: Option<u64>,
}

/// How long to wait before the next attempt.
#[derive(Clone, Copy, Debug, Default)]
struct Backoff {
    attempts: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(30);

    /// Twice as long each time, less up to a quarter of it, by `random`, so that those that lost
    /// their server together do not come back together.
    fn next(&mut self, random: u32) -> Duration {
        let whole = Self::FIRST.saturating_mul(1 << self.attempts.min(16)).min(Self::LONGEST);
        self.attempts = self.attempts.saturating_add(1);
        whole - whole.mul_f64(f64::from(random) / f64::from(u32::MAX) / 4.0)
    }

    fn reset(&mut self) {
        self.attempts = 0;
    }
}

impl Exporter {
    fn new(consignment: Consignment, records: Records, ending: Ending) -> Self {
        Self {
            consignment,
            records,
            ending,
            is_ending: false,
            link: None,
            backoff: Backoff::default(),
            told: Told::Nothing,
            drops: Drops::default(),
        }
    }

    async fn run(mut self) {
        while let Some(packet) = self.next().await {
            self.deliver(packet).await;
            self.note_drops();
        }
        self.consignment.stats.set_connected(false);
    }

    /// The next packet, for which it looks after the connection meanwhile; `None`: there will be
    /// none.
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if self.is_ending {
                return self.consignment.inbox.try_recv().ok();
            }
            let proof = self.link.as_ref().filter(|link| link.carrier.is_unproven()).map(|link| link.since);
            let proof = proof.filter(|_| self.told != Told::Connected);
            select! {
                biased;
                packet = self.consignment.inbox.recv() => return packet,
                error = lost(self.link.as_mut().map(|link| &mut link.carrier)) => self.lose(&error),
                () = proven(proof) => self.tell_connected(),
                _ended = self.ending.changed() => self.is_ending = true,
            }
        }
    }

    /// Sends a packet, however long that takes.
    async fn deliver(&mut self, packet: Vec<u8>) {
        for _ in 0..ATTEMPTS_MAX {
            if self.link.as_ref().is_some_and(|link| self.is_stale(link)) {
                self.link = None;
            }
            let Some(link) = self.linked().await else { break };
            let sent = within(WRITE_TIME_MAX, link.carrier.send(&packet)).await;
            let late = || Err(io::Error::new(io::ErrorKind::TimedOut, "the server takes nothing"));
            match sent.unwrap_or_else(late) {
                Ok(()) => {
                    if clock::now().saturating_duration_since(link.since) >= STABLE {
                        self.backoff.reset();
                    }
                    return self.consignment.stats.count_sent();
                }
                // It tells of a datagram before, so that a server that is back shows itself.
                Err(error) => self.lose(&error),
            }
        }
        self.consignment.stats.count_lost(Loss::NotSent, 1);
    }

    /// The way to the server, made if there is none; `None`: there is no point in waiting for it.
    async fn linked(&mut self) -> Option<&mut Link> {
        while self.link.is_none() {
            if self.backoff.attempts > 0 {
                self.wait().await;
            }
            let connecting = within(CONNECT_TIME_MAX, self.consignment.destination.connect()).await;
            match connecting.unwrap_or(Err(ConnectError::TimedOut)) {
                Ok(carrier) => {
                    // What is lost soon is not to be connected to again at once.
                    self.backoff.attempts = self.backoff.attempts.max(1);
                    let is_proven = !carrier.is_unproven();
                    self.link = Some(Link { carrier, since: clock::now() });
                    if is_proven {
                        self.tell_connected();
                    }
                }
                Err(error) => {
                    self.backoff.attempts = self.backoff.attempts.max(1);
                    self.tell_lost(&chain(&error));
                }
            }
            self.note_drops();
            if self.link.is_none() && (self.is_ending || self.consignment.inbox.is_closed()) {
                return None;
            }
        }
        self.link.as_mut()
    }

    /// Waits until the next attempt is due, which at the end is at once.
    async fn wait(&mut self) {
        let time = self.backoff.next(rand::random());
        if !self.is_ending {
            select! {
                () = sleep(time) => {}
                _ended = self.ending.changed() => self.is_ending = true,
            }
        }
    }

    /// A name may have come to stand for another server, of which datagrams tell nothing.
    fn is_stale(&self, link: &Link) -> bool {
        link.carrier.is_unproven()
            && self.consignment.destination.is_name()
            && clock::now().saturating_duration_since(link.since) >= NAME_BELIEVED
    }

    fn lose(&mut self, error: &io::Error) {
        self.link = None;
        self.tell_lost(&error.to_string());
    }

    fn tell_connected(&mut self) {
        self.consignment.stats.set_connected(true);
        if self.told != Told::Connected {
            self.told = Told::Connected;
            self.record("trace_connected", Level::Info, None);
        }
    }

    fn tell_lost(&mut self, why: &str) {
        self.consignment.stats.set_connected(false);
        if self.told != Told::Lost {
            self.told = Told::Lost;
            self.record("trace_lost", Level::Warn, Some(why));
        }
    }

    fn record(&self, event: &'static str, level: Level, detail: Option<&str>) {
        self.records.error(event, level, |line| {
            line.text("trace", &self.consignment.name);
            line.text("address", &self.consignment.destination.to_string());
            if let Some(detail) = detail {
                line.text("detail", detail);
            }
        });
    }

    /// Tells that packets begin to be dropped, and how many were once none are any more.
    fn note_drops(&mut self) {
        let dropped = self.consignment.stats.dropped();
        let has_more = dropped > self.drops.seen;
        let before = std::mem::replace(&mut self.drops.seen, dropped);
        match self.drops.since {
            None if has_more => {
                self.drops.since = Some(before);
                self.record("trace_dropping", Level::Warn, Some("packets are dropped: see `queue-size`"));
            }
            Some(since) if !has_more && self.consignment.inbox.is_empty() => {
                self.drops.since = None;
                self.records.error("trace_dropped", Level::Info, |line| {
                    line.text("trace", &self.consignment.name);
                    line.number("packets", dropped - since);
                });
            }
            None | Some(_) => {}
        }
    }
}

/// When a way that began then has proved itself.
async fn proven(since: Option<Instant>) {
    match since {
        Some(since) => sleep(STABLE.saturating_sub(clock::now().saturating_duration_since(since))).await,
        None => pending().await,
    }
}

/// Times that one packet is sent: a server that ends the connection because of it would end all.
const ATTEMPTS_MAX: u32 = 3;

/// To reach a server, its name and TLS included.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

/// How long a server may take nothing.
const WRITE_TIME_MAX: Duration = Duration::from_secs(10);

/// What has held for so long is not about to break.
const STABLE: Duration = Duration::from_secs(1);

/// How long a server of datagrams is not looked up again.
const NAME_BELIEVED: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_become_rare_and_no_rarer_than_every_half_minute() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..12).map(|_| backoff.next(0).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000, 30000]);
        backoff.reset();
        assert_eq!(backoff.next(u32::MAX), Duration::from_millis(75));
        for _ in 0..1000 {
            assert!(backoff.next(u32::MAX / 2) <= Backoff::LONGEST);
        }
    }
}

//! Asks the workers about their sessions.

use std::time::{Duration, SystemTime};

use gate_core::session::Traffic;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::oneshot;

use crate::admin::Desk;
use crate::admin::wish::{Close, List};
use crate::clock::{self, within};
use crate::runtime::Command;
use crate::worker::census::{Inquiry, Row};

/// How long a worker has to answer; one that does not is busy, or ending.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

/// The connections that were asked for.
#[derive(Debug, Serialize)]
pub(super) struct Connections {
    /// All that fit.
    found: usize,
    /// As many of them as were asked for, the oldest first.
    connections: Vec<Connection>,
}

#[derive(Debug, Serialize)]
struct Connection {
    id: String,
    client: Box<str>,
    route: String,
    upstream: String,
    target: String,
    path: Box<str>,
    request_id: Box<str>,
    opened_at: String,
    age_secs: f64,
    /// It is about to end.
    closing: bool,
    client_bytes: u64,
    client_frames: u64,
    client_messages: u64,
    upstream_bytes: u64,
    upstream_frames: u64,
    upstream_messages: u64,
}

impl Desk {
    /// Which sessions there are.
    pub(super) async fn list(&self, wish: List) -> Connections {
        let List { filter, limit } = wish;
        let listings = self.inquire(|reply| Inquiry::List { filter: filter.clone(), limit, reply }).await;
        let found = listings.iter().map(|listing| listing.found).sum();
        let mut rows: Vec<Row> = listings.into_iter().flat_map(|listing| listing.rows).collect();
        rows.sort_by_key(|row| (std::cmp::Reverse(row.age), row.id));
        rows.truncate(limit);
        let now = clock::wall();
        Connections { found, connections: rows.into_iter().map(|row| Connection::of(row, now)).collect() }
    }

    /// Tells sessions to end. Answers how many, when all workers have found theirs.
    pub(super) async fn close(&self, wish: &Close) -> usize {
        let Close { filter, order, spread } = wish;
        let inquiry =
            |reply| Inquiry::Close { filter: filter.clone(), order: order.clone(), spread: *spread, reply };
        self.inquire(inquiry).await.into_iter().sum()
    }

    /// Asks all workers at once.
    async fn inquire<T>(&self, inquiry: impl Fn(oneshot::Sender<T>) -> Inquiry) -> Vec<T> {
        let mut replies = Vec::new();
        for worker in self.workers.iter().filter_map(tokio::sync::mpsc::WeakSender::upgrade) {
            let (reply, answer) = oneshot::channel();
            // A mailbox that is full belongs to a worker that has worse to care for.
            if worker.try_send(Command::Answer(inquiry(reply))).is_ok() {
                replies.push(answer);
            }
        }
        let mut answers = Vec::new();
        let collecting = async {
            for reply in replies {
                answers.extend(reply.await.ok());
            }
        };
        let _either_way = within(ANSWER_TIME_MAX, collecting).await;
        answers
    }
}

impl Connection {
    fn of(row: Row, now: SystemTime) -> Self {
        let Row { id, client, route, upstream, target, path, request_id, age, is_ending, traffic } = row;
        let [from_client, from_upstream] = traffic;
        let opened_at = now.checked_sub(age).and_then(|at| Timestamp::try_from(at).ok());
        let Traffic { bytes: client_bytes, frames: client_frames, messages: client_messages } = from_client;
        let Traffic { bytes: upstream_bytes, frames: upstream_frames, messages: upstream_messages } =
            from_upstream;
        Self {
            id: id.to_string(),
            client,
            route: route.to_string(),
            upstream: upstream.to_string(),
            target: target.to_string(),
            path,
            request_id,
            opened_at: format!("{:.3}", opened_at.unwrap_or(Timestamp::UNIX_EPOCH)),
            age_secs: age.as_secs_f64(),
            closing: is_ending,
            client_bytes,
            client_frames,
            client_messages,
            upstream_bytes,
            upstream_frames,
            upstream_messages,
        }
    }
}

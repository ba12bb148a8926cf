//! The end of a worker: its sessions are told to close, evenly over the spread, so that
//! their clients do not all come back at once; what is left after the grace is cut off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gate_config::model::Shutdown;
use tokio::time::sleep;

use crate::clock::{self, within};
use crate::worker::Worker;
use crate::worker::registry::{Order, SessionKey};

/// How a gateway drains: the same for all its workers, but for the turn.
#[derive(Clone, Debug)]
pub(crate) struct Draining {
    /// All workers spread their closes from this moment on.
    pub(crate) begun: Instant,
    /// In place of the configured spread.
    pub(crate) spread: Option<Duration>,
    pub(crate) turn: Turn,
    /// Whether a worker has begun: the one that is the first to have sessions lets no time pass.
    pub(crate) has_begun: Arc<AtomicBool>,
}

impl Draining {
    /// Of a worker that nobody has told anything.
    pub(crate) fn alone() -> Self {
        Self { begun: clock::now(), spread: None, turn: Turn { index: 0, of: 1 }, has_begun: Arc::default() }
    }
}

/// Workers take turns, so that the closes of all of them are even as well.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// This worker, the first one being 0,
    pub(crate) index: u32,
    /// of so many.
    pub(crate) of: u32,
}

/// Returns when no session is left, or the grace is over.
pub(crate) async fn drain(worker: &Worker, draining: Draining) {
    worker.begin_draining();
    let mut shutdown = worker.snapshot().config.server.shutdown.clone();
    if let Some(spread) = draining.spread {
        // Whoever asks for a longer spread has the grace behind it all the same.
        let behind = shutdown.grace.saturating_sub(shutdown.spread_max());
        shutdown.grace = if shutdown.grace.is_zero() { Duration::ZERO } else { spread + behind };
        shutdown.spread = Some(spread);
    }
    let grace = shutdown.grace;
    let closing = async {
        // Requests that are being answered have places too: what becomes a session finds
        // its order there.
        close_over(worker, &worker.registry.keys(), &shutdown, draining).await;
        // Who has connected, with the request on its way, is told to come back and not cut off.
        let _or_they_never_ask = within(ARRIVAL_TIME_MAX, worker.all_answered()).await;
        worker.registry.empty().await;
    };
    let _either_way_it_ends = within(grace, closing).await;
}

async fn close_over(worker: &Worker, sessions: &[SessionKey], shutdown: &Shutdown, draining: Draining) {
    let reason = Arc::clone(&shutdown.close_reason);
    let order = Order { reason, ..Order::shutdown(shutdown.close_code) };
    let mut sessions = sessions.iter();
    let total = sessions.len();
    let spread = shutdown.spread.unwrap_or_else(|| usual_spread(shutdown.spread_max(), total, draining.turn));
    let is_first = total > 0 && !draining.has_begun.swap(true, Ordering::Relaxed);
    while !sessions.as_slice().is_empty() && !worker.registry.is_empty() {
        let elapsed = clock::now().saturating_duration_since(draining.begun);
        let told = total - sessions.as_slice().len();
        let due = due_by(elapsed, spread, total, draining.turn).max(usize::from(is_first));
        for key in sessions.by_ref().take(due.saturating_sub(told)) {
            worker.registry.order_close(*key, &order);
        }
        if !sessions.as_slice().is_empty() {
            sleep(TICK).await;
        }
    }
}

/// Over how long a worker with so many sessions closes them where nothing is written: all workers
/// together tell no more than a few in a second, and those that have less to tell end earlier.
fn usual_spread(max: Duration, total: usize, turn: Turn) -> Duration {
    let for_each = Duration::from_secs(1) / Shutdown::FEW_A_SECOND;
    let slots = u32::try_from(total).unwrap_or(u32::MAX).saturating_mul(turn.of.max(1));
    for_each.saturating_mul(slots).min(max)
}

/// How many of `total` are to be closed once `elapsed` of `spread` is over: of each share of the
/// spread that a session has, the first worker closes at the begin, the others in even steps behind it.
fn due_by(elapsed: Duration, spread: Duration, total: usize, turn: Turn) -> usize {
    let (elapsed, spread) = (elapsed.as_micros(), spread.as_micros());
    if elapsed >= spread {
        return total;
    }
    let of = u128::from(turn.of.max(1));
    let ahead = of - u128::from(turn.index).min(of - 1);
    let whole = u128::try_from(total).unwrap_or(u128::MAX).saturating_mul(elapsed).saturating_mul(of);
    let due = whole.saturating_add(spread.saturating_mul(ahead)) / (spread * of);
    usize::try_from(due).unwrap_or(total).min(total)
}

/// How long first requests may take once there is nothing else to be done. Some clients connect
/// long before they ask.
const ARRIVAL_TIME_MAX: Duration = Duration::from_secs(1);

/// Closes are grouped into ticks of this length.
const TICK: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    const ALONE: Turn = Turn { index: 0, of: 1 };

    #[test]
    fn closes_are_even_over_the_spread() {
        let spread = Duration::from_secs(10);
        assert_eq!(due_by(Duration::ZERO, spread, 1000, ALONE), 1);
        assert_eq!(due_by(Duration::from_secs(5), spread, 1000, ALONE), 501);
        assert_eq!(due_by(spread, spread, 1000, ALONE), 1000);
        assert_eq!(due_by(Duration::ZERO, Duration::ZERO, 7, ALONE), 7);
        assert_eq!(due_by(Duration::ZERO, spread, 0, ALONE), 0);
    }

    #[test]
    fn few_sessions_do_not_wait_for_a_spread_that_nobody_wrote() {
        let check = |total, of, milliseconds| {
            let found = usual_spread(Duration::from_secs(20), total, Turn { index: 0, of });
            assert_eq!(found, Duration::from_millis(milliseconds), "{total} on one of {of}");
        };
        check(0, 8, 0);
        check(1, 1, 20);
        check(1, 8, 160);
        check(100, 1, 2_000);
        check(100, 2, 4_000);
        check(1_000, 1, 20_000);
        check(50_000, 8, 20_000);
        check(usize::MAX, 1024, 20_000);
    }

    #[test]
    fn many_workers_with_few_sessions_are_as_even_as_one() {
        const WORKERS: u32 = 16;
        let spread = Duration::from_secs(10);
        for milliseconds in 0..10_000 {
            let elapsed = Duration::from_millis(milliseconds);
            let due: usize =
                (0..WORKERS).map(|index| due_by(elapsed, spread, 3, Turn { index, of: WORKERS })).sum();
            let ideal = 48 * milliseconds / 10_000;
            let is_even = u64::try_from(due).unwrap().abs_diff(ideal) <= 1;
            assert!(is_even, "{due} at {milliseconds} ms instead of {ideal}");
        }
    }
}

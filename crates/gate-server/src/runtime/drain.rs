//! The end of a worker: its sessions are told to close, evenly over the spread, so that
//! their clients do not all come back at once; what is left after the grace is cut off.

use std::time::Duration;

use gate_config::model::Shutdown;
use tokio::time::sleep;

use crate::clock::{self, within};
use crate::worker::Worker;
use crate::worker::registry::SessionKey;

/// Returns when no session is left, or the grace is over.
pub(crate) async fn drain(worker: &Worker) {
    worker.begin_draining();
    let shutdown = worker.snapshot().config.server.shutdown;
    let closing = async {
        // Requests that are being answered have places too: what becomes a session finds
        // its order there.
        close_over(worker, &worker.registry.keys(), &shutdown).await;
        worker.registry.empty().await;
    };
    let _either_way_it_ends = within(shutdown.grace, closing).await;
}

async fn close_over(worker: &Worker, sessions: &[SessionKey], shutdown: &Shutdown) {
    let Shutdown { spread, close_code: code, .. } = *shutdown;
    let begun = clock::now();
    let mut sessions = sessions.iter();
    let total = sessions.len();
    while !sessions.as_slice().is_empty() && !worker.registry.is_empty() {
        let elapsed = clock::now().saturating_duration_since(begun);
        let told = total - sessions.as_slice().len();
        let due = due_by(elapsed, spread, total);
        for key in sessions.by_ref().take(due.saturating_sub(told)) {
            worker.registry.order_close(*key, code);
        }
        if !sessions.as_slice().is_empty() {
            sleep(TICK).await;
        }
    }
}

/// How many of `total` are to be closed once `elapsed` of `spread` is over.
fn due_by(elapsed: Duration, spread: Duration, total: usize) -> usize {
    let (elapsed, spread) = (elapsed.as_micros(), spread.as_micros());
    if elapsed >= spread {
        return total;
    }
    let due = u128::try_from(total).unwrap_or(u128::MAX).saturating_mul(elapsed) / spread;
    // The first one goes at once.
    usize::try_from(due).unwrap_or(total).saturating_add(1).min(total)
}

/// Closes are grouped into ticks of this length.
const TICK: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closes_are_even_over_the_spread() {
        let spread = Duration::from_secs(10);
        assert_eq!(due_by(Duration::ZERO, spread, 1000), 1);
        assert_eq!(due_by(Duration::from_secs(5), spread, 1000), 501);
        assert_eq!(due_by(spread, spread, 1000), 1000);
        assert_eq!(due_by(Duration::ZERO, Duration::ZERO, 7), 7);
        assert_eq!(due_by(Duration::ZERO, spread, 0), 0);
    }
}

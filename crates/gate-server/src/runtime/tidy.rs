//! Giving memory back: an opening handshake needs twenty times what is left of it in the
//! session, so after many of them there is much that nobody uses.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::sleep;

use crate::worker::Worker;

/// How often to look.
const INTERVAL: Duration = Duration::from_secs(1);

/// Calls `give_back` after each interval in which opening handshakes ended.
pub(crate) async fn tidy(worker: Rc<Worker>, give_back: fn()) {
    let mut seen = 0;
    loop {
        sleep(INTERVAL).await;
        let ended = worker.counters.handshakes_ended.get();
        if ended != seen {
            seen = ended;
            give_back();
        }
    }
}

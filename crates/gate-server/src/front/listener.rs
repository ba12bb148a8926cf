//! Accepting: one task per worker. It pauses while too many opening handshakes are under
//! way, so that clients wait in the kernel's queue and not in memory.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::{spawn_local, unconstrained};
use tokio::time::sleep;

use crate::drive::connection::Connection;
use crate::front::handshake;
use crate::worker::Worker;

/// After a failed accept (no files left, as a rule) others get time to end.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// Accepts for ever.
pub(crate) async fn accept(worker: Rc<Worker>, listener: TcpListener) {
    loop {
        let Ok(permit) = Arc::clone(&worker.handshakes).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, client)) => {
                worker.counters.accepted.add(1);
                let handshake = handshake::open(Rc::clone(&worker), stream, client, permit);
                // Without tokio's budget: a session takes turns by its own count of reads.
                spawn_local(unconstrained(Connection::Handshake(Box::pin(handshake))));
            }
            Err(error) if is_of_one_client(&error) => worker.counters.accept_errors.add(1),
            Err(error) => {
                worker.counters.accept_errors.add(1);
                worker.records.write("accept_error", |line| line.text("detail", &error.to_string()));
                sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
}

/// The client was gone before it was accepted (accept(2)).
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

//! The worker's own UDP sockets, one towards each server: made when a message needs one, kept for as long
//! as the configuration has the server at that address, and released when nothing has gone by them for a
//! while after that.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use gate_config::model::SipTransport;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::sleep;

use crate::clock;
use crate::sip::socket::Socket;
use crate::upstream::cluster::Cluster;
use crate::worker::Worker;

/// See the module.
#[derive(Default)]
pub(crate) struct OwnSockets {
    kept: RefCell<Kept<Own>>,
    /// Somebody looks for those that nobody needs any more.
    is_looked_after: Cell<bool>,
}

/// A socket and the tasks that it has, which end with it.
pub(super) struct Own {
    socket: Rc<Socket>,
    tasks: [AbortHandle; 2],
}

impl Own {
    pub(super) fn new(socket: Rc<Socket>, tasks: [AbortHandle; 2]) -> Self {
        Self { socket, tasks }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl OwnSockets {
    /// The one towards a server, if there is one.
    pub(super) fn towards(&self, server: &SocketAddr) -> Option<Rc<Socket>> {
        self.kept.borrow().0.get(server).map(|held| Rc::clone(&held.it.socket))
    }

    /// Keeps one, and looks after it from then on.
    pub(super) fn keep(&self, worker: &Rc<Worker>, server: SocketAddr, own: Own) {
        self.kept.borrow_mut().0.insert(server, Held { it: own, left: None });
        if !self.is_looked_after.replace(true) {
            spawn_local(look_after(Rc::clone(worker)));
        }
    }
}

/// Releases sockets for as long as there are any.
async fn look_after(worker: Rc<Worker>) {
    let sockets = &worker.sip.own_sockets;
    while !sockets.kept.borrow().0.is_empty() {
        sleep(LOOK_EVERY).await;
        let snapshot = worker.snapshot();
        let is_needed = |server: SocketAddr, own: &Own| {
            let was_used = own.socket.take_use();
            was_used || snapshot.sip.towards(|cluster| has_server(cluster, server)).next().is_some()
        };
        let released = sockets.kept.borrow_mut().release(clock::now(), is_needed);
        drop(released);
    }
    sockets.is_looked_after.set(false);
}

fn has_server(cluster: &Cluster, server: SocketAddr) -> bool {
    cluster.targets().iter().any(|target| target.sip() == Some(SipTransport::Udp) && target.is_at(server))
}

/// What is kept for servers.
struct Kept<T>(HashMap<SocketAddr, Held<T>>);

struct Held<T> {
    it: T,
    /// Since then nobody has needed it.
    left: Option<Instant>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> Kept<T> {
    /// Takes out what nobody has needed for long enough.
    fn release(&mut self, now: Instant, is_needed: impl Fn(SocketAddr, &T) -> bool) -> Vec<T> {
        let is_over = |server: &SocketAddr, held: &mut Held<T>| {
            if is_needed(*server, &held.it) {
                held.left = None;
                return false;
            }
            let left = *held.left.get_or_insert(now);
            now.saturating_duration_since(left) >= LINGER
        };
        self.0.extract_if(is_over).map(|(_, held)| held.it).collect()
    }
}

/// Between two looks for sockets that nobody needs.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// How long one stays that nobody needs: who is called may let it ring for three minutes and more (RFC 3261
/// §16.6, timer C), and the answer comes to this socket.
const LINGER: Duration = Duration::from_secs(240);

#[cfg(test)]
mod tests {
    use super::*;

    /// What is released at each look, of two sockets; `needed`: which of them are needed at that look.
    fn released(needed: &[&[u16]]) -> Vec<(usize, u16)> {
        let start = clock::now();
        let mut kept = Kept::default();
        for port in [1, 2] {
            kept.0.insert(SocketAddr::from(([127, 0, 0, 1], port)), Held { it: port, left: None });
        }
        let mut gone = Vec::new();
        for (look, needed) in needed.iter().enumerate() {
            let now = start + LOOK_EVERY * u32::try_from(look).unwrap();
            gone.extend(
                kept.release(now, |_, port| needed.contains(port)).into_iter().map(|port| (look, port)),
            );
        }
        gone
    }

    #[test]
    fn a_socket_that_is_needed_stays() {
        let both: &[u16] = &[1, 2];
        assert_eq!(released(&[both; 20]), []);
    }

    #[test]
    fn a_socket_that_nobody_needs_is_released_when_calls_have_had_their_time() {
        assert_eq!(released(&[&[1, 2], &[2], &[2], &[2], &[2], &[2], &[2]]), [(5, 1)]);
    }

    #[test]
    fn a_socket_that_is_needed_again_has_all_its_time_once_more() {
        let looks: [&[u16]; 9] = [&[2], &[2], &[2], &[1, 2], &[2], &[2], &[2], &[2], &[2]];
        assert_eq!(released(&looks), [(8, 1)]);
    }
}

//! A backend that answers by itself, for tests in which many ask: a thread for each connection,
//! and of each request the test says what is answered.

use std::fmt;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use crate::backend::Backend;
use crate::head::Head;
use crate::message::Message;
use crate::peer::Peer;

/// See the module. It ends when dropped; displayed, it is its address.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    is_over: AtomicBool,
    connections: AtomicUsize,
}

impl Server {
    /// Answers each request with what `answer` makes of its head and its body.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn start(answer: impl Fn(&Head, &[u8]) -> Message + Send + Sync + 'static) -> Self {
        let backend = Backend::default();
        let (address, shared, answer) = (backend.address(), Arc::<Shared>::default(), Arc::new(answer));
        let thread = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                while let Some(peer) = next(&backend, &shared) {
                    let answer = Arc::clone(&answer);
                    // It ends with its connection, which the gateway ends with itself.
                    thread::spawn(move || serve(peer, &*answer));
                }
            })
        };
        Self { address, shared, thread: Some(thread) }
    }

    /// How many connections have come.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

fn next(backend: &Backend, shared: &Shared) -> Option<Peer> {
    loop {
        let accepted = backend.accept_patiently();
        if shared.is_over.load(Ordering::Relaxed) {
            return None;
        }
        if let Some(peer) = accepted {
            shared.connections.fetch_add(1, Ordering::Relaxed);
            return Some(peer);
        }
    }
}

fn serve(mut peer: Peer, answer: &dyn Fn(&Head, &[u8]) -> Message) {
    while let Some(request) = peer.read_head_or_end() {
        let body = peer.read_body(&request);
        // A gateway that is gone does not take it.
        if peer.try_send(&answer(&request, &body).to_bytes()).is_err() {
            return;
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // Wakes it.
        let _refused = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

//! Sockets that are not bound here, but adopted.

use std::io;

use gate_net::socket;

use super::{Bound, Listens};

/// Sockets that listened before this gateway was there: of the process that it takes over from,
/// or of a service manager. What of them is wanted is adopted, the rest is closed.
#[derive(Debug, Default)]
pub struct Inherited(Vec<Bound>);

impl Inherited {
    /// Those of `LISTEN_FDS` (sd_listen_fds(3)). What is for neither streams nor UDP is left alone.
    #[must_use]
    pub fn from_environment() -> Self {
        let mut passed = listenfd::ListenFd::from_env();
        let mut inherited = Self::default();
        for index in 0..passed.len() {
            let tcp = passed.take_tcp_listener(index).ok().flatten().map(Bound::Tcp);
            let found = tcp.or_else(|| passed.take_unix_listener(index).ok().flatten().map(Bound::Unix));
            inherited
                .0
                .extend(found.or_else(|| passed.take_udp_socket(index).ok().flatten().map(Bound::Udp)));
        }
        inherited
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that either has.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Adds one.
    pub(crate) fn add(&mut self, socket: Bound) {
        self.0.push(socket);
    }

    /// Those that listen there.
    pub(super) fn take(&mut self, place: &Listens) -> Vec<Bound> {
        let mut found = Vec::new();
        for socket in std::mem::take(&mut self.0) {
            let is_there = socket.place().as_ref() == Some(place);
            if is_there && prepare(&socket).is_ok() {
                found.push(socket);
            } else {
                self.0.push(socket);
            }
        }
        found
    }
}

/// Gives a socket the options that one made here has.
fn prepare(socket: &Bound) -> io::Result<()> {
    match socket {
        Bound::Tcp(listener) => {
            listener.set_nonblocking(true)?;
            socket::tune(listener)
        }
        Bound::Unix(listener) => listener.set_nonblocking(true),
        Bound::Udp(socket) => socket.set_nonblocking(true),
    }
}

//! The old process's part of a take-over: see [`crate::succession`].

use std::collections::HashSet;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::time::Duration;

use gate_config::model::Level;

use super::Gateway;
use crate::sockets::posts::Role;
use crate::sockets::{Bound, Listens, Owner};
use crate::succession::wire::{Connection, VERSION};
use crate::succession::{Farewell, Hello, Offer, Predecessor, Ready, SuccessionError};
use crate::support::Duties;

impl Gateway {
    /// Where newer processes connect that take over: another descriptor of that socket, which
    /// does not block. A reload may change it.
    ///
    /// # Errors
    /// When there can be no further descriptor.
    pub fn successors(&self) -> io::Result<Option<UnixListener>> {
        match self.posts.of(&Role::TakeOver).map(crate::sockets::post::Post::only).transpose()? {
            Some(Bound::Unix(listener)) => Ok(Some(listener)),
            Some(Bound::Tcp(_) | Bound::Udp(_)) | None => Ok(None),
        }
    }

    /// Offers all listening sockets to a newer process, and waits until that one accepts. It is
    /// left to call [`Gateway::shut_down`] then; nothing else makes sense. Blocks.
    ///
    /// # Errors
    /// When the newer process does not come so far. The gateway goes on then, and has done so all
    /// the time.
    pub fn hand_over(&mut self, successor: UnixStream) -> Result<u32, SuccessionError> {
        let handed = self.offer(successor);
        match &handed {
            Ok(pid) => {
                self.records.error("handed_over", Level::Info, |line| line.number("pid", pid));
            }
            Err(error) => {
                self.records.error("hand_over_failed", Level::Warn, |line| {
                    line.text("detail", &error.to_string());
                });
            }
        }
        handed
    }

    /// Tells the process whose sockets this gateway was started with that it accepts, upon which
    /// that one drains and ends. Blocks.
    ///
    /// # Errors
    /// When that one goes on nevertheless, so that this gateway must not. That it is gone is no
    /// error.
    pub fn take_over_from(&mut self, predecessor: Predecessor) -> Result<(), SuccessionError> {
        let pid = predecessor.pid();
        let files = predecessor.dismiss(&self.listens_at())?;
        for post in self.posts.iter_mut() {
            if files.contains(&Listens::from(&post.asked).to_string()) {
                post.leave_file_to(Owner::This);
            }
        }
        self.records.error("taken_over", Level::Info, |line| line.number("pid", pid));
        Ok(())
    }

    /// Leaves the files of unix sockets where they are, as this process is to end while a newer one
    /// starts with its sockets. Should that one not come so far, the next finds them abandoned.
    pub fn leave_files(&mut self) {
        for post in self.posts.iter_mut() {
            post.leave_file_to(Owner::Another);
        }
    }

    /// Where it listens, in the words of a take-over.
    fn listens_at(&self) -> Vec<String> {
        let sockets = self.posts.iter().flat_map(|post| &post.sockets);
        let places: HashSet<String> =
            sockets.filter_map(|held| held.socket.place()).map(|place| place.to_string()).collect();
        places.into_iter().collect()
    }

    fn offer(&mut self, successor: UnixStream) -> Result<u32, SuccessionError> {
        let mut connection = Connection::new(successor, WORD_TIME)?;
        let Hello { version } = connection.hear()?;
        if version != VERSION {
            connection.say(&Offer::Refused(format!("it speaks version {VERSION}")))?;
            return Err(SuccessionError::Version { found: version });
        }
        let (mut offered, mut files) = (Vec::new(), Vec::new());
        for post in self.posts.iter() {
            if post.owns_file() {
                files.push(Listens::from(&post.asked).to_string());
            }
            for held in &post.sockets {
                let Some(place) = held.socket.place() else { continue };
                offered.push((place.to_string(), &held.socket));
                // All workers accept from the one socket there is.
                if matches!(place, Listens::Unix(_)) {
                    break;
                }
            }
        }
        let addresses = offered.iter().map(|(address, _)| address.clone()).collect();
        connection.say(&Offer::Sockets { pid: std::process::id(), addresses, files })?;
        for (_, socket) in offered {
            connection.send(socket)?;
        }
        connection.wait_at_most(START_TIME)?;
        let Ready { pid, adopted } = match connection.hear() {
            Ok(ready) => ready,
            Err(error) => {
                let why = "it waited in vain, and goes on";
                // Most often there is nobody left to hear it.
                let _unheard = connection.say(&Farewell::Stays(why.to_owned()));
                return Err(error);
            }
        };
        self.leave(&adopted);
        // A process that is ready goes on without this word.
        let _unheard = connection.say(&Farewell::Gone);
        Ok(pid)
    }

    /// Somebody else accepts at these addresses.
    fn leave(&mut self, adopted: &[String]) {
        let mut handed_over = HashSet::new();
        for post in self.posts.iter_mut() {
            let is_adopted = |held: &crate::sockets::post::Held| {
                held.socket.place().is_some_and(|place| adopted.contains(&place.to_string()))
            };
            if post.sockets.iter().any(is_adopted) {
                handed_over.extend(post.sockets.iter().map(|held| held.key));
                post.leave_file_to(Owner::Another);
            }
        }
        self.handed_over = Arc::new(handed_over);
        // Whoever asks for metrics, or orders, means the process that goes on.
        let (clusters, tracers) = (self.snapshot.all_clusters(), self.snapshot.tracers().to_vec());
        self.support.assign(Duties { clusters, tracers, metrics: None, admin: None });
        self.posts.let_go_of_all_but_listeners();
    }
}

/// How long a single word of the newer process may take.
const WORD_TIME: Duration = Duration::from_secs(10);
/// How long it may take to start.
const START_TIME: Duration = Duration::from_secs(60);

//! One process takes the listening sockets of another over, so that no client who connects is
//! refused while a newer binary is put in the place of an older one.
//!
//! They meet at a unix socket. The old process offers descriptors of all its sockets; the new one
//! adopts those of addresses that it is configured for, starts, and says that it is ready; then
//! the old one stops accepting and drains. Until that word both are what they were: a new process
//! that dies before it has said it leaves the old one as if nothing had happened.

pub(crate) mod wire;

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::sockets::inherited::Inherited;
use wire::{Connection, VERSION};

/// What the new process says first.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Hello {
    pub(crate) version: u32,
}

/// What the old process answers. As many descriptors follow as there are addresses.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum Offer {
    /// These are the sockets.
    Sockets {
        /// The old process.
        pid: u32,
        /// Where they listen.
        addresses: Vec<String>,
        /// Those of them that are files which the process that listens there last removes; others
        /// belong to a service manager.
        files: Vec<String>,
    },
    /// There are none to be had.
    Refused(String),
}

/// The new process accepts.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Ready {
    /// The new process.
    pub(crate) pid: u32,
    /// The addresses whose sockets it goes on with.
    pub(crate) adopted: Vec<String>,
}

/// The old process's last word.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum Farewell {
    /// It drains and ends.
    Gone,
    /// It goes on.
    Stays(String),
}

/// Why no socket was handed from one process to another.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SuccessionError {
    /// The other end is of another user.
    #[error("the other process runs as user {uid}, which must not have these sockets")]
    Stranger {
        /// Its user.
        uid: u32,
    },
    /// The other process speaks another version of this.
    #[error("the other process speaks version {found} of the take-over; this one speaks {VERSION}")]
    Version {
        /// Its version.
        found: u32,
    },
    /// The old process does not hand its sockets over.
    #[error("the other process refuses: {0}")]
    Refused(String),
    /// The other process is gone, or does not answer in time.
    #[error("the other process does not answer")]
    Lost(#[source] io::Error),
    /// What the other process says cannot be understood.
    #[error("the other process says what cannot be understood")]
    Malformed(#[source] io::Error),
}

/// The process whose sockets are taken over, until it has let go of them.
#[derive(Debug)]
pub struct Predecessor {
    connection: Connection,
    pid: u32,
    addresses: Vec<String>,
    files: Vec<String>,
    inherited: Inherited,
}

impl Predecessor {
    /// Asks the process that listens at `path` for its sockets; `None`: there is none.
    ///
    /// # Errors
    /// When there is one, but no sockets are to be had from it.
    pub fn meet(path: &Path) -> Result<Option<Self>, SuccessionError> {
        let stream = match UnixStream::connect(path) {
            Ok(stream) => stream,
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(SuccessionError::Lost(error)),
        };
        let mut connection = Connection::new(stream, ANSWER_TIME)?;
        connection.say(&Hello { version: VERSION })?;
        let (pid, addresses, files) = match connection.hear::<Offer>()? {
            Offer::Sockets { pid, addresses, files } => (pid, addresses, files),
            Offer::Refused(why) => return Err(SuccessionError::Refused(why)),
        };
        let mut inherited = Inherited::default();
        for _ in &addresses {
            inherited.add(connection.receive()?);
        }
        Ok(Some(Self { connection, pid, addresses, files, inherited }))
    }

    /// The old process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The sockets, for the gateway that is to go on with them. They are given once.
    pub fn sockets(&mut self) -> Inherited {
        std::mem::take(&mut self.inherited)
    }

    /// Tells the old process that this one accepts at its `own` addresses; answers which files are
    /// this one's to remove.
    pub(crate) fn dismiss(mut self, own: &[String]) -> Result<Vec<String>, SuccessionError> {
        let adopted = self.addresses.into_iter().filter(|address| own.contains(address)).collect();
        // One that has lost patience does not hear this any more, but has said so.
        let _unheard = self.connection.say(&Ready { pid: std::process::id(), adopted });
        match self.connection.hear::<Farewell>() {
            Ok(Farewell::Gone) | Err(SuccessionError::Lost(_)) => Ok(self.files),
            Ok(Farewell::Stays(why)) => Err(SuccessionError::Refused(why)),
            Err(error) => Err(error),
        }
    }
}

/// How long the old process, which has nothing else to do, may take for an answer.
const ANSWER_TIME: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    #[test]
    fn one_that_has_lost_patience_and_goes_on_is_not_taken_for_gone() {
        let path = std::env::temp_dir().join(format!("framegate-patience-{}.sock", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        let old = thread::spawn(move || {
            let mut connection = Connection::new(listener.accept().unwrap().0, ANSWER_TIME).unwrap();
            connection.hear::<Hello>().unwrap();
            let offer = Offer::Sockets { pid: 1, addresses: Vec::new(), files: Vec::new() };
            connection.say(&offer).unwrap();
            connection.say(&Farewell::Stays("it is late".to_owned())).unwrap();
        });
        let predecessor = Predecessor::meet(&path).unwrap().expect("it listens");
        old.join().unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(predecessor.dismiss(&[]), Err(SuccessionError::Refused(_))));
    }
}

//! All sockets of one address that is listened on.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use gate_config::model::ListenAddress;
use gate_net::socket::{self, Sharing};

use super::inherited::Inherited;
use super::posts::overlap;
use super::{Bound, Listens, Owner, SocketFile, SocketKey};

/// One socket of a post.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) key: SocketKey,
    /// Which worker accepts from it.
    pub(crate) worker: usize,
    pub(crate) socket: Bound,
    /// Another descriptor of it, until that worker has it.
    pub(super) spare: Option<Bound>,
}

/// All sockets of one address that is listened on.
#[derive(Debug)]
pub(crate) struct Post {
    /// As it was configured.
    pub(crate) asked: ListenAddress,
    pub(crate) sockets: Vec<Held>,
    file: Option<SocketFile>,
}

impl Post {
    /// Listens for `workers`; what was inherited of the address is adopted.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub(crate) fn take(asked: &ListenAddress, workers: usize, inherited: &mut Inherited) -> io::Result<Self> {
        let adopted = inherited.take(&Listens::from(asked));
        // Should this gateway not come to run, whoever listens there goes on.
        let owner = if adopted.is_empty() { Owner::This } else { Owner::Another };
        let bound = match asked {
            ListenAddress::Tcp(address) => tcp(*address, workers, adopted)?,
            ListenAddress::Udp(address) => udp(*address, workers, adopted)?,
            ListenAddress::Unix { path, mode } => unix(path, *mode, workers, adopted)?,
        };
        let file = match asked {
            ListenAddress::Tcp(_) | ListenAddress::Udp(_) => None,
            ListenAddress::Unix { path, .. } => Some(SocketFile::new(path, owner)),
        };
        // A worker may have several: each of them has a queue in which clients may wait already.
        let by_turns = (0..workers.max(1)).cycle();
        let mut sockets = Vec::with_capacity(bound.len());
        for (socket, worker) in bound.into_iter().zip(by_turns) {
            let spare = Some(socket.try_clone()?);
            sockets.push(Held { key: SocketKey::next(), worker, socket, spare });
        }
        Ok(Self { asked: asked.clone(), sockets, file })
    }

    /// Where it listens, with the port that the system chose.
    pub(crate) fn address(&self) -> ListenAddress {
        match self.sockets.first().and_then(|held| held.socket.place()) {
            Some(Listens::Tcp(address)) => ListenAddress::Tcp(address),
            Some(Listens::Udp(address)) => ListenAddress::Udp(address),
            Some(Listens::Unix(_)) | None => self.asked.clone(),
        }
    }

    /// Whether it is the post of an address that is asked for. Of ports that the system chooses
    /// there may be many, so those are never the same.
    pub(crate) fn is_at(&self, asked: &ListenAddress) -> bool {
        match asked {
            ListenAddress::Tcp(address) | ListenAddress::Udp(address) if address.port() == 0 => false,
            ListenAddress::Tcp(_) | ListenAddress::Udp(_) | ListenAddress::Unix { .. } => {
                Listens::from(&self.asked) == Listens::from(asked)
            }
        }
    }

    /// Whether nobody else can have `asked` while this one is there.
    pub(super) fn overlaps(&self, asked: &ListenAddress) -> bool {
        overlap(&self.address(), asked)
    }

    /// Goes on with an address that [`is_at`](Self::is_at) it, or is to be taken for it.
    pub(crate) fn go_on_as(&mut self, asked: &ListenAddress) {
        if let (ListenAddress::Unix { path, mode }, false) = (asked, self.asked == *asked) {
            // Whoever may not change it did not make it: the file stays as it was.
            let _best_effort = std::fs::set_permissions(path, std::fs::Permissions::from_mode(*mode));
        }
        self.asked = asked.clone();
    }

    /// It is for `owner` to remove the socket's file, if there is one.
    pub(crate) fn leave_file_to(&mut self, owner: Owner) {
        if let Some(file) = &mut self.file {
            file.owner = owner;
        }
    }

    /// Whether this gateway removes the socket's file.
    pub(crate) fn owns_file(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.owner == Owner::This)
    }

    /// A descriptor of the first socket, for the one place that accepts from it.
    pub(crate) fn only(&self) -> io::Result<Bound> {
        self.sockets
            .first()
            .map_or_else(|| Err(io::ErrorKind::NotConnected.into()), |held| held.socket.try_clone())
    }
}

fn tcp(address: SocketAddr, count: usize, adopted: Vec<Bound>) -> io::Result<Vec<Bound>> {
    let mut bound = adopted;
    let sharing = if count > 1 { Sharing::WithOthers } else { Sharing::Alone };
    let address = match bound.first().and_then(Bound::place) {
        Some(Listens::Tcp(adopted)) => adopted,
        Some(Listens::Unix(_) | Listens::Udp(_)) | None => {
            // The kernel would share the address with another process that shares it too, such
            // as a gateway that still runs: that is refused.
            drop(socket::listen(address, Sharing::Alone)?);
            let first = socket::listen(address, sharing)?;
            let address = first.local_addr()?;
            bound.push(Bound::Tcp(first));
            address
        }
    };
    while bound.len() < count {
        let another = match (socket::listen(address, Sharing::WithOthers), bound.first()) {
            (Ok(listener), _) => Bound::Tcp(listener),
            // One that was adopted may not be one that shares: then all accept from it.
            (Err(_), Some(first)) => first.try_clone()?,
            (Err(error), None) => return Err(error),
        };
        bound.push(another);
    }
    Ok(bound)
}

fn udp(address: SocketAddr, count: usize, adopted: Vec<Bound>) -> io::Result<Vec<Bound>> {
    let mut bound = adopted;
    let sharing = if count > 1 { Sharing::WithOthers } else { Sharing::Alone };
    let address = match bound.first().and_then(Bound::place) {
        Some(Listens::Udp(adopted)) => adopted,
        Some(Listens::Unix(_) | Listens::Tcp(_)) | None => {
            // As for TCP: not with another process.
            drop(socket::datagrams(address, Sharing::Alone)?);
            let first = socket::datagrams(address, sharing)?;
            let address = first.local_addr()?;
            bound.push(Bound::Udp(first));
            address
        }
    };
    while bound.len() < count {
        let another = match (socket::datagrams(address, Sharing::WithOthers), bound.first()) {
            (Ok(socket), _) => Bound::Udp(socket),
            (Err(_), Some(first)) => first.try_clone()?,
            (Err(error), None) => return Err(error),
        };
        bound.push(another);
    }
    Ok(bound)
}

fn unix(path: &Path, mode: u32, count: usize, adopted: Vec<Bound>) -> io::Result<Vec<Bound>> {
    let mut bound = adopted;
    if bound.is_empty() {
        bound.push(Bound::Unix(socket::listen_unix(path, mode)?));
    }
    // Every worker accepts from the one socket: the system has no way to spread them.
    while let (Some(first), true) = (bound.first(), bound.len() < count) {
        let another = first.try_clone()?;
        bound.push(another);
    }
    Ok(bound)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn the_file_of_a_socket_that_was_adopted_is_left_to_whoever_made_it() {
        let path = std::env::temp_dir().join(format!("framegate-adopted-{}.sock", std::process::id()));
        let asked = ListenAddress::Unix { path: path.clone(), mode: 0o600 };
        let mut inherited = Inherited::default();
        inherited.add(Bound::Unix(UnixListener::bind(&path).unwrap()));
        drop(Post::take(&asked, 2, &mut inherited).unwrap());
        assert!(path.exists());
        // Nobody listens there any more, so it is bound anew.
        drop(Post::take(&asked, 2, &mut inherited).unwrap());
        assert!(!path.exists(), "it was made here");
    }
}

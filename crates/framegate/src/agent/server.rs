//! The agent's socket: who is let in, how many, and how it ends.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::Shutdown;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::cli::agent::InspectorArgs;

use super::conversation::{self, now};
use super::inspector::Inspector;
use super::look::lock;
use super::{AgentError, tell};

/// How long the end waits for answers that are under way.
const GRACE: Duration = Duration::from_secs(5);

/// How long nobody is let in after the system had no room for one more.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers proxies until `stop` comes; then takes no more questions, gives the answers that are under way, and
/// removes the socket.
pub(super) async fn serve(args: InspectorArgs, stop: impl Future<Output = ()>) -> Result<(), AgentError> {
    let (path, mode, connections) = (args.socket.clone(), args.socket_mode, args.max_connections);
    let inspector = Arc::new(Inspector::new(args, now())?);
    let refused = |why| AgentError::Listen { path: path.clone(), why: told(&path, why) };
    let listener = gate_net::socket::listen_unix(&path, mode).map_err(refused)?;
    let file = SocketFile::of(&path);
    let listener = UnixListener::from_std(listener).map_err(refused)?;
    tell(&format!("listening on {}", path.display()));

    let seats = Arc::new(Semaphore::new(usize::try_from(connections).unwrap_or(usize::MAX)));
    let open = Arc::new(Open::default());
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            seated = accept(&listener, &seats) => match seated {
                Ok((stream, seat)) => begin(stream, seat, &inspector, &open),
                Err(error) => {
                    tell(&format!("a connection could not be taken: {error}"));
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    drop((listener, file));
    open.end_all();
    // All seats are free when all threads have ended. Who does not take its answers is not waited for.
    let all = seats.acquire_many(connections);
    let _all_or_late = tokio::time::timeout(GRACE, all).await;
    Ok(())
}

/// Why a path cannot be listened on, in words that name what to change.
fn told(path: &Path, why: io::Error) -> io::Error {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    match (path.as_os_str().len(), folder) {
        (length @ PATH_TOO_LONG.., _) => {
            io::Error::other(format!("the path of a socket has at most 107 bytes, and this one {length}"))
        }
        (_, Some(folder)) => io::Error::other(format!("there is no folder {}", folder.display())),
        (_, None) => why,
    }
}

/// What the system takes no more (`sun_path`, with the NUL at its end).
const PATH_TOO_LONG: usize = 108;

/// The next connection, and its seat; while there is none the others wait in the system's queue.
async fn accept(
    listener: &UnixListener,
    seats: &Arc<Semaphore>,
) -> io::Result<(UnixStream, OwnedSemaphorePermit)> {
    let seat = Arc::clone(seats).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _address) = listener.accept().await?;
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    Ok((stream, seat))
}

/// Gives a connection its thread.
fn begin(stream: UnixStream, seat: OwnedSemaphorePermit, inspector: &Arc<Inspector>, open: &Arc<Open>) {
    let (inspector, open, stream) = (Arc::clone(inspector), Arc::clone(open), Arc::new(stream));
    let thread = thread::Builder::new().name("connection".to_owned()).spawn(move || {
        let _seat = seat;
        let entry = Open::enter(&open, &stream);
        if inspector.is_verbose() {
            tell(&format!("connection {}: opened", entry.number));
        }
        match conversation::serve(&stream, &inspector) {
            Ok(()) if inspector.is_verbose() => tell(&format!("connection {}: closed", entry.number)),
            Ok(()) => {}
            Err(broken) => tell(&format!("connection {}: closed: {broken}", entry.number)),
        }
    });
    if let Err(error) = thread {
        tell(&format!("a connection has no thread: {error}"));
    }
}

/// The connections that are open, so that all can be ended.
#[derive(Debug, Default)]
struct Open(Mutex<Streams>);

#[derive(Debug, Default)]
struct Streams {
    /// Of the connection that came last.
    number: u64,
    streams: HashMap<u64, Arc<UnixStream>>,
    is_ending: bool,
}

/// A connection's place among the others; free when dropped.
#[derive(Debug)]
struct Entry {
    number: u64,
    open: Arc<Open>,
}

impl Open {
    fn enter(this: &Arc<Self>, stream: &Arc<UnixStream>) -> Entry {
        let mut streams = lock(&this.0);
        streams.number += 1;
        let number = streams.number;
        if streams.is_ending {
            end(stream);
        } else {
            streams.streams.insert(number, Arc::clone(stream));
        }
        Entry { number, open: Arc::clone(this) }
    }

    /// No more is read of any: what has come is answered, then its thread sees the end.
    fn end_all(&self) {
        let mut streams = lock(&self.0);
        streams.is_ending = true;
        for (_, stream) in streams.streams.drain() {
            end(&stream);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        lock(&self.open.0).streams.remove(&self.number);
    }
}

fn end(stream: &UnixStream) {
    // One that has ended by itself needs no end.
    let _ended_already = stream.shutdown(Shutdown::Read);
}

/// The file of the socket; gone when dropped, unless another process has put its own in its place.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: Option<(u64, u64)>,
}

impl SocketFile {
    fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), identity: identity(path) }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            // One that somebody else has removed needs no removing.
            let _gone_already = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

//! Targets for tests: each accepts on a free port and does to every connection what its
//! script says, on a thread of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use gate_config::model::{self, TargetAddress, Upstream};
use http::HeaderMap;
use socket2::{Domain, Socket, Type};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::Notify;
use tokio::task::unconstrained;
use tokio::time::sleep;
use ws_proto::handshake::key::Key;

use crate::upstream::cluster::{Cluster, TargetKey};
use crate::upstream::news::{Event, News, Watch};
use crate::upstream::wish::{Ask, Wish};

/// Ends when dropped.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
}

impl Fake {
    /// A target that runs `script` with the number of each connection, counted from 0.
    pub(crate) fn start(script: impl Fn(usize, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, is_over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, over, script) = (Arc::clone(&accepted), Arc::clone(&is_over), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let mut stream = stream.unwrap();
                stream.set_read_timeout(Some(LIMIT)).unwrap();
                stream.set_write_timeout(Some(LIMIT)).unwrap();
                let number = count.fetch_add(1, Ordering::SeqCst);
                let script = Arc::clone(&script);
                thread::spawn(move || script(number, &mut stream));
            }
        });
        Self { address, accepted, is_over }
    }

    /// A target that reads a head and answers every connection alike, then ends it.
    pub(super) fn answering(answer: impl Into<String>) -> Self {
        let answer = answer.into();
        Self::start(move |_, stream| {
            read_head(stream);
            stream.write_all(answer.as_bytes()).unwrap();
        })
    }

    /// Connections so far.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _wakes_it = TcpStream::connect(self.address);
    }
}

/// The bytes up to an empty line; what there was when the stream ended.
pub(super) fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// The 101 that a handshake wants.
pub(super) fn switching(head: &str) -> String {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let key = lines.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key")).unwrap().1;
    let accept = Key::parse(key.as_bytes()).unwrap().accept();
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        accept.as_str()
    )
}

/// Remembers what it is told.
#[derive(Default)]
pub(super) struct Heard {
    news: Mutex<Vec<(TargetKey, Event, String)>>,
    told: Notify,
}

impl Heard {
    /// Has `cluster` tell a new one.
    pub(super) fn of(cluster: &Cluster) -> Arc<Self> {
        let heard = Arc::<Self>::default();
        let watch: Arc<dyn Watch> = heard.clone();
        cluster.set_watch(watch);
        heard
    }

    pub(super) fn news(&self) -> Vec<(TargetKey, Event, String)> {
        self.news.lock().unwrap().clone()
    }

    /// Waits until it has been told so many things.
    pub(super) async fn wait_for(&self, count: usize) {
        while self.news.lock().unwrap().len() < count {
            self.told.notified().await;
        }
    }
}

impl Watch for Heard {
    fn tell(&self, news: &News<'_>) {
        assert_eq!(news.upstream, "backend");
        self.news.lock().unwrap().push((news.key, news.event, news.why.to_owned()));
        self.told.notify_one();
    }
}

/// An address where nobody listens, nor will: it is taken for as long as the process lives.
pub(crate) fn nobody() -> SocketAddr {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    std::mem::forget(socket);
    address
}

pub(super) fn target(address: SocketAddr) -> model::Target {
    model::Target::new(TargetAddress::Tcp { host: address.ip().to_string(), port: address.port() })
}

/// An upstream of targets at those addresses, with limits that a test does not reach unless it
/// sets others.
pub(super) fn upstream(addresses: &[SocketAddr]) -> Upstream {
    Upstream::new("backend", addresses.iter().copied().map(target).collect())
}

pub(super) fn cluster(upstream: &Upstream) -> Arc<Cluster> {
    Cluster::new(upstream).unwrap()
}

/// The wish of a client that has nothing special about it.
pub(super) fn wish(cluster: &Cluster) -> Wish {
    wish_with(cluster, &HeaderMap::new())
}

pub(super) fn wish_with(cluster: &Cluster, headers: &HeaderMap) -> Wish {
    let client = Some([10, 0, 0, 1].into());
    cluster.wish(&Ask { client, path: "/", query: None, headers, is_secure: false })
}

/// Runs `work` as workers run theirs, and fails when it takes too long.
pub(crate) fn run<F: Future>(work: F) -> F::Output {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
    runtime.block_on(unconstrained(async {
        tokio::select! {
            biased;
            () = sleep(LIMIT) => panic!("it took too long"),
            done = work => done,
        }
    }))
}

/// Longer than anything that works.
const LIMIT: Duration = Duration::from_secs(10);

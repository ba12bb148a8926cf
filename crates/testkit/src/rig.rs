//! A gateway in this process between a client and a backend that the test drives, with
//! its log and its metrics in view.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{env, fs, process};

use gate_config::model::{Config, LogTarget, Shutdown, TargetAddress};
use gate_config::relay::Relay;
use gate_core::Side;
use gate_server::{Gateway, Options};
use ws_proto::CloseCode;

use crate::backend::Backend;
use crate::deadline::eventually;
use crate::frame::{self, TEXT};
use crate::head::Head;
use crate::message::Message;
use crate::metrics::Metrics;
use crate::panics;
use crate::peer::{Ending, Peer};
use crate::records::Records;

/// See the module.
#[derive(Debug)]
pub struct Rig {
    gateway: Option<Gateway>,
    address: SocketAddr,
    metrics: SocketAddr,
    backend: Backend,
    log: LogFile,
}

/// A WebSocket connection through the gateway: both ends of it.
#[derive(Debug)]
pub struct Session {
    /// The end that connected.
    pub client: Peer,
    /// The end that was dialled.
    pub upstream: Peer,
    /// The request as it came to the upstream.
    pub request: Head,
    /// The 101 as it came to the client.
    pub response: Head,
}

impl Default for Rig {
    fn default() -> Self {
        Self::with(|_| {})
    }
}

impl Rig {
    /// A gateway of one worker, with the defaults that `adjust` changes.
    #[must_use]
    pub fn with(adjust: impl FnOnce(&mut Relay)) -> Self {
        Self::before(Backend::default(), adjust)
    }

    /// The same in front of a backend that is there already.
    ///
    /// # Panics
    /// When the gateway does not start.
    #[must_use]
    pub fn before(backend: Backend, adjust: impl FnOnce(&mut Relay)) -> Self {
        Self::configured(backend, adjust, |_| {})
    }

    /// The same with a configuration that `configure` changes further.
    ///
    /// # Panics
    /// When the gateway does not start.
    #[must_use]
    pub fn configured(
        backend: Backend,
        adjust: impl FnOnce(&mut Relay),
        configure: impl FnOnce(&mut Config),
    ) -> Self {
        panics::watch();
        let log = LogFile::new();
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let dialled = backend.address();
        let upstream = TargetAddress::Tcp { host: dialled.ip().to_string(), port: dialled.port() };
        let mut relay = Relay {
            workers: 1,
            shutdown: Shutdown { spread: Duration::ZERO, ..Shutdown::default() },
            log: LogTarget::File(log.0.clone()),
            metrics: Some(anywhere),
            ..Relay::new(anywhere, upstream)
        };
        adjust(&mut relay);
        let mut config = relay.into();
        configure(&mut config);
        let gateway = Gateway::start(config, Options::default()).expect("a gateway that starts");
        let metrics = gateway.metrics_addr().expect("metrics were asked for");
        let address = gateway.local_addr().expect("a TCP listener");
        Self { address, metrics, gateway: Some(gateway), backend, log }
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where metrics are.
    #[must_use]
    pub fn metrics_address(&self) -> SocketAddr {
        self.metrics
    }

    /// What the gateway dials.
    #[must_use]
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// A client without a request.
    #[must_use]
    #[track_caller]
    pub fn connect(&self) -> Peer {
        Peer::connect(self.address)
    }

    /// A client that has sent `bytes`.
    #[must_use]
    #[track_caller]
    pub fn send(&self, bytes: &[u8]) -> Peer {
        let mut client = self.connect();
        client.send(bytes);
        client
    }

    /// A session in the plainest way.
    #[must_use]
    #[track_caller]
    pub fn open(&self) -> Session {
        self.open_with(&Message::upgrade("/chat"), |answer| answer)
    }

    /// A session from `request`, with the valid answer as `adjust` changes it.
    #[must_use]
    #[track_caller]
    pub fn open_with(&self, request: &Message, adjust: impl FnOnce(Message) -> Message) -> Session {
        let client = self.send(&request.to_bytes());
        self.answer(client, adjust)
    }

    /// A session for a client that has sent its request.
    ///
    /// # Panics
    /// When it does not come about.
    #[must_use]
    #[track_caller]
    pub fn answer(&self, mut client: Peer, adjust: impl FnOnce(Message) -> Message) -> Session {
        let mut upstream = self.backend.accept();
        let request = upstream.read_head();
        upstream.send(&adjust(Message::switching(&request)).to_bytes());
        let response = client.read_head();
        assert_eq!(response.status(), 101, "{response:?}");
        Session { client, upstream, request, response }
    }

    /// The metrics of the moment.
    #[must_use]
    #[track_caller]
    pub fn metrics(&self) -> Metrics {
        Metrics::scrape(self.metrics)
    }

    /// Waits until a metric has that value.
    ///
    /// # Panics
    /// When it does not come to that.
    #[track_caller]
    pub fn await_metric(&self, sample: &str, value: f64) {
        eventually(&format!("{sample} is {value}"), || (self.metrics().get(sample) == value).then_some(()));
    }

    /// The metrics once all is over: no session, no handshake under way.
    #[must_use]
    #[track_caller]
    pub fn settled(&self) -> Metrics {
        eventually("all sessions and handshakes are over", || {
            let metrics = self.metrics();
            let under_way =
                metrics.get("framegate_connections_active") + metrics.get("framegate_handshakes_in_progress");
            (under_way == 0.0).then_some(metrics)
        })
    }

    /// Fails unless a session can be had and works.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn assert_serves(&self) {
        let mut session = self.open_with(&Message::upgrade(PROBE), |answer| answer);
        for from in Side::BOTH {
            session.pass(from, &frame::frame(from, TEXT, "still here ✓".as_bytes()));
        }
        // Not by a closing handshake: the test may have set a timeout that is too short for it.
        session.client.abort();
        session.upstream.expect_end(Ending::Reset);
    }

    /// Ends a test: all that was opened must be over, a fresh session must work, no
    /// thread of a gateway may have panicked, and the log must tell of every session once.
    /// The fresh session is not in what is returned.
    ///
    /// # Panics
    /// When any of it does not hold.
    #[track_caller]
    pub fn finish(self) -> Records {
        let _none_left = self.settled();
        self.assert_serves();
        let mut records = self.stop();
        records.forget_path(PROBE);
        records
    }

    /// Shuts the gateway down and reads its log.
    ///
    /// # Panics
    /// When a thread has panicked, or the log does not tell of every session once.
    #[track_caller]
    pub fn stop(mut self) -> Records {
        if let Some(gateway) = self.gateway.take() {
            gateway.shut_down();
        }
        assert_eq!(panics::count(), 0, "a thread of a gateway has panicked");
        let records = Records::read(&self.log.0);
        records.assert_paired();
        records
    }
}

/// The request path of [`Rig::assert_serves`].
const PROBE: &str = "/still-serving";

impl Session {
    /// One of the two ends.
    pub fn peer(&mut self, side: Side) -> &mut Peer {
        match side {
            Side::Client => &mut self.client,
            Side::Upstream => &mut self.upstream,
        }
    }

    /// Sends `bytes` from one end and reads them at the other.
    ///
    /// # Panics
    /// When they do not come out, or not as they went in.
    #[track_caller]
    pub fn pass(&mut self, from: Side, bytes: &[u8]) {
        self.peer(from).send(bytes);
        self.peer(from.other()).expect(bytes);
    }

    /// The closing handshake of RFC 6455 §7.1.2, begun by the client.
    ///
    /// # Panics
    /// When it does not go as it should.
    #[track_caller]
    pub fn close(mut self) {
        self.pass(Side::Client, &frame::close(Side::Client, CloseCode::NORMAL.get(), ""));
        self.pass(Side::Upstream, &frame::close(Side::Upstream, CloseCode::NORMAL.get(), ""));
        self.end();
    }

    /// What follows on the two Closes: the server ends first (§7.1.1), and both are done.
    ///
    /// # Panics
    /// When bytes or a reset come in place of the end.
    #[track_caller]
    pub fn end(mut self) {
        self.upstream.finish();
        self.client.expect_end(Ending::Fin);
        self.client.finish();
        self.upstream.expect_end(Ending::Fin);
    }
}

/// A file that is gone when the test is over.
#[derive(Debug)]
struct LogFile(PathBuf);

impl LogFile {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(env::temp_dir().join(format!("framegate-test-{}-{count}.log", process::id())))
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        // A gateway that did not start has none.
        let _best_effort = fs::remove_file(&self.0);
    }
}

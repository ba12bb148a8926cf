//! A gateway in this process between a client and a backend that the test drives, with
//! its log and its metrics in view.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use gate_config::Loaded;
use gate_config::model::{Config, ListenAddress, LogTarget, Objection, Shutdown, Target, TargetAddress};
use gate_config::relay::Relay;
use gate_core::Side;
use gate_server::control::{Controls, Requests};
use gate_server::{Gateway, Options, Reloaded};

use crate::admin::Operator;
use crate::backend::Backend;
use crate::deadline::eventually;
use crate::folder::Folder;
use crate::frame::{self, TEXT};
use crate::message::Message;
use crate::metrics::Metrics;
use crate::panics;
pub use crate::passage::{Exchange, Session};
use crate::peer::{Ending, Peer};
use crate::records::Records;

/// See the module.
#[derive(Debug)]
pub struct Rig {
    gateway: Option<Gateway>,
    requests: Requests,
    address: SocketAddr,
    metrics: SocketAddr,
    backends: Vec<Backend>,
    /// A way through the gateway that the test leaves alone; `None`: there is only the test's.
    probe: Option<Probe>,
    folder: Folder,
}

/// A listener, and the backend of [`PROBE`].
#[derive(Debug)]
struct Probe {
    address: SocketAddr,
    backend: Backend,
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
        let folder = Folder::new();
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let dialled = backend.address();
        let upstream = TargetAddress::Tcp { host: dialled.ip().to_string(), port: dialled.port() };
        let mut relay = Relay {
            workers: 1,
            shutdown: Shutdown { spread: Some(Duration::ZERO), ..Shutdown::default() },
            log: LogTarget::File(folder.file(LOG)),
            metrics: Some(anywhere),
            ..Relay::new(anywhere, Target::new(upstream))
        };
        adjust(&mut relay);
        let mut config = relay.into();
        configure(&mut config);
        Self::start(config, vec![backend], None, folder)
    }

    /// A gateway of one worker that runs `text`, in which `$0`, `$1` and so on stand for the
    /// addresses of `backends`. Logs, metrics and a way for [`Rig::assert_serves`] are added,
    /// and where there is no listener, one.
    ///
    /// # Panics
    /// When there is a mistake in the text, or the gateway does not start.
    #[must_use]
    #[track_caller]
    pub fn from_kdl(backends: impl Into<Vec<Backend>>, text: &str) -> Self {
        Self::from_kdl_with(backends, text, |_| {})
    }

    /// The same, with a configuration that `configure` changes further.
    ///
    /// # Panics
    /// As above.
    #[must_use]
    #[track_caller]
    pub fn from_kdl_with(
        backends: impl Into<Vec<Backend>>,
        text: &str,
        configure: impl FnOnce(&mut Config),
    ) -> Self {
        let (backends, folder, probe) = (backends.into(), Folder::new(), Backend::default());
        let mut config = read(text, &backends, &probe, &folder).config;
        configure(&mut config);
        Self::start(config, backends, Some(probe), folder)
    }

    /// Has a gateway that was started from KDL go over to `text`, to which the same is added.
    ///
    /// # Errors
    /// What the gateway has against it.
    ///
    /// # Panics
    /// When there is a mistake in the text.
    #[track_caller]
    pub fn reload(&mut self, text: &str) -> Result<Reloaded, Vec<Objection>> {
        let probe = &self.probe.as_ref().expect("a gateway from KDL").backend;
        let Loaded { config, sources, .. } = read(text, &self.backends, probe, &self.folder);
        self.gateway().reload(config, &sources)
    }

    /// The gateway itself.
    ///
    /// # Panics
    /// When it runs no more.
    #[track_caller]
    pub fn gateway(&mut self) -> &mut Gateway {
        self.gateway.as_mut().expect("a gateway that runs")
    }

    #[track_caller]
    fn start(config: Config, backends: Vec<Backend>, probe: Option<Backend>, folder: Folder) -> Self {
        panics::watch();
        let (controls, requests) = Controls::channel();
        let options = Options { controls, ..Options::default() };
        let gateway = Gateway::start(config, options).expect("a gateway that starts");
        let metrics = gateway.metrics_addr().expect("metrics were asked for");
        let address = gateway.local_addr().expect("a TCP listener");
        let probe = probe.map(|backend| Probe { address: listener(&gateway, "probe"), backend });
        Self { address, metrics, gateway: Some(gateway), requests, backends, probe, folder }
    }

    /// Where clients connect: the first listener.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where metrics are.
    #[must_use]
    pub fn metrics_address(&self) -> SocketAddr {
        self.metrics
    }

    /// Looks for metrics where a reload has moved them.
    ///
    /// # Panics
    /// When there are none.
    #[track_caller]
    pub fn follow_metrics(&mut self) {
        self.metrics = self.gateway().metrics_addr().expect("metrics were asked for");
    }

    /// Where another listener is.
    ///
    /// # Panics
    /// When there is none of that name on TCP.
    #[must_use]
    #[track_caller]
    pub fn listener(&self, name: &str) -> SocketAddr {
        listener(self.gateway.as_ref().expect("a gateway that runs"), name)
    }

    /// The gateway's operator.
    ///
    /// # Panics
    /// When it has no admin listener.
    #[must_use]
    #[track_caller]
    pub fn operator(&self) -> Operator {
        let gateway = self.gateway.as_ref().expect("a gateway that runs");
        Operator::at(gateway.admin_address().expect("an admin listener"))
    }

    /// Where requests for the owner of the gateway come out: nobody answers them but the test.
    pub fn requests(&mut self) -> &mut Requests {
        &mut self.requests
    }

    /// What the gateway dials: the first backend.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn backend(&self) -> &Backend {
        self.backends.first().expect("a backend")
    }

    /// All backends.
    #[must_use]
    pub fn backends(&self) -> &[Backend] {
        &self.backends
    }

    /// The next connection to any of the backends, and which one it is to.
    ///
    /// # Panics
    /// When none comes.
    #[must_use]
    #[track_caller]
    pub fn accept(&self) -> (usize, Peer) {
        eventually("the gateway dials one of the backends", || {
            let mut tried = self.backends.iter().map(Backend::try_accept).enumerate();
            tried.find_map(|(number, accepted)| accepted.map(|peer| (number, peer)))
        })
    }

    /// Fails if there is a connection to any of them that was not accepted.
    ///
    /// # Panics
    /// When there is one.
    #[track_caller]
    pub fn assert_none_dialled(&self) {
        self.backends.iter().for_each(Backend::assert_not_dialled);
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
    pub fn answer(&self, client: Peer, adjust: impl FnOnce(Message) -> Message) -> Session {
        Session::establish(client, self.backend().accept(), adjust)
    }

    /// A plain request, and the connection that it came to the first backend on.
    #[must_use]
    #[track_caller]
    pub fn ask(&self, request: &Message) -> Exchange {
        let client = self.send(&request.to_bytes());
        Exchange::begin(client, self.backend().accept())
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
        let (address, backend) = match &self.probe {
            Some(Probe { address, backend }) => (*address, backend),
            None => (self.address, self.backend()),
        };
        let mut client = Peer::connect(address);
        client.send(&Message::upgrade(PROBE).to_bytes());
        let mut session = Session::establish(client, backend.accept(), |answer| answer);
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
        let records = Records::read(&self.folder.file(LOG));
        records.assert_paired();
        records
    }
}

/// The configuration in `text`, with what all have.
#[track_caller]
fn read(text: &str, backends: &[Backend], probe: &Backend, folder: &Folder) -> Loaded {
    let mut text = format!("{text}\n{}", additions(text, folder, probe));
    // From the last on, as `$1` is also what `$10` begins with.
    for (number, backend) in backends.iter().enumerate().rev() {
        text = text.replace(&format!("${number}"), &backend.to_string());
    }
    if !text.contains("listener \"front\"") {
        text.insert_str(0, "listeners { listener \"front\" { address \"127.0.0.1:0\" } }\n");
    }
    match gate_config::parse("test.kdl", &text) {
        Ok(loaded) => loaded,
        Err(failed) => unreachable!("{:#?}", failed.diagnostics),
    }
}

/// What a configuration has beside what the test is about. What `text` says itself goes first.
fn additions(text: &str, folder: &Folder, probe: &Backend) -> String {
    let log = folder.file(LOG);
    let log = log.display();
    let unless = |word: &str, addition| if text.contains(word) { "" } else { addition };
    let workers = unless("worker-threads", "worker-threads 1");
    let spread = unless("spread", "drain { spread \"0s\" }");
    let metrics = unless("metrics { address", "metrics { address \"127.0.0.1:0\" }");
    format!(
        r#"
        server {{ {workers}; {spread} }}
        listeners {{ listener "probe" {{ address "127.0.0.1:0" }} }}
        routes {{ route "probe" {{ priority 4000000000; matches {{ path "{PROBE}" }}; upstream "probe" }} }}
        upstreams {{ upstream "probe" {{ target "{probe}" }} }}
        observability {{
            {metrics}
            logging {{ access-log "{log}"; error-log "{log}" }}
        }}"#
    )
}

#[track_caller]
fn listener(gateway: &Gateway, name: &str) -> SocketAddr {
    let found = gateway.addresses().iter().find_map(|(id, address)| match address {
        ListenAddress::Tcp(address) | ListenAddress::Udp(address) if **id == *name => Some(*address),
        ListenAddress::Tcp(_) | ListenAddress::Udp(_) | ListenAddress::Unix { .. } => None,
    });
    found.expect("a listener of that name with an IP address")
}

/// The request path of [`Rig::assert_serves`].
const PROBE: &str = "/still-serving";

/// The name of the log's file.
const LOG: &str = "records.log";

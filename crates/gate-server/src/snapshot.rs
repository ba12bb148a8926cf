//! A configuration as it runs: the typed values and what is built from them. Immutable; a
//! request keeps the one that it found, and so does the session that it opens.

use std::sync::Arc;

use gate_config::model::{Agent, Config, Fingerprint, Listener, Objection, Route, Secret};
use gate_core::ids::{AgentId, FrameLogId, RouteId, TraceId, UpstreamId};
use gate_core::route::Table;
use gate_net::tls::server::Acceptor;

use crate::admission::Admission;
use crate::by_header::ByHeader;
use crate::clock;
use crate::inspect::rules::{RuleCell, Rules};
use crate::inspect::webhook::Equipment;
use crate::observe::exposition::{Configured, TargetFigures, Targets};
use crate::observe::frame_log::FrameLog;
use crate::sip::plan::Plans;
use crate::token_file;
use crate::trace::Tracer;
use crate::upstream::cluster::{Cluster, Figures};

/// See the module.
pub(crate) struct Snapshot {
    pub(crate) config: Config,
    /// Taken before any file was read: what has changed since is not in it.
    fingerprint: Fingerprint,
    pub(crate) table: Table,
    pub(crate) admission: Admission,
    /// By [`UpstreamId`].
    clusters: Vec<Arc<Cluster>>,
    /// By the listener's place in the configuration; `None` where there is no TLS.
    acceptors: Vec<Option<Acceptor>>,
    /// What stands in the `token-file` of `admin`.
    pub(crate) token: Option<Secret>,
    /// What messages are judged by, by [`RouteId`].
    rules: Rules,
    /// The webhooks.
    pub(crate) equipment: Equipment,
    /// What routes and listeners say of SIP.
    pub(crate) sip: Plans,
    /// By [`RouteId`]: how requests tell where they go.
    by_header: Vec<Option<Arc<ByHeader>>>,
    /// By [`FrameLogId`], once they are open.
    frame_logs: Vec<Arc<FrameLog>>,
    /// By [`TraceId`].
    tracers: Vec<Arc<Tracer>>,
}

impl Snapshot {
    /// Builds what `config` asks for: certificates are read here. What has the same name, or the
    /// same address, as in the one `before` it goes on as it was, so far as it is the same; that
    /// one is not changed.
    ///
    /// # Errors
    /// All that the world has against it.
    pub(crate) fn build(config: Config, before: Option<&Self>) -> Result<Self, Vec<Objection>> {
        let fingerprint = config.fingerprint();
        let mut objections = Vec::new();
        let mut acceptors = Vec::new();
        for listener in &config.listeners {
            let same = before.and_then(|before| before.acceptor_of(&listener.id));
            let built = listener.tls.as_ref().map(|tls| Acceptor::after(same, tls)).transpose();
            acceptors.push(built.unwrap_or_else(|found| {
                objections.extend(found);
                None
            }));
        }
        let mut clusters = Vec::new();
        for upstream in &config.upstreams {
            let same = before.and_then(|before| before.cluster_of(&upstream.id));
            match Cluster::after(same, upstream) {
                Ok(cluster) => clusters.push(cluster),
                Err(found) => objections.extend(found),
            }
        }
        let token = config.admin.as_ref().map_or(Ok(None), token_file::read).unwrap_or_else(|found| {
            objections.push(found);
            None
        });
        let rules = Rules::build(&config, before.map(|before| &before.rules)).unwrap_or_else(|found| {
            objections.extend(found);
            Rules::default()
        });
        let equipment = Equipment::build(&config, before.map(|before| &before.equipment));
        let equipment = equipment.unwrap_or_else(|found| {
            objections.extend(found);
            Equipment::default()
        });
        let running = before.map(|before| &*before.tracers).unwrap_or_default();
        let tracers = Tracer::build_all(&config, running).unwrap_or_else(|found| {
            objections.extend(found);
            Vec::new()
        });
        let by_header = ByHeader::build_all(&config, equipment.origins()).unwrap_or_else(|found| {
            objections.extend(found);
            Vec::new()
        });
        let sip = Plans::build(&config, (&clusters, &tracers), before.map(|before| &before.sip))
            .unwrap_or_else(|found| {
                objections.extend(found);
                Plans::default()
            });
        if !objections.is_empty() {
            return Err(objections);
        }
        let table = config.table();
        let admission = Admission::new(&config, before.map(|before| &before.admission), clock::now());
        Ok(Self {
            config,
            fingerprint,
            table,
            admission,
            clusters,
            acceptors,
            token,
            by_header,
            sip,
            rules,
            equipment,
            frame_logs: Vec::new(),
            tracers,
        })
    }

    /// What it says, told apart from all that others say.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    fn acceptor_of(&self, id: &str) -> Option<&Acceptor> {
        let index = self.config.listeners.iter().position(|listener| *listener.id == *id)?;
        self.acceptors.get(index)?.as_ref()
    }

    fn cluster_of(&self, id: &str) -> Option<&Arc<Cluster>> {
        self.clusters.iter().find(|cluster| cluster.id() == id)
    }

    pub(crate) fn route(&self, id: RouteId) -> Option<&Route> {
        self.config.route(id)
    }

    /// What a route's messages are judged by, which may be no rules at the moment.
    pub(crate) fn rules(&self, id: RouteId) -> Option<&Arc<RuleCell>> {
        self.rules.get(index(id.0))
    }

    /// It runs from here on: live sessions follow its rules.
    pub(crate) fn put_rules_in_place(&self) {
        self.rules.put_in_place();
    }

    /// How requests of a route tell where they go; `None`: they do not.
    pub(crate) fn by_header(&self, id: RouteId) -> Option<&Arc<ByHeader>> {
        self.by_header.get(index(id.0))?.as_ref()
    }

    /// A frame log that is open.
    pub(crate) fn frame_log(&self, id: FrameLogId) -> Option<&Arc<FrameLog>> {
        self.frame_logs.get(index(id.0))
    }

    /// The frame logs have been opened.
    pub(crate) fn set_frame_logs(&mut self, logs: Vec<Arc<FrameLog>>) {
        self.frame_logs = logs;
    }

    pub(crate) fn tracer(&self, id: TraceId) -> Option<&Arc<Tracer>> {
        self.tracers.get(index(id.0))
    }

    /// All traces, be they on or off.
    pub(crate) fn tracers(&self) -> &[Arc<Tracer>] {
        &self.tracers
    }

    pub(crate) fn agent(&self, id: AgentId) -> Option<&Arc<Agent>> {
        self.config.agent(id)
    }

    pub(crate) fn cluster(&self, id: UpstreamId) -> Option<&Arc<Cluster>> {
        self.clusters.get(index(id.0))
    }

    pub(crate) fn clusters(&self) -> &[Arc<Cluster>] {
        &self.clusters
    }

    /// All whose names are to be resolved: the upstreams, and the servers of webhooks.
    pub(crate) fn all_clusters(&self) -> Vec<Arc<Cluster>> {
        self.clusters.iter().chain(self.equipment.clusters()).cloned().collect()
    }

    pub(crate) fn listener(&self, id: ListenerId) -> Option<(&Listener, Option<&Acceptor>)> {
        let acceptor = self.acceptors.get(id.0).and_then(Option::as_ref);
        self.config.listeners.get(id.0).map(|listener| (listener, acceptor))
    }

    /// What should be looked at in the certificates, though they can be used.
    pub(crate) fn warnings(&self) -> Vec<Objection> {
        let now = clock::wall();
        self.acceptors.iter().flatten().flat_map(|acceptor| acceptor.warnings(now)).collect()
    }

    /// What there is to be told of it beside what is counted.
    pub(crate) fn configured(&self) -> Configured {
        Configured {
            connections_limit: self.config.server.connections.all,
            targets: self.target_figures(),
            prefix: self.config.observability.metrics_prefix.clone(),
            traces: Tracer::stats(&self.tracers),
        }
    }

    fn target_figures(&self) -> Box<Targets> {
        let clusters = self.clusters.clone();
        let of = |cluster: &Arc<Cluster>| {
            let upstream = Arc::clone(&cluster.upstream().id);
            let told = move |figures: Figures| TargetFigures {
                upstream: Arc::clone(&upstream),
                target: figures.target,
                attempts: figures.attempts,
                failures: figures.failures,
                in_flight: figures.in_flight.into(),
                is_healthy: figures.is_healthy,
            };
            cluster.figures().into_iter().map(told).collect::<Vec<_>>()
        };
        Box::new(move || clusters.iter().flat_map(of).collect())
    }
}

/// A listener, by its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListenerId(pub(crate) usize);

fn index(id: u32) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}

//! A webhook with all that it needs of the world: where it is, what it is trusted by, its key.

use std::net::IpAddr;
use std::sync::Arc;

use gate_config::model::{
    At, Config, Fingerprint, HookSettings, Objection, Passive, Target, Upstream, UpstreamTimeouts, Webhook,
    fingerprint,
};
use gate_core::Side;
use gate_core::ids::RouteId;
use gate_net::tls::client::Connector;

use crate::inspect::webhook::origin::{Origin, OriginKey, Origins};
use crate::signing::Key;
use crate::upstream::cluster::Cluster;
use crate::upstream::target::Target as ServerTarget;

/// See the module. The same for all workers.
#[derive(Debug)]
pub(crate) struct Kit {
    pub(super) webhook: Arc<Webhook>,
    /// Of one target.
    pub(super) cluster: Arc<Cluster>,
    /// That target: the server.
    pub(super) target: Arc<ServerTarget>,
    pub(super) key: Option<Arc<Key>>,
    pub(super) origin: Arc<Origin>,
    /// Tells connections apart that rest on other certificates.
    pub(super) trust: Fingerprint,
}

/// What the settings of a webhook name in files.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    key: Option<Arc<Key>>,
    connector: Connector,
    trust: Fingerprint,
}

impl Credentials {
    /// Reads the files.
    ///
    /// # Errors
    /// All that there is against them.
    pub(crate) fn read(settings: &HookSettings) -> Result<Self, Vec<Objection>> {
        let trust = fingerprint(&settings.tls, settings.tls.files());
        let key = settings.key_file.as_ref().map(Key::read).transpose().map_err(|objection| vec![objection]);
        match (key, Connector::new(&settings.tls)) {
            (Ok(key), Ok(connector)) => Ok(Self { key: key.map(Arc::new), connector, trust }),
            (Err(mut objections), Err(more)) => {
                objections.extend(more);
                Err(objections)
            }
            (Err(objections), Ok(_)) | (Ok(_), Err(objections)) => Err(objections),
        }
    }
}

impl Kit {
    /// The kit of a webhook that is configured. Names are not resolved yet.
    fn new(
        webhook: &Arc<Webhook>,
        origins: &Origins,
        before: Option<&Equipment>,
    ) -> Result<Self, Vec<Objection>> {
        let credentials = Credentials::read(&webhook.settings)?;
        let upstream = upstream(webhook);
        let same = before.and_then(|before| before.cluster_of(&upstream.id));
        let cluster = Cluster::after(same, &upstream)?;
        Ok(Self::of(webhook, cluster, credentials, origins))
    }

    /// The kit of a webhook that a request has named and that stands at these addresses.
    pub(crate) fn pinned(
        webhook: Webhook,
        addresses: Vec<IpAddr>,
        credentials: Credentials,
        origins: &Origins,
    ) -> Self {
        let connector = webhook.url.value.is_tls.then(|| credentials.connector.clone());
        let cluster = Cluster::pinned(upstream(&webhook), connector, addresses);
        Self::of(&Arc::new(webhook), cluster, credentials, origins)
    }

    fn of(
        webhook: &Arc<Webhook>,
        cluster: Arc<Cluster>,
        credentials: Credentials,
        origins: &Origins,
    ) -> Self {
        let Credentials { key, trust, connector: _ } = credentials;
        let origin = origins.get(&OriginKey::of(webhook));
        let target = cluster.targets().first().map(Arc::clone);
        let target = target.expect("it is of an upstream that `upstream` has given one target");
        Self { webhook: Arc::clone(webhook), cluster, target, key, origin, trust }
    }

    /// Whose messages it is asked about.
    pub(crate) fn from(&self) -> Side {
        self.webhook.from
    }
}

/// The server of a webhook as an upstream: of that there is all that is needed to get there.
fn upstream(webhook: &Webhook) -> Upstream {
    let url = &webhook.url;
    let target = Target { tls: url.value.is_tls, ..Target::new(url.value.address()) };
    let target = Target { address: At { value: target.address.value, place: url.place }, ..target };
    Upstream {
        tls: webhook.settings.tls.clone(),
        timeouts: UpstreamTimeouts { connect: webhook.settings.timeout, ..UpstreamTimeouts::default() },
        // There is no other to turn to.
        passive: Passive { max_fails: 0, ..Passive::default() },
        ..Upstream::new(&url.value.to_string(), vec![target])
    }
}

/// The kits of all webhooks of a configuration, and the places for connections that all
/// configurations of a gateway share.
#[derive(Debug, Default)]
pub(crate) struct Equipment {
    origins: Arc<Origins>,
    /// By [`RouteId`].
    kits: Vec<Vec<Arc<Kit>>>,
}

impl Equipment {
    /// Reads what the webhooks of `config` name in files; what was there before goes on as it was,
    /// so far as it is the same.
    ///
    /// # Errors
    /// All that there is against it.
    pub(crate) fn build(config: &Config, before: Option<&Self>) -> Result<Self, Vec<Objection>> {
        let origins = before.map_or_else(Arc::default, |before| Arc::clone(&before.origins));
        let mut objections = Vec::new();
        let mut kits = Vec::new();
        for route in &config.routes {
            let mut of_route = Vec::new();
            for webhook in &route.websocket.webhooks {
                match Kit::new(webhook, &origins, before) {
                    Ok(kit) => of_route.push(Arc::new(kit)),
                    Err(found) => objections.extend(found),
                }
            }
            kits.push(of_route);
        }
        if objections.is_empty() { Ok(Self { origins, kits }) } else { Err(objections) }
    }

    /// The webhooks of a route, in the order in which they are asked.
    pub(crate) fn of_route(&self, route: RouteId) -> &[Arc<Kit>] {
        let index = usize::try_from(route.0).ok();
        index.and_then(|index| self.kits.get(index)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The places for connections.
    pub(crate) fn origins(&self) -> &Arc<Origins> {
        &self.origins
    }

    /// The servers, whose names are to be resolved.
    pub(crate) fn clusters(&self) -> impl Iterator<Item = &Arc<Cluster>> {
        self.kits.iter().flatten().map(|kit| &kit.cluster)
    }

    fn cluster_of(&self, id: &str) -> Option<&Arc<Cluster>> {
        self.clusters().find(|cluster| cluster.id() == id)
    }
}

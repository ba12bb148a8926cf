//! Who is let in: limits of connections and of how fast they come, in the process, at a listener
//! and on a route, and the buckets that sessions' frames are counted in.
//!
//! Counts and buckets are carried from one configuration to the next by name; the limits they are
//! held against are those of the configuration that a request sees. So a reload loses no count, and
//! a reload that fails has changed nothing.

mod buckets;
mod full;
mod key;
mod meters;
mod scope;
mod seats;
mod shards;
mod users;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use gate_config::model::Config;
use gate_core::ids::RouteId;
use gate_core::rate::Meter;

use full::Area;
pub(crate) use full::Full;
pub(crate) use scope::Seated;
pub(crate) use users::UserRate;

use crate::upstream::wish::Ask;
use meters::RouteMeters;
use scope::Scope;

/// See the module.
#[derive(Debug)]
pub(crate) struct Admission {
    process: Scope,
    /// By name: a connection may have come to a listener that a later configuration has elsewhere.
    listeners: HashMap<Arc<str>, Scope>,
    /// By [`RouteId`].
    routes: Vec<Route>,
}

#[derive(Debug)]
struct Route {
    id: Arc<str>,
    /// Those with the same one count together.
    group: Option<Arc<str>>,
    scope: Scope,
    meters: RouteMeters,
}

impl Admission {
    /// What `config` asks for, with the counts and buckets of `previous`.
    pub(crate) fn new(config: &Config, previous: Option<&Self>, now: Instant) -> Self {
        let before: HashMap<&str, &Route> =
            previous.iter().flat_map(|previous| &previous.routes).map(|route| (&*route.id, route)).collect();
        let process = previous.map(|previous| &previous.process);
        let listener = |id: &Arc<str>| previous.and_then(|previous| previous.listeners.get(id));
        let mut routes: Vec<Route> = Vec::with_capacity(config.routes.len());
        for route in &config.routes {
            let before = before.get(&*route.id).copied();
            let group = route.websocket.connections_group.clone();
            let scope_before = match &group {
                // All of a group share the counts of the first.
                Some(_) => routes
                    .iter()
                    .find(|other| other.group == group)
                    .or_else(|| previous?.routes.iter().find(|other| other.group == group))
                    .or(before),
                None => before.filter(|before| before.group.is_none()),
            };
            let scope = Scope::new(
                Area::Route,
                route.websocket.connections,
                scope_before.map(|before| &before.scope),
                now,
            );
            routes.push(Route {
                id: Arc::clone(&route.id),
                group,
                scope,
                meters: RouteMeters::new(
                    &route.websocket.rate_limits,
                    before.map(|before| &before.meters),
                    now,
                ),
            });
        }
        Self {
            process: Scope::new(Area::Process, config.server.connections, process, now),
            listeners: config
                .listeners
                .iter()
                .map(|found| {
                    let before = listener(&found.id);
                    let scope = Scope::new(Area::Listener, found.connections, before, now);
                    (Arc::clone(&found.id), scope)
                })
                .collect(),
            routes,
        }
    }

    /// Takes all that a session of `route` needs that came to `listener`, or nothing.
    ///
    /// # Errors
    /// The limit that is reached.
    pub(crate) fn admit(
        &self,
        listener: &str,
        route: RouteId,
        client: Option<IpAddr>,
        now: Instant,
    ) -> Result<Seated, Full> {
        let route = self.route(route).map(|route| &route.scope);
        let scopes = [Some(&self.process), self.listeners.get(listener), route];
        let client = client.map(key::network);
        scope::take_all(scopes, client, now)
    }

    /// Takes all that a connection without WebSocket needs that came to `listener`, or nothing.
    ///
    /// # Errors
    /// The limit that is reached.
    pub(crate) fn admit_caller(&self, listener: &str, client: IpAddr, now: Instant) -> Result<Seated, Full> {
        let scopes = [Some(&self.process), self.listeners.get(listener), None];
        scope::take_all(scopes, Some(key::network(client)), now)
    }

    /// What the frames of a session of `route` are counted by.
    pub(crate) fn meters(&self, route: RouteId, ask: &Ask<'_>, now: Instant) -> Box<[Meter]> {
        self.route(route).map(|route| route.meters.of(ask, now)).unwrap_or_default()
    }

    fn route(&self, id: RouteId) -> Option<&Route> {
        usize::try_from(id.0).ok().and_then(|index| self.routes.get(index))
    }
}

#[cfg(test)]
mod tests;

//! Requests that tell their upstream, their webhooks and their limits themselves, by fields whose
//! names begin with `x-wsproxy-`: whether they are believed, what they may ask for, and where that is.
//!
//! Names are resolved once for a request; the addresses that are allowed are those that are
//! connected to.

mod allow;
mod fault;
mod fields;
mod names;
mod signature;

use std::net::IpAddr;
use std::sync::Arc;

use gate_config::model::{
    AllowedOrigin, At, Compression, Config, HeaderConfig, HookSettings, INSPECTED_FRAGMENTS_MAX, Objection,
    OnUntrusted, Passive, Target, Upstream, Url, WebSocket, Webhook,
};
use gate_core::{Limits, Policy, Side};
use gate_net::tls::client::Connector;
use http::{HeaderMap, HeaderValue, Method, Uri};

pub(crate) use crate::by_header::fault::ByHeaderError;
use crate::by_header::fault::What;
use crate::by_header::fields::HookWish;
pub(crate) use crate::by_header::fields::Wanted;
use crate::by_header::names::Names;
use crate::by_header::signature::Signed;
use crate::clock;
use crate::inspect::webhook::{Credentials, Kit, Origins};
use crate::signing::Key;
use crate::upstream::cluster::Cluster;

/// What `header-config` of a route says, with all that it needs of the world.
pub(crate) struct ByHeader {
    config: Arc<HeaderConfig>,
    /// By id.
    keys: Vec<(Arc<str>, Key)>,
    connector: Connector,
    hook: Credentials,
    origins: Arc<Origins>,
    names: Names,
}

/// A request, as far as it is told where it goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking<'a> {
    /// The other end of the connection; `None` over a unix socket.
    pub(crate) peer: Option<IpAddr>,
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
}

/// Where a session goes, and how it is held.
pub(crate) struct Found {
    /// Of one target.
    pub(crate) cluster: Arc<Cluster>,
    /// That of the route, within the limits of the request.
    pub(crate) websocket: WebSocket,
    /// In the order in which they are asked.
    pub(crate) webhooks: Vec<Arc<Kit>>,
}

impl ByHeader {
    /// Those of all routes, by [`gate_core::ids::RouteId`].
    ///
    /// # Errors
    /// All that the world has against them.
    pub(crate) fn build_all(
        config: &Config,
        origins: &Arc<Origins>,
    ) -> Result<Vec<Option<Arc<Self>>>, Vec<Objection>> {
        let mut objections = Vec::new();
        let mut all = Vec::new();
        for route in &config.routes {
            let built = route.header_config.as_ref().map(|config| Self::build(config, origins)).transpose();
            all.push(built.unwrap_or_else(|found| {
                objections.extend(found);
                None
            }));
        }
        if objections.is_empty() { Ok(all) } else { Err(objections) }
    }

    fn build(config: &Arc<HeaderConfig>, origins: &Arc<Origins>) -> Result<Arc<Self>, Vec<Objection>> {
        let mut objections = Vec::new();
        let mut keys = Vec::new();
        for key in &config.keys {
            match Key::read(&key.file) {
                Ok(read) => keys.push((Arc::clone(&key.id), read)),
                Err(objection) => objections.push(objection),
            }
        }
        let connector = Connector::new(&config.tls).map_err(|found| objections.extend(found)).ok();
        let hook = Credentials::read(&config.hook).map_err(|found| objections.extend(found)).ok();
        let (Some(connector), Some(hook), true) = (connector, hook, objections.is_empty()) else {
            return Err(objections);
        };
        Ok(Arc::new(Self {
            config: Arc::clone(config),
            keys,
            connector,
            hook,
            origins: Arc::clone(origins),
            names: Names::default(),
        }))
    }

    /// What a request asks for; `None`: nothing that is believed, so the route's own upstream is
    /// the way.
    ///
    /// # Errors
    /// It is not believed, or asks for what cannot be understood.
    pub(crate) fn read(&self, asking: &Asking<'_>) -> Result<Option<Wanted>, ByHeaderError> {
        if !fields::has_any(asking.headers) {
            return Ok(None);
        }
        if !self.believes(asking)? {
            return match self.config.on_untrusted {
                OnUntrusted::Reject => Err(ByHeaderError::Untrusted(asking.peer)),
                OnUntrusted::Ignore => Ok(None),
            };
        }
        Wanted::read(asking.headers, &self.config).map(Some)
    }

    /// A signature that is not valid is worse than none: whoever makes one should hear of it.
    fn believes(&self, asking: &Asking<'_>) -> Result<bool, ByHeaderError> {
        let Some(text) = fields::signature(asking.headers)? else {
            return Ok(self.config.trusted.contain(asking.peer));
        };
        let signed = Signed::read(text).map_err(ByHeaderError::Signature)?;
        signed.judge(asking, &self.keys, clock::wall()).map_err(ByHeaderError::Signature)?;
        Ok(true)
    }

    /// Finds what is asked for: resolves names, and holds the addresses against what is allowed.
    ///
    /// # Errors
    /// It is not allowed, or a name has no address.
    pub(crate) async fn find(&self, wanted: Wanted, route: &WebSocket) -> Result<Found, ByHeaderError> {
        let addresses = self.addresses(What::Upstream, &wanted.upstream, &self.config.upstreams).await?;
        let mut webhooks = Vec::new();
        for (from, hook) in [(Side::Client, &wanted.inbound), (Side::Upstream, &wanted.outbound)] {
            let Some(hook) = hook else { continue };
            let addresses = self.addresses(What::Hook(from), &hook.url, &self.config.hooks).await?;
            let payload_max = match from {
                Side::Client => wanted.message_size_max,
                Side::Upstream => wanted.ceiling,
            };
            let webhook = self.webhook(from, hook, payload_max);
            webhooks.push(Arc::new(Kit::pinned(webhook, addresses, self.hook.clone(), &self.origins)));
        }
        let connector = wanted.upstream.is_tls.then(|| self.connector.clone());
        let cluster = Cluster::pinned(upstream(&wanted.upstream), connector, addresses);
        Ok(Found { cluster, websocket: held(route, &wanted), webhooks })
    }

    async fn addresses(
        &self,
        what: What,
        url: &Url,
        allowed: &[AllowedOrigin],
    ) -> Result<Vec<IpAddr>, ByHeaderError> {
        let found = match url.host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            // Of a host that could not be allowed at any address nobody is asked.
            Err(_) if !allow::may_be(url, allowed) => return Err(ByHeaderError::Forbidden(what)),
            Err(_) => {
                self.names.resolve(&url.host).await.map_err(|why| ByHeaderError::Unresolved(what, why))?
            }
        };
        let addresses = allow::allowed(url, &found, allowed);
        if addresses.is_empty() { Err(ByHeaderError::Forbidden(what)) } else { Ok(addresses) }
    }

    fn webhook(&self, from: Side, wish: &HookWish, payload_max: u64) -> Webhook {
        let settings = HookSettings { rewrite_size_max: payload_max, ..self.config.hook.clone() };
        // What the operator has the webhook told is not for a request to change.
        let of_operator = |name| self.config.hook_headers.iter().any(|(other, _)| other == name);
        let mut headers = self.config.hook_headers.clone();
        headers.extend(wish.headers.iter().filter(|(name, _)| !of_operator(name)).cloned());
        Webhook { from, url: At::nowhere(wish.url.clone()), method: wish.method.clone(), headers, settings }
    }
}

/// The upstream that a request has named, which is asked for by that name.
fn upstream(url: &Url) -> Upstream {
    let target = Target { tls: url.is_tls, ..Target::new(url.address()) };
    Upstream {
        host: HeaderValue::from_str(&url.authority()).ok(),
        // There is no other to turn to.
        passive: Passive { max_fails: 0, ..Passive::default() },
        ..Upstream::new(&url.authority(), vec![target])
    }
}

/// The settings of a route within the limits of a request.
fn held(route: &WebSocket, wanted: &Wanted) -> WebSocket {
    let mut policy = (*route.policy).clone();
    let compression = if wanted.compress { route.compression } else { Compression::Off };
    let has_hooks = wanted.inbound.is_some() || wanted.outbound.is_some();
    // Rules of the route see text as it is meant to be.
    policy.limits.validate_utf8 = wanted.validate_utf8 || route.inspect.is_some();
    if policy.limits.fragments_max == 0 && has_hooks {
        policy.limits.fragments_max = INSPECTED_FRAGMENTS_MAX;
    }
    // What a request asks for is a limit of its client alone.
    policy.upstream_limits = Some(Limits { message_size_max: wanted.ceiling, ..policy.limits });
    policy.limits.message_size_max = wanted.message_size_max;
    policy.timeouts.idle = wanted.idle;
    // Whoever sends pings is there, as the original counts.
    policy.timeouts.idle_counts_control = true;
    policy.inspection.client |= wanted.inbound.is_some();
    policy.inspection.upstream |= wanted.outbound.is_some();
    if has_hooks {
        // A webhook is asked about whole messages, so none may go on piece by piece past it.
        policy.inspection.stream_above = None;
    }
    if compression == Compression::Pass {
        bound_inflated(&mut policy, wanted.message_size_max);
    }
    // It may have a message dropped, which then is missing in the window of those behind it.
    let context_takeover = route.context_takeover && !has_hooks;
    WebSocket { policy: Arc::new(policy), compression, context_takeover, ..route.clone() }
}

/// Has the client's size hold for what its compressed messages say as well, or few bytes could
/// become a large message in the upstream. So they are inflated even where nobody else looks.
fn bound_inflated(policy: &mut Policy, max: u64) {
    let inspection = &mut policy.inspection;
    inspection.upstream_inflated_size_max = Some(inspection.inflated_size_max);
    inspection.inflated_size_max = match inspection.inflated_size_max {
        // `max-inflated-size` is a limit of messages that are looked into.
        of_route if inspection.client && of_route > 0 => of_route.min(max),
        _ => max,
    };
    inspection.client = true;
    if policy.limits.fragments_max == 0 {
        policy.limits.fragments_max = INSPECTED_FRAGMENTS_MAX;
    }
}

/// Takes out of a head all fields that tell where a request goes: they are for this gateway alone.
pub(crate) fn remove(headers: &mut HeaderMap) {
    fields::remove(headers);
}

#[cfg(test)]
mod tests {
    use super::*;
    use gate_core::policy::Inspection;

    /// What becomes of a route that streams and lets messages refer to each other.
    fn held_with(lines: &[(&'static str, &str)]) -> WebSocket {
        let inspection = Inspection { client: true, stream_above: Some(65_536), ..Inspection::default() };
        held_as(inspection, lines)
    }

    fn held_as(inspection: Inspection, lines: &[(&'static str, &str)]) -> WebSocket {
        let policy = Arc::new(Policy { inspection, ..Policy::default() });
        let route = WebSocket { policy, context_takeover: true, ..WebSocket::default() };
        let mut headers = HeaderMap::new();
        headers.insert("x-wsproxy-upstream", HeaderValue::from_static("ws://backend"));
        for (name, value) in lines {
            headers.insert(*name, value.parse().unwrap());
        }
        held(&route, &Wanted::read(&headers, &HeaderConfig::new()).unwrap())
    }

    #[test]
    fn a_webhook_of_a_request_is_asked_about_all_of_every_message() {
        for (name, from) in
            [("x-wsproxy-inboundhook", Side::Client), ("x-wsproxy-outboundhook", Side::Upstream)]
        {
            let websocket = held_with(&[(name, "http://hook"), ("x-wsproxy-compress", "true")]);
            let policy = &websocket.policy;
            assert!(policy.inspection.includes(from));
            assert_eq!(policy.inspection.stream_above, None, "{name}");
            assert_eq!(policy.limits_of(from).fragments_max, INSPECTED_FRAGMENTS_MAX, "{name}");
            assert!(websocket.needs_independent_messages(), "{name}");
        }
        let websocket = held_with(&[]);
        assert_eq!(websocket.policy.inspection.stream_above, Some(65_536));
        assert!(!websocket.needs_independent_messages());
    }

    #[test]
    fn a_compressed_message_of_the_client_has_the_same_limit_inflated() {
        const ROUTE: u64 = 1 << 20;
        let compress = ("x-wsproxy-compress", "true");
        let hook = ("x-wsproxy-inboundhook", "http://hook");
        for (size, lines, inflated) in [
            ("4096", &[compress][..], 4096),
            ("4096", &[compress, hook], 4096),
            ("2097152", &[compress], 2 * ROUTE),
            ("2097152", &[compress, hook], ROUTE),
        ] {
            let lines = [&[("x-wsproxy-maxframesize", size)], lines].concat();
            let websocket = held_as(Inspection::default(), &lines);
            let (policy, inspection) = (&websocket.policy, &websocket.policy.inspection);
            assert!(inspection.client && !inspection.upstream, "{lines:?}");
            assert_eq!(inspection.inflated_size_max_of(Side::Client), inflated, "{lines:?}");
            assert_eq!(inspection.inflated_size_max_of(Side::Upstream), ROUTE, "{lines:?}");
            assert_eq!(policy.limits.fragments_max, INSPECTED_FRAGMENTS_MAX, "{lines:?}");
        }
        assert!(!held_as(Inspection::default(), &[]).policy.inspection.client);
    }
}

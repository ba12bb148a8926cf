//! An upstream as it runs: its targets, which of them gets a request, and how they fare.
//! One for all workers. Its lock is held for the length of a choice or a verdict, never
//! while anything waits.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use gate_config::model::{self, Fingerprint, Objection, OnUnhealthy, Upstream, fingerprint};
use gate_core::balance::{Balancer, Candidate, Lot, Share, hash};
use gate_core::health::{Change, Health, Outcome, Rules, Standing};
use gate_net::tls::client::Connector;
use http::{HeaderMap, header};

use crate::clock;
use crate::upstream::lease::Lease;
use crate::upstream::news::{Event, News, Watch};
use crate::upstream::sticky;
pub(crate) use crate::upstream::target::TargetKey;
use crate::upstream::target::{Failure, Target};
use crate::upstream::wish::{Ask, Bond, Wish};

/// See the module.
pub(crate) struct Cluster {
    upstream: Upstream,
    /// Of the upstream, and of the files that it names.
    content: Fingerprint,
    targets: Vec<Arc<Target>>,
    /// Whom it trusts, and shows itself as, where a target uses TLS.
    trust: Fingerprint,
    connector: Option<Connector>,
    rules: Rules,
    judgement: Mutex<Judgement>,
    watch: OnceLock<Arc<dyn Watch>>,
}

/// What changes from request to request.
struct Judgement {
    balancer: Balancer,
    /// By target.
    health: Vec<Health>,
}

/// The targets of a cluster that is no longer the one in use, with their health.
struct Heirs(Vec<(Arc<Target>, Health)>);

impl Heirs {
    fn of(before: Option<&Arc<Cluster>>) -> Self {
        let known = |before: &Arc<Cluster>| {
            let health = before.judge().health.clone();
            before.targets.iter().cloned().zip(health).collect()
        };
        Self(before.map_or_else(Vec::new, known))
    }

    /// What there is of the server that `target` describes. Each is claimed once.
    fn claim(&mut self, target: &model::Target) -> Option<(Arc<Target>, Health)> {
        let same = self.0.iter().position(|(known, _)| known.is(target))?;
        Some(self.0.remove(same))
    }
}

/// Which targets a choice is among.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Among {
    /// Those that are well.
    Up,
    /// Those that are ejected.
    Ejected,
}

/// A target's figures at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    /// Its address as it was configured.
    pub(crate) target: Arc<str>,
    /// Times that it was chosen for a request.
    pub(crate) attempts: u64,
    /// Failures by reason; all reasons there are.
    pub(crate) failures: Vec<(&'static str, u64)>,
    /// Requests and sessions under way.
    pub(crate) in_flight: u32,
    /// Checks find it healthy, and it is not ejected.
    pub(crate) is_healthy: bool,
}

impl Cluster {
    /// The cluster of `upstream`, all of whose targets are taken for healthy. Names are not
    /// resolved yet.
    ///
    /// # Errors
    /// What there is against the files that `tls` names.
    pub(crate) fn new(upstream: &Upstream) -> Result<Arc<Self>, Vec<Objection>> {
        Self::after(None, upstream)
    }

    /// The same in the place of another one, which stays as it is: that one where nothing has
    /// changed, files included; else one whose targets keep what is known and counted of them,
    /// as far as their addresses are the same.
    ///
    /// # Errors
    /// As [`Cluster::new`].
    pub(crate) fn after(
        before: Option<&Arc<Self>>,
        upstream: &Upstream,
    ) -> Result<Arc<Self>, Vec<Objection>> {
        let content = fingerprint(upstream, upstream.files());
        if let Some(same) = before.filter(|before| before.content == content) {
            return Ok(Arc::clone(same));
        }
        let uses_tls = upstream.targets.iter().any(|target| target.tls);
        let connector = uses_tls.then(|| Connector::new(&upstream.tls)).transpose()?;
        let trust = fingerprint(&upstream.tls, upstream.files());
        let is_trust_the_same = before.is_none_or(|before| before.trust == trust);
        let mut heirs = Heirs::of(before);
        let mut targets = Vec::with_capacity(upstream.targets.len());
        let mut health = Vec::with_capacity(upstream.targets.len());
        for (index, (target, stable)) in upstream.targets.iter().zip(stable_keys(upstream)).enumerate() {
            let (same, known) = heirs.claim(target).unzip();
            let built = Target::new(index, stable, target, same.as_deref());
            let goes_on = is_trust_the_same || !target.tls;
            targets.push(Arc::new(if goes_on { built } else { built.with_new_lines() }));
            health.push(known.unwrap_or_default());
        }
        let weights =
            upstream.targets.iter().zip(&targets).map(|(target, built)| (target.weight, built.stable()));
        let balancer = Balancer::new(upstream.algorithm, weights);
        Ok(Arc::new(Self {
            content,
            trust,
            connector,
            rules: rules(upstream),
            upstream: upstream.clone(),
            targets,
            judgement: Mutex::new(Judgement { balancer, health }),
            watch: OnceLock::new(),
        }))
    }

    /// The cluster of an upstream of one target that was found for one request, at these addresses
    /// and no others. Nobody looks after it, and it ends with what it was found for.
    pub(crate) fn pinned(
        upstream: Upstream,
        connector: Option<Connector>,
        addresses: Vec<IpAddr>,
    ) -> Arc<Self> {
        let now = clock::now();
        let target = |(index, target): (usize, &model::Target)| {
            let target = Target::new(index, 0, target, None);
            if let Some(named) = target.whereabouts().named() {
                named.set(addresses.clone(), now);
            }
            Arc::new(target)
        };
        let targets: Vec<_> = upstream.targets.iter().enumerate().map(target).collect();
        let weights = upstream.targets.iter().map(|target| (target.weight, 0));
        let balancer = Balancer::new(upstream.algorithm, weights);
        let health = vec![Health::default(); targets.len()];
        Arc::new(Self {
            content: Fingerprint::default(),
            trust: Fingerprint::default(),
            connector,
            rules: rules(&upstream),
            upstream,
            targets,
            judgement: Mutex::new(Judgement { balancer, health }),
            watch: OnceLock::new(),
        })
    }

    /// The upstream's name.
    pub(crate) fn id(&self) -> &str {
        &self.upstream.id
    }

    /// What was configured.
    pub(crate) fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Does the TLS with targets that use it.
    pub(crate) fn connector(&self) -> Option<&Connector> {
        self.connector.as_ref()
    }

    /// All targets, in the order of the configuration.
    pub(crate) fn targets(&self) -> &[Arc<Target>] {
        &self.targets
    }

    /// How many targets requests are spread over: those that are well, or where there is none, those
    /// that are ejected. 0: checks find all of them unhealthy.
    pub(crate) fn available(&self) -> usize {
        let now = clock::now();
        let judgement = self.judge();
        let (mut up, mut ejected) = (0, 0);
        for health in &judgement.health {
            match health.standing(&self.rules, now) {
                Standing::Up(_) => up += 1,
                Standing::Ejected(_) => ejected += 1,
                Standing::Down => {}
            }
        }
        if up > 0 { up } else { ejected }
    }

    /// The figures of all targets, in the order of the configuration.
    pub(crate) fn figures(&self) -> Vec<Figures> {
        let now = clock::now();
        let judgement = self.judge();
        let figures = |(target, health): (&Arc<Target>, &Health)| Figures {
            target: Arc::clone(target.text()),
            attempts: target.attempts(),
            failures: target.failures().collect(),
            in_flight: target.in_flight(),
            is_healthy: matches!(health.standing(&self.rules, now), Standing::Up(_)),
        };
        self.targets.iter().zip(&judgement.health).map(figures).collect()
    }

    /// Whom to tell of changes; the first one stays.
    pub(crate) fn set_watch(&self, watch: Arc<dyn Watch>) {
        let _stays = self.watch.set(watch);
    }

    /// What of a request decides its target.
    pub(crate) fn wish(&self, ask: &Ask<'_>) -> Wish {
        Wish::new(&self.upstream, &self.targets, ask)
    }

    /// Makes the fields of a request those that the upstream is to see: its own Host, where
    /// it has one, and not the gateway's cookie.
    pub(crate) fn adapt(&self, headers: &mut HeaderMap) {
        if let Some(host) = &self.upstream.host {
            headers.insert(header::HOST, host.clone());
        }
        if let Some(sticky) = &self.upstream.sticky {
            sticky::remove(headers, &sticky.cookie_name);
        }
    }

    /// Whom it trusts, and shows itself as, where a target uses TLS.
    pub(crate) fn trust(&self) -> Fingerprint {
        self.trust
    }

    /// Chooses by a hash alone: what has the same hash goes to the same target while that is well.
    pub(crate) fn choose_by(self: &Arc<Self>, hash: u64) -> Option<Lease> {
        self.choose(&Wish::by_hash(hash), &[])
    }

    /// The same, but `bound` before all others while it is well, and none of those that were `passed`. Each
    /// is given by what stands for the target.
    pub(crate) fn choose_past(
        self: &Arc<Self>,
        hash: u64,
        bound: Option<u64>,
        passed: &[u64],
    ) -> Option<Lease> {
        let index = |stable: &u64| self.targets.iter().position(|target| target.stable() == *stable);
        let wish = Wish::by_hash(hash).bound_to(bound.as_ref().and_then(index));
        let passed: Vec<usize> = passed.iter().filter_map(index).collect();
        self.choose(&wish, &passed)
    }

    /// What stands for the target that has what has that hash while all are well.
    pub(crate) fn home_of(&self, hash: u64) -> Option<u64> {
        let look = |_: usize| Candidate { load: 0, share: Share::FULL };
        let index = self.judge().balancer.choose(look, Lot { random: [0; 2], hash })?;
        self.targets.get(index).map(|target| target.stable())
    }

    /// The target of that address, be it well or not.
    pub(crate) fn lease_of(self: &Arc<Self>, address: &str) -> Option<Lease> {
        let target = self.targets.iter().find(|target| **target.text() == *address)?;
        Some(Lease::new(Arc::clone(self), target))
    }

    /// Chooses a target that is not among `tried`. Those that are ejected come last.
    pub(super) fn choose(self: &Arc<Self>, wish: &Wish, tried: &[usize]) -> Option<Lease> {
        let now = clock::now();
        let mut judgement = self.judge();
        let index = self
            .bound(&judgement, wish, tried, now)
            .or_else(|| self.among(&mut judgement, wish, tried, (Among::Up, now)))
            .or_else(|| self.among(&mut judgement, wish, tried, (Among::Ejected, now)))?;
        // Counted before the lock is let go, so that the next choice sees it.
        let lease = Lease::new(Arc::clone(self), self.targets.get(index)?);
        drop(judgement);
        Some(lease)
    }

    /// The target that the client's cookie names, if it is well.
    fn bound(&self, judgement: &Judgement, wish: &Wish, tried: &[usize], now: Instant) -> Option<usize> {
        let Bond::To { index, .. } = wish.bond else { return None };
        let health = judgement.health.get(index)?;
        let is_up = matches!(health.standing(&self.rules, now), Standing::Up(_));
        (is_up && !tried.contains(&index)).then_some(index)
    }

    fn among(
        &self,
        judgement: &mut Judgement,
        wish: &Wish,
        tried: &[usize],
        (among, now): (Among, Instant),
    ) -> Option<usize> {
        let Judgement { balancer, health } = judgement;
        let look = |index: usize| {
            let standing =
                health.get(index).map_or(Standing::Down, |health| health.standing(&self.rules, now));
            let share = match (standing, among) {
                (Standing::Up(share), Among::Up) | (Standing::Ejected(share), Among::Ejected)
                    if !tried.contains(&index) =>
                {
                    share
                }
                (Standing::Up(_) | Standing::Ejected(_) | Standing::Down, _) => Share::NONE,
            };
            let load = self.targets.get(index).map_or(0, |target| target.in_flight());
            Candidate { load, share }
        };
        balancer.choose(look, Lot { random: rand::random(), hash: wish.hash })
    }

    /// A check of a target has been made; `why` says what was wrong, if anything was.
    pub(super) fn report_check(&self, target: &Target, result: Result<(), &str>) {
        let (outcome, why) = match result {
            Ok(()) => (Outcome::Passed, ""),
            Err(why) => (Outcome::Failed, why),
        };
        let change = self
            .judge()
            .health
            .get_mut(target.index())
            .and_then(|health| health.check(outcome, &self.rules, clock::now()));
        self.tell(target, change, why);
    }

    /// A request has been answered.
    pub(super) fn report_success(&self, target: &Target) {
        if !target.account().is_stained.load(Ordering::Relaxed) {
            return;
        }
        let mut judgement = self.judge();
        if let Some(health) = judgement.health.get_mut(target.index()) {
            let _never_a_change = health.request(Outcome::Passed, &self.rules, clock::now());
            target.account().is_stained.store(!health.is_spotless(), Ordering::Relaxed);
        }
    }

    /// A request has failed by the target's doing.
    pub(super) fn report_failure(&self, target: &Target, failure: Failure) {
        target.count_failure(failure);
        let change = self.judge().health.get_mut(target.index()).and_then(|health| {
            let change = health.request(Outcome::Failed, &self.rules, clock::now());
            target.account().is_stained.store(!health.is_spotless(), Ordering::Relaxed);
            change
        });
        self.tell(target, change, failure.reason());
    }

    fn tell(&self, target: &Target, change: Option<Change>, why: &str) {
        let event = match change {
            None => return,
            Some(Change::Healthy) => Event::Healthy,
            Some(Change::Unhealthy) => {
                Event::Unhealthy { closes_sessions: self.upstream.on_unhealthy == OnUnhealthy::Close }
            }
            Some(Change::Ejected { lasting }) => Event::Ejected { lasting },
        };
        self.announce(target, event, why);
    }

    /// Tells whoever watches.
    pub(super) fn announce(&self, target: &Target, event: Event, why: &str) {
        if let Some(watch) = self.watch.get() {
            watch.tell(&News { upstream: self.id(), target: target.text(), key: target.key(), event, why });
        }
    }

    fn judge(&self) -> MutexGuard<'_, Judgement> {
        self.judgement.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cluster").field(&self.upstream.id).finish()
    }
}

fn rules(upstream: &Upstream) -> Rules {
    let (healthy_threshold, unhealthy_threshold) = upstream
        .health_check
        .as_ref()
        .map_or((1, 1), |check| (check.healthy_threshold, check.unhealthy_threshold));
    Rules {
        healthy_threshold,
        unhealthy_threshold,
        max_fails: upstream.passive.max_fails,
        window: upstream.passive.window,
        ejection: upstream.passive.ejection,
        slow_start: upstream.slow_start,
    }
}

/// What stands for each target, from its address and the upstream's name: the order of the
/// targets plays no part, but for those with one and the same address.
fn stable_keys(upstream: &Upstream) -> Vec<u64> {
    let mut keys: Vec<u64> = Vec::with_capacity(upstream.targets.len());
    for target in &upstream.targets {
        let text = format!("{}\n{}", upstream.id, target.address.value);
        let occurrences = (0_u32..).map(|nth| match nth {
            0 => hash(text.as_bytes()),
            nth => hash(format!("{text}\n{nth}").as_bytes()),
        });
        keys.extend(occurrences.into_iter().find(|key| !keys.contains(key)));
    }
    keys
}

#[cfg(test)]
mod tests;

//! What is told of a connection to a target that the gateway makes: of each attempt that fails, why and
//! how far it came, and of the one that does not, how it was opened.

use std::net::SocketAddr;
use std::sync::Arc;

use gate_config::model::SipTransport;
use gate_core::ids::RouteId;

use super::connection::{ConnectionTrace, Failure, Leg, Opener, Opening, Speech};
use super::event::{Secured, Shown};
use super::heads;
use super::switches::Wire;
use super::tracer::Tracer;
use crate::clock;
use crate::upstream::cluster::Cluster;
use crate::upstream::error::chain;
use crate::upstream::trail::{Course, Trail};

/// See the module.
pub(crate) struct Dialling {
    tracer: Arc<Tracer>,
    cluster: Arc<Cluster>,
    behalf: Behalf,
    /// The head of the opening handshake; `None`: there is none, or nobody is told of it.
    request: Option<String>,
}

/// Whom a connection is made for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Behalf {
    pub(crate) route: Option<(RouteId, Arc<str>)>,
    /// What else there is to be told of it, by keys.
    pub(crate) about: Vec<(&'static str, Arc<str>)>,
}

impl Dialling {
    /// One that is about to be made.
    pub(crate) fn begin(tracer: &Arc<Tracer>, cluster: &Arc<Cluster>, behalf: Behalf) -> Self {
        Self { tracer: Arc::clone(tracer), cluster: Arc::clone(cluster), behalf, request: None }
    }

    /// Has the head of its opening handshake told, which is made only if somebody is told.
    pub(crate) fn ask_by(&mut self, head: impl FnOnce() -> String) {
        if [Wire::Plain, Wire::Tls].into_iter().any(|wire| self.tracer.is_on(wire)) {
            self.request = Some(head());
        }
    }

    /// A target did not do what it was asked for.
    pub(crate) fn failed(&self, trail: &Trail, reason: &str, detail: &str) {
        let Some(course) = trail.course() else { return };
        self.tell_of_missed(course);
        let status = course.reply.as_ref().map(|(status, _)| status.as_u16());
        self.tell_failure(course, course.ends(), &Failure { reason, detail, status });
    }

    /// There is a connection, which goes on to tell what `behalf` says, too; `None`: it is not traced.
    pub(crate) fn opened(
        &self,
        trail: &Trail,
        behalf: &[(&'static str, &Arc<str>)],
    ) -> Option<ConnectionTrace> {
        let course = trail.course()?;
        self.tell_of_missed(course);
        let mut trace = self.connection(course, course.ends())?;
        for (key, value) in behalf {
            trace.tell_about(key, value);
        }
        if trace.is_on() {
            self.with_opening(course, |opening| trace.opened(opening));
        }
        Some(trace)
    }

    /// Addresses of the target that were not reached before the one that was tried last.
    fn tell_of_missed(&self, course: &Course) {
        for (address, error) in &course.missed {
            let detail = chain(error);
            let failure = Failure { reason: error.reason(), detail: &detail, status: None };
            let missed = Course { target: course.target.clone(), ..Course::default() };
            self.tell_failure(&missed, (Some(*address), None), &failure);
        }
    }

    fn tell_failure(
        &self,
        course: &Course,
        ends: (Option<SocketAddr>, Option<SocketAddr>),
        failure: &Failure<'_>,
    ) {
        if let Some(mut trace) = self.connection(course, ends) {
            if let Some(target) = &course.target {
                trace.tell_about("Target", &target.text);
            }
            self.with_opening(course, |opening| trace.never_opened(failure, opening));
        }
    }

    fn connection(
        &self,
        course: &Course,
        (peer, local): (Option<SocketAddr>, Option<SocketAddr>),
    ) -> Option<ConnectionTrace> {
        let aim = course.target.as_ref();
        let uses_tls = aim.map_or_else(|| self.cluster.connector().is_some(), |aim| aim.uses_tls);
        let leg = Leg {
            peer,
            local,
            is_unix: aim.is_some_and(|aim| aim.is_unix),
            opener: Opener::Gateway,
            speech: match aim.and_then(|aim| aim.sip) {
                None => Speech::WebSocket,
                // To one that is asked by datagrams as a rule there may be a stream as well.
                Some(SipTransport::Udp | SipTransport::Tcp) => Speech::Sip(SipTransport::Tcp),
                Some(SipTransport::Tls) => Speech::Sip(SipTransport::Tls),
            },
            wire: if uses_tls { Wire::Tls } else { Wire::Plain },
            route: self.behalf.route.as_ref().map(|(id, _)| *id),
        };
        let mut trace = self.tracer.connection(leg, aim.map_or_else(clock::now, |aim| aim.since))?;
        if let Some((_, name)) = &self.behalf.route {
            trace.tell_about("Route", name);
        }
        trace.tell_about("Upstream", &self.cluster.upstream().id);
        for (key, value) in &self.behalf.about {
            trace.tell_about(key, value);
        }
        Some(trace)
    }

    fn with_opening(&self, course: &Course, then: impl FnOnce(&Opening<'_>)) {
        let tls = self.secured(course);
        let reply = course.reply.as_ref().map(|(status, headers)| heads::reply(*status, headers));
        let request = self.request.as_deref().filter(|_| course.is_asked);
        then(&Opening { tls: tls.as_ref(), request, reply: reply.as_deref() });
    }

    /// What there is to be told of TLS: where it has failed, the certificates alone.
    fn secured(&self, course: &Course) -> Option<Secured> {
        let aim = course.target.as_ref().filter(|aim| aim.uses_tls && course.is_connected)?;
        let connector = self.cluster.connector()?;
        let agreed = course.tls.as_ref();
        let shown = agreed.and_then(|tls| tls.peer_certificate.as_ref()).or(course.refused.as_ref());
        Some(Secured {
            version: agreed.map_or("", |tls| tls.version),
            cipher: agreed.map_or("", |tls| tls.cipher),
            server_name: connector.server_name(&aim.host),
            client: connector.shown().map(Shown::from),
            server: shown.map(Shown::from),
        })
    }
}

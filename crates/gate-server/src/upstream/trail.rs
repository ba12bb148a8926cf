//! How far an attempt to reach a target has come, for those who are told of the attempts that fail:
//! an error says what went wrong, this says where.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use gate_config::model::SipTransport;
use gate_net::Stream;
use gate_net::tls::{Negotiated, PeerCertificate};
use http::{HeaderMap, StatusCode};

use crate::clock;
use crate::upstream::dial::DialError;
use crate::upstream::target::{Target, Whereabouts};

/// See the module. Where nobody is told, nothing is kept.
#[derive(Debug)]
pub(crate) struct Trail(Option<Box<Course>>);

/// What there is to be told of an attempt, and of those before it.
#[derive(Debug, Default)]
pub(crate) struct Course {
    /// The target that is tried; `None`: none is yet.
    pub(crate) target: Option<Aim>,
    /// Its addresses that were tried before, and why they were not reached.
    pub(crate) missed: Vec<(SocketAddr, DialError)>,
    /// The address that is tried; `None`: at a unix socket, or none is.
    pub(crate) peer: Option<SocketAddr>,
    /// The gateway's end; `None`: there is no connection, or one to a unix socket.
    pub(crate) local: Option<SocketAddr>,
    pub(crate) is_connected: bool,
    /// What was agreed on, once that is so.
    pub(crate) tls: Option<Negotiated>,
    /// The target's certificate, where it was refused.
    pub(crate) refused: Option<PeerCertificate>,
    /// The opening handshake has begun.
    pub(crate) is_asked: bool,
    /// The head of the answer to it.
    pub(crate) reply: Option<(StatusCode, HeaderMap)>,
}

/// A target as it is told of.
#[derive(Clone, Debug)]
pub(crate) struct Aim {
    /// As it was configured.
    pub(crate) text: Arc<str>,
    pub(crate) uses_tls: bool,
    /// It is at a unix socket.
    pub(crate) is_unix: bool,
    /// Its name, which TLS goes by.
    pub(crate) host: String,
    /// How it speaks SIP without WebSocket, if it does.
    pub(crate) sip: Option<SipTransport>,
    pub(crate) since: Instant,
}

impl Trail {
    /// Somebody is told.
    pub(crate) fn told() -> Self {
        Self(Some(Box::default()))
    }

    /// Nobody is.
    pub(crate) const fn untold() -> Self {
        Self(None)
    }

    /// What there is to be told; `None`: nobody is.
    pub(crate) fn course(&self) -> Option<&Course> {
        self.0.as_deref()
    }

    /// A target is tried; what was known of the one before counts no more.
    pub(super) fn begin(&mut self, target: &Target) {
        if let Some(course) = &mut self.0 {
            let target = Some(Aim {
                text: Arc::clone(target.text()),
                uses_tls: target.uses_tls(),
                is_unix: matches!(target.whereabouts(), Whereabouts::Unix(_)),
                host: target.whereabouts().host(),
                sip: target.sip(),
                since: clock::now(),
            });
            **course = Course { target, ..Course::default() };
        }
    }

    /// One of its addresses is.
    pub(super) fn try_address(&mut self, address: SocketAddr) {
        if let Some(course) = &mut self.0 {
            course.peer = Some(address);
        }
    }

    /// That address was not reached, and another one is tried behind it.
    pub(super) fn miss(&mut self, error: DialError) {
        if let Some(course) = &mut self.0
            && let Some(address) = course.peer.take()
        {
            course.missed.push((address, error));
        }
    }

    /// There is a connection.
    pub(super) fn connect(&mut self, local: Option<SocketAddr>) {
        if let Some(course) = &mut self.0 {
            course.local = local;
            course.is_connected = true;
        }
    }

    /// TLS on it, where there is any, is agreed on.
    pub(super) fn secure(&mut self, stream: &mut Stream) {
        if let Some(course) = &mut self.0 {
            course.tls = stream.negotiated();
        }
    }

    /// TLS has failed, by that certificate if it was that.
    pub(super) fn refuse(&mut self, certificate: Option<&PeerCertificate>) {
        if let Some(course) = &mut self.0 {
            course.refused = certificate.cloned();
        }
    }

    /// The opening handshake begins.
    pub(super) fn ask(&mut self) {
        if let Some(course) = &mut self.0 {
            course.is_asked = true;
        }
    }

    /// It has been answered.
    pub(super) fn answer(&mut self, status: StatusCode, headers: &HeaderMap) {
        if let Some(course) = &mut self.0 {
            course.reply = Some((status, headers.clone()));
        }
    }
}

impl Course {
    /// The other end and the gateway's.
    pub(crate) fn ends(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        (self.peer, self.local)
    }
}

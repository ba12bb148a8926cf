//! What holds for a client by the name it asks for (RFC 6066 §3), and which identity it is shown.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Things by names of hosts.
#[derive(Debug)]
pub(super) struct ByName<T> {
    exact: HashMap<Box<str>, T>,
    /// By what follows the first label, its dot included.
    wildcard: HashMap<Box<str>, T>,
}

impl<T> Default for ByName<T> {
    fn default() -> Self {
        Self { exact: HashMap::new(), wildcard: HashMap::new() }
    }
}

impl<T> ByName<T> {
    /// Adds what holds for `name`, in lower case; `*.` in front of it is any one label.
    pub(super) fn insert(&mut self, name: &str, thing: T) {
        match name.strip_prefix('*') {
            Some(suffix) => self.wildcard.insert(suffix.into(), thing),
            None => self.exact.insert(name.into(), thing),
        };
    }

    /// What holds for `name`, in lower case.
    pub(super) fn find(&self, name: &str) -> Option<&T> {
        let wildcard = || name.find('.').and_then(|dot| self.wildcard.get(name.get(dot..)?));
        self.exact.get(name).or_else(wildcard)
    }
}

/// Identities by name.
#[derive(Debug)]
pub(super) struct Identities {
    pub(super) named: ByName<Arc<CertifiedKey>>,
    /// For clients that ask for none of the names.
    pub(super) default: Arc<CertifiedKey>,
}

impl ResolvesServerCert for Identities {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // The name is in lower case already.
        let name = hello.server_name();
        ASKED.set(name.map(Into::into));
        Some(Arc::clone(name.and_then(|name| self.named.find(name)).unwrap_or(&self.default)))
    }
}

thread_local! {
    /// The name that the last client on this thread asked for. The unbuffered connection does
    /// not tell; but it asks for an identity within the very call that reads the name.
    static ASKED: Cell<Option<Box<str>>> = const { Cell::new(None) };
}

/// The name asked for by the client whose bytes were just taken in, if it was just then.
pub(super) fn take_asked() -> Option<Box<str>> {
    ASKED.take()
}

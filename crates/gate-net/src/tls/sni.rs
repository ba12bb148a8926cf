//! Which identity a client is shown: that of the name it asks for (RFC 6066 §3).

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Identities by name.
#[derive(Debug)]
pub(super) struct Identities {
    exact: HashMap<Box<str>, Arc<CertifiedKey>>,
    /// By what follows the first label, its dot included.
    wildcard: HashMap<Box<str>, Arc<CertifiedKey>>,
    default: Arc<CertifiedKey>,
}

impl Identities {
    pub(super) fn new(default: Arc<CertifiedKey>) -> Self {
        Self { exact: HashMap::new(), wildcard: HashMap::new(), default }
    }

    /// Adds an identity for `name`, in lower case; `*.` in front of it is any one label.
    pub(super) fn insert(&mut self, name: &str, identity: Arc<CertifiedKey>) {
        match name.strip_prefix('*') {
            Some(suffix) => self.wildcard.insert(suffix.into(), identity),
            None => self.exact.insert(name.into(), identity),
        };
    }

    fn find(&self, name: Option<&str>) -> &Arc<CertifiedKey> {
        let named = name.and_then(|name| {
            let wildcard = || name.find('.').and_then(|dot| self.wildcard.get(name.get(dot..)?));
            self.exact.get(name).or_else(wildcard)
        });
        named.unwrap_or(&self.default)
    }
}

impl ResolvesServerCert for Identities {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // The name is in lower case already.
        let name = hello.server_name();
        ASKED.set(name.map(Into::into));
        Some(Arc::clone(self.find(name)))
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

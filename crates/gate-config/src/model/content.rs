//! What a configuration says, told apart from how it is written: whether two mean the same, and
//! which files outside its own text they speak of. Comments, blanks and the order of files are no
//! part of it, nor is a place in a text.

use std::fmt;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use http::{HeaderName, HeaderValue};

use super::{
    ClientTls, Config, Identity, Inspect, Listener, Route, Secret, TlsTerms, Trace, TraceTransport, Upstream,
};

/// Tells two contents apart. Equal ones have equal fingerprints in every process of one build.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The fingerprint of `part` of a configuration, and of what stands in `files`. A file that
/// cannot be read has none of the contents that it can have.
pub fn fingerprint<'a>(part: &impl fmt::Debug, files: impl IntoIterator<Item = &'a Path>) -> Fingerprint {
    let mut hasher = DefaultHasher::new();
    // All types of the model print all that they hold, but for secrets and places.
    format!("{part:?}").hash(&mut hasher);
    for file in files {
        file.hash(&mut hasher);
        fs::read(file).ok().hash(&mut hasher);
    }
    Fingerprint(hasher.finish())
}

impl Config {
    /// The fingerprint of all of it and of the files that it names.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hasher = DefaultHasher::new();
        fingerprint(self, self.files()).0.hash(&mut hasher);
        // A secret does not print itself.
        let token = self.admin.as_ref().and_then(|admin| admin.token.as_ref());
        token.map(|token| token.value.reveal()).hash(&mut hasher);
        let keys = self.traces.iter().filter_map(|trace| trace.auth_key.as_ref());
        keys.map(Secret::reveal).collect::<Vec<_>>().hash(&mut hasher);
        for (name, value) in self.routes.iter().flat_map(Route::secret_headers) {
            (name.as_str(), value.as_bytes()).hash(&mut hasher);
        }
        Fingerprint(hasher.finish())
    }

    /// The files that are read when it begins to run: certificates, keys, revocation lists, tokens.
    #[must_use]
    pub fn files(&self) -> Vec<&Path> {
        let mut files = Vec::new();
        files.extend(self.listeners.iter().flat_map(Listener::files));
        files.extend(self.upstreams.iter().flat_map(Upstream::files));
        files.extend(self.routes.iter().flat_map(Route::files));
        files.extend(self.traces.iter().flat_map(Trace::files));
        files.extend(self.server.sip_token_secret_file.iter().map(|file| &*file.value));
        files.extend(self.admin.iter().filter_map(|admin| Some(&*admin.token_file.as_ref()?.value)));
        files.sort_unstable();
        files.dedup();
        files
    }
}

impl Listener {
    /// The files that are read for it: certificates, keys and revocation lists.
    #[must_use]
    pub fn files(&self) -> Vec<&Path> {
        let mut files = Vec::new();
        if let Some(tls) = &self.tls {
            files.extend(tls.terms.files());
            files.extend(tls.sni.iter().flat_map(|domain| domain.terms.files()));
        }
        files
    }
}

impl TlsTerms {
    fn files(&self) -> impl Iterator<Item = &Path> {
        let asked = self.ca_file.iter().chain(&self.crl_files).map(|file| &*file.value);
        of_identity(&self.identity).into_iter().chain(asked)
    }
}

impl Upstream {
    /// The files that are read for it: certificates and keys.
    #[must_use]
    pub fn files(&self) -> Vec<&Path> {
        self.tls.files()
    }
}

impl Route {
    /// The files that are read for it: schemas, keys and certificates of webhooks.
    #[must_use]
    pub fn files(&self) -> Vec<&Path> {
        let mut files = Vec::new();
        files.extend(self.websocket.inspect.iter().flat_map(Inspect::files));
        files.extend(self.websocket.webhooks.iter().flat_map(|webhook| webhook.settings.files()));
        files.extend(self.header_config.iter().flat_map(|config| config.files()));
        files
    }

    /// Fields for webhooks, which do not print themselves.
    fn secret_headers(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        let of_hooks = self.websocket.webhooks.iter().flat_map(|webhook| &webhook.headers);
        of_hooks.chain(self.header_config.iter().flat_map(|config| &config.hook_headers))
    }
}

impl Trace {
    /// The files that are read for it: certificates and keys.
    #[must_use]
    pub fn files(&self) -> Vec<&Path> {
        match &self.transport {
            TraceTransport::Udp | TraceTransport::Tcp => Vec::new(),
            TraceTransport::Tls(tls) => tls.files(),
        }
    }
}

impl ClientTls {
    /// The files that are read for it: certificates and keys.
    #[must_use]
    pub fn files(&self) -> Vec<&Path> {
        let mut files: Vec<&Path> = self.ca_file.iter().map(|file| &*file.value).collect();
        files.extend(self.identity.iter().flat_map(of_identity));
        files
    }
}

fn of_identity(identity: &Identity) -> [&Path; 2] {
    [&identity.cert_file.value, &identity.key_file.value]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        crate::parse("test.kdl", text).expect("a configuration without mistakes").config
    }

    const PLAIN: &str = r#"listeners { listener "a" { address "127.0.0.1:80" } }
        upstreams { upstream "u" { target "10.0.0.1:1" } }
        routes { route "r" { matches { path-regex "^/a[0-9]+$" }; upstream "u" } }"#;

    #[test]
    fn what_means_the_same_has_the_same_fingerprint() {
        let plain = config(PLAIN).fingerprint();
        assert_eq!(config(&format!("// a comment\n\n{PLAIN}\n\n")).fingerprint(), plain);
        assert_eq!(
            config(&PLAIN.replace("; upstream \"u\"", "\nupstream \"u\"; priority 50")).fingerprint(),
            plain
        );
    }

    #[test]
    fn whatever_means_something_else_has_another() {
        let plain = config(PLAIN).fingerprint();
        for (from, to) in [
            ("[0-9]+", "[0-9]*"),
            ("127.0.0.1:80", "127.0.0.1:81"),
            ("10.0.0.1:1", "10.0.0.1:2"),
            ("\"r\"", "\"s\""),
            ("upstream \"u\" }", "upstream \"u\"; websocket { max-connections 3 } }"),
            ("upstream \"u\" }", "upstream \"u\"; websocket { max-frame-size \"1KB\" } }"),
            ("listeners", "server { drain { close-reason \"x\" } }\nlisteners"),
        ] {
            assert!(PLAIN.contains(from), "{from}");
            assert_ne!(config(&PLAIN.replace(from, to)).fingerprint(), plain, "{from} {to}");
        }
    }

    #[test]
    fn secrets_count_though_they_do_not_print_themselves() {
        let with = |token: &str| config(&format!("{PLAIN}\nadmin {{ token \"{token}\" }}")).fingerprint();
        assert_ne!(with("0123456789abcdef"), with("0123456789abcdeg"));
    }

    #[test]
    fn the_contents_of_files_count() {
        let folder = std::env::temp_dir().join(format!("framegate-content-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("a.pem");
        let of = |content: Option<&str>| {
            if let Some(content) = content {
                fs::write(&file, content).expect("a file");
            }
            fingerprint(&"x", [&*file])
        };
        let (missing, first, second) = (of(None), of(Some("1")), of(Some("2")));
        assert_ne!(missing, first);
        assert_ne!(first, second);
        assert_eq!(of(Some("1")), first);
        fs::remove_dir_all(&folder).expect("it was made");
    }
}

//! `header-config`: sessions whose upstream, webhooks and limits are told by the request itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gate_core::Side;
use gate_core::route::HostPattern;
use http::{HeaderName, HeaderValue};
use ipnet::IpNet;

use super::place::At;
use super::webhook::HookSettings;
use super::{ClientTls, Peers};

/// See the module. The fields are those whose names begin with `x-wsproxy-`.
#[derive(Clone, Debug)]
pub struct HeaderConfig {
    /// `trusted`: peers of the connection whose fields are believed.
    pub trusted: Peers,
    /// `hmac-key-file`: keys by which fields may be signed that come from anybody else.
    pub keys: Vec<HeaderKey>,
    /// `on-untrusted`: what becomes of fields that are not believed.
    pub on_untrusted: OnUntrusted,
    /// `upstreams`: where sessions may go. Empty: nowhere.
    pub upstreams: Vec<AllowedOrigin>,
    /// `hooks`: who may be asked. Empty: nobody.
    pub hooks: Vec<AllowedOrigin>,
    /// `required-hooks`: whose messages must have a webhook.
    pub required_hooks: Vec<Side>,
    /// `max-message-size` of `ceilings`. Default 16 MiB.
    pub message_size_max: u64,
    /// `idle-timeout` of `ceilings`. Default 24 h.
    pub idle_max: Duration,
    /// `hook`: how such webhooks are asked.
    pub hook: HookSettings,
    /// `header` of `hook`: sent with each message.
    pub hook_headers: Vec<(HeaderName, HeaderValue)>,
    /// `tls`: towards such upstreams.
    pub tls: ClientTls,
}

impl HeaderConfig {
    /// One that believes nobody and lets nothing be chosen.
    #[must_use]
    pub fn new() -> Self {
        Self {
            trusted: Peers::default(),
            keys: Vec::new(),
            on_untrusted: OnUntrusted::Reject,
            upstreams: Vec::new(),
            hooks: Vec::new(),
            required_hooks: Vec::new(),
            message_size_max: 16 << 20,
            idle_max: Duration::from_hours(24),
            hook: HookSettings::default(),
            hook_headers: Vec::new(),
            tls: ClientTls::default(),
        }
    }

    /// The files that are read for it: keys and certificates.
    #[must_use]
    pub fn files(&self) -> Vec<&Path> {
        let mut files: Vec<&Path> = self.keys.iter().map(|key| &*key.file.value).collect();
        files.extend(self.hook.files());
        files.extend(self.tls.files());
        files
    }
}

impl Default for HeaderConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// `hmac-key-file`.
#[derive(Clone, Debug)]
pub struct HeaderKey {
    /// `id`: by which a signature names it.
    pub id: Arc<str>,
    /// Where it stands.
    pub file: At<PathBuf>,
}

/// `on-untrusted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUntrusted {
    /// The request is answered 403 (the default).
    Reject,
    /// They are taken out, and the request goes to the route's own upstream.
    Ignore,
}

/// An entry of `upstreams` or `hooks`: `"wss://*.example.org:443"`, `"ws://10.1.0.0/16"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedOrigin {
    /// `wss` or `https`.
    pub is_tls: bool,
    /// Which hosts.
    pub host: AllowedHost,
    /// The port; `None`: any.
    pub port: Option<u16>,
}

/// The hosts of an [`AllowedOrigin`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedHost {
    /// `*`: all.
    Any,
    /// A name, or all names below one.
    Name(HostPattern),
    /// Addresses: given as such, or those that a name stands for.
    Network(IpNet),
}

//! `webhook`: who is asked over HTTP about the messages of a session.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gate_core::Side;
use http::{HeaderName, HeaderValue, Method};
use ws_proto::CloseCode;

use super::place::At;
use super::{ClientTls, FailureMode, TargetAddress};

/// One webhook of a route.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// `"inbound"` is the client, `"outbound"` the upstream: whose messages it is asked about.
    pub from: Side,
    /// `url`.
    pub url: At<Url>,
    /// `method`. Default POST.
    pub method: Method,
    /// `header`: sent with each message, beside those that the gateway makes itself.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// How it is asked, and what comes of its answers.
    pub settings: HookSettings,
}

/// How a webhook is asked, and what comes of its answers.
#[derive(Clone, Debug)]
pub struct HookSettings {
    /// `opcodes`: of which messages.
    pub opcodes: HookOpcodes,
    /// `on-other`: what becomes of all others.
    pub on_other: OnOther,
    /// `timeout-ms`: for the whole of a call, the wait for a connection included. Default 5 s.
    pub timeout: Duration,
    /// `failure-mode`: what happens when there is no answer that can be used.
    pub failure_mode: FailureMode,
    /// `close-code`: what both peers are told when it refuses a message. Default 1008.
    pub close_code: CloseCode,
    /// `close-reason`: the same in words.
    pub close_reason: Arc<str>,
    /// `rewrite true`: an answer may have another payload in it.
    pub rewrites: bool,
    /// Bytes that such a payload may have: `max-message-size` of the route, or 1 MiB.
    pub rewrite_size_max: u64,
    /// `max-connections`: connections to its origin, of all workers together. Default 100.
    pub connections_max: u32,
    /// `hmac-key-file`: signs what is sent.
    pub key_file: Option<At<PathBuf>>,
    /// `tls`: for URLs of https.
    pub tls: ClientTls,
}

impl Default for HookSettings {
    fn default() -> Self {
        Self {
            opcodes: HookOpcodes { text: true, binary: true },
            on_other: OnOther::Close,
            timeout: Duration::from_secs(5),
            failure_mode: FailureMode::Closed,
            close_code: CloseCode::POLICY_VIOLATION,
            close_reason: "refused by webhook".into(),
            rewrites: false,
            rewrite_size_max: 1 << 20,
            connections_max: 100,
            key_file: None,
            tls: ClientTls::default(),
        }
    }
}

impl HookSettings {
    /// The files that are read for it: a key, and certificates.
    #[must_use]
    pub fn files(&self) -> Vec<&Path> {
        let mut files: Vec<&Path> = self.key_file.iter().map(|file| &*file.value).collect();
        files.extend(self.tls.files());
        files
    }
}

/// `opcodes`: the kinds of messages that a webhook is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HookOpcodes {
    /// `text`.
    pub text: bool,
    /// `binary`.
    pub binary: bool,
}

/// `on-other`: what becomes of messages that a webhook is not asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnOther {
    /// The session ends with 1003 (the default): a peer does not choose whether it is looked at.
    Close,
    /// They go on.
    Pass,
}

/// An absolute URL of http, https, ws or wss, without a user name and without a fragment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Url {
    /// `https` or `wss`.
    pub is_tls: bool,
    /// A name in lower case, or an address, IPv6 without brackets.
    pub host: String,
    /// The port, also where it is the scheme's.
    pub port: u16,
    /// The path and the query; at least `/`.
    pub target: String,
}

impl Url {
    /// The host, in brackets where it must be, and the port where it is not the scheme's: a Host field.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = self.host.as_str();
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let default = if self.is_tls { 443 } else { 80 };
        if self.port == default { host } else { format!("{host}:{}", self.port) }
    }

    /// Where it leads.
    #[must_use]
    pub fn address(&self) -> TargetAddress {
        TargetAddress::Tcp { host: self.host.clone(), port: self.port }
    }

    /// The path without the query, which may have secrets in it.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path())
    }
}

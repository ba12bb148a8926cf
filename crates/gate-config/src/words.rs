//! Settings that are one of a few words, and the words.

use std::fmt;

use gate_core::balance::Algorithm;
use gate_core::rate::OnExceed;
use gate_core::template::Escape;
use gate_core::{PingTo, Side};
use gate_inspect::{Mode, OnMatch};
use ws_proto::Opcode;

use crate::model::{
    AgentProtocol, Compression, FailureMode, Handler, Level, LogFormat, OnLimit, OnOther, OnUnhealthy,
    OnUntrusted, SameSite, Senders, SipMode, SipOnExceed, SipRateKey, SipTransport, TlsVersion, UnknownSni,
    WhenFull,
};

/// A type whose values are words in a configuration. Words have hyphens; underscores do as well.
pub(crate) trait Words: Copy + 'static {
    /// The words, as the reference page lists them.
    const WORDS: &'static [(&'static str, Self)];
    /// Other words for the same values.
    const ALIASES: &'static [(&'static str, Self)] = &[];
    /// Words whose feature does not exist.
    const LATER: &'static [&'static str] = &[];
}

/// The words of a type.
pub(crate) fn names<W: Words>() -> Vec<&'static str> {
    W::WORDS.iter().map(|(name, _)| *name).collect()
}

/// The word for a value.
fn word<W: Words + PartialEq>(value: W) -> &'static str {
    W::WORDS.iter().find(|(_, known)| *known == value).map_or("", |(name, _)| name)
}

impl fmt::Display for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(*self))
    }
}

impl fmt::Display for FailureMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(*self))
    }
}

/// What a word stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning<W> {
    Value(W),
    Later,
    Unknown,
}

/// What `word` stands for.
pub(crate) fn meaning<W: Words>(word: &str) -> Meaning<W> {
    let word = word.replace('_', "-");
    let known = W::WORDS.iter().chain(W::ALIASES).find(|(name, _)| *name == word);
    match known {
        Some((_, value)) => Meaning::Value(*value),
        None if W::LATER.contains(&&*word) => Meaning::Later,
        None => Meaning::Unknown,
    }
}

impl Words for TlsVersion {
    const WORDS: &'static [(&'static str, Self)] = &[("1.2", Self::V1_2), ("1.3", Self::V1_3)];
}

impl Words for UnknownSni {
    const WORDS: &'static [(&'static str, Self)] = &[("default", Self::Default), ("reject", Self::Reject)];
}

impl Words for OnLimit {
    const WORDS: &'static [(&'static str, Self)] = &[("close", Self::Close), ("reject", Self::Reject)];
}

impl Words for Compression {
    const WORDS: &'static [(&'static str, Self)] = &[("pass", Self::Pass), ("off", Self::Off)];
    const LATER: &'static [&'static str] = &["client-only"];
}

impl Words for Senders {
    const WORDS: &'static [(&'static str, Self)] =
        &[("client", Self::Client), ("upstream", Self::Upstream), ("both", Self::Both)];
}

/// `mode` of `inspect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InspectMode(pub(crate) Mode);

impl Words for InspectMode {
    const WORDS: &'static [(&'static str, Self)] =
        &[("block", Self(Mode::Block)), ("detect", Self(Mode::Detect))];
}

/// `on-match` of `inspect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Consequence(pub(crate) OnMatch);

impl Words for Consequence {
    const WORDS: &'static [(&'static str, Self)] =
        &[("close", Self(OnMatch::Close)), ("drop", Self(OnMatch::Drop)), ("redact", Self(OnMatch::Redact))];
}

/// `opcodes` of a `webhook`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HookOpcode {
    Text,
    Binary,
}

impl Words for HookOpcode {
    const WORDS: &'static [(&'static str, Self)] = &[("text", Self::Text), ("binary", Self::Binary)];
}

impl Words for OnOther {
    const WORDS: &'static [(&'static str, Self)] = &[("close", Self::Close), ("pass", Self::Pass)];
}

/// Whose messages a `webhook` is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HookDirection(pub(crate) Side);

impl Words for HookDirection {
    const WORDS: &'static [(&'static str, Self)] =
        &[("inbound", Self(Side::Client)), ("outbound", Self(Side::Upstream))];
    const ALIASES: &'static [(&'static str, Self)] =
        &[("client", Self(Side::Client)), ("upstream", Self(Side::Upstream))];
}

impl Words for OnUntrusted {
    const WORDS: &'static [(&'static str, Self)] = &[("reject", Self::Reject), ("ignore", Self::Ignore)];
}

/// `escape` of a `frame-log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Escaping(pub(crate) Escape);

impl Words for Escaping {
    const WORDS: &'static [(&'static str, Self)] =
        &[("default", Self(Escape::Default)), ("json", Self(Escape::Json)), ("none", Self(Escape::None))];
}

impl Words for WhenFull {
    const WORDS: &'static [(&'static str, Self)] = &[("drop", Self::Drop), ("block", Self::Block)];
}

/// `opcodes` of a `filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameOpcode(pub(crate) Opcode);

impl Words for FrameOpcode {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("text", Self(Opcode::Text)),
        ("binary", Self(Opcode::Binary)),
        ("continuation", Self(Opcode::Continuation)),
        ("close", Self(Opcode::Close)),
        ("ping", Self(Opcode::Ping)),
        ("pong", Self(Opcode::Pong)),
    ];
}

/// `ping-to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pinged(pub(crate) PingTo);

impl Words for Pinged {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("client", Self(PingTo::Client)),
        ("upstream", Self(PingTo::Upstream)),
        ("both", Self(PingTo::Both)),
    ];
}

/// `on-exceed` of a `rate-limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exceeding(pub(crate) OnExceed);

impl Words for Exceeding {
    const WORDS: &'static [(&'static str, Self)] =
        &[("close", Self(OnExceed::Close)), ("drop", Self(OnExceed::Drop)), ("delay", Self(OnExceed::Delay))];
}

impl Words for Handler {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("health", Self::Health),
        ("status", Self::Status),
        ("metrics", Self::Metrics),
        ("ws-stat", Self::WsStat),
        ("not-found", Self::NotFound),
        ("echo", Self::Echo),
    ];
    const LATER: &'static [&'static str] = &["config", "upstreams", "cache-purge", "cache-stats"];
}

impl Words for OnUnhealthy {
    const WORDS: &'static [(&'static str, Self)] = &[("keep", Self::Keep), ("close", Self::Close)];
}

impl Words for SameSite {
    const WORDS: &'static [(&'static str, Self)] =
        &[("lax", Self::Lax), ("strict", Self::Strict), ("none", Self::None)];
}

impl Words for FailureMode {
    const WORDS: &'static [(&'static str, Self)] = &[("closed", Self::Closed), ("open", Self::Open)];
    const ALIASES: &'static [(&'static str, Self)] =
        &[("fail-closed", Self::Closed), ("fail-open", Self::Open)];
}

impl Words for Level {
    const WORDS: &'static [(&'static str, Self)] =
        &[("error", Self::Error), ("warn", Self::Warn), ("info", Self::Info), ("debug", Self::Debug)];
}

impl Words for LogFormat {
    const WORDS: &'static [(&'static str, Self)] = &[("json", Self::Json), ("text", Self::Text)];
    const LATER: &'static [&'static str] = &["combined"];
}

/// `protocol` of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    Https,
    Sip(SipTransport),
}

impl Protocol {
    /// The port where none is written.
    pub(crate) fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Sip(transport) => transport.default_port(),
        }
    }
}

impl Words for Protocol {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("http", Self::Http),
        ("https", Self::Https),
        ("sip-udp", Self::Sip(SipTransport::Udp)),
        ("sip-tcp", Self::Sip(SipTransport::Tcp)),
        ("sip-tls", Self::Sip(SipTransport::Tls)),
    ];
    const LATER: &'static [&'static str] = &["h2", "h3"];
}

impl Words for SipMode {
    const WORDS: &'static [(&'static str, Self)] =
        &[("edge", Self::Edge), ("transparent", Self::Transparent)];
}

impl Words for SipRateKey {
    const WORDS: &'static [(&'static str, Self)] = &[("connection", Self::Connection), ("user", Self::User)];
}

impl Words for SipOnExceed {
    const WORDS: &'static [(&'static str, Self)] = &[("reject", Self::Reject), ("close", Self::Close)];
}

/// `message-opcode` of `sip`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageOpcode {
    Text,
    Mirror,
}

impl Words for MessageOpcode {
    const WORDS: &'static [(&'static str, Self)] = &[("text", Self::Text), ("mirror", Self::Mirror)];
}

/// `client-auth` of a listener's `tls`.
impl Words for crate::model::ClientAuth {
    const WORDS: &'static [(&'static str, Self)] =
        &[("none", Self::None), ("request", Self::Request), ("require", Self::Require)];
}

/// `service-type`: what other gateways' configurations say of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServiceType {
    Web,
    Api,
    Builtin,
}

impl Words for ServiceType {
    const WORDS: &'static [(&'static str, Self)] =
        &[("web", Self::Web), ("api", Self::Api), ("builtin", Self::Builtin)];
    const LATER: &'static [&'static str] = &["static", "inference"];
}

/// `load-balancing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Balancing {
    By(Algorithm),
    /// As a `sticky` block says; a client without its cookie goes to the next in turn.
    Sticky,
}

impl Words for Balancing {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("round-robin", Self::By(Algorithm::RoundRobin)),
        ("least-connections", Self::By(Algorithm::LeastConnections)),
        ("random", Self::By(Algorithm::Random)),
        ("power-of-two-choices", Self::By(Algorithm::PowerOfTwo)),
        ("ip-hash", Self::By(Algorithm::IpHash)),
        ("consistent-hash", Self::By(Algorithm::ConsistentHash)),
        ("sticky", Self::Sticky),
    ];
    const ALIASES: &'static [(&'static str, Self)] = &[
        ("weighted", Self::By(Algorithm::RoundRobin)),
        ("weighted-round-robin", Self::By(Algorithm::RoundRobin)),
        ("power-of-two", Self::By(Algorithm::PowerOfTwo)),
        ("p2c", Self::By(Algorithm::PowerOfTwo)),
    ];
}

/// `events` of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    RequestHeaders,
    WebSocketFrame,
}

impl Words for Event {
    const WORDS: &'static [(&'static str, Self)] =
        &[("request-headers", Self::RequestHeaders), ("websocket-frame", Self::WebSocketFrame)];
    const ALIASES: &'static [(&'static str, Self)] = &[("web-socket-frame", Self::WebSocketFrame)];
    const LATER: &'static [&'static str] =
        &["request-body", "response-headers", "response-body", "request-complete", "log", "guardrail"];
}

impl Words for AgentProtocol {
    const WORDS: &'static [(&'static str, Self)] = &[("v1", Self::V1), ("v2", Self::V2)];
    const ALIASES: &'static [(&'static str, Self)] = &[("1", Self::V1), ("2", Self::V2)];
}

/// The `transport` of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnixSocket;

impl Words for UnixSocket {
    const WORDS: &'static [(&'static str, Self)] = &[("unix-socket", Self)];
    const LATER: &'static [&'static str] = &["grpc", "http"];
}

/// `transport` of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Udp,
    Tcp,
    Tls,
}

impl Words for Carrier {
    const WORDS: &'static [(&'static str, Self)] =
        &[("udp", Self::Udp), ("tcp", Self::Tcp), ("tls", Self::Tls)];
}

/// `form` of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventForm {
    Json,
    Homer5,
}

impl Words for EventForm {
    const WORDS: &'static [(&'static str, Self)] = &[("json", Self::Json), ("homer5", Self::Homer5)];
}

/// The words of a route's `priority`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Priority(pub(crate) u32);

impl Words for Priority {
    const WORDS: &'static [(&'static str, Self)] =
        &[("low", Self(10)), ("normal", Self(50)), ("high", Self(100)), ("critical", Self(1000))];
}

/// What a health check asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProbeType {
    Http,
    Tcp,
    WebSocket,
    Sip,
}

impl Words for ProbeType {
    const WORDS: &'static [(&'static str, Self)] =
        &[("http", Self::Http), ("tcp", Self::Tcp), ("websocket", Self::WebSocket), ("sip", Self::Sip)];
    const LATER: &'static [&'static str] = &["grpc", "inference"];
}

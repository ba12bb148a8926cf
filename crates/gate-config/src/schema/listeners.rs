//! `listeners` and all below.

use super::Form::{Block as Sub, Count, Flag, Millis, Named, Other, Seconds, Text, Texts, Word};
use super::limits::{CONNECTION_RATE, CONNECTION_RATE_PER_ADDRESS, CONNECTIONS_PER_ADDRESS};
use super::{Block, Form, Key, SIP, key, later, optional, required};
use crate::model::{TlsVersion, UnknownSni};
use crate::words::{Protocol, names};

pub(crate) static LISTENERS: Block = Block {
    name: "listeners",
    about: "Where clients connect.",
    keys: &[optional("listener", Named(&LISTENER), "One address.").often()],
};

pub(crate) static LISTENER: Block = Block {
    name: "listener",
    about: "One address that clients connect to.",
    keys: &[
        required(
            "address",
            Text("address"),
            "`\"127.0.0.1:8080\"`, `\"[::1]:8080\"` or `\"unix:/path\"`. Port 0 lets the system choose. Without a port it is that of `protocol`: 80 for `http`, 443 for `https`, 5060 for `sip-udp` and `sip-tcp`, 5061 for `sip-tls`.",
        ),
        key("mode", Text("permissions in octal"), "660", "The permissions of a unix socket."),
        key(
            "protocol",
            Word(names::<Protocol>),
            "http",
            "`https` and `sip-tls` need a `tls` block. The three of SIP are for servers and user agents without WebSocket.",
        ),
        optional(
            "upstream",
            Text("name"),
            "For SIP: where requests go that belong to no flow of the gateway's. Without it only servers can send here, to clients of routes whose `sip` names the listener.",
        ),
        optional("peers", Texts("network"), "For SIP: who may send. Messages of others go nowhere.")
            .or_else("everybody"),
        optional("sip", Sub(&SIP), "For SIP: what messages must keep to."),
        optional(
            "idle-timeout-secs",
            Seconds(0),
            "For SIP over TCP and TLS: a connection on which its peer sends nothing for so long, not even a keepalive, is closed. 0: never.",
        )
        .or_else("180"),
        optional("tls", Sub(&TLS), "Certificates, and which clients are let in."),
        optional(
            "trusted-proxies",
            Texts("network"),
            "Peers whose `X-Forwarded-*`, `Forwarded` and `X-Request-Id` are believed: `\"10.0.0.0/8\"`, `\"::1\"`, or `\"unix:\"` for whoever comes over a unix socket.",
        ),
        optional("proxy-protocol", Sub(&PROXY_PROTOCOL), "Peers that must begin with the PROXY protocol."),
        key(
            "max-connections",
            Count,
            "0",
            "Sessions of WebSocket of clients that came here, or connections of SIP over TCP and TLS, at a time. 0: no limit.",
        ),
        CONNECTIONS_PER_ADDRESS,
        CONNECTION_RATE,
        CONNECTION_RATE_PER_ADDRESS,
        key(
            "request-head-timeout",
            Form::Duration,
            "10s",
            "For the head of a request, from its first byte, or from the connection. For SIP over TCP and TLS: for a whole message, from its first byte, or for the first from the connection.",
        ),
        key("keepalive-timeout-secs", Seconds(0), "75", "Between two requests of one connection."),
        key(
            "send-timeout-ms",
            Millis(0),
            "60000",
            "A client that takes nothing of an answer, or of SIP over TCP and TLS, for so long is cut off. For sessions the route's `websocket` block has its own.",
        ),
        key(
            "forwarded",
            Flag,
            "false",
            "`Forwarded` (RFC 7239) is sent to upstreams beside `X-Forwarded-For`, `-Proto` and `-Host`.",
        ),
        key(
            "real-ip",
            Flag,
            "false",
            "`X-Real-IP` is sent to upstreams, with the client's address. One that a client sends goes to no upstream in either case; that of one of the `trusted-proxies` stays.",
        ),
        optional("trace", Text("name"), "Who is told of connections that come to no route."),
        later("request-timeout-secs", "`request-head-timeout` is the time for a request's head"),
        later("default-route", "a route without `matches` fits every request"),
        later("namespace", ""),
        later("max-concurrent-streams", ""),
        later("keepalive-max-requests", ""),
    ],
};

pub(crate) static PROXY_PROTOCOL: Block = Block {
    name: "proxy-protocol",
    about: "The PROXY protocol, versions 1 and 2. From a peer that is listed it must stand before all else; from others it is not understood.",
    keys: &[required("from", Texts("network"), "The peers: `\"10.0.0.0/8\"`, `\"::1\"`, or `\"unix:\"`.")],
};

pub(crate) static TLS: Block = Block {
    name: "tls",
    about: "TLS towards clients. Relative paths are relative to the file that names them.",
    keys: &[
        required("cert-file", Text("path"), "The certificate chain, PEM."),
        required("key-file", Text("path"), "Its private key, PEM."),
        optional(
            "sni",
            Other("names, then a block", Some(&SNI)),
            "Other settings, for clients that ask for one of the names.",
        )
        .often(),
        key(
            "unknown-sni",
            Word(names::<UnknownSni>),
            "default",
            "Clients that ask for a name that no `sni` has: let in with the settings here, or refused (`unrecognized_name`). Those that ask for none are let in.",
        ),
        key("client-auth", CLIENT_AUTH, "none", CLIENT_AUTH_MEANING),
        CA_FILE,
        CRL_FILE,
        key("min-version", Word(names::<TlsVersion>), "1.2", MIN_VERSION_MEANING),
        key("max-version", Word(names::<TlsVersion>), "1.3", MAX_VERSION_MEANING),
        key("handshake-timeout-ms", Millis(0), "10000", "For the TLS handshake."),
        key("session-tickets", Flag, "true", "Clients may resume sessions.").alias("session-resumption"),
        optional(
            "key-log-file",
            Text("path"),
            "**For debugging only:** the secrets of all connections are written there.",
        ),
        later("cipher-suite", ""),
        later("ocsp-stapling", ""),
        later("acme", ""),
    ],
};

pub(crate) static SNI: Block = Block {
    name: "sni",
    about: "What holds for clients that ask for one of some names. The names stand behind `sni` or in `hostnames`; `*.` in front stands for exactly one label. Exact names go before wildcards. What does not stand here is as in `tls`.",
    keys: &[
        optional("cert-file", Text("path"), "The certificate chain, PEM; with `key-file`.")
            .or_else(AS_IN_TLS),
        optional("key-file", Text("path"), "Its private key, PEM.").or_else(AS_IN_TLS),
        optional("hostnames", Texts("name"), "The names, if they do not stand behind `sni`."),
        optional("client-auth", CLIENT_AUTH, CLIENT_AUTH_MEANING).or_else(AS_IN_TLS),
        CA_FILE.or_else(AS_IN_TLS),
        CRL_FILE.or_else("those of `tls`, unless there is a `ca-file` here"),
        optional("min-version", Word(names::<TlsVersion>), MIN_VERSION_MEANING).or_else(AS_IN_TLS),
        optional("max-version", Word(names::<TlsVersion>), MAX_VERSION_MEANING).or_else(AS_IN_TLS),
        later("acme", ""),
    ],
};

const AS_IN_TLS: &str = "that of `tls`";
const CLIENT_AUTH: Form = Other("`none`, `request`, `require`, or a flag", None);
const CLIENT_AUTH_MEANING: &str = "Whether clients show certificates: not asked; asked, and what they show must be good; required. `true` is `require`.";
const CA_FILE: Key = optional("ca-file", Text("path"), "Who signs the certificates of clients, PEM.");
const CRL_FILE: Key = optional("crl-file", Texts("path"), "Which of them are revoked, PEM.");
const MIN_VERSION_MEANING: &str = "The oldest version of TLS.";
const MAX_VERSION_MEANING: &str = "The newest.";

//! `upstreams` and all below.

use super::Form::{
    Block as Sub, Duration, DurationOrSeconds, Flag, Integer, Named, Other, Seconds, Text, Word,
};
use super::{Block, Key, key, later, optional};
use crate::model::{OnUnhealthy, SameSite, TlsVersion};
use crate::words::{Balancing, names};

pub(crate) static UPSTREAMS: Block = Block {
    name: "upstreams",
    about: "Backends, and how they are chosen, reached and watched.",
    keys: &[optional("upstream", Named(&UPSTREAM), "One upstream.").often()],
};

const TARGET_KEY: Key = optional(
    "target",
    Other("an address, or a block", Some(&TARGET)),
    "One server: `target \"127.0.0.1:3000\" weight=2`, or `target { address \"127.0.0.1:3000\"; weight 2 }`.",
)
.often();

pub(crate) static UPSTREAM: Block = Block {
    name: "upstream",
    about: "One upstream. It needs at least one target, which may stand in `targets`, by itself, or be an `address`.",
    keys: &[
        optional("targets", Sub(&TARGETS), "The servers.").merged(),
        TARGET_KEY,
        optional("address", Text("address"), "Short for a `target`.").often(),
        key(
            "load-balancing",
            Word(names::<Balancing>),
            "round-robin",
            "How a target is chosen. Underscores are as good as hyphens; `weighted` and `weighted-round-robin` are `round-robin`, `p2c` and `power-of-two` are `power-of-two-choices`. `sticky` needs a `sticky` block.",
        ),
        optional(
            "hash-key",
            Other("`client-ip`, `path`, `header:Name`, `cookie:name` or `query:name`", None),
            "What `consistent-hash` hashes. Where a request has no such thing, the client's address is.",
        )
        .or_else("`client-ip`"),
        optional("sticky", Sub(&STICKY), "A cookie binds a client to a target."),
        optional("health-check", Sub(&HEALTH_CHECK), "Targets are asked now and then."),
        optional("passive-health", Sub(&PASSIVE), "A target whose requests fail is left alone for a while."),
        key("slow-start", Duration, "0", "A target that is healthy again gets its share over this time."),
        key(
            "on-unhealthy",
            Word(names::<OnUnhealthy>),
            "keep",
            "What becomes of the sessions of a target that is found unhealthy. `close`: they are closed with 1012.",
        ),
        optional("tls", Sub(&CLIENT_TLS), "How targets with `wss://` or `https://` are spoken to."),
        optional("timeouts", Sub(&TIMEOUTS), "How long they may take."),
        optional("connection-pool", Sub(&POOL), "Connections that are kept for plain requests."),
        optional("host", Text("host"), "The Host that is sent.").or_else("the client's"),
        optional("path", Text("path"), "The path of opening handshakes to it.")
            .or_else("the client's; `/` where the gateway connects for SIP"),
        optional(
            "origin",
            Text("origin"),
            "The Origin of opening handshakes that the gateway makes for SIP.",
        ),
        key(
            "cert-check-on-reuse",
            Flag,
            "true",
            "Connections for SIP are used again only where the TLS settings are the same. `false`: address and path are enough.",
        ),
        key("retries", Integer(0, 10), "2", "How many other targets are tried when one cannot be reached."),
        optional("trace", Text("name"), "Who is told of connections to it that are no client's alone."),
        later("http-version", ""),
        later("circuit-breaker", "`passive-health` leaves a failing target alone"),
        later("discovery", "names are resolved again when their time to live is over"),
    ],
};

pub(crate) static TARGETS: Block =
    Block { name: "targets", about: "The servers of an upstream.", keys: &[TARGET_KEY] };

pub(crate) static TARGET: Block = Block {
    name: "target",
    about: "One server of an upstream.",
    keys: &[
        optional(
            "address",
            Text("address"),
            "`\"127.0.0.1:3000\"`, `\"[::1]:3000\"`, `\"backend.internal:3000\"`, with `ws://`, `wss://`, `http://` or `https://` before it, or `\"unix:/path\"`. `wss` and `https` mean TLS; with a scheme the port may be left out. May stand behind `target` instead.",
        ),
        key("weight", Integer(1, 1000), "1", "Its share, against those of the others."),
    ],
};

pub(crate) static STICKY: Block = Block {
    name: "sticky",
    about: "A cookie binds a client to a target, as Socket.IO needs it for its polling.",
    keys: &[
        key("cookie-name", Text("token"), "SERVERID", "Its name."),
        key("cookie-ttl", DurationOrSeconds, "1h", "How long it lasts; 0: until the browser is closed."),
        key("cookie-path", Text("path"), "/", "For which paths the browser sends it."),
        optional("cookie-secure", Flag, "The browser sends it over TLS only.")
            .or_else("where the client came by TLS"),
        key(
            "cookie-same-site",
            Word(names::<SameSite>),
            "lax",
            "Whether requests from other sites carry it. `none` needs `cookie-secure true`.",
        ),
        later("fallback", ""),
    ],
};

pub(crate) static HEALTH_CHECK: Block = Block {
    name: "health-check",
    about: "Targets are asked now and then. They count as healthy until they were found not to be.",
    keys: &[
        optional("type", Other("`http`, `tcp`, `websocket` or `sip`, then perhaps a block", Some(&PROBE)), "What is asked: a GET; a connection, with TLS where the target has it; an opening handshake and a ping; OPTIONS of SIP, which anything but 503 may answer (over WebSocket a handshake for `sip` and a ping).").or_else("`tcp`; `sip` where a target is `udp://`"),
        key("interval-secs", Seconds(1), "10", "Between two checks of a target."),
        key("timeout-secs", Seconds(1), "5", "For one check."),
        key("healthy-threshold", Integer(1, 1000), "2", "Successes in a row that make a target healthy."),
        key("unhealthy-threshold", Integer(1, 1000), "3", "Failures in a row that make it unhealthy."),
    ],
};

pub(crate) static PROBE: Block = Block {
    name: "type",
    about: "What a check asks. `tcp` and `sip` have no settings, `websocket` no `expected-status`.",
    keys: &[
        key("path", Text("path"), "/", "The path that is asked for."),
        optional("host", Text("host"), "The Host that is sent.")
            .or_else("the upstream's `host`, else the target's address"),
        optional("expected-status", Integer(100, 599), "The only good answer.").or_else("200 to 399"),
        later("service", ""),
    ],
};

pub(crate) static PASSIVE: Block = Block {
    name: "passive-health",
    about: "A target whose requests fail is left alone for a while. This holds without the block, too.",
    keys: &[
        key("max-fails", Integer(0, 0xffff_ffff), "5", "Failures within the window; 0 switches it off."),
        key("fail-window-secs", Seconds(1), "10", "The window."),
        key("eject-secs", Seconds(1), "10", "The while."),
    ],
};

pub(crate) static CLIENT_TLS: Block = Block {
    name: "tls",
    about: "TLS towards targets.",
    keys: &[
        optional("sni", Text("name"), "The name that is asked for and verified.")
            .or_else("the target's host"),
        optional("ca-file", Text("path"), "Who signs the certificates of targets, PEM.")
            .or_else("the system's authorities")
            .alias("ca-cert"),
        optional("client-cert", Text("path"), "The certificate that is shown, PEM; with `client-key`."),
        optional("client-key", Text("path"), "Its private key, PEM."),
        key("insecure-skip-verify", Flag, "false", "**Dangerous:** any certificate is good."),
        key("min-version", Word(names::<TlsVersion>), "1.2", "The oldest version of TLS."),
        key("max-version", Word(names::<TlsVersion>), "1.3", "The newest."),
        optional(
            "key-log-file",
            Text("path"),
            "**For debugging only:** the secrets of all connections to targets are written there.",
        ),
    ],
};

pub(crate) static TIMEOUTS: Block = Block {
    name: "timeouts",
    about: "How long a target may take. A number alone is seconds.",
    keys: &[
        key("connect", DurationOrSeconds, "5s", "To be reached, TLS included."),
        key(
            "handshake",
            DurationOrSeconds,
            "10s",
            "From the opening handshake's request to the end of the answer's head.",
        ),
        key(
            "request",
            DurationOrSeconds,
            "60s",
            "From the end of a plain request to the head of its answer.",
        ),
        key("read", DurationOrSeconds, "60s", "Silence within the body of an answer."),
        key("write", DurationOrSeconds, "60s", "A body of a request that is not taken, or does not come."),
    ],
};

pub(crate) static POOL: Block = Block {
    name: "connection-pool",
    about: "Connections that are kept for plain requests. A number alone is seconds.",
    keys: &[
        key("max-idle", Integer(0, 0xffff_ffff), "20", "Idle connections for each worker and target."),
        key("idle-timeout", DurationOrSeconds, "60s", "An idle connection is closed after it."),
        later("max-connections", ""),
        later("max-lifetime", ""),
    ],
};

//! The top level, and the blocks that have no file of their own.

use super::Form::{Block as Sub, Count, Duration, Flag, Integer, Other, Seconds, Size, Text, Texts, Word};
use super::limits::{CONNECTION_RATE, CONNECTION_RATE_PER_ADDRESS, CONNECTIONS_PER_ADDRESS};
use super::{
    ADMIN, AGENTS, Block, FRAME_LOGS, LISTENERS, ROTATE, ROUTES, TRACES, UPSTREAMS, key, later, optional,
};
use crate::model::{Level, LogFormat};
use crate::words::names;

pub(crate) static TOP: Block = Block {
    name: "",
    about: "What stands at the top level. Each block may stand in several places and files; they add up.",
    keys: &[
        optional("include", Texts("path"), "Other files, relative to this one, whose content stands in this place. A `*` in the name of the file stands for any characters; the files are sorted.").often(),
        optional("server", Sub(&SERVER), "The process.").alias("system").merged(),
        optional("listeners", Sub(&LISTENERS), "Where clients connect.").merged(),
        optional("routes", Sub(&ROUTES), "What becomes of requests.").merged(),
        optional("upstreams", Sub(&UPSTREAMS), "Backends.").merged(),
        optional("agents", Sub(&AGENTS), "External inspectors.").merged(),
        optional("limits", Sub(&LIMITS), "What requests must keep to.").merged(),
        optional("observability", Sub(&OBSERVABILITY), "Metrics and logs.").merged(),
        optional("frame-logs", Sub(&FRAME_LOGS), "Logs of frames.").merged(),
        optional("traces", Sub(&TRACES), "Servers that are told of connections by HEP.").merged(),
        optional("admin", Sub(&ADMIN), "Where an operator can ask and order.").merged(),
        optional("schema-version", Other("anything", None), "Has no effect.").alias("version").ignored(),
        later("filters", ""),
        later("waf", ""),
        later("namespace", ""),
        later("rate-limits", ""),
        later("cache", ""),
    ],
};

pub(crate) static SERVER: Block = Block {
    name: "server",
    about: "What concerns the whole process. `system` is another name for it.",
    keys: &[
        key("worker-threads", Integer(0, 1024), "0", "0 is one for each core."),
        key(
            "max-connections",
            Count,
            "100000",
            "Sessions of WebSocket, and connections to listeners of SIP over TCP and TLS, in the whole process at a time; 0: no limit.",
        ),
        CONNECTIONS_PER_ADDRESS,
        CONNECTION_RATE,
        CONNECTION_RATE_PER_ADDRESS,
        key(
            "graceful-shutdown-timeout-secs",
            Seconds(0),
            "60",
            "From the signal to stop until what is left is cut off; 0: no limit.",
        ),
        optional("drain", Sub(&DRAIN), "How sessions are told to end.").merged(),
        key(
            "auto-reload",
            Flag,
            "false",
            "Watches all files that the configuration consists of or names (includes, certificates, keys) and reloads when their content changes. Without it a reload is asked for by SIGHUP or `framegate ctl reload`.",
        ),
        key(
            "merge-slashes",
            Flag,
            "false",
            "Routes see paths decoded, with one `/` for several, as locations of nginx do: `//admin`, `/%2Fadmin` and `/x%2F..%2Fadmin` are `/admin` to them. What goes to the upstream stays as it is.",
        ),
        optional(
            "take-over",
            Text("path"),
            "A unix socket through which `framegate run --take-over`, started later, takes over the listening sockets of this process without refusing a connection.",
        ),
        optional(
            "sip-token-secret-file",
            Text("path"),
            "The key of the tokens by which SIP names connections, at least 16 bytes; a line end behind them is no part of it. It holds from the start to the end of the process. Servers that ask for a client of another process are told 430 in any case.",
        )
        .or_else("random for each start"),
        later("daemon", "run it under a supervisor"),
        later("pid-file", ""),
        later("user", ""),
        later("group", ""),
        later("working-directory", "relative paths are relative to the file that names them"),
        later("trace-id-format", ""),
        later("route-cache-size", ""),
    ],
};

pub(crate) static DRAIN: Block = Block {
    name: "drain",
    about: "How sessions are told to end when the process stops.",
    keys: &[
        optional(
            "spread",
            Duration,
            "The Close frames are spread evenly over this time, the first one at once, so that not all clients come back at once.",
        )
        .or_else("50 a second, but no longer than a third of `graceful-shutdown-timeout-secs`"),
        key("close-code", Integer(1000, 4999), "1001", "The code of the Close frames."),
        optional(
            "close-reason",
            Text("text"),
            "The reason in the Close frames, at most 123 bytes; without it they have none.",
        ),
    ],
};

pub(crate) static LIMITS: Block = Block {
    name: "limits",
    about: "What requests of HTTP must keep to.",
    keys: &[
        key(
            "max-header-size",
            Size(8 * 1024, 1024 * 1024),
            "16KiB",
            "Bytes of a request's head; more is 431.",
        ),
        key("max-header-count", Integer(1, 1000), "100", "Header lines of a request; more is 431."),
        key(
            "max-body-size",
            Size(0, u64::MAX),
            "0",
            "Bytes of a request's body, where the route has no limit of its own; more is 413. 0: no limit.",
        ),
        later(
            "max-connections-per-client",
            "`max-connections-per-ip` of a route's `websocket` limits its sessions",
        ),
        later("max-total-connections", "`max-connections` of `server` limits the sessions"),
        later("max-in-flight-requests", ""),
    ],
};

pub(crate) static OBSERVABILITY: Block = Block {
    name: "observability",
    about: "What can be seen of the gateway.",
    keys: &[
        optional(
            "metrics",
            Sub(&METRICS),
            "The page that Prometheus reads; without the block there is none.",
        )
        .merged(),
        optional("logging", Sub(&LOGGING), "Logs.").merged(),
        later("tracing", ""),
    ],
};

pub(crate) static METRICS: Block = Block {
    name: "metrics",
    about: "The page that Prometheus reads.",
    keys: &[
        key("enabled", Flag, "true", "`false` is as good as no block."),
        key("address", Text("address"), "127.0.0.1:9090", "Where it is served."),
        key("path", Text("path"), "/metrics", "Its path."),
        key(
            "prefix",
            Text("word"),
            "sentinel",
            "The first word of the four metrics that Sentinel's dashboards read, such as `sentinel_websocket_connections_active`; empty: they are left out.",
        ),
        later("high-cardinality", ""),
    ],
};

pub(crate) static LOGGING: Block = Block {
    name: "logging",
    about: "Logs: one line for each record.",
    keys: &[
        key(
            "level",
            Word(names::<Level>),
            "info",
            "What goes to the error log; each level tells what those before it tell.",
        ),
        key(
            "format",
            Word(names::<LogFormat>),
            "json",
            "`text`: `key=value` pairs behind the time and the event.",
        ),
        optional(
            "access-log",
            Other("a path, or a block", Some(&LOG)),
            "A line for each request, and each open and close of a session.",
        )
        .or_else("`stderr`"),
        optional(
            "error-log",
            Other("a path, or a block", Some(&LOG)),
            "What else is to be told, and why things failed.",
        )
        .or_else("`stderr`"),
        later("audit-log", ""),
    ],
};

pub(crate) static LOG: Block = Block {
    name: "access-log",
    about: "A log: `access-log \"/var/log/framegate/access.log\"`, or a block. `error-log` is written in the same ways.",
    keys: &[
        key("enabled", Flag, "true", "`false` is as good as the file `off`."),
        key(
            "file",
            Text("path"),
            "stderr",
            "A file that is appended to, one of the words `stderr`, `stdout` and `off`, or `syslog:server=…` as for a `frame-log`. May stand behind the name instead.",
        ),
        optional("rotate", Sub(&ROTATE), "Without it the file grows without a limit."),
        later("format", "`format` stands in `logging`"),
        later("level", "`level` stands in `logging`"),
        later("buffer-size", ""),
    ],
};

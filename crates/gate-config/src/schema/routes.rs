//! `routes` and all below.

use super::Form::{
    Block as Sub, Count, Duration, Flag, Integer, Millis, Named, Other, Seconds, Size, Text, Texts, Word,
};
use super::inspect::{
    CONTEXT_TAKEOVER, MAX_IN_FLIGHT, MAX_IN_FLIGHT_BYTES, MAX_INFLATE_RATE, MAX_INFLATE_RATIO,
    MAX_INFLATED_SIZE,
};
use super::limits::{CONNECTION_RATE, CONNECTION_RATE_PER_ADDRESS, CONNECTIONS_PER_ADDRESS, RATE_LIMIT};
use super::{Block, HEADER_CONFIG, INSPECT, SIP, WEBHOOK, key, later, optional};
use crate::model::{Compression, Handler, OnLimit};
use crate::words::{Pinged, ServiceType, names};

pub(crate) static ROUTES: Block = Block {
    name: "routes",
    about: "Which requests, and what becomes of them. The route with the highest `priority` whose `matches` fit answers; of several, the more specific one, then the first in the text. A request that no route fits is answered 404.",
    keys: &[optional("route", Named(&ROUTE), "One route.").often()],
};

pub(crate) static ROUTE: Block = Block {
    name: "route",
    about: "One route. It needs an `upstream`, a `builtin-handler` or a `header-config`.",
    keys: &[
        key(
            "priority",
            Other("an integer, or `low`, `normal`, `high`, `critical`", None),
            "50",
            "Higher goes first. The words are 10, 50, 100 and 1000.",
        ),
        optional("matches", Sub(&MATCHES), "Which requests; without it, all."),
        optional("upstream", Text("name"), "Where they go."),
        optional("builtin-handler", Word(names::<Handler>), "What the gateway answers itself."),
        optional(
            "agents",
            Texts("name"),
            "Who is asked first, in this order, about what the agent has `events` for.",
        ),
        optional(
            "websocket",
            Other("a block, or a flag", Some(&WEBSOCKET)),
            "Upgrades to WebSocket. Without it they pass with the defaults; a flag alone is `enabled`.",
        ),
        optional(
            "websocket-inspection",
            Flag,
            "`true`: messages are inspected by the agents of the route that have the event `websocket-frame`; where none has, by the rules that `websocket { inspect { } }` has by default. `false`: nobody inspects them, and it is a mistake if somebody is to.",
        )
        .or_else("as `inspect` and the agents say"),
        optional(
            "header-config",
            Sub(&HEADER_CONFIG),
            "Requests tell their upstream, webhooks and limits themselves, by fields whose names begin with `x-wsproxy-`. Requests without such fields go to the route's `upstream`; where there is none, they are answered 400.",
        ),
        optional("policies", Sub(&POLICIES), "What is changed of requests before they go on."),
        optional("max-body-size", Size(0, u64::MAX), "Bytes of a request's body; more is 413.")
            .or_else("as in `limits`"),
        optional(
            "service-type",
            Word(names::<ServiceType>),
            "Has no effect, but `builtin` needs a `builtin-handler`.",
        )
        .ignored(),
        later("static-files", ""),
        later("api-schema", ""),
        later("inference", ""),
        later("filters", ""),
        later("cache", ""),
        later("shadow", ""),
        later("waf-enabled", ""),
        later("fallback", ""),
        later("retry-policy", "`retries` of the upstream says how many other targets are tried"),
    ],
};

pub(crate) static MATCHES: Block = Block {
    name: "matches",
    about: "What a request must be like. Of several paths, hosts, methods or subprotocols one must fit; of headers and query parameters all. Each may stand several times, or have several values.",
    keys: &[
        optional("path", Texts("path"), "The whole path, normalised.").often(),
        optional("path-prefix", Texts("path"), "The path or what lies below it: `/v2` fits `/v2` and `/v2/a`, not `/v2x`. A prefix that ends in `/` fits what begins with it.").often(),
        optional("path-regex", Texts("regular expression"), "Found anywhere in the path, unless anchored by `^` and `$`.").often(),
        optional("host", Texts("host"), "The host without its port, or `*.example.org` for any name below `example.org`.").often(),
        optional("method", Texts("method"), "The method.").often(),
        optional("header", Other("a name, then perhaps a value", None), "A field that must be there: `header \"Cookie\"`, or have this value: `header \"X-Version\" \"2\"`. Also `header name=\"X-Version\" value=\"2\"`.").often(),
        optional("query-param", Other("a name, then perhaps a value", None), "A parameter of the query, in the same ways.").often(),
        optional("subprotocol", Texts("token"), "A subprotocol of WebSocket that the client offers.").often(),
    ],
};

pub(crate) static POLICIES: Block = Block {
    name: "policies",
    about: "What is changed of requests before they go on.",
    keys: &[
        optional(
            "request-headers",
            Sub(&REQUEST_HEADERS),
            "Fields of requests, opening handshakes included.",
        ),
        later("response-headers", ""),
        later("timeout-secs", "`timeouts` of the upstream"),
        later("rate-limit", "`connection-rate` and `rate-limit` of `websocket`"),
    ],
};

pub(crate) static REQUEST_HEADERS: Block = Block {
    name: "request-headers",
    about: "Fields of requests are removed, then set, then added, before agents are asked. Case does not count, nor whether a name is spelt with `_` or `-`: `remove \"X-User\"` removes `x_user` as well. Host, fields of one hop, lengths, X-Request-Id and `Sec-WebSocket-…` cannot be changed.",
    keys: &[
        optional("remove", Texts("name"), "Fields that no client may send.").often(),
        optional(
            "set",
            Other("a block of names and values", None),
            "Fields that have this value, whatever the client sent: `set { \"X-Team\" \"a\" }`.",
        )
        .often(),
        optional(
            "add",
            Other("a block of names and values", None),
            "Lines that are added to those of the client.",
        )
        .often(),
        later("rename", ""),
    ],
};

pub(crate) static WEBSOCKET: Block = Block {
    name: "websocket",
    about: "Sessions of WebSocket on the route. 0 means no limit.",
    keys: &[
        key("enabled", Flag, "true", "`false`: upgrades are answered 403."),
        key("max-connections", Count, "0", "Sessions of the route at a time."),
        CONNECTIONS_PER_ADDRESS,
        CONNECTION_RATE,
        CONNECTION_RATE_PER_ADDRESS,
        optional(
            "connections-group",
            Text("name"),
            "Routes with the same name here count their sessions together: each holds its `max-connections` and the like against the sessions of all of them.",
        )
        .or_else("the route counts by itself"),
        key(
            "on-limit",
            Word(names::<OnLimit>),
            "close",
            "How a client above a limit of connections is told, be it the route's, the listener's or the process's. `close`: 101, then a Close with 1013. `reject`: 503, or 429 for rates and limits per address, with Retry-After.",
        ),
        optional("max-frame-size", Size(0, u64::MAX), "Payload of one frame; more is closed with 1009.")
            .or_else(UNLESS_INSPECTED),
        optional(
            "max-message-size",
            Size(0, u64::MAX),
            "Payload of all frames of one message, as they are on the wire; more is closed with 1009.",
        )
        .or_else(UNLESS_INSPECTED),
        optional(
            "max-fragments",
            Integer(0, 0xffff_ffff),
            "Frames of one message; more is closed with 1008.",
        )
        .or_else("no limit; 1024 where messages are inspected"),
        key("validate-utf8", Flag, "true", "Uncompressed text that is not UTF-8 is closed with 1007."),
        key("send-timeout-ms", Millis(0), "60000", "A peer that takes no bytes for so long is cut off."),
        key(
            "close-timeout-ms",
            Millis(0),
            "5000",
            "From the first Close frame to the end of both connections.",
        ),
        key(
            "half-close-timeout-ms",
            Millis(0),
            "60000",
            "After one peer's FIN without a Close: how long the other may be silent.",
        ),
        key("frame-timeout-ms", Millis(0), "0", "From the first byte of a frame to its last."),
        optional(
            "origins",
            Texts("origin"),
            "Pages that may connect: `\"https://example.org\"`, `\"https://*.example.org\"`, with a port where it is not the scheme's; `\"null\"` for pages that have none to tell; `\"//example.org\"` for programs that leave out the scheme. Others are answered 403. Without it, all may.",
        ),
        optional(
            "allow-missing-origin",
            Flag,
            "Whether, beside `origins`, a client without an Origin may connect: always or never.",
        )
        .or_else("unless it has cookies"),
        optional(
            "subprotocols",
            Texts("token"),
            "Those that may be negotiated; a client that offers none of them is answered 403. Without it, all.",
        ),
        key(
            "token-subprotocol",
            Text("token"),
            "access_token",
            "Where an agent is asked about requests: a client may offer this name and a token behind it as subprotocols. The agent sees both, the upstream neither; the name is agreed on unless the upstream chooses another. Empty: no name is special.",
        ),
        key(
            "compression",
            Word(names::<Compression>),
            "pass",
            "permessage-deflate (RFC 7692). `pass`: the peers agree on it. `off`: the offer is taken out.",
        ),
        optional("rate-limit", Sub(&RATE_LIMIT), "How fast the peers may send. All that stand hold.").often(),
        optional(
            "max-age",
            Other("a duration, then perhaps a block", Some(&MAX_AGE)),
            "Sessions that are so old are closed, at the end of the frame that is under way; the upstream with 1001.",
        ),
        key(
            "idle-timeout-secs",
            Seconds(0),
            "0",
            "Sessions on which so long no byte of a message went either way are closed with 1001. Bytes that wait for a peer that takes none, or for a rate, are not idle.",
        ),
        key(
            "idle-counts-control-frames",
            Flag,
            "false",
            "Whether pings and pongs of the peers keep a session from being idle. Those of the gateway never do.",
        ),
        key(
            "ping-interval-secs",
            Seconds(0),
            "0",
            "A peer that has said nothing for so long is sent a ping, between two frames. Its pong is not passed on; pings and pongs of the peers' own are.",
        ),
        key(
            "ping-timeout-secs",
            Seconds(0),
            "10",
            "A peer that does not answer with a pong is cut off so long after the last byte that came from it, and the other closed with 1001. The time stands still while the gateway does not read it, or it takes nothing. 0: it may take as long as it likes, but is not asked again.",
        ),
        key("ping-to", Word(names::<Pinged>), "both", "Who is sent pings."),
        optional("inspect", Sub(&INSPECT), "Which rules messages are judged by."),
        MAX_INFLATED_SIZE,
        MAX_INFLATE_RATIO,
        MAX_INFLATE_RATE,
        MAX_IN_FLIGHT,
        MAX_IN_FLIGHT_BYTES,
        CONTEXT_TAKEOVER,
        optional(
            "webhook",
            Other("`inbound` or `outbound`, then a block", Some(&WEBHOOK)),
            "Who is asked over HTTP about each message: `inbound` of those from the client, `outbound` of those from the upstream. Of several for one direction the first that does not allow decides.",
        )
        .often(),
        optional("sip", Sub(&SIP), "Messages are SIP."),
        optional("frame-log", Texts("name"), "Logs of frames that the route's sessions write to."),
        optional(
            "trace",
            Text("name"),
            "Who is told of the route's connections: of clients' from their opening handshake on, and of those to upstreams that are made for them.",
        ),
    ],
};

const UNLESS_INSPECTED: &str = "no limit; 1MB where messages are inspected";

pub(crate) static MAX_AGE: Block = Block {
    name: "max-age",
    about: "How sessions end that are too old.",
    keys: &[
        key(
            "jitter",
            Duration,
            "0s",
            "Each session ends by another share of this earlier, so that those that began together do not all come back together.",
        ),
        key("code", Integer(1000, 4999), "4001", "What the client is told."),
        key("reason", Text("at most 123 bytes"), "Connection is Aged", "The same in words."),
    ],
};

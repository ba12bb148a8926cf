//! `agents` and all below.

use super::Form::{Block as Sub, Integer, Millis, Named, Other, Seconds, Text, Word};
use super::{Block, key, later, optional};
use crate::model::FailureMode;
use crate::words::names;

pub(crate) static AGENTS: Block = Block {
    name: "agents",
    about: "External inspectors, which routes name in `agents`. See [agents](agents.md).",
    keys: &[optional("agent", Named(&AGENT), "One agent.").often()],
};

pub(crate) static AGENT: Block = Block {
    name: "agent",
    about: "One agent. It needs a `transport` or a `unix-socket`.",
    keys: &[
        optional("transport", Other("`unix_socket`, then a block", Some(&TRANSPORT)), "How it is reached."),
        optional(
            "unix-socket",
            Other("a path", Some(&TRANSPORT)),
            "Short for `transport \"unix_socket\"`: `unix-socket path=\"/run/agent.sock\"`.",
        ),
        optional(
            "events",
            Other("words", None),
            "What it is asked about: `request_headers`, `websocket_frame`. Hyphens are as good as underscores.",
        )
        .or_else("`request_headers`"),
        key(
            "timeout-ms",
            Millis(1),
            "1000",
            "For one call, making a connection for it included.",
        ),
        key(
            "queue-timeout-ms",
            Millis(0),
            "10000",
            "How long a call may wait, where as many as there may be are under way, before it is made; then it has failed. 0: no limit.",
        ),
        key(
            "failure-mode",
            Word(names::<FailureMode>),
            "closed",
            "When it cannot be asked. `closed`: a request is answered 503, a session closed with 1011. `open`: what it was about passes and is counted.",
        ),
        key(
            "protocol-version",
            Other("`v1` or `v2`", None),
            "v1",
            "Which version of the agent protocol it speaks.",
        ),
        key(
            "max-concurrent-calls",
            Integer(1, 65_536),
            "512",
            "Calls of one worker under way at a time; more wait.",
        ),
        key(
            "max-connections",
            Integer(1, 65_536),
            "512",
            "Connections of one worker. They are made as calls need them, and those that have not been used for a minute are closed.",
        ),
        optional(
            "pipeline",
            Integer(1, 1024),
            "Calls under way on one connection. Another connection is made first, as long as there may be more.",
        )
        .or_else("1 for `v1`, 16 for `v2`"),
        key(
            "calls-per-direction",
            Integer(1, 1024),
            "1",
            "Messages of one direction of a session that it is asked about at a time. With 1 it sees them in order; with more they come over several connections, and `frame_index` tells their order.",
        ),
        optional(
            "circuit-breaker",
            Sub(&CIRCUIT_BREAKER),
            "When it is left alone because it keeps failing; without the block the defaults hold.",
        ),
        optional(
            "config",
            Other("a block of anything", None),
            "Settings of the agent's own, sent as JSON when a connection begins: one value is itself, several are a list, a block is an object, nothing is `true`.",
        ),
        optional("type", Text("word"), "Has no effect.").ignored(),
        later("grpc", "agents are reached by unix sockets"),
        later("http", "agents are reached by unix sockets"),
        later("max-request-body-bytes", ""),
        later("max-response-body-bytes", ""),
        later("request-body-mode", ""),
        later("response-body-mode", ""),
        later("chunk-timeout-ms", ""),
    ],
};

pub(crate) static TRANSPORT: Block = Block {
    name: "transport",
    about: "A unix socket.",
    keys: &[optional("path", Text("path"), "The socket's file.")],
};

pub(crate) static CIRCUIT_BREAKER: Block = Block {
    name: "circuit-breaker",
    about: "An agent that keeps failing is left alone for a while: calls fail at once. That nobody listens at its socket is no reason, as it costs no time. Each worker has a breaker of its own.",
    keys: &[
        key(
            "failure-threshold",
            Integer(0, 0xffff_ffff),
            "5",
            "Calls that fail on end until it opens; 0: it never does.",
        ),
        key(
            "success-threshold",
            Integer(1, 0xffff_ffff),
            "2",
            "Trials that are answered on end until it closes.",
        ),
        key("timeout-seconds", Seconds(1), "30", "How long it is open before trials are made."),
        key("half-open-max-requests", Integer(1, 0xffff_ffff), "1", "Trials at a time."),
    ],
};

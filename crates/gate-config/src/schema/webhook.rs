//! `webhook` of `websocket`, and what it has in common with `hook` of `header-config`.

use super::Form::{Block as Sub, Flag, Integer, Millis, Other, Text, Texts, Word};
use super::upstreams::CLIENT_TLS;
use super::{Block, Key, key, optional, required};
use crate::model::{FailureMode, OnOther};
use crate::words::names;

pub(crate) static WEBHOOK: Block = Block {
    name: "webhook",
    about: "Who is asked about each message of one direction: its payload is the body of a request. A status of 2xx lets it go on, any other closes the session.",
    keys: &[
        required(
            "url",
            Text("URL"),
            "Where the requests go: `\"http://127.0.0.1:9000/scan\"`, `\"https://scanner.example.org/scan\"`.",
        ),
        key("method", Text("GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS"), "POST", "The method."),
        OPCODES,
        ON_OTHER,
        TIMEOUT,
        FAILURE_MODE,
        CLOSE_CODE,
        CLOSE_REASON,
        REWRITE,
        HEADER,
        KEY_FILE,
        MAX_CONNECTIONS,
        TLS,
    ],
};

pub(crate) static HOOK: Block = Block {
    name: "hook",
    about: "How webhooks are asked that a request names.",
    keys: &[
        OPCODES,
        ON_OTHER,
        TIMEOUT,
        FAILURE_MODE,
        CLOSE_CODE,
        CLOSE_REASON,
        REWRITE,
        HEADER,
        KEY_FILE,
        MAX_CONNECTIONS,
        TLS,
    ],
};

const OPCODES: Key = optional("opcodes", Texts("`text`, `binary`"), "Of which messages it is asked.")
    .or_else("`text` and `binary`");

const ON_OTHER: Key = key(
    "on-other",
    Word(names::<OnOther>),
    "close",
    "What becomes of messages of the other opcode. `close`: the session ends with 1003, so that nobody can choose not to be looked at. `pass`: they go on.",
);

const TIMEOUT: Key =
    key("timeout-ms", Millis(1), "5000", "For the whole of a call, the wait for a connection included.");

const FAILURE_MODE: Key = key(
    "failure-mode",
    Word(names::<FailureMode>),
    "closed",
    "When there is no answer, or none that can be used. `closed`: the session ends with 1011. `open`: the message goes on and is counted.",
);

const CLOSE_CODE: Key =
    key("close-code", Integer(1000, 4999), "1008", "What both peers are told when a message is refused.");

const CLOSE_REASON: Key =
    key("close-reason", Text("at most 123 bytes"), "refused by webhook", "The same in words.");

const REWRITE: Key = key(
    "rewrite",
    Flag,
    "false",
    "An answer of 200 with `X-Framegate-Action: rewrite` puts its body in the place of the payload.",
);

const HEADER: Key = optional(
    "header",
    Other("a name, then a value", None),
    "A field that is sent with each message: `header \"Authorization\" \"Bearer …\"`.",
)
.often();

const KEY_FILE: Key = optional(
    "hmac-key-file",
    Text("path"),
    "Its content signs what is sent, in `X-Framegate-Signature`; at least 16 bytes, a line end behind them is no part of it.",
);

const MAX_CONNECTIONS: Key = key(
    "max-connections",
    Integer(1, 10_000),
    "100",
    "Connections to the scheme, host and port of the URL, of all workers and all webhooks that have the same number here. A call that finds none waits.",
);

const TLS: Key = optional("tls", Sub(&CLIENT_TLS), "How it is spoken to where the URL begins with `https`.");

//! `inspect` of `websocket`, and how much of inspected messages may wait.

use super::Form::{Block as Sub, Flag, Integer, Other, Size, Text, Texts, Word};
use super::{Block, Key, key, optional};
use crate::model::Senders;
use crate::words::{Consequence, InspectMode, names};

pub(crate) static INSPECT: Block = Block {
    name: "inspect",
    about: "Which rules the messages of the route's sessions are judged by, whole, unmasked and inflated, before a byte of them goes on. A reload changes the rules of live sessions as well.",
    keys: &[
        key("xss", Flag, "true", "Script that a browser would run."),
        key("sqli", Flag, "true", "SQL where a value belongs."),
        key("command-injection", Flag, "true", "Commands for a shell."),
        key("path-traversal", Flag, "true", "Paths out of where they belong, and to files of the system."),
        key("nosql", Flag, "true", "Operators of a document database where a value belongs."),
        key("template-injection", Flag, "true", "Expressions for a template engine or a lookup."),
        key("xxe", Flag, "true", "XML that names entities of its own."),
        key(
            "threshold",
            Integer(1, 10_000),
            "5",
            "A message is an attack where one text in it scores as much or more. Rules that suffice alone have 5, others 2 to 4.",
        ),
        key(
            "direction",
            Word(names::<Senders>),
            "both",
            "Whose messages the rules and patterns are for: `client`, `upstream`, `both`.",
        ),
        key(
            "mode",
            Word(names::<InspectMode>),
            "block",
            "`block`: findings have consequences. `detect`: they are recorded and counted only; so are messages that break a schema.",
        ),
        key(
            "on-match",
            Word(names::<Consequence>),
            "close",
            "What becomes of a message with a finding. `close`: the session ends. `drop`: the message goes nowhere. `redact`: it goes on with asterisks for what was found, and is dropped where that cannot be done.",
        ),
        key("close-code", Integer(1000, 4999), "1008", "What both peers are told where the session ends."),
        key("close-reason", Text("at most 123 bytes"), "message blocked", "The same in words."),
        optional(
            "pattern",
            Other("an id, a regular expression, then perhaps `score=`", Some(&PATTERN)),
            "A rule of your own, matched against every decoded text: `pattern \"ticket\" \"TK-[0-9]{8}\"`. The expression has no look-around and no back-references, and takes linear time.",
        )
        .often(),
        optional("except", Texts("rule id"), "Rules that do not count.").often(),
        optional(
            "redact",
            Other("`pointer=` or `pattern=`", Some(&REDACT)),
            "What every message that goes on has asterisks for, finding or not: the value at a JSON pointer, `redact pointer=\"/user/password\"`, or all that a regular expression matches.",
        )
        .often(),
        optional(
            "json-schema",
            Other("a path, then perhaps `direction=`", Some(&JSON_SCHEMA)),
            "A JSON Schema (draft 4 to 2020-12; draft 7 where it does not say) that whole messages must keep to: `json-schema \"chat.json\" direction=\"client\"`.",
        )
        .often(),
        optional("decode", Sub(&DECODE), "How far encodings are taken off. A message that goes further is a finding."),
        optional(
            "stream-above",
            Size(1, u64::MAX),
            "Uncompressed messages larger than this go on piece by piece, each judged with the end of the one before: what the session ends for may then have gone in part. Not with agents, webhooks, schemas, `redact`, or another `on-match` than `close`.",
        ),
    ],
};

pub(crate) static PATTERN: Block = Block {
    name: "pattern",
    about: "A rule of your own.",
    keys: &[key("score", Integer(1, 10_000), "5", "What a match adds to the score of its text.")],
};

pub(crate) static REDACT: Block = Block {
    name: "redact",
    about: "What is blackened; one of the two.",
    keys: &[
        optional("pointer", Text("JSON pointer"), "The value at this place (RFC 6901)."),
        optional("pattern", Text("regular expression"), "All that it matches."),
    ],
};

pub(crate) static JSON_SCHEMA: Block = Block {
    name: "json-schema",
    about: "What whole messages must be like.",
    keys: &[key("direction", Word(names::<Senders>), "client", "Whose messages.")],
};

pub(crate) static DECODE: Block = Block {
    name: "decode",
    about: "How far encodings are taken off a message.",
    keys: &[
        key("depth", Integer(1, 16), "4", "Encodings within encodings."),
        key("nesting", Integer(1, 512), "64", "Objects and arrays of JSON within each other."),
        key("nodes", Integer(1, 10_000_000), "65536", "Strings and keys of a message."),
        key(
            "growth",
            Integer(1, 100),
            "8",
            "All decoded bytes together, as a multiple of the message's, above the first 64 KiB.",
        ),
    ],
};

pub(crate) const MAX_INFLATED_SIZE: Key = optional(
    "max-inflated-size",
    Size(0, u64::MAX),
    "Bytes of an inspected message once it is inflated; more is closed with 1009.",
)
.or_else("as `max-message-size` where that is written, else 1MB");

pub(crate) const MAX_INFLATE_RATIO: Key = key(
    "max-inflate-ratio",
    Integer(0, 0xffff_ffff),
    "200",
    "How many times its compressed size that may be, above the first 64 KiB; more is closed with 1009.",
);

pub(crate) const MAX_INFLATE_RATE: Key = key(
    "max-inflate-rate",
    Size(0, u64::MAX),
    "16MB",
    "Bytes that the inspected messages of one direction may be inflated to in a second, and at once; more is closed with 1009.",
);

pub(crate) const MAX_IN_FLIGHT: Key = key(
    "max-in-flight",
    Integer(1, 0xffff_ffff),
    "32",
    "Messages of one direction that may wait for agents and webhooks; then its sender is not read.",
);

pub(crate) const MAX_IN_FLIGHT_BYTES: Key = key(
    "max-in-flight-bytes",
    Size(1, u64::MAX),
    "256KB",
    "Bytes of those messages; one message may always wait.",
);

pub(crate) const CONTEXT_TAKEOVER: Key = key(
    "context-takeover",
    Flag,
    "false",
    "Whether compressed messages that are inspected may refer to those before them. It compresses better, and costs 90 KiB for each session. Not where a message may be dropped or rewritten.",
);

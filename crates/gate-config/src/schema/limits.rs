//! Limits of connections, which stand in several blocks, and `rate-limit`.

use super::Form::{Count, Other, Size, Text, Word};
use super::{Block, Key, key, optional};
use crate::model::Senders;
use crate::words::{Exceeding, names};

pub(crate) const CONNECTIONS_PER_ADDRESS: Key = key(
    "max-connections-per-ip",
    Count,
    "0",
    "Of them, those of one client address; of IPv6, of one /64. 0: no limit.",
);

pub(crate) const CONNECTION_RATE: Key = optional(
    "connection-rate",
    Other(RATE, None),
    "Sessions of WebSocket that begin here: `\"10/s\"`, `\"600/m\"`, `\"5/10s\"`, or a number for each second. `burst=` is how many may begin at once; without it, as many as in one period. 0: no limit.",
);

pub(crate) const CONNECTION_RATE_PER_ADDRESS: Key = optional(
    "connection-rate-per-ip",
    Other(RATE, None),
    "Of them, those of one client address; of IPv6, of one /64.",
);

const RATE: &str = "a rate, then perhaps `burst=`";

pub(crate) static RATE_LIMIT: Block = Block {
    name: "rate-limit",
    about: "How fast the peers of a session may send. Each rate is a number for each second, or like `\"600/m\"`; 0: no limit. The bucket of a rate fills evenly and holds `burst`. What is larger than what is left in the bucket passes as long as there is anything in it, and nothing more until what is owed has come.",
    keys: &[
        optional("messages", Other("a rate", None), "Messages, each when it begins.").or_else("no limit"),
        optional("frames", Other("a rate", None), "Frames of messages, each fragment.").or_else("no limit"),
        optional(
            "bytes",
            Other("a rate of bytes", None),
            "Payload of messages as it is on the wire: `\"1MB\"`, `\"10MB/m\"`.",
        )
        .or_else("no limit"),
        optional("control-frames", Other("a rate", None), "Pings and pongs.").or_else("no limit"),
        optional(
            "burst",
            super::Form::Integer(1, u64::MAX),
            "How many messages, frames or pings may come at once.",
        )
        .or_else("as many as in one period"),
        optional("burst-bytes", Size(1, u64::MAX), "How many bytes may come at once.")
            .or_else("as many as in one period"),
        key(
            "per",
            Text("`connection`, `ip`, `route`, `header:Name`, `query:name` or `cookie:name`"),
            "connection",
            "Which sessions share a bucket: none, those of one client address (of IPv6, of one /64), all of the route, or those whose handshakes have the same value. Those without a value share one.",
        ),
        key(
            "from",
            Word(names::<Senders>),
            "client",
            "Whose frames are counted; with `both`, those of each side by themselves.",
        ),
        key(
            "on-exceed",
            Word(names::<Exceeding>),
            "close",
            "`close`: both sides are closed with 1008. `drop`: the message, or the ping or pong, goes nowhere. `delay`: whoever sends is not read until there is room.",
        ),
    ],
};

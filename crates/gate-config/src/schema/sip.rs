//! `sip` of a route's `websocket`, and of a listener.

use super::Form::{Flag, Integer, Other, Seconds, Size, Text, Texts, Word};
use super::{Block, key, optional};
use crate::model::{SipMode, SipOnExceed, SipRateKey};
use crate::words::{MessageOpcode, names};

pub(crate) static SIP: Block = Block {
    name: "sip",
    about: "Messages are SIP (RFC 3261), one in each message of WebSocket (RFC 7118). In a route it means that clients must offer the subprotocol `sip`; the gateway is the end of their WebSocket, so that fragments are put together and nothing of compression or framing gets to the upstream.",
    keys: &[
        key(
            "mode",
            Word(names::<SipMode>),
            "edge",
            "`edge`: a stateless proxy with a Via, a Path and a Record-Route of its own, on connections to the upstream that clients share. `transparent`: each client has a connection of its own, and messages are reframed only; not over UDP.",
        ),
        optional(
            "listener",
            Text("name"),
            "For `edge` over UDP, TCP and TLS: the listener with `protocol \"sip-udp\"`, `\"sip-tcp\"` or `\"sip-tls\"` that the upstream sends its own requests to. It stands in Via, Path and Record-Route, so that what a registrar has stored is good for as long as the listener is there.",
        )
        .or_else("the worker's own socket or connection, whose port changes with each start"),
        optional(
            "advertise",
            Text("host or host:port"),
            "What stands in Via, Path and Record-Route in place of the address, where others reach it by another.",
        ),
        key(
            "max-message-chunks",
            Integer(0, 65_535),
            "0",
            "Reads that leave a message incomplete; at so many the connection is closed with 1008. It depends on how bytes happen to arrive. 0: no limit.",
        ),
        key(
            "message-opcode",
            Word(names::<MessageOpcode>),
            "text",
            "Messages to clients are text, or go out with the opcode that the client used last.",
        ),
        optional("methods", Texts("method"), "The only methods that clients may use; others are answered 405.")
            .or_else("all"),
        key("max-headers", Integer(1, 10_000), "128", "Headers of a message; a request with more is answered 400."),
        key(
            "max-header-size",
            Size(64, 1 << 20),
            "8KB",
            "Bytes of one header; a request with a longer one is answered 513.",
        ),
        optional("rate-limit", Other("a block", Some(&SIP_RATE_LIMIT)), "How fast clients may send. All that stand hold.").often(),
        key("answer-options", Flag, "true", "OPTIONS to the gateway itself is answered 200."),
        key(
            "keepalive-interval-secs",
            Seconds(0),
            "90",
            "Streams towards servers that were silent for so long are sent CRLFCRLF, and must answer by CRLF within 10 s (RFC 5626 §4.4.1). 0: they are not asked.",
        ),
        key(
            "tcp-above-bytes",
            Integer(0, 65_535),
            "0",
            "Requests of more bytes go to a target `udp://` over TCP, to the same address and port; over UDP where it cannot be had (RFC 3261 §18.1.1 has it so above 1,300 bytes). 0: all go over UDP, in fragments if need be.",
        ),
        key(
            "udp-keepalive-interval-secs",
            Seconds(0),
            "0",
            "Servers over UDP are sent CRLFCRLF so often by the worker's own sockets, so that a translator of addresses between them keeps the way open. They need not answer. 0: never.",
        ),
    ],
};

pub(crate) static SIP_RATE_LIMIT: Block = Block {
    name: "rate-limit",
    about: "How fast a client may send messages of SIP.",
    keys: &[
        optional(
            "messages",
            Other("a rate", None),
            "Messages: a number for each second, or like `\"600/m\"`.",
        ),
        optional("burst", Integer(1, u64::MAX), "How many may come at once.")
            .or_else("as many as in one period"),
        key(
            "per",
            Word(names::<SipRateKey>),
            "connection",
            "`user`: all requests with the same address-of-record in From count together, on whatever connections they come.",
        ),
        key(
            "on-exceed",
            Word(names::<SipOnExceed>),
            "reject",
            "`reject`: requests are answered 503 with Retry-After, ACKs and responses go nowhere. `close`: the connection is closed with 1008.",
        ),
    ],
};

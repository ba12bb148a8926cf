//! `traces` and all below.

use super::Form::{Block as Sub, Flag, Integer, Named, Other, Size, Text, Texts, Word};
use super::upstreams::CLIENT_TLS;
use super::{Block, key, optional, required};
use crate::words::{Carrier, EventForm, names};

pub(crate) static TRACES: Block = Block {
    name: "traces",
    about: "Servers that are told of connections by HEP version 3, as Homer is. Routes, listeners and upstreams name theirs by `trace`. [tracing.md](tracing.md) has the events.",
    keys: &[optional("trace", Named(&TRACE), "One server.").often()],
};

pub(crate) static TRACE: Block = Block {
    name: "trace",
    about: "One server, and what it is told.",
    keys: &[
        required(
            "address",
            Text("address"),
            "`\"10.0.0.2:9060\"`, `\"[::1]:9060\"` or `\"homer.example.org\"`. Without a port it is 9060. A name is looked up again for each connection, and every minute for `udp`.",
        ),
        key(
            "transport",
            Word(names::<Carrier>),
            "udp",
            "`udp`: each packet is a datagram. `tcp`: packets stand behind one another. `tls`: the same over TLS.",
        ),
        optional("tls", Sub(&CLIENT_TLS), "How the server is spoken to, with `transport \"tls\"`."),
        key(
            "enabled",
            Flag,
            "true",
            "How its switches stand when the gateway begins, or a reload brings the name. From then on they are where an operator has put them.",
        ),
        key("capture-id", Integer(0, 0xffff_ffff), "1", "The number of the gateway there."),
        optional("auth-key", Text("key"), "What the server knows the gateway by. It goes in plain text."),
        optional("node-name", Text("name"), "The name of the gateway there, at most 255 bytes."),
        key(
            "form",
            Word(names::<EventForm>),
            "json",
            "How events are written. `json`: an object. `homer5`: the values alone, in OpenSIPS' order.",
        ),
        optional("delimiter", Text("text"), "What stands between two values of `homer5`.").or_else("`:`"),
        key(
            "protocol-type",
            Integer(0, 255),
            "100",
            "What packets with events are marked as: 100 is a log, 89 what OpenSIPS sends.",
        ),
        key("sip-messages", Flag, "true", "SIP messages are copied there, too, as type 1."),
        key(
            "queue-size",
            Integer(1, 1_000_000),
            "1024",
            "Packets that wait to be sent. Further ones are dropped and counted.",
        ),
        key(
            "max-packet-size",
            Size(1024, 65_535),
            "65507",
            "Bytes of one packet; the longest values of an event, and the end of a SIP message, are cut. `\"1400\"` where fragments of datagrams get lost.",
        ),
        optional("filter", Sub(&FILTER), "Which connections are traced. Without it, all."),
    ],
};

pub(crate) static FILTER: Block = Block {
    name: "filter",
    about: "Of the rules, in their order, the first that fits a connection decides whether it is traced; where none fits it is. That is decided before its first event.",
    keys: &[
        optional(
            "allow",
            Other("conditions, as properties or in a block", Some(&RULE)),
            "Such connections are traced.",
        )
        .often(),
        optional(
            "deny",
            Other("conditions, as properties or in a block", Some(&RULE)),
            "Such connections are not.",
        )
        .often(),
    ],
};

const PORTS: &str = "a port, or a range like `\"1024-65535\"`, one or several";

pub(crate) static RULE: Block = Block {
    name: "allow",
    about: "A rule: `allow peer=\"10.0.0.0/8\" local-port=8443`, or a block. All that stands must fit; of several values of one key one must. `deny` is written in the same ways.",
    keys: &[
        optional(
            "peer",
            Texts("network"),
            "The other end of the connection, be it who has connected or who is connected to: `\"10.0.0.0/8\"`, `\"::1\"`, `\"unix:\"`.",
        ),
        optional("peer-port", Other(PORTS, None), "Its port."),
        optional("local", Texts("network"), "The gateway's own address of the connection."),
        optional("local-port", Other(PORTS, None), "Its port."),
        optional("route", Texts("name"), "The route that the connection came to."),
    ],
};

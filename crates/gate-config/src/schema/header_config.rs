//! `header-config` of a route.

use super::Form::{Block as Sub, Duration, Other, Size, Text, Texts, Word};
use super::upstreams::CLIENT_TLS;
use super::webhook::HOOK;
use super::{Block, key, optional};
use crate::model::OnUntrusted;
use crate::words::names;

pub(crate) static HEADER_CONFIG: Block = Block {
    name: "header-config",
    about: "A request tells its upstream, its webhooks and its limits itself, by `x-wsproxy-upstream` and its like. Only who is trusted, or has signed it, is believed, and only what is listed here can be reached. It needs `trusted` or an `hmac-key-file`, and `upstreams`.",
    keys: &[
        optional(
            "trusted",
            Texts("network"),
            "Peers of the connection that are believed: `\"10.0.0.0/8\"`, `\"::1\"`, `\"unix:\"`. Who stands in X-Forwarded-For is not asked.",
        ),
        optional(
            "hmac-key-file",
            Other("a path, then perhaps a block", Some(&HMAC_KEY_FILE)),
            "A key for `x-wsproxy-signature`, by which requests of all others are believed.",
        )
        .often(),
        key(
            "on-untrusted",
            Word(names::<OnUntrusted>),
            "reject",
            "What becomes of such fields from anybody else. `reject`: 403. `ignore`: they are taken out, and the request goes to the route's `upstream`.",
        ),
        optional(
            "upstreams",
            Texts("entry"),
            "Where sessions may go: `\"ws://10.1.0.0/16\"`, `\"wss://*.example.org:443\"`, `\"ws://*\"`. Without a port, any. Loopback, link-local, multicast and metadata addresses need an entry with an address that lies among them.",
        ),
        optional(
            "hooks",
            Texts("entry"),
            "Which webhooks may be asked, in the same words: `\"http://10.1.0.0/16\"`.",
        ),
        optional(
            "required-hooks",
            Texts("`inbound`, `outbound`"),
            "Directions that must have a webhook; a request without it is answered 400.",
        ),
        optional("ceilings", Sub(&CEILINGS), "What a request may ask for at most."),
        optional("hook", Sub(&HOOK), "How webhooks are asked that a request names."),
        optional("tls", Sub(&CLIENT_TLS), "How upstreams with `wss://` are spoken to."),
    ],
};

pub(crate) static HMAC_KEY_FILE: Block = Block {
    name: "hmac-key-file",
    about: "A key for `x-wsproxy-signature`: `hmac-key-file \"old.key\" id=\"old\"`. At least 16 bytes; a line end behind them is no part of it.",
    keys: &[
        optional("path", Text("path"), "The file; may stand behind `hmac-key-file` instead."),
        key("id", Text("name"), "default", "By which a signature names the key."),
    ],
};

static CEILINGS: Block = Block {
    name: "ceilings",
    about: "A request that asks for more is answered 400. `max-message-size` and `idle-timeout-secs` of `websocket` are ceilings, too.",
    keys: &[
        key("max-message-size", Size(1, 1 << 40), "16MB", "For `x-wsproxy-maxframesize`."),
        key("idle-timeout", Duration, "24h", "For `x-wsproxy-idletimeout`."),
    ],
};

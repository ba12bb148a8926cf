//! The settings of `admin`: where an operator can ask and order.

use super::Form::{Text, Texts};
use super::{Block, key, optional};

pub(crate) static ADMIN: Block = Block {
    name: "admin",
    about: "Where an operator can ask and order: statistics, connections, reload, drain. Without the block there is no such place. On an address that other machines reach it needs a `token` or a `token-file`.",
    keys: &[
        key("address", Text("address"), "127.0.0.1:9091", "Where it listens: an address, or `unix:/path`."),
        optional("mode", Text("octal"), "The permissions of a unix socket.").or_else("`600`"),
        optional(
            "token",
            Text("token"),
            "What clients must show, as `Authorization: Bearer …`. Visible characters of ASCII.",
        ),
        optional(
            "token-file",
            Text("path"),
            "A file whose first line is the token. Beside `token` either will do.",
        ),
        optional(
            "hosts",
            Texts("name"),
            "Names by which clients may ask for it, beside IP addresses and `localhost`.",
        ),
    ],
};

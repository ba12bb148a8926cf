//! `frame-logs`, and the rotation of all logs.

use super::Form::{Block as Sub, Integer, Millis, Named, Other, Size, Text, Texts, Word};
use super::{Block, key, optional, required};
use crate::model::{LogFormat, Senders, WhenFull};
use crate::words::{Escaping, names};

pub(crate) static FRAME_LOGS: Block = Block {
    name: "frame-logs",
    about: "Logs of what passes in sessions of WebSocket. Routes name those that they write to.",
    keys: &[optional("frame-log", Named(&FRAME_LOG), "One log.").often()],
};

const LINE: &str = "a text with variables; of JSON, one variable for each field";

pub(crate) static FRAME_LOG: Block = Block {
    name: "frame-log",
    about: "One log. It needs at least one of `frame`, `message`, `open` and `close`; the name alone stands for a line with what is usually wanted. The variables are in [frame-log.md](frame-log.md).",
    keys: &[
        required(
            "path",
            Text("path"),
            "A file that is appended to, `stdout`, `stderr`, or `syslog:server=unix:/dev/log,facility=local7,tag=ws,severity=info`, where the server may also be `127.0.0.1:514` (UDP).",
        ),
        key(
            "format",
            Word(names::<LogFormat>),
            "text",
            "`json`: each line is an object with the variables by their names.",
        ),
        optional("frame", Other(LINE, None), "The line of each frame."),
        optional("message", Other(LINE, None), "The line of each data message, once it is whole."),
        optional("open", Other(LINE, None), "The line of each session that opens."),
        optional("close", Other(LINE, None), "The line of each session that is over."),
        key(
            "escape",
            Word(names::<Escaping>),
            "default",
            "How values are escaped, as in nginx's `log_format`. `default`: `\"`, `\\`, controls and what is not ASCII are `\\xXX`. `json`: as within strings of JSON. `none`: only line breaks. With `format \"json\"` it has no meaning.",
        ),
        optional("filter", Sub(&FILTER), "Which frames and messages have a line; without it, all."),
        key("sample", Integer(1, 0xffff_ffff), "1", "One in so many of them has a line."),
        optional("redact", Sub(&REDACT), "Values that are told as `***`.").merged(),
        key(
            "flush-interval-ms",
            Millis(1),
            "1000",
            "How long a line may wait for others before it is written; a process that is killed loses as much at most.",
        ),
        key(
            "buffer-size",
            Size(1024, 1024 * 1024),
            "64KB",
            "How many bytes of lines may wait for others, for each worker.",
        ),
        key(
            "when-full",
            Word(names::<WhenFull>),
            "drop",
            "When the target takes less than is written. `drop`: lines are dropped, counted, and their number is told in the log. `block`: the worker waits, and all its sessions with it.",
        ),
        optional("rotate", Sub(&ROTATE), "Without it a file grows without a limit."),
    ],
};

pub(crate) static FILTER: Block = Block {
    name: "filter",
    about: "Which frames and messages have a line. All that stands must hold.",
    keys: &[
        optional(
            "opcodes",
            Texts("`text`, `binary`, `continuation`, `close`, `ping` or `pong`"),
            "What they carry. A frame that goes on with a message is a `continuation`, and what its message is.",
        )
        .or_else("all"),
        key("min-size", Size(0, u64::MAX), "0", "Bytes of the frame's payload, or of the message."),
        key("max-size", Size(0, u64::MAX), "0", "The same; 0: no limit."),
        key("direction", Word(names::<Senders>), "both", "Who sent them."),
    ],
};

pub(crate) static REDACT: Block = Block {
    name: "redact",
    about: "Values that are told as `***`. The case of names does not matter.",
    keys: &[
        optional(
            "arg",
            Texts("name"),
            "Parameters of the query: `$arg_NAME`, and within `$request`, `$request_uri`, `$args` and `$http_referer`.",
        )
        .often(),
        optional("cookie", Texts("name"), "Cookies: `$cookie_NAME`, and within `$http_cookie`.").often(),
        optional("header", Texts("name"), "Header fields: `$http_NAME`.").often(),
    ],
};

pub(crate) static ROTATE: Block = Block {
    name: "rotate",
    about: "A file that has become too large is renamed to `name.1`, what was that to `name.2`, and so on.",
    keys: &[
        required(
            "size",
            Size(4096, u64::MAX),
            "Bytes that the file has at most, but for the lines of one write.",
        ),
        key("keep", Integer(1, 1000), "5", "How many older files are kept."),
    ],
};

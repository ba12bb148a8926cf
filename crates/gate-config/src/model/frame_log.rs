//! `frame-logs`: lines of what passes in sessions.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gate_core::template::{Kind, Redaction, Template};
use ws_proto::Opcode;

use super::observability::LogTarget;
use super::place::At;
use super::rate_limit::Senders;

/// One log.
#[derive(Clone, Debug)]
pub struct FrameLog {
    /// Its name.
    pub id: Arc<str>,
    /// `path`.
    pub target: At<LogTarget>,
    /// `frame`, `message`, `open` and `close`.
    pub formats: Formats,
    /// `filter`: which frames and messages have a line.
    pub filter: FrameFilter,
    /// `sample`: one in so many of those.
    pub sample: u32,
    /// `redact`.
    pub redaction: Redaction,
    /// `flush-interval-ms`: how long a line waits for others at most.
    pub flush_interval: Duration,
    /// `buffer-size`: how many bytes wait for others at most, for each worker.
    pub buffer_size: usize,
    /// `when-full`.
    pub when_full: WhenFull,
    /// `rotate`.
    pub rotation: Option<Rotation>,
}

/// The lines of a log, by what they are of. At least one is there.
#[derive(Clone, Debug, Default)]
pub struct Formats {
    /// `open`: a session opened.
    pub open: Option<Template>,
    /// `frame`: a frame passed.
    pub frame: Option<Template>,
    /// `message`: a data message passed.
    pub message: Option<Template>,
    /// `close`: a session is over.
    pub close: Option<Template>,
}

impl Formats {
    /// The one of a kind.
    #[must_use]
    pub fn of(&self, kind: Kind) -> Option<&Template> {
        match kind {
            Kind::Open => self.open.as_ref(),
            Kind::Frame => self.frame.as_ref(),
            Kind::Message => self.message.as_ref(),
            Kind::Close => self.close.as_ref(),
        }
    }
}

/// Which frames and messages have a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameFilter {
    /// `opcodes`; a continuation counts as its message's too. Empty: all.
    pub opcodes: Vec<Opcode>,
    /// `min-size`: bytes of the frame's payload, or of the message.
    pub size_min: u64,
    /// `max-size`; 0: no limit.
    pub size_max: u64,
    /// `direction`; `None`: both.
    pub direction: Option<Senders>,
}

/// `when-full`: what becomes of lines that the writer has no room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// They are dropped and counted.
    #[default]
    Drop,
    /// The worker waits, and all its sessions with it.
    Block,
}

/// `rotate`: a file that has become too large goes on under another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// `size`: the file has at most so many bytes, but for the lines of one write.
    pub size: u64,
    /// `keep`: so many older files are kept, as `name.1` and so on.
    pub keep: u32,
}

/// Where syslog is, and how lines are marked for it (RFC 3164).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syslog {
    /// Where the datagrams go.
    pub server: SyslogServer,
    /// Its number, 0 to 23.
    pub facility: u8,
    /// Its number, 0 to 7.
    pub severity: u8,
    /// What stands before each line: letters, digits, and underscores.
    pub tag: String,
    /// Whether the name of this host stands in each line.
    pub has_hostname: bool,
}

/// Where datagrams for syslog go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyslogServer {
    /// A unix socket.
    Unix(PathBuf),
    /// `host:port`, over UDP.
    Udp(String),
}

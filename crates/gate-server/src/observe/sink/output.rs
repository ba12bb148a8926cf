//! What a writer writes to.

use std::io::{self, Write};

use gate_config::model::{LogTarget, Rotation, SyslogServer};

use super::file::LogFile;
use super::syslog::SyslogSocket;

/// See the module.
pub(super) enum Output {
    /// Standard output or error.
    Stream(Box<dyn Write + Send>),
    File(LogFile),
    Syslog(SyslogSocket),
    Nowhere,
}

/// What can be changed of a target that is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) rotation: Option<Rotation>,
}

/// Lines that were not written.
#[derive(Debug)]
pub(super) struct Unwritten {
    /// Bytes that were.
    pub(super) written: usize,
    pub(super) error: io::Error,
}

impl Output {
    pub(super) fn open(target: &LogTarget, rotation: Option<Rotation>) -> io::Result<Self> {
        Ok(match target {
            LogTarget::Off => Self::Nowhere,
            LogTarget::Stderr => Self::Stream(Box::new(io::stderr())),
            LogTarget::Stdout => Self::Stream(Box::new(io::stdout())),
            LogTarget::File(path) => Self::File(LogFile::open(path.clone(), rotation)?),
            LogTarget::Syslog(syslog) => Self::Syslog(SyslogSocket::open(syslog.clone())?),
        })
    }

    /// Whether [`Output::open`] would do, as far as can be told without making a file.
    pub(super) fn check(target: &LogTarget) -> io::Result<()> {
        match target {
            LogTarget::Off | LogTarget::Stderr | LogTarget::Stdout => Ok(()),
            LogTarget::File(path) => LogFile::check(path),
            LogTarget::Syslog(syslog) => SyslogSocket::open(syslog.clone()).map(drop),
        }
    }

    /// Whether it is the file that a target names.
    pub(super) fn is_file_of(&self, target: &LogTarget) -> bool {
        match (self, target) {
            (Self::File(file), LogTarget::File(path)) => file.is_at(path),
            (Self::File(_) | Self::Stream(_) | Self::Syslog(_) | Self::Nowhere, _) => false,
        }
    }

    /// Writes whole lines.
    pub(super) fn write(&mut self, lines: &[u8]) -> Result<(), Unwritten> {
        match self {
            Self::Stream(stream) => write_all(stream, lines),
            Self::File(file) => file.write(lines),
            Self::Syslog(socket) => socket.write(lines),
            Self::Nowhere => Ok(()),
        }
    }

    pub(super) fn reopen(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.reopen(),
            Self::Stream(_) | Self::Syslog(_) | Self::Nowhere => Ok(()),
        }
    }

    /// Makes room in the target before so many bytes are written to it, if it needs to be made.
    pub(super) fn make_room(&mut self, bytes: usize) -> io::Result<()> {
        match self {
            Self::File(file) => file.rotate_before(bytes),
            Self::Stream(_) | Self::Syslog(_) | Self::Nowhere => Ok(()),
        }
    }

    /// The most bytes for which room can be made.
    pub(super) fn room_max(&self) -> usize {
        match self {
            Self::File(file) => file.size_max(),
            Self::Stream(_) | Self::Syslog(_) | Self::Nowhere => usize::MAX,
        }
    }

    pub(super) fn set(&mut self, settings: Settings) {
        match self {
            Self::File(file) => file.set_rotation(settings.rotation),
            Self::Stream(_) | Self::Syslog(_) | Self::Nowhere => {}
        }
    }
}

/// Writes all, in one call as long as that takes all.
pub(super) fn write_all(output: &mut impl Write, bytes: &[u8]) -> Result<(), Unwritten> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match output.write(rest) {
            Ok(0) => return Err(Unwritten { written, error: io::ErrorKind::WriteZero.into() }),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Unwritten { written, error }),
        }
    }
    output.flush().map_err(|error| Unwritten { written, error })
}

/// A target in words.
pub(super) fn name(target: &LogTarget) -> String {
    match target {
        LogTarget::Stderr => "standard error".to_owned(),
        LogTarget::Stdout => "standard output".to_owned(),
        LogTarget::Off => "nothing".to_owned(),
        LogTarget::File(path) => path.display().to_string(),
        LogTarget::Syslog(syslog) => match &syslog.server {
            SyslogServer::Unix(path) => format!("syslog at {}", path.display()),
            SyslogServer::Udp(address) => format!("syslog at {address}"),
        },
    }
}

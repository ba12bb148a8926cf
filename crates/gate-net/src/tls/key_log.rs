//! The key log: the secrets of connections, with which a recording of them can be read. For
//! debugging, in the format of NSS that Wireshark reads.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gate_config::model::{At, Objection};
use rustls::KeyLog;

use crate::tls::identity::objection;

/// An open log.
#[derive(Debug)]
pub(super) struct KeyLogFile(File);

impl KeyLogFile {
    /// Opens the log at `path`, to append; a fresh one can be read by its owner alone.
    ///
    /// # Errors
    /// When it cannot be opened, or is a file that others can read.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_file() && metadata.mode() & 0o077 != 0 {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "others than its owner can read it"));
        }
        Ok(Self(file))
    }
}

impl KeyLogFile {
    /// The same as part of a configuration, which may have something against it.
    pub(super) fn shared(file: &At<PathBuf>, objections: &mut Vec<Objection>) -> Option<Arc<Self>> {
        match Self::open(&file.value) {
            Ok(log) => Some(Arc::new(log)),
            Err(error) => {
                objections.push(objection(
                    file.place,
                    format!("cannot log keys to `{}`: {error}", file.value.display()),
                    "a file that the user of this process alone can read and write (mode 0600)",
                ));
                None
            }
        }
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let mut line = String::from(label);
        for part in [client_random, secret] {
            line.push(' ');
            for byte in part {
                let _infallible = write!(line, "{byte:02x}");
            }
        }
        line.push('\n');
        // A line goes in one write to a file that is appended to, so that those of other
        // threads do not mix with it. A full disk must not end connections.
        let _best_effort = (&self.0).write_all(line.as_bytes());
    }
}

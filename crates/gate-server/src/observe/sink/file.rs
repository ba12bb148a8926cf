//! A log file: appended to, opened anew when it has been moved away, and rotated by its size.
//! Appending is the system's own, so that a file which is copied and cut to nothing goes on at
//! its beginning.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use gate_config::model::Rotation;
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::output::{Unwritten, write_all};

/// See the module.
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    rotation: Option<Rotation>,
    /// The file ends within a line that could not be written whole.
    is_torn: bool,
}

/// A file by its device and number, as it may have several names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId(u64, u64);

impl LogFile {
    pub(super) fn open(path: PathBuf, rotation: Option<Rotation>) -> io::Result<Self> {
        let file = append(&path)?;
        Ok(Self { path, file, rotation, is_torn: false })
    }

    /// Whether [`LogFile::open`] would do, as far as can be told without making the file.
    pub(super) fn check(path: &Path) -> io::Result<()> {
        match open_at_once(OpenOptions::new().append(true), path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
                let directory = directory.unwrap_or_else(|| Path::new("."));
                if fs::metadata(directory)?.is_dir() { writable(directory) } else { Err(error) }
            }
            opened => opened.map(drop),
        }
    }

    /// Whether it is what stands at this path. It is asked each time: of a file that is gone
    /// another one may get the number.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        let there = fs::metadata(path).ok().map(|there| FileId::of(&there));
        there.is_some() && there == self.id()
    }

    fn id(&self) -> Option<FileId> {
        self.file.metadata().ok().map(|metadata| FileId::of(&metadata))
    }

    pub(super) fn set_rotation(&mut self, rotation: Option<Rotation>) {
        self.rotation = rotation;
    }

    /// Bytes after which it is rotated.
    pub(super) fn size_max(&self) -> usize {
        self.rotation.and_then(|rotation| usize::try_from(rotation.size).ok()).unwrap_or(usize::MAX)
    }

    /// Writes whole lines. Behind a line that is not whole they begin on one of their own.
    pub(super) fn write(&mut self, lines: &[u8]) -> Result<(), Unwritten> {
        if self.is_torn {
            write_all(&mut self.file, b"\n").map_err(|unwritten| Unwritten { written: 0, ..unwritten })?;
            self.is_torn = false;
        }
        write_all(&mut self.file, lines).inspect_err(|unwritten| {
            let last = unwritten.written.checked_sub(1).and_then(|last| lines.get(last));
            self.is_torn = last.is_some_and(|last| *last != b'\n');
        })
    }

    /// As if a line had not been written whole.
    #[cfg(test)]
    pub(super) fn tear(&mut self) {
        self.is_torn = true;
    }

    /// Opens the path again; the old file stays in use where that fails.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        let before = self.id();
        self.file = append(&self.path)?;
        // It may be the same one, where nobody has moved it.
        self.is_torn &= self.id() == before;
        Ok(())
    }

    /// Gives the file another name, and begins a new one, if so many more bytes would make it
    /// larger than it may be.
    pub(super) fn rotate_before(&mut self, bytes: usize) -> io::Result<()> {
        let Some(Rotation { size, keep }) = self.rotation else { return Ok(()) };
        let metadata = self.file.metadata()?;
        let more = u64::try_from(bytes).unwrap_or(u64::MAX);
        if !metadata.is_file() || metadata.len() == 0 || metadata.len().saturating_add(more) <= size {
            return Ok(());
        }
        // Where somebody else has moved the file, what has its name is not ours to move.
        let is_ours = fs::metadata(&self.path).is_ok_and(|there| FileId::of(&there) == FileId::of(&metadata));
        if is_ours {
            for number in (1..keep).rev() {
                rename_if_there(&self.numbered(number), &self.numbered(number + 1))?;
            }
            rename_if_there(&self.path, &self.numbered(1))?;
        }
        self.reopen()
    }

    /// `name.1` and so on.
    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

impl FileId {
    fn of(metadata: &fs::Metadata) -> Self {
        Self(metadata.dev(), metadata.ino())
    }
}

fn append(path: &Path) -> io::Result<File> {
    open_at_once(OpenOptions::new().append(true).create(true), path)
}

/// Does not wait for somebody to read a named pipe, as open(2) would.
fn open_at_once(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let at_once = i32::try_from(OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
    let file = match options.custom_flags(at_once).open(path) {
        Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
            return Err(io::Error::other("it is a pipe that nobody reads"));
        }
        opened => opened?,
    };
    // Writers do wait for whoever reads.
    rustix::fs::fcntl_setfl(&file, rustix::fs::fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

fn writable(directory: &Path) -> io::Result<()> {
    rustix::fs::access(directory, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)?;
    Ok(())
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => renamed,
    }
}

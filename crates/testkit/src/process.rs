//! A command of the binary as a process of its own.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::deadline::eventually;
use crate::folder::Folder;

/// See the module. It is killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// What it tells on standard error.
    errors: PathBuf,
}

impl Process {
    /// Starts it, once `change` has been made to how. What it tells on standard error is added to a
    /// file in the folder.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn spawn(folder: &Folder, mut command: Command, change: impl FnOnce(&mut Command)) -> Self {
        let path = folder.file("stderr");
        let errors = fs::File::options().append(true).create(true).open(&path);
        let errors = errors.expect("a folder that can be written");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
        change(&mut command);
        Self { child: command.spawn().expect("the binary is there"), errors: path }
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it has ended.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it is there");
    }

    /// Whether it goes on.
    ///
    /// # Panics
    /// When the system does not say.
    pub fn is_running(&mut self) -> bool {
        self.status().is_none()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When that does not come.
    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        eventually("the process ends", || self.status())
    }

    /// What it has told on standard error so far.
    ///
    /// # Panics
    /// When that is no text.
    #[must_use]
    pub fn errors(&self) -> String {
        fs::read_to_string(&self.errors).expect("a text in UTF-8")
    }

    fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the system knows its children")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _status = self.child.wait();
    }
}

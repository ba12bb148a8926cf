//! `auto-reload`: tells when the files of a configuration have another content.
//!
//! Editors and orchestrators do not write files, they put others in their place, often behind a
//! symbolic link; so it is the folders that are watched, and what stands in the files decides.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gate_config::model::{Fingerprint, fingerprint};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::reading::Files;

/// See the module.
pub(super) struct Watch {
    files: Files,
    /// Of what was last read; `None`: that is not known.
    content: Option<Fingerprint>,
    stirred: Arc<Notify>,
    /// Ends with this.
    _watcher: RecommendedWatcher,
}

/// Files that are written one after the other are read together.
const QUIET: Duration = Duration::from_millis(200);

/// Where something is written all the time, it is read nevertheless after this.
const PATIENCE: Duration = Duration::from_secs(2);

impl Watch {
    /// Watches `files`, of which what stands in them at the moment has been read. `is_late`: it may
    /// have been written since then, so that they are read once more.
    ///
    /// # Errors
    /// When the system does not let it, for its limits as a rule.
    pub(super) fn begin(files: Files, is_late: bool) -> Result<Self, notify::Error> {
        let stirred = Arc::new(Notify::new());
        let (told, known) = (Arc::clone(&stirred), files.clone());
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Something may have gone unnoticed where there is an error.
            if event.map_or(true, |event| concerns(&event, &known)) {
                told.notify_one();
            }
        })?;
        for folder in folders(&files) {
            match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => {}
                // It may come to be; but only another reload will find it.
                Err(error) if is_missing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let content = (!is_late).then(|| content(&files));
        if is_late {
            stirred.notify_one();
        }
        Ok(Self { files, content, stirred, _watcher: watcher })
    }

    /// What is watched.
    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// Resolves when something else stands in the files.
    pub(super) async fn changed(&mut self) {
        loop {
            self.stirred.notified().await;
            let until_quiet = async { while timeout(QUIET, self.stirred.notified()).await.is_ok() {} };
            let _never_quiet = timeout(PATIENCE, until_quiet).await;
            let content = Some(content(&self.files));
            if content != self.content {
                // Taken before they are read: what is written meanwhile is told of again.
                self.content = content;
                return;
            }
        }
    }
}

/// Waits for a change, for ever where nothing is watched.
pub(super) async fn changed(watch: &mut Option<Watch>) {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}

/// A pause before a watch that could not be begun is tried again.
pub(super) async fn pause() {
    sleep(PATIENCE).await;
}

fn is_missing(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::PathNotFound => true,
        notify::ErrorKind::Io(error) => error.kind() == io::ErrorKind::NotFound,
        notify::ErrorKind::Generic(_)
        | notify::ErrorKind::WatchNotFound
        | notify::ErrorKind::InvalidConfig(_)
        | notify::ErrorKind::MaxFilesWatch => false,
    }
}

/// Whether an event may be about one of the files. A regular file that is none of them, such as a
/// log beside them, is not; a link or a folder may be on the way to one.
fn concerns(event: &notify::Event, files: &Files) -> bool {
    if matches!(event.kind, EventKind::Access(_)) {
        return false;
    }
    let is_other = |path: &PathBuf| {
        let is_known = files.files.iter().any(|file| file.file_name() == path.file_name());
        let is_in_folder = files.folders.iter().any(|folder| path.parent() == Some(&*absolute(folder)));
        !is_known && !is_in_folder && fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
    };
    event.paths.is_empty() || !event.paths.iter().all(is_other)
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The folders to be watched: those of the files, and where a file is a link, those of what it
/// leads to.
fn folders(files: &Files) -> HashSet<PathBuf> {
    let mut folders: HashSet<PathBuf> = files.folders.iter().map(|folder| absolute(folder)).collect();
    for file in &files.files {
        let real = file.canonicalize().ok();
        for path in [Some(absolute(file)), real].into_iter().flatten() {
            folders.extend(path.parent().map(Path::to_owned));
        }
    }
    folders
}

/// What stands in the files, and which files there are in the folders.
fn content(files: &Files) -> Fingerprint {
    let mut names: Vec<PathBuf> = Vec::new();
    for folder in &files.folders {
        let entries = fs::read_dir(folder).into_iter().flatten();
        names.extend(entries.filter_map(Result::ok).map(|entry| entry.path()));
    }
    names.sort_unstable();
    fingerprint(&names, files.files.iter().map(|file| &**file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { timeout(Duration::from_secs(20), future).await.expect("it comes about") })
    }

    /// A folder that is gone when dropped.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("framegate-watch-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, name: &str, content: &str) -> PathBuf {
            let path = self.0.join(name);
            fs::write(&path, content).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _best_effort = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_file_that_another_takes_the_place_of_is_noticed() {
        let folder = Folder::new("renamed");
        let file = folder.write("a.kdl", "1");
        let mut watch =
            Watch::begin(Files { files: vec![file.clone()], folders: Vec::new() }, false).unwrap();
        for content in ["2", "3"] {
            let other = folder.write("a.kdl.new", content);
            fs::rename(other, &file).unwrap();
            run(watch.changed());
        }
    }

    #[test]
    fn a_link_that_leads_elsewhere_is_noticed() {
        let folder = Folder::new("linked");
        let link = |to: &str| {
            let fresh = folder.0.join("..data.new");
            std::os::unix::fs::symlink(to, &fresh).unwrap();
            fs::rename(fresh, folder.0.join("..data")).unwrap();
        };
        for (version, content) in [("..1", "1"), ("..2", "2")] {
            fs::create_dir_all(folder.0.join(version)).unwrap();
            folder.write(&format!("{version}/a.kdl"), content);
        }
        link("..1");
        std::os::unix::fs::symlink("..data/a.kdl", folder.0.join("a.kdl")).unwrap();
        let mut watch =
            Watch::begin(Files { files: vec![folder.0.join("a.kdl")], folders: Vec::new() }, false).unwrap();
        link("..2");
        run(watch.changed());
    }

    #[test]
    fn a_file_that_is_touched_or_written_beside_them_is_not() {
        let folder = Folder::new("same");
        let file = folder.write("a.kdl", "1");
        let mut watch = Watch::begin(Files { files: vec![file], folders: Vec::new() }, false).unwrap();
        folder.write("access.log", "a line");
        folder.write("a.kdl", "1");
        run(async {
            assert!(timeout(QUIET * 3, watch.changed()).await.is_err());
            folder.write("a.kdl", "2");
            watch.changed().await;
        });
    }

    #[test]
    fn a_file_more_in_a_folder_of_includes_is_noticed() {
        let folder = Folder::new("more");
        let file = folder.write("a.kdl", "1");
        fs::create_dir_all(folder.0.join("conf.d")).unwrap();
        let mut watch =
            Watch::begin(Files { files: vec![file], folders: vec![folder.0.join("conf.d")] }, false).unwrap();
        folder.write("conf.d/b.kdl", "");
        run(watch.changed());
    }
}

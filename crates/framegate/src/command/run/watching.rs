//! `auto-reload`: tells when the files of a configuration have another content.
//!
//! Editors and orchestrators do not write files, they put others in their place, often behind a
//! symbolic link; so it is the folders that are watched, and what stands in the files decides.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gate_config::model::Fingerprint;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::reading::{Files, Read};

/// See the module.
pub(super) struct Watch {
    files: Files,
    ways: Ways,
    /// Of what was last read; `None`: that is not known.
    content: Option<Fingerprint>,
    stirred: Arc<Notify>,
    /// Something has stirred and has not been looked at.
    is_stirred: bool,
    /// Ends with this.
    _watcher: RecommendedWatcher,
}

/// Files that are written one after the other are read together.
const QUIET: Duration = Duration::from_millis(200);

/// Where something is written all the time, it is read nevertheless after this.
const PATIENCE: Duration = Duration::from_secs(2);

impl Watch {
    /// Watches the files that were `read`. They are looked at once more, as something may have been
    /// written since, or been missed by the watch that this one takes the place of.
    ///
    /// # Errors
    /// When the system does not let it, for its limits as a rule.
    pub(super) fn begin(read: Read, before: Option<&Self>) -> Result<Self, notify::Error> {
        let Read { files, content } = read;
        let stirred = Arc::new(Notify::new());
        let ways = Ways::of(&files);
        let (told, known) = (Arc::clone(&stirred), ways.clone());
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Something may have gone unnoticed where there is an error.
            if event.map_or(true, |event| concerns(&event, &known)) {
                told.notify_one();
            }
        })?;
        // Folders whose files all count come first: a folder that has two names is told of by one.
        let mut watched = HashSet::new();
        let (open, others): (Vec<_>, Vec<_>) =
            ways.folders.iter().partition(|(folder, _)| ways.open.contains(*folder));
        for (folder, identity) in open.into_iter().chain(others) {
            if identity.is_some_and(|identity| !watched.insert(identity)) {
                continue;
            }
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => {}
                // It may come to be; but only another reload will find it.
                Err(error) if is_missing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let content = match before {
            None => Some(content),
            Some(before) => before.content.filter(|_| before.files == files),
        };
        Ok(Self { files, ways, content, stirred, is_stirred: true, _watcher: watcher })
    }

    /// What is watched.
    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// Whether all that decides what stands in `files` is watched: they are the same, and so are the
    /// folders and links that lead to them.
    pub(super) fn is_on(&self, files: &Files) -> bool {
        self.files == *files && self.ways == Ways::of(files)
    }

    /// Resolves when something else stands in the files. Nothing is lost when it is dropped before.
    pub(super) async fn changed(&mut self) {
        loop {
            if !self.is_stirred {
                self.stirred.notified().await;
                self.is_stirred = true;
            }
            let until_quiet = async { while timeout(QUIET, self.stirred.notified()).await.is_ok() {} };
            let _never_quiet = timeout(PATIENCE, until_quiet).await;
            self.is_stirred = false;
            let content = Some(self.files.content());
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
fn concerns(event: &notify::Event, ways: &Ways) -> bool {
    if matches!(event.kind, EventKind::Access(_)) {
        return false;
    }
    let is_other = |path: &PathBuf| {
        let is_known = path.file_name().is_some_and(|name| ways.names.contains(name));
        let is_in_folder = path.parent().is_some_and(|parent| ways.open.contains(parent));
        !is_known && !is_in_folder && fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
    };
    event.paths.is_empty() || !event.paths.iter().all(is_other)
}

/// All that decides what stands in files, beside what is written into them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ways {
    /// The folders of the files, and of all links on the way to them. They are told apart by more
    /// than their names, as another folder may have been put in the place of one.
    folders: BTreeMap<PathBuf, Option<(u64, u64)>>,
    /// What the files are called, and what links lead to.
    names: BTreeSet<OsString>,
    /// Folders all files of which count.
    open: BTreeSet<PathBuf>,
}

impl Ways {
    fn of(files: &Files) -> Self {
        let mut ways = Self::default();
        for file in &files.files {
            ways.add(absolute(file));
        }
        for folder in &files.folders {
            let folder = absolute(folder);
            ways.add_folder(&folder);
            ways.add(folder.clone());
            ways.open.insert(folder);
        }
        ways
    }

    /// Adds what lies on the way to `path`.
    fn add(&mut self, path: PathBuf) {
        let mut paths = vec![path];
        for _ in 0..LINKS_MAX {
            let Some(path) = paths.pop() else { return };
            self.names.extend(path.file_name().map(OsString::from));
            if let Some(parent) = path.parent() {
                self.add_folder(parent);
            }
            for link in path.ancestors() {
                let (Ok(target), Some(parent)) = (fs::read_link(link), link.parent()) else { continue };
                self.add_folder(parent);
                let target = parent.join(target);
                match path.strip_prefix(link) {
                    Ok(rest) if rest.as_os_str().is_empty() => paths.push(target),
                    Ok(rest) => paths.push(target.join(rest)),
                    Err(_) => {}
                }
            }
        }
    }

    fn add_folder(&mut self, folder: &Path) {
        let identity = fs::metadata(folder).ok().map(|found| (found.dev(), found.ino()));
        self.folders.insert(folder.to_owned(), identity);
    }
}

/// Links on the way to a file; the system follows as many (path_resolution(7)).
const LINKS_MAX: usize = 40;

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
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

    fn only(file: &Path) -> Read {
        Read::at_this_moment(Files { files: vec![file.to_owned()], folders: Vec::new() })
    }

    #[test]
    fn what_is_written_between_the_reading_and_the_watch_is_noticed() {
        let folder = Folder::new("between");
        let file = folder.write("a.kdl", "1");
        let read = only(&file);
        folder.write("a.kdl", "2");
        run(Watch::begin(read, None).unwrap().changed());
    }

    #[test]
    fn a_file_that_another_takes_the_place_of_is_noticed() {
        let folder = Folder::new("renamed");
        let file = folder.write("a.kdl", "1");
        let mut watch = Watch::begin(only(&file), None).unwrap();
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
        let mut watch = Watch::begin(only(&folder.0.join("a.kdl")), None).unwrap();
        link("..2");
        run(watch.changed());
    }

    #[test]
    fn a_file_that_is_touched_or_written_beside_them_is_not() {
        let folder = Folder::new("same");
        let file = folder.write("a.kdl", "1");
        let mut watch = Watch::begin(only(&file), None).unwrap();
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
        let mut watch = Watch::begin(
            Read::at_this_moment(Files { files: vec![file], folders: vec![folder.0.join("conf.d")] }),
            None,
        )
        .unwrap();
        folder.write("conf.d/b.kdl", "");
        run(watch.changed());
    }

    #[test]
    fn what_has_stirred_is_not_forgotten_while_something_else_is_done() {
        let folder = Folder::new("dropped");
        let file = folder.write("a.kdl", "1");
        let mut watch = Watch::begin(only(&file), None).unwrap();
        folder.write("a.kdl", "2");
        run(async {
            while !watch.is_stirred {
                // Something else comes up while it waits for quiet.
                let _dropped = timeout(QUIET / 10, watch.changed()).await;
            }
            watch.changed().await;
        });
    }

    #[test]
    fn a_folder_that_a_link_leads_to_may_be_another_one_and_is_watched_then() {
        let folder = Folder::new("releases");
        let current = folder.0.join("current");
        let link = |to: &str| {
            let fresh = folder.0.join("current.new");
            std::os::unix::fs::symlink(to, &fresh).unwrap();
            fs::rename(fresh, &current).unwrap();
        };
        for version in ["1", "2"] {
            fs::create_dir_all(folder.0.join(version)).unwrap();
            folder.write(&format!("{version}/a.kdl"), version);
        }
        link("1");
        let files = only(&current.join("a.kdl"));
        let mut watch = Watch::begin(files.clone(), None).unwrap();
        link("2");
        run(watch.changed());
        assert!(!watch.is_on(&files.files));
        let mut watch = Watch::begin(files.clone(), Some(&watch)).unwrap();
        assert!(watch.is_on(&files.files));
        run(async {
            // What was looked at already is not told of again.
            assert!(timeout(QUIET * 3, watch.changed()).await.is_err());
            folder.write("2/a.kdl", "3");
            watch.changed().await;
        });
    }

    #[test]
    fn what_is_written_to_a_file_that_a_link_of_another_name_leads_to_is_noticed() {
        let folder = Folder::new("named");
        fs::create_dir_all(folder.0.join("elsewhere")).unwrap();
        let file = folder.write("elsewhere/production.kdl", "1");
        std::os::unix::fs::symlink(&file, folder.0.join("a.kdl")).unwrap();
        let mut watch = Watch::begin(only(&folder.0.join("a.kdl")), None).unwrap();
        folder.write("elsewhere/production.kdl", "2");
        run(watch.changed());
    }
}

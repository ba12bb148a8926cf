//! `framegate import`: another server's configuration as Framegate's.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gate_import::nginx::{Imported, NoteKind, Source, SyntaxError};
use gate_import::{nginx, opensips};
use miette::{GraphicalReportHandler, GraphicalTheme};

use crate::cli::import::{FileArgs, ImportCommand, NginxArgs, OpensipsArgs};
use crate::failure::Failure;

mod files;
mod glob;

/// Why a configuration could not be translated.
#[derive(Debug)]
pub(crate) enum ImportError {
    /// The file could not be read.
    Read { path: PathBuf, source: io::Error },
    /// The new file could not be written.
    Write { path: PathBuf, source: io::Error },
    /// The new file is there already.
    Exists(PathBuf),
    /// The new file would be the old one.
    Same,
    /// It is not in the language of that server, which has been shown.
    Syntax(Box<SyntaxError>),
    /// No server is at the address that was asked for.
    Nobody,
    /// It was written without settings that cannot be had, which have been told.
    Refused(usize),
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, .. } => write!(f, "{} could not be read", super::name_of(path)),
            Self::Write { path, .. } => write!(f, "{} could not be written", path.display()),
            Self::Exists(path) => write!(
                f,
                "{} is there already; choose another file, or add --force to replace it",
                path.display()
            ),
            Self::Same => {
                f.write_str("the file to write is the one that is read; choose another one with --output")
            }
            Self::Syntax(error) => f.write_str(&error.one_line()),
            Self::Nobody => f.write_str("no server listens at the address of --listen"),
            Self::Refused(count) => {
                let what = plural(*count, "setting");
                write!(f, "{what} cannot be had; the configuration was written without, and needs a decision")
            }
        }
    }
}

impl Error for ImportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read { source, .. } | Self::Write { source, .. } => Some(source),
            Self::Exists(_) | Self::Same | Self::Syntax(_) | Self::Nobody | Self::Refused(_) => None,
        }
    }
}

/// Translates.
///
/// # Errors
/// When the configuration cannot be read, understood, or written.
pub(crate) fn run(command: ImportCommand) -> Result<(), Failure> {
    match command {
        ImportCommand::Nginx(args) => of_nginx(args),
        ImportCommand::Opensips(args) => of_opensips(args),
    }
}

fn of_nginx(args: NginxArgs) -> Result<(), Failure> {
    let NginxArgs { files: FileArgs { file, output, force }, listen } = args;
    let source = read(&file, output.as_deref())?;
    let writing = if force { Writing::Replaces } else { Writing::Makes };
    let folder = home(file.parent().unwrap_or_else(|| Path::new(""))).to_owned();
    let target = target(output.as_deref());
    let is_filtered = listen.is_some();
    let options = nginx::Options {
        folder: seen_from(&folder, target),
        log_folder: seen_from(prefix(&folder), target),
        listen,
    };
    let imported = shown(nginx::import(source, &mut files::Includes::new(folder), &options))?;
    if is_filtered && imported.counts.listeners == 0 {
        return Err(Failure::Import(ImportError::Nobody));
    }
    write(output.as_deref(), writing, &imported)?;
    summarise(&file, &imported, &NGINX_KINDS);
    Ok(())
}

fn of_opensips(args: OpensipsArgs) -> Result<(), Failure> {
    let OpensipsArgs { files: FileArgs { file, output, force }, upstream } = args;
    let source = read(&file, output.as_deref())?;
    let writing = if force { Writing::Replaces } else { Writing::Makes };
    let folder = file.parent().unwrap_or_else(|| Path::new(""));
    let options = opensips::Options { folder: seen_from(folder, target(output.as_deref())), upstream };
    let imported = shown(opensips::import(source, &options))?;
    write(output.as_deref(), writing, &imported)?;
    summarise(&file, &imported, &OPENSIPS_KINDS);
    match imported.notes.iter().filter(|note| note.kind == NoteKind::Refused).count() {
        0 => Ok(()),
        count => Err(Failure::Import(ImportError::Refused(count))),
    }
}

/// Reads the configuration, which must not be the file to write.
fn read(file: &Path, output: Option<&Path>) -> Result<Source, Failure> {
    if output.is_some_and(|output| is_same(file, output)) {
        return Err(Failure::Import(ImportError::Same));
    }
    let text = if super::is_stdin(file) { files::of_stdin() } else { files::text(file) };
    let text = text.map_err(|source| Failure::Import(ImportError::Read { path: file.to_owned(), source }))?;
    Ok(Source { name: super::name_of(file), text: Arc::from(text) })
}

/// The folder of the new file; empty: where the command runs.
fn target(output: Option<&Path>) -> &Path {
    output.and_then(Path::parent).unwrap_or_else(|| Path::new(""))
}

/// What came of a text; if it is not in the language, that is shown.
fn shown(imported: Result<Imported, Box<SyntaxError>>) -> Result<Imported, Failure> {
    imported.map_err(|error| {
        show(&error);
        Failure::Import(ImportError::Syntax(error))
    })
}

/// What becomes of a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    /// It stays, and nothing is written.
    Makes,
    /// It is replaced.
    Replaces,
}

fn write(output: Option<&Path>, writing: Writing, imported: &Imported) -> Result<(), Failure> {
    let Some(path) = output else { return super::print(&imported.kdl) };
    let mut options = fs::OpenOptions::new();
    let options = match writing {
        Writing::Makes => options.write(true).create_new(true),
        Writing::Replaces => options.write(true).create(true).truncate(true),
    };
    let written = options.open(path).and_then(|mut file| file.write_all(imported.kdl.as_bytes()));
    written.map_err(|source| {
        let path = path.to_owned();
        let is_there = source.kind() == io::ErrorKind::AlreadyExists;
        Failure::Import(if is_there {
            ImportError::Exists(path)
        } else {
            ImportError::Write { path, source }
        })
    })
}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// The folder of nginx.conf, which relative paths are relative to: one above that of files
/// which nginx.conf is used to include.
fn home(folder: &Path) -> &Path {
    let is_below =
        ["conf.d", "sites-enabled", "sites-available", "snippets"].iter().any(|name| folder.ends_with(name));
    if is_below { folder.parent().unwrap_or(folder) } else { folder }
}

/// What nginx's paths of logs are relative to, as far as it can be known: the folder above
/// `conf`, which is how nginx installs itself.
fn prefix(folder: &Path) -> &Path {
    if folder.ends_with("conf") { folder.parent().unwrap_or(folder) } else { folder }
}

/// A folder as it can be named from another one; empty if they are the same.
fn seen_from(folder: &Path, from: &Path) -> String {
    let whole =
        |path: &Path| std::path::absolute(if path.as_os_str().is_empty() { Path::new(".") } else { path });
    match (whole(folder), whole(from)) {
        (Ok(folder), Ok(from)) if folder == from => String::new(),
        (Ok(whole), _) if !from.as_os_str().is_empty() => whole.display().to_string(),
        _ => folder.display().to_string(),
    }
}

/// Shows what is wrong in the text.
fn show(error: &SyntaxError) {
    let mut stderr = io::stderr().lock();
    let theme =
        if stderr.is_terminal() { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(110).with_wrap_lines(false);
    let mut text = String::new();
    if handler.render_report(&mut text, error).is_ok() {
        // Without standard error there is only the exit code left to tell it.
        let _unwritten = writeln!(stderr, "{text}");
    }
}

/// What notes are about, and what is said of each kind.
type Kinds = [(NoteKind, &'static str, &'static str)];

const NGINX_KINDS: [(NoteKind, &str, &str); 2] = [
    (NoteKind::NoEquivalent, "directive", "without an equivalent"),
    (NoteKind::Differs, "directive", "with an equivalent that is not quite the same"),
];

const OPENSIPS_KINDS: [(NoteKind, &str, &str); 4] = [
    (NoteKind::Refused, "setting", "that cannot be had"),
    (NoteKind::NoEquivalent, "setting", "without an equivalent"),
    (NoteKind::Differs, "setting", "with an equivalent that is not quite the same"),
    (NoteKind::Stays, "statement", "that OpenSIPS keeps"),
];

/// Tells how much there is in the new file, and what somebody should look at.
fn summarise(file: &Path, imported: &Imported, kinds: &Kinds) {
    let counts = imported.counts;
    super::tell(&format!(
        "{}: {}, {}, {}",
        super::name_of(file),
        plural(counts.listeners, "listener"),
        plural(counts.routes, "route"),
        plural(counts.upstreams, "upstream")
    ));
    for (kind, thing, what) in kinds {
        let notes: Vec<_> = imported.notes.iter().filter(|note| note.kind == *kind).collect();
        if notes.is_empty() {
            continue;
        }
        super::tell(&format!("{} {what}:", plural(notes.len(), thing)));
        let mut stderr = io::stderr().lock();
        for note in notes {
            // Without standard error there is nobody to tell.
            let _unwritten = writeln!(stderr, "  {note}");
        }
    }
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{home, prefix, seen_from};

    #[test]
    fn folders_are_named_from_where_the_new_file_is() {
        for (folder, from, expected) in [
            ("", "", ""),
            ("/etc/nginx", "", "/etc/nginx"),
            ("/etc/nginx", "/etc/nginx", ""),
            ("/etc/nginx", "/etc/framegate", "/etc/nginx"),
            ("conf", "", "conf"),
            ("conf", "conf", ""),
        ] {
            assert_eq!(seen_from(Path::new(folder), Path::new(from)), expected, "{folder} from {from}");
        }
        assert!(seen_from(Path::new("conf"), Path::new("out")).ends_with("/conf"), "a whole path");
    }

    #[test]
    fn paths_are_relative_to_the_folder_of_the_main_file() {
        assert_eq!(home(Path::new("/etc/nginx/sites-enabled")), Path::new("/etc/nginx"));
        assert_eq!(home(Path::new("conf.d")), Path::new(""));
        assert_eq!(home(Path::new("/srv")), Path::new("/srv"));
    }

    #[test]
    fn logs_are_beside_the_folder_conf() {
        assert_eq!(prefix(Path::new("/usr/local/nginx/conf")), Path::new("/usr/local/nginx"));
        assert_eq!(prefix(Path::new("/etc/nginx")), Path::new("/etc/nginx"));
    }
}

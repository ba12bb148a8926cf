//! From files to nodes: reads the configuration's file and those that it includes. Nothing
//! else in this crate reads files, and of the values in them none is opened here.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::model::Place;
use crate::report::{Code, Report};
use crate::source::{Source, Sources};
use crate::syntax::{self, Node, Scalar, SyntaxFault, Value};

/// Bytes of one file.
const FILE_SIZE_MAX: u64 = 16 * 1024 * 1024;

/// Bytes of all files.
const TOTAL_SIZE_MAX: usize = 64 * 1024 * 1024;

/// Files that include each other in a row.
const DEPTH_MAX: usize = 16;

/// All files.
const FILES_MAX: usize = 1000;

/// Reads `path` and what it includes. An include's nodes stand in its place.
pub(crate) fn read(path: &Path, report: &mut Report, sources: &mut Sources) -> Vec<Node> {
    Loader { report, sources, stack: Vec::new(), follows: true, size: 0 }.main(path)
}

/// Takes `text` for a file that can include nothing.
pub(crate) fn read_text(name: &str, text: &str, report: &mut Report, sources: &mut Sources) -> Vec<Node> {
    Loader { report, sources, stack: Vec::new(), follows: false, size: 0 }.text(Source::text(name, text))
}

struct Loader<'a> {
    report: &'a mut Report,
    sources: &'a mut Sources,
    /// The files that are being read, each included by the one before it.
    stack: Vec<PathBuf>,
    /// Whether includes may be followed.
    follows: bool,
    /// Bytes so far.
    size: usize,
}

impl Loader<'_> {
    /// The operator may name a pipe, so this file need not be a regular one.
    fn main(&mut self, path: &Path) -> Vec<Node> {
        let text = match contents(path) {
            Ok(text) => text,
            Err(why) => {
                let message = format!("{} cannot be read: {why}", path.display());
                self.report.error(Code::Unreadable, Place::NOWHERE, message);
                return Vec::new();
            }
        };
        self.stack.push(path.canonicalize().unwrap_or_else(|_gone| path.to_owned()));
        self.text(Source::file(path, folder_of(path), text))
    }

    fn text(&mut self, source: Source) -> Vec<Node> {
        self.size += source.text.len();
        let text = source.text.clone();
        let file = self.sources.add(source);
        match syntax::parse(&text, file) {
            Ok(nodes) => nodes.into_iter().flat_map(|node| self.follow(node)).collect(),
            Err(fault) => {
                self.refuse(file, fault);
                Vec::new()
            }
        }
    }

    fn refuse(&mut self, file: u32, fault: SyntaxFault) {
        let place = |span| Place { file: Some(file), span };
        let finding = self.report.error(Code::Syntax, place(fault.span), fault.message);
        finding.label(fault.label).help(fault.help);
        if let Some(also) = fault.also {
            finding.also(place(also.0), also.1);
        }
    }

    /// The node, or what it includes.
    fn follow(&mut self, node: Node) -> Vec<Node> {
        if node.name.text != "include" {
            return vec![node];
        }
        if node.arguments.is_empty() || !node.properties.is_empty() || node.children.is_some() {
            self.report
                .error(Code::Include, node.head(), "an `include` names no file")
                .help("write include \"routes.kdl\" or include \"conf.d/*.kdl\"");
            return Vec::new();
        }
        node.arguments.iter().flat_map(|value| self.include(value)).collect()
    }

    fn include(&mut self, value: &Value) -> Vec<Node> {
        let Scalar::Text(pattern) = &value.scalar else {
            self.report
                .error(Code::Include, value.place, "an `include` names no file")
                .label("not a text")
                .help("write include \"routes.kdl\" or include \"conf.d/*.kdl\"");
            return Vec::new();
        };
        if !self.follows {
            self.report
                .error(Code::Include, value.place, "this configuration is no file, so it cannot include any")
                .help("put it into a file");
            return Vec::new();
        }
        let path = self.sources.resolve(value.place, pattern);
        if pattern.contains('*') {
            return self
                .fitting(&path, value.place)
                .iter()
                .flat_map(|path| self.included(path, value.place))
                .collect();
        }
        self.included(&path, value.place)
    }

    /// The files that fit a pattern, sorted.
    fn fitting(&mut self, pattern: &Path, place: Place) -> Vec<PathBuf> {
        let folder = pattern.parent().unwrap_or_else(|| Path::new("")).to_owned();
        let Some(name) = pattern.file_name().and_then(|name| name.to_str()).filter(|name| name.contains('*'))
        else {
            self.report
                .error(Code::Include, place, "a `*` stands in the name of a folder")
                .help("a `*` stands for any characters in the name of the file: \"conf.d/*.kdl\"");
            return Vec::new();
        };
        self.sources.add_folder(&folder);
        let listed = match names_in(&folder) {
            Ok(listed) => listed,
            Err(why) if why.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(why) => {
                let message = format!("the folder {} cannot be listed: {why}", folder.display());
                self.report.error(Code::Include, place, message);
                return Vec::new();
            }
        };
        let mut paths: Vec<_> =
            listed.iter().filter(|file| fits(name, file)).map(|file| folder.join(file)).collect();
        paths.retain(|path| !path.is_dir());
        paths.sort();
        if paths.is_empty() {
            self.report
                .warn(Code::EmptyInclude, place, format!("no file fits {}", pattern.display()))
                .label("nothing is included");
        }
        paths
    }

    fn included(&mut self, path: &Path, place: Place) -> Vec<Node> {
        let text = match regular_contents(path) {
            Ok(text) => text,
            Err(why) => {
                let message = format!("{} cannot be included: {why}", path.display());
                let finding = self.report.error(Code::Include, place, message);
                if why.kind() == io::ErrorKind::NotFound {
                    finding.help("relative paths are relative to the file that names them");
                }
                return Vec::new();
            }
        };
        let canonical = path.canonicalize().unwrap_or_else(|_gone| path.to_owned());
        if let Some(fault) = self.limit(path, &canonical, text.len()) {
            self.report.error(Code::Include, place, fault).label("not followed");
            return Vec::new();
        }
        self.stack.push(canonical);
        let nodes = self.text(Source::file(path, folder_of(path), text));
        self.stack.pop();
        nodes
    }

    /// Why one more file cannot be read.
    fn limit(&self, path: &Path, canonical: &Path, size: usize) -> Option<String> {
        let path = path.display();
        if self.stack.iter().any(|open| open == canonical) {
            return Some(format!("{path} includes itself, directly or through others"));
        }
        if self.stack.len() > DEPTH_MAX {
            return Some(format!("{path} is the end of a row of more than {DEPTH_MAX} includes"));
        }
        if self.sources.names().count() >= FILES_MAX {
            return Some(format!("{path} is one file too many: {FILES_MAX} can be read"));
        }
        if self.size + size > TOTAL_SIZE_MAX {
            return Some(format!("with {path} the files have more than {TOTAL_SIZE_MAX} bytes"));
        }
        None
    }
}

/// What relative paths in a file are relative to. A pipe has no folder worth naming.
fn folder_of(path: &Path) -> PathBuf {
    let is_regular = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    path.parent().filter(|_| is_regular).unwrap_or_else(|| Path::new("")).to_owned()
}

fn regular_contents(path: &Path) -> io::Result<String> {
    // Opening a pipe could wait for ever.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    contents(path)
}

fn contents(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_SIZE_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() > usize::try_from(FILE_SIZE_MAX).unwrap_or(usize::MAX) {
        return Err(io::Error::other(format!("it has more than {FILE_SIZE_MAX} bytes")));
    }
    String::from_utf8(bytes).map_err(|fault| {
        let good = fault.utf8_error().valid_up_to();
        let line = fault.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count() + 1;
        io::Error::other(format!("it is not UTF-8 in line {line}"))
    })
}

fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string());
    }
    Ok(names)
}

/// Whether a file's name fits a pattern, in which `*` stands for any characters. Hidden
/// files fit only patterns that begin with a point.
fn fits(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut rest) = name.strip_prefix(head) else { return false };
    let mut pieces: Vec<&str> = tail.split('*').collect();
    let end = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some((_, behind)) = rest.split_once(piece) else { return false };
        rest = behind;
    }
    rest.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_all_files_is_bounded() {
        let included = Path::new("tests/diagnostics/included/listeners.kdl");
        let size = usize::try_from(fs::metadata(included).expect("it is kept").len()).expect("it is small");
        for (room, fits) in [(size, true), (size - 1, false)] {
            let (report, sources) = (&mut Report::default(), &mut Sources::default());
            let size = TOTAL_SIZE_MAX - room;
            let mut loader = Loader { report, sources, stack: Vec::new(), follows: true, size };
            assert_eq!(loader.included(included, Place::NOWHERE).len(), usize::from(fits));
            assert_eq!(report.mistakes(), usize::from(!fits));
        }
    }

    #[test]
    fn a_star_stands_for_any_characters_of_a_name() {
        for (pattern, name, expected) in [
            ("*.kdl", "a.kdl", true),
            ("*.kdl", ".kdl", false),
            ("*.kdl", ".hidden.kdl", false),
            (".*", ".hidden.kdl", true),
            ("*.kdl", "a.kdl.bak", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("*", "anything", true),
            ("**", "anything", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}

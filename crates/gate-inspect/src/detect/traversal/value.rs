//! Values that are a path and nothing else: where such a path leads says what it is for.

use memchr::{memchr, memchr2, memmem};

use super::canonical::{Unit, is_slash};
use super::place::{is_beyond_project, is_of_system};
use super::rooted;
use super::run::Climb;
use super::targets::ends_privately;

/// The rule that a path meets which is all of a value.
pub(super) fn look_at(path: &[Unit], is_of: Of) -> Option<&'static str> {
    let climb = Climb::of(path);
    let climbs = climb.ups + climb.dots > 0;
    if climbs
        && (is_beyond_project(&climb.tail) || (climb.ups >= is_of.steps() && ends_privately(&climb.tail)))
    {
        return Some("traversal-sensitive-file");
    }
    if starts_nested(path) {
        return Some("traversal-filter-dots");
    }
    is_of_system(&rooted(path), is_absolute(path)).then_some("traversal-system-file")
}

/// What a path is all of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Text,
    Parameter,
}

impl Of {
    /// So many steps up to a file that a server keeps to itself are an attack.
    const fn steps(self) -> usize {
        match self {
            Self::Text => 2,
            Self::Parameter => 1,
        }
    }
}

/// Whether a path begins with what becomes `../` once a filter has cut that out: `....//`, `..././`.
fn starts_nested(path: &[Unit]) -> bool {
    let mut start = [0_u8; 6];
    start
        .iter_mut()
        .zip(path)
        .for_each(|(to, unit)| *to = if is_slash(unit.byte) { b'/' } else { unit.byte });
    path.len() > start.len() && (start.starts_with(b"....//") || start == *b"..././")
}

/// Whether a path says where it begins: at a root, a drive, a scheme or somebody's home.
fn is_absolute(path: &[Unit]) -> bool {
    let has_colon = || path.windows(2).any(|two| matches!(two, [a, b] if a.byte == b':' && is_slash(b.byte)));
    path.first().is_some_and(|unit| is_slash(unit.byte) || matches!(unit.byte, b'~' | b'%')) || has_colon()
}

/// Whether a text begins as such a path does, and is short enough to be one.
pub(super) fn is_like_path(lower: &[u8]) -> bool {
    let text = lower.trim_ascii();
    let begins = match text {
        [b'/' | b'\\' | b'~' | b'%', ..] => true,
        [letter, b':' | b'|', b'/' | b'\\', ..] => letter.is_ascii_lowercase(),
        _ => false,
    };
    begins && text.len() <= PATH_MAX && (memchr(b' ', text).is_none() || has_blanks(text))
}

/// Whether a value is the address of a file on another host, with what hides the ending that a program
/// puts behind it: that becomes a query, or is cut off.
pub(super) fn is_remote_file(lower: &[u8]) -> bool {
    const HIDES: [&[u8]; 3] = [b"?", b"%00", b"\0"];
    const FILES: [&[u8]; 6] = [b".txt", b".php", b".inc", b".jpg", b".gif", b".png"];
    let text = lower.trim_ascii();
    let Some(address) = HIDES.iter().find_map(|hides| text.strip_suffix(*hides)) else { return false };
    text.len() <= PATH_MAX
        && !text.contains(&b' ')
        && FILES.iter().any(|file| address.ends_with(file))
        && [&b"http://"[..], b"https://", b"ftp://"]
            .iter()
            .any(|scheme| memmem::find(address, scheme).is_some())
}

/// Whether a path of a text has folders of Windows whose names have blanks.
pub(super) fn has_blanks(lower: &[u8]) -> bool {
    lower.len() <= PATH_MAX
        && memchr(b' ', lower).is_some()
        && memchr2(b'/', b'\\', lower).is_some()
        && [&b"program files"[..], b"documents and settings"]
            .iter()
            .any(|name| memmem::find(lower, name).is_some())
}

/// Longer texts are no paths.
const PATH_MAX: usize = 512;

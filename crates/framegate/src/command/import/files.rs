//! The files that a configuration of nginx includes.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gate_import::nginx::{Files, Source};

use super::glob;

/// Bytes of one file.
const SIZE_MAX: u64 = 16 * 1024 * 1024;

/// What stands on standard input.
///
/// # Errors
/// It cannot be read, or is too large.
pub(super) fn of_stdin() -> io::Result<String> {
    whole(io::stdin().lock())
}

/// What stands in a file. Other character sets than UTF-8 are in comments, if anywhere.
///
/// # Errors
/// It cannot be read, or is too large.
pub(super) fn text(path: &Path) -> io::Result<String> {
    whole(File::open(path)?)
}

fn whole(from: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.take(SIZE_MAX + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|size| size > SIZE_MAX) {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it has more than 16 MiB"));
    }
    Ok(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// Reads what `include` names. nginx looks beside nginx.conf, which may be one folder above.
#[derive(Debug)]
pub(super) struct Includes {
    folders: Vec<PathBuf>,
}

impl Includes {
    /// For the file that is in `folder`.
    pub(super) fn new(folder: PathBuf) -> Self {
        let above = folder.join("..");
        Self { folders: vec![folder, above] }
    }
}

impl Files for Includes {
    fn find(&mut self, pattern: &str) -> Result<Vec<Source>, String> {
        for folder in &self.folders {
            let found = glob::find(folder, pattern);
            if !found.is_empty() {
                return found.iter().map(|path| source(path)).collect();
            }
        }
        if pattern.contains(['*', '?', '[']) {
            Ok(Vec::new())
        } else {
            Err("there is no such file".to_owned())
        }
    }
}

fn source(path: &Path) -> Result<Source, String> {
    let text = text(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    Ok(Source { name: path.display().to_string(), text: Arc::from(text) })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use gate_import::nginx::Files;

    use super::Includes;

    #[test]
    fn includes_are_found_beside_the_file_or_above_it() {
        let folder = std::env::temp_dir().join(format!("framegate-includes-{}", std::process::id()));
        let inner = folder.join("conf.d");
        fs::create_dir_all(&inner).expect("it can be made");
        for (path, text) in [("conf.d/b.conf", "b;"), ("conf.d/a.conf", "a;"), ("snippet", "\u{e4};")] {
            fs::write(folder.join(path), text).expect("it can be written");
        }
        fs::write(folder.join("latin1"), b"# \xe4\n").expect("it can be written");
        let find = |from: &std::path::Path, pattern: &str| {
            let found = Includes::new(from.to_owned()).find(pattern);
            found.map(|sources| {
                sources.iter().map(|source| source.text.to_string()).collect::<Vec<_>>().join(" ")
            })
        };
        assert_eq!(find(&folder, "conf.d/*.conf"), Ok("a; b;".to_owned()), "sorted");
        assert_eq!(find(&inner, "snippet"), Ok("\u{e4};".to_owned()), "one folder above");
        assert_eq!(find(&folder, "latin1"), Ok("# \u{fffd}\n".to_owned()), "not in UTF-8");
        assert_eq!(find(&folder, "*.none"), Ok(String::new()), "nothing need fit");
        assert_eq!(find(&folder, "none"), Err("there is no such file".to_owned()));
        fs::remove_dir_all(&folder).expect("it can be removed");
    }
}

//! Puts the content of other files in the place of `include`.

use std::mem;

use super::parser::{Directive, parse};
use crate::fault::Fault;
use crate::source::{Source, Sources};

/// Who reads the files that a configuration includes.
pub trait Files {
    /// The files that fit `pattern`, as it stands behind `include`, sorted by name. A pattern
    /// with `*`, `?` or `[` may fit none.
    ///
    /// # Errors
    /// There is no such file, or it cannot be read: why, in a few words.
    fn find(&mut self, pattern: &str) -> Result<Vec<Source>, String>;
}

/// Nobody: a text that stands alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn find(&mut self, _pattern: &str) -> Result<Vec<Source>, String> {
        Err("files cannot be read here".to_owned())
    }
}

/// Files that include each other in a row.
const DEPTH_MAX: usize = 16;

/// All files.
const FILES_MAX: usize = 1000;

/// Bytes of all files.
const SIZE_MAX: usize = 64 * 1024 * 1024;

/// Reads a file and all that it includes. What cannot be read stays as a directive with its
/// fault.
pub(super) fn read(
    main: Source,
    files: &mut dyn Files,
    sources: &mut Sources,
) -> Result<Vec<Directive>, Fault> {
    Reader { files, sources, depth: 0 }.file(main)
}

struct Reader<'a> {
    files: &'a mut dyn Files,
    sources: &'a mut Sources,
    depth: usize,
}

impl Reader<'_> {
    fn file(&mut self, source: Source) -> Result<Vec<Directive>, Fault> {
        let text = source.text.clone();
        let number = self.sources.add(source);
        let directives = parse(&text, number)?;
        self.follow(directives)
    }

    fn follow(&mut self, directives: Vec<Directive>) -> Result<Vec<Directive>, Fault> {
        let mut followed = Vec::with_capacity(directives.len());
        for mut directive in directives {
            if let Some(block) = &mut directive.block {
                *block = self.follow(mem::take(block))?;
            }
            if directive.is("include") && directive.block.is_none() {
                self.include(directive, &mut followed)?;
            } else {
                followed.push(directive);
            }
        }
        Ok(followed)
    }

    fn include(&mut self, mut directive: Directive, into: &mut Vec<Directive>) -> Result<(), Fault> {
        if directive.args.len() != 1 {
            let help = "write include path; or include conf.d/*.conf;";
            return Err(Fault::new(directive.place(), "`include` has one path", "not as it should be", help));
        }
        if self.depth == DEPTH_MAX {
            let message = format!("includes go more than {DEPTH_MAX} deep");
            return Err(Fault::new(
                directive.place(),
                message,
                "one too many",
                "does a file include itself?",
            ));
        }
        match self.files.find(directive.value()) {
            Ok(found) => {
                self.depth += 1;
                for source in found {
                    let size = self.sources.size() + source.text.len();
                    if self.sources.count() >= FILES_MAX || size > SIZE_MAX {
                        let message = format!("more than {FILES_MAX} files or 64 MiB are included");
                        let help = "does a file include itself?";
                        return Err(Fault::new(directive.place(), message, "too much", help));
                    }
                    into.extend(self.file(source)?);
                }
                self.depth -= 1;
            }
            Err(why) => {
                directive.fault = Some(why);
                into.push(directive);
            }
        }
        Ok(())
    }
}

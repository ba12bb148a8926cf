//! nginx's configuration as Framegate's.
//!
//! A text becomes tokens (`lexer`), directives (`parser`), and with the files that it includes
//! (`include`) one tree, of which `layout` finds the parts. Each kind of directive has its own
//! file that reads it; `arrange` decides which server answers what, and `document` puts all
//! together. What cannot be kept stands in the document as a comment, at its place.

mod access;
mod arrange;
mod backend;
mod balance;
mod content;
mod document;
mod fate;
mod fields;
mod format;
mod groups;
mod hosts;
mod include;
mod layout;
mod lexer;
mod limits;
mod listen;
mod listeners;
mod location;
mod module;
mod notes;
mod parser;
mod paths;
mod process;
mod proxy;
mod real_ip;
mod routes;
mod scope;
mod server;
mod session;
mod tls;
mod unit;
mod upgrades;
mod upstreams;
mod words;

pub use include::{Files, NoFiles};

pub use crate::fault::SyntaxError;
pub use crate::imported::{Counts, Imported, Note, NoteKind};
pub use crate::source::Source;

use crate::source::Sources;
use layout::Layout;
use notes::Notes;

/// How a configuration is to be translated.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What relative paths of certificates are put behind: nginx's folder, as seen from that
    /// of the new file. Empty: they stay as they are.
    pub folder: String,
    /// The same for logs.
    pub log_folder: String,
    /// Only the servers at this address.
    pub listen: Option<ListenAt>,
}

/// An address as it stands behind `listen`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAt(listen::Address);

impl std::str::FromStr for ListenAt {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match &mut *listen::addresses(text)? {
            [address] => Ok(Self(address.clone())),
            _ => Err("it is more than one address"),
        }
    }
}

/// Translates a configuration and all that it includes.
///
/// # Errors
/// It is not in nginx's language.
pub fn import(main: Source, files: &mut dyn Files, options: &Options) -> Result<Imported, Box<SyntaxError>> {
    let name = main.name.clone();
    let mut sources = Sources::default();
    let directives = match include::read(main, files, &mut sources) {
        Ok(directives) => directives,
        Err(fault) => return Err(Box::new(SyntaxError::new("nginx::syntax", fault, &sources))),
    };
    let mut notes = Notes::new(&sources);
    let (kdl, counts) = document::document(&Layout::of(&directives), options, &name, &mut notes);
    Ok(Imported { kdl, notes: notes.into_list(), counts })
}

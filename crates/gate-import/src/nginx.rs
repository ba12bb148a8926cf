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
mod fault;
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
mod routes;
mod scope;
mod server;
mod session;
mod slug;
mod source;
mod tls;
mod unit;
mod upstreams;
mod words;

pub use fault::SyntaxError;
pub use include::{Files, NoFiles};
pub use notes::{Note, NoteKind};
pub use source::Source;

use layout::Layout;
use notes::Notes;
use source::Sources;

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

/// A translated configuration.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The document.
    pub kdl: String,
    /// What somebody should look at, in the order of the text.
    pub notes: Vec<Note>,
    /// How much there is in it.
    pub counts: Counts,
}

/// What a document has, without what is switched off in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Listeners.
    pub listeners: usize,
    /// Routes.
    pub routes: usize,
    /// Upstreams.
    pub upstreams: usize,
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
        Err(fault) => return Err(Box::new(SyntaxError::new(fault, &sources))),
    };
    let mut notes = Notes::new(&sources);
    let (kdl, counts) = document::document(&Layout::of(&directives), options, &name, &mut notes);
    Ok(Imported { kdl, notes: notes.into_list(), counts })
}

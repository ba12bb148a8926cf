//! OpenSIPS' WebSocket transports as a gateway before it.
//!
//! The gateway takes the place of the sockets for `ws` and `wss`, their TLS and their tracing;
//! OpenSIPS keeps its script, and is spoken to at one of its other sockets. A text becomes
//! tokens (`lexer`) and statements (`parser`); `socket`, `domains`, `traces` and `filter` read
//! what they are named after, and `document` puts all together. What cannot be kept stands in
//! the document as a comment.

mod document;
mod domains;
mod filter;
mod judge;
mod lexer;
mod listeners;
mod network;
mod notes;
mod parser;
mod route;
mod script;
mod settings;
mod socket;
mod tls;
mod traces;
mod upstream;

pub use upstream::UpstreamUrl;

pub use crate::fault::SyntaxError;
pub use crate::imported::{Counts, Imported, Note, NoteKind};
pub use crate::source::Source;

use crate::source::Sources;
use notes::Notes;

/// How a configuration is to be translated.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What relative paths of certificates are put behind: the folder that OpenSIPS runs in, as
    /// seen from that of the new file. Empty: they stay as they are.
    pub folder: String,
    /// Where SIP goes. Without it, to OpenSIPS' own socket for UDP, TCP or TLS.
    pub upstream: Option<UpstreamUrl>,
}

/// Translates a configuration.
///
/// # Errors
/// It is not in OpenSIPS' language.
pub fn import(main: Source, options: &Options) -> Result<Imported, Box<SyntaxError>> {
    let (name, text) = (main.name.clone(), std::sync::Arc::clone(&main.text));
    let mut sources = Sources::default();
    sources.add(main);
    let statements = parser::statements(&text).and_then(judge::judged);
    let statements = match statements {
        Ok(statements) => statements,
        Err(fault) => return Err(Box::new(SyntaxError::new("opensips::syntax", fault, &sources))),
    };
    let mut notes = Notes::new(&sources);
    let (kdl, counts) = document::document(&statements, options, &name, &mut notes);
    Ok(Imported { kdl, notes: notes.into_list(), counts })
}

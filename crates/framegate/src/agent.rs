//! The WebSocket inspector: an agent that a proxy asks over a unix socket whether messages may pass.
//!
//! It speaks both versions of the agent protocol on one socket. Each connection has a thread, since all that it
//! does is to read, to reckon and to write; what the connections share is an [`inspector::Inspector`].
//! `conversation` is one connection, `server` the socket with all of them.

use std::io;
use std::path::PathBuf;

use crate::cli::agent::InspectorArgs;

mod audit;
mod configure;
mod conversation;
mod fragments;
mod inspector;
mod look;
mod msgpack;
mod patterns;
mod rates;
mod recent;
mod server;
mod settings;

/// Why an agent could not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgentError {
    /// The schema's file cannot be read.
    #[error("the schema {} could not be read", path.display())]
    SchemaFile {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The schema is none.
    #[error("the schema {} cannot be used: {message}", path.display())]
    Schema {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A pattern is none.
    #[error("the pattern {pattern:?} of --custom-patterns cannot be used: {message}")]
    Pattern {
        /// As it stands there.
        pattern: String,
        /// What is wrong.
        message: String,
    },
    /// There is no such rule.
    #[error("--exception {0}: no rule is called so; the ids are listed in the documentation")]
    Exception(String),
    /// The socket cannot be listened on.
    #[error("{} cannot be listened on: {why}; choose another path with --socket PATH", path.display())]
    Listen {
        /// Where.
        path: PathBuf,
        /// Why not; it is told in front of the advice, and so is no source.
        why: io::Error,
    },
}

/// Answers proxies until `stop` comes.
///
/// # Errors
/// When the schema, the patterns or the socket are of no use.
pub(crate) async fn serve(args: InspectorArgs, stop: impl Future<Output = ()>) -> Result<(), AgentError> {
    server::serve(args, stop).await
}

/// Writes a line to standard error.
fn tell(line: &str) {
    // Without standard error there is nobody to tell.
    let _unwritten = io::Write::write_fmt(&mut io::stderr(), format_args!("websocket-inspector: {line}\n"));
}

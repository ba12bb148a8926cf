//! Why a gateway that runs was not asked, or did not do what it was asked for.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use gate_config::model::ListenAddress;

/// See the module.
#[derive(Debug)]
pub(crate) enum CtlError {
    /// A configuration that has no admin listener.
    NoAdminBlock(PathBuf),
    /// An environment variable whose value is of no use.
    Environment {
        /// Its name.
        name: &'static str,
        /// What is wrong with the value.
        why: String,
    },
    /// The token's file cannot be read.
    TokenFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The token cannot stand in a header.
    Token,
    /// It was not said which connections are to be closed.
    NoFilter,
    /// There is no connection with that id.
    NoConnection(String),
    /// Nobody answers there.
    Unreachable {
        /// Where.
        address: ListenAddress,
        /// Why not.
        source: io::Error,
    },
    /// The conversation broke off.
    Broken(String),
    /// The answer did not come in time.
    Late,
    /// The answer is not one of a gateway.
    Answer(String),
    /// The gateway says no.
    Refused {
        /// What is wrong.
        error: String,
        /// What would be right.
        help: String,
    },
}

impl fmt::Display for CtlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAdminBlock(path) => {
                write!(f, "{} has no `admin` block, so that gateway cannot be asked", path.display())
            }
            Self::Environment { name, why } => write!(f, "{name} is of no use: {why}"),
            Self::TokenFile { path, .. } => write!(f, "the token cannot be read from {}", path.display()),
            Self::Token => f.write_str("the token has characters that a header cannot carry"),
            Self::NoFilter => f.write_str("say which connections: an id, --route, --client, … or --all"),
            Self::NoConnection(id) => write!(f, "there is no connection {id}; it may have ended"),
            Self::Unreachable { address, source } => write!(
                f,
                "no gateway can be asked at {address}: {source}; see `admin` in its configuration, or --admin"
            ),
            Self::Broken(why) => write!(f, "the gateway broke off: {why}"),
            Self::Late => f.write_str("the gateway did not answer in time"),
            Self::Answer(why) => write!(f, "what answers there is no gateway: {why}"),
            Self::Refused { error, help } if help.is_empty() => f.write_str(error),
            Self::Refused { error, help } => write!(f, "{error} ({help})"),
        }
    }
}

impl Error for CtlError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::TokenFile { source, .. } => Some(source),
            Self::NoAdminBlock(_)
            | Self::Environment { .. }
            | Self::Token
            | Self::NoFilter
            | Self::NoConnection(_)
            // Its reason stands before the advice.
            | Self::Unreachable { .. }
            | Self::Broken(_)
            | Self::Late
            | Self::Answer(_)
            | Self::Refused { .. } => None,
        }
    }
}

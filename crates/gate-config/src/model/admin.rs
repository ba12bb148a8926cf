//! `admin`: where an operator can ask and order.

use std::fmt;
use std::path::PathBuf;

use super::listener::ListenAddress;
use super::place::At;

/// `admin`.
#[derive(Clone, Debug)]
pub struct Admin {
    /// `address`. Default `127.0.0.1:9091`.
    pub address: At<ListenAddress>,
    /// `token`: what clients must show; there is one of these two, or the address is one that only
    /// this machine reaches.
    pub token: Option<At<Secret>>,
    /// `token-file`: the same, in the first line of a file. Where both are given either will do.
    pub token_file: Option<At<PathBuf>>,
    /// `hosts`: names by which clients may ask for it, in lower case, beside addresses and
    /// `localhost`.
    pub hosts: Vec<String>,
}

/// A text that nobody prints by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// The shortest that is not told to be weak, in bytes.
    pub const LENGTH_ADVISED: usize = 16;

    /// The secret of a text; `None`: it is empty, or has characters that a header cannot carry as
    /// a token (RFC 6750 §2.1 allows fewer, but no client minds).
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self(text.into()))
    }

    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether it is so short that it could be guessed.
    #[must_use]
    pub fn is_weak(&self) -> bool {
        self.0.len() < Self::LENGTH_ADVISED
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

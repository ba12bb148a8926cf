//! Arrays of JSON that are lists of the values of bytes, as programs write data that they have no
//! other way to write.

use std::ops::Range;

use super::json::{Container, Token, TokenKind};
use super::token::byte_value;

/// The array that is open, as long as it may be one.
#[derive(Debug, Default)]
pub(super) struct List {
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    /// Behind the bracket.
    start: usize,
    values: usize,
}

/// Fewer values than this make no attack.
const VALUES_MIN: usize = 8;

impl List {
    /// Takes the next token of `text`. Where it ends a list: what is between the brackets.
    pub(super) fn take(&mut self, text: &[u8], token: &Token) -> Option<Range<usize>> {
        match token.kind {
            TokenKind::Open(Container::Array) => {
                self.open = Some(Open { start: token.at.end, values: 0 });
                None
            }
            TokenKind::Scalar => {
                let is_byte = text.get(token.at.clone()).and_then(byte_value).is_some();
                self.open =
                    self.open.take().filter(|_| is_byte).map(|open| Open { values: open.values + 1, ..open });
                None
            }
            TokenKind::Comma => None,
            TokenKind::Close(Container::Array) => {
                let open = self.open.take().filter(|open| open.values >= VALUES_MIN)?;
                Some(open.start..token.at.start)
            }
            TokenKind::Open(Container::Object)
            | TokenKind::Close(Container::Object)
            | TokenKind::Colon
            | TokenKind::Text(_)
            | TokenKind::Garbage => {
                self.open = None;
                None
            }
        }
    }
}

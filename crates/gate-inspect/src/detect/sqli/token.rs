//! A text as words, numbers and signs of SQL, whatever the quotes around it are in the end.
//!
//! Nobody knows whether a value will stand between quotes, so quotes are signs like any other and
//! each token knows of which sort an odd number stands before it. Comments between tokens are left
//! out, since databases do so; what a comment cuts in two is put together.

use super::word::Word;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Word(Word),
    Number,
    Quote(Quote),
    Open,
    Close,
    Comma,
    Semicolon,
    /// `=`, `<`, `!=` and the like.
    Compare,
    /// `||`: a disjunction in one dialect, a concatenation in others.
    DoublePipe,
    /// `&&`.
    DoubleAnd,
    /// `+ - / ^ ~ ! & |` and `%`.
    Arithmetic,
    Star,
    /// `@name` and `@@name`.
    Variable,
    /// `@@name`.
    SystemVariable,
    /// `--`.
    Dashes,
    /// `#`.
    Hash,
    /// A comment that is opened and not closed.
    OpenComment,
    Other,
}

/// Which quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quote {
    Single,
    Double,
    Back,
}

/// One token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: usize,
    pub(super) end: usize,
    /// Whether an odd number of single quotes stands before it.
    pub(super) in_single: bool,
    /// The same of double quotes.
    pub(super) in_double: bool,
}

/// What becomes of `/* */`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comments {
    /// Left out.
    Skipped,
    /// Read as if it were no comment, since it may stand within quotes.
    Read,
}

/// What a plus sign is in a text without blanks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plus {
    /// What forms write spaces as.
    Space,
    /// A sign of arithmetic.
    Sign,
}

/// All tokens of `lower`.
pub(super) fn tokens(lower: &[u8], comments: Comments, plus: Plus) -> Vec<Token> {
    let mut reader = Reader {
        text: lower,
        at: 0,
        plus_is_space: plus == Plus::Space && !lower.contains(&b' '),
        comments,
        last_newline: memchr::memrchr(b'\n', lower).unwrap_or(0),
        last_comment: memchr::memmem::rfind(lower, b"*/").unwrap_or(0),
        list: Vec::with_capacity(lower.len() / 4 + 4),
        in_single: false,
        in_double: false,
    };
    while let Some(byte) = reader.peek(0) {
        reader.step(byte);
    }
    reader.list
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    plus_is_space: bool,
    comments: Comments,
    /// Where the last line begins, so that nothing is searched for where it cannot be.
    last_newline: usize,
    /// Where the last comment ends.
    last_comment: usize,
    list: Vec<Token>,
    in_single: bool,
    in_double: bool,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    fn rest(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn push(&mut self, kind: Kind, len: usize) {
        let token = Token {
            kind,
            at: self.at,
            end: self.at + len,
            in_single: self.in_single,
            in_double: self.in_double,
        };
        self.in_single ^= kind == Kind::Quote(Quote::Single);
        self.in_double ^= kind == Kind::Quote(Quote::Double);
        self.list.push(token);
        self.at += len;
    }

    fn step(&mut self, byte: u8) {
        match byte {
            b'+' if (self.plus_is_space && !self.is_between_quotes()) || self.is_behind_keyword() => {
                self.at += 1
            }
            // Some databases read no further.
            0 if self.rest().len() == 1 => self.push(Kind::OpenComment, 1),
            b'\t' | b'\n' | 0x0b | 0x0c | b'\r' | b' ' | 0 => self.at += 1,
            b'a'..=b'z' | b'_' | b'$' => self.word(),
            b'0'..=b'9' => self.number(),
            b'.' if self.peek(1).is_some_and(|next| next.is_ascii_digit()) => self.number(),
            b'\'' => self.push(Kind::Quote(Quote::Single), 1),
            b'"' => self.push(Kind::Quote(Quote::Double), 1),
            b'`' => self.push(Kind::Quote(Quote::Back), 1),
            b'(' => self.push(Kind::Open, 1),
            b')' => self.push(Kind::Close, 1),
            b',' => self.push(Kind::Comma, 1),
            b';' => self.push(Kind::Semicolon, 1),
            b'*' if self.peek(1) == Some(b'/') => self.at += 2,
            b'*' => self.push(Kind::Star, 1),
            b'#' => self.line_comment(Kind::Hash, 1),
            b'-' if self.peek(1) == Some(b'-') => self.line_comment(Kind::Dashes, 2),
            // A member of JSON.
            b'-' if self.peek(1) == Some(b'>') => {
                let len = 2 + usize::from(self.peek(2) == Some(b'>'));
                self.push(Kind::Arithmetic, len);
            }
            b'/' if self.peek(1) == Some(b'*') => self.block_comment(),
            b'|' if self.peek(1) == Some(b'|') => self.push(Kind::DoublePipe, 2),
            b'&' if self.peek(1) == Some(b'&') => self.push(Kind::DoubleAnd, 2),
            b'!' if self.peek(1) == Some(b'=') => self.push(Kind::Compare, 2),
            b'<' if self.peek(1) == Some(b'@') => self.push(Kind::Compare, 2),
            b'=' | b'<' | b'>' => {
                let len = self.rest().iter().take(3).take_while(|byte| b"=<>".contains(byte)).count();
                self.push(Kind::Compare, len);
            }
            b'+' | b'-' | b'/' | b'^' | b'~' | b'!' | b'&' | b'|' | b'%' => self.push(Kind::Arithmetic, 1),
            b'@' if self.peek(1) == Some(b'>') => self.push(Kind::Compare, 2),
            b'@' => self.variable(),
            b':' if self.peek(1) == Some(b':') => self.cast(),
            0x80.. => self.beyond_ascii(),
            _ => self.push(Kind::Other, 1),
        }
    }

    /// Whether a sign between two quotes joins what they belong to.
    fn is_between_quotes(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.text.get(at));
        matches!(before, Some(b'\'' | b'"')) && self.peek(1) == before.copied()
    }

    /// Whether a word stands before that a sign of arithmetic cannot follow.
    fn is_behind_keyword(&self) -> bool {
        let last = self.list.last().map(|token| token.kind);
        matches!(
            last,
            Some(Kind::Word(
                Word::Union | Word::Select | Word::Quantifier | Word::From | Word::Order | Word::By
            ))
        )
    }

    fn word(&mut self) {
        let len = self.joined_len().unwrap_or_else(|| word_len(self.rest()));
        let word = self.rest().get(..len).unwrap_or_default();
        self.push(Kind::Word(Word::of(word)), len);
    }

    /// How long a word is that joins a condition to a number or quote right before it, and whose next
    /// operand needs no blank either: `1or1=1`.
    fn joined_len(&self) -> Option<usize> {
        let last = self.list.last().filter(|last| last.end == self.at)?;
        if !matches!(last.kind, Kind::Number | Kind::Quote(_) | Kind::Close) {
            return None;
        }
        let rest = self.rest();
        let word = [&b"or"[..], b"and", b"xor"].into_iter().find(|word| rest.starts_with(word))?;
        rest.get(word.len()).is_some_and(u8::is_ascii_digit).then_some(word.len())
    }

    fn number(&mut self) {
        let rest = self.rest();
        let len = if rest.starts_with(b"0x") {
            2 + rest.iter().skip(2).take_while(|byte| byte.is_ascii_hexdigit()).count()
        } else {
            let mut len = rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
            let exponent = rest.get(len..).unwrap_or_default();
            if exponent.first() == Some(&b'e') {
                let sign = usize::from(matches!(exponent.get(1), Some(b'+' | b'-')));
                let digits = exponent.iter().skip(1 + sign).take_while(|byte| byte.is_ascii_digit()).count();
                // MySQL takes `1.e` for a number, whatever comes behind it.
                if digits > 0 || rest.get(len.saturating_sub(1)) == Some(&b'.') {
                    len += 1 + if digits > 0 { sign + digits } else { 0 };
                }
            }
            len
        };
        self.push(Kind::Number, len);
    }

    /// `::text` changes the type of what stands before it, and nothing for the rules.
    fn cast(&mut self) {
        let name = word_len(self.rest().get(2..).unwrap_or_default());
        if name == 0 {
            return self.push(Kind::Other, 2);
        }
        self.at += 2 + name;
    }

    fn variable(&mut self) {
        let twice = self.peek(1) == Some(b'@');
        let name = word_len(self.rest().get(1 + usize::from(twice)..).unwrap_or_default());
        let kind = if twice && name > 0 { Kind::SystemVariable } else { Kind::Variable };
        self.push(kind, 1 + usize::from(twice) + name);
    }

    /// A comment to the end of its line is one only where a further line comes: at the end of the
    /// text it is a token, for rules that ask what it hides.
    fn line_comment(&mut self, kind: Kind, len: usize) {
        let may_end = self.comments == Comments::Skipped && self.at < self.last_newline;
        match may_end.then(|| memchr::memchr(b'\n', self.rest())).flatten() {
            Some(end) if end + 1 < self.rest().len() => self.at += end,
            _ => self.push(kind, len),
        }
    }

    fn block_comment(&mut self) {
        let inside = self.rest().get(2..).unwrap_or_default();
        if inside.first() == Some(&b'!') || inside.starts_with(b"m!") {
            // MySQL runs what is in such a comment; digits are the version it asks for.
            let marks = if inside.first() == Some(&b'!') { 1 } else { 2 };
            let digits = inside.iter().skip(marks).take(6).take_while(|byte| byte.is_ascii_digit()).count();
            self.at += 2 + marks + digits;
            return;
        }
        if self.at + 2 > self.last_comment {
            return self.push(Kind::OpenComment, 2);
        }
        if self.comments == Comments::Read {
            self.at += 2;
            return;
        }
        let len = memchr::memmem::find(inside, b"*/").unwrap_or(inside.len());
        let start = self.at;
        self.at += 2 + len + 2;
        self.join(start);
    }

    /// Puts together a keyword that the comment at `comment` has cut in two.
    fn join(&mut self, comment: usize) {
        let Some(last) = self.list.last().copied() else { return };
        if !matches!(last.kind, Kind::Word(_)) || last.end != comment {
            return;
        }
        let len = word_len(self.rest());
        let (Some(head), Some(tail)) = (self.text.get(last.at..last.end), self.rest().get(..len)) else {
            return;
        };
        if len == 0 || head.len() + tail.len() > 12 {
            return;
        }
        let joined = Word::of(&[head, tail].concat());
        if !matches!(joined, Word::Or | Word::And | Word::Union | Word::Select | Word::From | Word::Sleep) {
            return;
        }
        self.at += len;
        let end = self.at;
        if let Some(last) = self.list.last_mut() {
            last.kind = Kind::Word(joined);
            last.end = end;
        }
    }

    /// Typographic quotes and dashes, as word processors make them of typed ones; else letters.
    fn beyond_ascii(&mut self) {
        let rest = self.rest();
        match (rest.get(1), rest.get(2)) {
            (Some(0x80), Some(0x98 | 0x99 | 0xb2)) if rest.starts_with(b"\xe2") => {
                self.push(Kind::Quote(Quote::Single), 3);
            }
            (Some(0x80), Some(0x9c | 0x9d | 0xb3)) if rest.starts_with(b"\xe2") => {
                self.push(Kind::Quote(Quote::Double), 3);
            }
            (Some(0x80), Some(0x93 | 0x94)) if rest.starts_with(b"\xe2") => self.push(Kind::Dashes, 3),
            (Some(0xa0), _) if rest.starts_with(b"\xc2") => self.at += 2,
            // A no-break space of Latin-1, which MySQL takes for a space.
            (next, _) if rest.starts_with(b"\xa0") && next.is_none_or(u8::is_ascii) => self.at += 1,
            _ => {
                let len = word_len(rest).max(1);
                self.push(Kind::Word(Word::Other), len);
            }
        }
    }
}

/// How much of the beginning is one word: letters, digits and dots between them.
fn word_len(text: &[u8]) -> usize {
    let mut len = 0;
    while let Some(byte) = text.get(len) {
        let goes_on = match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'$' => true,
            b'.' => text.get(len + 1).is_some_and(|next| next.is_ascii_lowercase() || b"._".contains(next)),
            // Typographic signs end a word.
            0xe2 => text.get(len + 1) != Some(&0x80),
            0xc2 => text.get(len + 1) != Some(&0xa0),
            // In UTF-8 it follows a byte of its character; in Latin-1 it is a space.
            0xa0 => len.checked_sub(1).and_then(|at| text.get(at)).is_some_and(|before| !before.is_ascii()),
            0x80.. => true,
            _ => false,
        };
        if !goes_on {
            break;
        }
        len += 1;
    }
    len
}

//! From tokens to directives with their blocks, and what is wrong where they are not.

use super::lexer::{Lexer, Token};
use super::words;
use crate::fault::Fault;
use crate::source::Place;

/// A directive, and its block if it has one.
#[derive(Clone, Debug)]
pub(super) struct Directive {
    pub(super) name: Word,
    pub(super) args: Vec<Word>,
    pub(super) block: Option<Vec<Self>>,
    /// Why it means nothing here, found out before its meaning is looked at.
    pub(super) fault: Option<String>,
}

/// A word and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) is_quoted: bool,
    pub(super) place: Place,
}

impl Directive {
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.text == name
    }

    /// The argument of that number, from 0.
    pub(super) fn arg(&self, index: usize) -> Option<&str> {
        self.args.get(index).map(|word| &*word.text)
    }

    /// The first argument, or nothing.
    pub(super) fn value(&self) -> &str {
        self.arg(0).unwrap_or_default()
    }

    /// Its name, for a message of one line.
    pub(super) fn brief(&self) -> String {
        let mut name: String = self.name.text.escape_debug().take(NAME_SHOWN).collect();
        if name.len() < self.name.text.len() {
            name.push('…');
        }
        name
    }

    /// The directives in its block.
    pub(super) fn children(&self) -> &[Self] {
        self.block.as_deref().unwrap_or_default()
    }

    /// From its name to its last argument.
    pub(super) fn place(&self) -> Place {
        self.args.last().map_or(self.name.place, |last| self.name.place.to(last.place))
    }
}

/// Characters of a name that are shown.
const NAME_SHOWN: usize = 40;

/// Blocks within blocks; nginx's own have five or six.
const DEPTH_MAX: usize = 64;

/// Reads the text of the file with the number `file`.
pub(super) fn parse(text: &str, file: usize) -> Result<Vec<Directive>, Fault> {
    let mut parser = Parser { text, lexer: Lexer::new(text, file) };
    parser.directives(None, 0)
}

struct Parser<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
}

/// How the head of a directive ended.
enum Ending {
    Simple,
    Block(Place),
}

impl Parser<'_> {
    /// The directives up to the end of the block that began at `open`, or of the file.
    fn directives(&mut self, open: Option<Place>, depth: usize) -> Result<Vec<Directive>, Fault> {
        let mut directives = Vec::new();
        loop {
            let (token, place) = self.lexer.next()?;
            match (token, open) {
                (Token::Word { text, is_quoted }, _) => {
                    directives.push(self.directive(Word { text, is_quoted, place }, depth)?);
                }
                (Token::Eof, None) | (Token::Close, Some(_)) => return Ok(directives),
                (Token::Eof, Some(open)) => {
                    let help = "each `{` needs its `}`; the file ends before";
                    return Err(Fault::new(open, "a block is not closed", "begins here", help));
                }
                (Token::Close, None) => {
                    let help = "remove it, or look for a `}` too many before it";
                    return Err(Fault::new(place, "a `}` closes nothing", "no block is open here", help));
                }
                (Token::End, _) => {
                    let help = "remove it: blocks end with `}` alone, and each directive has one `;`";
                    return Err(Fault::new(
                        place,
                        "a `;` ends nothing",
                        "no directive stands before it",
                        help,
                    ));
                }
                (Token::Open, _) => {
                    let help = "write the name of the block before it, such as `server {`";
                    return Err(Fault::new(place, "a block has no name", "begins here", help));
                }
            }
        }
    }

    fn directive(&mut self, name: Word, depth: usize) -> Result<Directive, Fault> {
        let mut directive = Directive { name, args: Vec::new(), block: None, fault: None };
        match self.head(&mut directive)? {
            Ending::Simple => words::judge_simple(&directive)?,
            Ending::Block(open) => {
                words::judge_block(&directive, open)?;
                directive.block = Some(self.block(&directive, open, depth)?);
            }
        }
        Ok(directive)
    }

    /// Reads the arguments, up to the `;` or the `{`.
    fn head(&mut self, directive: &mut Directive) -> Result<Ending, Fault> {
        loop {
            let (token, place) = self.lexer.next()?;
            match token {
                Token::Word { text, is_quoted } => {
                    let word = Word { text, is_quoted, place };
                    if !is_quoted && self.begins_line(place) && words::begins_another(directive, &word.text) {
                        return Err(unended(directive));
                    }
                    directive.args.push(word);
                }
                Token::End => return Ok(Ending::Simple),
                Token::Open => return Ok(Ending::Block(place)),
                Token::Close | Token::Eof => return Err(unended(directive)),
            }
        }
    }

    fn block(&mut self, directive: &Directive, open: Place, depth: usize) -> Result<Vec<Directive>, Fault> {
        if directive.name.text.ends_with("_by_lua_block") {
            return if self.lexer.skip_foreign_block() {
                Ok(Vec::new())
            } else {
                let help = "each `{` needs its `}`; the file ends before";
                Err(Fault::new(open, "a block is not closed", "begins here", help))
            };
        }
        if depth == DEPTH_MAX {
            let message = format!("blocks are nested more than {DEPTH_MAX} deep");
            return Err(Fault::new(
                open,
                message,
                "one too many",
                "nginx has no blocks that deep; is a `}` missing?",
            ));
        }
        self.directives(Some(open), depth + 1)
    }

    fn begins_line(&self, place: Place) -> bool {
        let before = self.text.get(..place.start).unwrap_or_default();
        before.rsplit('\n').next().is_none_or(|line| line.trim().is_empty()) && before.contains('\n')
    }
}

fn unended(directive: &Directive) -> Fault {
    let help = "each directive ends with `;`, or has a block in `{ }`";
    let message = format!("`{}` is not ended", directive.brief());
    Fault::new(directive.place().behind(), message, "a `;` is missing here", help)
}

//! From text to nodes.

use super::SyntaxFault;
use super::cursor::{Cursor, is_blank, is_line_end};
use super::number::{begins_number, number};
use super::string::string;
use super::tree::{Name, Node, Property, Scalar, Value};
use crate::model::Place;

/// Blocks within blocks; a configuration has six.
const DEPTH_MAX: u32 = 64;

/// Nodes and values of one file: what a machine can keep in memory without thinking of it.
const ITEMS_MAX: u32 = 1_000_000;

/// Reads the text of the file with the number `file`.
pub(crate) fn parse(text: &str, file: u32) -> Result<Vec<Node>, SyntaxFault> {
    let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    refuse_invisible(text, at)?;
    Parser { cursor: Cursor { text, at }, file, items: 0, suspect: None }.nodes(None)
}

/// Characters that cannot be seen, or make what is seen differ from what is read.
fn refuse_invisible(text: &str, from: usize) -> Result<(), SyntaxFault> {
    let is_refused = |c: char| {
        matches!(c, '\0'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}' | '\u{feff}')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let rest = text.get(from..).unwrap_or_default();
    let Some((offset, c)) = rest.char_indices().find(|(_, c)| is_refused(*c)) else { return Ok(()) };
    Err(SyntaxFault::new(
        (from + offset, c.len_utf8()),
        format!("the character U+{:04X} must not stand in a file", u32::from(c)),
    )
    .label("here, though it cannot be seen")
    .help(format!("in a string it is written \\u{{{:X}}}", u32::from(c))))
}

/// How far back the beginning of a line is looked for.
const LINE_MAX: usize = 256;

struct Parser<'a> {
    cursor: Cursor<'a>,
    file: u32,
    items: u32,
    /// The first block that is closed at another indentation than it was opened at: its
    /// beginning and its end.
    suspect: Option<(usize, usize)>,
}

/// The block that is being read.
#[derive(Clone, Copy)]
struct Open {
    /// Where its `{` stands.
    brace: usize,
    depth: u32,
}

/// What stands behind a node's name.
enum Entry {
    Argument(Value),
    Property(Property),
}

impl Parser<'_> {
    /// The nodes up to the end of `block`, or of the file.
    fn nodes(&mut self, block: Option<Open>) -> Result<Vec<Node>, SyntaxFault> {
        let mut nodes = Vec::new();
        loop {
            self.cursor.skip_lines()?;
            match (self.cursor.peek(), block) {
                (None, None) => return Ok(nodes),
                (None, Some(open)) => return Err(self.unclosed(open)),
                (Some('}'), Some(open)) => {
                    self.watch_indentation(open.brace);
                    self.cursor.next();
                    return Ok(nodes);
                }
                (Some('}'), None) => {
                    return Err(SyntaxFault::new(self.cursor.here(), "a `}` closes nothing")
                        .label("no block is open here")
                        .help("each `}` needs its `{` before it"));
                }
                (Some(_), _) => {
                    let is_dropped = self.cursor.take("/-");
                    if is_dropped {
                        self.cursor.skip_lines()?;
                    }
                    let node = self.node(block.map_or(0, |open| open.depth))?;
                    if !is_dropped {
                        nodes.push(node);
                    }
                }
            }
        }
    }

    /// One node, at the beginning of its name, to its end or the `}` behind it.
    fn node(&mut self, depth: u32) -> Result<Node, SyntaxFault> {
        let value = self.value()?;
        let Scalar::Text(text) = value.scalar else {
            return Err(SyntaxFault::new(value.place.span, "a value stands where a name should")
                .label("not a name")
                .help("each line begins with the name of a setting or a block"));
        };
        self.refuse_crumbs(&text, value.place.span)?;
        let name = Name { text, place: value.place };
        let mut node = Node { name, arguments: Vec::new(), properties: Vec::new(), children: None };
        // Behind a block, even one that is taken out, no values stand.
        let mut has_values = true;
        loop {
            let blank = self.cursor.skip_blanks()?;
            match self.cursor.peek() {
                None | Some('}') => return Ok(node),
                Some(c) if c == ';' || is_line_end(c) => {
                    self.cursor.line_end();
                    return Ok(node);
                }
                Some('/') if self.cursor.sees("//") => self.cursor.line_comment(),
                Some('{') if node.children.is_none() => {
                    node.children = Some(self.block(depth)?);
                    has_values = false;
                }
                Some('/') if self.cursor.take("/-") => {
                    self.cursor.skip_lines()?;
                    if self.cursor.sees("{") {
                        self.block(depth)?;
                        has_values = false;
                    } else if has_values {
                        self.entry()?;
                    } else {
                        return Err(self.behind_block());
                    }
                }
                Some(_) if !has_values => return Err(self.behind_block()),
                Some('[') => self.list(&mut node)?,
                Some('=') if node.arguments.is_empty() && node.properties.is_empty() => {
                    return Err(SyntaxFault::new(
                        self.cursor.here(),
                        "a `=` stands behind the name of a setting",
                    )
                    .label("not here")
                    .help(format!("leave it out: {} …", node.name.text)));
                }
                Some(_) if !blank => return Err(self.no_blank()),
                Some(_) => match self.entry()? {
                    Entry::Argument(value) => node.arguments.push(value),
                    Entry::Property(property) => node.properties.push(property),
                },
            }
        }
    }

    fn block(&mut self, depth: u32) -> Result<Vec<Node>, SyntaxFault> {
        let brace = self.cursor.at;
        if depth == DEPTH_MAX {
            return Err(SyntaxFault::new(
                (brace, 1),
                format!("blocks are nested more than {DEPTH_MAX} deep"),
            )
            .help("no setting is that deep; is a `}` missing?"));
        }
        self.cursor.next();
        self.nodes(Some(Open { brace, depth: depth + 1 }))
    }

    /// `[ … ]`: arguments, on one line or several.
    fn list(&mut self, node: &mut Node) -> Result<(), SyntaxFault> {
        let start = self.cursor.at;
        self.cursor.next();
        loop {
            self.skip_within_list()?;
            match self.cursor.peek() {
                Some(']') => {
                    self.cursor.next();
                    return Ok(());
                }
                None | Some('{' | '}' | ';' | '[') => {
                    return Err(SyntaxFault::new((start, 1), "a list is not closed")
                        .label("begins here")
                        .help("lists end with `]`"));
                }
                Some(_) => {
                    let value = self.value()?;
                    self.refuse_crumbs_of(&value)?;
                    node.arguments.push(value);
                }
            }
        }
    }

    fn skip_within_list(&mut self) -> Result<(), SyntaxFault> {
        loop {
            self.cursor.skip_blanks()?;
            match self.cursor.peek() {
                Some(c) if is_line_end(c) => self.cursor.line_end(),
                Some('/') if self.cursor.sees("//") => self.cursor.line_comment(),
                _ => return Ok(()),
            }
        }
    }

    fn entry(&mut self) -> Result<Entry, SyntaxFault> {
        let value = self.value()?;
        let end = self.cursor.at;
        self.cursor.skip_blanks()?;
        if !self.cursor.sees("=") {
            self.cursor.at = end;
            self.refuse_crumbs_of(&value)?;
            return Ok(Entry::Argument(value));
        }
        let Scalar::Text(text) = value.scalar else {
            return Err(SyntaxFault::new(value.place.span, "a value stands before `=`")
                .label("not a name")
                .help("properties are written name=value"));
        };
        self.cursor.next();
        self.cursor.skip_blanks()?;
        let name = Name { text, place: value.place };
        Ok(Entry::Property(Property { name, value: self.value()? }))
    }

    /// A string, quoted or not, a number or a keyword.
    fn value(&mut self) -> Result<Value, SyntaxFault> {
        let start = self.cursor.at;
        let scalar = match string(&mut self.cursor)? {
            Some(text) => Scalar::Text(text),
            None => self.word()?,
        };
        self.items += 1;
        if self.items > ITEMS_MAX {
            return Err(SyntaxFault::new(
                (start, 1),
                format!("a file has more than {ITEMS_MAX} names and values"),
            )
            .help("split it by `include`"));
        }
        Ok(Value { scalar, place: self.place(start) })
    }

    fn word(&mut self) -> Result<Scalar, SyntaxFault> {
        let start = self.cursor.at;
        while let Some(c) = self.cursor.peek() {
            let is_comment = self.cursor.sees("//") || self.cursor.sees("/*") || self.cursor.sees("/-");
            if is_blank(c) || is_line_end(c) || is_comment || ";{}[]\"=\\".contains(c) {
                break;
            }
            self.cursor.next();
        }
        let word = self.cursor.since(start);
        let span = (start, word.len());
        match word {
            "" => Err(self.unexpected()),
            "true" | "#true" => Ok(Scalar::Bool(true)),
            "false" | "#false" => Ok(Scalar::Bool(false)),
            "null" | "#null" => Ok(Scalar::Null),
            "#inf" => Ok(Scalar::Float(f64::INFINITY)),
            "#-inf" => Ok(Scalar::Float(f64::NEG_INFINITY)),
            "#nan" => Ok(Scalar::Float(f64::NAN)),
            _ if word.starts_with('(') => {
                Err(SyntaxFault::new(span, "type annotations have no meaning here")
                    .label("remove it")
                    .help("the type of each setting is known; a text in parentheses needs quotes"))
            }
            _ if begins_number(word) => number(word).ok_or_else(|| {
                SyntaxFault::new(span, format!("`{word}` is not a number"))
                    .label("begins like a number")
                    .help(format!("as a text it needs quotes: \"{word}\""))
            }),
            _ if word.contains(['(', ')', '/', '#']) => {
                Err(SyntaxFault::new(span, format!("`{word}` needs quotes"))
                    .label("a text with ( ) / or #")
                    .help(format!("write \"{word}\"")))
            }
            _ => Ok(Scalar::Text(word.to_owned())),
        }
    }

    fn place(&self, start: usize) -> Place {
        Place { file: Some(self.file), span: (start, self.cursor.at - start) }
    }

    fn unexpected(&self) -> SyntaxFault {
        let fault = |message: &str| SyntaxFault::new(self.cursor.here(), message);
        match self.cursor.peek() {
            Some('=') => fault("a `=` has no name before it")
                .label("not here")
                .help("properties are written name=value"),
            Some('{') => fault("a block has no name")
                .label("nothing stands before it")
                .help("blocks are written: name { … }"),
            Some('[') => fault("a list has no name")
                .label("nothing stands before it")
                .help("lists are written: name [\"a\" \"b\"]"),
            Some(']') => fault("a `]` closes nothing")
                .label("no list is open here")
                .help("lists are written: name [\"a\" \"b\"]"),
            _ => fault("a value is missing")
                .label("expected here")
                .help("a value is a number, true, false, or a text in quotes"),
        }
    }

    /// What stands directly behind a value, where a blank should.
    fn no_blank(&self) -> SyntaxFault {
        if self.cursor.sees("=") || self.cursor.sees("]") {
            return self.unexpected();
        }
        SyntaxFault::new(self.cursor.here(), "a blank is missing")
            .label("belongs before this")
            .help("values are separated by blanks; or a text has lost its `\"`")
    }

    fn behind_block(&self) -> SyntaxFault {
        SyntaxFault::new(self.cursor.here(), "something stands behind a block on the same line")
            .label("a new line, `;` or `}` belongs before this")
            .help("a block ends its node; values stand before the block")
    }

    /// Commas are no separators, though an unquoted text could have them.
    fn refuse_crumbs_of(&self, value: &Value) -> Result<(), SyntaxFault> {
        match &value.scalar {
            Scalar::Text(text) => self.refuse_crumbs(text, value.place.span),
            Scalar::Integer(_) | Scalar::Float(_) | Scalar::Bool(_) | Scalar::Null => Ok(()),
        }
    }

    fn refuse_crumbs(&self, text: &str, span: (usize, usize)) -> Result<(), SyntaxFault> {
        let is_bare = self.cursor.text.get(span.0..).is_some_and(|rest| rest.starts_with(text));
        if is_bare && (text.starts_with(',') || text.ends_with(',')) {
            return Err(SyntaxFault::new(span, "a comma stands between values")
                .label("only a blank belongs here")
                .help("values are separated by blanks: \"a\" \"b\""));
        }
        Ok(())
    }

    fn unclosed(&self, open: Open) -> SyntaxFault {
        let help = "a `}` is missing";
        match self.suspect {
            Some((begin, end)) => SyntaxFault::new((begin, 1), "a block is not closed")
                .label("this one, by the indentation")
                .help(help)
                .also((end, 1), "closes it, but is indented as another block is"),
            None => {
                SyntaxFault::new((open.brace, 1), "a block is not closed").label("opened here").help(help)
            }
        }
    }

    /// Remembers a block whose `}` stands alone on its line, indented less than the line that
    /// opened it: there a brace is missing, if one is.
    fn watch_indentation(&mut self, brace: usize) {
        if self.suspect.is_some() {
            return;
        }
        let end = self.cursor.at;
        let (Some(opened), Some(closed)) = (self.line_before(brace), self.line_before(end)) else { return };
        if closed.trim().is_empty() && closed.len() < opened.len() - opened.trim_start().len() {
            self.suspect = Some((brace, end));
        }
    }

    /// What stands before `at` on its line, unless the line is very long.
    fn line_before(&self, at: usize) -> Option<&str> {
        let before = self.cursor.text.get(..at)?;
        let mut back = before.char_indices().rev().take(LINE_MAX);
        let start = match back.find(|(_, c)| is_line_end(*c)) {
            Some((end, c)) => end + c.len_utf8(),
            None if before.len() < LINE_MAX => 0,
            None => return None,
        };
        before.get(start..)
    }
}

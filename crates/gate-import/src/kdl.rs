//! A KDL document that is being written: nodes with the comments that explain them.
//!
//! Owns: how strings are quoted, how blocks are indented, that no comment can end early.
//! Not here: what the nodes mean.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write as _;

/// A node: a name, its values, and perhaps a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node {
    name: Cow<'static, str>,
    /// Written before the node, each once in a document.
    comments: Vec<String>,
    /// The same, but each time.
    reminders: Vec<String>,
    /// Arguments and properties, as they are written.
    values: Vec<String>,
    children: Option<Vec<Self>>,
    /// Whether `/-` stands before it: it is kept for the reader and means nothing.
    is_off: bool,
    /// Whether a blank line sets it apart from the nodes around it.
    is_apart: bool,
}

impl Node {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), ..Self::default() }
    }

    /// A node whose name is a text of its own, such as that of a field.
    pub(crate) fn called(name: &str) -> Self {
        Self { name: Cow::Owned(quoted(name)), ..Self::default() }
    }

    /// A comment that stands where a node could.
    pub(crate) fn remark(comments: Vec<String>) -> Self {
        Self { comments, ..Self::default() }
    }

    pub(crate) fn text(mut self, text: &str) -> Self {
        self.values.push(quoted(text));
        self
    }

    pub(crate) fn number(mut self, number: u64) -> Self {
        self.values.push(number.to_string());
        self
    }

    pub(crate) fn flag(mut self, flag: bool) -> Self {
        self.values.push(flag.to_string());
        self
    }

    pub(crate) fn property(mut self, name: &str, number: u64) -> Self {
        self.values.push(format!("{name}={number}"));
        self
    }

    pub(crate) fn block(mut self, children: Vec<Self>) -> Self {
        self.children = Some(children);
        self
    }

    pub(crate) fn comment(mut self, comment: impl Into<String>) -> Self {
        self.comments.push(comment.into());
        self
    }

    /// A comment that stands there even where it has been told before.
    pub(crate) fn remind(mut self, reminder: impl Into<String>) -> Self {
        self.reminders.push(reminder.into());
        self
    }

    pub(crate) fn comments(mut self, comments: impl IntoIterator<Item = String>) -> Self {
        self.comments.extend(comments);
        self
    }

    pub(crate) fn off(mut self, is_off: bool) -> Self {
        self.is_off = is_off;
        self
    }

    pub(crate) fn apart(mut self) -> Self {
        self.is_apart = true;
        self
    }

    pub(crate) fn is_remark(&self) -> bool {
        self.name.is_empty()
    }

    pub(crate) fn is_off(&self) -> bool {
        self.is_off
    }

    pub(crate) fn has_name_of(&self, other: &Self) -> bool {
        self.name == other.name
    }

    /// Without its comments: what two nodes must share to mean the same.
    pub(crate) fn meaning(&self) -> Self {
        let children = self.children.as_ref().map(|children| {
            children.iter().filter(|node| !node.name.is_empty() && !node.is_off).map(Self::meaning).collect()
        });
        Self { comments: Vec::new(), reminders: Vec::new(), is_apart: false, children, ..self.clone() }
    }
}

/// The document.
pub(crate) fn render(nodes: &[Node]) -> String {
    let mut writer = Writer::default();
    writer.all(nodes, 0);
    writer.text
}

/// What is written, and which comments stand in it.
#[derive(Default)]
struct Writer<'a> {
    text: String,
    told: HashSet<&'a str>,
}

impl<'a> Writer<'a> {
    fn all(&mut self, nodes: &'a [Node], depth: usize) {
        for (index, node) in nodes.iter().enumerate() {
            let was_apart =
                index.checked_sub(1).and_then(|before| nodes.get(before)).map(|node| node.is_apart);
            if was_apart.is_some_and(|was| was || node.is_apart) {
                self.text.push('\n');
            }
            self.node(node, depth);
        }
    }

    fn node(&mut self, node: &'a Node, depth: usize) {
        let indent = " ".repeat(depth * 4);
        let mut comments: Vec<&str> = Vec::new();
        for comment in &node.comments {
            if self.told.insert(comment) {
                comments.push(comment);
            }
        }
        comments.extend(node.reminders.iter().map(|reminder| &**reminder));
        for line in comments.iter().flat_map(|comment| wrapped(comment, WIDTH.saturating_sub(depth * 4 + 3)))
        {
            self.text.push_str(&indent);
            self.text.push_str("// ");
            self.text.push_str(&line);
            self.text.push('\n');
        }
        if node.name.is_empty() {
            return;
        }
        self.text.push_str(&indent);
        if node.is_off {
            self.text.push_str("/- ");
        }
        self.text.push_str(&node.name);
        for value in &node.values {
            // Writing to a string cannot fail.
            let _infallible = write!(self.text, " {value}");
        }
        if let Some(children) = &node.children {
            if children.is_empty() {
                self.text.push_str(" {}");
            } else {
                self.text.push_str(" {\n");
                self.all(children, depth + 1);
                self.text.push_str(&indent);
                self.text.push('}');
            }
        }
        self.text.push('\n');
    }
}

/// Columns of a comment.
const WIDTH: usize = 116;

/// A comment in lines. What could end it, or cannot be seen, is written as an escape.
fn wrapped(comment: &str, width: usize) -> Vec<String> {
    let visible: String = comment.chars().flat_map(Seen::of).collect();
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in visible.split(' ').filter(|word| !word.is_empty()) {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
            line.push_str("  ");
        }
        if !line.trim_start().is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// A character as it can be seen.
enum Seen {
    AsItIs(std::iter::Once<char>),
    Escaped(std::char::EscapeUnicode),
}

impl Seen {
    fn of(c: char) -> Self {
        if is_invisible(c) || is_line_end(c) {
            Self::Escaped(c.escape_unicode())
        } else {
            Self::AsItIs(std::iter::once(c))
        }
    }
}

impl Iterator for Seen {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self {
            Self::AsItIs(one) => one.next(),
            Self::Escaped(many) => many.next(),
        }
    }
}

/// What KDL does not let stand in a document, and other controls.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{feff}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// A string of KDL: raw where that spares backslashes.
pub(crate) fn quoted(text: &str) -> String {
    let is_plain = !text.chars().any(|c| is_invisible(c) || is_line_end(c));
    if text.contains('\\') && is_plain && !text.starts_with('"') && !text.contains("\"#") {
        return format!("#\"{text}\"#");
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.extend(Seen::of(c)),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::{Node, quoted, render, wrapped};

    #[test]
    fn strings_are_quoted_so_that_they_read_back() {
        for (text, expected) in [
            ("", r#""""#),
            ("a b", r#""a b""#),
            (r"^/\d+$", r##"#"^/\d+$"#"##),
            (r#"a"b"#, r#""a\"b""#),
            (r#""\d"#, r#""\"\\d""#),
            ("\\\"#", r##""\\\"#""##),
            ("a\nb\u{7}\u{202e}", r#""a\nb\u{7}\u{202e}""#),
            ("\\\n", r#""\\\n""#),
        ] {
            assert_eq!(quoted(text), expected, "{text:?}");
        }
    }

    #[test]
    fn comments_cannot_end_early() {
        assert_eq!(wrapped("a\nb\u{2028}c", 80), [r"a\u{a}b\u{2028}c"]);
        assert_eq!(wrapped("one two three", 8), ["one two", "  three"]);
    }

    #[test]
    fn comments_are_told_once_and_reminders_each_time() {
        let node = || Node::new("a").comment("once").remind("again");
        assert_eq!(render(&[node(), node()]), "// once\n// again\na\n// again\na\n");
    }

    #[test]
    fn blocks_are_indented_and_set_apart() {
        let inner = Node::new("b").number(1).property("c", 2).comment("why").off(true);
        let nodes =
            [Node::new("a").text("x").block(vec![inner]).apart(), Node::new("d").block(Vec::new()).apart()];
        assert_eq!(render(&nodes), "a \"x\" {\n    // why\n    /- b 1 c=2\n}\n\nd {}\n");
    }
}

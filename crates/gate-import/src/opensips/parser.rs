//! From tokens to statements.
//!
//! OpenSIPS ends statements by what follows them; here a setting ends with its line, unless the
//! next one begins with a word that can only belong to it.

use crate::fault::Fault;
use crate::source::Place;

use super::lexer::{Kind, Token, tokens};

/// A value, put together of what stands without blanks between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) place: Place,
}

/// What a statement says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// `name = value …`
    Setting { name: String, values: Vec<Value> },
    /// `loadmodule "name.so"`: the name without its folder and ending.
    Module(String),
    /// `modparam("a|b", "name", value)`
    Parameter { modules: Vec<String>, name: String, value: String },
    /// `route[name] { … }`; `kind` is `route`, `failure_route` and the like.
    Route { kind: String, name: String, body: Vec<Token> },
    /// `include_file "path"`
    Include,
    /// `#!…`
    Preprocessor,
    /// Nothing that is known.
    Unknown,
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) says: Says,
    pub(super) place: Place,
}

/// All statements of a text.
pub(super) fn statements(text: &str) -> Result<Vec<Statement>, Fault> {
    let tokens = tokens(text)?;
    let mut parser = Parser { text, tokens: &tokens, at: 0 };
    let mut statements = Vec::new();
    while let Some(statement) = parser.next()? {
        statements.push(statement);
    }
    Ok(statements)
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Result<Option<Statement>, Fault> {
        while self.peek().is_some_and(|token| token.is_mark(";")) {
            self.at += 1;
        }
        let Some(first) = self.advance() else { return Ok(None) };
        let says = match first.kind {
            Kind::Preprocessor => Says::Preprocessor,
            Kind::Mark if first.text == "}" => {
                let help = "remove it, or look for a `}` too many before it";
                return Err(Fault::new(first.place, "a `}` closes nothing", "not here", help));
            }
            Kind::Mark | Kind::Quoted => self.unknown()?,
            Kind::Word => self.named(first)?,
        };
        let last = self.at.checked_sub(1).and_then(|last| self.tokens.get(last));
        let place = last.map_or(first.place, |last| first.place.to(last.place));
        Ok(Some(Statement { says, place }))
    }

    fn named(&mut self, first: &Token) -> Result<Says, Fault> {
        if self.peek().is_some_and(|token| token.is_mark("=")) {
            self.at += 1;
            return Ok(Says::Setting { name: first.text.clone(), values: self.values() });
        }
        let word = first.text.as_str();
        if word == "route" || word.ends_with("_route") {
            return self.route(first);
        }
        let is_call = self.peek().is_some_and(|token| token.is_mark("("));
        // The manual's examples are a letter or three short.
        if is_call && ["modparam", "param", "aram"].contains(&word) {
            return self.parameter(first);
        }
        let quoted = self.peek().filter(|token| token.kind == Kind::Quoted);
        match (word, quoted) {
            ("loadmodule", Some(path)) => {
                self.at += 1;
                let file = path.text.rsplit('/').next().unwrap_or_default();
                Ok(Says::Module(file.strip_suffix(".so").unwrap_or(file).to_owned()))
            }
            ("include_file" | "import_file", Some(_)) => {
                self.at += 1;
                Ok(Says::Include)
            }
            _ => self.unknown(),
        }
    }

    /// What stands behind `=`.
    fn values(&mut self) -> Vec<Value> {
        let mut values: Vec<Value> = Vec::new();
        while let Some(token) = self.peek() {
            let glued = values.last().is_some_and(|last| last.place.end == token.place.start);
            let continues = values.is_empty()
                || self.is_on_line(token)
                || SUFFIXES.contains(&token.text.as_str()) && token.is_word();
            if token.kind == Kind::Preprocessor || !continues || token.is_mark(";") || token.is_mark("}") {
                break;
            }
            self.at += 1;
            match values.last_mut() {
                Some(last) if glued => {
                    last.text.push_str(&token.text);
                    last.place = last.place.to(token.place);
                }
                Some(_) | None => values.push(Value { text: token.text.clone(), place: token.place }),
            }
        }
        values
    }

    /// Whether the token stands in the line of the one before.
    fn is_on_line(&self, token: &Token) -> bool {
        let before = self.at.checked_sub(1).and_then(|before| self.tokens.get(before));
        let between = before.and_then(|before| self.text.get(before.place.end..token.place.start));
        between.is_some_and(|between| !between.contains('\n'))
    }

    fn route(&mut self, first: &Token) -> Result<Says, Fault> {
        let mut name = String::new();
        if self.peek().is_some_and(|token| token.is_mark("[")) {
            self.at += 1;
            while let Some(token) = self.advance().filter(|token| !token.is_mark("]")) {
                name.push_str(&token.text);
            }
        }
        let Some(open) = self.advance().filter(|token| token.is_mark("{")) else {
            let help = format!("write {}[name] {{ … }}", first.text);
            return Err(Fault::new(first.place.behind(), "a route has no block", "a `{` is missing", help));
        };
        let body = self.block(open)?;
        Ok(Says::Route { kind: first.text.clone(), name, body })
    }

    /// What stands in a block, from behind its `{` to its `}`.
    fn block(&mut self, open: &Token) -> Result<Vec<Token>, Fault> {
        let start = self.at;
        let mut depth = 1_u32;
        while let Some(token) = self.advance() {
            if token.is_mark("{") {
                depth = depth.saturating_add(1);
            } else if token.is_mark("}") {
                depth -= 1;
            }
            if depth == 0 {
                let body = self.tokens.get(start..self.at - 1).unwrap_or_default();
                return Ok(body.to_vec());
            }
        }
        let help = "each `{` needs its `}`; the file ends before";
        Err(Fault::new(open.place, "a block is not closed", "begins here", help))
    }

    fn parameter(&mut self, first: &Token) -> Result<Says, Fault> {
        let open = self.at;
        let mut arguments: Vec<String> = Vec::new();
        let mut is_expected = true;
        let mut is_right = true;
        self.at += 1;
        while let Some(token) = self.advance() {
            if token.is_mark(")") {
                is_right &= !is_expected;
                let [modules, name, value] = arguments.as_slice() else { break };
                if !is_right {
                    break;
                }
                let modules =
                    modules.split('|').map(|module| module.trim_matches(['(', ')', ' ']).to_owned());
                return Ok(Says::Parameter {
                    modules: modules.collect(),
                    name: name.trim().to_owned(),
                    value: value.clone(),
                });
            }
            if token.is_mark(",") {
                is_right &= !is_expected;
                is_expected = true;
            } else {
                is_right &= is_expected && matches!(token.kind, Kind::Word | Kind::Quoted);
                is_expected = false;
                arguments.push(token.text.clone());
            }
        }
        let place = self.tokens.get(open).map_or(first.place, |open| first.place.to(open.place));
        let help = "write modparam(\"module\", \"name\", \"value\")";
        Err(Fault::new(place, "`modparam` has three arguments", "not so here", help))
    }

    /// To the end of the line, with the blocks that begin there.
    fn unknown(&mut self) -> Result<Says, Fault> {
        while let Some(token) = self.peek() {
            if !self.is_on_line(token) || token.is_mark("}") || token.kind == Kind::Preprocessor {
                break;
            }
            self.at += 1;
            if token.is_mark("{") {
                self.block(token)?;
            }
        }
        Ok(Says::Unknown)
    }

    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn advance(&mut self) -> Option<&'a Token> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token)
    }
}

/// What may stand behind the address of a socket, in lines of its own, too.
const SUFFIXES: [&str; 11] = [
    "use_workers",
    "as",
    "tag",
    "anycast",
    "frag",
    "reuse_port",
    "allow_proxy_protocol",
    "send_proxy_protocol",
    "proxy_protocol",
    "use_auto_scaling_profile",
    "accept_subdomain",
];

#[cfg(test)]
mod tests {
    use super::{Says, statements};

    #[test]
    fn statements_are_told_apart() {
        let text = "socket= wss:[::1]:443\n    use_workers 4\n    as 1.2.3.4:5060\nlog_level=3; x=\"a b\"\n\
                    modparam(\"a|b\", \"c\",\n  1)\nroute[r, 5] { if (x) { y(); } }\nmore {\n }\nmpath=\n\"/a\"";
        let found: Vec<String> = statements(text)
            .expect("it is right")
            .into_iter()
            .map(|statement| match statement.says {
                Says::Setting { name, values } => {
                    let values: Vec<_> = values.into_iter().map(|value| value.text).collect();
                    format!("{name}={}", values.join(" "))
                }
                Says::Parameter { modules, name, value } => format!("{modules:?} {name} {value}"),
                Says::Route { kind, name, body } => format!("{kind} {name} {}", body.len()),
                other @ (Says::Module(_) | Says::Include | Says::Preprocessor | Says::Unknown) => {
                    format!("{other:?}")
                }
            })
            .collect();
        assert_eq!(
            found,
            [
                "socket=wss:[::1]:443 use_workers 4 as 1.2.3.4:5060",
                "log_level=3",
                "x=a b",
                "[\"a\", \"b\"] c 1",
                "route r,5 10",
                "Unknown",
                "mpath=/a"
            ]
        );
    }
}

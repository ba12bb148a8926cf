//! The little of OpenSIPS' script that decides whether a connection is traced.
//!
//! Of conditions those are known that look at the two ends of the connection. Anything else is
//! told with its place, so that nothing is translated to what it does not mean.

use crate::source::Place;

use super::lexer::{Kind, Token};
use super::network::{Network, Ports};

/// A statement that matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// `drop`: the connection is not traced.
    Drop,
    /// `exit` and `return`: it is.
    End,
    /// `if (…) … else …`
    If { condition: Condition, then: Vec<Self>, otherwise: Vec<Self> },
}

/// What stands in `if ( )`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Is(Test),
    Not(Box<Self>),
    Both(Box<(Self, Self)>),
    Either(Box<(Self, Self)>),
}

/// What one end of the connection must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Peer(Network),
    PeerPort(Ports),
    Local(Network),
    LocalPort(Ports),
}

/// What is not understood, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Foreign {
    pub(super) place: Place,
    pub(super) why: &'static str,
}

/// Reads the body of a route.
pub(super) fn steps(body: &[Token]) -> Result<Vec<Step>, Foreign> {
    let mut reader = Reader { tokens: body, at: 0, depth: 0 };
    let mut steps = Vec::new();
    while reader.peek().is_some() {
        steps.extend(reader.step()?);
    }
    Ok(steps)
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: u32,
}

impl<'a> Reader<'a> {
    /// One statement; of what has no effect, none.
    fn step(&mut self) -> Result<Vec<Step>, Foreign> {
        self.deeper(Self::shallow_step)
    }

    fn shallow_step(&mut self) -> Result<Vec<Step>, Foreign> {
        let Some(token) = self.advance() else { return Err(self.foreign("a statement is missing")) };
        if token.is_mark(";") || token.text == "..." {
            return Ok(Vec::new());
        }
        if token.is_mark("{") {
            let mut steps = Vec::new();
            while !self.takes("}") {
                steps.extend(self.step()?);
            }
            return Ok(steps);
        }
        match token.text.as_str() {
            "if" if token.is_word() => {
                self.needs("(")?;
                let condition = self.condition()?;
                self.needs(")")?;
                let then = self.step()?;
                let has_else = self.peek().is_some_and(|token| token.is_word() && token.text == "else");
                self.at += usize::from(has_else);
                let otherwise = if has_else { self.step()? } else { Vec::new() };
                Ok(vec![Step::If { condition, then, otherwise }])
            }
            word @ ("drop" | "exit" | "return") if token.is_word() => {
                self.arguments();
                self.takes(";");
                Ok(vec![if word == "drop" { Step::Drop } else { Step::End }])
            }
            // Logs decide nothing.
            "xlog" | "xdbg" if token.is_word() => {
                self.arguments();
                self.takes(";");
                Ok(Vec::new())
            }
            _ => Err(Foreign {
                place: token.place,
                why: "a filter has conditions on addresses and ports, `drop` and `exit`, and nothing else",
            }),
        }
    }

    fn condition(&mut self) -> Result<Condition, Foreign> {
        self.deeper(|reader| {
            let mut left = reader.conjunction()?;
            while reader.takes("||") || reader.takes_word("or") {
                left = Condition::Either(Box::new((left, reader.conjunction()?)));
            }
            Ok(left)
        })
    }

    fn conjunction(&mut self) -> Result<Condition, Foreign> {
        let mut left = self.negation()?;
        while self.takes("&&") || self.takes_word("and") {
            left = Condition::Both(Box::new((left, self.negation()?)));
        }
        Ok(left)
    }

    fn negation(&mut self) -> Result<Condition, Foreign> {
        self.deeper(|reader| {
            if reader.takes_word("!") || reader.takes_word("not") {
                return Ok(Condition::Not(Box::new(reader.negation()?)));
            }
            if reader.takes("(") {
                let inner = reader.condition()?;
                reader.needs(")")?;
                return Ok(inner);
            }
            if reader.takes_word("is_in_subnet") {
                return reader.subnet();
            }
            reader.comparison()
        })
    }

    /// `is_in_subnet("$si", "10.0.0.0/8")`
    fn subnet(&mut self) -> Result<Condition, Foreign> {
        let start = self.at;
        self.needs("(")?;
        let end = self.operand()?;
        self.needs(",")?;
        let network = self.operand()?;
        self.needs(")")?;
        let place = self.place_from(start);
        match (end, network) {
            (Operand::End(end @ (End::Peer | End::Local)), Operand::Literal(text)) => {
                Ok(Condition::Is(address_test(end, &text, place)?))
            }
            _ => Err(Foreign { place, why: WHAT_IS_KNOWN }),
        }
    }

    /// `$si == "10.0.0.1"`, either way around.
    fn comparison(&mut self) -> Result<Condition, Foreign> {
        let start = self.at;
        let left = self.operand()?;
        let operator =
            self.peek().filter(|token| token.kind == Kind::Mark && COMPARING.contains(&&*token.text));
        self.at += usize::from(operator.is_some());
        let Some(operator) = operator else {
            return Err(Foreign { place: self.place_from(start), why: WHAT_IS_KNOWN });
        };
        let right = self.operand()?;
        let place = self.place_from(start);
        let (end, literal, operator) = match (left, right) {
            (Operand::End(end), Operand::Literal(literal)) => (end, literal, operator.text.as_str()),
            (Operand::Literal(literal), Operand::End(end)) => {
                let turned = match operator.text.as_str() {
                    "<" => ">",
                    "<=" => ">=",
                    ">" => "<",
                    ">=" => "<=",
                    same => same,
                };
                (end, literal, turned)
            }
            _ => return Err(Foreign { place, why: WHAT_IS_KNOWN }),
        };
        let is_equality = matches!(operator, "==" | "!=");
        let test = match end {
            End::Peer | End::Local if is_equality => address_test(end, &literal, place)?,
            End::PeerPort | End::LocalPort => {
                let ports = Ports::compared(operator, literal.trim());
                let ports = ports.ok_or(Foreign { place, why: "ports are compared with numbers" })?;
                if end == End::PeerPort { Test::PeerPort(ports) } else { Test::LocalPort(ports) }
            }
            End::Peer | End::Local => {
                return Err(Foreign { place, why: "addresses are equal, or in a network, or not" });
            }
        };
        let is = Condition::Is(test);
        Ok(if operator == "!=" { Condition::Not(Box::new(is)) } else { is })
    }

    fn operand(&mut self) -> Result<Operand, Foreign> {
        let start = self.at;
        let Some(token) = self.advance() else { return Err(self.foreign("a condition goes on here")) };
        if token.is_mark("[") {
            let text = self.advance().map(|token| token.text.clone()).unwrap_or_default();
            self.needs("]")?;
            return Ok(Operand::Literal(text));
        }
        if token.kind == Kind::Mark {
            return Err(Foreign { place: token.place, why: WHAT_IS_KNOWN });
        }
        let end = match token.text.as_str() {
            "$si" | "src_ip" => End::Peer,
            "$sp" | "src_port" => End::PeerPort,
            "$Ri" | "dst_ip" => End::Local,
            "$Rp" | "dst_port" => End::LocalPort,
            "$socket_in" => {
                self.needs("(")?;
                let part = self.advance().map(|token| token.text.as_str());
                self.needs(")")?;
                match part {
                    Some("ip") => End::Local,
                    Some("port") => End::LocalPort,
                    Some(_) | None => {
                        return Err(Foreign { place: self.place_from(start), why: WHAT_IS_KNOWN });
                    }
                }
            }
            text if text.starts_with('$') => {
                return Err(Foreign { place: token.place, why: WHAT_IS_KNOWN });
            }
            text => return Ok(Operand::Literal(text.to_owned())),
        };
        Ok(Operand::End(end))
    }

    /// Goes over what stands in `( )`, if anything does.
    fn arguments(&mut self) {
        if !self.takes("(") {
            return;
        }
        let mut open = 1_u32;
        while let Some(token) = self.advance().filter(|_| open > 0) {
            if token.is_mark("(") {
                open = open.saturating_add(1);
            } else if token.is_mark(")") {
                open -= 1;
                if open == 0 {
                    return;
                }
            }
        }
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Foreign>) -> Result<T, Foreign> {
        if self.depth >= DEPTH_MAX {
            return Err(self.foreign("this is nested too deeply"));
        }
        self.depth += 1;
        let found = read(self);
        self.depth -= 1;
        found
    }

    fn needs(&mut self, mark: &str) -> Result<(), Foreign> {
        if self.takes(mark) { Ok(()) } else { Err(self.foreign(WHAT_IS_KNOWN)) }
    }

    fn takes(&mut self, mark: &str) -> bool {
        let takes = self.peek().is_some_and(|token| token.is_mark(mark));
        self.at += usize::from(takes);
        takes
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let takes = self.peek().is_some_and(|token| token.is_word() && token.text == word);
        self.at += usize::from(takes);
        takes
    }

    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn advance(&mut self) -> Option<&'a Token> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token)
    }

    /// At the next token, or the last.
    fn foreign(&self, why: &'static str) -> Foreign {
        let place = self.peek().or_else(|| self.tokens.last()).map(|token| token.place).unwrap_or_default();
        Foreign { place, why }
    }

    fn place_from(&self, start: usize) -> Place {
        let first = self.tokens.get(start).map(|token| token.place).unwrap_or_default();
        let last = self.at.checked_sub(1).and_then(|last| self.tokens.get(last));
        last.map_or(first, |last| first.to(last.place))
    }
}

/// One side of a comparison.
enum Operand {
    End(End),
    Literal(String),
}

/// What is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Peer,
    PeerPort,
    Local,
    LocalPort,
}

fn address_test(end: End, text: &str, place: Place) -> Result<Test, Foreign> {
    let network = Network::read(text.trim());
    let network = network.ok_or(Foreign { place, why: "this is no address, and no network" })?;
    Ok(if end == End::Peer { Test::Peer(network) } else { Test::Local(network) })
}

const COMPARING: [&str; 8] = ["==", "!=", "=~", "!~", "<", "<=", ">", ">="];

/// Blocks and brackets within one another.
const DEPTH_MAX: u32 = 48;

const WHAT_IS_KNOWN: &str = "a filter compares `$si`, `$sp`, `$socket_in(ip)` and `$socket_in(port)` with addresses and \
                             numbers";

//! The tokens of a text with what rules ask of them: operands, comparators, and what stands
//! before and behind.

use super::token::{Comments, Kind, Plus, Quote, Token, tokens};
use super::word::Word;

/// How far an operand, a list or a group is followed, in tokens: rules look near.
const REACH: usize = 64;

/// How many parentheses, quotes and the like are passed over, so that long runs of them cost no
/// more than others.
const SKIPPED_MAX: usize = 256;

/// So many operands may be calculated with each other.
const CALCULATED_MAX: usize = 12;

/// The tokens of a text.
#[derive(Debug)]
pub(super) struct Query<'a> {
    text: &'a [u8],
    tokens: Vec<Token>,
    /// Where a whole statement begins that stands by itself, as people write it.
    opening: Option<usize>,
}

/// What stands on one side of a comparison.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operand<'a> {
    pub(super) sort: Sort,
    /// Its text without quotes.
    pub(super) value: &'a [u8],
    /// The token behind it.
    pub(super) next: usize,
}

/// Sorts of operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Number,
    /// Between quotes.
    Text,
    /// Behind a quote that is not closed: the query's own quote will do it.
    OpenText,
    /// `true`, `null`.
    Constant,
    Name(Word),
    Call(Word),
    /// A SELECT or CASE.
    Query,
    Variable,
}

impl Sort {
    /// Whether its value stands in the text.
    pub(super) const fn is_literal(self) -> bool {
        matches!(self, Self::Number | Self::Text | Self::OpenText | Self::Constant)
    }

    /// Whether it stood behind a quote.
    pub(super) const fn is_quoted(self) -> bool {
        matches!(self, Self::Text | Self::OpenText)
    }

    /// Whether it is of SQL, and not of prose or another language.
    pub(super) const fn is_sql(self) -> bool {
        match self {
            Self::Query | Self::Variable => true,
            Self::Call(word) => matches!(
                word,
                Word::Probe
                    | Word::Sleep
                    | Word::DatabaseSleep
                    | Word::Reach
                    | Word::Convert
                    | Word::Char
                    | Word::If
                    | Word::Object
                    | Word::Catalogue
                    | Word::Telltale
                    | Word::Like
            ),
            Self::Number | Self::Text | Self::OpenText | Self::Constant | Self::Name(_) => false,
        }
    }
}

impl<'a> Query<'a> {
    pub(super) fn new(lower: &'a [u8], comments: Comments, plus: Plus) -> Self {
        let mut query = Self { text: lower, tokens: tokens(lower, comments, plus), opening: None };
        query.opening = query.find_opening();
        query
    }

    pub(super) const fn len(&self) -> usize {
        self.tokens.len()
    }

    pub(super) fn kind(&self, index: usize) -> Option<Kind> {
        self.tokens.get(index).map(|token| token.kind)
    }

    pub(super) fn word(&self, index: usize) -> Option<Word> {
        match self.kind(index) {
            Some(Kind::Word(word)) => Some(word),
            _ => None,
        }
    }

    pub(super) fn is(&self, index: usize, kind: Kind) -> bool {
        self.kind(index) == Some(kind)
    }

    pub(super) fn is_word(&self, index: usize, word: Word) -> bool {
        self.word(index) == Some(word)
    }

    pub(super) fn is_quote(&self, index: usize) -> bool {
        matches!(self.kind(index), Some(Kind::Quote(_)))
    }

    /// The text of one token.
    pub(super) fn text(&self, index: usize) -> &'a [u8] {
        self.tokens.get(index).and_then(|token| self.text.get(token.at..token.end)).unwrap_or_default()
    }

    /// Where the tokens from `first` to before `next` stand.
    pub(super) fn range(&self, first: usize, next: usize) -> std::ops::Range<usize> {
        let start = self.tokens.get(first).map_or(self.text.len(), |token| token.at);
        let end = next.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(start, |token| token.end);
        start..end.max(start)
    }

    /// Whether two tokens touch.
    pub(super) fn touch(&self, index: usize) -> bool {
        matches!((self.tokens.get(index), self.tokens.get(index + 1)), (Some(a), Some(b)) if a.end == b.at)
    }

    /// Whether token `index` stands in a statement that is whole in the text: SQL that is talked
    /// about, or a client of a database at work.
    pub(super) fn is_in_statement(&self, index: usize) -> bool {
        let (Some(opening), Some(token)) = (self.opening, self.tokens.get(index)) else { return false };
        let is_of_it = self
            .tokens
            .get(opening)
            .is_some_and(|first| first.in_single == token.in_single && first.in_double == token.in_double);
        opening < index && is_of_it
    }

    /// Whether the first statement that stands by itself begins at `index`.
    pub(super) fn is_opening(&self, index: usize) -> bool {
        self.opening == Some(index)
    }

    /// The first token at or behind `index` that is not of `kinds`.
    pub(super) fn skip(&self, index: usize, skipped: impl Fn(Kind) -> bool) -> usize {
        let limit = self.len().min(index + SKIPPED_MAX);
        (index..limit).find(|at| !self.kind(*at).is_some_and(&skipped)).unwrap_or_else(|| limit.max(index))
    }

    /// Whether the value ends right before token `index`: a quote of which an odd number has come.
    pub(super) fn breaks_out(&self, index: usize) -> bool {
        self.quote_before(index).is_some()
    }

    /// The quote that ends the value before token `index`.
    pub(super) fn quote_before(&self, index: usize) -> Option<usize> {
        let mut before = index;
        let limit = index.saturating_sub(8);
        while before > limit {
            before -= 1;
            match self.kind(before) {
                Some(Kind::Close) => {}
                Some(Kind::Quote(quote)) => {
                    let token = self.tokens.get(index).or_else(|| self.tokens.last())?;
                    let is_odd = match quote {
                        Quote::Single => token.in_single,
                        Quote::Double => token.in_double,
                        Quote::Back => false,
                    };
                    return is_odd.then_some(before);
                }
                _ => return None,
            }
        }
        None
    }

    /// Whether nothing but a short value stands before token `index`.
    pub(super) fn is_early(&self, index: usize) -> bool {
        if index > 16 {
            return false;
        }
        let mut words = 0;
        let mut numbers = 0;
        for (at, token) in self.tokens.iter().take(index).enumerate() {
            #[expect(clippy::wildcard_enum_match_arm, reason = "a rule names what it is about")]
            match token.kind {
                // The second half of an address for mail.
                Kind::Variable if at > 0 && self.touch(at - 1) => {}
                Kind::Word(Word::Prose) | Kind::Compare | Kind::Comma | Kind::OpenComment => return false,
                Kind::Word(_) | Kind::Variable => words += 1,
                Kind::Number => numbers += 1,
                _ => {}
            }
        }
        words <= 1 && words + numbers <= 2
    }

    /// Whether a number stands right before token `index`, but for what closes.
    pub(super) fn has_number_before(&self, index: usize) -> bool {
        let mut before = index;
        while before > 0 {
            before -= 1;
            if !self.is(before, Kind::Close) {
                return self.is(before, Kind::Number);
            }
        }
        false
    }

    /// Whether a comment hides what comes behind `index`.
    pub(super) fn is_commented(&self, index: usize) -> bool {
        let index = self.skip(index, |kind| matches!(kind, Kind::Close | Kind::Semicolon | Kind::Quote(_)));
        match self.kind(index) {
            Some(Kind::OpenComment) => true,
            Some(Kind::Dashes | Kind::Hash) => self.len() - index <= 3,
            _ => false,
        }
    }

    /// Whether a comment ends the text, with no word behind it.
    pub(super) fn ends_in_comment(&self, index: usize) -> bool {
        self.is_commented(index) && (index + 1..self.len()).all(|at| self.word(at).is_none())
    }

    /// Whether the text ends at `index`, but for closing signs or a comment.
    pub(super) fn is_over(&self, index: usize) -> bool {
        let next = self.skip(index, |kind| matches!(kind, Kind::Close | Kind::Semicolon | Kind::Quote(_)));
        next >= self.len() || self.is_commented(index)
    }

    /// Whether the quote at `quote` stands where the one that ends a value does: at the beginning or
    /// right behind something.
    pub(super) fn may_end_value(&self, quote: usize) -> bool {
        quote == 0
            || (self.touch(quote - 1)
                && matches!(
                    self.kind(quote - 1),
                    Some(Kind::Word(_) | Kind::Number | Kind::Arithmetic | Kind::Quote(_) | Kind::Variable)
                ))
    }

    /// Whether a condition is joined here.
    pub(super) fn joins(&self, index: usize) -> bool {
        matches!(
            self.kind(index),
            Some(Kind::Word(Word::Or | Word::And | Word::Having) | Kind::DoublePipe | Kind::DoubleAnd)
        )
    }

    /// What is right of a comparator at `index`, if it is one.
    pub(super) fn comparator(&self, index: usize) -> Option<usize> {
        let is_not = self.is_word(index, Word::Not);
        let at = index + usize::from(is_not);
        #[expect(clippy::wildcard_enum_match_arm, reason = "a rule names what it is about")]
        match self.kind(at)? {
            Kind::Compare => Some(self.skip(at, |kind| kind == Kind::Compare)),
            Kind::Word(Word::Like | Word::Between) => Some(at + 1),
            Kind::Word(Word::In) if self.is(at + 1, Kind::Open) => Some(at + 1),
            Kind::Word(Word::Is) => Some(at + 1 + usize::from(self.is_word(at + 1, Word::Not))),
            Kind::Word(Word::Other) if self.text(at) == b"sounds" && self.is_word(at + 1, Word::Like) => {
                Some(at + 2)
            }
            _ => None,
        }
    }

    /// The operand that begins at `index`.
    pub(super) fn operand(&self, index: usize) -> Option<Operand<'a>> {
        let start = self.skip_prefix(index);
        let mut operand = self.simple_operand(start, index)?;
        // What is calculated with it belongs to it: `1*1`, `'a'||'b'`.
        for _ in 0..CALCULATED_MAX {
            operand.next = self.skip(operand.next, |kind| kind == Kind::Close);
            let goes_on = match self.kind(operand.next) {
                Some(Kind::Arithmetic | Kind::Star) => true,
                Some(Kind::DoublePipe) => operand.sort == Sort::Text && self.is_quote(operand.next + 1),
                _ => false,
            };
            if !goes_on {
                break;
            }
            let behind = self.skip_prefix(operand.next + 1);
            let Some(more) = self.simple_operand(behind, operand.next + 1) else { break };
            if operand.sort == Sort::Number && matches!(more.sort, Sort::Name(_)) {
                break;
            }
            operand.next = more.next;
            if more.sort.is_sql() {
                operand.sort = more.sort;
            }
        }
        Some(operand)
    }

    /// Parentheses, signs and `not` in front of an operand.
    fn skip_prefix(&self, index: usize) -> usize {
        let end = self.skip(index, |kind| {
            matches!(
                kind,
                Kind::Open | Kind::Arithmetic | Kind::Word(Word::Not | Word::Exists | Word::Quantifier)
            )
        });
        if end - index > 8 { index } else { end }
    }

    fn simple_operand(&self, at: usize, from: usize) -> Option<Operand<'a>> {
        let literal = |sort| Operand { sort, value: self.text(at), next: at + 1 };
        #[expect(clippy::wildcard_enum_match_arm, reason = "a rule names what it is about")]
        match self.kind(at)? {
            Kind::Number if self.is(at + 1, Kind::Open) && self.touch(at) => {
                Some(Operand { next: self.group_end(at + 1), ..literal(Sort::Number) })
            }
            Kind::Number => Some(literal(Sort::Number)),
            // Between backticks are names.
            Kind::Quote(Quote::Back) => {
                Some(Operand { sort: Sort::Name(Word::Other), ..self.quoted(at, Quote::Back) })
            }
            Kind::Quote(quote) => Some(self.quoted(at, quote)),
            Kind::Word(Word::Constant | Word::Null) => Some(literal(Sort::Constant)),
            Kind::Variable | Kind::SystemVariable => Some(literal(Sort::Variable)),
            Kind::Word(Word::Select) if at > from => {
                Some(Operand { next: self.closing(from, at), ..literal(Sort::Query) })
            }
            Kind::Word(Word::Case) if self.is_case(at) => Some(literal(Sort::Query)),
            Kind::Word(Word::Prose) if at > from && self.is_common_table(at) => {
                Some(Operand { next: self.closing(from, at), ..literal(Sort::Query) })
            }
            Kind::Word(word) if self.is(at + 1, Kind::Open) && (self.touch(at) || word != Word::Other) => {
                Some(Operand { sort: Sort::Call(word), value: self.text(at), next: self.group_end(at + 1) })
            }
            Kind::Word(word) if word.is_name() => Some(literal(Sort::Name(word))),
            _ => None,
        }
    }

    /// Whether a CASE of SQL begins, and not a sentence about one.
    fn is_case(&self, at: usize) -> bool {
        (at + 1..self.len().min(at + 4)).any(|index| self.is_word(index, Word::When))
    }

    /// Whether `with` names a query for the SELECT behind it.
    fn is_common_table(&self, at: usize) -> bool {
        self.text(at) == b"with"
            && (self.text(at + 1) == b"recursive"
                || (self.is_word(at + 2, Word::As) && self.is(at + 3, Kind::Open)))
    }

    fn quoted(&self, at: usize, quote: Quote) -> Operand<'a> {
        let end = (at + 1..self.len().min(at + 24)).find(|index| self.is(*index, Kind::Quote(quote)));
        let from = self.tokens.get(at).map_or(0, |token| token.end);
        let (sort, to, next) = match end.and_then(|index| Some((index, self.tokens.get(index)?))) {
            Some((index, token)) => (Sort::Text, token.at, index + 1),
            None if self.len() - at <= 6 => (Sort::OpenText, self.text.len(), self.len()),
            None => (Sort::OpenText, from, at + 1),
        };
        Operand { sort, value: self.text.get(from..to).unwrap_or_default(), next }
    }

    /// The token behind the parenthesis that closes the one at `open`, if it is near.
    pub(super) fn group_end(&self, open: usize) -> usize {
        self.closing(open, open + 1)
    }

    /// The token behind what closes all that is open between `from` and `at`.
    fn closing(&self, from: usize, at: usize) -> usize {
        let mut depth = (from..at).filter(|index| self.is(*index, Kind::Open)).count();
        for index in at..self.len().min(at + REACH) {
            match self.kind(index) {
                Some(Kind::Open) => depth += 1,
                Some(Kind::Close) if depth <= 1 => return index + 1,
                Some(Kind::Close) => depth -= 1,
                _ => {}
            }
        }
        self.len().min(at + REACH)
    }

    /// Whether what `select` is followed by at `index` is a list, and not the rest of a sentence.
    pub(super) fn is_select_list(&self, index: usize) -> bool {
        let first = self.skip(index, |kind| matches!(kind, Kind::Word(Word::Quantifier) | Kind::Open));
        match self.kind(first) {
            Some(
                Kind::Number
                | Kind::Star
                | Kind::Variable
                | Kind::SystemVariable
                | Kind::Word(
                    Word::Null
                    | Word::Constant
                    | Word::Case
                    | Word::If
                    | Word::Select
                    | Word::CatalogueColumn,
                ),
            ) => true,
            Some(Kind::Quote(Quote::Back)) => self.touch(first),
            Some(Kind::Quote(quote)) => self.is_item(&self.quoted(first, quote)),
            Some(Kind::Word(word)) if self.is(first + 1, Kind::Open) => {
                self.touch(first) || word != Word::Other
            }
            Some(Kind::Word(word)) if word.is_name() => match self.kind(first + 1) {
                Some(Kind::Word(Word::From)) => self.is_source(first + 2),
                // `select` is a function of some languages.
                Some(Kind::Comma) => first == index || !self.touch(index.saturating_sub(1)),
                Some(Kind::DoublePipe) => true,
                // `select login/2 from users`
                Some(Kind::Arithmetic | Kind::Star) if self.is(first + 2, Kind::Number) => {
                    self.is_word(first + 3, Word::From) && self.is_source(first + 4)
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether a quoted text is one of a list, and not what comes behind a quoted phrase.
    fn is_item(&self, text: &Operand<'_>) -> bool {
        match self.kind(text.next) {
            _ if text.value.first() == Some(&b' ') => false,
            None => true,
            Some(
                Kind::Comma
                | Kind::Close
                | Kind::Semicolon
                | Kind::DoublePipe
                | Kind::Arithmetic
                | Kind::Word(Word::From | Word::Into | Word::As)
                | Kind::Quote(_),
            ) => text.sort == Sort::Text,
            Some(_) => self.is_commented(text.next),
        }
    }

    /// Whether `select` at `index - 1` has a list and soon a `from` with something to take it from.
    pub(super) fn is_select(&self, index: usize) -> bool {
        self.is_select_list(index)
            && (index..self.len().min(index + REACH))
                .find(|at| self.is_word(*at, Word::From))
                .is_some_and(|from| self.is_source(from + 1))
    }

    fn is_source(&self, index: usize) -> bool {
        match self.kind(index) {
            Some(Kind::Open | Kind::Quote(_)) => true,
            Some(Kind::Word(word)) => word.is_name() && self.text(index) != b"a",
            _ => false,
        }
    }

    /// Whether a statement begins at `index`: its verb with what must follow.
    pub(super) fn is_statement(&self, index: usize) -> bool {
        let Some(verb) = self.word(index) else { return false };
        let name = |at: usize| self.word(at).is_some_and(Word::is_name) || self.is_quote(at);
        #[expect(clippy::wildcard_enum_match_arm, reason = "a rule names what it is about")]
        match verb {
            Word::Select => self.is_select(index + 1),
            Word::Insert => {
                self.is_word(index + 1, Word::Into) && name(index + 2) && self.is_filled(index + 3)
            }
            Word::Update => name(index + 1) && self.is_word(index + 2, Word::Set) && name(index + 3),
            Word::Delete => {
                let from =
                    index + 1 + usize::from(matches!(self.text(index + 1), b"low_priority" | b"quick"));
                self.is_word(from, Word::From)
                    && name(from + 1)
                    && (self.is_word(from + 2, Word::Where) || self.is_over(from + 2))
            }
            Word::Define => self.is_definition(index),
            Word::Set => self.is(index + 1, Kind::Variable) && self.is(index + 2, Kind::Compare),
            Word::Exec => match self.kind(index + 1) {
                Some(Kind::Word(Word::SystemProcedure) | Kind::Variable) => true,
                Some(Kind::Open) => self.is_quote(index + 2) || self.is(index + 2, Kind::Variable),
                Some(Kind::Word(Word::As)) => {
                    matches!(self.text(index + 2), b"login" | b"user") && self.is_quote(index + 3)
                }
                _ => self.text(index + 1) == b"immediate",
            },
            Word::Declare => self.is(index + 1, Kind::Variable),
            Word::WaitFor => self.is_word(index + 1, Word::Delay),
            Word::Shutdown => self.is_over(index + 1) || matches!(self.text(index + 1), b"with" | b"end"),
            Word::Grant => self.is_grant(index),
            Word::Other => self.is_rare_statement(index),
            _ => false,
        }
    }

    /// `grant dba to x`, `grant all privileges on *.* to x`.
    fn is_grant(&self, index: usize) -> bool {
        let is_all = self.is_word(index + 1, Word::Quantifier);
        let what = is_all || self.word(index + 1).is_some_and(Word::is_name);
        let on = index + 2 + usize::from(self.text(index + 2) == b"privileges");
        what && ((self.is_word(index + 2, Word::To) && self.is_over(index + 4))
            || (is_all && self.text(on) == b"on" && !self.is_word(on + 1, Word::Prose)))
    }

    /// Statements whose verbs are rare.
    fn is_rare_statement(&self, index: usize) -> bool {
        let next = self.text(index + 1);
        match self.text(index) {
            b"call" => self.is(index + 2, Kind::Open) && self.is_over(self.group_end(index + 2)),
            b"load" => {
                matches!(next, b"data" | b"xml")
                    && matches!(self.text(index + 2), b"infile" | b"local" | b"low_priority" | b"concurrent")
            }
            b"attach" => next == b"database" && self.is_quote(index + 2),
            b"begin" => self.is_word(index + 1, Word::Declare) || self.is_statement(index + 1),
            b"copy" => (index + 2..self.len().min(index + 24)).any(|at| {
                matches!(self.word(at), Some(Word::From | Word::To)) && self.text(at + 1) == b"program"
            }),
            b"do" => next.starts_with(b"$$"),
            b"while" => (index + 1..self.len().min(index + 8))
                .any(|at| self.word(at).is_some_and(|word| word != Word::Other) && self.is_statement(at)),
            b"prepare" => {
                self.is_word(index + 2, Word::From)
                    && matches!(self.kind(index + 3), Some(Kind::Variable | Kind::Number))
            }
            b"backup" => matches!(next, b"database" | b"log") && self.is_word(index + 3, Word::To),
            b"vacuum" => self.is_word(index + 1, Word::Into) && self.is_quote(index + 2),
            b"handler" => matches!(self.text(index + 2), b"open" | b"read"),
            b"deallocate" => next == b"prepare",
            b"rename" => self.is_word(index + 1, Word::Object) && self.is_word(index + 3, Word::To),
            b"bulk" => self.is_word(index + 1, Word::Insert) && self.is_word(index + 3, Word::From),
            _ => false,
        }
    }

    /// Whether all that comes at `index` is a statement whose verb is also an ordinary word.
    pub(super) fn is_plain_statement(&self, index: usize) -> bool {
        let named = self.word(index + 1).is_some_and(Word::is_name) && self.is_over(index + 2);
        match self.text(index) {
            b"commit" | b"rollback" | b"reconfigure" | b"vacuum" => self.is_over(index + 1),
            b"show" | b"describe" | b"desc" | b"use" | b"analyze" | b"open" | b"truncate" => named,
            b"lock" => {
                matches!(self.text(index + 1), b"tables" | b"table")
                    && self.word(index + 2).is_some_and(Word::is_name)
            }
            b"pragma" => matches!(self.kind(index + 2), Some(Kind::Open | Kind::Compare)) || named,
            b"kill" => self.is(index + 1, Kind::Number) && self.is_over(index + 2),
            b"do" => {
                self.word(index + 1).is_some_and(|word| word != Word::Other) && self.is(index + 2, Kind::Open)
            }
            _ => false,
        }
    }

    fn is_filled(&self, index: usize) -> bool {
        self.is(index, Kind::Open)
            || self.is_word(index, Word::Values)
            || self.is_word(index, Word::Select)
            || self.is(index, Kind::Quote(Quote::Back))
    }

    fn is_definition(&self, index: usize) -> bool {
        // `create or replace temporary table`
        let object =
            self.skip(index + 1, |kind| matches!(kind, Kind::Word(Word::Or | Word::Insert | Word::Define)));
        let object =
            object + usize::from(matches!(self.text(object), b"temporary" | b"temp" | b"unique" | b"global"));
        if !self.is_word(object, Word::Object) && !self.is_word(object, Word::Procedure) {
            return false;
        }
        // `drop table if exists t`
        let at = if self.is_word(object + 1, Word::If) { object + 2 } else { object + 1 };
        let at = self.skip(at, |kind| matches!(kind, Kind::Word(Word::Not | Word::Exists) | Kind::Quote(_)));
        let is_name = self.word(at).is_some_and(Word::is_name);
        let behind = self.skip(at + 1, |kind| matches!(kind, Kind::Quote(_)));
        is_name
            && (self.is_over(behind)
                || matches!(
                    self.kind(behind),
                    Some(
                        Kind::Open
                            | Kind::Semicolon
                            | Kind::Dashes
                            | Kind::Word(Word::Set | Word::As | Word::Define)
                    )
                )
                || [&b"identified"[..], b"add", b"returns", b"cascade", b"with", b"enable", b"disable"]
                    .contains(&self.text(behind)))
    }

    /// Whether a query is joined to another one at `index`, and no word of a sentence stands there.
    fn unites(&self, index: usize) -> bool {
        let verb = self.skip(index + 1, |kind| matches!(kind, Kind::Word(Word::Quantifier) | Kind::Open));
        self.is_over(verb) || matches!(self.word(verb), Some(Word::Select | Word::Values | Word::Object))
    }

    /// Whether the text begins as a list of statements does that are run one by one.
    fn begins_script(&self) -> bool {
        // Mail quotes lines by a sign.
        let first = self.skip(0, |kind| kind == Kind::Compare);
        let behind = self.text(first + 1);
        match self.text(first) {
            b"begin" => behind == b";" || matches!(behind, b"transaction" | b"work"),
            b"start" => behind == b"transaction",
            b"use" | b"pragma" => true,
            b"set" => !self.is(first + 1, Kind::Variable),
            _ => false,
        }
    }

    /// The beginning of the first statement, if it is one that stands by itself.
    fn find_opening(&self) -> Option<usize> {
        let mut depth = 0_usize;
        for index in 0..self.len() {
            match self.kind(index) {
                Some(Kind::Open) => depth += 1,
                Some(Kind::Close) => depth = depth.saturating_sub(1),
                Some(Kind::Word(Word::Union)) if self.unites(index) => return None,
                Some(Kind::Word(_)) if self.is_statement(index) => {
                    let is_behind_a_value = index > 0
                        && ((self.is(index - 1, Kind::Semicolon) && !self.begins_script())
                            || self.joins(index - 1)
                            || self.quote_before(index).is_some_and(|quote| self.is_early(quote)));
                    return (depth == 0 && !is_behind_a_value).then_some(index);
                }
                _ => {}
            }
        }
        None
    }
}

//! Where a view stands in its message: a JSON pointer, then the encodings that were taken off.
//!
//! Nothing of it is kept while a message is decoded: it is read again from the texts, and only
//! for what has been found.

use std::fmt::Write;

use super::json::{Container, Grammar, Role, Token, TokenKind, Tokens, unescape};
use super::sip;
use super::token::Codec;
use super::{Body, Step, View, Views};

impl Views {
    /// The place of a view as findings name it: `/data/url|percent|base64`.
    pub(crate) fn place(&self, index: usize, payload: &[u8]) -> String {
        let mut place = String::new();
        for (parent, view) in self.way_to(index) {
            let text = parent.map_or(&[][..], |parent| self.text(parent, payload));
            // Of a pointer behind another text, where it begins is to be seen.
            if let (Step::Quoted { .. }, Some(parent)) = (view.step, parent)
                && !parent.is_of_message()
            {
                place.push_str("|json");
            }
            name(view.step, text, &mut place);
        }
        if place.len() > PLACE_MAX {
            let end = place.floor_char_boundary(PLACE_MAX);
            place.truncate(end);
            place.push('…');
        }
        place
    }

    /// Where the content of a string of the message's own JSON begins in the message.
    pub(crate) fn start_in_message(&self, view: &View) -> Option<usize> {
        let Step::Quoted { at } = view.step else { return None };
        let parent = self.get(view.parent?).filter(|parent| parent.is_of_message())?;
        Some(parent.in_payload()?.start + at)
    }

    /// Whether one place is a part of another that is looked at as a whole, too.
    pub(crate) fn is_part(&self, part: usize, whole: usize) -> bool {
        part != whole
            && self.way_to(part).iter().any(|(parent, view)| {
                let is_of_whole =
                    parent.is_some_and(|parent| parent.place == whole && parent.search.is_of_text());
                is_of_whole
                    && matches!(view.step, Step::Header { .. } | Step::Name { .. } | Step::Content { .. })
            })
    }

    /// The views from the message down to one, each with the one that it was found in.
    pub(crate) fn way_to(&self, index: usize) -> Vec<(Option<&View>, &View)> {
        let mut way = Vec::new();
        let mut next = self.get(index);
        while let Some(view) = next {
            next = view.parent.and_then(|parent| self.get(parent));
            way.push((next, view));
        }
        way.reverse();
        way
    }
}

impl View {
    /// Whether its strings are the message's own.
    pub(super) const fn is_of_message(&self) -> bool {
        matches!(self.step, Step::Message | Step::Record(_) | Step::Body(_))
    }

    /// Whether it is what a client authenticates with.
    pub(crate) fn is_auth(&self) -> bool {
        self.step == Step::Body(Body::Auth)
    }

    /// Where in its parent's text it begins, if it is a piece of it.
    pub(crate) const fn offset(&self) -> Option<usize> {
        match self.step {
            Step::Quoted { at }
            | Step::Run { at }
            | Step::Word { at, .. }
            | Step::Field { at }
            | Step::Header { at }
            | Step::Name { at }
            | Step::Content { at } => Some(at),
            Step::Message | Step::Record(_) | Step::Head | Step::Body(_) | Step::Layer(_) => None,
        }
    }

    /// The way to it in its parent's text, if that is JSON. The last step of a key's way is to
    /// the object that it is in.
    pub(crate) fn path(&self, parent_text: &[u8]) -> Vec<PathStep> {
        let Step::Quoted { at } = self.step else { return Vec::new() };
        let mut path = Path::default();
        if path.lead_to(at, parent_text) == Role::Key {
            path.steps.pop();
        }
        path.steps
    }
}

fn name(step: Step, parent_text: &[u8], place: &mut String) {
    let written = match step {
        Step::Message | Step::Body(_) => Ok(()),
        Step::Record(number) => write!(place, "|record:{number}"),
        Step::Head => write!(place, "|head"),
        Step::Header { at } => {
            place.push_str("|header:");
            write_key(sip::name_before(parent_text, at), place);
            Ok(())
        }
        Step::Name { .. } => write!(place, "|name"),
        Step::Content { .. } => write!(place, "|body"),
        Step::Quoted { at } => {
            let mut path = Path::default();
            path.lead_to(at, parent_text);
            path.write(place);
            Ok(())
        }
        Step::Run { at } => write!(place, "|text:{at}"),
        Step::Layer(kinds) => write!(place, "|{}", kinds.name()),
        Step::Word { codec: Codec::Base64, .. } => write!(place, "|base64"),
        Step::Word { codec: Codec::Hex, .. } => write!(place, "|hex"),
        Step::Word { codec: Codec::Numbers, .. } => write!(place, "|bytes"),
        Step::Field { .. } => write!(place, "|form"),
    };
    debug_assert!(written.is_ok(), "a string takes all that is written to it");
}

/// The way through JSON to the token that was taken last.
#[derive(Debug, Default)]
pub(crate) struct Path {
    pub(crate) steps: Vec<PathStep>,
}

/// One reference token of a JSON pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PathStep {
    Key(Vec<u8>),
    Index(usize),
    /// In an object, before its first key.
    Start,
}

impl Path {
    /// Takes the next token, which has that role if it is a string.
    pub(crate) fn take(&mut self, token: &Token, role: Role, text: &[u8]) {
        match token.kind {
            TokenKind::Open(Container::Object) => self.steps.push(PathStep::Start),
            TokenKind::Open(Container::Array) => self.steps.push(PathStep::Index(0)),
            TokenKind::Close(_) => drop(self.steps.pop()),
            TokenKind::Comma => {
                if let Some(PathStep::Index(index)) = self.steps.last_mut() {
                    *index += 1;
                }
            }
            TokenKind::Text(_) if role == Role::Key => {
                let mut key = Vec::new();
                unescape(text.get(token.content()).unwrap_or_default(), &mut key);
                if let Some(last) = self.steps.last_mut() {
                    *last = PathStep::Key(key);
                }
            }
            TokenKind::Text(_) | TokenKind::Colon | TokenKind::Scalar | TokenKind::Garbage => {}
        }
    }

    /// Takes all tokens up to the string whose content begins at `at`.
    fn lead_to(&mut self, at: usize, text: &[u8]) -> Role {
        let mut open = Vec::new();
        let mut grammar = Grammar::new(&mut open, usize::MAX);
        let mut last = Role::Value;
        for token in Tokens::new(text) {
            let role = grammar.take(token.kind);
            self.take(&token, role, text);
            last = role;
            if token.at.end >= at {
                break;
            }
        }
        last
    }

    /// Appends it as a JSON pointer (RFC 6901 §3), long and hostile keys cut and escaped.
    fn write(&self, place: &mut String) {
        for step in &self.steps {
            place.push('/');
            match step {
                PathStep::Start => {}
                PathStep::Index(index) => place.push_str(&index.to_string()),
                PathStep::Key(key) => write_key(key, place),
            }
            if place.len() > PLACE_MAX {
                return;
            }
        }
    }
}

fn write_key(key: &[u8], place: &mut String) {
    for character in String::from_utf8_lossy(key).chars().take(KEY_MAX) {
        match character {
            '~' => place.push_str("~0"),
            '/' => place.push_str("~1"),
            control if control.is_control() => place.extend(control.escape_default()),
            other => place.push(other),
        }
    }
}

/// How long a place may get, in bytes.
const PLACE_MAX: usize = 256;
/// How much of a key is shown, in characters.
const KEY_MAX: usize = 64;

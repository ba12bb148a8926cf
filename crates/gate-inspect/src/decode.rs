//! All that a message may mean once encodings are taken off it.
//!
//! A message becomes a list of [`View`]s: its strings and keys, or itself where it is no JSON,
//! and behind each what it says without its escapes. A view is searched by itself; views of one
//! string belong to one place. What the limits leave undone is told as an [`Overrun`].

mod binary;
mod decoder;
mod entity;
mod form;
pub(crate) mod json;
mod layer;
mod list;
mod lookalike;
pub(crate) mod packet;
mod place;
mod repeats;
mod sip;
mod token;

use std::ops::Range;

use crate::bytes::ByteSet;
use crate::settings::DecodeLimits;
use crate::subject::Subject;

use decoder::Decoder;
use json::{Container, Quoted};
use layer::Kinds;
use repeats::Repeats;

pub(crate) use binary::is_text;
pub(crate) use json::is_like_json;
pub(crate) use place::{Path, PathStep};
pub(crate) use sip::body as sip_body;
use token::Codec;

/// The texts of a message.
#[derive(Debug, Default)]
pub(crate) struct Views {
    list: Vec<View>,
    /// What had to be decoded, one text behind the other.
    arena: Vec<u8>,
    overruns: Vec<(Overrun, usize)>,
    rooms: Rooms,
    repeats: Repeats,
}

/// Room for what is under way, used again and again.
#[derive(Debug, Default)]
struct Rooms {
    open: Vec<Container>,
    strings: Vec<(Range<usize>, Quoted)>,
    ranges: Vec<Range<usize>>,
    lists: Vec<Range<usize>>,
    text: Vec<u8>,
}

/// One text of a message.
#[derive(Clone, Debug)]
pub(crate) struct View {
    span: Span,
    /// Which bytes it has; known of what is looked at as it stands only.
    pub(crate) bytes: ByteSet,
    /// The text that this was found in.
    parent: Option<usize>,
    step: Step,
    /// The first view of its place.
    pub(crate) place: usize,
    depth: u8,
    pub(crate) search: Search,
    /// Whether it is to be looked into for more encodings.
    opens: Opens,
}

#[derive(Clone, Debug)]
enum Span {
    Payload(Range<usize>),
    Arena(Range<usize>),
}

/// How a view comes out of its parent; offsets are those in the parent's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It is the message.
    Message,
    /// One of several packets in one message.
    Record(usize),
    /// What stands before a packet's JSON.
    Head,
    /// Behind that.
    Body(Body),
    /// The value of a header of SIP.
    Header {
        at: usize,
    },
    /// The display name in that.
    Name {
        at: usize,
    },
    /// The body of a message of SIP.
    Content {
        at: usize,
    },
    /// A string or a key of JSON.
    Quoted {
        at: usize,
    },
    /// Text within bytes.
    Run {
        at: usize,
    },
    /// Without a layer of escapes.
    Layer(Kinds),
    Word {
        at: usize,
        codec: Codec,
    },
    /// A key or a value of a form.
    Field {
        at: usize,
    },
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Data,
    /// What a client authenticates with.
    Auth,
}

/// Who looks at a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Search {
    /// All detectors and patterns.
    All,
    /// Nothing but what a protocol needs, in which no detector would find anything. Patterns look at it.
    Plain,
    /// JSON as it stands, should anybody show it as HTML: one string may then open what another
    /// closes. Patterns look at it too.
    Markup,
    /// It only has others within it, but a pattern may be meant for it.
    Patterns,
}

impl Search {
    /// Whether a view is a text of its own, and not only what has others within it.
    pub(crate) const fn is_of_text(self) -> bool {
        match self {
            Self::All | Self::Plain => true,
            Self::Markup | Self::Patterns => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opens {
    Yes,
    /// Another view of the same place is, and that suffices.
    No,
}

/// A limit of decoding that a message goes beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overrun {
    Depth,
    Nesting,
    Nodes,
    Growth,
}

impl Views {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &View)> {
        self.list.iter().enumerate()
    }

    pub(crate) fn get(&self, index: usize) -> Option<&View> {
        self.list.get(index)
    }

    /// The text of a view of the message that `payload` is.
    pub(crate) fn text<'a>(&'a self, view: &View, payload: &'a [u8]) -> &'a [u8] {
        match &view.span {
            Span::Payload(range) => payload.get(range.clone()),
            Span::Arena(range) => self.arena.get(range.clone()),
        }
        .unwrap_or_default()
    }

    /// What the limits have left undone, and the view that it was left undone with.
    pub(crate) fn overruns(&self) -> &[(Overrun, usize)] {
        &self.overruns
    }

    /// How many bytes had to be decoded.
    #[cfg(test)]
    pub(crate) fn decoded(&self) -> usize {
        self.arena.len()
    }

    fn clear(&mut self) {
        self.list.clear();
        self.arena.clear();
        self.overruns.clear();
        // What one large message has needed is not kept for ever.
        self.list.shrink_to(KEPT_MAX / size_of::<View>());
        self.arena.shrink_to(KEPT_MAX);
        self.rooms.text.shrink_to(KEPT_MAX);
        self.rooms.strings.shrink_to(KEPT_MAX / size_of::<(Range<usize>, Quoted)>());
        self.rooms.ranges.shrink_to(KEPT_MAX / size_of::<Range<usize>>());
        self.rooms.lists.shrink_to(KEPT_MAX / size_of::<Range<usize>>());
    }
}

impl View {
    /// Where in the message it stands, if it stands there as it is.
    pub(crate) const fn in_payload(&self) -> Option<&Range<usize>> {
        match &self.span {
            Span::Payload(range) => Some(range),
            Span::Arena(_) => None,
        }
    }
}

/// Whether strings that are equal are seen each, or the first of them only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Equals {
    Once,
    Each,
}

/// Fills `views` with all texts of a message.
pub(crate) fn decode(subject: &Subject<'_>, limits: &DecodeLimits, equals: Equals, views: &mut Views) {
    views.clear();
    views.repeats.start(equals);
    let growth = subject.payload.len().saturating_mul(usize::from(limits.growth));
    let mut decoder = Decoder {
        payload: subject.payload,
        limits,
        growth_max: growth.saturating_add(GROWTH_BASE),
        nodes_max: usize::try_from(limits.nodes).unwrap_or(usize::MAX),
        views,
    };
    // Where a limit has stopped it, the overrun tells.
    if decoder.message(subject.kind).is_ok() {
        let mut next = 0;
        while next < decoder.views.list.len() && decoder.open(next).is_ok() {
            next += 1;
        }
    }
}

#[cfg(test)]
mod tests;

/// What is kept of a room behind a large message, in bytes.
const KEPT_MAX: usize = 256 * 1024;
/// What may be decoded of any message, however small.
const GROWTH_BASE: usize = 64 * 1024;

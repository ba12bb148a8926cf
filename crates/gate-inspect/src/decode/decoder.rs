//! The way from a message to its views: first its strings, then view by view what is in them.

use std::mem;
use std::ops::Range;

use super::binary::{self, Run};
use super::json::{self, Grammar, Quoted, TokenKind, Tokens, is_like_json};
use super::layer::{self, Kinds};
use super::list::List;
use super::packet::{self, Packet};
use super::sip::{self, plain, sdp};
use super::token::{self, Codec};
use super::{Body, Opens, Overrun, Search, Span, Step, View, Views, form};
use crate::bytes::ByteSet;
use crate::settings::DecodeLimits;
use crate::subject::Kind;

pub(super) struct Decoder<'a> {
    pub(super) payload: &'a [u8],
    pub(super) limits: &'a DecodeLimits,
    pub(super) growth_max: usize,
    pub(super) nodes_max: usize,
    pub(super) views: &'a mut Views,
}

/// A limit is reached, and nothing more is decoded.
#[derive(Debug)]
pub(super) struct Stop;

/// Whether a text was JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Json {
    /// It was, and its strings are all that it says.
    Whole,
    /// Not quite: it is to be looked at as it stands, too.
    Broken,
}

impl Decoder<'_> {
    /// The message's own texts.
    pub(super) fn message(&mut self, kind: Kind) -> Result<(), Stop> {
        let message = View {
            span: Span::Payload(0..self.payload.len()),
            bytes: ByteSet::default(),
            parent: None,
            step: Step::Message,
            place: 0,
            depth: 0,
            search: Search::Patterns,
            opens: Opens::No,
        };
        self.views.list.push(message);
        let is_text = match kind {
            Kind::Text => true,
            Kind::Binary | Kind::Control => binary::is_text(self.payload),
        };
        if !is_text {
            return self.bytes(0);
        }
        for (number, range) in packet::records(self.payload).enumerate() {
            let record = if range.len() == self.payload.len() {
                0
            } else {
                self.part(0, Step::Record(number), range.clone())?
            };
            self.packet(record, range)?;
        }
        Ok(())
    }

    fn packet(&mut self, record: usize, range: Range<usize>) -> Result<(), Stop> {
        let Packet { head, body, is_auth } =
            packet::read(self.payload.get(range.clone()).unwrap_or_default());
        if head.is_empty() {
            return self.text(record, body);
        }
        let split = range.start + head.len();
        if head == b"b" && matches!(body.first(), Some(b'0'..=b'6')) {
            // In version 3 of Engine.IO the packet's type stands there, in version 4 the data begins with it.
            let data = self.part(record, Step::Body(Body::Data), split + 1..range.end)?;
            self.set_leaf(data);
        }
        if !ByteSet::scan(head).is_within(WORD) {
            let head = self.part(record, Step::Head, range.start..split)?;
            self.set_leaf(head);
        }
        let step = Step::Body(if is_auth { Body::Auth } else { Body::Data });
        let view = self.part(record, step, split..range.end)?;
        self.text(view, body)
    }

    /// A part of the message that is a place of its own.
    fn part(&mut self, parent: usize, step: Step, range: Range<usize>) -> Result<usize, Stop> {
        let view = View {
            span: Span::Payload(range),
            bytes: ByteSet::default(),
            parent: Some(parent),
            step,
            place: self.views.list.len(),
            depth: 0,
            search: Search::Patterns,
            opens: Opens::No,
        };
        self.push(view)
    }

    /// A view of the message that is text: its strings if it is JSON, else itself.
    fn text(&mut self, view: usize, text: &[u8]) -> Result<(), Stop> {
        match self.read_json(view, text) {
            Json::Whole => self.set_search(view, Search::Markup),
            Json::Broken => self.set_leaf(view),
        }
        self.push_strings(view)
    }

    /// Collects the strings of a text in the room for them.
    fn read_json(&mut self, view: usize, text: &[u8]) -> Json {
        let mut strings = mem::take(&mut self.views.rooms.strings);
        let mut open = mem::take(&mut self.views.rooms.open);
        let mut lists = mem::take(&mut self.views.rooms.lists);
        strings.clear();
        lists.clear();
        let mut list = List::default();
        let mut grammar = Grammar::new(&mut open, usize::from(self.limits.nesting));
        if is_like_json(text) {
            for token in Tokens::new(text) {
                grammar.take(token.kind);
                lists.extend(list.take(text, &token));
                if let TokenKind::Text(quoted) = token.kind {
                    strings.push((token.content(), quoted));
                }
            }
        }
        if grammar.is_too_deep() {
            self.views.overruns.push((Overrun::Nesting, view));
        }
        let json = if grammar.is_well_formed() { Json::Whole } else { Json::Broken };
        self.views.rooms.strings = strings;
        self.views.rooms.open = open;
        self.views.rooms.lists = lists;
        json
    }

    /// Makes views of the strings that [`Decoder::read_json`] has found.
    fn push_strings(&mut self, parent: usize) -> Result<(), Stop> {
        let strings = mem::take(&mut self.views.rooms.strings);
        let result =
            strings.iter().try_for_each(|(content, quoted)| self.push_string(parent, content, *quoted));
        self.views.rooms.strings = strings;
        result?;
        let lists = mem::take(&mut self.views.rooms.lists);
        let result =
            lists.iter().try_for_each(|list| self.push_word(parent, list, Codec::Numbers, false).map(|_| ()));
        self.views.rooms.lists = lists;
        result
    }

    fn push_string(&mut self, parent: usize, content: &Range<usize>, quoted: Quoted) -> Result<(), Stop> {
        if content.is_empty() {
            return Ok(());
        }
        let span = if quoted == Quoted::Escaped {
            let mut meaning = self.take_room();
            let is_strict = json::unescape(self.part_of(parent, content), &mut meaning);
            if !is_strict {
                self.set_leaf(parent);
            }
            self.keep_room(parent, meaning)?
        } else {
            self.span_in(parent, content)
        };
        let index = self.views.list.len();
        let Views { list, arena, repeats, .. } = &mut *self.views;
        let payload = self.payload;
        let text_of = |span: &Span| match span {
            Span::Payload(range) => payload.get(range.clone()),
            Span::Arena(range) => arena.get(range.clone()),
        };
        let text = text_of(&span).unwrap_or_default();
        let is_equal = |view: usize| list.get(view).and_then(|view| text_of(&view.span)) == Some(text);
        if repeats.is_known(text, index, is_equal) {
            return Ok(());
        }
        let view = View {
            bytes: ByteSet::scan(text),
            span,
            parent: Some(parent),
            step: Step::Quoted { at: content.start },
            place: index,
            depth: list.get(parent).map_or(0, View::depth_of_strings),
            search: Search::All,
            opens: Opens::Yes,
        };
        self.push(view)?;
        Ok(())
    }

    /// Looks into one view for more encodings.
    pub(super) fn open(&mut self, index: usize) -> Result<(), Stop> {
        let Some(view) = self.views.get(index) else { return Ok(()) };
        let text = self.views.text(view, self.payload);
        if view.opens == Opens::No || text.len() < token::LENGTH_MIN && view.bytes.is_within(WORD) {
            return Ok(());
        }
        let (bytes, is_at_limit) = (view.bytes, view.depth >= self.limits.depth);
        if view.search == Search::Plain {
            return self.open_words(index, 0..text.len(), is_at_limit);
        }
        // Its parts have layers of their own.
        let is_layer = matches!(view.step, Step::Layer(_));
        if self.open_json(index, is_at_limit)? == Json::Whole {
            return Ok(());
        }
        if bytes.has(b'\n') && !is_layer && !is_at_limit {
            self.open_sip(index)?;
            if self.views.get(index).is_some_and(|view| view.search == Search::Plain) {
                return Ok(());
            }
        }
        self.open_layers(index, bytes, is_at_limit)?;
        self.open_words(index, 0..self.text_at(index).len(), is_at_limit)?;
        if bytes.has(b'=') && !is_at_limit {
            self.open_form(index)?;
        }
        Ok(())
    }

    /// JSON within a string, or behind another encoding.
    fn open_json(&mut self, index: usize, is_at_limit: bool) -> Result<Json, Stop> {
        let Some(view) = self.views.get(index) else { return Ok(Json::Broken) };
        if view.is_of_message() || !is_like_json(self.views.text(view, self.payload)) {
            return Ok(Json::Broken);
        }
        // What is read must not move, and the room for what is decoded is in use by nobody else.
        let text = self.copy_of(index);
        let json = self.read_json(index, &text);
        self.views.rooms.text = text;
        if self.views.rooms.strings.is_empty() && self.views.rooms.lists.is_empty() {
            return Ok(Json::Broken);
        }
        if is_at_limit {
            if json == Json::Whole {
                self.views.overruns.push((Overrun::Depth, index));
            }
            return Ok(Json::Broken);
        }
        if json == Json::Whole {
            self.set_search(index, Search::Markup);
        }
        self.push_strings(index)?;
        // An escape that is not JSON's own has made it a text to be looked at as it stands.
        let is_markup = self.views.get(index).is_some_and(|view| view.search == Search::Markup);
        Ok(if is_markup { Json::Whole } else { Json::Broken })
    }

    fn open_layers(&mut self, index: usize, bytes: ByteSet, is_at_limit: bool) -> Result<(), Stop> {
        let kinds = layer::kinds_in(self.text_at(index), bytes);
        let escapes = kinds.only(Kinds::PERCENT.with(Kinds::ENTITY).with(Kinds::ESCAPE));
        if is_at_limit && !escapes.is_empty() {
            self.views.overruns.push((Overrun::Depth, index));
            return Ok(());
        }
        if escapes.each().nth(1).is_some() {
            // One reader takes off all of them, another only its own.
            for kind in escapes.each() {
                self.push_layer(index, kind, Opens::No)?;
            }
        }
        let all = kinds.without(Kinds::PLUS);
        if !all.is_empty() {
            self.push_layer(index, all, Opens::Yes)?;
        }
        if kinds.has(Kinds::PLUS) && (!all.is_empty() || !self.has_been_a_form(index)) {
            self.push_layer(index, kinds, Opens::No)?;
        }
        Ok(())
    }

    /// Whether the text that a layer was taken off was seen with blanks for its plus signs, too.
    fn has_been_a_form(&self, index: usize) -> bool {
        let view = self.views.get(index).filter(|view| matches!(view.step, Step::Layer(_)));
        view.and_then(|view| self.views.get(view.parent?)).is_some_and(|parent| parent.bytes.has(b'+'))
    }

    fn push_layer(&mut self, parent: usize, kinds: Kinds, opens: Opens) -> Result<(), Stop> {
        let mut out = self.take_room();
        layer::take_off(self.text_at(parent), kinds, &mut out);
        let depth = |view: &View| if kinds.is_harmless() { view.depth } else { view.inner_depth() };
        let depth = self.views.get(parent).map_or(0, depth);
        let span = self.keep_room(parent, out)?;
        let view = self.leaf(span, parent, Step::Layer(kinds), depth);
        self.push(View { opens, ..view })?;
        Ok(())
    }

    /// Words in base64 or in hexadecimal digits within a piece of a text, and a text that is one such word with
    /// blanks.
    fn open_words(&mut self, index: usize, piece: Range<usize>, is_at_limit: bool) -> Result<(), Stop> {
        let mut words = mem::take(&mut self.views.rooms.ranges);
        words.clear();
        let text = self.text_at(index);
        let of_piece = token::words(text.get(piece.clone()).unwrap_or_default());
        words.extend(of_piece.map(|word| piece.start + word.start..piece.start + word.end));
        let bytes = self.views.get(index).map(|view| view.bytes).unwrap_or_default();
        if bytes.is_within(SPACED_WORD) && bytes.has_any(BLANKS) && words.first() != Some(&(0..text.len())) {
            words.push(0..text.len());
        }
        let result = words.iter().try_for_each(|word| self.open_word(index, word, is_at_limit));
        self.views.rooms.ranges = words;
        result
    }

    fn open_word(&mut self, index: usize, word: &Range<usize>, is_at_limit: bool) -> Result<(), Stop> {
        if self.push_word(index, word, Codec::Hex, is_at_limit)? {
            return Ok(());
        }
        self.push_word(index, word, Codec::Base64, is_at_limit)?;
        if ByteSet::scan(self.part_of(index, word)).has_any(BLANKS) {
            return Ok(());
        }
        let mut at = 0;
        while let Some(piece) = token::next_piece(self.part_of(index, word), at) {
            at = piece.end;
            let piece = word.start + piece.start..word.start + piece.end;
            self.push_word(index, &piece, Codec::Base64, is_at_limit)?;
        }
        Ok(())
    }

    /// True if the word is text in that codec.
    fn push_word(
        &mut self,
        parent: usize,
        word: &Range<usize>,
        codec: Codec,
        is_at_limit: bool,
    ) -> Result<bool, Stop> {
        let mut out = self.take_room();
        let source = self.part_of(parent, word);
        let is_read = token::decode(source, codec, &mut out);
        let is_text = is_read && binary::is_text(&out);
        let has_text = is_read && !is_text && word.len() >= DATA_MIN && binary::runs(&out).next().is_some();
        if !is_text && (!has_text || is_at_limit) {
            self.views.rooms.text = out;
            return Ok(false);
        }
        if is_at_limit {
            self.views.rooms.text = out;
            self.views.overruns.push((Overrun::Depth, parent));
            return Ok(true);
        }
        let span = self.keep_room(parent, out)?;
        let depth = self.views.get(parent).map_or(0, View::inner_depth);
        let view = self.leaf(span, parent, Step::Word { at: word.start, codec }, depth);
        if is_text {
            self.push(view)?;
        } else {
            let data = self.push(View { search: Search::Patterns, opens: Opens::No, ..view })?;
            self.bytes(data)?;
        }
        Ok(is_text)
    }

    fn open_form(&mut self, index: usize) -> Result<(), Stop> {
        let mut parts = mem::take(&mut self.views.rooms.ranges);
        parts.clear();
        parts.extend(form::parts(self.text_at(index)));
        let depth = self.views.get(index).map_or(0, View::inner_depth);
        let result = parts.iter().try_for_each(|part| {
            let span = self.span_in(index, part);
            let view = self.leaf(span, index, Step::Field { at: part.start }, depth);
            self.push(view).map(|_| ())
        });
        self.views.rooms.ranges = parts;
        result
    }

    /// The parts of a message of SIP. The whole is looked at as well, unless it adds nothing to them.
    fn open_sip(&mut self, index: usize) -> Result<(), Stop> {
        let text = self.text_at(index);
        let Some(parts) = sip::split(text) else { return Ok(()) };
        let mut is_frame_plain = plain::is_plain_start(text.get(parts.start.clone()).unwrap_or_default());
        let mut values = mem::take(&mut self.views.rooms.ranges);
        values.clear();
        for header in parts.headers(self.text_at(index)) {
            is_frame_plain &= header.value.is_some() && plain::is_plain_name(header.name);
            values.extend(header.value.filter(|value| !value.is_empty()));
        }
        let mut live = 0_usize;
        let result = values.iter().try_for_each(|value| {
            live += usize::from(self.push_header(index, value)?);
            Ok(())
        });
        self.views.rooms.ranges = values;
        result?;
        if !parts.body.is_empty() {
            let body = self.push_part(index, Step::Content { at: parts.body.start }, &parts.body)?;
            if sdp::is_plain(self.text_at(body)) {
                self.set_search(body, Search::Plain);
            } else {
                live += usize::from(!self.is_inert(body));
            }
        }
        // What is begun in one part may be ended in another, but not by the frame around them.
        if is_frame_plain && live <= 1 {
            self.set_search(index, Search::Plain);
            return self.open_words(index, parts.start, false);
        }
        Ok(())
    }

    /// The value of a header, and the name in it. Whether another may go on with what it says.
    fn push_header(&mut self, index: usize, value: &Range<usize>) -> Result<bool, Stop> {
        let view = self.push_part(index, Step::Header { at: value.start }, value)?;
        let is_plain = plain::is_plain(self.text_at(view));
        if is_plain {
            self.set_search(view, Search::Plain);
        }
        if let Some(name) = sip::display_name(self.text_at(view)) {
            self.push_part(view, Step::Name { at: name.start }, &name)?;
        }
        Ok(!is_plain && !self.is_inert(view))
    }

    fn is_inert(&self, index: usize) -> bool {
        self.views.get(index).is_some_and(|view| plain::is_inert(view.bytes))
    }

    /// A part of a text that is a place of its own.
    fn push_part(&mut self, parent: usize, step: Step, range: &Range<usize>) -> Result<usize, Stop> {
        let span = self.span_in(parent, range);
        let depth = self.views.get(parent).map_or(0, View::inner_depth);
        let view = View { place: self.views.list.len(), ..self.leaf(span, parent, step, depth) };
        self.push(view)
    }

    /// Bytes that are no text: the text within them.
    fn bytes(&mut self, index: usize) -> Result<(), Stop> {
        let data = self.copy_of(index);
        let result = binary::runs(&data).try_for_each(|run| match run {
            Run::Plain(range) => {
                let text = data.get(range.clone()).unwrap_or_default();
                let whole = self.push_run(index, range.clone())?;
                binary::counted(text).try_for_each(|part| {
                    let part = range.start + part.start..range.start + part.end;
                    if part == range { Ok(whole) } else { self.push_run(index, part) }.map(|_| ())
                })
            }
            Run::Wide(range) => {
                let text = data.get(range.clone()).unwrap_or_default();
                let start = self.views.arena.len();
                self.views.arena.extend(text.iter().filter(|byte| **byte != 0));
                let span = Span::Arena(start..self.views.arena.len());
                self.push_place(index, span, range.start).map(|_| ())
            }
        });
        // What says to be SIP has its parts, whatever else its body is.
        if (binary::is_mostly_printable(&data) || sip::split(&data).is_some()) && !data.is_empty() {
            self.set_leaf(index);
        }
        self.views.rooms.text = data;
        result
    }

    fn push_run(&mut self, parent: usize, range: Range<usize>) -> Result<usize, Stop> {
        let span = self.span_in(parent, &range);
        self.push_place(parent, span, range.start)
    }

    fn push_place(&mut self, parent: usize, span: Span, at: usize) -> Result<usize, Stop> {
        let depth = self.views.get(parent).map_or(0, |view| view.depth);
        let view = self.leaf(span, parent, Step::Run { at }, depth);
        self.push(View { place: self.views.list.len(), ..view })
    }

    /// A text that all look at, of its parent's place.
    fn leaf(&self, span: Span, parent: usize, step: Step, depth: u8) -> View {
        let place = self.views.get(parent).map_or(0, |view| view.place);
        let text = match &span {
            Span::Payload(range) => self.payload.get(range.clone()),
            Span::Arena(range) => self.views.arena.get(range.clone()),
        };
        let bytes = ByteSet::scan(text.unwrap_or_default());
        View { span, bytes, parent: Some(parent), step, place, depth, search: Search::All, opens: Opens::Yes }
    }

    fn push(&mut self, view: View) -> Result<usize, Stop> {
        let index = self.views.list.len();
        if index > self.nodes_max {
            self.views.overruns.push((Overrun::Nodes, view.parent.unwrap_or_default()));
            return Err(Stop);
        }
        self.views.list.push(view);
        Ok(index)
    }

    fn set_search(&mut self, index: usize, search: Search) {
        if let Some(view) = self.views.list.get_mut(index) {
            view.search = search;
        }
    }

    /// Has all look at a view that was thought to be a vessel only.
    fn set_leaf(&mut self, index: usize) {
        let Some(view) = self.views.get(index) else { return };
        if view.search == Search::All {
            return;
        }
        let bytes = ByteSet::scan(self.views.text(view, self.payload));
        if let Some(view) = self.views.list.get_mut(index) {
            *view = View { bytes, search: Search::All, opens: Opens::Yes, ..view.clone() };
        }
    }

    fn text_at(&self, index: usize) -> &[u8] {
        self.views.get(index).map_or(&[], |view| self.views.text(view, self.payload))
    }

    fn part_of(&self, index: usize, range: &Range<usize>) -> &[u8] {
        self.text_at(index).get(range.clone()).unwrap_or_default()
    }

    fn span_in(&self, index: usize, range: &Range<usize>) -> Span {
        let shift = |start: usize| start + range.start..start + range.end;
        match self.views.get(index).map(|view| &view.span) {
            Some(Span::Payload(within)) => Span::Payload(shift(within.start)),
            Some(Span::Arena(within)) => Span::Arena(shift(within.start)),
            None => Span::Payload(0..0),
        }
    }

    fn copy_of(&mut self, index: usize) -> Vec<u8> {
        let mut copy = self.take_room();
        copy.extend_from_slice(self.text_at(index));
        copy
    }

    fn take_room(&mut self) -> Vec<u8> {
        let mut room = mem::take(&mut self.views.rooms.text);
        room.clear();
        room
    }

    /// Keeps what the room has as the text of a view.
    fn keep_room(&mut self, parent: usize, room: Vec<u8>) -> Result<Span, Stop> {
        let arena = &mut self.views.arena;
        let start = arena.len();
        if room.len() > self.growth_max.saturating_sub(start) {
            self.views.overruns.push((Overrun::Growth, parent));
            self.views.rooms.text = room;
            return Err(Stop);
        }
        arena.extend_from_slice(&room);
        self.views.rooms.text = room;
        Ok(Span::Arena(start..self.views.arena.len()))
    }
}

impl View {
    const fn inner_depth(&self) -> u8 {
        self.depth.saturating_add(1)
    }

    /// The message's own JSON is no encoding.
    const fn depth_of_strings(&self) -> u8 {
        if self.is_of_message() { self.depth } else { self.inner_depth() }
    }
}

/// A text of these alone is a word: nothing is hidden in it but by base64.
const WORD: ByteSet = ByteSet::of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
const SPACED_WORD: ByteSet = WORD.or(ByteSet::of(b" \t\r\n+/="));
const BLANKS: ByteSet = ByteSet::of(b" \t\r\n");
/// A word of base64 that is not text may have text within it if it is so long.
const DATA_MIN: usize = 16;

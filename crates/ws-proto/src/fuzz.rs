//! The entry point for fuzzing the walker: a stream of frames, cut up.
//!
//! What holds for every input: the walk finds what [`by_the_book::Reading`] finds, forwards
//! the bytes that it may and no others, and does so however the stream is cut. The one
//! difference that a cut makes: bad text whose frame has begun to go cannot be taken back.

pub mod by_the_book;

use crate::close_code::CloseCode;
use crate::header::{FrameHeader, Sender};
use crate::walk::{End, Extent, Limits, Message, Observer, Walker};
use by_the_book::{Reading, Rules};

/// Reads `data` as flags, a count of cuts, the distances between them, and the stream.
///
/// # Panics
/// One of the invariants does not hold: that is a bug to be found.
pub fn fuzz_walker(data: &[u8]) {
    let [flags, cuts, rest @ ..] = data else { return };
    let (gaps, stream) = rest.split_at(rest.len().min(usize::from(cuts & 0x1f)));
    let limits = Limits {
        frame_size_max: if flags & 0x04 != 0 { 200 } else { 0 },
        message_size_max: if flags & 0x08 != 0 { 300 } else { 0 },
        fragments_max: if flags & 0x10 != 0 { 3 } else { 0 },
        validate_utf8: flags & 0x20 == 0,
    };
    let sender = if flags & 0x01 != 0 { Sender::Client } else { Sender::Server };
    let rules = Rules { sender, deflate: flags & 0x02 != 0, limits: &limits };
    let stops_at_boundaries = flags & 0x40 != 0;

    let mut walk = Walk::new(stream, rules);
    for cut in cuts_at(stream.len(), gaps) {
        if stops_at_boundaries {
            walk.go_to_boundary(cut, &limits);
        }
        walk.go_to(cut, &limits);
    }
    walk.compare(&Reading::of(stream, rules));
}

/// Where the input ends that has come at each step; the last is the end of the stream.
fn cuts_at(length: usize, gaps: &[u8]) -> impl Iterator<Item = usize> {
    let cuts = gaps.iter().scan(0, |at: &mut usize, gap| {
        *at = at.saturating_add(usize::from(*gap));
        Some(*at)
    });
    cuts.take_while(move |at| *at < length).chain([length])
}

/// A walk under way and all that came of it.
struct Walk<'a> {
    stream: &'a [u8],
    walker: Walker,
    seen: Seen,
    forwarded: Vec<u8>,
    end: Option<End>,
    /// Bytes of the stream that are done with.
    at: usize,
    /// Where in the stream the last call began.
    last_start: usize,
}

impl<'a> Walk<'a> {
    fn new(stream: &'a [u8], rules: Rules<'_>) -> Self {
        Self {
            stream,
            walker: Walker::new(rules.sender, rules.deflate),
            seen: Seen::default(),
            forwarded: Vec::new(),
            end: None,
            at: 0,
            last_start: 0,
        }
    }

    fn go_to_boundary(&mut self, cut: usize, limits: &Limits) {
        let (frames, was_at_boundary) = (self.seen.frames.len(), self.walker.at_boundary());
        self.step(cut, Extent::Boundary, limits);
        let ended = self.seen.frames.len() - frames;
        assert!(ended <= usize::from(!was_at_boundary), "nothing behind the boundary is walked over");
        assert!(self.at == cut || self.end.is_some() || self.walker.at_boundary());
    }

    fn go_to(&mut self, cut: usize, limits: &Limits) {
        self.step(cut, Extent::All, limits);
        assert!(self.at == cut || self.end.is_some(), "all input is used unless the walk ends");
    }

    fn step(&mut self, cut: usize, extent: Extent, limits: &Limits) {
        if self.end.is_some() {
            return;
        }
        let input = self.stream.get(self.at..cut).unwrap_or_default();
        let walked = self.walker.walk(input, extent, limits, &mut self.seen);
        assert!(walked.consumed <= input.len() && walked.forward.end <= walked.consumed);
        self.forwarded.extend_from_slice(walked.held.as_bytes());
        self.forwarded.extend_from_slice(input.get(walked.forward).unwrap_or_default());
        self.end = walked.end;
        self.last_start = self.at;
        self.at += walked.consumed;
    }

    fn compare(&self, expected: &Reading) {
        assert_eq!(self.end, expected.end);
        let frames = expected.frames.iter().map(|frame| (frame.opcode, frame.payload_len));
        assert!(self.seen.frames.iter().map(|frame| (frame.opcode, frame.payload_len)).eq(frames));
        assert_eq!(self.seen.messages, expected.messages);

        assert!(self.stream.starts_with(&self.forwarded), "bytes are forwarded as they came");
        let (forwarded, is_boundary) = match (expected.bad_text_at, expected.tail_payload) {
            // A part of the bad frame had gone: what came with the bad byte does not follow.
            (Some(_), Some(payload_at)) if self.last_start >= payload_at => (self.last_start, false),
            (_, tail_payload) => {
                let is_boundary = expected.end.is_some() || tail_payload.is_none();
                (expected.forwardable(self.stream.len()), is_boundary)
            }
        };
        assert_eq!(self.forwarded.len(), forwarded);
        assert_eq!(self.walker.at_boundary(), is_boundary);
        let is_within = expected.end.is_none() && expected.tail < self.stream.len();
        assert_eq!(self.walker.is_within_frame(), is_within);
    }
}

#[derive(Default)]
struct Seen {
    frames: Vec<FrameHeader>,
    messages: Vec<Message>,
}

impl Observer for Seen {
    fn frame(&mut self, header: &FrameHeader, _message: Option<&Message>) {
        self.frames.push(*header);
    }

    fn message(&mut self, message: &Message) {
        self.messages.push(*message);
    }

    fn close(&mut self, _code: Option<CloseCode>, _reason: &str) {}
}

//! What is sent, and what must come back.

mod checker;
#[cfg(test)]
mod tests;

use std::cell::RefCell;

use crate::deflate::{Deflater, Inflater};
use crate::fail::Fail;
use crate::ws::{self, Header};

pub use checker::Checker;

/// Bodies that text messages take turns with.
const BODIES: u64 = 64;
/// Digits of a text message's number, the first of them not 0.
const DIGITS: usize = 10;
/// Messages that are compressed beforehand, unless they are large.
const PACKED: usize = 1021;
const PACKED_BYTES: usize = 32 << 20;

const WORDS: [&str; 48] = [
    "hello",
    "there",
    "can",
    "you",
    "see",
    "the",
    "new",
    "build",
    "it",
    "works",
    "for",
    "me",
    "now",
    "but",
    "not",
    "on",
    "staging",
    "let",
    "us",
    "meet",
    "at",
    "noon",
    "and",
    "look",
    "into",
    "that",
    "thanks",
    "a",
    "lot",
    "who",
    "is",
    "looking",
    "after",
    "this",
    "room",
    "today",
    "server",
    "was",
    "restarted",
    "again",
    "please",
    "wait",
    "until",
    "tests",
    "are",
    "green",
    "coffee",
    "anyone",
];

/// A payload, and where in it the message's number goes.
struct Body {
    bytes: Vec<u8>,
    stamp_at: usize,
}

/// A message's number as it is written into the payload.
struct Stamp {
    bytes: [u8; DIGITS],
    len: usize,
}

impl Stamp {
    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Messages of one size: what is sent and what must come back. Each carries its
/// number, so that a lost, doubled or swapped message shows.
///
/// Binary messages are the same pseudo-random bytes, of which the first 8 (or
/// all, if fewer) are the number. Text messages are JSON objects that differ in
/// words and room.
pub struct Messages {
    bodies: Vec<Body>,
    opcode: u8,
    size: usize,
    fragments: usize,
    /// With permessage-deflate: all messages, compressed. Numbers start over
    /// after the last.
    packed: Vec<Vec<u8>>,
    inflater: RefCell<Inflater>,
}

impl Messages {
    /// Binary messages.
    pub fn new(size: usize, fragments: usize) -> Self {
        let body = Body { bytes: (0..size as u64).map(|i| mix(i) as u8).collect(), stamp_at: 0 };
        Self::of(vec![body], ws::OP_BINARY, fragments)
    }

    /// Text messages, each a JSON object of exactly `size` bytes.
    pub fn json(size: usize, fragments: usize) -> Result<Self, String> {
        if size < 64 {
            return Err("--text needs a size of at least 64".into());
        }
        let bodies = (0..BODIES).map(|n| json_body(n, size)).collect();
        Ok(Self::of(bodies, ws::OP_TEXT, fragments))
    }

    fn of(bodies: Vec<Body>, opcode: u8, fragments: usize) -> Self {
        let size = bodies[0].bytes.len();
        Self {
            bodies,
            opcode,
            size,
            fragments: fragments.clamp(1, size.max(1)),
            packed: Vec::new(),
            inflater: RefCell::default(),
        }
    }

    /// The same, ready to be sent compressed too.
    pub fn deflated(mut self) -> Self {
        let count = (PACKED_BYTES / self.size.max(1)).clamp(16, PACKED);
        let mut deflater = Deflater::default();
        self.packed = (0..count as u64)
            .map(|number| {
                let (body, stamp) = (self.body(number), self.stamp(number));
                let mut content = body.bytes.clone();
                content[body.stamp_at..][..stamp.len].copy_from_slice(stamp.bytes());
                deflater.deflate(&content)
            })
            .collect();
        self
    }

    pub fn size(&self) -> usize {
        self.size
    }

    /// Mean bytes of a compressed message; 0 without permessage-deflate.
    pub fn packed_size(&self) -> f64 {
        let total: usize = self.packed.iter().map(Vec::len).sum();
        total as f64 / self.packed.len().max(1) as f64
    }

    fn body(&self, number: u64) -> &Body {
        match &self.bodies[..] {
            [only] => only,
            several => &several[(mix(number) % several.len() as u64) as usize],
        }
    }

    fn stamp(&self, number: u64) -> Stamp {
        let mut bytes = [0; DIGITS];
        let mut len = DIGITS;
        if self.opcode == ws::OP_TEXT {
            let mut rest = number % 9_000_000_000 + 1_000_000_000;
            for digit in bytes.iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        } else {
            bytes[..8].copy_from_slice(&number.to_le_bytes());
            len = self.size.min(8);
        }
        Stamp { bytes, len }
    }

    /// `number`, starting over where the compressed messages end.
    fn wrapped(&self, number: u64) -> u64 {
        match self.packed.len() as u64 {
            0 => number,
            count => number % count,
        }
    }

    /// Appends message `number`, compressed when so told, and split into
    /// fragments when so configured.
    #[inline]
    pub fn append(&self, out: &mut Vec<u8>, number: u64, deflate: bool) {
        let number = self.wrapped(number);
        let mask = (mix(number) as u32 | 1).to_ne_bytes();
        if deflate {
            let payload = &self.packed[number as usize];
            self.append_frames(out, payload, 0, &[], mask, true);
        } else {
            let (body, stamp) = (self.body(number), self.stamp(number));
            self.append_frames(out, &body.bytes, body.stamp_at, stamp.bytes(), mask, false);
        }
    }

    #[inline]
    fn append_frames(
        &self,
        out: &mut Vec<u8>,
        payload: &[u8],
        stamp_at: usize,
        stamp: &[u8],
        mask: [u8; 4],
        packed: bool,
    ) {
        let step = payload.len().div_ceil(self.fragments).max(1);
        let mut from = 0;
        loop {
            let to = (from + step).min(payload.len());
            let fin = to == payload.len();
            let opcode = if from == 0 { self.opcode } else { ws::OP_CONT };
            Header { fin, packed: packed && from == 0, opcode, mask: Some(mask), len: (to - from) as u64 }
                .encode(out);
            let at = out.len();
            out.extend_from_slice(&payload[from..to]);
            let (first, end) = overlap(from, to, stamp_at, stamp.len());
            if first < end {
                out[at + first - from..at + end - from]
                    .copy_from_slice(&stamp[first - stamp_at..end - stamp_at]);
            }
            ws::xor(&mut out[at..], mask, 0);
            from = to;
            if fin {
                return;
            }
        }
    }

    /// Whether `piece` is what message `number` has from `from` on.
    #[inline]
    fn check_piece(&self, number: u64, from: usize, piece: &[u8]) -> Result<(), Fail> {
        let to = from + piece.len();
        if to > self.size {
            return Err(Fail::Mismatch("longer than what was sent"));
        }
        let (body, stamp) = (self.body(number), self.stamp(number));
        let (first, end) = overlap(from, to, body.stamp_at, stamp.len);
        if first < end
            && piece[first - from..end - from] != stamp.bytes()[first - body.stamp_at..end - body.stamp_at]
        {
            return Err(Fail::Mismatch("message number"));
        }
        if piece[..first - from] != body.bytes[from..first] || piece[end - from..] != body.bytes[end..to] {
            return Err(Fail::Mismatch("payload"));
        }
        Ok(())
    }

    /// Whether a compressed message has the content of message `number`.
    fn check_packed(&self, number: u64, payload: &[u8]) -> Result<(), Fail> {
        if self.packed[number as usize] == payload {
            return Ok(()); // the very bytes that were sent
        }
        let mut inflater = self.inflater.borrow_mut();
        let content = inflater.inflate(payload, self.size).ok_or(Fail::Mismatch("compressed data"))?;
        self.check_piece(number, 0, content)?;
        if content.len() < self.size {
            return Err(Fail::Mismatch("shorter than what was sent"));
        }
        Ok(())
    }
}

/// The part of `from..to` that the `len` bytes from `at` on take up. Where there
/// is none, both ends are the same, within `from..=to`.
#[inline]
fn overlap(from: usize, to: usize, at: usize, len: usize) -> (usize, usize) {
    (at.clamp(from, to), (at + len).clamp(from, to))
}

/// One of the chat messages: a JSON object of `size` bytes. The shortest have no
/// room for a channel.
fn json_body(variant: u64, size: usize) -> Body {
    let mut text = String::from(r#"{"type":"message","#);
    if size >= 96 {
        text.push_str(&format!(r#""channel":"room-{}","#, 10 + mix(variant) % 90));
    }
    text.push_str(r#""id":"#);
    let stamp_at = text.len();
    text.push_str(&"1".repeat(DIGITS));
    text.push_str(r#","data":{"text":""#);
    let end = size - r#""}}"#.len();
    let mut word = variant << 32;
    while text.len() < end {
        word += 1;
        text.push_str(WORDS[(mix(word) % WORDS.len() as u64) as usize]);
        text.push_str(if word.is_multiple_of(11) { ". " } else { " " });
    }
    text.truncate(end - 1);
    text.push('.');
    text.push_str(r#""}}"#);
    Body { bytes: text.into_bytes(), stamp_at }
}

/// A good enough hash of a counter (splitmix64).
pub fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let n = (n ^ n >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ n >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ n >> 31
}

//! The walk over one direction's frames, in place: bytes are judged where they lie
//! and forwarded as ranges of the input. Per-direction state is under 100 bytes.
//!
//! Two kinds of bytes are held back until they can be judged: a header that is cut by
//! the end of a read (at most 13 bytes, kept inline), and a Close frame (at most 131
//! bytes, boxed only when it is cut). All else goes on as it comes, and nothing is
//! reserved for what a header merely announces.
//!
//! Not here: what a violation means for the two peers (`gate_core::session`).

use std::ops::Range;

use crate::close;
use crate::close_code::CloseCode;
use crate::control::MAX_CONTROL_LEN;
use crate::error::FrameError;
use crate::header::{FrameHeader, MAX_HEADER_LEN, Sender};
use crate::mask;
use crate::opcode::Opcode;
use crate::utf8::Utf8Check;

/// What a direction's frames must keep to. Sizes are bytes of payload on the wire
/// (compressed, where the message is); 0 means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `max-frame-size`: payload of one frame; more is 1009.
    pub frame_size_max: u64,
    /// `max-message-size`: payload of all frames of a message; more is 1009.
    pub message_size_max: u64,
    /// `max-fragments`: frames of one message; more is 1008.
    pub fragments_max: u32,
    /// `validate-utf8`: uncompressed text must be UTF-8, else 1007.
    pub validate_utf8: bool,
}

impl Default for Limits {
    /// No limits, UTF-8 checked.
    fn default() -> Self {
        Self { frame_size_max: 0, message_size_max: 0, fragments_max: 0, validate_utf8: true }
    }
}

/// A data message, as far as it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// [`Opcode::Text`] or [`Opcode::Binary`].
    pub opcode: Opcode,
    /// Its first frame had RSV1 set.
    pub compressed: bool,
    /// Payload bytes of its frames, as their headers say.
    pub size: u64,
    /// Frames it has.
    pub fragments: u32,
}

/// Is told what passes. Called once per frame on the hot path: implementations count
/// or copy, and do nothing that can wait.
pub trait Observer {
    /// The last byte of a frame has passed.
    fn frame(&mut self, header: &FrameHeader);
    /// The last byte of a message has passed.
    fn message(&mut self, message: &Message);
}

/// How far a walk goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Over all input.
    All,
    /// To the first place where another frame may be inserted.
    Boundary,
}

/// What a walk found.
#[derive(Debug)]
pub struct Walked {
    /// Bytes of the input that are done with.
    pub consumed: usize,
    /// Bytes of earlier input that were held back and go before `forward`.
    pub held: Held,
    /// The part of the input to forward as it is.
    pub forward: Range<usize>,
    /// Behind [`End::Close`]: where in `forward` the Close frame begins. At 0 all of
    /// `held` and `forward` is of the Close frame.
    pub close_at: usize,
    /// Why the walk ended, other than for want of input. No walk may follow.
    pub end: Option<End>,
}

/// Why there is nothing more to walk over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A valid Close frame was reached; it is the last thing in `held` or `forward`.
    Close(Option<CloseCode>),
    /// The frames are at fault; nothing of the bad frame is in `forward` unless a part
    /// of it had gone before (then [`Walker::at_boundary`] is false).
    Violation(FrameError),
}

/// Bytes that were held back.
#[derive(Debug)]
pub enum Held {
    /// None.
    Nothing,
    /// The first bytes of a header.
    Header(HeaderPiece),
    /// The first bytes of a Close frame.
    Close(Box<ClosePiece>),
}

impl Held {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Nothing => &[],
            Self::Header(piece) => piece.as_bytes(),
            Self::Close(piece) => piece.as_bytes(),
        }
    }
}

/// The first bytes of a header that a read has cut.
pub type HeaderPiece = Piece<MAX_HEADER_LEN>;
/// The first bytes of a Close frame that a read has cut.
pub type ClosePiece = Piece<MAX_CONTROL_LEN>;

/// Up to `N` bytes in place.
#[derive(Clone, Copy, Debug)]
pub struct Piece<const N: usize> {
    bytes: [u8; N],
    length: u8,
}

impl<const N: usize> Piece<N> {
    const EMPTY: Self = Self { bytes: [0; N], length: 0 };

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// Takes as many of `bytes` as there is room for and says how many.
    fn fill(&mut self, bytes: &[u8]) -> usize {
        let free = self.bytes.get_mut(usize::from(self.length)..).unwrap_or_default();
        let taken = free.len().min(bytes.len());
        for (slot, byte) in free.iter_mut().zip(bytes) {
            *slot = *byte;
        }
        self.length = self.length.saturating_add(u8::try_from(taken).unwrap_or(u8::MAX));
        taken
    }
}

impl HeaderPiece {
    fn held(self) -> Held {
        if self.length == 0 { Held::Nothing } else { Held::Header(self) }
    }
}

/// The walk's place and memory in one direction.
#[derive(Debug)]
pub struct Walker {
    sender: Sender,
    deflate: bool,
    utf8: Utf8Check,
    phase: Phase,
    message: Option<Message>,
}

/// ```text
///          header complete            last payload byte
/// Header ───────────────────▶ Payload ───────────────────▶ Header
///    │ cut Close         the rest of it
///    └───────────▶ Close ───────────────▶ Ended ◀── Close, violation (from any)
/// ```
#[derive(Debug)]
enum Phase {
    /// Before or within a header of which the piece has come.
    Header(HeaderPiece),
    /// Within a frame whose header has been forwarded.
    Payload { header: FrameHeader, remaining: u64 },
    /// Within a Close frame, held back until it is whole.
    Close(Box<ClosePiece>),
    /// Behind a Close or a violation.
    Ended { at_boundary: bool },
}

impl Walker {
    /// A walk over the frames of `sender`. `deflate`: permessage-deflate was agreed, so
    /// RSV1 may mark compressed messages.
    #[must_use]
    pub fn new(sender: Sender, deflate: bool) -> Self {
        Self {
            sender,
            deflate,
            utf8: Utf8Check::default(),
            phase: Phase::Header(Piece::EMPTY),
            message: None,
        }
    }

    /// Whether another frame may be put behind what has been forwarded so far. Bytes
    /// that are held back have not been forwarded.
    #[must_use]
    pub fn at_boundary(&self) -> bool {
        match self.phase {
            Phase::Header(_) | Phase::Close(_) => true,
            Phase::Payload { .. } => false,
            Phase::Ended { at_boundary } => at_boundary,
        }
    }

    /// Whether a frame has begun and not ended, be it forwarded or held back.
    #[must_use]
    pub fn is_within_frame(&self) -> bool {
        match &self.phase {
            Phase::Header(piece) => piece.length > 0,
            Phase::Payload { .. } | Phase::Close(_) => true,
            Phase::Ended { .. } => false,
        }
    }

    /// Walks over `input`, which follows on the input of the last call.
    pub fn walk(
        &mut self,
        input: &[u8],
        extent: Extent,
        limits: &Limits,
        observer: &mut impl Observer,
    ) -> Walked {
        let mut stride = Stride::new(input);
        loop {
            let step = match &mut self.phase {
                Phase::Header(_) | Phase::Close(_) if extent == Extent::Boundary => Step::Stop,
                Phase::Header(_) => self.header(&mut stride, limits, observer),
                Phase::Payload { .. } => self.payload(&mut stride, limits, observer),
                Phase::Close(_) => self.resume_close(&mut stride, observer),
                Phase::Ended { .. } => Step::Stop,
            };
            match step {
                Step::On => {}
                Step::Stop => return stride.finish(None),
                Step::Closed(code) => {
                    self.phase = Phase::Ended { at_boundary: true };
                    return stride.finish(Some(End::Close(code)));
                }
                Step::Wrong(error) => {
                    // A frame that began in this input is taken back whole.
                    let at_boundary = self.at_boundary() || stride.take_back_frame();
                    self.phase = Phase::Ended { at_boundary };
                    return stride.finish(Some(End::Violation(error)));
                }
            }
        }
    }

    fn header(&mut self, stride: &mut Stride<'_>, limits: &Limits, observer: &mut impl Observer) -> Step {
        let Phase::Header(piece) = &mut self.phase else { return Step::Stop };
        let piece = *piece;
        let parsed = if piece.length == 0 {
            FrameHeader::parse(stride.rest(), self.sender)
        } else {
            let mut whole = piece;
            whole.fill(stride.rest());
            FrameHeader::parse(whole.as_bytes(), self.sender)
        };
        match parsed {
            Err(error) => Step::Wrong(error),
            Ok(None) => {
                let mut piece = piece;
                stride.at += piece.fill(stride.rest());
                self.phase = Phase::Header(piece);
                Step::Stop
            }
            Ok(Some((header, length))) if header.opcode == Opcode::Close => {
                let mut frame = ClosePiece::EMPTY;
                frame.fill(piece.as_bytes());
                self.close(
                    stride,
                    CloseFrame { header, header_len: length, frame, held: piece.held() },
                    observer,
                )
            }
            Ok(Some((header, length))) => {
                if !header.opcode.is_control()
                    && let Err(error) = self.begin_data(&header, limits)
                {
                    return Step::Wrong(error);
                }
                stride.pass_header(length - usize::from(piece.length), piece.held());
                self.phase = Phase::Payload { header, remaining: header.payload_len };
                Step::On
            }
        }
    }

    fn begin_data(&mut self, header: &FrameHeader, limits: &Limits) -> Result<(), FrameError> {
        let message = match (&mut self.message, header.opcode) {
            (None, Opcode::Continuation) => return Err(FrameError::UnexpectedContinuation),
            (Some(_), Opcode::Text | Opcode::Binary) => return Err(FrameError::InterruptedMessage),
            (Some(message), _) => {
                // Only the first frame of a message says that it is compressed (RFC 7692 §6).
                if header.rsv1 {
                    return Err(FrameError::UnexpectedRsv1);
                }
                message
            }
            (none, opcode) => {
                if header.rsv1 && !self.deflate {
                    return Err(FrameError::UnexpectedRsv1);
                }
                none.insert(Message { opcode, compressed: header.rsv1, size: 0, fragments: 0 })
            }
        };
        // Both terms are below 2^63 unless the sum has wrapped, which saturating rules out.
        message.size = message.size.saturating_add(header.payload_len);
        message.fragments = message.fragments.saturating_add(1);
        let exceeds = |value: u64, limit: u64| limit != 0 && value > limit;
        if exceeds(header.payload_len, limits.frame_size_max) {
            return Err(FrameError::FrameTooLarge);
        }
        if exceeds(message.size, limits.message_size_max) {
            return Err(FrameError::MessageTooLarge);
        }
        if exceeds(u64::from(message.fragments), u64::from(limits.fragments_max)) {
            return Err(FrameError::TooManyFragments);
        }
        Ok(())
    }

    fn payload(&mut self, stride: &mut Stride<'_>, limits: &Limits, observer: &mut impl Observer) -> Step {
        let Phase::Payload { header, remaining } = &mut self.phase else { return Step::Stop };
        let chunk = stride.upcoming(*remaining);
        let is_text = !header.opcode.is_control()
            && self.message.is_some_and(|message| message.opcode == Opcode::Text && !message.compressed);
        if is_text && limits.validate_utf8 && !chunk.is_empty() {
            let checked = match header.mask {
                None => self.utf8.push(chunk),
                Some(key) => self.utf8.push_masked(chunk, key, header.payload_len - *remaining),
            };
            if checked.is_err() {
                return Step::Wrong(FrameError::InvalidUtf8);
            }
        }
        stride.pass(chunk.len());
        *remaining -= u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        if *remaining > 0 {
            return Step::Stop;
        }
        let ends_message = header.fin && !header.opcode.is_control();
        if ends_message && is_text && limits.validate_utf8 && self.utf8.finish().is_err() {
            return Step::Wrong(FrameError::InvalidUtf8);
        }
        observer.frame(header);
        if ends_message && let Some(message) = self.message.take() {
            observer.message(&message);
        }
        self.phase = Phase::Header(Piece::EMPTY);
        Step::On
    }

    fn resume_close(&mut self, stride: &mut Stride<'_>, observer: &mut impl Observer) -> Step {
        let Phase::Close(frame) = &self.phase else { return Step::Stop };
        let Ok(Some((header, header_len))) = FrameHeader::parse(frame.as_bytes(), self.sender) else {
            // The header was parsed when the piece was made.
            return Step::Stop;
        };
        let (held, frame) = (Held::Close(frame.clone()), **frame);
        self.close(stride, CloseFrame { header, header_len, frame, held }, observer)
    }

    /// Judges a Close frame once it is whole and holds it back until then: its body
    /// decides whether it may be forwarded at all.
    fn close(
        &mut self,
        stride: &mut Stride<'_>,
        mut close: CloseFrame,
        observer: &mut impl Observer,
    ) -> Step {
        let have = close.frame.as_bytes().len();
        let body_len = usize::try_from(close.header.payload_len).unwrap_or(usize::MAX);
        let missing = close.header_len.saturating_add(body_len).saturating_sub(have);
        let Some(rest_of_frame) = stride.rest().get(..missing) else {
            stride.at += close.frame.fill(stride.rest());
            self.phase = Phase::Close(Box::new(close.frame));
            return Step::Stop;
        };
        close.frame.fill(rest_of_frame);
        let mut body = [0; MAX_CONTROL_LEN];
        let masked = close.frame.as_bytes().get(close.header_len..).unwrap_or_default();
        mask::copy(masked, &mut body, close.header.mask.unwrap_or_default(), 0);
        match close::parse_body(body.get(..masked.len()).unwrap_or_default()) {
            Ok(code) => {
                stride.pass_header(missing, close.held);
                observer.frame(&close.header);
                Step::Closed(code)
            }
            Err(error) => Step::Wrong(error),
        }
    }
}

/// A Close frame in the making.
struct CloseFrame {
    header: FrameHeader,
    header_len: usize,
    /// All of it that has come, the header included.
    frame: ClosePiece,
    /// The part that came in earlier input.
    held: Held,
}

enum Step {
    /// There may be more to walk over.
    On,
    /// The input is used up, or the extent reached.
    Stop,
    Closed(Option<CloseCode>),
    Wrong(FrameError),
}

/// The walk's progress through one input.
struct Stride<'a> {
    input: &'a [u8],
    /// Bytes of `input` that have been read.
    at: usize,
    /// Bytes of `input` that have been passed on: the rest up to `at` is held back.
    passed: usize,
    /// Bytes of earlier input that go before them.
    held: Held,
    /// Where in `input` the frame at `at` began; `None` if in earlier input. A frame
    /// whose header was held back began at 0.
    frame_start: Option<usize>,
    frame_start_is_held: bool,
}

impl<'a> Stride<'a> {
    fn new(input: &'a [u8]) -> Self {
        Self { input, at: 0, passed: 0, held: Held::Nothing, frame_start: None, frame_start_is_held: false }
    }

    fn rest(&self) -> &'a [u8] {
        self.input.get(self.at..).unwrap_or_default()
    }

    /// The next bytes, `most` at the most.
    fn upcoming(&self, most: u64) -> &'a [u8] {
        let rest = self.rest();
        let length = usize::try_from(most).unwrap_or(usize::MAX).min(rest.len());
        rest.get(..length).unwrap_or_default()
    }

    /// A frame begins here with a header of `length` bytes behind those `held`.
    fn pass_header(&mut self, length: usize, held: Held) {
        self.frame_start = Some(self.at);
        self.frame_start_is_held = !matches!(held, Held::Nothing);
        if self.frame_start_is_held {
            self.held = held;
        }
        self.pass(length);
    }

    fn pass(&mut self, length: usize) {
        self.at += length;
        self.passed = self.at;
    }

    /// Keeps the frame at fault from being forwarded if none of it has been; whether
    /// that is so.
    fn take_back_frame(&mut self) -> bool {
        self.passed = self.frame_start.unwrap_or(0);
        if self.frame_start_is_held {
            self.held = Held::Nothing;
        }
        self.frame_start.is_some()
    }

    fn finish(self, end: Option<End>) -> Walked {
        let close_at = self.frame_start.unwrap_or(0);
        Walked { consumed: self.at, held: self.held, forward: 0..self.passed, close_at, end }
    }
}

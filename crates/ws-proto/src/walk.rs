//! The walk over one direction's frames, in place: bytes are judged where they lie
//! and forwarded as ranges of the input. Per-direction state is under 100 bytes.
//!
//! Two kinds of bytes are held back until they can be judged: a header that is cut by
//! the end of a read (at most 13 bytes, kept inline), and a control frame whose payload
//! decides about it, as a Close frame's does (at most 131 bytes, boxed only when it is
//! cut). All else goes on as it comes, and nothing is reserved for what a header merely
//! announces.
//!
//! Not here: what a violation means for the two peers (`gate_core::session`).

mod held;
mod stride;

use std::mem;
use std::ops::Range;

use crate::close::{self, CloseBody};
use crate::close_code::CloseCode;
use crate::control::MAX_CONTROL_LEN;
use crate::error::FrameError;
use crate::header::{FrameHeader, Sender};
use crate::mask;
use crate::opcode::Opcode;
use crate::utf8::Utf8Check;
pub use held::{ControlPiece, HeaderPiece, Held, Piece};
use stride::Stride;

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

/// Is told what passes, and asked what may. Called once per frame on the hot path:
/// implementations count or copy, and do nothing that can wait.
pub trait Observer {
    /// The last byte of a frame has passed. `message`: the one that a data frame belongs
    /// to, as far as it has come, this frame included; `None` for a control frame.
    fn frame(&mut self, header: &FrameHeader, message: Option<&Message>);
    /// The last byte of a message has passed.
    fn message(&mut self, message: &Message);
    /// Bytes of a data frame's payload have passed, masked as they came: those at `passed`, counted
    /// from its first.
    fn payload(&mut self, _header: &FrameHeader, _bytes: &[u8], _passed: Range<u64>) {}
    /// What the Close frame said that was the last one to pass.
    fn close(&mut self, code: Option<CloseCode>, reason: &str);

    /// What is to become of a frame of which nothing has passed yet; `message` as it would be
    /// with this frame. Not asked for what follows on the first frame of a message that goes
    /// nowhere. A Close frame can wait; else it is seen whole.
    fn admit(&mut self, _header: &FrameHeader, _message: Option<&Message>) -> Admission {
        Admission::Pass
    }

    /// The same for a control frame that was to be seen whole, by its unmasked payload. It
    /// cannot wait any more, nor be seen any better: that is as if it was to pass. A valid Close
    /// frame can only be refused.
    fn admit_whole(&mut self, _header: &FrameHeader, _payload: &[u8]) -> Admission {
        Admission::Pass
    }

    /// The last byte of a frame has come that went nowhere.
    fn skipped(&mut self, _header: &FrameHeader) {}
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It goes on.
    Pass,
    /// It goes nowhere, and with the first frame of a message all others of it.
    Skip,
    /// It is a control frame, held back until all of it can be judged.
    Whole,
    /// The walk stops before it, and asks again when it goes on.
    Wait,
    /// It ends the walk.
    Refuse,
}

/// How far a walk goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Over all input.
    All,
    /// To the first place where another frame may be inserted.
    Boundary,
    /// To the end of the first frame that ends.
    Frame,
}

/// What a walk found.
#[derive(Debug)]
pub struct Walked {
    /// Bytes of the input that are done with. The rest is for the next walk: behind a frame
    /// that went nowhere, before one that waits, at the end of the extent.
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
    /// The observer refused a frame, of which nothing has been forwarded.
    Refused,
}

/// The walk's place and memory in one direction.
#[derive(Debug)]
pub struct Walker {
    sender: Sender,
    deflate: bool,
    utf8: Utf8Check,
    phase: Phase,
    message: Option<Message>,
    /// That message goes nowhere.
    skips_message: bool,
}

/// ```text
///          admitted                   last payload byte
/// Header ───────────────────▶ Payload ───────────────────▶ Header
///    ├─── skipped ──────────▶ Skip ──────────────────────▶ Header
///    │ cut, payload decides   the rest of it
///    └───────────▶ Whole ───────────────▶ Ended if it is a Close, else Header
///                                         Ended ◀── violation, refusal (from any)
/// ```
#[derive(Debug)]
enum Phase {
    /// Before or within a header of which the piece has come.
    Header(HeaderPiece),
    /// Within a frame whose header has been forwarded.
    Payload { header: FrameHeader, remaining: u64 },
    /// Within a frame that goes nowhere.
    Skip { header: FrameHeader, remaining: u64 },
    /// Within a control frame, held back until it is whole.
    Whole(Box<ControlPiece>),
    /// Behind a Close, a violation or a refusal.
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
            skips_message: false,
        }
    }

    /// Whether another frame may be put behind what has been forwarded so far. Bytes
    /// that are held back have not been forwarded.
    #[must_use]
    pub fn at_boundary(&self) -> bool {
        match self.phase {
            Phase::Header(_) | Phase::Skip { .. } | Phase::Whole(_) => true,
            Phase::Payload { .. } => false,
            Phase::Ended { at_boundary } => at_boundary,
        }
    }

    /// Whether a frame has begun and not ended, be it forwarded or held back.
    #[must_use]
    pub fn is_within_frame(&self) -> bool {
        match &self.phase {
            Phase::Header(piece) => !piece.is_empty(),
            Phase::Payload { .. } | Phase::Skip { .. } | Phase::Whole(_) => true,
            Phase::Ended { .. } => false,
        }
    }

    /// The message that has begun and not ended, as far as it has come.
    #[must_use]
    pub fn message(&self) -> Option<&Message> {
        self.message.as_ref()
    }

    /// Whether what was forwarded last is of a data frame that has not ended.
    #[must_use]
    pub fn is_within_data(&self) -> bool {
        matches!(&self.phase, Phase::Payload { header, .. } if !header.opcode.is_control())
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
                Phase::Payload { .. } => self.payload(&mut stride, limits, observer),
                Phase::Header(_) | Phase::Skip { .. } | Phase::Whole(_) if extent == Extent::Boundary => {
                    Step::Stop
                }
                Phase::Header(_) => self.header(&mut stride, limits, observer),
                Phase::Skip { .. } => self.skip(&mut stride, observer),
                Phase::Whole(_) => self.resume(&mut stride, observer),
                Phase::Ended { .. } => Step::Stop,
            };
            match step {
                Step::On if extent == Extent::Frame && matches!(self.phase, Phase::Header(_)) => {
                    return stride.finish(None);
                }
                Step::On => {}
                Step::Stop => return stride.finish(None),
                Step::Closed(code) => {
                    self.phase = Phase::Ended { at_boundary: true };
                    return stride.finish(Some(End::Close(code)));
                }
                Step::Refused => {
                    self.phase = Phase::Ended { at_boundary: true };
                    return stride.finish(Some(End::Refused));
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
        let mut piece = *piece;
        let parsed = if piece.is_empty() {
            FrameHeader::parse(stride.rest(), self.sender)
        } else {
            let mut whole = piece;
            whole.fill(stride.rest());
            FrameHeader::parse(whole.as_bytes(), self.sender)
        };
        match parsed {
            Err(error) => Step::Wrong(error),
            Ok(None) => {
                stride.hold(piece.fill(stride.rest()));
                self.phase = Phase::Header(piece);
                Step::Stop
            }
            Ok(Some((header, length))) => {
                let head = Head { header, length, piece };
                match self.judge(&head, limits, observer) {
                    Ok(Admission::Pass) => {
                        stride.pass_header(head.rest_len(), piece.held());
                        self.phase = Phase::Payload { header, remaining: header.payload_len };
                        Step::On
                    }
                    Ok(Admission::Skip) => {
                        stride.skip(head.rest_len());
                        self.phase = Phase::Skip { header, remaining: header.payload_len };
                        Step::On
                    }
                    Ok(Admission::Whole) => {
                        let mut frame = ControlPiece::EMPTY;
                        frame.fill(piece.as_bytes());
                        self.whole(stride, WholeFrame { head, frame, held: piece.held() }, observer)
                    }
                    Ok(Admission::Wait) => Step::Stop,
                    Ok(Admission::Refuse) => Step::Refused,
                    Err(error) => Step::Wrong(error),
                }
            }
        }
    }

    /// What becomes of the frame with this header.
    fn judge(
        &mut self,
        head: &Head,
        limits: &Limits,
        observer: &mut impl Observer,
    ) -> Result<Admission, FrameError> {
        let header = &head.header;
        match header.opcode {
            Opcode::Close => match observer.admit(header, None) {
                Admission::Wait => Ok(Admission::Wait),
                Admission::Pass | Admission::Skip | Admission::Whole | Admission::Refuse => {
                    Ok(Admission::Whole)
                }
            },
            Opcode::Ping | Opcode::Pong => Ok(observer.admit(header, None)),
            Opcode::Continuation | Opcode::Text | Opcode::Binary => {
                let message = self.message_with(header, limits)?;
                let admission =
                    if self.skips_message { Admission::Skip } else { observer.admit(header, Some(&message)) };
                match admission {
                    // Only control frames are seen whole.
                    Admission::Pass | Admission::Whole => {
                        self.message = Some(message);
                        Ok(Admission::Pass)
                    }
                    Admission::Skip => {
                        self.message = Some(message);
                        self.skips_message = true;
                        Ok(Admission::Skip)
                    }
                    Admission::Wait | Admission::Refuse => Ok(admission),
                }
            }
        }
    }

    /// The message that a frame begins or goes on with, this frame included.
    fn message_with(&self, header: &FrameHeader, limits: &Limits) -> Result<Message, FrameError> {
        let mut message = match (self.message, header.opcode) {
            (None, Opcode::Continuation) => return Err(FrameError::UnexpectedContinuation),
            (Some(_), Opcode::Text | Opcode::Binary) => return Err(FrameError::InterruptedMessage),
            (Some(message), _) => {
                // Only the first frame of a message says that it is compressed (RFC 7692 §6).
                if header.rsv1 {
                    return Err(FrameError::UnexpectedRsv1);
                }
                message
            }
            (None, opcode) => {
                if header.rsv1 && !self.deflate {
                    return Err(FrameError::UnexpectedRsv1);
                }
                Message { opcode, compressed: header.rsv1, size: 0, fragments: 0 }
            }
        };
        // Both terms are below 2^63 unless the sum has wrapped, which saturating rules out.
        message.size = message.size.saturating_add(header.payload_len);
        message.fragments = message.fragments.saturating_add(1);
        let exceeds = |value: u64, limit: u64| limit != 0 && value > limit;
        if exceeds(header.payload_len, limits.frame_size_max) {
            return Err(FrameError::FrameTooLarge { max: limits.frame_size_max });
        }
        if exceeds(message.size, limits.message_size_max) {
            return Err(FrameError::MessageTooLarge { max: limits.message_size_max });
        }
        if exceeds(u64::from(message.fragments), u64::from(limits.fragments_max)) {
            return Err(FrameError::TooManyFragments { max: limits.fragments_max });
        }
        Ok(message)
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
        let passed_before = header.payload_len - *remaining;
        *remaining -= u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        if !header.opcode.is_control() {
            observer.payload(header, chunk, passed_before..header.payload_len - *remaining);
        }
        if *remaining > 0 {
            return Step::Stop;
        }
        let ends_message = header.fin && !header.opcode.is_control();
        if ends_message && is_text && limits.validate_utf8 && self.utf8.finish().is_err() {
            return Step::Wrong(FrameError::InvalidUtf8);
        }
        let is_control = header.opcode.is_control();
        observer.frame(header, self.message.as_ref().filter(|_| !is_control));
        if ends_message && let Some(message) = self.message.take() {
            observer.message(&message);
        }
        self.phase = Phase::Header(Piece::EMPTY);
        Step::On
    }

    /// Goes on within a frame that goes nowhere.
    fn skip(&mut self, stride: &mut Stride<'_>, observer: &mut impl Observer) -> Step {
        let Phase::Skip { header, remaining } = &mut self.phase else { return Step::Stop };
        let chunk = stride.upcoming(*remaining);
        stride.skip(chunk.len());
        *remaining -= u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        if *remaining > 0 {
            return Step::Stop;
        }
        if header.fin && !header.opcode.is_control() {
            self.message = None;
            self.skips_message = false;
        }
        observer.skipped(header);
        self.phase = Phase::Header(Piece::EMPTY);
        if stride.may_pass() { Step::On } else { Step::Stop }
    }

    /// Goes on within a control frame of which a part is held back.
    fn resume(&mut self, stride: &mut Stride<'_>, observer: &mut impl Observer) -> Step {
        let Phase::Whole(piece) = mem::replace(&mut self.phase, Phase::Header(Piece::EMPTY)) else {
            return Step::Stop;
        };
        let Ok(Some((header, length))) = FrameHeader::parse(piece.as_bytes(), self.sender) else {
            // The header was parsed when the piece was made.
            return Step::Stop;
        };
        let head = Head { header, length, piece: Piece::EMPTY };
        self.whole(stride, WholeFrame { head, frame: *piece, held: Held::Control(piece) }, observer)
    }

    /// Judges a control frame once it is whole and holds it back until then: its payload
    /// decides whether it may be forwarded at all.
    fn whole(
        &mut self,
        stride: &mut Stride<'_>,
        mut whole: WholeFrame,
        observer: &mut impl Observer,
    ) -> Step {
        let header = whole.head.header;
        let payload_len = usize::try_from(header.payload_len).unwrap_or(usize::MAX);
        let have = whole.frame.as_bytes().len();
        let missing = whole.head.length.saturating_add(payload_len).saturating_sub(have);
        let Some(rest_of_frame) = stride.rest().get(..missing) else {
            stride.hold(whole.frame.fill(stride.rest()));
            self.phase = Phase::Whole(Box::new(whole.frame));
            return Step::Stop;
        };
        whole.frame.fill(rest_of_frame);
        let mut payload = [0; MAX_CONTROL_LEN];
        let masked = whole.frame.as_bytes().get(whole.head.length..).unwrap_or_default();
        mask::copy(masked, &mut payload, header.mask.unwrap_or_default(), 0);
        let payload = payload.get(..masked.len()).unwrap_or_default();
        if header.opcode == Opcode::Close {
            return match close::parse_body(payload) {
                Ok(CloseBody { code, reason }) => {
                    if observer.admit_whole(&header, payload) == Admission::Refuse {
                        return Step::Refused;
                    }
                    stride.pass_header(missing, whole.held);
                    observer.frame(&header, None);
                    observer.close(code, reason);
                    Step::Closed(code)
                }
                Err(error) => Step::Wrong(error),
            };
        }
        let admission = observer.admit_whole(&header, payload);
        self.phase = Phase::Header(Piece::EMPTY);
        match admission {
            Admission::Pass | Admission::Whole | Admission::Wait => {
                stride.pass_header(missing, whole.held);
                observer.frame(&header, None);
                Step::On
            }
            Admission::Skip => {
                stride.skip(missing);
                observer.skipped(&header);
                if stride.may_pass() { Step::On } else { Step::Stop }
            }
            Admission::Refuse => Step::Refused,
        }
    }
}

/// A header that is complete.
struct Head {
    header: FrameHeader,
    /// Bytes of the header.
    length: usize,
    /// Those that came in earlier input.
    piece: HeaderPiece,
}

impl Head {
    /// Bytes of the header that are in this input.
    fn rest_len(&self) -> usize {
        self.length - self.piece.as_bytes().len()
    }
}

/// A control frame in the making.
struct WholeFrame {
    head: Head,
    /// All of it that has come, the header included.
    frame: ControlPiece,
    /// The part that came in earlier input.
    held: Held,
}

enum Step {
    /// There may be more to walk over.
    On,
    /// The input is used up, the extent reached, or what follows is for the next walk.
    Stop,
    Closed(Option<CloseCode>),
    Refused,
    Wrong(FrameError),
}

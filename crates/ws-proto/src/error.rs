//! What is wrong with a frame, and which close code says so.

use std::fmt;

use crate::close_code::CloseCode;

/// Why the frames of a peer are refused. After any of these the byte stream has no
/// meaning any more: nothing behind the error can be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// RSV2 or RSV3 is set, which no supported extension defines (RFC 6455 §5.2).
    #[error("a reserved bit (RSV2 or RSV3) is set")]
    ReservedBit,
    /// RSV1 is set though permessage-deflate was not negotiated, or on a frame that
    /// does not begin a data message (RFC 7692 §6).
    #[error("RSV1 is set where no compressed message can begin")]
    UnexpectedRsv1,
    /// Opcode 3 to 7 or B to F (RFC 6455 §5.2).
    #[error("reserved opcode {0:#x}")]
    ReservedOpcode(u8),
    /// A client's frame without a mask (RFC 6455 §5.1).
    #[error("a frame of the client is not masked")]
    Unmasked,
    /// A server's frame with a mask (RFC 6455 §5.1).
    #[error("a frame of the server is masked")]
    Masked,
    /// More length bytes than the length needs (RFC 6455 §5.2).
    #[error("the payload length is not encoded in the fewest bytes")]
    NonMinimalLength,
    /// A 64-bit length with its top bit set (RFC 6455 §5.2).
    #[error("the payload length is above 2^63 - 1")]
    LengthOverflow,
    /// A control frame with FIN clear (RFC 6455 §5.5).
    #[error("a control frame is fragmented")]
    FragmentedControl,
    /// A control frame above 125 bytes (RFC 6455 §5.5).
    #[error("a control frame carries more than 125 bytes")]
    OversizedControl,
    /// A continuation frame while no message is in progress (RFC 6455 §5.4).
    #[error("a continuation frame continues nothing")]
    UnexpectedContinuation,
    /// A text or binary frame inside a fragmented message (RFC 6455 §5.4).
    #[error("a new message begins inside a fragmented one")]
    InterruptedMessage,
    /// Text that is not UTF-8 (RFC 6455 §8.1).
    #[error("a text message is not valid UTF-8")]
    InvalidUtf8,
    /// A close frame of one byte (RFC 6455 §5.5.1).
    #[error("the body of a close frame is a single byte")]
    TruncatedCloseCode,
    /// A close code that must not be on the wire (RFC 6455 §7.4).
    #[error("close code {0} must not be sent")]
    InvalidCloseCode(u16),
    /// A close reason that is not UTF-8 (RFC 6455 §5.5.1).
    #[error("the reason of a close frame is not valid UTF-8")]
    InvalidCloseReason,
    /// A frame above `max-frame-size`.
    #[error("a frame is larger than the {max} bytes of max-frame-size")]
    FrameTooLarge {
        /// Bytes that it may have.
        max: u64,
    },
    /// A message above `max-message-size`.
    #[error("a message is larger than the {max} bytes of max-message-size")]
    MessageTooLarge {
        /// Bytes that it may have.
        max: u64,
    },
    /// A message in more frames than `max-fragments`.
    #[error("a message has more frames than the {max} of max-fragments")]
    TooManyFragments {
        /// Frames that it may have.
        max: u32,
    },
    /// A compressed message that is no DEFLATE data (RFC 7692 §7.2.2).
    #[error("a compressed message cannot be inflated")]
    BadDeflate,
    /// A compressed message that would be above a limit once inflated.
    #[error("a compressed message is too large once inflated: {0}")]
    InflatedTooLarge(InflateBound),
}

/// What a compressed message is held to once it is inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InflateBound {
    /// Bytes: `max-inflated-size`.
    Size(u64),
    /// How many times its compressed size: `max-inflate-ratio`.
    Ratio(u32),
    /// Bytes that the messages of one direction have in a second: `max-inflate-rate`.
    Rate(u64),
    /// The work that it takes: blocks of DEFLATE that say nothing.
    EmptyBlocks,
}

impl fmt::Display for InflateBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size(max) => write!(f, "more than the {max} bytes of max-inflated-size"),
            Self::Ratio(max) => write!(f, "more than {max} times what came, which is max-inflate-ratio"),
            Self::Rate(max) => write!(f, "more than {max} bytes in a second, which is max-inflate-rate"),
            Self::EmptyBlocks => f.write_str("thousands of its blocks say nothing"),
        }
    }
}

impl FrameError {
    /// The code of the Close frame that answers the offender (RFC 6455 §7.4.1).
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::ReservedBit
            | Self::UnexpectedRsv1
            | Self::ReservedOpcode(_)
            | Self::Unmasked
            | Self::Masked
            | Self::NonMinimalLength
            | Self::LengthOverflow
            | Self::FragmentedControl
            | Self::OversizedControl
            | Self::UnexpectedContinuation
            | Self::InterruptedMessage
            | Self::TruncatedCloseCode
            | Self::InvalidCloseCode(_) => CloseCode::PROTOCOL_ERROR,
            Self::InvalidUtf8 | Self::InvalidCloseReason | Self::BadDeflate => CloseCode::INVALID_PAYLOAD,
            Self::FrameTooLarge { .. } | Self::MessageTooLarge { .. } | Self::InflatedTooLarge(_) => {
                CloseCode::TOO_BIG
            }
            Self::TooManyFragments { .. } => CloseCode::POLICY_VIOLATION,
        }
    }

    /// A stable name for logs and metric labels.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::ReservedBit => "reserved_bit",
            Self::UnexpectedRsv1 => "unexpected_rsv1",
            Self::ReservedOpcode(_) => "reserved_opcode",
            Self::Unmasked => "unmasked_frame",
            Self::Masked => "masked_frame",
            Self::NonMinimalLength => "non_minimal_length",
            Self::LengthOverflow => "length_overflow",
            Self::FragmentedControl => "fragmented_control",
            Self::OversizedControl => "oversized_control",
            Self::UnexpectedContinuation => "unexpected_continuation",
            Self::InterruptedMessage => "interrupted_message",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::TruncatedCloseCode => "truncated_close_code",
            Self::InvalidCloseCode(_) => "invalid_close_code",
            Self::InvalidCloseReason => "invalid_close_reason",
            Self::FrameTooLarge { .. } => "frame_too_large",
            Self::MessageTooLarge { .. } => "message_too_large",
            Self::TooManyFragments { .. } => "too_many_fragments",
            Self::BadDeflate => "bad_deflate",
            Self::InflatedTooLarge(_) => "inflated_too_large",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_above_a_limit_is_told_with_the_key_and_the_number() {
        for (error, key, number) in [
            (FrameError::FrameTooLarge { max: 1025 }, "max-frame-size", "1025 bytes"),
            (FrameError::MessageTooLarge { max: 2048 }, "max-message-size", "2048 bytes"),
            (FrameError::TooManyFragments { max: 7 }, "max-fragments", "7"),
            (FrameError::InflatedTooLarge(InflateBound::Size(4096)), "max-inflated-size", "4096 bytes"),
            (FrameError::InflatedTooLarge(InflateBound::Ratio(200)), "max-inflate-ratio", "200 times"),
            (FrameError::InflatedTooLarge(InflateBound::Rate(9000)), "max-inflate-rate", "9000 bytes"),
        ] {
            let told = error.to_string();
            assert!(told.contains(key) && told.contains(number), "{told}");
        }
    }
}

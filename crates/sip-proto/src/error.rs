//! What can be wrong with a message, with a stable label and the status that says so.

use core::fmt;

use crate::status::Status;

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// More bytes than [`Limits::message`](crate::Limits::message).
    MessageTooLarge,
    /// More bytes before the body than [`Limits::head`](crate::Limits::head).
    HeadTooLarge,
    /// A line of more bytes than [`Limits::line`](crate::Limits::line).
    LineTooLong,
    /// More headers than [`Limits::headers`](crate::Limits::headers).
    TooManyHeaders,
    /// The first line is neither that of a request nor that of a response.
    BadStartLine,
    /// Another version than SIP/2.0.
    BadVersion,
    /// A line that is no header: it has no colon, or its name has characters that names have not.
    BadHeaderLine,
    /// A CR without LF, or a NUL that is not escaped: receivers would see different lines.
    BadCharacter,
    /// The headers do not end with an empty line.
    NoEmptyLine,
    /// A message on a stream that does not say where it ends.
    NoContentLength,
    /// A Content-Length that is no number of bytes.
    BadContentLength,
    /// Several values of Content-Length.
    ConflictingContentLength,
    /// Less body than Content-Length says.
    BodyTooShort,
    /// Bytes behind the body, where a message stands alone.
    TrailingBytes,
    /// A header that every message has is not there (RFC 3261 §8.1.1).
    MissingHeader,
    /// A header that stands once in a message stands there several times.
    RepeatedHeader,
    /// A Via that cannot be read.
    BadVia,
    /// A CSeq that is no number and method, or not of the request's method.
    BadCSeq,
    /// A Max-Forwards that is no number up to 255.
    BadMaxForwards,
    /// A From or To that is no address.
    BadAddress,
}

impl Fault {
    /// All faults.
    pub const ALL: [Self; 20] = [
        Self::MessageTooLarge,
        Self::HeadTooLarge,
        Self::LineTooLong,
        Self::TooManyHeaders,
        Self::BadStartLine,
        Self::BadVersion,
        Self::BadHeaderLine,
        Self::BadCharacter,
        Self::NoEmptyLine,
        Self::NoContentLength,
        Self::BadContentLength,
        Self::ConflictingContentLength,
        Self::BodyTooShort,
        Self::TrailingBytes,
        Self::MissingHeader,
        Self::RepeatedHeader,
        Self::BadVia,
        Self::BadCSeq,
        Self::BadMaxForwards,
        Self::BadAddress,
    ];

    /// All labels, for metrics that have a row for each.
    pub const LABELS: [&'static str; 20] = [
        "message_too_large",
        "head_too_large",
        "line_too_long",
        "too_many_headers",
        "bad_start_line",
        "bad_version",
        "bad_header_line",
        "bad_character",
        "no_empty_line",
        "no_content_length",
        "bad_content_length",
        "conflicting_content_length",
        "body_too_short",
        "trailing_bytes",
        "missing_header",
        "repeated_header",
        "bad_via",
        "bad_cseq",
        "bad_max_forwards",
        "bad_address",
    ];

    /// The kind in one word, stable, for logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::MessageTooLarge => "message_too_large",
            Self::HeadTooLarge => "head_too_large",
            Self::LineTooLong => "line_too_long",
            Self::TooManyHeaders => "too_many_headers",
            Self::BadStartLine => "bad_start_line",
            Self::BadVersion => "bad_version",
            Self::BadHeaderLine => "bad_header_line",
            Self::BadCharacter => "bad_character",
            Self::NoEmptyLine => "no_empty_line",
            Self::NoContentLength => "no_content_length",
            Self::BadContentLength => "bad_content_length",
            Self::ConflictingContentLength => "conflicting_content_length",
            Self::BodyTooShort => "body_too_short",
            Self::TrailingBytes => "trailing_bytes",
            Self::MissingHeader => "missing_header",
            Self::RepeatedHeader => "repeated_header",
            Self::BadVia => "bad_via",
            Self::BadCSeq => "bad_cseq",
            Self::BadMaxForwards => "bad_max_forwards",
            Self::BadAddress => "bad_address",
        }
    }

    /// The status that answers a request with this fault, if there is enough of it to be answered.
    /// Nothing answers a response.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::MessageTooLarge | Self::HeadTooLarge | Self::LineTooLong => Status::MESSAGE_TOO_LARGE,
            Self::BadVersion => Status::VERSION_NOT_SUPPORTED,
            Self::TooManyHeaders
            | Self::BadStartLine
            | Self::BadHeaderLine
            | Self::BadCharacter
            | Self::NoEmptyLine
            | Self::NoContentLength
            | Self::BadContentLength
            | Self::ConflictingContentLength
            | Self::BodyTooShort
            | Self::TrailingBytes
            | Self::MissingHeader
            | Self::RepeatedHeader
            | Self::BadVia
            | Self::BadCSeq
            | Self::BadMaxForwards
            | Self::BadAddress => Status::BAD_REQUEST,
        }
    }

    /// The same in a sentence's words, without quotation marks or line ends.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::MessageTooLarge => "the message is larger than the limit",
            Self::HeadTooLarge => "the headers are larger than the limit",
            Self::LineTooLong => "a line is longer than the limit",
            Self::TooManyHeaders => "there are more headers than the limit",
            Self::BadStartLine => "the first line is neither a request's nor a response's",
            Self::BadVersion => "the version is not SIP/2.0",
            Self::BadHeaderLine => "a line is not a header",
            Self::BadCharacter => "a CR without LF, or a NUL, stands in the headers",
            Self::NoEmptyLine => "no empty line ends the headers",
            Self::NoContentLength => "Content-Length is missing, which a stream needs",
            Self::BadContentLength => "Content-Length is not a number of bytes",
            Self::ConflictingContentLength => "Content-Length has several values",
            Self::BodyTooShort => "the body is shorter than Content-Length",
            Self::TrailingBytes => "bytes stand behind the body",
            Self::MissingHeader => "a header is missing that each message must have",
            Self::RepeatedHeader => "a header is repeated that may stand there once",
            Self::BadVia => "a Via cannot be read",
            Self::BadCSeq => "the CSeq cannot be read or is of another method",
            Self::BadMaxForwards => "Max-Forwards is not a number up to 255",
            Self::BadAddress => "From or To is not an address",
        }
    }
}

/// What is wrong with a message, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageError {
    /// What is wrong.
    pub fault: Fault,
    /// The byte of the message where it was seen; 0 where the whole message is meant.
    pub at: usize,
}

impl MessageError {
    /// That fault at that byte.
    #[must_use]
    pub const fn new(fault: Fault, at: usize) -> Self {
        Self { fault, at }
    }

    /// The fault's [label](Fault::label).
    #[must_use]
    pub const fn label(&self) -> &'static str {
        self.fault.label()
    }

    /// The fault's [status](Fault::status).
    #[must_use]
    pub const fn status(&self) -> Status {
        self.fault.status()
    }
}

impl fmt::Display for MessageError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} (byte {})", self.fault.text(), self.at)
    }
}

impl core::error::Error for MessageError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_is_listed_once() {
        assert_eq!(Fault::ALL.map(Fault::label), Fault::LABELS);
        let different: std::collections::BTreeSet<_> = Fault::LABELS.into_iter().collect();
        assert_eq!(different.len(), Fault::LABELS.len());
    }

    #[test]
    fn a_fault_is_told_with_its_place() {
        let error = MessageError::new(Fault::BadVia, 17);
        assert_eq!(error.to_string(), "a Via cannot be read (byte 17)");
        assert_eq!((error.label(), error.status()), ("bad_via", Status::BAD_REQUEST));
        assert_eq!(Fault::BadVersion.status().code, 505);
        assert_eq!(Fault::HeadTooLarge.status().code, 513);
    }
}

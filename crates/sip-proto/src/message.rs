//! A message split into its start line, headers and body, all left where they are.

use core::ops::Range;

use crate::error::{Fault, MessageError};
use crate::limits::Limits;
use crate::list::Values;
use crate::name::HeaderName;
use crate::start_line::StartLine;
use crate::syntax;

/// Where a header is in its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which it is.
    pub name: HeaderName,
    /// Its name as written.
    pub name_range: Range<usize>,
    /// Its value, folds included, without white space around it.
    pub value: Range<usize>,
    /// All its lines, line ends included.
    pub line: Range<usize>,
}

/// A message whose parts are known. Ranges are of [`bytes`](Self::bytes).
#[derive(Clone, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    start: StartLine<'a>,
    headers: Headers,
    /// Where the first header is, or the empty line.
    headers_start: usize,
    /// Where the empty line is.
    headers_end: usize,
    body: Range<usize>,
    content_length: Option<usize>,
}

/// What becomes of bytes behind the body that Content-Length tells.
#[derive(Clone, Copy)]
enum Behind {
    Refuse,
    Discard,
    /// It is of the body, whatever Content-Length says.
    Take,
}

impl<'a> Message<'a> {
    /// Splits what is one message, as WebSocket messages and what [`Framer`](crate::Framer) finds are. Line
    /// ends before and behind it are let go of. Lines may end with LF alone.
    ///
    /// What headers say is not judged but for Content-Length; [`essentials`](Self::essentials) does that.
    ///
    /// # Errors
    /// It is above a limit, its lines have not the form of a message's, its body is shorter than
    /// Content-Length or something else stands behind it.
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, MessageError> {
        Self::split(bytes, limits, Behind::Refuse)
    }

    /// Splits a datagram: what stands behind the body is not part of the message (RFC 3261 §18.3).
    ///
    /// # Errors
    /// As [`parse`](Self::parse), without that last one.
    pub fn parse_datagram(bytes: &'a [u8], limits: &Limits) -> Result<Self, MessageError> {
        Self::split(bytes, limits, Behind::Discard)
    }

    /// Splits a message whose body has been changed: it reaches to the end, whatever
    /// [`content_length`](Self::content_length) says, which
    /// [`Edits::set_content_length`](crate::Edits::set_content_length) can mend.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), without the last two.
    pub fn parse_changed(bytes: &'a [u8], limits: &Limits) -> Result<Self, MessageError> {
        Self::split(bytes, limits, Behind::Take)
    }

    fn split(bytes: &'a [u8], limits: &Limits, behind: Behind) -> Result<Self, MessageError> {
        if bytes.len() > limits.message {
            return Err(MessageError::new(Fault::MessageTooLarge, limits.message));
        }
        let bytes = without_line_ends_before(bytes);
        let mut lines = Lines::new(bytes, limits);
        let line = lines.start_line()?;
        let start = StartLine::parse(line).map_err(|fault| MessageError::new(fault, 0))?;
        let headers_start = lines.at;
        let mut headers = Headers::new();
        let mut content_length = None;
        while let Some(header) = lines.header()? {
            if headers.list.len() == limits.headers {
                return Err(MessageError::new(Fault::TooManyHeaders, header.line.start));
            }
            if header.name == HeaderName::ContentLength {
                let value = syntax::slice(bytes, header.value.clone());
                content_length = Some(
                    agreed_length(content_length, value)
                        .map_err(|fault| MessageError::new(fault, header.value.start))?,
                );
            }
            headers.push(header);
        }
        let body = body(bytes, lines.at, content_length, behind)?;
        let headers_end = lines.empty_line;
        let bytes = syntax::slice(bytes, 0..body.end);
        Ok(Self { bytes, start, headers, headers_start, headers_end, body, content_length })
    }

    /// What can be read of a request that was refused, so that it can be answered: its method, and the headers
    /// that are in order. None for a response, and where one of those is missing that a response repeats.
    #[must_use]
    pub fn salvage(bytes: &'a [u8], limits: &Limits) -> Option<Self> {
        let bytes = without_line_ends_before(bytes);
        let mut lines = Lines::new(bytes, limits);
        let line = lines.start_line().ok()?;
        let method = line.split(|byte| *byte == b' ').next().filter(|method| syntax::is_all_token(method))?;
        let headers_start = lines.at;
        let mut headers = Headers::new();
        while headers.list.len() < limits.headers {
            match lines.header() {
                Ok(Some(header)) => headers.push(header),
                Ok(None) => break,
                Err(_) => match lines.skip_line() {
                    Some(()) => {}
                    None => break,
                },
            }
        }
        let end = headers.list.last().map_or(headers_start, |header| header.line.end);
        let start = StartLine::Request { method, uri: b"" };
        let bytes = bytes.get(..end)?;
        let body = end..end;
        let salvaged =
            Self { bytes, start, headers, headers_start, headers_end: end, body, content_length: None };
        let needed =
            [HeaderName::Via, HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq];
        needed.iter().all(|name| salvaged.header(*name).is_some()).then_some(salvaged)
    }

    /// The message: no line ends before it, nothing behind its body.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What is asked or answered.
    #[must_use]
    pub const fn start_line(&self) -> StartLine<'a> {
        self.start
    }

    /// The method, of a request.
    #[must_use]
    pub const fn method(&self) -> Option<&'a [u8]> {
        match self.start {
            StartLine::Request { method, .. } => Some(method),
            StartLine::Response { .. } => None,
        }
    }

    /// All headers, in their order.
    #[must_use]
    pub fn headers(&self) -> &[Header] {
        &self.headers.list
    }

    /// Where the headers are, without the empty line behind them.
    #[must_use]
    pub const fn headers_range(&self) -> Range<usize> {
        self.headers_start..self.headers_end
    }

    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: HeaderName) -> Option<&Header> {
        self.headers.list.get(self.first(name))
    }

    /// Which of the headers is the first of that name; past their end if there is none.
    pub(crate) fn first(&self, name: HeaderName) -> usize {
        self.headers.first(name)
    }

    /// The second header of that name.
    pub(crate) fn second(&self, name: HeaderName) -> Option<&Header> {
        self.headers.is_repeated(name).then(|| self.all(name).nth(1))?
    }

    /// All headers of that name.
    pub fn all(&self, name: HeaderName) -> impl Iterator<Item = &Header> {
        let from_first = self.headers.list.get(self.first(name)..).unwrap_or_default();
        from_first.iter().filter(move |header| header.name == name)
    }

    /// The value of that header, folds included.
    #[must_use]
    pub fn value_of(&self, header: &Header) -> &'a [u8] {
        syntax::slice(self.bytes, header.value.clone())
    }

    /// The value of the first header of that name, folds included.
    #[must_use]
    pub fn value(&self, name: HeaderName) -> Option<&'a [u8]> {
        Some(self.value_of(self.header(name)?))
    }

    /// The value of the first header that is written so, whatever the case: for those without a
    /// [`HeaderName`].
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&'a [u8]> {
        let is_named = |header: &&Header| {
            syntax::slice(self.bytes, header.name_range.clone()).eq_ignore_ascii_case(name.as_bytes())
        };
        Some(self.value_of(self.headers.list.iter().find(is_named)?))
    }

    /// The items of all headers of that name, which is one whose value is a list.
    #[must_use]
    pub fn values(&self, name: HeaderName) -> Values<'_, 'a> {
        Values::new(self, name)
    }

    /// What stands behind the empty line.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        syntax::slice(self.bytes, self.body.clone())
    }

    /// Where the body is.
    #[must_use]
    pub const fn body_range(&self) -> Range<usize> {
        self.body.start..self.body.end
    }

    /// What Content-Length says, which is the length of the body.
    #[must_use]
    pub const fn content_length(&self) -> Option<usize> {
        self.content_length
    }
}

/// The headers of a message, with an index by name.
#[derive(Clone, Debug)]
struct Headers {
    list: Vec<Header>,
    /// Where in the list the first of each name is; past its end where there is none.
    firsts: [usize; HeaderName::COUNT],
    /// A bit for each name that is there more than once.
    repeated: u32,
}

impl Headers {
    fn new() -> Self {
        let list = Vec::with_capacity(HEADERS_USUAL);
        Self { list, firsts: [usize::MAX; HeaderName::COUNT], repeated: 0 }
    }

    fn push(&mut self, header: Header) {
        let number = self.list.len();
        match self.firsts.get_mut(header.name.index()) {
            Some(first) if *first == usize::MAX => *first = number,
            Some(_) | None => self.repeated |= 1 << header.name.index(),
        }
        self.list.push(header);
    }

    fn first(&self, name: HeaderName) -> usize {
        self.firsts.get(name.index()).copied().unwrap_or(usize::MAX)
    }

    const fn is_repeated(&self, name: HeaderName) -> bool {
        self.repeated & (1 << name.index()) != 0
    }
}

/// Headers for which there is room from the beginning.
const HEADERS_USUAL: usize = 24;

/// The digits of a Content-Length, at most: more than any memory holds.
const LENGTH_MAX: u64 = 999_999_999_999;

/// The length that a header tells, where others may have told one before.
pub(crate) fn agreed_length(before: Option<usize>, value: &[u8]) -> Result<usize, Fault> {
    let length = syntax::number(value, LENGTH_MAX).and_then(|length| usize::try_from(length).ok());
    let length = length.ok_or(Fault::BadContentLength)?;
    match before {
        Some(before) if before != length => Err(Fault::ConflictingContentLength),
        Some(_) | None => Ok(length),
    }
}

fn body(
    bytes: &[u8],
    start: usize,
    length: Option<usize>,
    behind: Behind,
) -> Result<Range<usize>, MessageError> {
    let Some(length) = length.filter(|_| !matches!(behind, Behind::Take)) else {
        return Ok(start..bytes.len());
    };
    let rest = start.checked_add(length).and_then(|end| bytes.get(end..));
    let rest = rest.ok_or_else(|| MessageError::new(Fault::BodyTooShort, start))?;
    let end = bytes.len() - rest.len();
    let is_all_line_ends = rest.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
    match behind {
        Behind::Refuse if !is_all_line_ends => Err(MessageError::new(Fault::TrailingBytes, end)),
        Behind::Refuse | Behind::Discard | Behind::Take => Ok(start..end),
    }
}

fn without_line_ends_before(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    bytes.get(start..).unwrap_or_default()
}

/// A line's content, and where the next one begins.
struct Line {
    end: usize,
    next: usize,
}

/// The walk over the lines before the body.
struct Lines<'a> {
    bytes: &'a [u8],
    /// As far as the head may reach.
    window: &'a [u8],
    line_max: usize,
    /// Where the next line begins.
    at: usize,
    /// Where the empty line was found.
    empty_line: usize,
}

impl<'a> Lines<'a> {
    fn new(bytes: &'a [u8], limits: &Limits) -> Self {
        let window = bytes.get(..limits.head).unwrap_or(bytes);
        Self { bytes, window, line_max: limits.line, at: 0, empty_line: 0 }
    }

    fn start_line(&mut self) -> Result<&'a [u8], MessageError> {
        let line = self.line_from(0)?;
        self.check_length(0, line.next)?;
        self.at = line.next;
        Ok(syntax::slice(self.window, 0..line.end))
    }

    /// The next header; None behind the last.
    fn header(&mut self) -> Result<Option<Header>, MessageError> {
        let start = self.at;
        let mut line = self.line_from(start)?;
        if line.end == start {
            self.empty_line = start;
            self.at = line.next;
            return Ok(None);
        }
        // A line that begins with white space goes on with the one before (RFC 3261 §7.3.1).
        while matches!(self.window.get(line.next), Some(b' ' | b'\t')) {
            line = self.line_from(line.next)?;
        }
        self.check_length(start, line.next)?;
        let header =
            self.split(start, &line).ok_or_else(|| MessageError::new(Fault::BadHeaderLine, start))?;
        self.at = line.next;
        Ok(Some(header))
    }

    fn split(&self, start: usize, line: &Line) -> Option<Header> {
        let text = self.window.get(start..line.end)?;
        let name = text.iter().position(|byte| !syntax::is_token(*byte)).filter(|length| *length > 0)?;
        let space = text.get(name..)?.iter().position(|byte| !matches!(byte, b' ' | b'\t'))?;
        let colon = start + name + space;
        if self.window.get(colon) != Some(&b':') {
            return None;
        }
        Some(Header {
            name: HeaderName::of(text.get(..name)?),
            name_range: start..start + name,
            value: syntax::trim(self.window, colon + 1..line.end),
            line: start..line.next,
        })
    }

    /// Lets go of the line that could not be read. None if it is the last.
    fn skip_line(&mut self) -> Option<()> {
        self.at += memchr::memchr(b'\n', self.window.get(self.at..)?)? + 1;
        while matches!(self.window.get(self.at), Some(b' ' | b'\t')) {
            self.at += memchr::memchr(b'\n', self.window.get(self.at..)?)? + 1;
        }
        Some(())
    }

    /// The line that begins at `start`: it ends with CRLF or LF.
    fn line_from(&self, start: usize) -> Result<Line, MessageError> {
        let mut at = start;
        while let Some(found) = memchr::memchr3(b'\n', b'\r', 0, self.window.get(at..).unwrap_or_default()) {
            at += found;
            match (self.window.get(at), self.window.get(at + 1)) {
                (Some(b'\n'), _) => return Ok(Line { end: at, next: at + 1 }),
                (Some(b'\r'), Some(b'\n')) => return Ok(Line { end: at, next: at + 2 }),
                (Some(b'\r'), None) => break,
                // A NUL may be a quoted pair's second byte (RFC 3261 §25.1).
                (Some(0), _) if at > start && self.window.get(at - 1) == Some(&b'\\') => at += 1,
                _ => return Err(MessageError::new(Fault::BadCharacter, at)),
            }
        }
        let is_cut = self.window.len() < self.bytes.len();
        let fault = if is_cut { Fault::HeadTooLarge } else { Fault::NoEmptyLine };
        Err(MessageError::new(fault, self.window.len()))
    }

    const fn check_length(&self, start: usize, next: usize) -> Result<(), MessageError> {
        if next - start > self.line_max {
            return Err(MessageError::new(Fault::LineTooLong, start));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

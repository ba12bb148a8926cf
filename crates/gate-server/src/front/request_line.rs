//! Request targets with a fragment. HTTP parsers take `#` and what follows off a target
//! without a word, where it must be refused: whoever looks at the request before or behind
//! the gateway may take it for a part of the path.
//!
//! So the bytes that come from a client are looked at on their way to the parser. What is no
//! request line may look like one, since a body can have any bytes. Therefore nothing is
//! decided here: lines are remembered, and a request is asked for by its method and target.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use gate_net::Stream;
use http::{Method, Uri};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock;

/// A client's connection while it speaks HTTP.
#[derive(Debug)]
pub(crate) struct Watched<S = Stream> {
    inner: S,
    lines: Rc<Lines>,
}

/// What has come over it.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    received: Cell<u64>,
    /// Since when the client has taken no byte of what there is for it.
    stalled: Cell<Option<Instant>>,
    seen: RefCell<Seen>,
}

/// Nothing in here is allocated while there is no `#` and reads end where lines do.
#[derive(Debug, Default)]
struct Seen {
    /// The end of what has come, as far as it can be the beginning of a request line: at most
    /// [`LINE_MAX`] bytes.
    unfinished: Vec<u8>,
    /// Of each line found, what stands before the `#`: at most [`FOUND_MAX`] of them, of at most
    /// [`LINE_MAX`] bytes in all, the oldest first.
    found: VecDeque<Box<[u8]>>,
}

/// Lines that are remembered. No honest client has more than one under way.
const FOUND_MAX: usize = 16;

/// Bytes of a request line up to which it is certain to be found, however it is cut.
const LINE_MAX: usize = 16 * 1024;
/// Bytes at the end of a method that it is known by, so that bodies without any blank need
/// not be searched for where it begins.
const METHOD_MAX: usize = 64;

impl<S> Watched<S> {
    pub(crate) fn new(inner: S) -> (Self, Rc<Lines>) {
        let lines = Rc::<Lines>::default();
        (Self { inner, lines: Rc::clone(&lines) }, lines)
    }

    pub(crate) fn into_inner(self) -> S {
        self.inner
    }
}

impl Lines {
    /// Bytes that have come.
    pub(crate) fn received(&self) -> u64 {
        self.received.get()
    }

    /// Since when the client has taken no byte of what there is for it.
    pub(crate) fn stalled_since(&self) -> Option<Instant> {
        self.stalled.get()
    }

    /// Forgets all lines that were found. A request line that came together with the body before
    /// it goes with them: its fragment is left out, which is harmless, as what is matched is
    /// still what is forwarded.
    pub(crate) fn forget(&self) {
        self.seen.borrow_mut().found.clear();
    }

    fn note_write(&self, is_pending: bool) {
        match (is_pending, self.stalled.get()) {
            (true, None) => self.stalled.set(Some(clock::now())),
            (true, Some(_)) | (false, None) => {}
            (false, Some(_)) => self.stalled.set(None),
        }
    }

    /// Whether a line asked by this method for this target with a fragment behind it. The
    /// line is forgotten then, so that each request is to ask once.
    pub(crate) fn had_fragment(&self, method: &Method, target: &Uri) -> bool {
        let mut seen = self.seen.borrow_mut();
        let found = seen.found.iter().position(|line| asks_for(line, method, target));
        if let Some(at) = found {
            seen.found.remove(at);
        }
        found.is_some()
    }

    fn handle_read(&self, bytes: &[u8]) {
        let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.received.set(self.received.get().saturating_add(more));
        self.seen.borrow_mut().handle_read(bytes);
    }
}

/// Whether `line`, the part of a request line before the fragment, or of more than that,
/// asks for it. The target is read as the parser does that made `target`.
fn asks_for(line: &[u8], method: &Method, target: &Uri) -> bool {
    let mut words = line.rsplitn(2, |byte| *byte == b' ');
    let (Some(wanted), Some(before)) = (words.next(), words.next()) else { return false };
    let method = method.as_str().as_bytes();
    // A body that ends without a line end runs into the next request's method.
    let is_asked = before.ends_with(method) || (before.len() == METHOD_MAX && method.ends_with(before));
    is_asked && Uri::try_from(wanted).is_ok_and(|wanted| wanted == *target)
}

impl Seen {
    fn handle_read(&mut self, bytes: &[u8]) {
        let mut line = std::mem::take(&mut self.unfinished);
        let is_within_word = line.last().is_some_and(|byte| is_of_method(*byte));
        let joined = if line.is_empty() { 0 } else { self.join(&mut line, bytes) };
        // A line whose first word began in the last read has been looked at with all of it.
        let first = usize::from(is_within_word && joined > 0);
        self.look(bytes, first..bytes.len());
        if joined < bytes.len() {
            line.clear();
            line.extend_from_slice(beginning(bytes));
        } else {
            let kept = beginning(&line).len();
            line.drain(..line.len() - kept);
        }
        if !line.is_empty() {
            self.unfinished = line;
        }
    }

    /// Looks at the lines that lie across two reads; answers how much of the second may belong
    /// to one.
    fn join(&mut self, line: &mut Vec<u8>, bytes: &[u8]) -> usize {
        let reach = reach(line, bytes);
        let Some(room) = LINE_MAX.checked_sub(reach) else { return 0 };
        line.drain(..line.len().saturating_sub(room));
        let boundary = line.len();
        line.extend_from_slice(bytes.get(..reach).unwrap_or_default());
        self.look(line, 0..boundary);
        reach
    }

    /// Remembers each whole request line that has a `#` and begins at one of `starts`.
    fn look(&mut self, bytes: &[u8], starts: Range<usize>) {
        for at in memchr::memchr_iter(b'#', bytes) {
            let (before, behind) = bytes.split_at(at);
            if let Some(line) = method_and_target(before)
                && starts.contains(&(at - line.len()))
                && is_fragment_and_version(behind)
            {
                self.remember(line);
            }
        }
    }

    fn remember(&mut self, line: &[u8]) {
        // What makes it longer than a line can be stands before the method.
        let line = line.get(line.len().saturating_sub(LINE_MAX)..).unwrap_or(line);
        let mut total: usize = self.found.iter().map(|found| found.len()).sum();
        while self.found.len() >= FOUND_MAX || total + line.len() > LINE_MAX {
            let Some(oldest) = self.found.pop_front() else { break };
            total -= oldest.len();
        }
        self.found.push_back(line.into());
    }
}

/// How many of the first of `bytes` can belong to a request line that began in `line`: up to
/// what ends it, or its third blank.
fn reach(line: &[u8], bytes: &[u8]) -> usize {
    let window = bytes.get(..=LINE_MAX).unwrap_or(bytes);
    if !line.contains(&b' ') {
        let method = window.iter().take(METHOD_MAX).take_while(|byte| is_of_method(**byte)).count();
        if method == METHOD_MAX || window.get(method).is_some_and(|byte| *byte != b' ') {
            // No method goes on, or what it is known by is in `bytes` alone.
            return 0;
        }
    }
    let mut blanks = 0;
    let end = window.iter().position(|byte| {
        blanks += u8::from(*byte == b' ');
        blanks == 3 || !(*byte == b' ' || is_of_word(*byte))
    });
    end.map_or(window.len(), |end| end + 1)
}

/// The last bytes, as far as a request line that has a `#` may begin in them.
fn beginning(bytes: &[u8]) -> &[u8] {
    let window = bytes.get(bytes.len().saturating_sub(LINE_MAX)..).unwrap_or(bytes);
    let Some((front, last)) = split_last_word(window) else { return last_token(window) };
    let mut length = last_token(last).len();
    let method = last_token(front).len();
    if method > 0 && last.iter().all(|byte| is_of_word(*byte)) {
        length = method + 1 + last.len();
    }
    if is_beginning_of_version(last)
        && let Some((method, target)) = split_last_word(front)
        && target.contains(&b'#')
        && target.iter().all(|byte| is_of_word(*byte))
    {
        length = length.max(last_token(method).len() + 1 + target.len() + 1 + last.len());
    }
    window.get(window.len() - length..).unwrap_or_default()
}

/// What stands before the last blank, and behind it.
fn split_last_word(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memrchr(b' ', bytes)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

/// The bytes at the end that can be a method, or what it is known by.
fn last_token(bytes: &[u8]) -> &[u8] {
    let length = bytes.iter().rev().take(METHOD_MAX).take_while(|byte| is_of_method(**byte)).count();
    bytes.get(bytes.len() - length..).unwrap_or_default()
}

fn is_beginning_of_version(bytes: &[u8]) -> bool {
    bytes.len() <= b"HTTP/1.1".len() && bytes.iter().zip(b"HTTP/1.").all(|(byte, expected)| byte == expected)
}

/// `METHOD SP target`, where `before` ends in that and the target has no `#` yet.
fn method_and_target(before: &[u8]) -> Option<&[u8]> {
    let blank = before.iter().rposition(|byte| *byte == b'#' || !is_of_word(*byte))?;
    let (front, target) = (before.get(..blank)?, before.get(blank + 1..)?);
    let method = last_token(front).len();
    let is_whole = before.get(blank) == Some(&b' ') && method > 0 && !target.is_empty();
    if is_whole { before.get(blank - method..) } else { None }
}

/// `#fragment SP HTTP/1.x` and an end of line.
fn is_fragment_and_version(behind: &[u8]) -> bool {
    let Some(end) = behind.iter().position(|byte| !is_of_word(*byte)) else { return false };
    match behind.get(end..).unwrap_or_default() {
        [b' ', b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor, line_end, ..] => {
            minor.is_ascii_digit() && matches!(line_end, b'\r' | b'\n')
        }
        _ => false,
    }
}

/// What parsers let pass in a target; more than RFC 3986 does.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_graphic() || !byte.is_ascii()
}

/// A token (RFC 9110 §5.6.2).
fn is_of_method(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = into.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, into))?;
        self.lines.handle_read(into.filled().get(filled..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.lines.note_write(written.is_pending());
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.lines.note_write(written.is_pending());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;

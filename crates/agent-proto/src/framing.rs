//! Messages behind a length of four bytes, big-endian, found in a stream that arrives in pieces.

use crate::fault::Fault;

/// Bytes of the length.
const PREFIX: usize = 4;

/// What an empty buffer keeps of its memory.
const KEEP: usize = 64 * 1024;

/// Bytes that have come and are not yet read. No more memory is taken than what has come needs: an
/// announcement alone costs nothing.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    /// Those before it are read.
    at: usize,
    /// The longest message, behind its length.
    max: usize,
}

impl Buffer {
    pub(crate) const fn new(max: usize) -> Self {
        Self { bytes: Vec::new(), at: 0, max }
    }

    /// More of the stream has come.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        // What has been read goes when it is the larger part, so that each byte is moved once at most.
        if self.at > self.bytes.len() / 2 {
            self.bytes.drain(..self.at);
            self.at = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message, without its length.
    pub(crate) fn next_message(&mut self) -> Result<Option<&[u8]>, Fault> {
        if self.is_between_messages() {
            // Whoever waits for more asks until there is none, so nobody waits with a large buffer.
            self.bytes.clear();
            self.bytes.shrink_to(KEEP);
            self.at = 0;
            return Ok(None);
        }
        let waiting = self.bytes.get(self.at..).unwrap_or_default();
        let Some((prefix, rest)) = waiting.split_first_chunk::<PREFIX>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
        if length > self.max {
            return Err(Fault::TooLarge { length, max: self.max });
        }
        let Some(message) = rest.get(..length) else { return Ok(None) };
        self.at += PREFIX + length;
        Ok(Some(message))
    }

    /// Whether the stream may end here.
    pub(crate) const fn is_between_messages(&self) -> bool {
        self.at == self.bytes.len()
    }
}

/// A message being written: its length is filled in at the end.
#[derive(Debug)]
pub(crate) struct Draft(Vec<u8>);

impl Draft {
    pub(crate) fn new() -> Self {
        Self(vec![0; PREFIX])
    }

    pub(crate) const fn body(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }

    /// The message with its length, if that is no more than `max`.
    pub(crate) fn finish(mut self, max: usize) -> Result<Vec<u8>, Fault> {
        let length = self.0.len() - PREFIX;
        let too_large = Fault::TooLarge { length, max };
        let prefix = u32::try_from(length).ok().filter(|_| length <= max).ok_or(too_large)?;
        if let Some(place) = self.0.first_chunk_mut::<PREFIX>() {
            *place = prefix.to_be_bytes();
        }
        Ok(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Buffer, KEEP};

    #[test]
    fn nobody_waits_with_a_large_buffer() {
        let mut buffer = Buffer::new(usize::MAX);
        let message = vec![b'a'; 1 << 20];
        buffer.feed(&0x0010_0000_u32.to_be_bytes());
        for piece in message.chunks(KEEP) {
            assert_eq!(buffer.next_message(), Ok(None));
            buffer.feed(piece);
        }
        assert_eq!(buffer.next_message(), Ok(Some(&*message)));
        assert_eq!(buffer.next_message(), Ok(None));
        assert!(buffer.bytes.capacity() <= KEEP);
    }
}

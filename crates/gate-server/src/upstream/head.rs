//! The head of the upstream's answer, from as many reads as it takes.

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use httparse::{EMPTY_HEADER, Status};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::upstream::error::UpgradeError;

/// Bytes of the head of a response, and of the interim responses before it.
const HEAD_MAX: usize = 16 * 1024;
/// Header lines of a response.
const HEADERS_MAX: usize = 100;
/// Room for one read; most heads are smaller.
const READ_SIZE: usize = 2 * 1024;

/// A response head, and the bytes that came behind it.
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    /// The head itself as it came.
    pub(crate) raw: Bytes,
    pub(crate) behind: Bytes,
}

/// Reads the first head that is final: 1xx other than 101 are left out (RFC 9110 §15.2).
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Head, UpgradeError> {
    let mut buffer = BytesMut::with_capacity(READ_SIZE);
    let mut interim = 0;
    loop {
        let has_begun = interim > 0 || !buffer.is_empty();
        match stream.read_buf(&mut buffer).await {
            Ok(1..) => {}
            Ok(0) | Err(_) if has_begun => return Err(UpgradeError::Truncated),
            Ok(0) => return Err(UpgradeError::Ended),
            Err(error) => return Err(UpgradeError::Lost(error)),
        }
        while ends_a_head(&buffer) {
            let Some(Parsed { length, status, version, headers }) = parse(&buffer)? else { break };
            if interim + length > HEAD_MAX {
                return Err(UpgradeError::HeadTooLarge);
            }
            let raw = buffer.split_to(length).freeze();
            if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
                interim += length;
                continue;
            }
            return Ok(Head { status, version, headers, raw, behind: buffer.freeze() });
        }
        if buffer.remaining() + interim > HEAD_MAX {
            return Err(UpgradeError::HeadTooLarge);
        }
    }
}

/// Whether an empty line is in sight. Parsing waits for that, so that a head that comes
/// byte by byte is not parsed at each of them.
fn ends_a_head(buffer: &[u8]) -> bool {
    buffer.windows(2).any(|pair| pair == b"\n\n") || buffer.windows(3).any(|triple| triple == b"\n\r\n")
}

struct Parsed {
    length: usize,
    status: StatusCode,
    version: Version,
    headers: HeaderMap,
}

fn parse(buffer: &[u8]) -> Result<Option<Parsed>, UpgradeError> {
    let mut lines = [EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut lines);
    let Status::Complete(length) = response.parse(buffer)? else { return Ok(None) };
    let version = match response.version {
        Some(1) => Version::HTTP_11,
        Some(0) => Version::HTTP_10,
        Some(_) | None => return Err(UpgradeError::Version),
    };
    let status = response.code.and_then(|code| StatusCode::from_u16(code).ok());
    let Some(status) = status else { return Err(UpgradeError::Version) };
    let mut headers = HeaderMap::with_capacity(response.headers.len());
    for line in response.headers.iter() {
        let name = HeaderName::from_bytes(line.name.as_bytes());
        let value = HeaderValue::from_bytes(line.value);
        let (Ok(name), Ok(value)) = (name, value) else { return Err(UpgradeError::Field) };
        headers.append(name, value);
    }
    Ok(Some(Parsed { length, status, version, headers }))
}

//! One proxy's connection, from its first byte to its end, in either version of the protocol.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use agent_proto::v2::{self, Capabilities, Features, FromAgent, HandshakeResponse, MessageType, ToAgent};
use agent_proto::{Fault, Version, sniff, v1};
use gate_inspect::Scratch;

use super::inspector::Inspector;

/// Bytes that are read at once.
const READ: usize = 64 * 1024;

/// How long a proxy may take no bytes.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a connection ended before its proxy wanted it to.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Answers whatever is asked on a stream until the proxy ends it.
///
/// # Errors
/// What is asked is no message of the protocol, or the stream has failed.
pub(super) fn serve(stream: &UnixStream, inspector: &Inspector) -> Result<(), Broken> {
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    let mut reader = Reader { stream, room: vec![0; READ] };
    let mut beginning = Vec::new();
    let version = loop {
        if let Some(version) = sniff(&beginning) {
            break version;
        }
        match reader.read()? {
            [] if beginning.is_empty() => return Ok(()),
            [] => return Err(Fault::Truncated.into()),
            bytes => beginning.extend_from_slice(bytes),
        }
    };
    match version {
        Version::V1 => first(reader, beginning, inspector),
        Version::V2 => second(reader, beginning, inspector),
    }
}

struct Reader<'a> {
    stream: &'a UnixStream,
    room: Vec<u8>,
}

impl Reader<'_> {
    /// More of the stream; nothing at its end.
    fn read(&mut self) -> io::Result<&[u8]> {
        loop {
            match (&*self.stream).read(&mut self.room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(count) => return Ok(self.room.get(..count).unwrap_or_default()),
            }
        }
    }
}

fn first(mut reader: Reader<'_>, beginning: Vec<u8>, inspector: &Inspector) -> Result<(), Broken> {
    let (mut frames, mut scratch) = (v1::Frames::new(), Scratch::default());
    frames.feed(&beginning);
    drop(beginning);
    loop {
        while let Some(message) = frames.next_message()? {
            let answer = inspector.answer(&v1::decode_request(message)?, &mut scratch, now());
            (&mut &*reader.stream).write_all(&v1::encode_answer(&answer)?)?;
        }
        match reader.read()? {
            [] if frames.is_between_messages() => return Ok(()),
            [] => return Err(Fault::Truncated.into()),
            bytes => frames.feed(bytes),
        }
    }
}

fn second(mut reader: Reader<'_>, beginning: Vec<u8>, inspector: &Inspector) -> Result<(), Broken> {
    let (mut frames, mut scratch) = (v2::Frames::new(), Scratch::default());
    let mut is_greeted = false;
    frames.feed(&beginning);
    drop(beginning);
    loop {
        while let Some(message) = frames.next_message()? {
            let reply = match v2::decode_to_agent(message)? {
                ToAgent::Handshake(request) if !is_greeted => {
                    is_greeted = true;
                    if let Err(fault) = request.check() {
                        let refusal = FromAgent::Handshake(HandshakeResponse::refuse(capabilities(), &fault));
                        (&mut &*reader.stream).write_all(&v2::encode_from_agent(&refusal)?)?;
                        return Err(fault.into());
                    }
                    v2::encode_from_agent(&FromAgent::Handshake(HandshakeResponse::accept(capabilities())))?
                }
                ToAgent::Event(event) if is_greeted => {
                    let answer = inspector.answer(&event, &mut scratch, now());
                    v2::encode_answer(event.correlation_id(), answer)?
                }
                ToAgent::Ping(_) if is_greeted => v2::encode_payload(MessageType::Pong, message.payload)?,
                // Events are answered one after the other, so whatever is cancelled is answered already.
                ToAgent::Cancel(_) if is_greeted => continue,
                ToAgent::Handshake(_) | ToAgent::Event(_) | ToAgent::Ping(_) | ToAgent::Cancel(_) => {
                    return Err(Fault::Unexpected(message.kind.byte()).into());
                }
            };
            (&mut &*reader.stream).write_all(&reply)?;
        }
        match reader.read()? {
            [] if frames.is_between_messages() => return Ok(()),
            [] => return Err(Fault::Truncated.into()),
            bytes => frames.feed(bytes),
        }
    }
}

/// What the agent says of itself in version 2.
fn capabilities() -> Capabilities {
    Capabilities {
        agent_id: "websocket-inspector".to_owned(),
        name: "Framegate WebSocket inspector".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        // WebSocket frames and settings.
        supported_events: vec![6, 8],
        features: Features { websocket: true, concurrent_requests: 64, ..Features::default() },
        limits: v2::Limits { max_body_size: 10_485_760, max_concurrency: 1024, preferred_chunk_size: 65_536 },
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where the agent reads the clock, once for each event")]
pub(super) fn now() -> Instant {
    Instant::now()
}

//! The entry point for fuzzing: any bytes as a message, a datagram and a stream.
//!
//! What holds for every input: it comes to the same items however it is cut, a copy without edits is the
//! original, an edit changes what it names and nothing else, and every answer can be read.

mod edge;

use crate::response::{Reply, reply};
use crate::stream::Item;
use crate::{Edits, Fault, Framer, HeaderName, Keepalive, Limits, Message, MessageError, Status, Via};

pub use edge::fuzz_edge;

/// Small enough to be met by small inputs.
const LIMITS: Limits = Limits { message: 2048, head: 1024, headers: 24, line: 300 };

/// For what was made longer here.
const WIDE: Limits = Limits { message: 1 << 16, head: 1 << 16, headers: 1 << 10, line: 1 << 16 };

/// Cuts in two that are tried, at about that many places; byte by byte each place is tried in any case.
const CUTS: usize = 32;

/// Reads `data` in every way that there is.
///
/// # Panics
/// One of the invariants does not hold: that is a bug to be found.
pub fn fuzz_sip(data: &[u8]) {
    match Message::parse(data, &LIMITS) {
        Ok(message) => sound(&message),
        Err(error) => refused(data, error),
    }
    if let Ok(message) = Message::parse_datagram(data, &LIMITS) {
        let again = Message::parse(message.bytes(), &LIMITS).map(|again| again.bytes());
        assert_eq!(again, Ok(message.bytes()), "what a datagram holds stands alone as well");
    }
    let whole = items(&[data]);
    for cut in (0..data.len()).step_by(1 + data.len() / CUTS) {
        let (head, tail) = data.split_at(cut);
        assert_eq!(items(&[head, tail]), whole, "cut at {cut}");
    }
    assert_eq!(items(&data.chunks(1).collect::<Vec<_>>()), whole, "byte by byte");
    for found in &whole.0 {
        if let Ok(message) = Message::parse(found, &WIDE) {
            assert_eq!(message.bytes(), found, "message and stream agree on where it ends");
            assert!(message.content_length().is_some());
        }
    }
}

fn refused(data: &[u8], error: MessageError) {
    assert!(error.at <= data.len() && Fault::LABELS.contains(&error.label()), "{error:?}");
    if let Some(salvaged) = Message::salvage(data, &LIMITS) {
        assert!(salvaged.method().is_some());
        answered(&salvaged);
    }
}

fn sound(message: &Message<'_>) {
    let mut end = message.headers_range().start;
    for header in message.headers() {
        assert_eq!(header.line.start, end, "lines follow each other");
        assert!(header.name_range.start == header.line.start && header.name_range.end < header.value.start);
        assert!(header.value.start <= header.value.end && header.value.end < header.line.end);
        end = header.line.end;
    }
    assert_eq!(end, message.headers_range().end);
    assert_eq!(message.body_range().end, message.bytes().len());
    assert!(message.content_length().is_none_or(|length| length == message.body().len()));
    assert_eq!(applied(message, &Edits::new()), message.bytes());
    answered(message);
    with_length(message);
    for name in [HeaderName::Via, HeaderName::Route, HeaderName::Contact] {
        without_first(message, name);
    }
    if let Ok(via) = message.top_via() {
        with_received(message, &via);
    }
    if let Ok(found) = message.essentials() {
        assert_eq!(message.call_id(), Some(found.call_id));
        assert_eq!(message.cseq(), Some((found.cseq, found.method)));
        assert_eq!((message.from_uri(), message.to_tag()), (Some(found.from.uri), found.to.tag()));
    }
}

fn answered(request: &Message<'_>) {
    let source = "192.0.2.1:5060".parse().ok();
    let wanted = Reply { status: Status::BAD_REQUEST, headers: &[], to_tag: "t", source };
    let mut out = Vec::new();
    let is_answered = reply(request, &wanted, &mut out);
    assert_eq!(is_answered, request.method().is_some_and(|method| method != b"ACK"));
    if is_answered {
        let answer = parsed(&out);
        assert_eq!(answer.content_length(), Some(0));
        assert_eq!(answer.call_id(), request.call_id());
        assert_eq!(answer.values(HeaderName::Via).count(), request.values(HeaderName::Via).count());
    }
}

fn with_length(message: &Message<'_>) {
    let mut edits = Edits::new();
    edits.set_content_length(message, message.body().len());
    let copy = applied(message, &edits);
    let again = parsed(&copy);
    assert_eq!((again.content_length(), again.body()), (Some(message.body().len()), message.body()));
}

fn without_first(message: &Message<'_>, name: HeaderName) {
    let values =
        |message: &Message<'_>| message.values(name).map(|value| value.bytes.to_vec()).collect::<Vec<_>>();
    let before = values(message);
    let mut edits = Edits::new();
    edits.remove_values(message, name, 0..1);
    let copy = applied(message, &edits);
    let again = parsed(&copy);
    assert_eq!(values(&again), before.get(1..).unwrap_or_default(), "{name:?}");
    assert_eq!(again.body(), message.body());
    let others =
        |message: &Message<'_>| message.headers().iter().filter(|header| header.name != name).count();
    assert_eq!(others(&again), others(message));
}

fn with_received(message: &Message<'_>, via: &Via<'_>) {
    let mut edits = Edits::new();
    edits.set_via_parameter(via, "received", "192.0.2.9");
    edits.insert_before(message, HeaderName::Via, &[b"Via: SIP/2.0/UDP own.example"]);
    let copy = applied(message, &edits);
    let again = parsed(&copy);
    let mut vias = again.values(HeaderName::Via);
    assert_eq!(vias.next().map(|own| own.bytes), Some(&b"SIP/2.0/UDP own.example"[..]));
    let second = vias.next().and_then(|second| Via::parse(again.bytes(), second.range).ok());
    let received = second.as_ref().and_then(Via::received).and_then(|received| received.value);
    assert_eq!(received, Some(&b"192.0.2.9"[..]));
    assert_eq!(second.map(|second| second.host), Some(via.host));
}

fn applied(message: &Message<'_>, edits: &Edits) -> Vec<u8> {
    let mut out = Vec::new();
    edits.apply(message.bytes(), &mut out);
    out
}

fn parsed(bytes: &[u8]) -> Message<'_> {
    let message = Message::parse(bytes, &WIDE);
    assert!(message.is_ok(), "{message:?}");
    #[expect(clippy::expect_used, reason = "it has just been looked at")]
    message.expect("a message")
}

/// The messages, a `ping` or `pong` between them, and the fault that ends them.
fn items(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Option<Fault>) {
    let (mut framer, mut buffer, mut found) = (Framer::new(LIMITS), Vec::new(), Vec::<Vec<u8>>::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match framer.next(&buffer) {
                Ok(None) => break,
                Ok(Some(item)) => {
                    let taken: Vec<u8> = buffer.drain(..item.length()).collect();
                    assert!(!taken.is_empty(), "each item has its bytes");
                    push(&mut found, item, taken);
                }
                Err(error) => return (found, Some(error.fault)),
            }
        }
    }
    (found, None)
}

/// A ping that began as a pong is a ping.
fn push(found: &mut Vec<Vec<u8>>, item: Item, taken: Vec<u8>) {
    match item {
        Item::Message { .. } => found.push(taken),
        Item::Keepalive { kind: Keepalive::Pong, .. } => found.push(b"pong".to_vec()),
        Item::Keepalive { kind: Keepalive::Ping, .. } => {
            if taken.iter().filter(|byte| **byte == b'\n').count() == 1 {
                assert_eq!(found.pop().as_deref(), Some(&b"pong"[..]));
            }
            found.push(b"ping".to_vec());
        }
    }
}

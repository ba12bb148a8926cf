//! The entry point for fuzzing: any bytes for a stream, in both versions and both directions.
//!
//! What holds for every input: it comes to the same messages however it is cut, what can be read can be
//! written and read again, and every fault has a label that is listed.

use crate::{Fault, v1, v2};

/// Reads `data` as a stream of each version, and what it has as messages of each direction.
///
/// # Panics
/// One of the invariants does not hold: that is a bug to be found.
pub fn fuzz_agent(data: &[u8]) {
    let (first, second) = (v1_messages(&[data]), v2_messages(&[data]));
    for cut in 0..data.len() {
        let (head, tail) = data.split_at(cut);
        assert_eq!(v1_messages(&[head, tail]), first, "cut at {cut}");
        assert_eq!(v2_messages(&[head, tail]), second, "cut at {cut}");
    }
    assert_eq!(v1_messages(&data.chunks(1).collect::<Vec<_>>()), first, "byte by byte");
    for message in first.0.iter().map(Vec::as_slice).chain([data]) {
        read_v1(message);
    }
    for (kind, payload) in &second.0 {
        read_v2(v2::Message { kind: *kind, payload });
    }
    for kind in v2::MessageType::ALL {
        read_v2(v2::Message { kind, payload: data });
    }
    labelled(first.1.as_ref());
    labelled(second.1.as_ref());
}

type Found<T> = (Vec<T>, Option<Fault>);

fn v1_messages(pieces: &[&[u8]]) -> Found<Vec<u8>> {
    let (mut frames, mut found) = (v1::Frames::new(), Vec::new());
    for piece in pieces {
        frames.feed(piece);
        loop {
            match frames.next_message() {
                Ok(Some(message)) => found.push(message.to_vec()),
                Ok(None) => break,
                Err(fault) => return (found, Some(fault)),
            }
        }
    }
    (found, None)
}

fn v2_messages(pieces: &[&[u8]]) -> Found<(v2::MessageType, Vec<u8>)> {
    let (mut frames, mut found) = (v2::Frames::new(), Vec::new());
    for piece in pieces {
        frames.feed(piece);
        loop {
            match frames.next_message() {
                Ok(Some(message)) => found.push((message.kind, message.payload.to_vec())),
                Ok(None) => break,
                Err(fault) => return (found, Some(fault)),
            }
        }
    }
    (found, None)
}

fn read_v1(message: &[u8]) {
    match v1::decode_request(message) {
        // What could not be decoded cannot be written either.
        Ok(event) => same_again(v1::encode_request(&event).ok(), |bytes| {
            v1::encode_request(&v1::decode_request(bytes)?)
        }),
        Err(fault) => labelled(Some(&fault)),
    }
    match v1::decode_answer(message) {
        Ok(answer) => {
            same_again(v1::encode_answer(&answer).ok(), |bytes| {
                v1::encode_answer(&v1::decode_answer(bytes)?)
            });
        }
        Err(fault) => labelled(Some(&fault)),
    }
}

fn read_v2(message: v2::Message<'_>) {
    let kind = message.kind;
    match v2::decode_to_agent(message) {
        Ok(said) => same_again(v2::encode_to_agent(&said).ok(), |bytes| {
            let payload = bytes.get(1..).unwrap_or_default();
            v2::encode_to_agent(&v2::decode_to_agent(v2::Message { kind, payload })?)
        }),
        Err(fault) => labelled(Some(&fault)),
    }
    match v2::decode_from_agent(message) {
        Ok(said) => same_again(v2::encode_from_agent(&said).ok(), |bytes| {
            let payload = bytes.get(1..).unwrap_or_default();
            v2::encode_from_agent(&v2::decode_from_agent(v2::Message { kind, payload })?)
        }),
        Err(fault) => labelled(Some(&fault)),
    }
}

/// What was written is read and written again, length aside.
fn same_again(written: Option<Vec<u8>>, again: impl FnOnce(&[u8]) -> Result<Vec<u8>, Fault>) {
    let Some(written) = written else { return };
    let message = written.get(4..).unwrap_or_default();
    assert_eq!(again(message).as_deref(), Ok(&*written), "what is written can be read");
}

fn labelled(fault: Option<&Fault>) {
    let label = fault.map(Fault::label);
    assert!(label.is_none_or(|label| Fault::LABELS.contains(&label)), "{label:?} is listed");
}

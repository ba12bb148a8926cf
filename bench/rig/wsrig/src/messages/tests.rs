//! Messages pass the checker as they are, and in no other way.

use super::*;
use crate::ws::FrameReader;

/// Echoes `wire` (masked frames) unmasked through a checker, in pieces of
/// `step` bytes, and counts complete messages.
fn echo(
    messages: &Messages,
    checker: &mut Checker,
    wire: &[u8],
    step: usize,
    damage: Option<usize>,
) -> Result<usize, Fail> {
    let (mut reader, mut seen, mut complete) = (FrameReader::default(), 0, 0);
    reader.deflate = true;
    for part in wire.chunks(step) {
        let mut pos = 0;
        while let Some(chunk) = reader.next(part, &mut pos)? {
            let mut piece = part[chunk.start..chunk.end].to_vec();
            ws::xor(&mut piece, chunk.header.mask.unwrap(), chunk.offset);
            if let Some(at) = damage
                && (seen..seen + piece.len()).contains(&at)
            {
                piece[at - seen] ^= 1;
            }
            seen += piece.len();
            complete += usize::from(checker.check(messages, &chunk, &piece)?);
        }
    }
    Ok(complete)
}

#[test]
fn checker_accepts_echoes_however_cut() {
    for (size, fragments) in [(0, 1), (1, 1), (5, 3), (128, 1), (128, 7), (1000, 3)] {
        let messages = Messages::new(size, fragments);
        let mut wire = Vec::new();
        for number in 0..3 {
            messages.append(&mut wire, number, false);
        }
        for step in [1, 3, 64, wire.len()] {
            let mut checker = Checker::default();
            let complete = echo(&messages, &mut checker, &wire, step, None).unwrap();
            assert_eq!(complete, 3, "size {size}, {fragments} fragments, step {step}");
        }
    }
}

#[test]
fn checker_finds_damage_anywhere() {
    let messages = Messages::new(40, 2);
    let mut wire = Vec::new();
    messages.append(&mut wire, 0, false);
    for at in 0..40 {
        let result = echo(&messages, &mut Checker::default(), &wire, 7, Some(at));
        assert!(matches!(result, Err(Fail::Mismatch(_))), "byte {at}");
    }
}

#[test]
fn checker_finds_lost_and_swapped_messages() {
    let messages = Messages::new(40, 1);
    for order in [[1, 2], [0, 2], [0, 0]] {
        let mut wire = Vec::new();
        for number in order {
            messages.append(&mut wire, number, false);
        }
        let result = echo(&messages, &mut Checker::default(), &wire, 9, None);
        assert!(matches!(result, Err(Fail::Mismatch(_))), "{order:?}");
    }
}

#[test]
fn text_is_json_of_the_size_and_checked() {
    for size in [64, 65, 95, 96, 97, 256, 5000] {
        let messages = Messages::json(size, 3).unwrap();
        let mut texts = std::collections::BTreeSet::new();
        for body in &messages.bodies {
            let text = std::str::from_utf8(&body.bytes).unwrap();
            assert_eq!(text.len(), size);
            let (head, words) = text.split_once(r#""data":{"text":""#).unwrap();
            assert!(head.starts_with(r#"{"type":"message","#));
            assert!(head.contains(r#""id":1111111111,"#));
            assert_eq!(head.contains(r#""channel":"room-"#), size >= 96);
            let words = words.strip_suffix(r#""}}"#).unwrap();
            let plain = |c: char| c.is_ascii_lowercase() || c == ' ' || c == '.';
            assert!(words.chars().all(plain), "{text}");
            texts.insert(text);
        }
        assert!(texts.len() > 60);
        let mut wire = Vec::new();
        for number in 0..200 {
            messages.append(&mut wire, number, false);
        }
        for step in [1, 7, wire.len()] {
            let mut checker = Checker::default();
            let complete = echo(&messages, &mut checker, &wire, step, None).unwrap();
            assert_eq!(complete, 200, "size {size}, step {step}");
        }
        for at in 0..size {
            let result = echo(&messages, &mut Checker::default(), &wire, 7, Some(at));
            assert!(matches!(result, Err(Fail::Mismatch(_))), "byte {at}");
        }
    }
    assert!(Messages::json(63, 1).is_err());
}

#[test]
fn compressed_messages_are_checked_by_content() {
    let messages = Messages::json(256, 2).unwrap().deflated();
    assert!(messages.packed_size() < 220.0);
    let mut wire = Vec::new();
    for number in 0..2 * PACKED as u64 + 3 {
        // Some uncompressed: a peer may choose so for each message.
        messages.append(&mut wire, number, number % 5 != 0);
    }
    for step in [1, 100, wire.len()] {
        let mut checker = Checker::default();
        let complete = echo(&messages, &mut checker, &wire, step, None).unwrap();
        assert_eq!(complete, 2 * PACKED + 3);
    }
    // The same content, compressed another way: one stored block.
    let number = 7;
    let (body, stamp) = (messages.body(number), messages.stamp(number));
    let mut content = body.bytes.clone();
    content[body.stamp_at..][..DIGITS].copy_from_slice(stamp.bytes());
    let len = content.len() as u16;
    let mut stored = vec![0];
    stored.extend_from_slice(&len.to_le_bytes());
    stored.extend_from_slice(&(!len).to_le_bytes());
    stored.extend_from_slice(&content);
    stored.push(0);
    assert!(messages.check_packed(number, &stored).is_ok());
    assert!(messages.check_packed(number + 1, &stored).is_err());
    for at in 5..stored.len() - 1 {
        let mut damaged = stored.clone();
        damaged[at] ^= 1;
        assert!(messages.check_packed(number, &damaged).is_err(), "byte {at}");
    }
}

//! What is read, what is refused, and what it may cost.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use super::*;

const LIMITS: InflateLimits = InflateLimits { size_max: 1 << 20, ratio_max: 200 };

/// "Hello" in one fixed block, as RFC 7692 §7.2.3.1 prints it.
const HELLO: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

fn read(input: &[u8]) -> Result<Vec<u8>, FrameError> {
    let mut out = Vec::new();
    Inflater::new().inflate(input, &LIMITS, &mut out).map(|()| out)
}

/// What a peer sends for `text`: a flush, without the four bytes that end it.
fn deflate(sender: &mut Compress, text: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 100 + 64);
    sender.compress_vec(text, &mut out, flush).unwrap();
    assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
    out.truncate(out.len() - 4);
    out
}

fn deflated(text: &[u8]) -> Vec<u8> {
    deflate(&mut Compress::new(Compression::default(), false), text, FlushCompress::Sync)
}

/// A block without compression that says `text`.
fn stored(text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    let mut block = vec![0];
    block.extend_from_slice(&length.to_le_bytes());
    block.extend_from_slice(&(!length).to_le_bytes());
    block.extend_from_slice(text);
    block
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn what_the_standard_prints_is_read() {
    // RFC 7692 §7.2.3.1 to §7.2.3.6.
    let in_two_blocks = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
    let final_block = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
    let cases: [(&[u8], &[u8]); 6] = [
        (HELLO, b"Hello"),
        (&joined(&[&stored(b"Hello"), &[0]]), b"Hello"),
        (&final_block, b"Hello"),
        (&in_two_blocks, b"Hello"),
        (&[0x00], b""),
        (&[0x02, 0x00], b""),
    ];
    for (input, expected) in cases {
        assert_eq!(read(input).as_deref(), Ok(expected), "{input:02x?}");
    }
}

#[test]
fn a_window_goes_on_to_the_next_message_only_where_it_is_kept() {
    // RFC 7692 §7.2.3.2: the second "Hello" refers to the first.
    let again = [0xf2, 0x00, 0x11, 0x00, 0x00];
    let mut inflater = Inflater::with_context();
    let mut out = Vec::new();
    assert_eq!(inflater.inflate(HELLO, &LIMITS, &mut out), Ok(()));
    assert_eq!(inflater.inflate(&again, &LIMITS, &mut out), Ok(()));
    assert_eq!(out, b"HelloHello");
    inflater.reset();
    assert_eq!(inflater.inflate(&again, &LIMITS, &mut out), Err(FrameError::BadDeflate));
    assert_eq!(inflater.inflate(HELLO, &LIMITS, &mut out), Ok(()), "nothing is left of the bad one");

    let mut inflater = Inflater::new();
    assert_eq!(inflater.inflate(HELLO, &LIMITS, &mut out), Ok(()));
    assert_eq!(inflater.inflate(&again, &LIMITS, &mut out), Err(FrameError::BadDeflate));
    assert_eq!(inflater.inflate(HELLO, &LIMITS, &mut out), Ok(()));
}

#[test]
fn row_42_what_follows_a_last_block_may_say_nothing() {
    let last = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let empty = stored(b"");
    let cases: [(&[u8], bool); 9] = [
        (&[], true),
        (&[0x00], true),
        (&[0x02, 0x00], true),
        (&joined(&[&empty, &empty, &[0]]), true),
        (HELLO, false),
        (&joined(&[&stored(b"x"), &[0]]), false),
        (&[0x07], false),
        (&[0x01, 0x00, 0x00, 0xff, 0xff], false),
        (b"trailing", false),
    ];
    for (rest, is_read) in cases {
        let expected = if is_read { Ok(&b"Hello"[..]) } else { Err(FrameError::BadDeflate) };
        let mut out = Vec::new();
        let mut inflater = Inflater::with_context();
        let result = inflater.inflate(&joined(&[&last, rest]), &LIMITS, &mut out);
        assert_eq!(result.map(|()| out.as_slice()), expected, "{rest:02x?}");
        assert_eq!(inflater.inflate(HELLO, &LIMITS, &mut out), Ok(()));
        let refers = inflater.inflate(&[0xf2, 0x00, 0x11, 0x00, 0x00], &LIMITS, &mut out);
        assert_eq!(refers, Ok(()), "the next message begins a window of its own");
    }
}

#[test]
fn a_message_that_ends_within_a_block_is_refused() {
    let text = b"The quick brown fox jumps over the lazy dog; the lazy dog does not mind.";
    let whole = deflated(&text.repeat(20));
    for cut in 0..whole.len() {
        assert_eq!(read(&whole[..cut]), Err(FrameError::BadDeflate), "cut at {cut} of {}", whole.len());
    }
    for cut in 0..HELLO.len() {
        assert_eq!(read(&HELLO[..cut]), Err(FrameError::BadDeflate), "cut at {cut}");
    }
    // What is left off at the end is data of a block, or a part of its length.
    for length in 1..20 {
        let block = stored(&vec![b'a'; length]);
        for cut in 2..=block.len() {
            assert_eq!(read(&block[..cut]), Err(FrameError::BadDeflate), "{length} bytes cut at {cut}");
        }
    }
    // The sender leaves these off; whoever does not says something else.
    assert_eq!(read(&joined(&[HELLO, &[0, 0, 0xff, 0xff]])), Err(FrameError::BadDeflate));
}

#[test]
fn codes_that_end_within_what_the_sender_leaves_off_end_no_message() {
    let next = deflated(b"the next message");
    for left_over in 0..6 {
        let message = table_that_ends_with(left_over);
        // A receiver that forgets nothing reads the next message from there.
        let mut receiver = Decompress::new(false);
        let mut seen = Vec::with_capacity(1_000);
        for part in [&message[..], &[0, 0, 0xff, 0xff], &next, &[0, 0, 0xff, 0xff]] {
            // What comes of a bad message is no matter here.
            let _ = receiver.decompress_vec(part, &mut seen, FlushDecompress::Sync);
        }
        assert_eq!(seen == b"the next message", left_over == 0, "{left_over} bits");
        let expected = if left_over == 0 { Ok(Vec::new()) } else { Err(FrameError::BadDeflate) };
        assert_eq!(read(&message), expected, "{left_over} bits");
    }
}

/// A block of codes that says nothing. Its tables lack their end: the two bytes of zeros and the
/// two of ones that a receiver adds complete them, end the block, and leave over so many ones.
fn table_that_ends_with(left_over: usize) -> Vec<u8> {
    // What a code length of 0 to 8 is written as, in the order of the bits: `0`, or `1` and three.
    let code_length = |length: usize| match length {
        0 => "0".to_owned(),
        length => format!("1{:03b}", length - 1),
    };
    // With the last two distances, of eight ones altogether, so many ones are behind the zeros.
    let end = 8 - left_over;
    let texts: Vec<usize> = std::iter::repeat_n(0, 256 - end).chain(1..=end).chain([end]).collect();
    for padding in 0..29 {
        let distances: Vec<usize> = (1..=7).chain([0; 16]).collect();
        let number = |value: usize, bits: usize| -> String {
            (0..bits).map(|bit| if value >> bit & 1 == 1 { '1' } else { '0' }).collect()
        };
        let mut bits = "001".to_owned();
        bits += &number(padding, 5);
        bits += &number(distances.len() + 2 - 1, 5);
        bits += &number(18 - 4, 4);
        for symbol in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1] {
            bits += &number(
                match symbol {
                    0 => 1,
                    1..=8 => 4,
                    _ => 0,
                },
                3,
            );
        }
        let lengths = texts.iter().copied().chain(std::iter::repeat_n(0, padding));
        bits += &lengths.chain(1..=7).map(code_length).collect::<String>();
        if bits.len().is_multiple_of(8) {
            let byte = |bits: &[u8]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | (bit - b'0'));
            return bits.as_bytes().chunks(8).map(byte).collect();
        }
    }
    panic!("one of eight lengths is whole bytes");
}

#[test]
fn what_is_no_deflate_data_is_refused() {
    let far = [0xf2, 0x00, 0x11, 0x00, 0x00];
    let cases: [&[u8]; 8] = [
        &[],
        &[0x06],
        &[0x07],
        &[0xff],
        b"<script>alert(1)</script>",
        &[0x00, 0x05, 0x00, 0x00, 0x00],
        &far,
        &[0x04, 0xff, 0xff, 0xff, 0xff],
    ];
    for input in cases {
        assert_eq!(read(input), Err(FrameError::BadDeflate), "{input:02x?}");
    }
}

#[test]
fn row_43_the_largest_window_is_read_whatever_was_agreed() {
    let mut text: Vec<u8> = Vec::new();
    let mut state = 1_u32;
    while text.len() < 32_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.push(state.to_be_bytes()[0]);
    }
    let again = text[..300].to_vec();
    text.extend_from_slice(&again);
    let message = deflated(&text);
    assert!(message.len() < 32_200, "the end refers to the beginning");
    assert!(read(&message) == Ok(text));
}

#[test]
fn every_text_and_every_flush_comes_out_as_it_went_in() {
    let limits = InflateLimits { size_max: 1 << 20, ratio_max: 0 };
    let texts: [&[u8]; 4] = [b"a", b"{\"a\":1}", &[0; 70_000], &b"0123456789abcdef".repeat(9_000)];
    for level in [0, 1, 6, 9] {
        for flush in [FlushCompress::Sync, FlushCompress::Full] {
            let mut sender = Compress::new(Compression::new(level), false);
            let mut inflater = Inflater::with_context();
            for text in texts {
                let message = deflate(&mut sender, text, flush);
                let mut out = b"before".to_vec();
                assert_eq!(inflater.inflate(&message, &limits, &mut out), Ok(()), "level {level}");
                assert!(out.strip_prefix(b"before") == Some(text), "level {level}");
            }
        }
    }
}

#[test]
fn a_message_may_be_as_large_as_the_limit_and_no_larger() {
    for size in [1_u64, 1_000, 40_000, 100_000] {
        let limits = InflateLimits { size_max: size, ratio_max: 0 };
        let text = vec![b'x'; usize::try_from(size).unwrap() + 1];
        for (text, is_read) in [(&text[1..], true), (&text[..], false)] {
            let mut out = Vec::new();
            let result = Inflater::new().inflate(&deflated(text), &limits, &mut out);
            let too_large = FrameError::InflatedTooLarge(InflateBound::Size(size));
            let expected = if is_read { Ok(()) } else { Err(too_large) };
            assert_eq!(result, expected, "{size}");
            assert!(out.capacity() <= text.len() + STEP_MAX, "{} for {size}", out.capacity());
        }
    }
}

#[test]
fn row_40_a_bomb_is_given_up_when_it_is_too_large() {
    let bomb = deflated(&vec![0; 8 << 20]);
    assert!(bomb.len() < 9_000);
    let cases = [
        (InflateLimits { size_max: 1 << 20, ratio_max: 0 }, 1 << 20, InflateBound::Size(1 << 20)),
        (InflateLimits { size_max: 0, ratio_max: 10 }, bomb.len() * 10, InflateBound::Ratio(10)),
        (InflateLimits { size_max: 1 << 20, ratio_max: 200 }, 1 << 20, InflateBound::Size(1 << 20)),
    ];
    for (limits, most, bound) in cases {
        let mut out = Vec::new();
        let result = Inflater::new().inflate(&bomb, &limits, &mut out);
        assert_eq!(result, Err(FrameError::InflatedTooLarge(bound)), "{limits:?}");
        assert!(out.capacity() <= most + STEP_MAX, "{} of {most}", out.capacity());
    }
    // What is small anyway is no bomb.
    let zeros = deflated(&[0; 60_000]);
    let mut out = Vec::new();
    let limits = InflateLimits { size_max: 0, ratio_max: 1 };
    assert_eq!(Inflater::new().inflate(&zeros, &limits, &mut out), Ok(()));
}

#[test]
fn row_40_a_bomb_across_messages_is_counted_in_each() {
    let mut sender = Compress::new(Compression::best(), false);
    let mut inflater = Inflater::with_context();
    let limits = InflateLimits { size_max: 10_000, ratio_max: 0 };
    let mut out = Vec::new();
    for _ in 0..20 {
        out.clear();
        let message = deflate(&mut sender, &[7; 10_000], FlushCompress::Sync);
        assert_eq!(inflater.inflate(&message, &limits, &mut out), Ok(()));
        assert_eq!(out.len(), 10_000);
    }
}

#[test]
fn row_41_blocks_that_say_nothing_are_counted() {
    let empty = stored(b"");
    for (count, is_read) in [(1, true), (4_000, true), (5_000, false), (200_000, false)] {
        let too_large = FrameError::InflatedTooLarge(InflateBound::EmptyBlocks);
        let expected = if is_read { Ok(Vec::new()) } else { Err(too_large) };
        assert_eq!(read(&joined(&[&empty.repeat(count), &[0]])), expected, "{count}");
    }
    // A sender that flushes behind every few words.
    let mut sender = Compress::new(Compression::default(), false);
    let mut message = Vec::new();
    for _ in 0..6_000 {
        let mut out = Vec::with_capacity(200);
        sender.compress_vec(b"a few words at a time; ", &mut out, FlushCompress::Sync).unwrap();
        message.extend_from_slice(&out);
    }
    message.truncate(message.len() - 4);
    assert_eq!(read(&message).map(|text| text.len()), Ok(6_000 * 23));
}

//! Edits by chance, held against a model that goes byte by byte, and lists by chance, of which items are taken.

#![expect(clippy::indexing_slicing, reason = "helpers of tests work on what the tests give them")]

use std::ops::Range;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sip_proto::{Edits, HeaderName, Limits, Message};

const TRIES: u64 = 4_000;

/// What the edits come to: before each byte the texts of its place, then the byte unless a range covers it.
fn model(original: &[u8], edits: &[(Range<usize>, Vec<u8>)]) -> Vec<u8> {
    let last = edits.iter().map(|(range, _)| range.start).max().unwrap_or(0).max(original.len());
    let mut out = Vec::new();
    for at in 0..=last {
        for (_, text) in edits.iter().filter(|(range, _)| range.start == at) {
            out.extend_from_slice(text);
        }
        if at < original.len() && !edits.iter().any(|(range, _)| range.contains(&at)) {
            out.push(original[at]);
        }
    }
    out
}

#[test]
fn any_edits_leave_what_they_do_not_name() {
    for seed in 0..TRIES {
        let mut dice = StdRng::seed_from_u64(seed);
        let original: Vec<u8> =
            (0..dice.random_range(0..40)).map(|_| dice.random_range(b'a'..=b'z')).collect();
        let list: Vec<_> = (0..dice.random_range(0..8))
            .map(|_| {
                let start = dice.random_range(0..45);
                let text = vec![dice.random_range(b'A'..=b'Z'); dice.random_range(0..4)];
                (start..start + dice.random_range(0..12), text)
            })
            .collect();
        let mut edits = Edits::new();
        for (range, text) in &list {
            let (one, two) = text.split_at(text.len() / 2);
            edits.replace(range.clone(), &[one, two]);
        }
        let mut out = Vec::new();
        edits.apply(&original, &mut out);
        assert_eq!(out, model(&original, &list), "seed {seed}: {list:?}");
    }
}

const ITEMS: [&str; 7] = [
    "<sip:a@b;lr>",
    "sip:c;x=1",
    "\"d, \\\"<e\" <sip:f,g>;tag=\"1,2\"",
    "h\r\n\t<sip:i>",
    "*",
    "SIP/2.0/UDP j;branch=k",
    "\"\"",
];

const COMMAS: [&str; 5] = [",", ", ", " ,", " ,\r\n ", "\r\n  ,  "];

/// A header's lines with their items, and other lines between.
fn lists(dice: &mut StdRng) -> Vec<(String, Vec<&'static str>)> {
    let line = |dice: &mut StdRng| {
        if dice.random_ratio(1, 3) {
            return (format!("X-{}: a, b\r\n", dice.random_range(0..9)), Vec::new());
        }
        let items: Vec<_> =
            (0..dice.random_range(1..5)).map(|_| ITEMS[dice.random_range(0..ITEMS.len())]).collect();
        let mut text = ["Route:", "ROUTE : ", "route:\r\n "][dice.random_range(0..3)].to_owned();
        for (number, item) in items.iter().enumerate() {
            text.push_str(if number == 0 { "" } else { COMMAS[dice.random_range(0..COMMAS.len())] });
            text.push_str(item);
        }
        (text + ["\r\n", " \r\n", "\r\n \r\n"][dice.random_range(0..3)], items)
    };
    (0..dice.random_range(0..6)).map(|_| line(dice)).collect()
}

#[test]
fn items_are_taken_exactly_and_lines_without_them_stay_as_they_are() {
    for seed in 0..TRIES {
        let mut dice = StdRng::seed_from_u64(seed);
        let lines = lists(&mut dice);
        let headers: String = lines.iter().map(|(line, _)| line.as_str()).collect();
        let text = format!("OPTIONS sip:a@b SIP/2.0\r\n{headers}\r\nbody");
        let message = Message::parse(text.as_bytes(), &Limits::default()).expect("a message");
        let values = |message: &Message<'_>| -> Vec<_> {
            message.values(HeaderName::Route).map(|value| value.bytes.to_vec()).collect()
        };
        let all: Vec<_> =
            lines.iter().flat_map(|(_, items)| items).map(|item| item.as_bytes().to_vec()).collect();
        assert_eq!(values(&message), all, "seed {seed}: {text}");

        let start = dice.random_range(0..=all.len());
        let taken = start..start + dice.random_range(0..=all.len() - start);
        let mut edits = Edits::new();
        edits.remove_values(&message, HeaderName::Route, taken.clone());
        let mut out = Vec::new();
        edits.apply(message.bytes(), &mut out);
        let copy = Message::parse(&out, &Limits::default()).expect("a message still");
        let left: Vec<_> = all[..taken.start].iter().chain(&all[taken.end..]).cloned().collect();
        assert_eq!(values(&copy), left, "seed {seed}: {taken:?} of {text}");

        let (mut number, mut lines_left) = (0, 0);
        for (line, items) in lines.iter().filter(|(_, items)| !items.is_empty()) {
            let own = number..number + items.len();
            number = own.end;
            lines_left += usize::from(own.clone().any(|item| !taken.contains(&item)));
            let is_touched = own.clone().any(|item| taken.contains(&item));
            let stands = out.windows(line.len()).any(|window| window == line.as_bytes());
            assert!(is_touched || stands, "seed {seed}: {line:?} of {text}");
        }
        assert_eq!(copy.all(HeaderName::Route).count(), lines_left, "seed {seed}: {taken:?} of {text}");
        let others = |message: &Message<'_>| {
            let others = message.headers().iter().filter(|header| header.name == HeaderName::Other);
            others.map(|header| message.bytes()[header.line.clone()].to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(others(&copy), others(&message), "seed {seed}");
        assert_eq!(copy.body(), b"body");
    }
}

//! The normal form of paths, for kept inputs and for paths put together from what is odd
//! about paths: the same ones on every run.

use gate_core::fuzz::fuzz_path;
use gate_core::path::normalise;
use kept::corpus::{Corpus, changed};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

const PATHS: usize = 50_000;

/// Mutants of each kept input.
const MUTANTS: usize = 200;

const PIECES: [&str; 44] = [
    "/", "/", "/", "/", "/", ".", "..", "...", "/.", "/..", "/./", "/../", "a", "b", "admin", "%2e", "%2E",
    "%2e%2E", "%2f", "%2F", "%61", "%7e", "%41", "%c3%a4", "%00", "%5c", "%5C", "%3b", "%25", "%23", "%3f",
    "%", "%2", "%zz", ";", ";a=b", "..;", "\\", "#", "?", " ", "|", "\u{e4}", "\0",
];

#[test]
fn the_normal_form_is_that_of_the_book_for_every_path() {
    let mut dice = StdRng::seed_from_u64(1);
    let (mut good, mut changed) = (0, 0);
    for _ in 0..PATHS {
        let path = path(&mut dice);
        fuzz_path(path.as_bytes());
        if let Ok(normal) = normalise(&path) {
            good += 1;
            changed += usize::from(normal != path);
        }
    }
    assert!(
        good > PATHS / 10 && changed > PATHS / 20,
        "{good} good ones, {changed} changed: both are of interest"
    );
}

#[test]
fn the_normal_form_is_that_of_the_book_for_the_kept_inputs_and_their_mutants() {
    Corpus::of("path").play(MUTANTS, changed, fuzz_path);
}

fn path(dice: &mut StdRng) -> String {
    let pieces = dice.random_range(0..8);
    // Most pieces are harmless, or hardly a path would have a normal form.
    let piece = |dice: &mut StdRng| {
        let from = if dice.random_bool(0.9) { &PIECES[..24] } else { &PIECES[..] };
        *from.choose(dice).expect("there are some")
    };
    let start = if dice.random_bool(0.95) { "/" } else { "" };
    (0..pieces).fold(start.to_owned(), |path, _| path + piece(dice))
}

//! The kept inputs of the fuzz targets, played as they are and mutated: the same mutants on every
//! run.

use std::fs;
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// The inputs of a target.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// With their files, in the order of their names.
    inputs: Vec<(PathBuf, Vec<u8>)>,
}

impl Corpus {
    /// Reads `fuzz/corpus/TARGET`, in which there must be something.
    ///
    /// # Panics
    /// It cannot be read, or is empty.
    #[must_use]
    pub fn of(target: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
        let entries = fs::read_dir(folder).expect("the corpus is kept in the repository");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
        paths.sort_unstable();
        assert!(!paths.is_empty(), "the corpus is empty");
        let read = |path: PathBuf| {
            let input = fs::read(&path).expect("it can be read");
            (path, input)
        };
        Self { inputs: paths.into_iter().map(read).collect() }
    }

    /// What is in them.
    pub fn inputs(&self) -> impl Iterator<Item = &[u8]> {
        self.inputs.iter().map(|(_, input)| &**input)
    }

    /// Has each of them judged, and then so many mutants of it.
    pub fn play(
        &self,
        mutants: usize,
        mutant: impl Fn(&[u8], &mut StdRng) -> Vec<u8>,
        judge: impl Fn(&[u8]),
    ) {
        for (path, input) in &self.inputs {
            tell(path);
            judge(input);
            let mut dice = StdRng::seed_from_u64(1);
            for _ in 0..mutants {
                judge(&mutant(input, &mut dice));
            }
        }
    }
}

/// The input with up to four small changes.
#[must_use]
pub fn changed(input: &[u8], dice: &mut StdRng) -> Vec<u8> {
    changed_with(&[], input, dice)
}

/// The same, where some of the changes put in one of these pieces.
#[must_use]
pub fn changed_with(pieces: &[&[u8]], input: &[u8], dice: &mut StdRng) -> Vec<u8> {
    let kinds = if pieces.is_empty() { 4 } else { 6 };
    let mut bytes = input.to_vec();
    for _ in 0..dice.random_range(1..=4) {
        let at = dice.random_range(0..=bytes.len());
        match dice.random_range(0..kinds) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, dice.random()),
            2 => drop(bytes.drain(at..bytes.len().min(at + 3))),
            3 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = dice.random();
                }
            }
            _ => {
                let piece = pieces.get(dice.random_range(0..pieces.len())).copied().unwrap_or_default();
                bytes.splice(at..at, piece.iter().copied());
            }
        }
    }
    bytes
}

#[expect(clippy::print_stdout, reason = "a test that fails tells its last input")]
fn tell(path: &Path) {
    println!("{}", path.display());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutants_are_the_same_on_every_run_and_differ_from_their_input() {
        let mutants = |seed| {
            let mut dice = StdRng::seed_from_u64(seed);
            (0..50).map(|_| changed_with(&[b"piece"], b"an input", &mut dice)).collect::<Vec<_>>()
        };
        let first = mutants(1);
        assert_eq!(first, mutants(1));
        assert_ne!(first, mutants(2));
        assert!(first.iter().filter(|mutant| **mutant == b"an input").count() < 5);
        assert!(first.iter().any(|mutant| mutant.windows(5).any(|window| window == b"piece")));
    }
}

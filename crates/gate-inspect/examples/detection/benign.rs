//! Ordinary messages made from a grammar (`benign.txt`), the same for the same seed.

use std::collections::HashMap;

const GRAMMAR: &str = include_str!("benign.txt");
const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const DEPTH_MAX: u8 = 12;

/// Symbols and their alternatives.
pub(crate) struct Grammar {
    symbols: HashMap<&'static str, Vec<&'static str>>,
    /// In the order of the file.
    kinds: Vec<&'static str>,
}

/// A stream of numbers that looks random (splitmix64).
pub(crate) struct Random(u64);

impl Grammar {
    /// That of the file beside this one.
    pub(crate) fn read() -> Self {
        let mut symbols: HashMap<_, Vec<_>> = HashMap::new();
        let mut kinds = Vec::new();
        let mut current = None;
        for line in GRAMMAR.lines().filter(|line| !line.is_empty()) {
            if let Some(name) = heading(line) {
                current = Some(name);
                if name.starts_with("kind") {
                    kinds.push(name);
                }
            } else if let Some(name) = current {
                symbols.entry(name).or_default().push(line);
            }
        }
        Self { symbols, kinds }
    }

    /// `count` messages, each with its kind; kinds take turns.
    pub(crate) fn messages(&self, count: usize, seed: u64) -> Vec<(&'static str, String)> {
        let mut random = Random(seed);
        let kinds = self.kinds.iter().cycle().take(count);
        kinds.map(|kind| (kind.trim_start_matches("kind "), self.make(kind, &mut random))).collect()
    }

    fn make(&self, kind: &str, random: &mut Random) -> String {
        let mut out = String::new();
        self.expand(kind, random, &mut out, DEPTH_MAX);
        out.replace('⏎', "\n").replace('⇥', "\t").replace('␞', "\u{1e}").replace('␀', "\0")
    }

    fn expand(&self, symbol: &str, random: &mut Random, out: &mut String, depth: u8) {
        let Some(alternatives) = self.symbols.get(symbol).filter(|_| depth > 0) else {
            return out.push_str(symbol);
        };
        let Some(mut rest) = random.pick(alternatives).copied() else { return };
        while let Some((before, after)) = rest.split_once('«') {
            out.push_str(before);
            let (inner, after) = after.split_once('»').unwrap_or((after, ""));
            self.expand_inner(inner, random, out, depth);
            rest = after;
        }
        out.push_str(rest);
    }

    fn expand_inner(&self, inner: &str, random: &mut Random, out: &mut String, depth: u8) {
        match inner.split_once(':') {
            Some(("json", symbol)) => {
                let mut text = String::new();
                self.expand(symbol, random, &mut text, depth - 1);
                let quoted = serde_json::Value::String(text.replace('⏎', "\n")).to_string();
                out.push_str(quoted.trim_start_matches('"').strip_suffix('"').unwrap_or_default());
            }
            Some(("digits", length)) => random.fill(b"1234567890", length, out),
            Some(("hex", length)) => random.fill(b"0123456789abcdef", length, out),
            Some(("base64", length)) => random.fill(ALPHABET, length, out),
            _ => self.expand(inner, random, out, depth - 1),
        }
    }
}

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let length = u64::try_from(of.len()).ok()?;
        of.get(usize::try_from(self.next().checked_rem(length)?).ok()?)
    }

    fn fill(&mut self, alphabet: &[u8], length: &str, out: &mut String) {
        for _ in 0..length.parse().unwrap_or(1) {
            out.extend(self.pick(alphabet).map(|byte| char::from(*byte)));
        }
    }
}

/// The name in a line such as `[kind chat]`.
fn heading(line: &str) -> Option<&str> {
    let name = line.strip_prefix('[')?.strip_suffix(']')?;
    let plain = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'-' | b'.');
    name.bytes().all(plain).then_some(name)
}

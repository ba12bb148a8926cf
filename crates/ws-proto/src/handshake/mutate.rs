//! Mutations of a seed for the fuzz entry points, in plain tests: the same ones on every run.

/// Calls `run` with the seed cut off at every byte, with every byte left out or written twice, with
/// every byte replaced by each sign that the grammars know, and with random mixtures of all that.
pub(crate) fn mutations(seed: &[u8], run: impl Fn(&[u8])) {
    for at in 0..seed.len() {
        run(&seed[..at]);
        run(&spliced(seed, at, 1, b""));
        run(&spliced(seed, at, 0, &[seed[at]]));
        for &sign in SIGNS {
            run(&spliced(seed, at, 1, &[sign]));
        }
    }
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for _ in 0..MIXTURES {
        let mut data = seed.to_vec();
        for _ in 0..=dice.below(4) {
            let at = dice.below(data.len());
            let removed = dice.below(3).min(data.len() - at);
            let from = dice.below(seed.len());
            let copied = &seed[from..seed.len().min(from + dice.below(24))];
            let sign = [SIGNS[dice.below(SIGNS.len())]];
            let inserted = if dice.below(2) == 0 { copied } else { &sign };
            data = spliced(&data, at, removed, inserted);
        }
        run(&data);
    }
}

fn spliced(data: &[u8], at: usize, removed: usize, inserted: &[u8]) -> Vec<u8> {
    [&data[..at], inserted, &data[at + removed..]].concat()
}

/// Xorshift: enough to mix bytes, and the same everywhere.
struct Dice(u64);

impl Dice {
    /// A number less than `end`; 0 if that is 0.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let high = usize::try_from(self.0 >> 33).unwrap();
        high.checked_rem(end).unwrap_or_default()
    }
}

const MIXTURES: usize = 3_000;
const SIGNS: &[u8] = b"\0\t\n \"%,/089:;=@A[\\]z\x80";

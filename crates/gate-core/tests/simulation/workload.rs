//! What a peer of the simulation has to say: an endless stream of frames, most of them
//! legal.

use gate_core::Side;
use gate_core::fuzz::frame;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// See the module.
pub(crate) struct Workload {
    from: Side,
    deflate: bool,
    /// The share of what is at fault.
    rudeness: f64,
    /// A fragmented message is under way.
    within_message: bool,
    /// That message is text that is sent as such: its fragments must be text, too.
    is_text: bool,
}

/// Bytes to send.
pub(crate) struct Next {
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_close: bool,
}

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;

impl Workload {
    pub(crate) fn new(from: Side, deflate: bool, rudeness: f64) -> Self {
        Self { from, deflate, rudeness, within_message: false, is_text: false }
    }

    pub(crate) fn next(&mut self, dice: &mut StdRng) -> Next {
        if dice.random_bool(self.rudeness) {
            return Next { bytes: self.fault(dice), is_close: false };
        }
        match dice.random_range(0..100) {
            0 => Next { bytes: self.close(dice.random_range(3000..5000)), is_close: true },
            1..20 => {
                let payload = bytes(dice, 126);
                let opcode = *[0x9, 0xa].choose(dice).expect("one of two");
                Next { bytes: frame(self.from, FIN | opcode, &payload), is_close: false }
            }
            _ => Next { bytes: self.data(dice), is_close: false },
        }
    }

    pub(crate) fn close(&self, code: u16) -> Vec<u8> {
        frame(self.from, 0x88, &code.to_be_bytes())
    }

    /// The next frame of the message under way, or the first of another.
    fn data(&mut self, dice: &mut StdRng) -> Vec<u8> {
        let fin = if dice.random_bool(0.6) { FIN } else { 0 };
        let mut first = fin;
        if !self.within_message {
            let is_compressed = self.deflate && dice.random_bool(0.5);
            let opcode = if dice.random() { 0x1 } else { 0x2 };
            self.is_text = opcode == 0x1 && !is_compressed;
            first |= opcode | if is_compressed { RSV1 } else { 0 };
        }
        self.within_message = fin == 0;
        let payload = if self.is_text { text(dice) } else { binary(dice) };
        frame(self.from, first, &payload)
    }

    fn fault(&self, dice: &mut StdRng) -> Vec<u8> {
        let from = self.from;
        let payload = bytes(dice, 100);
        match dice.random_range(0..11) {
            0 => bytes(dice, 20),
            1 => frame(from.other(), FIN | 0x2, &payload),
            2 => frame(from, FIN | *[0x3, 0x7, 0xb, 0xf].choose(dice).expect("one of four"), &payload),
            3 => frame(from, FIN | *[0x10, 0x20, 0x40].choose(dice).expect("one of three") | 0x2, &payload),
            4 => frame(from, FIN, &payload),
            5 => frame(from, 0x9, &payload),
            6 => frame(from, FIN | 0xa, &[0; 126]),
            7 => frame(from, FIN | 0x8, dice.random_range(0..2000_u16).to_be_bytes().as_slice()),
            8 => frame(from, FIN | 0x8, b"\x03"),
            9 => [frame(from, 0x1, b"good"), frame(from, FIN, b"b\xc3\x28d")].concat(),
            _ => frame(from, FIN | 0x1, &[text(dice), payload].concat()),
        }
    }
}

fn text(dice: &mut StdRng) -> Vec<u8> {
    let words = ["plain ", "grüße ", "日本語 ", "🎌", ""];
    (0..dice.random_range(0..40)).flat_map(|_| words.choose(dice).expect("one of five").bytes()).collect()
}

/// Mostly small; the longer forms of the length come up as well.
fn binary(dice: &mut StdRng) -> Vec<u8> {
    match dice.random_range(0..200) {
        0 if dice.random_bool(0.1) => vec![7; dice.random_range(0xffff..0x1_0010)],
        0..30 => bytes(dice, 2_000),
        _ => bytes(dice, 130),
    }
}

fn bytes(dice: &mut StdRng, below: usize) -> Vec<u8> {
    let mut bytes = vec![0; dice.random_range(0..below)];
    dice.fill(&mut bytes[..]);
    bytes
}

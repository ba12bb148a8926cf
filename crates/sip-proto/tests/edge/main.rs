//! The rules of the edge, against messages as clients and servers send them.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests work on what the tests give them"
)]

mod answers;
mod cast;
mod dialogs;
mod forged;
#[path = "../torture/misfits.rs"]
mod misfits;
mod passage;
mod plain;
mod recorded;
mod reverse;
#[path = "../torture/sound.rs"]
mod sound;
mod torture;
#[path = "../torture/understood.rs"]
mod understood;
mod way_back;
mod world;

use sip_proto::Fault;

/// What becomes of a message where it is read; the lists of messages have it.
#[expect(dead_code, reason = "the edge has fates of its own")]
enum Fate {
    Sound,
    Unroutable(Fault),
    Refused(Fault),
}

/// A message by its name; lines end with LF here, and are given their CR.
struct Torture {
    name: &'static str,
    #[expect(dead_code, reason = "the edge has fates of its own")]
    fate: Fate,
    text: &'static str,
}

impl Torture {
    fn bytes(&self) -> Vec<u8> {
        self.text.replace('\n', "\r\n").into_bytes()
    }
}

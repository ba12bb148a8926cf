//! The rules of the edge, against messages as clients and servers send them.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests work on what the tests give them"
)]

#[expect(dead_code, reason = "the edge has fates of its own")]
#[macro_use]
#[path = "../torture/row.rs"]
mod row;

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

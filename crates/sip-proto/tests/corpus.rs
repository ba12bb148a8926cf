//! The kept inputs of the fuzz targets, as they are and mutated.

use kept::corpus::{Corpus, changed_with};
use sip_proto::fuzz::{fuzz_edge, fuzz_sip};
use sip_proto::hep::fuzz::fuzz_hep;

/// Mutants of each kept input.
const MUTANTS: usize = 100;
/// The edge is quick, as it does not cut its inputs everywhere.
const MUTANTS_AT_EDGE: usize = 150;
/// Packets are quick to read, too.
const MUTANTS_OF_PACKETS: usize = 1000;

/// What has a meaning somewhere in a message.
const PIECES: [&[u8]; 14] = [
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\"",
    b"\\",
    b"<",
    b">",
    b",",
    b";",
    b":",
    b"\r\n ",
    b"l: 1\r\n",
    b"Via: ",
];

#[test]
fn messages_and_streams_keep_their_promises_for_the_kept_inputs_and_their_mutants() {
    play("sip", MUTANTS, fuzz_sip);
}

#[test]
fn the_edge_keeps_its_promises_for_the_kept_inputs_and_their_mutants() {
    play("sip_edge", MUTANTS_AT_EDGE, fuzz_edge);
}

#[test]
fn packets_of_hep_keep_their_promises_for_the_kept_inputs_and_their_mutants() {
    play("hep", MUTANTS_OF_PACKETS, fuzz_hep);
}

fn play(target: &str, mutants: usize, fuzz: fn(&[u8])) {
    Corpus::of(target).play(mutants, |input, dice| changed_with(&PIECES, input, dice), fuzz);
}

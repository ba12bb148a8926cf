//! The torture messages of RFC 4475 at the edge, by its names: which go on, which are answered, which are
//! dropped.

use sip_proto::edge::{Reason, Ruling};

use crate::row::Torture;
use crate::way_back::{Style, there_and_back};
use crate::world::{edge, from_client, from_server, text};
use crate::{misfits, sound, understood};

fn all() -> impl Iterator<Item = &'static Torture> {
    sound::MESSAGES.iter().chain(misfits::MESSAGES).chain(understood::MESSAGES)
}

/// What becomes of each if a client sends it: `on`, the status of its answer, or why it is dropped.
const FROM_CLIENT: &[(&str, &str)] = &[
    ("wsinv", "on"),
    ("intmeth", "on"),
    ("esc01", "on"),
    ("escnull", "on"),
    ("esc02", "on"),
    ("lwsdisp", "on"),
    ("dblreq", "400"),
    ("semiuri", "on"),
    ("transports", "on"),
    ("mpart01", "on"),
    ("unreason", "foreign_via"),
    ("noreason", "foreign_via"),
    ("badinv01", "bad_via"),
    ("clerr", "400"),
    ("ncl", "400"),
    ("scalar02", "400"),
    ("scalarlg", "bad_cseq"),
    ("quotbal", "400"),
    ("ltgtruri", "400"),
    ("lwsruri", "400"),
    ("lwsstart", "400"),
    ("trws", "400"),
    ("escruri", "on"),
    ("baddate", "on"),
    ("regbadct", "on"),
    ("badaspec", "400"),
    ("baddn", "on"),
    ("badvers", "505"),
    ("mismatch01", "400"),
    ("mismatch02", "400"),
    ("bigcode", "bad_start_line"),
    ("badbranch", "on"),
    ("insuf", "missing_header"),
    ("unkscm", "on"),
    ("novelsc", "on"),
    ("unksm2", "on"),
    ("bext01", "420"),
    ("invut", "on"),
    ("regaut01", "on"),
    ("multi01", "400"),
    ("mcl01", "400"),
    ("bcast", "foreign_via"),
    ("zeromf", "483"),
    ("cparam01", "on"),
    ("cparam02", "on"),
    ("regescrt", "on"),
    ("sdp01", "on"),
    ("inv2543", "on"),
];

fn fate(ruling: &Ruling) -> String {
    match ruling {
        Ruling::Forward { .. } => "on".to_owned(),
        Ruling::ToFlow { .. } => "to a flow".to_owned(),
        Ruling::Answer { status, .. } => status.to_string(),
        Ruling::Drop(reason) => reason.label().to_owned(),
    }
}

#[test]
fn each_message_of_a_client_has_its_fate() {
    assert_eq!(all().count(), FROM_CLIENT.len(), "each is listed, once");
    for torture in all() {
        let (ruling, out) = from_client(&edge(), 1, &torture.bytes());
        let expected = FROM_CLIENT.iter().find(|(name, _)| *name == torture.name);
        let (_, expected) = expected.unwrap_or_else(|| panic!("{} is not listed", torture.name));
        assert_eq!(fate(&ruling), *expected, "{}: {}", torture.name, text(&out));
        assert_eq!(out.is_empty(), matches!(ruling, Ruling::Drop(_)), "{}", torture.name);
    }
}

#[test]
fn what_goes_on_is_changed_only_where_it_must_be_and_its_answer_comes_back() {
    for (name, _) in FROM_CLIENT.iter().filter(|(_, fate)| *fate == "on") {
        let torture = all().find(|torture| torture.name == *name).expect("a message of that name");
        for style in [Style::AsTheyCame, Style::InOneLine, Style::Compact] {
            there_and_back(&edge(), &torture.bytes(), style);
        }
    }
}

#[test]
fn none_of_a_server_reaches_a_client_as_none_names_one() {
    for torture in all() {
        let (ruling, _) = from_server(&edge(), &torture.bytes());
        let is_refused = match ruling {
            Ruling::Answer { .. }
            | Ruling::Drop(Reason::Malformed(_) | Reason::ForeignVia | Reason::RefusedAck) => true,
            Ruling::Forward { .. } | Ruling::ToFlow { .. } | Ruling::Drop(_) => false,
        };
        assert!(is_refused, "{}: {ruling:?}", torture.name);
    }
}

#[test]
fn the_long_one_goes_on() {
    let longreq = understood::long_request();
    for style in [Style::AsTheyCame, Style::InOneLine, Style::Compact] {
        there_and_back(&edge(), &longreq, style);
    }
}

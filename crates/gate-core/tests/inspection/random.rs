//! Whatever comes in whatever pieces, and in whatever order the verdicts come: what arrives is
//! what was allowed, in its order, and nothing arrives before it was.

use gate_core::fuzz::frame;
use gate_core::session::{Ruling, Verdict};
use gate_core::{Inspection, Side};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use ws_proto::mask;
use ws_proto::{FrameHeader, Opcode, Sender};

use super::table::{Table, ruling};

/// A message, and what is to become of it.
struct Plan {
    said: String,
    late: Option<Verdict>,
    arrives: Option<String>,
}

fn plan(random: &mut StdRng, index: usize) -> Plan {
    let filling = "x".repeat(random.random_range(0..40));
    let plain = format!("{index} {filling}");
    match random.random_range(0..7) {
        0 => Plan { said: format!("drop {plain}"), late: None, arrives: None },
        1 => Plan { said: format!("rewrite {plain}"), late: None, arrives: Some("rewritten".to_owned()) },
        2 => Plan { said: format!("later {plain}"), late: Some(Verdict::Drop), arrives: None },
        3 => {
            let other = format!("other {index}");
            let late = Some(Verdict::Rewrite(other.clone().into_bytes()));
            Plan { said: format!("later {plain}"), late, arrives: Some(other) }
        }
        4 => {
            let said = format!("later {plain}");
            Plan { said: said.clone(), late: Some(Verdict::Allow), arrives: Some(said) }
        }
        _ => Plan { said: plain.clone(), late: None, arrives: Some(plain) },
    }
}

/// A message in frames, with pings between them.
fn frames(random: &mut StdRng, from: Side, said: &str, pings: &mut Vec<String>) -> Vec<u8> {
    let mut rest = said.as_bytes();
    let mut bytes = Vec::new();
    let mut opcode = 0x01;
    loop {
        if random.random_bool(0.2) {
            let ping = format!("ping {}", pings.len());
            bytes.extend(frame(from, 0x89, ping.as_bytes()));
            pings.push(ping);
        }
        let length = if random.random_bool(0.5) { rest.len() } else { random.random_range(0..=rest.len()) };
        let (piece, behind) = rest.split_at(length);
        rest = behind;
        let is_last = rest.is_empty() && random.random_bool(0.8);
        bytes.extend(frame(from, if is_last { 0x80 | opcode } else { opcode }, piece));
        opcode = 0;
        if is_last {
            return bytes;
        }
    }
}

/// What is on a wire: whole messages, and pings.
fn read(wire: &[u8], sender: Sender) -> (Vec<String>, Vec<String>) {
    let (mut messages, mut pings, mut message) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = wire;
    while let Some((header, length)) = FrameHeader::parse(rest, sender).expect("legal frames") {
        let end = length + usize::try_from(header.payload_len).expect("a short frame");
        let mut payload = rest.get(length..end).expect("a whole frame").to_vec();
        mask::apply(&mut payload, header.mask.unwrap_or_default(), 0);
        rest = rest.get(end..).unwrap_or_default();
        if header.opcode == Opcode::Ping {
            pings.push(text(payload));
            continue;
        }
        assert!(matches!(header.opcode, Opcode::Text | Opcode::Continuation), "{:?}", header.opcode);
        message.extend(payload);
        if header.fin {
            messages.push(text(std::mem::take(&mut message)));
        }
    }
    assert!(rest.is_empty() && message.is_empty(), "whole messages");
    (messages, pings)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("what was sent is text")
}

#[test]
fn what_arrives_is_what_was_allowed_in_its_order() {
    for seed in 0..400 {
        let random = &mut StdRng::seed_from_u64(seed);
        let from = if random.random_bool(0.5) { Side::Client } else { Side::Upstream };
        let sender = if from == Side::Client { Sender::Client } else { Sender::Server };
        let inspection = Inspection {
            client: true,
            upstream: true,
            in_flight_max: random.random_range(1..6),
            in_flight_bytes_max: random.random_range(1..200),
            ..Inspection::default()
        };
        let mut table = Table::new(inspection);
        let plans: Vec<_> = (0..random.random_range(1..12)).map(|index| plan(random, index)).collect();
        let mut pings = Vec::new();
        let sent: Vec<u8> =
            plans.iter().flat_map(|plan| frames(random, from, &plan.said, &mut pings)).collect();
        let mut rest = &sent[..];
        let mut ruled = vec![false; plans.len()];
        while !rest.is_empty() || ruled.iter().zip(&plans).any(|(ruled, plan)| !ruled && plan.late.is_some())
        {
            if !rest.is_empty() {
                let (piece, behind) = rest.split_at(random.random_range(1..=rest.len()));
                table.send(from, piece);
                rest = behind;
            }
            // One of those that wait, whichever.
            let seen = table.judge.seen.iter().filter(|(_, opcode, ..)| !opcode.is_control()).count();
            let waiting: Vec<_> =
                (0..seen).filter(|index| !ruled[*index] && plans[*index].late.is_some()).collect();
            if !waiting.is_empty() && (rest.is_empty() || random.random_bool(0.5)) {
                let index = waiting[random.random_range(0..waiting.len())];
                ruled[index] = true;
                let verdict = plans[index].late.clone().unwrap();
                let ruling = if verdict == Verdict::Allow { Ruling::ALLOW } else { ruling(verdict) };
                table.rule(from, u64::try_from(index).unwrap(), ruling);
            }
            let seen = table.judge.seen.iter().filter(|(_, opcode, ..)| !opcode.is_control()).count();
            let first = (0..plans.len())
                .find(|index| *index >= seen || (!ruled[*index] && plans[*index].late.is_some()))
                .unwrap_or(plans.len());
            let allowed = plans[..first].iter().filter(|plan| plan.arrives.is_some()).count();
            let (arrived, _) = read(table.wire(from.other()), sender);
            assert_eq!(arrived.len(), allowed, "seed {seed}: what has its verdict, and no more");
        }
        let (arrived, pinged) = read(table.wire(from.other()), sender);
        let expected: Vec<_> = plans.iter().filter_map(|plan| plan.arrives.clone()).collect();
        assert_eq!(arrived, expected, "seed {seed}");
        assert_eq!(pinged, pings, "seed {seed}");
        assert_eq!(table.session.death(), None, "seed {seed}");
    }
}
